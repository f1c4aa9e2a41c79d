//! One cache of a manager.

use super::share::CapacityShare;
use crate::{
    BuildError, Cache, CacheStats, Clock, EvictionPolicy, Maintenance,
    manager::{
        CacheKind, CacheSettings, Namespace,
        entries::{
            hashing::{BuildPlaceHasher, Tag},
            key::StoredKey,
            value::StoredValue,
            words::Namers,
        },
        locked,
    },
    process::spawner::Spawner,
};
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, atomic::AtomicU64},
};

/// About how many entries are measured to estimate the bytes of all values.
const SAMPLE: u64 = 8_192;

/// The cache behind a [`ManagedCache`]: keys and values of any type.
pub(crate) type Entries = Cache<StoredKey, StoredValue, BuildPlaceHasher>;

/// One of a manager's caches: a budget for values of all types. Comes from
/// [`CacheManager::cache`](crate::manager::CacheManager::cache) and
/// [`get_cache`](crate::manager::CacheManager::get_cache).
///
/// A handle: clones are the same cache.
#[derive(Clone)]
pub struct ManagedCache(pub(super) Arc<Inner>);

pub(super) struct Inner {
    name: String,
    kind: Option<CacheKind>,
    pub(super) cache: Entries,
    settings: Mutex<CacheSettings>,
    /// The share of the configured capacity that the cache has now; less than the whole while
    /// memory is short. Changed under the lock of the settings.
    pub(super) share: Mutex<CapacityShare>,
    /// Entries that were evicted because the capacity got smaller.
    pub(super) evicted_by_resize: AtomicU64,
    namespaces: Mutex<HashMap<String, Namespace>>,
    namers: Namers,
    /// The namespace of views that name none.
    unnamed: Namespace,
}

/// The bytes that one cache takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CacheMemory {
    /// The bytes of the cache's own structures, which it takes whether it is full or empty.
    pub structures: u64,
    /// The bytes of keys and values.
    pub values: u64,
}

impl CacheMemory {
    /// Returns the sum of both.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.structures + self.values
    }
}

impl ManagedCache {
    pub(crate) fn build(
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
            share: Mutex::new(CapacityShare::WHOLE),
            evicted_by_resize: AtomicU64::new(0),
            namespaces: Mutex::default(),
            namers: Namers::default(),
            unnamed: Namespace::new("", 0),
        })))
    }

    /// Returns the name by which [`get_cache`](crate::manager::CacheManager::get_cache) finds the
    /// cache.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the cache's kind; `None` for a named cache.
    #[must_use]
    pub fn kind(&self) -> Option<CacheKind> {
        self.0.kind
    }

    /// Returns the current settings.
    #[must_use]
    pub fn settings(&self) -> CacheSettings {
        self.locked_settings().clone()
    }

    /// Returns the current capacity: [`max_bytes`](CacheSettings::max_bytes) if that is set,
    /// [`max_entries`](CacheSettings::max_entries) otherwise, and less while memory is short. O(1).
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.0.cache.limits().max_capacity()
    }

    /// Returns how much of the [`capacity`](Self::capacity) is used: bytes or entries. O(1).
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

    /// Returns the statistics of all views together.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        self.0.cache.stats()
    }

    /// Returns the number of entries in all views together.
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        self.0.cache.entry_count()
    }

    /// Returns the bytes that the cache takes. The bytes of values are the sizes of their types,
    /// what [`View::with_heap_size`](crate::manager::View::with_heap_size) adds, and the heap of
    /// keys that were given as `str` or slices. In a large cache that is not bounded by bytes they
    /// are extrapolated from about 8,000 entries. O(capacity), and for large caches much less.
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

    pub(crate) fn is_weighted(&self) -> bool {
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

    /// Removes entries that are expired or invalidated: see [`Cache::run_pending_tasks`].
    pub fn run_pending_tasks(&self) {
        self.0.cache.run_pending_tasks();
    }

    /// Returns the namespace of this name, which is created if it does not exist. The empty name is
    /// the namespace of views that name none.
    ///
    /// A namespace lives as long as the cache: namespaces are for parts of a program. For things
    /// that are many, such as users, use keys and tags.
    ///
    /// # Panics
    ///
    /// If the namespace does not exist and the cache has 16,777,215 namespaces already.
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

    /// Invalidates all entries that have this tag, in all namespaces and of all types: see
    /// [`View::with_tags`](crate::manager::View::with_tags). O(1).
    pub fn invalidate_tag<T: Hash + ?Sized>(&self, tag: &T) {
        self.0.cache.invalidate_tag(&Tag::new(tag));
    }

    /// Returns all namespaces, with the namespace of views that name none.
    pub(crate) fn namespaces(&self) -> Vec<Namespace> {
        let mut all: Vec<_> = locked(&self.0.namespaces).values().cloned().collect();
        all.push(self.0.unnamed.clone());
        all
    }

    pub(crate) fn namers(&self) -> &Namers {
        &self.0.namers
    }

    /// Returns the number of entries for which `counts` returns true.
    pub(crate) fn count_entries(
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

    pub(super) fn locked_settings(&self) -> MutexGuard<'_, CacheSettings> {
        locked(&self.0.settings)
    }
}

impl fmt::Debug for ManagedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedCache")
            .field("name", &self.name())
            .field("entries", &self.entry_count())
            .finish_non_exhaustive()
    }
}
