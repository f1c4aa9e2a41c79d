//! Asking the handler a second time, if its answer to a validation is about something else.
//!
//! The first request is the handler's when it has been asked, with its body. It is known to be
//! empty, but a type of bodies may have no way to make an empty one; where it has, the layer has
//! been told, or the type is axum's.

use crate::layer::Shared;
use http::{HeaderMap, Request, header};
use std::{any::Any, fmt, sync::Arc};

/// How an empty body of a request is made: a `fn() -> Q`.
#[derive(Clone)]
pub(crate) struct EmptyBody(Arc<dyn Any + Send + Sync>);

impl EmptyBody {
    pub(crate) fn new<Q: 'static>(make: fn() -> Q) -> Self {
        Self(Arc::new(make))
    }
}

impl fmt::Debug for EmptyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmptyBody")
    }
}

impl Shared {
    /// The same request once more, without conditions.
    pub(super) fn again<Q: 'static>(&self, request: &Request<Q>) -> Option<Request<Q>> {
        let told = self.empty_body.as_ref();
        let make = told.and_then(|it| it.0.downcast_ref::<fn() -> Q>());
        let body = make.map(|make| make()).or_else(known)?;
        let mut again = Request::new(body);
        *again.method_mut() = request.method().clone();
        *again.uri_mut() = request.uri().clone();
        *again.version_mut() = request.version();
        again.headers_mut().clone_from(request.headers());
        again.extensions_mut().clone_from(request.extensions());
        remove_conditions(again.headers_mut());
        Some(again)
    }
}

/// An empty body of a type that everybody has.
#[cfg(feature = "axum")]
fn known<Q: 'static>() -> Option<Q> {
    let body: Box<dyn Any> = Box::new(axum::body::Body::empty());
    body.downcast().ok().map(|body| *body)
}

#[cfg(not(feature = "axum"))]
fn known<Q: 'static>() -> Option<Q> {
    None
}

/// What comes is to be stored, so it has to come whole.
pub(super) fn remove_conditions(request: &mut HeaderMap) {
    request.remove(header::IF_NONE_MATCH);
    request.remove(header::IF_MODIFIED_SINCE);
}
