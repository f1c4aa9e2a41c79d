use larder_http::cache_view;

#[cache_view]
fn f() -> &'static str {
    "hello"
}

fn main() {}
