//! What a 304 says of a stored response, and what it does not.

use crate::site::{Got, Sent, Site, anything, request, response, rules};
use http::{Method, Response, StatusCode};
use larder::{ManualClock, manager::CacheManager};
use larder_http::CacheLayer;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tower::{Layer, ServiceExt, service_fn};

fn not_modified(fields: &[(&str, &str)]) -> Response<Sent> {
    let mut confirmed = response(fields, "");
    *confirmed.status_mut() = StatusCode::NOT_MODIFIED;
    confirmed
}

/// The first response is `v1`, and all others are `v2`; a condition is answered with a 304 about
/// that.
fn changing(request: &Got, call: usize) -> Response<Sent> {
    match call {
        0 => response(&[("etag", "\"v1\"")], "one"),
        _ if request.headers().contains_key("if-none-match") => not_modified(&[("etag", "\"v2\"")]),
        _ => response(&[("etag", "\"v2\"")], "two"),
    }
}

#[tokio::test]
async fn a_304_about_another_response_has_the_handler_asked_without_conditions() {
    let site = Site::new(rules(anything().stale_if_error(Duration::from_secs(600))), changing);
    assert_eq!(site.get("/a").await.text(), "one");
    site.advance(61);
    // The client's own condition is for the cache to judge, if it stores what comes.
    let reply = site.get_with("/a", &[("if-none-match", "\"v1\"")]).await;
    assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, "two"));
    assert_eq!(reply.cache_status(), "larder; fwd=stale; fwd-status=200; stored");
    assert_eq!(site.calls(), 3);
    let hit = site.get("/a").await;
    assert!(hit.is_hit());
    assert_eq!((hit.text().as_str(), hit.field("etag").as_str()), ("two", "\"v2\""));
}

#[tokio::test]
async fn a_second_failure_is_passed_on() {
    let site =
        Site::new(
            rules(anything().stale_if_error(Duration::from_secs(600))),
            |_, call| match call {
                0 => response(&[("etag", "\"v1\"")], "one"),
                1 => not_modified(&[("etag", "\"v2\"")]),
                _ => {
                    let mut failed = response(&[], "failed");
                    *failed.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                    failed
                }
            },
        );
    site.get("/a").await;
    site.advance(61);
    let reply = site.get("/a").await;
    assert_eq!((reply.status, reply.text().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "failed"));
}

#[tokio::test]
async fn where_no_empty_body_can_be_made_the_stored_response_is_dropped() {
    let clock = ManualClock::new();
    let manager = CacheManager::builder().clock(&clock).build();
    let layer = CacheLayer::builder(&manager).rules(rules(anything())).clock(&clock).build();
    let calls = Arc::new(AtomicUsize::new(0));
    let service = layer.layer(service_fn(move |request| {
        let call = calls.fetch_add(1, SeqCst);
        std::future::ready(Ok::<_, io::Error>(changing(&request, call)))
    }));
    let mut service = tower::util::BoxService::new(service);
    let mut texts = Vec::new();
    for _ in 0..3 {
        let reply = service.ready().await.expect("it is");
        let reply = tower::Service::call(reply, request(Method::GET, "/a", &[]));
        let body = reply.await.expect("it works").into_body();
        let body = http_body_util::BodyExt::collect(body).await.expect("whole").to_bytes();
        texts.push(body);
        clock.advance(Duration::from_secs(61));
    }
    assert_eq!(texts, ["one", "one", "two"]);
}

#[tokio::test]
async fn r03_cookies_of_a_304_are_for_the_client_that_has_asked() {
    let site = Site::new(rules(anything()), |request, call| {
        if request.headers().contains_key("if-none-match") {
            let id = format!("id={call}");
            return not_modified(&[("etag", "\"v1\""), ("set-cookie", &id), ("set-cookie", "b=1")]);
        }
        response(&[("etag", "\"v1\"")], "one")
    });
    site.get("/a").await;
    site.advance(61);
    let reply = site.get("/a").await;
    assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, "one"));
    assert_eq!(reply.field("set-cookie"), "id=1, b=1");
    let hit = site.get("/a").await;
    assert!(hit.is_hit());
    assert_eq!(hit.field("set-cookie"), "");
    site.advance(61);
    let reply = site.get_with("/a", &[("if-none-match", "\"v1\"")]).await;
    assert_eq!(reply.status, StatusCode::NOT_MODIFIED);
    assert_eq!(reply.field("set-cookie"), "id=2, b=1");
}
