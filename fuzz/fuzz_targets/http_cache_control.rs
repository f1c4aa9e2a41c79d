//! Directives of requests, responses and targeted fields, beside `headers`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| larder_fuzz::http::cache_control(data));
