//! A cached handler whose run outlives the client that has begun it.
#![cfg(feature = "axum")]

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request},
    routing::get,
};
use larder::manager::{self, CacheManager};
use larder_http::cache_view;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use tokio::sync::Semaphore;
use tower::ServiceExt;

static RUNS: AtomicU32 = AtomicU32::new(0);
static BEGUN: Semaphore = Semaphore::const_new(0);
static GO: Semaphore = Semaphore::const_new(0);

#[cache_view(detached, ttl = "1m")]
async fn page(Path(id): Path<u32>) -> String {
    let run = RUNS.fetch_add(1, SeqCst) + 1;
    BEGUN.add_permits(1);
    GO.acquire().await.unwrap().forget();
    format!("page {id}, run {run}")
}

async fn ask(router: Router) -> String {
    let request = Request::builder().uri("/page/7").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    String::from_utf8(to_bytes(response.into_body(), 100).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_run_in_a_task_goes_on_without_the_client_that_has_begun_it() {
    let manager = CacheManager::builder().spawner(|run| drop(tokio::spawn(run))).build();
    manager::set_global(manager).unwrap();
    let router = Router::new().route("/page/{id}", get(page));
    let first = tokio::spawn(ask(router.clone()));
    BEGUN.acquire().await.unwrap().forget();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    // Enough for those that would begin in its place.
    GO.add_permits(3);
    for _ in 0..2 {
        assert_eq!(ask(router.clone()).await, "page 7, run 1");
    }
    assert_eq!(RUNS.load(SeqCst), 1);
}
