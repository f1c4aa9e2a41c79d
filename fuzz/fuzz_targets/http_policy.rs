//! Whole exchanges, beside `http-cache-semantics`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| larder_fuzz::http::policy(data));
