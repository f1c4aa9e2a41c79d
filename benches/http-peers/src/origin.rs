//! The service behind the caches: a handler that each case brings, and how often it was asked.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, request};
use http_body::{Frame, SizeHint};
use tower::Service;

type ResponseFuture = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
type Handler = Arc<dyn Fn(Asked) -> ResponseFuture + Send + Sync>;

/// One request as the handler sees it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// 1 for the first that the handler ran for.
    pub(crate) number: usize,
    pub(crate) parts: request::Parts,
}

impl Asked {
    /// The value of a field, empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A tower service with the least that every peer accepts.
#[derive(Clone)]
pub(crate) struct Origin {
    handler: Handler,
    counts: Arc<Counts>,
}

/// How often the service was called, and how often its future was begun.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    calls: AtomicUsize,
    runs: AtomicUsize,
}

impl Counts {
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

impl Origin {
    pub(crate) fn new<F>(handler: impl Fn(Asked) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |asked| Box::pin(handler(asked)));
        Self { handler, counts: Arc::default() }
    }

    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }
}

impl<B> Service<Request<B>> for Origin {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.counts.calls.fetch_add(1, Ordering::SeqCst);
        let Self { handler, counts } = self.clone();
        let (parts, _) = request.into_parts();
        Box::pin(async move {
            let number = counts.runs.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(handler(Asked { number, parts }).await)
        })
    }
}

/// A body that threads may share, which none does.
#[derive(Debug)]
pub(crate) struct SyncBody(Mutex<Body>);

impl SyncBody {
    pub(crate) fn new(body: Body) -> Self {
        Self(Mutex::new(body))
    }
}

impl http_body::Body for SyncBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let body = self.get_mut().0.get_mut().expect("nobody panics with it");
        Pin::new(body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().expect("nobody panics with it").is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().expect("nobody panics with it").size_hint()
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("counts", &self.counts).finish_non_exhaustive()
    }
}
