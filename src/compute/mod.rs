//! One key at a time: entries, computations, counters, and writes that depend on a version.
//!
//! - `entry.rs`, `entry/`: `Cache::entry` and what it gives, in threads, futures and tasks
//! - `ops.rs`: what a computation says is to be done
//! - `counter.rs`: counting up and down
//! - `versions.rs`: compare and swap

mod counter;
mod entry;
pub mod ops;
mod versions;

pub use counter::Integer;
pub use entry::{Entry, EntrySelector};
