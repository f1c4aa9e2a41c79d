//! For tests only: stop points, planted faults, and a gate for background work.
//!
//! The lowest folder: every protocol names its steps here. In a build for users all of it is empty.
//!
//! - `hooks.rs`: the stop points of the progress tests
//! - `plant.rs`: the faults that the loom models must find
//! - `background.rs`: keeps background work off a cache while its invariants are checked

pub(crate) mod background;
#[cfg_attr(
    not(larder_hooks),
    allow(unreachable_pub, dead_code, reason = "exported for the tests that stop threads")
)]
pub mod hooks;
pub(crate) mod plant;
