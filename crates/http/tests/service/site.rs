//! A service behind the layer, and clients of it.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use larder::{
    ManualClock,
    manager::{CacheKind, CacheManager},
};
use larder_http::{CacheLayer, Invalidator, ResponseBody, Rule, Rules, User};
use std::{
    convert::Infallible,
    future::Future,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneService};

pub(crate) type Sent = UnsyncBoxBody<Bytes, io::Error>;
pub(crate) type Got = Request<Sent>;
type Cached = BoxCloneService<Got, Response<ResponseBody<Sent>>, io::Error>;

/// A service behind a cache, with a clock of its own.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) clock: ManualClock,
    pub(crate) manager: CacheManager,
    pub(crate) layer: CacheLayer,
    calls: Arc<AtomicUsize>,
    service: Arc<Mutex<Cached>>,
}

/// What a client gets.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// What came of the body.
    pub(crate) body: Result<Bytes, io::Error>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.as_ref().expect("the whole body").to_vec()).expect("text")
    }

    /// A field; all its lines, joined.
    pub(crate) fn field(&self, name: &str) -> String {
        let lines = self.headers.get_all(name).iter();
        lines.map(|it| it.to_str().expect("visible")).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn cache_status(&self) -> String {
        self.field("cache-status")
    }

    /// Whether the handler was not asked.
    #[track_caller]
    pub(crate) fn is_hit(&self) -> bool {
        self.cache_status().starts_with("larder; hit")
    }
}

/// A rule for everything, with a minute to live.
pub(crate) fn anything() -> Rule {
    Rule::new("/{*path}").named("anything").ttl(Duration::from_secs(60)).cache(CacheKind::General)
}

pub(crate) fn rules(rule: Rule) -> Rules {
    Rules::builder().rule(rule).build().expect("the rule is right")
}

/// The body of a response, all at once.
pub(crate) fn full(body: impl Into<Bytes>) -> Sent {
    Full::new(body.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

pub(crate) fn response(fields: &[(&str, &str)], body: impl Into<Bytes>) -> Response<Sent> {
    let mut response = Response::new(full(body));
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().expect("a name");
        response.headers_mut().append(name, value.parse().expect("a value"));
    }
    response
}

impl Site {
    /// A service that answers with what `handler` makes of a request and of how many there were
    /// before.
    pub(crate) fn new(
        rules: Rules,
        handler: impl Fn(&Got, usize) -> Response<Sent> + Send + Sync + 'static,
    ) -> Self {
        Self::with(rules, move |request, call| {
            let response = handler(&request, call);
            async move { Ok(response) }
        })
    }

    pub(crate) fn with<F>(
        rules: Rules,
        handler: impl Fn(Got, usize) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Response<Sent>, io::Error>> + Send + 'static,
    {
        let clock = ManualClock::new();
        let manager = CacheManager::builder().clock(&clock).build();
        let layer = CacheLayer::builder(&manager).rules(rules).clock(&clock);
        let layer = layer.empty_body::<Sent>(|| full("")).build();
        let calls = Arc::new(AtomicUsize::new(0));
        let (counter, handler) = (Arc::clone(&calls), Arc::new(handler));
        let inner = service_fn(move |request: Got| -> BoxFuture<'static, _> {
            Box::pin(handler(request, counter.fetch_add(1, SeqCst)))
        });
        let service = BoxCloneService::new(layer.layer(inner));
        Self { clock, manager, layer, calls, service: Arc::new(Mutex::new(service)) }
    }

    /// How often the handler was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(SeqCst)
    }

    pub(crate) fn invalidator(&self) -> Invalidator {
        self.layer.invalidator()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Sends a request; the body is still to come.
    pub(crate) async fn send(
        &self,
        request: Got,
    ) -> Result<Response<ResponseBody<Sent>>, io::Error> {
        let service = self.service.lock().expect("no panic").clone();
        service.oneshot(request).await
    }

    pub(crate) async fn ask(&self, request: Got) -> Reply {
        let response = self.send(request).await.expect("the service works");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map(|it| it.to_bytes());
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, uri: &str) -> Reply {
        self.ask(request(Method::GET, uri, &[])).await
    }

    pub(crate) async fn get_with(&self, uri: &str, fields: &[(&str, &str)]) -> Reply {
        self.ask(request(Method::GET, uri, fields)).await
    }
}

pub(crate) fn request(method: Method, uri: &str, fields: &[(&str, &str)]) -> Got {
    let body = Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.parse().expect("a URI");
    request.headers_mut().insert("host", "example.org".parse().expect("a value"));
    for (name, value) in fields {
        let name: http::HeaderName = name.parse().expect("a name");
        request.headers_mut().append(name, value.parse().expect("a value"));
    }
    request
}

pub(crate) fn by(user: &str, mut request: Got) -> Got {
    request.extensions_mut().insert(User::new(user));
    request
}
