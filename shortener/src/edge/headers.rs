//! Around everything: an identity for each request, a time limit, and headers that responses should
//! have.

use crate::api::Problem;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::{
    any::Any,
    time::{Duration, Instant},
};
use tracing::Instrument as _;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What a response has, unless the handler says otherwise. `no-cache`: a browser asks each time,
/// and a click is one that the service gets to know of.
const DEFAULTS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "private, no-cache"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// What the outermost layer needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outer {
    pub(crate) timeout: Duration,
    pub(crate) timing: bool,
    /// Whether clients are to come by https alone.
    pub(crate) https: bool,
}

pub(crate) async fn outer(State(outer): State<Outer>, request: Request, next: Next) -> Response {
    let start = outer.timing.then(Instant::now);
    let id = request_id(request.headers());
    let span = tracing::info_span!(
        "request",
        id = id.to_str().unwrap_or_default(),
        method = %request.method(),
        path = request.uri().path()
    );
    let answered = tokio::time::timeout(outer.timeout, next.run(request).instrument(span.clone()));
    let mut response = answered.await.unwrap_or_else(|_| {
        span.in_scope(|| tracing::warn!("a request has taken too long"));
        Problem::too_slow().into_response()
    });
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    let headers = response.headers_mut();
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if outer.https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
    headers.insert(REQUEST_ID, id);
    if let Some(start) = start {
        let timing = format!("app;dur={:.4}", start.elapsed().as_secs_f64() * 1000.0);
        headers.extend(HeaderValue::from_str(&timing).ok().map(|it| (SERVER_TIMING, it)));
    }
    response
}

/// The client's or the proxy's, if it is a plain word, or a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
    let given = headers
        .get(REQUEST_ID)
        .filter(|id| (1..=64).contains(&id.len()) && id.as_bytes().iter().copied().all(is_plain));
    given.cloned().unwrap_or_else(|| {
        let id = format!("{:016x}", rand::random::<u64>());
        HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("-"))
    })
}

/// The response after a panic in a handler.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
    tracing::error!(panic = text, "a handler has panicked");
    Problem::panicked().into_response()
}
