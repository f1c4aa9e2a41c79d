//! Responses of larder-http that come from the cache, and those of paths that no rule names, beside
//! those of a handler that has nothing to do.
//!
//! The requests are made beforehand, the same for both. The service that gets a request drops it;
//! bodies are read to their end.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body::Body;
use http_body_util::{Empty, Full};
use larder::manager::CacheManager;
use larder_http::{CacheLayer, Rule, Rules};
use tower_layer::Layer;
use tower_service::Service;

use crate::{TIMES, count};

const HIT: &str = "HTTP, hit of 1 KiB";
const NO_RULE: &str = "HTTP, path without a rule";
/// In the place of a cache's name: the handler alone, with an empty response.
const NO_CACHE: &str = "no cache";
/// How many responses there are, each for some of the requests.
const PATHS: u64 = 500;

/// What browsers send, in short.
fn request(folder: &str, n: u64) -> Request<Empty<Bytes>> {
    Request::get(format!("/{folder}/{}", n % PATHS))
        .header(header::HOST, "www.example.org")
        .header(
            header::USER_AGENT,
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        )
        .header(header::ACCEPT, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
        .header(header::ACCEPT_LANGUAGE, "en-US,en;q=0.5")
        .header(header::ACCEPT_ENCODING, "gzip, deflate, br")
        .body(Empty::new())
        .expect("it is valid")
}

/// A response of 1 KiB.
fn article() -> Response<Full<Bytes>> {
    Response::builder()
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CONTENT_LENGTH, "1024")
        .header(header::CACHE_CONTROL, "max-age=3600")
        .header(header::ETAG, "\"33a64df551425fcc55e4d42a148795d9f25f89d4\"")
        .body(Full::new(Bytes::from(vec![b'x'; 1024])))
        .expect("it is valid")
}

/// What is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future that should be ready is not"),
    }
}

/// Sends a request and reads the response. Returns how many bytes its body had.
fn ask<S, B>(service: &mut S, request: Request<Empty<Bytes>>) -> usize
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    let mut context = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut context).is_ready());
    let Ok(response) = now(service.call(request)) else { panic!("nothing fails here") };
    let mut body = pin!(response.into_body());
    let mut length = 0;
    while let Poll::Ready(Some(Ok(frame))) = body.as_mut().poll_frame(&mut context) {
        length += frame.data_ref().map_or(0, Bytes::len);
    }
    length
}

fn count_requests<S, B>(operation: &str, cache: &str, service: &mut S, expected: usize)
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>>,
    B: Body<Data = Bytes>,
{
    let folder = if operation == HIT { "articles" } else { "comments" };
    let mut requests: Vec<_> = (0..TIMES).map(|n| Some(request(folder, n))).collect();
    let mut length = 0;
    count(operation, cache, 0, |n| {
        let request = requests[n as usize].take().expect("each is sent once");
        length += ask(service, black_box(request));
    });
    assert_eq!(length, TIMES as usize * expected);
}

pub(crate) fn hits() {
    let empty =
        |_| std::future::ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())));
    count_requests(HIT, NO_CACHE, &mut tower::service_fn(empty), 0);

    let rule = Rule::new("/articles/{id}").ttl(Duration::from_secs(3600));
    let rules = Rules::builder().rule(rule).build().expect("they are right");
    let handler = |request: Request<_>| {
        let is_article = request.uri().path().starts_with("/articles/");
        let response = if is_article { article() } else { Response::new(Full::default()) };
        std::future::ready(Ok::<_, Infallible>(response))
    };
    let layer = CacheLayer::new(&CacheManager::new(), rules);
    let mut service = layer.layer(tower::service_fn(handler));
    for _ in 0..4 {
        (0..PATHS).for_each(|n| {
            assert_eq!(ask(&mut service, request("articles", n)), 1024);
        });
    }
    let asked = || layer.stats().iter().map(|rule| rule.misses).sum::<u64>();
    assert_eq!(asked(), PATHS, "all others are hits");
    count_requests(HIT, "larder", &mut service, 1024);
    assert_eq!(asked(), PATHS, "all others are hits");

    count_requests(NO_RULE, NO_CACHE, &mut tower::service_fn(handler), 0);
    count_requests(NO_RULE, "larder", &mut service, 0);
}
