//! Lists, dictionaries and `Cache-Groups`, beside `sfv`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| larder_fuzz::http::structured(data));
