use larder_http::cache_view;

/// Extracted from a cookie.
#[derive(Debug)]
pub struct User;

#[cache_view]
async fn page(user: User) -> String {
    format!("{user:?}")
}

fn main() {}
