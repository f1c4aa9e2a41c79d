//! The operations that the API calls, and their steps in one shard.
//!
//! - `lookup.rs`: lookups
//! - `write.rs`: inserts and removals as a whole: the shard, the guard, the tiers
//! - `insert.rs`, `insert/attempt.rs`: an insert in one shard
//! - `insert/precondition.rs`: the conditions under which an entry is written
//! - `room.rs`: where a new entry's credit and slot come from
//! - `compute.rs`: a key's value computed from the one that is there
//! - `versions.rs`: versions, and writes that depend on them
//! - `expire.rs`: whether an entry is live, and the removal of expired ones
//! - `sweep.rs`: births of inserted entries, and the removal of stale ones

pub(crate) mod compute;
pub(crate) mod expire;
pub(crate) mod insert;
pub(crate) mod lookup;
pub(crate) mod room;
pub(crate) mod sweep;
pub(crate) mod versions;
pub(crate) mod write;
