//! The manager: finding and creating caches.

use super::{
    builder::CacheManagerBuilder,
    error::{ManagerError, UnknownCache},
};
use crate::{
    Clock, Maintenance,
    manager::{
        CacheKind, CacheSettings, ManagedCache, View,
        observability::{
            memory_monitor::{Caches, MemoryMonitor},
            monitor::Monitor,
            observed::CacheSample,
        },
    },
    process::{maintenance::Registration, spawner::Spawner},
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
};

/// The five caches of [`CacheKind`], and any number of named ones.
///
/// A handle: clones are the same manager.
///
/// ```
/// use larder::manager::{CacheKind, CacheManager};
///
/// let manager = CacheManager::new();
/// let targets = manager.view::<String>(CacheKind::Url);
/// let target = targets.get_with("b3", || "https://example.com/".to_owned());
/// assert_eq!(targets.get("b3"), Some(target));
/// ```
#[derive(Clone)]
pub struct CacheManager(pub(crate) Arc<Inner>);

// A panic of a probe, a loader or a subscriber leaves the manager consistent.
impl std::panic::UnwindSafe for CacheManager {}
impl std::panic::RefUnwindSafe for CacheManager {}

pub(crate) struct Inner {
    pub(super) kinds: [ManagedCache; CacheKind::ALL.len()],
    pub(super) named: RwLock<BTreeMap<String, ManagedCache>>,
    pub(super) clock: Clock,
    pub(super) maintenance: Maintenance,
    pub(super) spawner: Option<Spawner>,
    pub(super) memory: Arc<MemoryMonitor>,
    pub(crate) monitor: Monitor,
    /// Present while a maintenance thread takes samples.
    pub(super) registration: Mutex<Option<Registration>>,
    /// Held while settings are reloaded.
    #[cfg(feature = "config")]
    pub(crate) reloading: Mutex<()>,
}

impl CacheManager {
    /// Creates a manager of the five kinds, with their default settings.
    ///
    /// # Panics
    ///
    /// If there is no memory for the caches.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder for a manager with other settings.
    #[must_use]
    pub fn builder() -> CacheManagerBuilder {
        CacheManagerBuilder::new()
    }

    /// Returns the cache of a kind. O(1).
    #[must_use]
    pub fn cache(&self, kind: CacheKind) -> &ManagedCache {
        &self.0.kinds[kind as usize]
    }

    /// Returns a view of the values of one type in the cache of a kind.
    #[must_use]
    pub fn view<V: Clone + Send + Sync + 'static>(&self, kind: CacheKind) -> View<V> {
        self.cache(kind).view()
    }

    /// Returns the cache of this name, of a kind or a named one.
    ///
    /// # Errors
    ///
    /// If there is no such cache; the error lists all names.
    ///
    /// ```
    /// use larder::manager::CacheManager;
    ///
    /// let manager = CacheManager::new();
    /// assert_eq!(manager.get_cache("url").unwrap().name(), "url");
    /// assert_eq!(
    ///     manager.get_cache("urls").unwrap_err().to_string(),
    ///     "there is no cache called \"urls\"; there are url, user, analytics, session, general"
    /// );
    /// ```
    pub fn get_cache(&self, name: &str) -> Result<ManagedCache, UnknownCache> {
        if let Ok(kind) = name.parse() {
            return Ok(self.cache(kind).clone());
        }
        self.0.named().get(name).cloned().ok_or_else(|| UnknownCache {
            name: name.to_owned(),
            known: self.caches().iter().map(|cache| cache.name().to_owned()).collect(),
        })
    }

    /// Returns all caches: the kinds first, then the others by name.
    #[must_use]
    pub fn caches(&self) -> Vec<ManagedCache> {
        self.0.caches()
    }

    /// Creates a named cache.
    ///
    /// # Errors
    ///
    /// If the name is invalid or taken, a setting is out of range, or there is no memory.
    pub fn create(
        &self,
        name: &str,
        settings: CacheSettings,
    ) -> Result<ManagedCache, ManagerError> {
        let cache = self.make_unlisted(name, settings)?;
        self.list(vec![cache.clone()])?;
        Ok(cache)
    }

    /// Builds a cache that [`list`](Self::list) is to list.
    pub(crate) fn make_unlisted(
        &self,
        name: &str,
        settings: CacheSettings,
    ) -> Result<ManagedCache, ManagerError> {
        check_name(name)?;
        if self.get_cache(name).is_ok() {
            return Err(ManagerError::Exists { name: name.to_owned() });
        }
        make(name, None, settings, &self.0.clock, self.0.maintenance, self.0.spawner.clone())
    }

    /// Lists new caches, so that they are found, if none of their names is taken.
    pub(crate) fn list(&self, caches: Vec<ManagedCache>) -> Result<(), ManagerError> {
        let mut named = self.0.named.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = caches.iter().find(|cache| named.contains_key(cache.name())) {
            return Err(ManagerError::Exists { name: cache.name().to_owned() });
        }
        named.extend(caches.iter().map(|cache| (cache.name().to_owned(), cache.clone())));
        // Unlocked first: the monitor locks its state, and lists the caches under that lock.
        drop(named);
        caches.iter().for_each(|cache| self.0.monitor.begin(&CacheSample::of(cache)));
        Ok(())
    }

    /// Clears all caches. O(caches).
    pub fn clear_all(&self) {
        self.caches().iter().for_each(ManagedCache::clear);
    }
}

impl Inner {
    fn named(&self) -> RwLockReadGuard<'_, BTreeMap<String, ManagedCache>> {
        self.named.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caches for Inner {
    fn caches(&self) -> Vec<ManagedCache> {
        self.kinds.iter().chain(self.named().values()).cloned().collect()
    }
}

impl Default for CacheManager {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CacheManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.caches()).finish()
    }
}

pub(super) fn make(
    name: &str,
    kind: Option<CacheKind>,
    settings: CacheSettings,
    clock: &Clock,
    maintenance: Maintenance,
    spawner: Option<Spawner>,
) -> Result<ManagedCache, ManagerError> {
    let named = || name.to_owned();
    settings.validate().map_err(|source| ManagerError::Settings { name: named(), source })?;
    ManagedCache::build(name, kind, settings, clock.clone(), maintenance, spawner)
        .map_err(|source| ManagerError::Build { name: named(), source })
}

pub(crate) fn check_name(name: &str) -> Result<(), ManagerError> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
    let fits = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(allowed);
    if fits { Ok(()) } else { Err(ManagerError::Name { name: name.to_owned() }) }
}
