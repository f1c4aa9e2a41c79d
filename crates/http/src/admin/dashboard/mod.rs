//! The dashboard: one page over the management API, whose files are a part of the program.
//!
//! The page holds no data, and so it is served without a token. It asks for one, keeps it in the
//! browser's storage of the session, and talks to the endpoints beside it. Nothing is asked for
//! elsewhere, which the headers see to.

mod assets;

use self::assets::Asset;
use super::problem::Problem;
use crate::semantics::{Condition, Validators, evaluate};
use ::axum::{
    Router,
    extract::Path,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::time::SystemTime;

/// What the page may do: run and fetch what comes from where it comes from.
/// `require-trusted-types-for` forbids scripts to make elements of text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// What is said with each file.
const HEADERS: [(HeaderName, HeaderValue); 8] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    // Files have no versions in their names: browsers ask whether they have changed.
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/dashboard", get(to_directory))
        .route("/dashboard/", get(index))
        .route("/dashboard/{*path}", get(file))
}

/// Redirects to the page's directory, since the links of the page are relative. The location is
/// relative, too: the handler does not know where the router is nested.
async fn to_directory() -> Response {
    let location = (header::LOCATION, HeaderValue::from_static("dashboard/"));
    (StatusCode::PERMANENT_REDIRECT, HEADERS, [location]).into_response()
}

async fn index(method: Method, request: HeaderMap) -> Response {
    answer("index.html", &method, &request)
}

async fn file(Path(path): Path<String>, method: Method, request: HeaderMap) -> Response {
    answer(&path, &method, &request)
}

fn answer(path: &str, method: &Method, request: &HeaderMap) -> Response {
    let Some(asset) = assets::find(path) else {
        let problem = Problem::new(StatusCode::NOT_FOUND, format!("the dashboard has no {path}"));
        return (HEADERS, problem).into_response();
    };
    let mut headers = HeaderMap::from_iter(HEADERS);
    headers.insert(header::ETAG, asset.etag.clone());
    if has_it(asset, method, request) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    (headers, asset.content).into_response()
}

/// Whether whoever asks has the asset as it is.
fn has_it(asset: &Asset, method: &Method, request: &HeaderMap) -> bool {
    let stored = HeaderMap::from_iter([(header::ETAG, asset.etag.clone())]);
    let validators = Validators::of(&stored, SystemTime::now());
    request.contains_key(header::IF_NONE_MATCH)
        && evaluate(method, request, StatusCode::OK, &validators) == Condition::NotModified
}
