//! A handler whose body is one expression on one line, where the compiler notices braces that are
//! too many. This file takes no warnings.
#![cfg(feature = "axum")]
#![deny(warnings, unused, clippy::all, clippy::pedantic)]
#![allow(clippy::unused_async, reason = "it does next to nothing")]
#![cfg_attr(rustfmt, rustfmt_skip)]

use larder_http::cache_view;

#[cache_view(companions = false)]
async fn view(page: u32) -> String { page.to_string() }

#[test]
fn it_does_what_it_says() {
    assert!(futures::executor::block_on(view(1)).status().is_success());
}
