//! The lock-free engine. It knows hashes and a closure that compares keys, not keys.
//!
//! Folders, from the lowest to the highest; imports only point to folders above in this list:
//!
//! | folder | what |
//! |---|---|
//! | `testing/` | stop points and planted faults |
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
//! | `harness/` | doors for models, and the checker of invariants |
//!
//! Each protocol has a file of its own, whose header argues its correctness.

pub(crate) mod harness;
pub(crate) mod index;
pub(crate) mod invalidate;
pub(crate) mod load;
pub(crate) mod ops;
pub(crate) mod policy;
pub(crate) mod reclaim;
pub(crate) mod shards;
pub(crate) mod singleflight;
pub(crate) mod storage;
#[cfg_attr(not(larder_hooks), allow(unreachable_pub, reason = "its stop points are exported"))]
pub(crate) mod testing;
pub(crate) mod time;
pub(crate) mod upkeep;

#[cfg(larder_loom)]
pub use harness::doors;
pub(crate) use ops::lookup::Sighted;
pub(crate) use shards::engine::Engine;
#[cfg(larder_hooks)]
pub use testing::hooks;
pub(crate) use upkeep::passes::Tended;
