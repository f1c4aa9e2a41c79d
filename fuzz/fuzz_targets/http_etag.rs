//! Entity tags and `If-None-Match`, beside `headers`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| larder_fuzz::http::etag(data));
