//! `cache_view`: responses of handlers by what they extract.
#![cfg(feature = "axum")]

use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::{Path, Query, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request},
    response::{AppendHeaders, IntoResponse, Response},
    routing::get,
};
use larder_http::cache_view;
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

/// What a layer outside of the handler looks for.
#[derive(Clone, Debug, PartialEq)]
struct Rendered {
    by: &'static str,
    runs: u32,
}

/// Answers with whatever status and header is asked for.
#[cache_view(skip(runs))]
async fn any(
    State(runs): State<Runs>,
    Path((status, name, value)): Path<(u16, String, String)>,
) -> Response {
    let runs = runs.fetch_add(1, Relaxed);
    let headers = (name != "none").then(|| {
        let name: HeaderName = name.parse().unwrap();
        AppendHeaders([(name, HeaderValue::from_str(&value).unwrap())])
    });
    let mut response = (StatusCode::from_u16(status).unwrap(), headers, "hello").into_response();
    response.extensions_mut().insert(Rendered { by: "any", runs });
    response
}

async fn runs_of_two(status: u16, name: &str, value: &str) -> u32 {
    let runs = Runs::default();
    let ask = || {
        let path = Path((status, name.to_owned(), value.to_owned()));
        any(State(Arc::clone(&runs)), path)
    };
    let (first, second) = (ask().await, ask().await);
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (status, status));
    assert_eq!(first.headers(), second.headers());
    let extension = |response: &Response| response.extensions().get::<Rendered>().cloned();
    assert_eq!(extension(&first), Some(Rendered { by: "any", runs: 0 }), "{status} {name} {value}");
    let kept = runs.load(Relaxed) == 1;
    let second_run = u32::from(!kept);
    assert_eq!(extension(&second), Some(Rendered { by: "any", runs: second_run }));
    runs.load(Relaxed)
}

#[tokio::test]
async fn extensions_of_a_response_reach_each_caller() {
    assert_eq!(runs_of_two(200, "none", "").await, 1);
    assert_eq!(runs_of_two(500, "none", "").await, 2);
}

#[tokio::test]
async fn whole_answers_only_are_kept() {
    for status in [200, 203, 204] {
        assert_eq!(runs_of_two(status, "none", "").await, 1, "{status}");
    }
    for status in [201, 202, 205, 206, 207, 226, 301, 304, 404, 410, 500] {
        assert_eq!(runs_of_two(status, "none", "").await, 2, "{status}");
    }
    let ranges = runs_of_two(200, "content-range", "bytes 0-4/10").await;
    assert_eq!(ranges, 2, "a part, whatever its status");
}

#[tokio::test]
async fn what_is_not_for_later_is_not_kept() {
    for control in [
        "no-store",
        "no-cache",
        "public, No-Cache",
        "private=\"x-user\"",
        "max-age=0",
        "max-age=60, s-maxage=0",
    ] {
        assert_eq!(runs_of_two(200, "cache-control", control).await, 2, "{control}");
    }
    for control in ["public", "max-age=60", "s-maxage=1, stale-if-error=0"] {
        assert_eq!(runs_of_two(200, "cache-control", control).await, 1, "{control}");
    }
    assert_eq!(runs_of_two(200, "set-cookie", "a=b").await, 2);
    // The key has nothing of the request's headers.
    for vary in ["*", "Cookie", "Accept-Language, Cookie"] {
        assert_eq!(runs_of_two(200, "vary", vary).await, 2, "{vary}");
    }
}

/// Of a known length, and with something after the body.
#[cache_view]
async fn with_trailers(id: u32) -> Response {
    use http_body_util::{BodyExt, Full};
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from(id));
    let trailers = std::future::ready(Some(Ok::<_, std::convert::Infallible>(trailers)));
    Response::new(Body::new(Full::new(axum::body::Bytes::from("hello")).with_trailers(trailers)))
}

#[tokio::test]
async fn trailers_are_not_lost() {
    use http_body_util::BodyExt;
    for _ in 0..2 {
        let body = with_trailers(7).await.into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-sum"], "7");
        assert_eq!(body.to_bytes(), "hello");
    }
    assert!(with_trailers::peek(7).is_none());
}

/// Depends on one header, and says so.
#[cache_view(key = |headers, id| (headers.get("accept-language").cloned(), *id))]
async fn greeting(headers: HeaderMap, Path(id): Path<u32>) -> impl IntoResponse {
    let language = headers.get("accept-language").and_then(|it| it.to_str().ok());
    ([(header::VARY, "accept-language")], format!("{} {id}", language.unwrap_or("any")))
}

/// Depends on the user, and on nothing else of the request.
#[cache_view(key = |user, parts| (*user, parts.uri.path().to_owned()))]
async fn profile(Extension(user): Extension<u32>, parts: request::Parts) -> String {
    format!("user {user} at {}", parts.uri)
}

#[cache_view(key = "{id}", skip(pool, request))]
async fn shared(Extension(pool): Extension<Runs>, Path(id): Path<u32>, request: Request) -> String {
    let _ = request;
    format!("{id} {}", pool.fetch_add(1, Relaxed))
}

#[tokio::test]
async fn a_key_says_what_of_the_request_a_response_depends_on() {
    let ask = async |language: &'static str, cookie: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("accept-language", HeaderValue::from_static(language));
        headers.insert("cookie", HeaderValue::from_static(cookie));
        let body = greeting(headers, Path(1)).await.into_body();
        to_bytes(body, 1_000).await.unwrap()
    };
    assert_eq!(ask("en", "ada").await, "en 1");
    assert_eq!(ask("de", "ada").await, "de 1");
    assert_eq!(ask("en", "eve").await, "en 1");
    assert_eq!((greeting::stats().hits, greeting::stats().misses), (1, 2));

    let router = Router::new().route("/{id}", get(profile));
    let of =
        async |user: u32, path: &str| ask_path(&router.clone().layer(Extension(user)), path).await;
    assert_eq!(of(1, "/a?x=1").await, "user 1 at /a?x=1");
    assert_eq!(of(2, "/a").await, "user 2 at /a");
    assert_eq!(of(1, "/a").await, "user 1 at /a?x=1");

    let shared_by_all = Router::new().route("/{id}", get(shared)).layer(Extension(Runs::default()));
    assert_eq!(ask_path(&shared_by_all, "/5").await, "5 0");
    assert_eq!(ask_path(&shared_by_all, "/5").await, "5 0");
}

async fn ask_path(router: &Router, path: &str) -> String {
    ask(router, path).await.1
}
