//! A manager of caches: five kinds that nearly every application has, any number of named ones, and
//! typed views of each.
//!
//! ```
//! use larder::manager::{CacheKind, CacheManager};
//!
//! let manager = CacheManager::new();
//! let profiles = manager.view::<String>(CacheKind::User).keyed::<u64>();
//! assert_eq!(profiles.get_with(&7, || "Ada".to_owned()), "Ada");
//! assert_eq!(profiles.get(&7).as_deref(), Some("Ada"));
//!
//! // Another type of values, in the same cache, within the same budget.
//! let visits = manager.view::<u32>(CacheKind::User).keyed::<u64>();
//! visits.insert(&7, 1);
//! assert_eq!((visits.incr(&7, 1), profiles.contains_key(&7)), (Some(2), true));
//! ```
//!
//! - [`CacheManager`] has the caches, by [`CacheKind`] or by name; [`global`] is that of the
//!   process.
//! - [`ManagedCache`] is one of them: its settings, which may change while it is in use, its
//!   statistics, its memory.
//! - [`View`] is what one works with: the values of one type, in one [`Namespace`], with the
//!   operations of Django's low-level cache API, those of [`Cache`](crate::Cache), and loads. A
//!   [`KeyedView`] has keys of one type besides.
//! - [`Key`] is what a view can be asked with: anything that hashes and can be made owned.
//!
//! The guide is `docs/manager.md` in the repository.
#![forbid(unsafe_code)]

#[cfg(feature = "config")]
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
pub mod config;
mod error;
mod hashing;
mod health;
mod key;
mod kind;
mod listing;
#[path = "managed_cache/cache.rs"]
mod managed;
#[allow(clippy::module_inception)]
#[path = "cache_manager/manager.rs"]
mod manager;
pub mod memory;
mod monitor;
mod namespace;
#[path = "cache_manager/observe.rs"]
mod observe;
mod performance;
mod settings;
mod stored;
pub(crate) mod telemetry;
mod view;
mod window;
mod words;

pub use error::{ManagerError, UnknownCache};
pub use health::{
    CacheHealth, Finding, Health, HealthReason, HealthStatus, HealthThresholds, Levels,
    ThresholdError,
};
pub use key::Key;
pub use kind::{CacheKind, UnknownKind};
pub use listing::{KeyInfo, KeyList, KeyMatch, KeyQuery};
pub use managed::{ApplyError, CacheMemory, ManagedCache};
pub use manager::{AlreadySet, CacheManager, CacheManagerBuilder, get_cache, global, set_global};
pub use namespace::Namespace;
pub use performance::{CachePerformance, LoadPercentiles, Performance, Window, Windows};
pub use settings::{CacheSettings, ExpiryMode, SettingsError};
pub use stored::Freshness;
pub use view::{AnyKey, KeyOf, KeyedView, Only, View, ViewEntrySelector, ViewGuard};
#[cfg(feature = "macros")]
pub(crate) use {
    key::{Query, StoredKey},
    managed::Entries,
    stored::{Held, StoredValue, Times},
    view::{REFERENCES, Tag},
};

#[cfg(feature = "macros")]
pub use crate::memo::{
    FunctionInfo, FunctionStats, functions, invalidate_function, invalidate_table,
};
