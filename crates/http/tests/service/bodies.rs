//! Bodies on their way: whole, in parts, broken off.

use crate::site::{Sent, Site, anything, request, rules};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, StreamBody};
use std::{future::poll_fn, io, pin::pin};

type Part = Result<Frame<Bytes>, io::Error>;

fn data(text: &'static str) -> Part {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

fn broken() -> Part {
    Err(io::Error::other("reset"))
}

/// A body of these parts, whose length nobody knows beforehand.
fn parts(parts: Vec<Part>) -> Sent {
    StreamBody::new(stream::iter(parts)).boxed_unsync()
}

fn site(
    make: impl Fn() -> Vec<Part> + Send + Sync + 'static,
    declared: Option<&'static str>,
) -> Site {
    Site::new(rules(anything().max_body(10)), move |_, _| {
        let mut response = Response::new(parts(make()));
        if let Some(declared) = declared {
            response.headers_mut().insert("content-length", declared.parse().expect("a value"));
        }
        response
    })
}

#[tokio::test]
async fn r18_a_body_is_passed_on_as_it_comes_and_stored_at_its_end() {
    let site = site(|| vec![data("ab"), data("cd"), data("e")], None);
    let response = site.send(request(Method::GET, "/a", &[])).await.expect("it works");
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = pin!(response.into_body());
    for expected in ["ab", "cd", "e"] {
        let frame = poll_fn(|context| body.as_mut().poll_frame(context)).await;
        let data = frame.expect("there is more").expect("no error").into_data().expect("data");
        assert_eq!(data, expected);
        let other = request(Method::GET, "/a", &[("cache-control", "only-if-cached")]);
        assert_eq!(site.ask(other).await.status, StatusCode::GATEWAY_TIMEOUT, "{expected}");
    }
    assert!(poll_fn(|context| body.as_mut().poll_frame(context)).await.is_none());
    let hit = site.get("/a").await;
    assert_eq!((hit.text().as_str(), hit.field("content-length").as_str()), ("abcde", "5"));
    assert!(hit.is_hit());
}

#[tokio::test]
async fn r18_a_body_that_is_too_large_reaches_the_client_whole() {
    for declared in [None, Some("12")] {
        let site = site(|| vec![data("0123456"), data("789ab")], declared);
        for _ in 0..2 {
            let reply = site.get("/a").await;
            assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, "0123456789ab"));
            assert!(!reply.is_hit());
        }
        assert_eq!(site.calls(), 2);
    }
}

#[tokio::test]
async fn r19_what_breaks_off_is_not_stored() {
    type Case = (&'static str, fn() -> Vec<Part>, Option<&'static str>, Option<&'static str>);
    let cases: [Case; 6] = [
        ("an error", || vec![data("ab"), broken()], None, None),
        ("an error at the start", || vec![broken()], None, None),
        ("an error at the end", || vec![data("abcd"), broken()], Some("4"), None),
        ("too little", || vec![data("ab")], Some("4"), Some("ab")),
        ("too much", || vec![data("abcd"), data("ef")], Some("4"), Some("abcdef")),
        ("trailers", || vec![data("ab"), Ok(Frame::trailers(HeaderMap::new()))], None, Some("ab")),
    ];
    for (what, make, declared, text) in cases {
        let site = site(make, declared);
        let reply = site.get("/a").await;
        match text {
            Some(text) => assert_eq!(reply.text(), text, "{what}"),
            None => assert!(reply.body.is_err(), "{what}"),
        }
        assert!(!site.get("/a").await.is_hit(), "{what}");
        assert_eq!(site.calls(), 2, "{what}");
    }
}

#[tokio::test]
async fn r19_a_body_that_is_dropped_half_way_is_not_stored() {
    for declared in [None, Some("4")] {
        let site = site(|| vec![data("ab"), data("cd")], declared);
        let response = site.send(request(Method::GET, "/a", &[])).await.expect("it works");
        {
            let mut body = pin!(response.into_body());
            let frame = poll_fn(|context| body.as_mut().poll_frame(context)).await;
            assert!(frame.is_some());
        }
        assert!(!site.get("/a").await.is_hit());
        assert!(site.get("/a").await.is_hit());
    }
}

#[tokio::test]
async fn r20_entries_weigh_their_bytes() {
    let clock = larder::ManualClock::new();
    let settings = larder::manager::CacheSettings::new(1_000).max_bytes(200_000);
    let manager = larder::manager::CacheManager::builder()
        .kind(larder::manager::CacheKind::General, settings)
        .clock(&clock)
        .build();
    let layer = larder_http::CacheLayer::new(&manager, rules(anything()));
    let inner = tower::service_fn(|_: http::Request<http_body_util::Empty<Bytes>>| async {
        let body = http_body_util::Full::new(Bytes::from(vec![b'x'; 20_000]));
        Ok::<_, std::convert::Infallible>(Response::new(body))
    });
    let service = tower::Layer::layer(&layer, inner);
    for i in 0..50 {
        let request = http::Request::builder().uri(format!("/{i}")).header("host", "a");
        let request = request.body(http_body_util::Empty::new()).expect("a request");
        let response =
            tower::ServiceExt::oneshot(service.clone(), request).await.expect("it works");
        assert_eq!(response.into_body().collect().await.expect("whole").to_bytes().len(), 20_000);
    }
    let cache = manager.cache(larder::manager::CacheKind::General);
    cache.run_pending_tasks();
    let entries = cache.entry_count();
    assert!((5..10).contains(&entries), "{entries} of 20 kB each in 200 kB");
}
