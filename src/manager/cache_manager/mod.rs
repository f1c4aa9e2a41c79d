//! The manager of caches.
//!
//! - `error.rs`: why a manager or a cache cannot be made
//! - `manager.rs`: [`CacheManager`](crate::manager::CacheManager), which finds and creates caches
//! - `builder.rs`: its builder
//! - `observe.rs`: its reports of performance and health
//! - `memory.rs`: its methods about memory
//! - `global.rs`: the manager of the process

pub(super) mod builder;
pub(super) mod error;
pub(super) mod global;
pub(super) mod manager;
mod memory;
mod observe;
