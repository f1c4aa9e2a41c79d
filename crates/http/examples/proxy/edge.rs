//! What faces the clients: around the cache, for each connection.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use larder_http::{CacheLayer, CacheService, ResponseBody};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::body::{OriginBody, RequestBody};
use crate::forward::{self, Forwards};
use crate::interim::{Connection, Interim};
use crate::upstream::{Asking, Upstream};

/// The client that sent a request.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) address: IpAddr,
    /// The way of interim responses to this client.
    pub(crate) interim: Option<Interim>,
}

/// The service of one connection.
#[derive(Debug)]
pub(crate) struct Edge {
    cache: CacheLayer,
    upstream: Upstream,
    address: IpAddr,
    connection: Arc<Connection>,
}

/// The origin behind the cache, as it is asked for one request.
type Cached = CacheService<Asking>;

impl Edge {
    pub(crate) fn new(
        cache: CacheLayer,
        upstream: Upstream,
        address: IpAddr,
        connection: Arc<Connection>,
    ) -> Self {
        Self { cache, upstream, address, connection }
    }
}

impl hyper::service::Service<Request<Incoming>> for Edge {
    type Response = Response<Either<ResponseBody<OriginBody>, Full<Bytes>>>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, mut request: Request<Incoming>) -> Answer {
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
        // One service for each request, since it knows whose request it is. An extension of the
        // request would do as well, for three allocations.
        let asking = self.upstream.asking(Visitor { address: self.address, interim });
        let mut service = self.cache.layer(asking);
        let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(ready, Poll::Ready(Ok(()))), "the origin's pool is always ready");
        Answer {
            kind: Kind::Asked { asked: service.call(request.map(RequestBody::Left)) },
            connection: Some(Arc::clone(&self.connection)),
        }
    }
}

pin_project! {
    /// The response to one request.
    pub(crate) struct Answer {
        #[pin]
        kind: Kind,
        connection: Option<Arc<Connection>>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind {
        Asked { #[pin] asked: <Cached as Service<Request<RequestBody>>>::Future },
        AtOnce { response: Option<Response<Full<Bytes>>> },
    }
}

impl Answer {
    fn at_once(response: Response<Full<Bytes>>) -> Self {
        Self { kind: Kind::AtOnce { response: Some(response) }, connection: None }
    }
}

impl Future for Answer {
    type Output = Result<Response<Either<ResponseBody<OriginBody>, Full<Bytes>>>, Infallible>;

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
