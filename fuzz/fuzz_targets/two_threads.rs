//! Two threads, each with a list of operations, on few keys and in a small cache.
#![no_main]

use larder_fuzz::two_threads::{Input, run};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: Input| run(input));
