//! Invalidating many entries at once: births, tags and groups (`groups.rs`).
//!
//! What it means for operations, and how stale entries are taken out, is in `ops/sweep.rs`.

pub(crate) mod groups;
