//! Operations of one thread on a cache with everything, beside an exact model.
#![no_main]

use larder_fuzz::timed::{Input, run};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: Input| run(input));
