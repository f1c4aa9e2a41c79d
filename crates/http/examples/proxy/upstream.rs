//! The origin, and as a tower service what the cache calls for a request that it does not answer
//! itself.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::header::{self, HeaderValue};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Request, Response, StatusCode, Uri, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::copy_bidirectional;
use tower::Service;

use crate::body::{OriginBody, RequestBody};
use crate::edge::Visitor;
use crate::forward;

/// How the origin is asked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `http://HOST[:PORT]`.
    pub(crate) origin: Uri,
    pub(crate) rewrite_host: bool,
    pub(crate) idle_connections: usize,
    pub(crate) connect_timeout: Duration,
    /// Until the response's head, and between two frames of its body.
    pub(crate) read_timeout: Duration,
}

/// The origin, behind a pool of connections; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    shared: Arc<Shared>,
}

/// The origin as it is asked for one visitor; the service of a single request.
#[derive(Clone, Debug)]
pub(crate) struct Asking {
    shared: Arc<Shared>,
    visitor: Visitor,
}

#[derive(Debug)]
struct Shared {
    client: Client<HttpConnector, RequestBody>,
    settings: Settings,
}

/// Why there is no response of the origin's.
#[derive(Debug)]
pub(crate) enum UpstreamError {
    /// No head within the time allowed.
    TimedOut(Duration),
    /// No connection, or one that broke before the response's head.
    Failed(hyper_util::client::legacy::Error),
}

impl Upstream {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(settings.connect_timeout));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(settings.idle_connections)
            // The head that is sent says which host is meant.
            .set_host(false)
            .build(connector);
        Self { shared: Arc::new(Shared { client, settings }) }
    }

    pub(crate) fn asking(&self, visitor: Visitor) -> Asking {
        Asking { shared: Arc::clone(&self.shared), visitor }
    }
}

impl Service<Request<RequestBody>> for Asking {
    type Response = Response<OriginBody>;
    type Error = UpstreamError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        // The pool opens connections as they are needed.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let Self { shared, visitor } = self.clone();
        Box::pin(async move { shared.forward(request, visitor).await })
    }
}

impl Shared {
    async fn forward(
        &self,
        mut request: Request<RequestBody>,
        visitor: Visitor,
    ) -> Result<Response<OriginBody>, UpstreamError> {
        let upgrade = forward::upgrade(request.headers());
        let client_side = upgrade.as_ref().map(|_| hyper::upgrade::on(&mut request));
        self.prepare(&mut request, &visitor, upgrade);
        if let Some(interim) = visitor.interim {
            hyper::ext::on_informational(&mut request, move |response| {
                interim.send(response.status(), response.headers());
            });
        }
        let patience = self.settings.read_timeout;
        let answer = tokio::time::timeout(patience, self.client.request(request)).await;
        let mut response = answer
            .map_err(|_| UpstreamError::TimedOut(patience))?
            .map_err(UpstreamError::Failed)?;
        if let (StatusCode::SWITCHING_PROTOCOLS, Some(client_side)) =
            (response.status(), client_side)
        {
            let protocol = response.headers().get(header::UPGRADE).cloned();
            tunnel(client_side, hyper::upgrade::on(&mut response));
            forward::remove_hop_by_hop(response.headers_mut());
            forward::set_upgrade(
                response.headers_mut(),
                protocol.unwrap_or_else(|| HeaderValue::from_static("")),
            );
        } else {
            forward::remove_hop_by_hop(response.headers_mut());
        }
        let version = response.version();
        forward::append_via(response.headers_mut(), version);
        *response.version_mut() = Version::HTTP_11;
        Ok(response.map(|body| OriginBody::new(body, patience)))
    }

    /// Makes the client's request into the one that the origin gets.
    fn prepare(
        &self,
        request: &mut Request<RequestBody>,
        visitor: &Visitor,
        upgrade: Option<HeaderValue>,
    ) {
        let version = request.version();
        let target = request.uri().authority().cloned();
        let headers = request.headers_mut();
        forward::set_host(headers, target.as_ref());
        let host = headers.get(header::HOST).cloned();
        forward::set_forwarded(headers, visitor.address, host.as_ref());
        forward::remove_hop_by_hop(headers);
        // The server in front has said that it continues.
        headers.remove(header::EXPECT);
        if version == Version::HTTP_2 {
            forward::join_cookies(headers);
        }
        forward::append_via(headers, version);
        if let Some(protocol) = upgrade {
            forward::set_upgrade(headers, protocol);
        }
        let origin = self.settings.origin.authority().expect("the arguments were checked");
        if self.settings.rewrite_host || !headers.contains_key(header::HOST) {
            forward::set_host(headers, Some(origin));
        }
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(origin.clone())
            .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()
            .expect("all its parts are there");
        *request.version_mut() = Version::HTTP_11;
    }
}

/// Connects both sides of a changed protocol, for as long as both are open.
fn tunnel(client: hyper::upgrade::OnUpgrade, origin: hyper::upgrade::OnUpgrade) {
    tokio::spawn(async move {
        let (Ok(client), Ok(origin)) = tokio::join!(client, origin) else { return };
        let (mut client, mut origin) = (TokioIo::new(client), TokioIo::new(origin));
        // Both ends see how it ended.
        _ = copy_bidirectional(&mut client, &mut origin).await;
    });
}

impl UpstreamError {
    /// What the client is told.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Failed(_) => StatusCode::BAD_GATEWAY,
        }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(time) => write!(f, "the origin did not answer in {} s", time.as_secs()),
            Self::Failed(error) => match error.source() {
                Some(source) => write!(f, "the origin could not be asked: {error}: {source}"),
                None => write!(f, "the origin could not be asked: {error}"),
            },
        }
    }
}

impl Error for UpstreamError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}
