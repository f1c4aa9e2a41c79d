//! A cache as a whole: its shards on their tiers, what they share, and the guard around a write.
//!
//! - `engine.rs`: the type that the API holds: a cache of entries by hash
//! - `shard.rs`: one shard, put together from the protocols
//! - `common.rs`: what all shards share
//! - `tiers.rs`: a cache that grows: tiers of shards
//! - `plan.rs`: sizes: shards, sets and node numbers for a capacity
//! - `scope.rs`: the guard around a write: pin, loads, listener, debt, destructors
//! - `listener.rs`: the eviction listener
//! - `notify.rs`: nodes and entries that have left and of which the listener has yet to hear
//! - `stats.rs`: counters
//! - `ending.rs`: dropping a shard, and the memory that it takes

pub(crate) mod common;
mod ending;
pub(crate) mod engine;
pub(crate) mod listener;
pub(crate) mod notify;
pub(crate) mod plan;
pub(crate) mod scope;
pub(crate) mod shard;
pub(crate) mod stats;
pub(crate) mod tiers;
