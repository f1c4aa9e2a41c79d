use axum::Extension as Ext;
use larder_http::cache_view;

type Headers = axum::http::HeaderMap;
type Everything = axum::extract::Request;
type Head = axum::http::request::Parts;

#[cache_view]
async fn headers(headers: Headers, id: u32) -> String {
    format!("{headers:?} {id}")
}

#[cache_view(skip(headers))]
async fn headers_skipped(headers: Headers) -> String {
    format!("{headers:?}")
}

#[cache_view(skip(user))]
async fn extension(Ext(user): Ext<u32>) -> String {
    user.to_string()
}

#[cache_view(skip(request))]
async fn request(request: Everything) -> String {
    format!("{request:?}")
}

#[cache_view(key = |id| *id)]
async fn parts_outside_of_key(parts: Head, id: u32) -> String {
    format!("{parts:?} {id}")
}

fn main() {}
