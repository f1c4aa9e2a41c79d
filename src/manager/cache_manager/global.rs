//! The manager of the process.

use super::{error::UnknownCache, manager::CacheManager};
use crate::manager::ManagedCache;
use std::{error::Error, fmt, sync::OnceLock};

static GLOBAL: OnceLock<CacheManager> = OnceLock::new();

/// The error of [`set_global`]: the process's manager was set or used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlreadySet;

impl Error for AlreadySet {}

impl fmt::Display for AlreadySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the process's manager is there already; set it before its first use")
    }
}

/// Returns the process's manager: the one given to [`set_global`], otherwise one with defaults that
/// the first call builds. O(1).
///
/// ```
/// use larder::manager::{self, CacheKind};
///
/// let users = manager::global().view::<String>(CacheKind::User);
/// users.insert(&7, "Ada".to_owned());
/// assert_eq!(manager::get_cache("user").unwrap().entry_count(), 1);
/// ```
pub fn global() -> &'static CacheManager {
    GLOBAL.get_or_init(CacheManager::new)
}

/// Sets the process's manager. Possible once, before its first use.
///
/// # Errors
///
/// If the process's manager was set or used before.
///
/// ```
/// use larder::manager::{self, CacheManager, CacheSettings};
///
/// let thumbnails = CacheSettings::new(500).max_bytes(64 << 20);
/// let mine = CacheManager::builder().named("thumbnails", thumbnails).build();
/// manager::set_global(mine)?;
/// assert!(manager::get_cache("thumbnails").is_ok());
/// # Ok::<(), manager::AlreadySet>(())
/// ```
pub fn set_global(manager: CacheManager) -> Result<(), AlreadySet> {
    GLOBAL.set(manager).map_err(|_| AlreadySet)
}

/// Calls [`CacheManager::get_cache`] of the process's manager.
///
/// # Errors
///
/// As for [`CacheManager::get_cache`].
pub fn get_cache(name: &str) -> Result<ManagedCache, UnknownCache> {
    global().get_cache(name)
}
