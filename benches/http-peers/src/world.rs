//! A cache, an origin behind it, and clients before it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};

use crate::origin::{Asked, Counts, Origin};
use crate::peers::{Cached, Peer, Wanted};

/// What is waited for at most; whoever takes longer hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);
/// Some caches store in a task that they start after they have answered.
const SETTLE: Duration = Duration::from_millis(100);

/// What a case found.
pub(crate) type Found = Result<(), String>;

#[derive(Clone)]
pub(crate) struct World {
    service: Cached,
    /// The name of the service's error type.
    pub(crate) error: &'static str,
    pub(crate) origin: Arc<Counts>,
}

/// What a client got.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    /// The whole body, or why it broke off.
    pub(crate) body: Result<Bytes, String>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        match &self.body {
            Ok(body) => String::from_utf8_lossy(body).into_owned(),
            Err(error) => format!("(broke off: {error})"),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Checks status and body.
    pub(crate) fn expect(&self, status: u16, body: &str) -> Found {
        if self.status == status && self.body.as_deref() == Ok(body.as_bytes()) {
            return Ok(());
        }
        let (got, text) = (self.status.as_u16(), shortened(&self.text()));
        Err(format!("got {got} {text:?}, not {status} {:?}", shortened(body)))
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(24) {
        Some((end, _)) => format!("{}.. ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

/// `condition`, or else what was seen.
pub(crate) fn ensure(condition: bool, seen: impl FnOnce() -> String) -> Found {
    if condition { Ok(()) } else { Err(seen()) }
}

impl World {
    pub(crate) fn new<F>(
        peer: &Peer,
        wanted: Wanted,
        handler: impl Fn(Asked) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let origin = Origin::new(handler);
        let counts = origin.counts();
        let (service, error) = (peer.build)(origin, wanted);
        Self { service, error, origin: counts }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, String> {
        self.ask(Method::GET, path, &[]).await
    }

    pub(crate) async fn get_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, String> {
        self.ask(Method::GET, path, headers).await
    }

    /// Sends a request and reads all of the answer.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, String> {
        let response = self.begin(method, path, headers).await?;
        let (parts, body) = response.into_parts();
        let collected = tokio::time::timeout(LIMIT, body.collect());
        let body = collected.await.map_err(|_| "the body hangs".to_owned())?;
        let body = body.map(http_body_util::Collected::to_bytes).map_err(|it| it.to_string());
        tokio::time::sleep(SETTLE).await;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn begin(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Body>, String> {
        let mut request = Request::builder().method(method).uri(path);
        if headers.iter().all(|(name, _)| *name != "host") {
            request = request.header("host", "example.org");
        }
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Body::empty()).expect("the matrix sends what is valid");
        let mut service = self.service.clone();
        let answered =
            tokio::time::timeout(LIMIT, async move { service.ready().await?.call(request).await });
        match answered.await {
            Err(_) => Err(format!("no answer in {} s", LIMIT.as_secs())),
            Ok(Err(error)) => Err(format!("the client gets the error {error}")),
            Ok(Ok(response)) => Ok(response),
        }
    }
}

/// A response that may be kept for a minute.
pub(crate) fn fresh(body: impl Into<Body>) -> Response<Body> {
    with(&[("cache-control", "max-age=60")], body)
}

pub(crate) fn with(headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let response = headers
        .iter()
        .fold(Response::builder(), |response, (name, value)| response.header(*name, *value));
    response.body(body.into()).expect("the matrix sends what is valid")
}
