//! Requests and responses through `larder-http`'s layer, beside a model of what may be a hit.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| larder_fuzz::service::run(data));
