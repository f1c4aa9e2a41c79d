//! A cache as a whole: its shards on their floors, what they share, and what goes around a write.
//!
//! - `engine.rs`: what the API holds: a cache of entries by hash
//! - `shard.rs`: one shard, put together from the protocols, and what all shards share
//! - `storeys.rs`: a cache that grows: floors of shards
//! - `plan.rs`: from a capacity to the sizes of everything
//! - `scope.rs`: the guard around a write: pin, loads, listener, debt, destructors
//! - `listener.rs`: the eviction listener
//! - `leaving.rs`: what has left the index and the listener has yet to hear of
//! - `stats.rs`: counters
//! - `ending.rs`: the end of a shard

mod ending;
pub(crate) mod engine;
pub(crate) mod leaving;
pub(crate) mod listener;
pub(crate) mod plan;
pub(crate) mod scope;
pub(crate) mod shard;
pub(crate) mod stats;
pub(crate) mod storeys;
