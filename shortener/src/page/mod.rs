//! The page of the service.

use axum::{Router, response::Html, routing::get};

/// Returns the routes of the page: `/`, and what it needs below `/assets/`.
pub(crate) fn router() -> Router {
    Router::new().route("/", get(|| async { Html("<!doctype html><title>Shortener</title>\n") }))
}
