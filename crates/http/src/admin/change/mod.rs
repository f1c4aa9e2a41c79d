//! What changes something.

mod audit;
mod clear;
mod config;
mod invalidate;

pub(super) use clear::{clear_all, clear_one};
pub(super) use config::configure;
pub(super) use invalidate::invalidate;

use super::{builder::State, problem::Problem};
use http::StatusCode;
use larder::manager::ManagedCache;

/// The cache of a name.
pub(super) fn cache(state: &State, name: &str) -> Result<ManagedCache, Problem> {
    let unknown = |error: larder::manager::UnknownCache| {
        // What was sent is not sent back at length.
        let name: String = name.chars().take(100).collect();
        let detail = format!("there is no cache {name:?}; there are {}", error.known.join(", "));
        Problem::new(StatusCode::NOT_FOUND, detail)
    };
    state.manager.get_cache(name).map_err(unknown)
}

/// Runs what takes longer the more there is, where no other request waits for it.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let failed = |_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "it was broken off");
    tokio::task::spawn_blocking(work).await.map_err(failed)
}
