//! What faces the clients: around the cache, for each connection.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use pin_project_lite::pin_project;
use tower::util::{Oneshot, ServiceExt};

use crate::body::RequestBody;
use crate::forward::{self, Forwards};
use crate::interim::{Connection, Interim};
use crate::upstream::UpstreamError;

/// Who sent a request; travels in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) address: IpAddr,
    /// The way of interim responses to this client.
    pub(crate) interim: Option<Interim>,
}

/// The service of one connection.
#[derive(Debug)]
pub(crate) struct Edge<S> {
    inner: S,
    address: IpAddr,
    connection: Arc<Connection>,
}

impl<S> Edge<S> {
    pub(crate) fn new(inner: S, address: IpAddr, connection: Arc<Connection>) -> Self {
        Self { inner, address, connection }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Edge<S>
where
    S: tower::Service<Request<RequestBody>, Response = Response<B>, Error = UpstreamError> + Clone,
    B: Body<Data = Bytes>,
{
    type Response = Response<Either<B, Full<Bytes>>>;
    type Error = Infallible;
    type Future = Answer<S>;

    fn call(&self, mut request: Request<Incoming>) -> Answer<S> {
        match *request.method() {
            Method::CONNECT | Method::TRACE => {
                return Answer::at_once(explanation(StatusCode::METHOD_NOT_ALLOWED, ""));
            }
            Method::OPTIONS => match forward::forwards(request.headers()) {
                Forwards::None => return Answer::at_once(explanation(StatusCode::NO_CONTENT, "")),
                Forwards::Some(left) => {
                    request.headers_mut().insert(header::MAX_FORWARDS, left.into());
                }
                Forwards::Unlimited => {}
            },
            _ => {}
        }
        forward::remove_claims(request.headers_mut());
        // HTTP/1.0 has no interim responses, and those of HTTP/2 are not bytes on the connection.
        let speaks_interim = request.version() == Version::HTTP_11;
        let interim = speaks_interim.then(|| Connection::begin(&self.connection));
        request.extensions_mut().insert(Visitor { address: self.address, interim });
        Answer {
            kind: Kind::Asked { asked: self.inner.clone().oneshot(request.map(RequestBody::Left)) },
            connection: Some(Arc::clone(&self.connection)),
        }
    }
}

pin_project! {
    /// The response to one request.
    pub(crate) struct Answer<S: tower::Service<Request<RequestBody>>> {
        #[pin]
        kind: Kind<S>,
        connection: Option<Arc<Connection>>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<S: tower::Service<Request<RequestBody>>> {
        Asked { #[pin] asked: Oneshot<S, Request<RequestBody>> },
        AtOnce { response: Option<Response<Full<Bytes>>> },
    }
}

impl<S: tower::Service<Request<RequestBody>>> Answer<S> {
    fn at_once(response: Response<Full<Bytes>>) -> Self {
        Self { kind: Kind::AtOnce { response: Some(response) }, connection: None }
    }
}

impl<S, B> Future for Answer<S>
where
    S: tower::Service<Request<RequestBody>, Response = Response<B>, Error = UpstreamError>,
{
    type Output = Result<Response<Either<B, Full<Bytes>>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match this.kind.project() {
            KindProjection::Asked { asked } => match ready!(asked.poll(context)) {
                Ok(response) => response.map(Either::Left),
                Err(error) => {
                    eprintln!("{error}");
                    explanation(error.status(), "the origin did not answer\n").map(Either::Right)
                }
            },
            KindProjection::AtOnce { response } => {
                response.take().expect("polled to the end once").map(Either::Right)
            }
        };
        if let Some(connection) = this.connection {
            connection.finish();
        }
        Poll::Ready(Ok(response))
    }
}

/// A response of the proxy's own, which nobody may keep.
fn explanation(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !text.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    }
    response
}
