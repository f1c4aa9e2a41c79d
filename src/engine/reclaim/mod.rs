//! When memory may be used again: epochs, and node numbers on their way from one owner to the next.
//!
//! - `epoch.rs`: the collector; this thread's participant and number
//! - `per_thread.rs`: one value per thread
//! - `recycle.rs`: the life of node numbers, the grace period
//! - `thread_cache.rs`: each thread's own free and retired nodes
//! - `magazine.rs`: how nodes travel between threads, many at a time

pub(crate) mod epoch;
pub(crate) mod magazine;
pub(crate) mod per_thread;
pub(crate) mod recycle;
pub(crate) mod thread_cache;
