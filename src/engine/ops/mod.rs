//! The operations: what the API calls, and its steps in one shard.
//!
//! - `lookup.rs`: looking keys up
//! - `write.rs`: inserts and removals from outside: the shard, the guard, the floors
//! - `insert.rs`, `insert/attempt.rs`: an insert in one shard
//! - `room.rs`: where a new entry's credit and slot come from
//! - `compute.rs`: a key's value computed from the one that is there
//! - `versions.rs`: versions, and writes that depend on them
//! - `expire.rs`: whether an entry lives, and taking out those that do not
//! - `sweep.rs`: births of what is inserted, and taking out what is stale

pub(crate) mod compute;
pub(crate) mod expire;
pub(crate) mod insert;
pub(crate) mod lookup;
pub(crate) mod room;
pub(crate) mod sweep;
pub(crate) mod versions;
pub(crate) mod write;
