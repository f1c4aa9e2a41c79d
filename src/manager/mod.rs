//! A manager of caches: five kinds that nearly every application has, any number of named ones, and typed
//! views of each.
#![forbid(unsafe_code)]

mod hashing;
mod key;
mod kind;
mod managed;
#[allow(clippy::module_inception)]
mod manager;
mod namespace;
mod settings;
mod stored;
mod view;

pub use key::Key;
pub use kind::{CacheKind, UnknownKind};
pub use managed::{ApplyError, CacheMemory, ManagedCache};
pub use manager::{
    AlreadySet, CacheManager, CacheManagerBuilder, ManagerError, UnknownCache, get_cache, global,
    set_global,
};
pub use namespace::Namespace;
pub use settings::{CacheSettings, ExpiryMode, SettingsError};
pub use stored::Freshness;
pub use view::View;
#[cfg(feature = "macros")]
pub(crate) use {
    key::{Query, StoredKey},
    managed::Entries,
    stored::{Held, StoredValue, Times},
    view::{REFERENCES, Tag},
};

#[cfg(feature = "macros")]
pub use crate::memo::{FunctionInfo, FunctionStats, functions, invalidate_table};
