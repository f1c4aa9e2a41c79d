//! The manager.

use super::{
    error::{ManagerError, UnknownCache},
    kind::CacheKind,
    managed::ManagedCache,
    memory::{MemoryProbe, MemorySettings, Watch},
    monitor::{self, Monitor, Thresholds},
    observe::seen,
    settings::CacheSettings,
    view::View,
};
use crate::{
    Clock, Maintenance,
    process::{maintenance::Registration, spawner::Spawner},
};
use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, Weak},
    time::Duration,
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
pub struct CacheManager(pub(super) Arc<Inner>);

// A probe, a loader or a subscriber that panics leaves nothing half done.
impl std::panic::UnwindSafe for CacheManager {}
impl std::panic::RefUnwindSafe for CacheManager {}

pub(super) struct Inner {
    kinds: [ManagedCache; CacheKind::ALL.len()],
    named: RwLock<BTreeMap<String, ManagedCache>>,
    pub(super) clock: Clock,
    pub(super) maintenance: Maintenance,
    spawner: Option<Spawner>,
    pub(super) watch: Arc<Watch>,
    pub(super) monitor: Monitor,
    /// While there is one, the maintenance thread looks at the caches.
    pub(super) registration: Mutex<Option<Registration>>,
    /// Held while settings are reloaded.
    #[cfg(feature = "config")]
    reloading: Mutex<()>,
}

/// A handle that does not keep the manager.
pub(super) struct WeakManager(Weak<Inner>);

impl WeakManager {
    pub(super) fn upgrade(&self) -> Option<CacheManager> {
        self.0.upgrade().map(CacheManager)
    }
}

/// Builds a [`CacheManager`]; comes from [`CacheManager::builder`].
#[derive(Clone, Debug)]
pub struct CacheManagerBuilder {
    kinds: [CacheSettings; CacheKind::ALL.len()],
    named: Vec<(String, CacheSettings)>,
    clock: Clock,
    maintenance: Maintenance,
    spawner: Option<Spawner>,
    probe: Option<Arc<dyn MemoryProbe>>,
    memory: MemorySettings,
    pub(super) sample_every: Duration,
    pub(super) thresholds: Thresholds,
}

impl CacheManager {
    /// A manager of the five kinds, with their own settings.
    ///
    /// # Panics
    ///
    /// If there is no memory for them.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A builder, to say more.
    #[must_use]
    pub fn builder() -> CacheManagerBuilder {
        CacheManagerBuilder {
            kinds: CacheKind::ALL.map(CacheKind::settings),
            named: Vec::new(),
            clock: Clock::default(),
            maintenance: Maintenance::default(),
            spawner: None,
            probe: None,
            memory: MemorySettings::default(),
            sample_every: monitor::INTERVAL,
            thresholds: Thresholds::default(),
        }
    }

    /// The cache of a kind. O(1).
    #[must_use]
    pub fn cache(&self, kind: CacheKind) -> &ManagedCache {
        &self.0.kinds[kind as usize]
    }

    /// The values of one type in the cache of a kind.
    #[must_use]
    pub fn view<V: Clone + Send + Sync + 'static>(&self, kind: CacheKind) -> View<V> {
        self.cache(kind).view()
    }

    /// The cache of that name: of a kind, or one that was created.
    ///
    /// # Errors
    ///
    /// If there is none; the error lists those that there are.
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

    /// All caches: the kinds first, then the others by name.
    #[must_use]
    pub fn caches(&self) -> Vec<ManagedCache> {
        self.0.caches()
    }

    /// Adds a cache.
    ///
    /// # Errors
    ///
    /// If the name is none, or is taken, or the settings are out of range.
    pub fn create(
        &self,
        name: &str,
        settings: CacheSettings,
    ) -> Result<ManagedCache, ManagerError> {
        let cache = self.make_unlisted(name, settings)?;
        self.list(vec![cache.clone()])?;
        Ok(cache)
    }

    /// Makes a cache that is not listed yet.
    pub(super) fn make_unlisted(
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

    /// Lets them be found, if none of their names is taken.
    pub(super) fn list(&self, caches: Vec<ManagedCache>) -> Result<(), ManagerError> {
        let mut named = self.0.named.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cache) = caches.iter().find(|cache| named.contains_key(cache.name())) {
            return Err(ManagerError::Exists { name: cache.name().to_owned() });
        }
        named.extend(caches.iter().map(|cache| (cache.name().to_owned(), cache.clone())));
        // The monitor lists caches under its lock.
        drop(named);
        caches.iter().for_each(|cache| self.0.monitor.begin(&seen(cache)));
        Ok(())
    }

    /// Clears all caches. O(caches).
    pub fn clear_all(&self) {
        self.caches().iter().for_each(ManagedCache::clear);
    }

    #[cfg(feature = "config")]
    pub(super) fn reloading(&self) -> &Mutex<()> {
        &self.0.reloading
    }

    pub(super) fn watch(&self) -> &Arc<Watch> {
        &self.0.watch
    }
}

impl Inner {
    fn named(&self) -> RwLockReadGuard<'_, BTreeMap<String, ManagedCache>> {
        self.named.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn caches(&self) -> Vec<ManagedCache> {
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

fn make(
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

pub(super) fn check_name(name: &str) -> Result<(), ManagerError> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
    let fits = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(allowed);
    if fits { Ok(()) } else { Err(ManagerError::Name { name: name.to_owned() }) }
}

impl CacheManagerBuilder {
    /// Settings for the cache of a kind, instead of its own.
    #[must_use]
    pub fn kind(mut self, kind: CacheKind, settings: CacheSettings) -> Self {
        self.kinds[kind as usize] = settings;
        self
    }

    /// One more cache.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>, settings: CacheSettings) -> Self {
        self.named.push((name.into(), settings));
        self
    }

    /// Where all caches have the time from.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Who frees what is expired, in all caches.
    #[must_use]
    pub fn maintenance(mut self, maintenance: Maintenance) -> Self {
        self.maintenance = maintenance;
        self
    }

    /// How loads are run in tasks of their own, in all caches: see
    /// [`CacheBuilder::spawner`](crate::CacheBuilder::spawner). For
    /// [`get_with_detached`](super::View::get_with_detached) and its kin.
    #[must_use]
    pub fn spawner(
        mut self,
        spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync + 'static,
    ) -> Self {
        self.spawner = Some(Spawner::new(spawn));
        self
    }

    /// Takes back what was said about those named caches.
    #[cfg(feature = "config")]
    pub(super) fn forget_named(&mut self, forgotten: impl Fn(&str) -> bool) {
        self.named.retain(|(name, _)| !forgotten(name));
    }

    /// Who looks at the memory, instead of a `SystemProbe`, or of a
    /// [`Cgroup`](super::memory::Cgroup) without the feature `sysinfo`.
    #[must_use]
    pub fn memory_probe(mut self, probe: impl MemoryProbe + 'static) -> Self {
        self.probe = Some(Arc::new(probe));
        self
    }

    /// Whether and how memory is looked after: by default only when
    /// [`sample_memory`](CacheManager::sample_memory) is called.
    #[must_use]
    pub fn memory(mut self, settings: MemorySettings) -> Self {
        self.memory = settings;
        self
    }

    /// Builds the manager.
    ///
    /// # Panics
    ///
    /// If [`try_build`](Self::try_build) would return an error, with its text.
    #[must_use]
    pub fn build(self) -> CacheManager {
        self.try_build().unwrap_or_else(|error| panic!("cannot build the manager: {error}"))
    }

    /// Builds the manager, or says why not.
    ///
    /// # Errors
    ///
    /// [`ManagerError`] names the cache and what is wrong with it.
    pub fn try_build(self) -> Result<CacheManager, ManagerError> {
        self.check_observation()?;
        let Self { kinds, named, clock, maintenance, spawner, .. } = self;
        let Self { probe, memory, sample_every, thresholds, .. } = self;
        memory.validate().map_err(ManagerError::Memory)?;
        let mut caches = Vec::with_capacity(kinds.len());
        for (kind, settings) in CacheKind::ALL.into_iter().zip(kinds) {
            let spawner = spawner.clone();
            caches.push(make(kind.name(), Some(kind), settings, &clock, maintenance, spawner)?);
        }
        let kinds = caches.try_into().expect("as many as there are kinds");
        let named_caches = RwLock::default();
        let watch = Watch::new(probe, memory, clock.clone(), maintenance);
        let inner = Inner {
            kinds,
            named: named_caches,
            monitor: Monitor::new(clock.clone(), sample_every, thresholds),
            registration: Mutex::default(),
            clock,
            maintenance,
            spawner,
            watch,
            #[cfg(feature = "config")]
            reloading: Mutex::default(),
        };
        let manager = CacheManager(Arc::new(inner));
        for (name, settings) in named {
            manager.create(&name, settings)?;
        }
        manager.observe();
        manager.0.watch.start(WeakManager(Arc::downgrade(&manager.0)));
        Ok(manager)
    }
}

static GLOBAL: OnceLock<CacheManager> = OnceLock::new();

/// Somebody has set, or used, the process's manager before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AlreadySet;

impl Error for AlreadySet {}

impl fmt::Display for AlreadySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the process's manager is there already; set it before its first use")
    }
}

/// The process's manager: what [`set_global`] was given, or else one that is built from defaults at
/// first use. O(1).
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

/// Sets the process's manager, once, before it is used.
///
/// # Errors
///
/// If it is set, or was used, already.
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

/// [`CacheManager::get_cache`] of the process's manager.
///
/// # Errors
///
/// As for [`CacheManager::get_cache`].
pub fn get_cache(name: &str) -> Result<ManagedCache, UnknownCache> {
    global().get_cache(name)
}
