//! A manager of caches: five kinds that nearly every application has, any number of named ones, and typed
//! views of each.
#![forbid(unsafe_code)]

#[cfg(feature = "config")]
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
pub mod config;
mod hashing;
mod health;
mod key;
mod kind;
mod managed;
#[allow(clippy::module_inception)]
mod manager;
pub mod memory;
mod monitor;
mod namespace;
mod observe;
mod performance;
mod settings;
mod stored;
mod telemetry;
mod view;
mod window;

pub use health::{
    CacheHealth, Finding, Health, HealthReason, HealthStatus, HealthThresholds, Levels,
    ThresholdError,
};
pub use key::Key;
pub use kind::{CacheKind, UnknownKind};
pub use managed::{ApplyError, CacheMemory, ManagedCache};
pub use manager::{
    AlreadySet, CacheManager, CacheManagerBuilder, ManagerError, UnknownCache, get_cache, global,
    set_global,
};
pub use namespace::Namespace;
pub use performance::{CachePerformance, LoadPercentiles, Performance, Window, Windows};
pub use settings::{CacheSettings, ExpiryMode, SettingsError};
pub use stored::Freshness;
pub use view::View;
