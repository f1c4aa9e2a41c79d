//! At most one run of a cached handler for a key at any moment, also while its responses are not
//! kept.
#![cfg(feature = "axum")]

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::future::join_all;
use larder_http::cache_view;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use tower::ServiceExt;

const CALLS: u32 = 16;

static ALIVE: AtomicU32 = AtomicU32::new(0);
static MOST: AtomicU32 = AtomicU32::new(0);
static BEGUN: AtomicU32 = AtomicU32::new(0);

#[cache_view]
async fn page(Path(kind): Path<String>) -> Response {
    BEGUN.fetch_add(1, SeqCst);
    MOST.fetch_max(ALIVE.fetch_add(1, SeqCst) + 1, SeqCst);
    // All others are polled meanwhile.
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
    ALIVE.fetch_sub(1, SeqCst);
    match kind.as_str() {
        "error" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        _ => ([(header::CACHE_CONTROL, "no-store")], "secret").into_response(),
    }
}

#[tokio::test]
async fn handlers_run_in_turn_while_their_responses_are_not_kept() {
    let router = Router::new().route("/{kind}", get(page));
    for kind in ["/error", "/private"] {
        let before = BEGUN.load(SeqCst);
        let ask = |_| {
            let request = Request::builder().uri(kind).body(Body::empty()).unwrap();
            router.clone().oneshot(request)
        };
        join_all((0..CALLS).map(ask)).await;
        assert_eq!((MOST.load(SeqCst), BEGUN.load(SeqCst)), (1, before + CALLS), "{kind}");
    }
}
