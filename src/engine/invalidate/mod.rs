//! Invalidating many entries at once: births, tags and groups (`groups.rs`).
//!
//! What invalidation means for operations, and how stale entries are removed, is in `ops/sweep.rs`.

pub(crate) mod groups;
