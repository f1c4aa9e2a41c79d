//! One cache of a manager.

use super::{
    hashing::BuildPlaceHasher,
    key::StoredKey,
    kind::CacheKind,
    listing::Namers,
    memory::Share,
    namespace::Namespace,
    settings::{CacheSettings, SettingsError},
    stored::StoredValue,
    view::{self, View},
};
use crate::{
    BuildError, Cache, CacheStats, Clock, EvictionPolicy, Maintenance, ResizeError,
    process::spawner::Spawner,
};
use std::{
    collections::HashMap,
    error::Error,
    fmt,
    hash::Hash,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Entries that are looked at, about, to learn what values take.
const SAMPLE: u64 = 8_192;

/// What a managed cache is: keys and values of any type.
pub(crate) type Entries = Cache<StoredKey, StoredValue, BuildPlaceHasher>;

/// One of a manager's caches: a budget for values of all types. Comes from
/// [`CacheManager::cache`](super::CacheManager::cache) and
/// [`get_cache`](super::CacheManager::get_cache).
///
/// A handle: clones are the same cache.
#[derive(Clone)]
pub struct ManagedCache(Arc<Inner>);

struct Inner {
    name: String,
    kind: Option<CacheKind>,
    cache: Entries,
    settings: Mutex<CacheSettings>,
    /// What it has of its settings' capacity, which is less while memory is short. Changed under
    /// the lock of the settings.
    share: Mutex<Share>,
    /// Entries that were evicted because the capacity got smaller.
    shed: AtomicU64,
    namespaces: Mutex<HashMap<String, Namespace>>,
    namers: Namers,
    /// That of those who name none.
    unnamed: Namespace,
}

/// Bytes of one cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CacheMemory {
    /// Of the cache's own structures, which are there whether it is full or not.
    pub structures: u64,
    /// Of keys and values.
    pub values: u64,
}

impl CacheMemory {
    /// Both together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.structures + self.values
    }
}

/// Why a cache cannot be had as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyError {
    /// A setting is out of range.
    Settings(SettingsError),
    /// There is no room for so many entries.
    Resize(ResizeError),
    /// The setting is for life.
    Fixed {
        /// The setting, by the name of its field.
        field: &'static str,
        /// What was asked for.
        value: String,
        /// What it is.
        current: String,
    },
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(error) => error.fmt(f),
            Self::Resize(error) => error.fmt(f),
            Self::Fixed { field, value, current } => write!(
                f,
                "{field}: {value} was asked for, but that cannot be changed while the cache lives; \
                 it is {current}"
            ),
        }
    }
}

/// The wrapped errors are shown as they are, so they are no sources besides.
impl Error for ApplyError {}

impl From<SettingsError> for ApplyError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<ResizeError> for ApplyError {
    fn from(error: ResizeError) -> Self {
        Self::Resize(error)
    }
}

impl ManagedCache {
    pub(super) fn build(
        name: &str,
        kind: Option<CacheKind>,
        settings: CacheSettings,
        clock: Clock,
        maintenance: Maintenance,
        spawner: Option<Spawner>,
    ) -> Result<Self, BuildError> {
        let (to_live, to_idle) = settings.limits();
        let builder = Cache::builder()
            .name(name)
            .hasher(BuildPlaceHasher::new())
            .estimated_entries(settings.max_entries)
            .eviction_policy(settings.eviction_policy)
            .jitter(settings.jitter)
            .max_capacity(settings.capacity())
            .clock(clock)
            .maintenance(maintenance)
            .shared_spawner(spawner)
            .changing_times();
        let builder = match to_live {
            None => builder,
            Some(duration) => builder.time_to_live(duration),
        };
        let builder = match to_idle {
            None => builder,
            Some(duration) => builder.time_to_idle(duration),
        };
        let builder = match settings.max_bytes {
            None => builder,
            Some(_) => builder.weigher(|_: &StoredKey, value: &StoredValue| value.bytes()),
        };
        let builder = match settings.eviction_policy {
            EvictionPolicy::CostAware => {
                builder.cost(|_: &StoredKey, value: &StoredValue| value.cost())
            }
            _ => builder,
        };
        let builder = match settings.new_key_share {
            None => builder,
            Some(share) => builder.new_key_share(share),
        };
        let builder = match settings.shards {
            None => builder,
            Some(shards) => builder.shards(shards),
        };
        Ok(Self(Arc::new(Inner {
            name: name.to_owned(),
            kind,
            cache: builder.try_build()?,
            settings: Mutex::new(settings),
            share: Mutex::new(Share::WHOLE),
            shed: AtomicU64::new(0),
            namespaces: Mutex::default(),
            namers: Namers::default(),
            unnamed: Namespace::new("", 0),
        })))
    }

    /// Its name, by which [`get_cache`](super::CacheManager::get_cache) finds it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its kind; None for caches of your own.
    #[must_use]
    pub fn kind(&self) -> Option<CacheKind> {
        self.0.kind
    }

    /// Its settings, as they are now.
    #[must_use]
    pub fn settings(&self) -> CacheSettings {
        self.locked_settings().clone()
    }

    /// Changes its settings while it is in use: `max_entries` or `max_bytes`, `time_to_live`,
    /// `expiry`, `jitter` and `priority`. Entries that still fit stay.
    ///
    /// - A smaller capacity is reached before the call returns, by eviction.
    /// - What is written from now on lives by the new settings. What is there keeps its own end, or
    ///   gets the one that the new time to live gives counted from its writing, if that is earlier;
    ///   no life gets longer. What was given a time of its own ([`View::with_ttl`]) keeps that.
    /// - A new idle time counts from now, for what is there; with a longer one, from its next use.
    /// - What is being written at this moment may live as long as it was said before.
    ///
    /// O(entries) if a time gets shorter, O(what is evicted) otherwise.
    ///
    /// ```
    /// use larder::manager::{CacheKind, CacheManager};
    ///
    /// let manager = CacheManager::new();
    /// let users = manager.cache(CacheKind::User);
    /// users.apply(&users.settings().max_entries(500))?;
    /// assert_eq!(users.settings().max_entries, 500);
    /// assert_eq!(
    ///     users.apply(&users.settings().shards(64)).unwrap_err().to_string(),
    ///     "shards: 64 was asked for, but that cannot be changed while the cache lives; it is unset"
    /// );
    /// # Ok::<(), larder::manager::ApplyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a setting is out of range, is for life, or there is no room for so many entries. Nothing
    /// has changed then.
    pub fn apply(&self, settings: &CacheSettings) -> Result<(), ApplyError> {
        settings.validate()?;
        let mut current = self.locked_settings();
        if let Some((field, current, value)) = fixed(&current, settings).into_iter().next() {
            return Err(ApplyError::Fixed { field, value, current });
        }
        self.resize(self.share().of(settings.capacity()))?;
        if (settings.time_to_live, settings.expiry) != (current.time_to_live, current.expiry)
            || settings.jitter != current.jitter
        {
            self.rule_lives(settings);
        }
        *current = settings.clone();
        Ok(())
    }

    /// What it may hold at present: [`max_bytes`](CacheSettings::max_bytes) if they are set, or
    /// else [`max_entries`](CacheSettings::max_entries), and less while memory is short. O(1).
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.0.cache.limits().max_capacity()
    }

    /// Returns how much of its [`capacity`](Self::capacity) is used: bytes or entries. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let manager = CacheManager::new();
    /// manager.view::<u32>(CacheKind::User).insert(&1, 1);
    /// assert_eq!(manager.cache(CacheKind::User).weight(), 1);
    /// ```
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.0.cache.weighted_size()
    }

    /// What it has of its settings' capacity.
    pub(crate) fn share(&self) -> Share {
        *locked(&self.0.share)
    }

    /// Makes it have that much of its settings' capacity, now and when they change.
    pub(crate) fn set_share(&self, share: Share) -> Result<(), ResizeError> {
        let settings = self.locked_settings();
        self.resize(share.of(settings.capacity()))?;
        *locked(&self.0.share) = share;
        Ok(())
    }

    /// Under the lock of the settings.
    fn resize(&self, capacity: u64) -> Result<(), ResizeError> {
        let before = self.stats().evictions;
        self.0.cache.set_max_capacity(capacity)?;
        // What others evict meanwhile is counted in.
        self.0.shed.fetch_add(self.stats().evictions.saturating_sub(before), Relaxed);
        Ok(())
    }

    /// Returns how many entries have been evicted because the capacity got smaller. They count
    /// among the [evictions](CacheStats::evictions), too. O(1).
    ///
    /// ```
    /// use larder::manager::{CacheManager, CacheSettings};
    ///
    /// let cache = CacheManager::new().create("numbers", CacheSettings::new(100)).unwrap();
    /// (0..100).for_each(|key: u32| cache.view::<u32>().insert(&key, key));
    /// let before = cache.stats().evictions;
    /// cache.apply(&cache.settings().max_entries(10))?;
    /// assert_eq!(cache.shed(), cache.stats().evictions - before);
    /// assert!(cache.shed() > 0);
    /// # Ok::<(), larder::manager::ApplyError>(())
    /// ```
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.0.shed.load(Relaxed)
    }

    fn rule_lives(&self, settings: &CacheSettings) {
        let engine = self.0.cache.engine();
        let (to_live, to_idle) = settings.limits();
        engine.lifetimes().jitter.set(settings.jitter);
        engine.lifetimes().to_live.set(to_live);
        engine.set_time_to_idle(to_idle);
        engine.shorten_lives();
    }

    /// What has happened so far, in all views together.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.0.cache.stats()
    }

    /// The number of entries, in all views together.
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        self.0.cache.entry_count()
    }

    /// Returns the bytes that the cache takes. Those of values are what their types say, what
    /// [`View::with_heap_size`] adds, and the heap of keys that were given as `str` or slices. In a
    /// large cache that is not bound by bytes they are extrapolated from 8,000 of them.
    /// O(capacity), and for large caches much less.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let manager = CacheManager::new();
    /// let pages = manager.view::<String>(CacheKind::General).with_heap_size(String::capacity);
    /// pages.insert("/", "x".repeat(10_000));
    /// let memory = pages.cache().memory();
    /// assert!((10_000..10_200).contains(&memory.values) && memory.structures > 0);
    /// ```
    #[must_use]
    pub fn memory(&self) -> CacheMemory {
        let cache = &self.0.cache;
        let values = if self.is_weighted() { cache.weighted_size() } else { self.sampled_bytes() };
        CacheMemory { structures: cache.memory_usage() as u64, values }
    }

    /// Whether its capacity counts bytes.
    pub(super) fn is_weighted(&self) -> bool {
        self.locked_settings().max_bytes.is_some()
    }

    fn sampled_bytes(&self) -> u64 {
        let engine = self.0.cache.engine();
        let stride = self.entry_count().div_ceil(SAMPLE).max(1) as usize;
        let (mut entries, mut bytes) = (0, 0);
        for own in 0..engine.shard_numbers() {
            for set in (0..engine.sets(own)).step_by(stride) {
                engine.visit_set(own, set, |entry| {
                    entries += 1;
                    bytes += u64::from(entry.value.bytes());
                });
            }
        }
        match entries {
            0 => 0,
            _ if stride == 1 => bytes,
            seen => (bytes as f64 / f64::from(seen) * self.entry_count() as f64) as u64,
        }
    }

    /// Invalidates every entry, of all namespaces and types. O(1).
    pub fn clear(&self) {
        self.0.cache.invalidate_all();
    }

    /// Takes out what is expired or invalidated: see [`Cache::run_pending_tasks`].
    pub fn run_pending_tasks(&self) {
        self.0.cache.run_pending_tasks();
    }

    /// The namespace of that name, made if it is not there yet. The empty name is that of views
    /// that name none.
    ///
    /// It stays as long as the cache: namespaces are for parts of a program. For what there are
    /// many of, such as users, use keys and tags.
    ///
    /// # Panics
    ///
    /// If the cache has 16,777,215 namespaces and is to have another.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Namespace {
        if name.is_empty() {
            return self.0.unnamed.clone();
        }
        let mut namespaces = locked(&self.0.namespaces);
        let next = namespaces.len() as u32 + 1;
        let made = || Namespace::new(name, next);
        namespaces.entry(name.to_owned()).or_insert_with(made).clone()
    }

    /// Its values of one type.
    #[must_use]
    pub fn view<V: Clone + Send + Sync + 'static>(&self) -> View<V> {
        View::new(self.clone(), self.0.unnamed.clone())
    }

    /// Invalidates all entries that have this tag, of all namespaces and types: see
    /// [`View::with_tags`]. O(1).
    pub fn invalidate_tag<T: Hash + ?Sized>(&self, tag: &T) {
        view::invalidate_tag(&self.0.cache, tag);
    }

    /// All that were made, and that of views that name none.
    pub(super) fn namespaces(&self) -> Vec<Namespace> {
        let mut all: Vec<_> = locked(&self.0.namespaces).values().cloned().collect();
        all.push(self.0.unnamed.clone());
        all
    }

    pub(super) fn namers(&self) -> &Namers {
        &self.0.namers
    }

    /// Counts the entries for which `counts` holds.
    pub(super) fn count_entries(
        &self,
        mut counts: impl FnMut(&StoredKey, &StoredValue) -> bool,
    ) -> u64 {
        let (engine, mut count) = (self.0.cache.engine(), 0);
        for own in 0..engine.shard_numbers() {
            for set in 0..engine.sets(own) {
                engine.visit_set(own, set, |entry| {
                    count += u64::from(counts(&entry.key, &entry.value));
                });
            }
        }
        count
    }

    pub(crate) fn entries(&self) -> &Entries {
        &self.0.cache
    }

    fn locked_settings(&self) -> MutexGuard<'_, CacheSettings> {
        locked(&self.0.settings)
    }
}

/// What of a cache's settings was to change and cannot: field, what it is, what was asked for.
pub(super) fn fixed(
    current: &CacheSettings,
    wanted: &CacheSettings,
) -> Vec<(&'static str, String, String)> {
    let or_unset = |value: Option<String>| value.unwrap_or_else(|| "unset".to_owned());
    let bytes = |settings: &CacheSettings| or_unset(settings.max_bytes.map(|it| it.to_string()));
    let shards = |settings: &CacheSettings| or_unset(settings.shards.map(|it| it.to_string()));
    let new_key_share =
        |settings: &CacheSettings| or_unset(settings.new_key_share.map(|it| it.to_string()));
    let policy = |settings: &CacheSettings| format!("{:?}", settings.eviction_policy);
    let entries = |settings: &CacheSettings| settings.max_entries.to_string();
    let both = |field, is_same: bool, said: &dyn Fn(&CacheSettings) -> String| {
        (!is_same).then(|| (field, said(current), said(wanted)))
    };
    let is_weighted = current.max_bytes.is_some();
    let is_expected = current.max_entries == wanted.max_entries
        // Switched off or on.
        || current.is_off()
        || wanted.is_off();
    [
        both("max_bytes", is_weighted == wanted.max_bytes.is_some(), &bytes),
        // How many entries to expect is of use only when the cache is made.
        both("max_entries", !is_weighted || is_expected, &entries),
        both("shards", current.shards == wanted.shards, &shards),
        both("new_key_share", current.new_key_share == wanted.new_key_share, &new_key_share),
        both("eviction_policy", current.eviction_policy == wanted.eviction_policy, &policy),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Nothing is left half done under these locks.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for ManagedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedCache")
            .field("name", &self.name())
            .field("entries", &self.entry_count())
            .finish_non_exhaustive()
    }
}
