//! For models, fuzzers and tests: doors to single protocols, and the checker of invariants.

#[cfg(larder_loom)]
pub mod doors;
#[cfg(any(doctest, all(test, not(larder_loom))))]
mod tests;
#[cfg(any(test, fuzzing, larder_internals, larder_loom))]
mod validate;
