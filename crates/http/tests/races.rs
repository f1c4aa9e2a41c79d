//! Changes and requests at the same time: nobody gets a response that is older than the last
//! invalidation that had returned before the request was sent.
//!
//! Each resource has a number. Writers raise it, invalidate the resource, and then note what they
//! have raised it to; readers look at the note, ask through the layer, and compare. The handler
//! reads the number and then takes its time, so that invalidations come while responses are in the
//! making, on their way, or handed to waiters.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use larder::manager::CacheManager;
use larder_http::{CacheLayer, CacheService, Invalidator, Rule, Rules, User};
use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};
use tower::{Layer, Service, ServiceExt};

const RESOURCES: usize = 4;
const TASKS: usize = 8;
const ROUNDS: usize = 400;

#[derive(Default)]
struct Resource {
    /// What a handler answers with.
    number: AtomicU64,
    /// What it was at least when an invalidation had returned.
    known: AtomicU64,
}

/// Answers with the number of the resource, which it reads at once.
#[derive(Clone)]
struct Handler(Arc<[Resource; RESOURCES]>);

type Answer = Response<Full<Bytes>>;

impl Service<Request<Empty<Bytes>>> for Handler {
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Empty<Bytes>>) -> Self::Future {
        let resource = &self.0[resource_of(&request)];
        if request.method() != Method::GET {
            resource.number.fetch_add(1, SeqCst);
            return Box::pin(async { Ok(Answer::default()) });
        }
        let number = resource.number.load(SeqCst);
        Box::pin(async move {
            for _ in 0..number % 5 {
                tokio::task::yield_now().await;
            }
            let mut response = Response::new(Full::new(number.to_string().into()));
            if number.is_multiple_of(3) {
                let vary = http::HeaderValue::from_static("x-reader");
                response.headers_mut().insert(http::header::VARY, vary);
            }
            Ok(response)
        })
    }
}

fn resource_of<B>(request: &Request<B>) -> usize {
    let segment = request.uri().path().split('/').nth(2).expect("/items/{number}");
    segment.parse().expect("a number")
}

/// How a writer invalidates.
type Invalidate = fn(&Invalidator, usize);

const WAYS: [(&str, Invalidate); 5] = [
    ("path", |it, resource| it.path(&format!("/items/{resource}"))),
    ("tag", |it, resource| it.tag(&format!("item:{resource}"))),
    ("prefix", |it, resource| it.prefix(&format!("/items/{resource}"))),
    ("rule", |it, _| assert!(it.rule("items"))),
    ("all", |it, _| it.all()),
];

async fn read(service: CacheService<Handler>, resource: usize, reader: usize) -> u64 {
    let request = Request::builder()
        .uri(format!("/items/{resource}"))
        .header("host", "example.org")
        .header("x-reader", (reader % 2).to_string());
    let mut request = request.body(Empty::new()).expect("a request");
    if reader.is_multiple_of(3) {
        request.extensions_mut().insert(User::new("ada"));
    }
    let response = service.oneshot(request).await.expect("it works");
    let body = response.into_body().collect().await.expect("whole").to_bytes();
    std::str::from_utf8(&body).expect("digits").parse().expect("a number")
}

async fn change(
    service: CacheService<Handler>,
    resources: &[Resource; RESOURCES],
    invalidator: &Invalidator,
    resource: usize,
    round: usize,
) {
    let Resource { number, known } = &resources[resource];
    let reached = if round % (WAYS.len() + 1) == WAYS.len() {
        // Through the layer, which sees that it succeeds.
        let request = Request::post(format!("/items/{resource}")).header("host", "example.org");
        let request = request.body(Empty::new()).expect("a request");
        let before = number.load(SeqCst);
        service.oneshot(request).await.expect("it works");
        before + 1
    } else {
        let reached = number.fetch_add(1, SeqCst) + 1;
        WAYS[round % WAYS.len()].1(invalidator, resource);
        reached
    };
    known.fetch_max(reached, SeqCst);
}

fn hammer(rule: Rule) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let rules = Rules::builder().rule(rule).build().expect("the rule is right");
    let layer = CacheLayer::new(&CacheManager::new(), rules);
    let resources = Arc::new(<[Resource; RESOURCES]>::default());
    let service = layer.layer(Handler(Arc::clone(&resources)));
    let invalidator = layer.invalidator();
    runtime.expect("threads").block_on(async {
        let tasks = (0..TASKS).map(|task| {
            let (service, resources, invalidator) =
                (service.clone(), Arc::clone(&resources), invalidator.clone());
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let resource = (task + round) % RESOURCES;
                    if (round + task).is_multiple_of(7) {
                        change(service.clone(), &resources, &invalidator, resource, round).await;
                    } else {
                        let known = resources[resource].known.load(SeqCst);
                        let got = read(service.clone(), resource, task).await;
                        assert!(
                            got >= known,
                            "{got} of resource {resource}, of which {known} was known"
                        );
                    }
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("no violation");
        }
    });
    let stats = layer.stats();
    assert!(stats[0].hits > 0 && stats[0].collapsed > 0, "this tests nothing: {stats:?}");
}

fn items() -> Rule {
    Rule::new("/items/{id}")
        .named("items")
        .ttl(Duration::from_secs(3600))
        .coalesce_wait(Duration::from_secs(600))
        .tags(["item:{id}"])
}

#[test]
fn r24_nobody_gets_what_was_invalidated_before_the_request() {
    hammer(items());
}

#[test]
fn r24_nor_where_stale_responses_are_given_out() {
    let grace = Duration::from_secs(3600);
    hammer(items().stale_while_revalidate(grace).stale_if_error(grace));
}
