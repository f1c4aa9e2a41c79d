//! Whether the service works.

use super::{Problem, Shared};
use axum::{Json, extract::State, response::IntoResponse};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::time::Duration;

/// How long the database has for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    database: &'static str,
    /// Of the database, since the service has started.
    queries: u64,
    cache: bool,
    clicks: Clicks,
}

#[derive(Debug, Serialize)]
struct Clicks {
    taken: u64,
    written: u64,
}

/// Says that the process answers, and asks for nothing else: a probe that restarts the service must
/// not do so because its database is away.
pub(super) async fn live() -> impl IntoResponse {
    let no_store = HeaderValue::from_static("no-store");
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, no_store)])
}

pub(super) async fn health(State(service): State<Shared>) -> Result<impl IntoResponse, Problem> {
    let db = service.store.db();
    match tokio::time::timeout(PATIENCE, db.ping()).await {
        Ok(answered) => answered?,
        Err(_) => {
            let detail = "the database does not answer";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        }
    }
    let clicks = service.clicks.stats();
    let health = Health {
        status: "ok",
        database: db.kind(),
        queries: db.queries(),
        cache: service.store.caches().is_some(),
        clicks: Clicks { taken: clicks.taken, written: clicks.written },
    };
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(health)))
}
