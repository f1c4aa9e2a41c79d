//! A manager of caches: five kinds that nearly every application needs, any number of named ones,
//! and typed views of each.
//!
//! ```
//! use larder::manager::{CacheKind, CacheManager};
//!
//! let manager = CacheManager::new();
//! let profiles = manager.view::<String>(CacheKind::User).keyed::<u64>();
//! assert_eq!(profiles.get_with(&7, || "Ada".to_owned()), "Ada");
//! assert_eq!(profiles.get(&7).as_deref(), Some("Ada"));
//!
//! // Values of another type, in the same cache, within the same budget.
//! let visits = manager.view::<u32>(CacheKind::User).keyed::<u64>();
//! visits.insert(&7, 1);
//! assert_eq!((visits.incr(&7, 1), profiles.contains_key(&7)), (Some(2), true));
//! ```
//!
//! - [`CacheManager`] has the caches, by [`CacheKind`] or by name; [`global`] is the manager of the
//!   process.
//! - [`ManagedCache`] is one cache: its settings, which may change while it is in use, its
//!   statistics, its memory.
//! - [`View`] has the operations: those of [`Cache`](crate::Cache), with loads, and those of
//!   Django's low-level cache API, for the values of one type in one [`Namespace`]. A [`KeyedView`]
//!   also has keys of one type.
//! - [`Key`] is a key that a view can look up: anything that hashes and can be made owned.
//!
//! The guide is `docs/manager.md` in the repository.
//
// `cargo xtask test --only layers` reads this table: a folder imports from itself and from those
// above it.
//
// | in `src/manager/` | what |
// |---|---|
// | `entries/` | keys and values of any type, as the cache stores them |
// | `settings/` | the five kinds, and the settings of a cache |
// | `managed_cache/` | one cache, without its manager |
// | `memory/` | readings and samples of the memory, and the plan for memory pressure |
// | `observability/` | samples of statistics, performance, health, telemetry |
// | `view/` | the operations, for values of one type |
// | `cache_manager/` | finding and creating caches |
// | `config/` | settings from TOML files and the environment |
#![forbid(unsafe_code)]

mod cache_manager;
#[cfg(feature = "config")]
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
pub mod config;
mod entries;
mod managed_cache;
pub mod memory;
mod observability;
mod settings;
mod view;

pub use crate::engine::time::soft::Freshness;
pub use cache_manager::{
    builder::CacheManagerBuilder,
    error::{ManagerError, UnknownCache},
    global::{AlreadySet, get_cache, global, set_global},
    manager::CacheManager,
};
pub use entries::{key::Key, namespace::Namespace};
pub use managed_cache::{
    apply::ApplyError,
    cache::{CacheMemory, ManagedCache},
    listing::{KeyInfo, KeyList, KeyMatch, KeyQuery},
};
pub use observability::{
    health::{
        CacheHealth, Finding, Health, HealthReason, HealthStatus, HealthThresholds, Levels,
        ThresholdError,
    },
    performance::{CachePerformance, LoadPercentiles, Performance, Window, Windows},
};
pub use settings::{
    cache::{CacheSettings, ExpiryMode, SettingsError},
    kind::{CacheKind, UnknownKind},
};
pub use view::{AnyKey, KeyOf, KeyedView, Only, View, ViewEntrySelector, ViewGuard};
#[cfg(feature = "macros")]
pub(crate) use {
    entries::{
        hashing::Tag,
        key::{Query, StoredKey},
        value::{StoredValue, Timed},
    },
    managed_cache::cache::Entries,
    observability::telemetry,
    view::lazy::{Followed, Lazy},
};

#[cfg(feature = "macros")]
pub use crate::memo::{
    FunctionInfo, FunctionStats, functions, invalidate_function, invalidate_table,
};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex. A panic under one of the manager's locks leaves the data consistent.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
