//! The endpoints.

mod account;
mod analytics;
mod extract;
mod health;
mod problem;
mod redirect;
mod urls;

pub(crate) use problem::Problem;
pub(crate) use redirect::Counted;

use crate::{
    auth::Passwords, clicks::ClickQueue, config::Config, domain::TargetPolicy, limits::RateLimits,
    store::Store,
};
use axum::{
    Router,
    routing::{get, post},
};
use std::{future::Future, sync::Arc};
use url::Url;

/// What all handlers share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) base_url: Url,
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) targets: TargetPolicy,
    pub(crate) limits: RateLimits,
    pub(crate) clicks: ClickQueue,
}

pub(crate) type Shared = Arc<Service>;

/// Returns the routes of the API and of the short addresses.
pub(crate) fn router(service: Shared) -> Router {
    Router::new()
        .route("/api/auth/register/", post(account::register))
        .route("/api/auth/login/", post(account::login))
        .route("/api/auth/logout/", post(account::logout))
        .route("/api/users/profile/", get(account::profile).patch(account::change))
        .route("/api/urls/", get(urls::list).post(urls::create))
        .route("/api/urls/stats/", get(analytics::stats))
        .route("/api/urls/analytics/", get(analytics::analytics))
        .route("/api/urls/{code}/", get(urls::item).patch(urls::change).delete(urls::delete))
        .route("/api/urls/redirect/{code}/", get(redirect::redirect))
        .route("/api/health/", get(health::health))
        .route("/api/health/live/", get(health::live))
        .route("/{code}", get(redirect::redirect))
        .fallback(async || Problem::not_found("there is nothing at this address"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .with_state(service)
}

/// Runs a change to its end, even if the client goes away: it may be written already, and what it
/// makes stale has to be made stale then.
async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::spawn(change).await {
        Ok(result) => result,
        Err(error) => Err(Problem::internal(&error)),
    }
}
