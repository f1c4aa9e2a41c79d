//! One load per key at a time. (The name is that of Go's package `singleflight`.)
//!
//! - `flights.rs`: which loads are under way, and how a write finds and ends them
//! - `flight.rs`: one load: its leader, those who wait, its outcome
//! - `leading.rs`: which loads this thread is running, so that none waits for itself
//! - `outbox.rs`: what a thread tells listeners once its load has landed
//! - `parker.rs`: waiting in a thread
//! - `load_times.rs`: the histogram of how long loads take

pub(crate) mod flight;
pub(crate) mod flights;
pub(crate) mod leading;
pub(crate) mod load_times;
pub(crate) mod outbox;
pub(crate) mod parker;
