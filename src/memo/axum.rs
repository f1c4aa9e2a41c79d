//! Responses of axum's handlers, kept.

use ::http::{HeaderMap, StatusCode, header};
use axum_core::{body::Body, response::IntoResponse};
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt;

pub use axum_core::response::Response;

/// The most bytes of a body that is kept.
const MAX_BODY: u64 = 1 << 20;

/// A response as it is kept: status, headers, and all of the body.
#[derive(Clone, Debug)]
pub struct KeptResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl KeptResponse {
    /// Its status, which is one of success.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

/// What a handler has answered, to be kept; or as it is, if it is for its caller only.
///
/// # Errors
///
/// The response, if it is not to be kept.
pub async fn keep_response(response: impl IntoResponse) -> Result<KeptResponse, Response> {
    let response = response.into_response();
    if !may_be_kept(&response) {
        return Err(response);
    }
    let (parts, body) = response.into_parts();
    match body.collect().await {
        Ok(body) => {
            Ok(KeptResponse { status: parts.status, headers: parts.headers, body: body.to_bytes() })
        }
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

/// The response for one caller.
pub fn respond(kept: Result<KeptResponse, Response>) -> Response {
    match kept {
        Err(response) => response,
        Ok(KeptResponse { status, headers, body }) => {
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response
        }
    }
}

/// Whether a response is for everybody, and ends.
fn may_be_kept(response: &Response) -> bool {
    let headers = response.headers();
    let says = |name: header::HeaderName, words: &[&str]| {
        headers.get_all(name).iter().any(|value| {
            let value = value.to_str().unwrap_or_default().to_ascii_lowercase();
            value.split(',').any(|said| words.contains(&said.trim()))
        })
    };
    response.status().is_success()
        && !headers.contains_key(header::SET_COOKIE)
        && !says(header::CACHE_CONTROL, &["no-store", "private"])
        && !says(header::VARY, &["*"])
        && response.body().size_hint().exact().is_some_and(|bytes| bytes <= MAX_BODY)
}
