//! Models of the lock-free protocols of `larder`, run on the engine itself; see `tests/`.
//!
//! A model is a setup, two or three threads that do an operation or two each, and a check of what
//! came out. `model` runs the threads in every order that matters and with every value that a
//! load may return (loom, after CDSChecker: Norris and Demsky, OOPSLA'13), up to a number of
//! preemptions. Setup and check run in one thread and cost nothing to speak of.
//!
//! The models of a planted bug (`src/testing/plant.rs`) are named in [`plants`], and the binary of
//! the same name prints them. `cargo xtask loom` runs both: all models, which have to pass, and
//! each of these with its bug awake, which has to fail.

pub mod plants;

#[cfg(larder_loom)]
mod harness;
#[cfg(larder_loom)]
mod keys;

#[cfg(larder_loom)]
pub use harness::model;
#[cfg(larder_loom)]
pub use keys::{Placed, PlacedHasher, TinyCache, key};
