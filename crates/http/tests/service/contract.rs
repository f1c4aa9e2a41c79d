//! What tower asks of a service.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use larder::manager::CacheManager;
use larder_http::{CacheLayer, CacheService};
use std::{convert::Infallible, time::Duration};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_test::mock;

use crate::site::{anything, rules};

type Asked = Request<Empty<Bytes>>;

fn get(uri: &str) -> Asked {
    Request::builder().uri(uri).header("host", "example.org").body(Empty::new()).expect("a request")
}

#[tokio::test]
async fn the_inner_service_is_called_only_when_it_is_ready() {
    let layer = CacheLayer::new(&CacheManager::new(), rules(anything()));
    let (mut service, mut handle) =
        mock::spawn_with(|inner: mock::Mock<Asked, Response<Full<Bytes>>>| layer.layer(inner));
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let response = tokio::spawn(service.call(get("/a")));
    answer(&mut handle, "/a", "first").await;
    let body = response.await.expect("no panic").expect("no error").into_body();
    assert_eq!(body.collect().await.expect("whole").to_bytes(), "first");
    // That it is not ready holds for what is in the cache, too: who is behind the layer decides
    // about its load.
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    // A hit leaves the service that is ready as it is.
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let hit = service.call(get("/a")).await.expect("no error");
    assert_eq!(hit.into_body().collect().await.expect("whole").to_bytes(), "first");
    let next = tokio::spawn(service.call(get("/b")));
    answer(&mut handle, "/b", "").await;
    next.await.expect("no panic").expect("no error");
}

/// Answers the request for `uri` that has reached the inner service.
async fn answer(
    handle: &mut mock::Handle<Asked, Response<Full<Bytes>>>,
    uri: &str,
    body: &'static str,
) {
    let (request, reply) = handle.next_request().await.expect("it is asked");
    assert_eq!(request.uri(), uri);
    reply.send_response(Response::new(Full::new(body.into())));
}

#[tokio::test]
async fn errors_are_those_of_the_inner_service() {
    fn infallible<S>(_: &S)
    where
        S: Service<Asked, Error = Infallible>,
    {
    }
    let layer = CacheLayer::new(&CacheManager::new(), rules(anything()));
    let inner = service_fn(|_: Asked| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    });
    infallible(&layer.layer(inner));

    #[derive(Debug, PartialEq)]
    struct Own(u8);
    let inner = service_fn(|_: Asked| async { Err::<Response<Full<Bytes>>, _>(Own(7)) });
    let error = layer.layer(inner).oneshot(get("/e")).await.expect_err("the service fails");
    assert_eq!(error, Own(7));
}

#[test]
fn services_and_futures_may_be_sent_and_are_small() {
    fn sent<T: Send + 'static>(_: &T) {}
    let layer = CacheLayer::new(&CacheManager::new(), rules(anything()));
    let inner = service_fn(|_: Asked| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    });
    let mut service: CacheService<_> = layer.layer(inner);
    sent(&service);
    let future = service.call(get("/"));
    sent(&future);
    let bytes = size_of_val(&future);
    assert!(bytes <= 400, "{bytes} bytes");
}

#[test]
fn without_a_runtime_hits_and_misses_are_answered_all_the_same() {
    let rule = anything().stale_while_revalidate(Duration::from_secs(60));
    let clock = larder::ManualClock::new();
    let manager = CacheManager::builder().clock(&clock).build();
    let layer = CacheLayer::builder(&manager).rules(rules(rule)).clock(&clock).build();
    let inner = service_fn(|_: Asked| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("x"))))
    });
    let service = layer.layer(inner);
    let ask = || {
        let service = service.clone();
        futures::executor::block_on(async {
            let response = service.oneshot(get("/a")).await.expect("it works");
            let status = response.headers()["cache-status"].to_str().expect("text").to_owned();
            response.into_body().collect().await.expect("whole");
            status
        })
    };
    assert_eq!(ask(), "larder; fwd=uri-miss; fwd-status=200; stored");
    assert_eq!(ask(), "larder; hit; ttl=60");
    clock.advance(Duration::from_secs(61));
    assert_eq!(ask(), "larder; hit; ttl=-1; detail=stale-while-revalidate");
}
