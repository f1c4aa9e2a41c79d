use axum::{
    Extension,
    extract::{Path, Request},
    http::{HeaderMap, request},
};
use larder_http::cache_view;

/// As axum-extra has it.
pub struct CookieJar;

type Ext = Extension<String>;

#[cache_view]
async fn headers(headers: HeaderMap, Path(id): Path<u32>) -> String {
    format!("{headers:?} {id}")
}

#[cache_view(skip(headers))]
async fn headers_skipped(headers: &axum::http::HeaderMap) -> String {
    format!("{headers:?}")
}

#[cache_view(key = "{id}")]
async fn headers_outside_of_key(headers: Option<HeaderMap>, id: u32) -> String {
    format!("{headers:?} {id}")
}

#[cache_view(key = |headers| headers.len(), skip(headers))]
async fn headers_in_key_and_skipped(headers: HeaderMap) -> String {
    format!("{headers:?}")
}

#[cache_view(skip(request))]
async fn request(request: Request) -> String {
    format!("{request:?}")
}

#[cache_view(skip(parts))]
async fn parts(parts: request::Parts) -> String {
    format!("{parts:?}")
}

#[cache_view(skip(user))]
async fn extension(Path(id): Path<u32>, Extension(user): Extension<String>) -> String {
    format!("{id} {user}")
}

#[cache_view(skip(user))]
async fn extension_by_pattern(Extension(user): Ext) -> String {
    user
}

#[cache_view(skip(jar))]
async fn cookies(jar: CookieJar, id: u32) -> String {
    let _ = (jar, id);
    String::new()
}

fn main() {}
