//! What `cache_view` does at run time, beside what all attributes do: responses of axum's handlers,
//! kept.

use ::axum::{
    body::Body,
    response::{IntoResponse, IntoResponseParts},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, StatusCode, header, request, response};
use http_body::Body as _;
use http_body_util::{BodyExt, Full};
use larder::memo::rt::Argument;

pub use ::axum::response::Response;

/// The most bytes of a body that is kept.
const MAX_BODY: u64 = 1 << 20;

/// A response as it is kept: status, headers, extensions, and all of the body.
#[derive(Clone, Debug)]
pub struct KeptResponse {
    parts: response::Parts,
    body: Bytes,
}

impl KeptResponse {
    /// Its status: 200, 203 or 204.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.parts.status
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// Its extensions. Each caller gets clones of them.
    #[must_use]
    pub fn extensions(&self) -> &http::Extensions {
        &self.parts.extensions
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// What a handler has answered, to be kept; or as it is, if it is for its caller only.
/// `knows_request` says whether the key has something of the request's headers.
///
/// # Errors
///
/// The response, if it is not to be kept.
pub async fn keep_response(
    response: impl IntoResponse,
    knows_request: bool,
) -> Result<KeptResponse, Response> {
    let response = response.into_response();
    if !may_be_kept(&response, knows_request) {
        return Err(response);
    }
    let (parts, body) = response.into_parts();
    let Ok(collected) = body.collect().await else {
        return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    };
    let trailers = collected.trailers().cloned();
    let body = collected.to_bytes();
    match trailers {
        None => Ok(KeptResponse { parts, body }),
        Some(trailers) => {
            let body = Full::new(body).with_trailers(std::future::ready(Some(Ok(trailers))));
            Err(Response::from_parts(parts, Body::new(body)))
        }
    }
}

/// The response for one caller.
pub fn respond(kept: Result<KeptResponse, Response>) -> Response {
    match kept {
        Err(response) => response,
        Ok(KeptResponse { parts, body }) => Response::from_parts(parts, Body::from(body)),
    }
}

/// Whether a response may be given to others, is complete, and ends.
fn may_be_kept(response: &Response, knows_request: bool) -> bool {
    // The successes that a cache may keep by default (RFC 9110, section 15.1), except 206, which is
    // a part of a response.
    let is_whole = matches!(
        response.status(),
        StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION | StatusCode::NO_CONTENT
    );
    let headers = response.headers();
    is_whole
        && !headers.contains_key(header::SET_COOKIE)
        && !headers.contains_key(header::CONTENT_RANGE)
        && !says(headers, &header::CACHE_CONTROL, is_not_for_later)
        && (knows_request || !headers.contains_key(header::VARY))
        && !says(headers, &header::VARY, |name| name == "*")
        && response.body().size_hint().exact().is_some_and(|bytes| bytes <= MAX_BODY)
}

/// Whether a part of a header's list is one for which `holds` holds.
fn says(headers: &HeaderMap, name: &HeaderName, holds: fn(&str) -> bool) -> bool {
    headers.get_all(name).iter().any(|value| {
        let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
        value.split(',').any(|said| holds(said.trim()))
    })
}

/// Whether a directive of `Cache-Control` forbids to give the response to others, or later.
fn is_not_for_later(directive: &str) -> bool {
    let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
    match name.trim() {
        "no-store" | "no-cache" | "private" => true,
        "max-age" | "s-maxage" => value.trim().trim_matches('"').parse() == Ok(0_u64),
        _ => false,
    }
}

/// What is true of no type that belongs to one request.
#[diagnostic::on_unimplemented(
    message = "`{Self}` belongs to one request: a response that depends on it must not be given to others",
    label = "the key has nothing of it",
    note = "name in the key what the response depends on, as in \
            `key = |headers, id| (headers.get(\"accept-language\").cloned(), *id)`",
    note = "if it depends on nothing of this argument, say so beside such a key: `key = .., skip(..)`"
)]
pub trait ForAll {}

/// An extracted argument that can be part of a key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of the key of a cached handler",
    label = "is not `Hash + Eq`, or has no owned form that is `Send + Sync + 'static`",
    note = "say with `key = |..| ..` what of it the response depends on",
    note = "only what no response depends on, such as a connection to a database, may be left out, with `skip(..)`: \
            otherwise one user's response is given to others"
)]
pub trait InKey {}

#[diagnostic::do_not_recommend]
impl<T: Argument + ?Sized> InKey for T {}

/// What a handler has extracted. What its methods ask for depends on what it is; they are found as
/// those of `Returned` are (`src/memo/shape.rs` of larder).
#[derive(Debug)]
pub struct Extracted<'a, T: ?Sized>(pub &'a T);

/// What is an extractor and part of a response alike carries headers, extensions or cookies.
impl<T: IntoResponseParts> Extracted<'_, T> {
    /// Compiles if it does not belong to one request.
    pub fn for_all(&self)
    where
        T: ForAll,
    {
    }

    /// Compiles if it can be part of a key.
    pub fn in_key(&self)
    where
        T: ForAll,
    {
    }
}

/// A request, or all of it but its body.
pub trait OfRequest {
    /// What it is.
    type Of;

    /// Compiles if it does not belong to one request.
    fn for_all(&self)
    where
        Self::Of: ForAll,
    {
    }

    /// Compiles if it can be part of a key.
    fn in_key(&self)
    where
        Self::Of: ForAll,
    {
    }
}

impl<B> OfRequest for Extracted<'_, Request<B>> {
    type Of = Request<B>;
}

impl OfRequest for Extracted<'_, request::Parts> {
    type Of = request::Parts;
}

/// Everything else.
pub trait OtherExtracted {
    /// What it is.
    type Of: ?Sized;

    /// Compiles.
    fn for_all(&self) {}

    /// Compiles if it can be part of a key.
    fn in_key(&self)
    where
        Self::Of: InKey,
    {
    }
}

impl<T: ?Sized> OtherExtracted for &Extracted<'_, T> {
    type Of = T;
}
