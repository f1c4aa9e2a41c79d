//! One load per key at a time. (Named after Go's package `singleflight`.)
//!
//! - `flights.rs`: which loads are under way, and how a write finds and ends them
//! - `flight.rs`: one load: its leader, its waiters, its outcome
//! - `reentrancy.rs`: which loads this thread is running, so that none waits for itself
//! - `outbox.rs`: what a thread tells listeners after its load has landed
//! - `parker.rs`: waiting by blocking a thread
//! - `load_times.rs`: the histogram of how long loads take

pub(crate) mod flight;
pub(crate) mod flights;
pub(crate) mod load_times;
pub(crate) mod outbox;
pub(crate) mod parker;
pub(crate) mod reentrancy;
