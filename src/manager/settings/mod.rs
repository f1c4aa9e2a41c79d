//! What can be set for one cache.
//!
//! - `kind.rs`: the five kinds of caches
//! - `cache.rs`: the settings of a cache, and those that each kind starts with

pub(super) mod cache;
pub(super) mod kind;
