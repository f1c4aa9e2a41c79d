//! Invalidating many entries at once.
//!
//! - `groups.rs`: births, stamps and the sweep: why no invalidated entry is returned
//! - `tags.rs`: where the stamp of a tag is kept, and the tags of one entry, packed
//!
//! What invalidation means for operations, and how invalidated entries are removed, is in
//! `ops/sweep.rs`.

pub(crate) mod groups;
pub(crate) mod tags;
