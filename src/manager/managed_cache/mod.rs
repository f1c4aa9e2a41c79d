//! One cache of a manager, without its manager.
//!
//! - `share.rs`: how much of its configured capacity a cache has
//! - `cache.rs`: [`ManagedCache`](crate::manager::ManagedCache)
//! - `apply.rs`: changing the settings of a cache that is in use
//! - `listing.rs`: listing, counting and invalidating entries by the words of their keys

pub(super) mod apply;
pub(super) mod cache;
pub(super) mod listing;
pub(super) mod share;
