//! The life of a request.
//!
//! [`CacheService::call`] finds the request's rule and key, and looks into the cache. What is there
//! and fits is the answer, without a task switch. Otherwise the inner service is called: `fetch`
//! for what may be stored, `pass` for everything else.

mod again;
mod ask;
mod background;
mod fetch;
mod future;
mod lead;
mod pass;
mod respond;
mod storing;

pub(crate) use again::EmptyBody;
pub use future::ResponseFuture;

use crate::{body::ResponseBody, invalidate::Invalidator, layer::Shared};
use ask::{Looked, RequestKeys, Sought};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The service of a [`CacheLayer`](crate::CacheLayer).
///
/// Its errors are those of the inner service, which is called as it says that it is ready, and not
/// at all for what comes from the cache.
#[derive(Clone)]
pub struct CacheService<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S> CacheService<S> {
    pub(crate) fn new(inner: S, shared: Arc<Shared>) -> Self {
        Self { inner, shared }
    }
}

impl<S, Q, B> Service<Request<Q>> for CacheService<S>
where
    S: Service<Request<Q>, Response = Response<B>, Future: Send, Error: Send>
        + Clone
        + Send
        + 'static,
    Q: Body + Send + 'static,
    B: Body<Data = Bytes, Error: Send> + Send + 'static,
{
    type Response = Response<ResponseBody<B>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, B, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        Caller::new(&mut self.inner, &self.shared).call(request)
    }
}

/// A service that is ready, for one request.
pub(crate) struct Caller<'s, S> {
    inner: &'s mut S,
    shared: &'s Arc<Shared>,
}

impl<'s, S> Caller<'s, S> {
    pub(crate) fn new(inner: &'s mut S, shared: &'s Arc<Shared>) -> Self {
        Self { inner, shared }
    }

    /// Answers a request, from the cache or by the service.
    pub(crate) fn call<Q, B>(
        mut self,
        mut request: Request<Q>,
    ) -> ResponseFuture<S::Future, B, S::Error>
    where
        S: Service<Request<Q>, Response = Response<B>, Future: Send, Error: Send>
            + Clone
            + Send
            + 'static,
        Q: Body + Send + 'static,
        B: Body<Data = Bytes, Error: Send> + Send + 'static,
    {
        let shared = self.shared;
        let table = shared.table.load();
        let mut keys = RequestKeys::default();
        let mut sought = match Sought::of(&table, &request, &mut keys) {
            Ok(sought) => sought,
            Err(bypass) => return self.pass(request, bypass),
        };
        let missing = match sought.look(shared, &request, shared.time.now()) {
            Looked::Hit(response) => return ResponseFuture::ready(response),
            Looked::Refresh(response, stale) => {
                let ask = sought.into_ask(shared, &request);
                self.refresh(request, ask, stale);
                return ResponseFuture::ready(response);
            }
            Looked::Missing(missing) => missing,
        };
        let ask = sought.into_ask(shared, &request);
        self.hand_invalidator(&mut request);
        ResponseFuture::boxed(fetch::fetch(self.take_ready(), request, ask, missing))
    }

    /// Lets the handler invalidate what is stored.
    fn hand_invalidator<Q>(&self, request: &mut Request<Q>) {
        request.extensions_mut().insert(Invalidator::new(Arc::clone(self.shared.layer())));
    }

    /// Takes the service that is ready, and leaves a clone of it, which is not.
    fn take_ready(&mut self) -> S
    where
        S: Clone,
    {
        let clone = self.inner.clone();
        mem::replace(self.inner, clone)
    }
}

impl<S: fmt::Debug> fmt::Debug for CacheService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheService").field("inner", &self.inner).finish_non_exhaustive()
    }
}
