//! The layer and `cached` in routers of axum.
#![cfg(feature = "axum")]

mod beneath;
mod cached;
mod extract;
mod layers;
mod routes;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{Method, StatusCode, header},
    response::Response,
};
use larder::manager::CacheManager;
use larder_http::{CacheLayer, Rule, Rules, User};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};
use tower::ServiceExt;

/// Counts the requests that reach a handler.
#[derive(Clone, Debug, Default)]
struct Runs(Arc<AtomicU32>);

impl Runs {
    /// Counts one more, and returns its number: 1 for the first.
    fn count(&self) -> u32 {
        self.0.fetch_add(1, SeqCst) + 1
    }
}

/// A layer with these rules and a manager of its own.
fn layer(rules: impl IntoIterator<Item = Rule>) -> CacheLayer {
    let rules = rules.into_iter().fold(Rules::builder(), |builder, rule| builder.rule(rule));
    CacheLayer::new(&CacheManager::new(), rules.build().expect("the rules are right"))
}

fn minute(path: &str) -> Rule {
    Rule::new(path).ttl(MINUTE)
}

const MINUTE: Duration = Duration::from_secs(60);

/// What a client gets.
#[derive(Debug, PartialEq, Eq)]
struct Reply {
    status: StatusCode,
    cache_status: String,
    body: String,
}

impl Reply {
    /// Whether a cache had it. The last entry is that of the cache that is nearest to the client.
    fn is_hit(&self) -> bool {
        self.cache_status.rsplit(", ").next().unwrap().starts_with("larder; hit")
    }

    /// Whether any cache had it.
    fn has_hit(&self) -> bool {
        self.cache_status.contains("larder; hit")
    }

    /// Asserts that the cache had no part in it, and for what reason.
    #[track_caller]
    fn assert_passed(&self, detail: &str) {
        let said = format!("detail={detail}");
        assert!(!self.is_hit() && self.cache_status.contains(&said), "{self:?}");
    }
}

async fn send(router: &Router, request: Request) -> Reply {
    let response: Response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let lines = response.headers().get_all("cache-status").iter();
    let lines: Vec<_> = lines.map(|line| line.to_str().unwrap()).collect();
    let cache_status = lines.join(", ");
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    Reply { status, cache_status, body: String::from_utf8(body.to_vec()).unwrap() }
}

fn request(method: Method, path: &str) -> Request {
    let request = Request::builder().method(method).uri(path).header(header::HOST, "example.com");
    request.body(Body::empty()).unwrap()
}

async fn get(router: &Router, path: &str) -> Reply {
    send(router, request(Method::GET, path)).await
}

async fn put(router: &Router, path: &str) -> Reply {
    send(router, request(Method::PUT, path)).await
}

async fn get_as(router: &Router, user: &str, path: &str) -> Reply {
    let mut request = request(Method::GET, path);
    request.extensions_mut().insert(User::new(user));
    send(router, request).await
}

/// Asserts that the handler is asked for the first request of a path and for no other, and returns
/// its answer.
#[track_caller]
fn assert_kept(first: &Reply, second: &Reply) {
    assert!(!first.is_hit() && first.cache_status.contains("stored"), "{first:?}");
    assert!(second.is_hit(), "{second:?}");
    assert_eq!((second.status, &second.body), (first.status, &first.body));
}
