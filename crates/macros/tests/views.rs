//! `cache_view`: responses of handlers by what they extract.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Query, Request, State},
    http::{StatusCode, header},
    response::{AppendHeaders, IntoResponse},
    routing::get,
};
use larder::cache_view;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};
use tower::ServiceExt;

type Runs = Arc<AtomicU32>;

/// A page.
#[cache_view(skip(runs), ttl = "1m", tags("page:{id}"))]
async fn page(
    State(runs): State<Runs>,
    Path(id): Path<u32>,
    Query(query): Query<BTreeMap<String, String>>,
) -> impl IntoResponse {
    runs.fetch_add(1, Relaxed);
    (AppendHeaders([(header::CONTENT_LANGUAGE, "en")]), format!("page {id} {query:?}"))
}

#[cache_view(skip(runs))]
async fn mood(
    State(runs): State<Runs>,
    Path(kind): Path<String>,
) -> Result<impl IntoResponse, StatusCode> {
    runs.fetch_add(1, Relaxed);
    match kind.as_str() {
        "missing" => Err(StatusCode::NOT_FOUND),
        "cookie" => Ok(([(header::SET_COOKIE, "session=1")], Body::from("hello")).into_response()),
        "private" => Ok(([(header::CACHE_CONTROL, "max-age=5, Private")], "hello").into_response()),
        _ => Ok("hello".into_response()),
    }
}

async fn ask(router: &Router, path: &str) -> (StatusCode, String) {
    let request = Request::builder().uri(path).body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_response_is_kept_by_what_was_extracted() {
    let runs = Runs::default();
    let router = Router::new().route("/page/{id}", get(page)).with_state(Arc::clone(&runs));
    let first = ask(&router, "/page/1?x=1").await;
    assert_eq!(first, (StatusCode::OK, "page 1 {\"x\": \"1\"}".to_owned()));
    assert_eq!(ask(&router, "/page/1?x=1").await, first);
    assert_ne!(ask(&router, "/page/1?x=2").await, first);
    assert_ne!(ask(&router, "/page/2?x=1").await, first);
    assert_eq!(runs.load(Relaxed), 3);
    let query = || Query(BTreeMap::from([("x".to_owned(), "1".to_owned())]));
    let kept = page::peek(Path(1), query()).unwrap();
    assert_eq!(kept.headers()[header::CONTENT_LANGUAGE], "en");
    assert!(page::invalidate(Path(1), query()));
    assert_eq!(ask(&router, "/page/1?x=1").await, first);
    assert_eq!(runs.load(Relaxed), 4);
}

#[tokio::test]
async fn only_what_is_for_everybody_is_kept() {
    for (kind, runs_of_two) in [("missing", 2), ("cookie", 2), ("private", 2), ("good", 1)] {
        let runs = Runs::default();
        let router = Router::new().route("/{kind}", get(mood)).with_state(Arc::clone(&runs));
        let path = format!("/{kind}");
        let first = ask(&router, &path).await;
        assert_eq!(ask(&router, &path).await, first);
        assert_eq!(runs.load(Relaxed), runs_of_two, "{kind}");
    }
}
