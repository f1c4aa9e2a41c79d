//! The lock-free engine. It knows hashes and a closure that compares keys, not keys.
//!
//! Folders, from the lowest to the highest; imports only point to folders above in this list:
//!
//! | folder | what |
//! |---|---|
//! | `index/` | which key is where |
//! | `storage/` | keys, values and the columns beside them |
//! | `reclaim/` | when memory may be used again |
//! | `time/` | how long entries live |
//! | `singleflight/` | one load per key at a time |
//! | `invalidate/` | groups and tags |
//! | `policy/` | who stays, and how many |
//! | `shards/` | a cache as a whole |
//! | `ops/` | its operations |
//! | `load/` | values that a loader gives |
//! | `upkeep/` | what is done when no operation runs |
//!
//! Each protocol has a file of its own, whose header argues its correctness.

pub(crate) mod index;
pub(crate) mod invalidate;
pub(crate) mod load;
pub(crate) mod ops;
pub(crate) mod policy;
pub(crate) mod reclaim;
pub(crate) mod shards;
pub(crate) mod singleflight;
pub(crate) mod storage;
pub(crate) mod time;
pub(crate) mod upkeep;

pub(crate) use ops::lookup::Located;
pub(crate) use shards::engine::Engine;
pub(crate) use upkeep::passes::MaintenanceHandle;
