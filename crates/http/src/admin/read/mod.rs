//! What is only looked at.

pub(super) mod caches;
mod functions;
mod health;
mod keys;
mod performance;
mod rules;

pub(super) use {
    caches::unit,
    functions::functions,
    health::health,
    keys::{keys, list},
    performance::performance,
    rules::rules,
};

use super::{builder::State, model};
use ::axum::{
    extract::State as Of,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use serde::Serialize;
use std::sync::Arc;

/// A value as JSON.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.0).expect("it has no maps but of texts");
        let kind = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, kind)], body).into_response()
    }
}

/// Hits of lookups, if there were any.
fn ratio(hits: u64, misses: u64) -> Option<f64> {
    let lookups = hits + misses;
    (lookups > 0).then(|| hits as f64 / lookups as f64)
}

pub(super) async fn stats(Of(state): Of<Arc<State>>) -> Json<model::Stats> {
    Json(caches::stats(&state))
}
