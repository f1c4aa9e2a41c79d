//! The operations that the API calls, and their steps in one shard.
//!
//! - `lookup.rs`: lookups
//! - `liveness.rs`: whether an entry is live, and what a read does to its deadline
//! - `write.rs`: inserts as a whole: the shard, the guard, the tiers
//! - `insert.rs`, `insert/attempt.rs`: an insert in one shard
//! - `insert/columns.rs`: what a new entry's columns say
//! - `insert/precondition.rs`: the conditions under which an entry is written
//! - `remove.rs`: removals, and what every removal ends with
//! - `room.rs`: where a new entry's credit and slot come from
//! - `compute.rs`: a key's value computed from the one that is there
//! - `versions.rs`: versions, and writes that depend on them
//! - `expire.rs`: touches, changed rules, and the removal of expired entries
//! - `sweep.rs`: invalidations, and the removal of invalidated entries

pub(crate) mod compute;
pub(crate) mod expire;
pub(crate) mod insert;
pub(crate) mod liveness;
pub(crate) mod lookup;
pub(crate) mod remove;
pub(crate) mod room;
pub(crate) mod sweep;
pub(crate) mod versions;
pub(crate) mod write;
