//! One cache of a manager.

use super::{
    hashing::BuildPlaceHasher,
    key::StoredKey,
    kind::CacheKind,
    memory::Share,
    namespace::Namespace,
    settings::{CacheSettings, ExpiryMode, SettingsError},
    stored::StoredValue,
    view::View,
};
use crate::{BuildError, Cache, CacheStats, Clock, Maintenance, ResizeError};
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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
    /// What it has of its settings' capacity, which is less while memory is short. Changed under the
    /// lock of the settings.
    share: Mutex<Share>,
    namespaces: Mutex<HashMap<String, Namespace>>,
    /// That of those who name none.
    unnamed: Namespace,
}

/// Bytes of one cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// A setting is out of range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is no room for so many entries.
    #[error(transparent)]
    Resize(#[from] ResizeError),
    /// The setting is for life.
    #[error(
        "{field}: {value} was asked for, but it cannot be changed while the cache lives; it is {current}"
    )]
    Fixed {
        /// The setting, by the name of its field.
        field: &'static str,
        /// What was asked for.
        value: String,
        /// What it is.
        current: String,
    },
}

impl ManagedCache {
    pub(super) fn build(
        name: &str,
        kind: Option<CacheKind>,
        settings: CacheSettings,
        clock: Clock,
        maintenance: Maintenance,
    ) -> Result<Self, BuildError> {
        let time = settings.time_to_live.unwrap_or(Duration::MAX);
        let builder = Cache::builder()
            .name(name)
            .hasher(BuildPlaceHasher::new())
            .estimated_entries(settings.max_entries)
            .eviction_policy(settings.eviction_policy)
            .jitter(settings.jitter)
            .clock(clock)
            .maintenance(maintenance);
        let builder = match settings.expiry {
            ExpiryMode::Live => builder.time_to_live(time),
            ExpiryMode::Idle => builder.time_to_idle(time),
        };
        let builder = match settings.max_bytes {
            None => builder.max_capacity(settings.max_entries),
            Some(bytes) => builder
                .max_capacity(bytes)
                .weigher(|_: &StoredKey, value: &StoredValue| value.bytes()),
        };
        let builder = match settings.probation {
            None => builder,
            Some(share) => builder.probation(share),
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
            namespaces: Mutex::default(),
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

    /// Changes its settings.
    ///
    /// # Errors
    ///
    /// If one is out of range, is for life, or there is no room for so many entries.
    pub fn apply(&self, settings: &CacheSettings) -> Result<(), ApplyError> {
        settings.validate()?;
        let mut current = self.locked_settings();
        self.0.cache.set_max_capacity(self.share().of(bound(settings)))?;
        *current = settings.clone();
        Ok(())
    }

    /// What it may hold at present: [`max_bytes`](CacheSettings::max_bytes) if they are set, or else
    /// [`max_entries`](CacheSettings::max_entries), and less while memory is short. O(1).
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.0.cache.policy().max_capacity()
    }

    /// What it has of its settings' capacity.
    pub(crate) fn share(&self) -> Share {
        *locked(&self.0.share)
    }

    /// Makes it have that much of its settings' capacity, now and when they change.
    pub(crate) fn set_share(&self, share: Share) -> Result<(), ResizeError> {
        let settings = self.locked_settings();
        self.0.cache.set_max_capacity(share.of(bound(&settings)))?;
        *locked(&self.0.share) = share;
        Ok(())
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

    /// The bytes that it takes.
    #[must_use]
    pub fn memory(&self) -> CacheMemory {
        let values = self.0.cache.iter().map(|(_, value)| u64::from(value.bytes())).sum();
        CacheMemory { structures: self.0.cache.memory_usage() as u64, values }
    }

    /// Invalidates every entry, of all namespaces and types. O(1).
    pub fn clear(&self) {
        self.0.cache.invalidate_all();
    }

    /// Takes out what is expired or invalidated: see [`Cache::run_pending_tasks`].
    pub fn run_pending_tasks(&self) {
        self.0.cache.run_pending_tasks();
    }

    /// The namespace of that name, made if it is not there yet. The empty name is that of views that name
    /// none.
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

    #[inline(always)]
    pub(crate) fn cache(&self) -> &Entries {
        &self.0.cache
    }

    fn locked_settings(&self) -> MutexGuard<'_, CacheSettings> {
        locked(&self.0.settings)
    }
}

fn bound(settings: &CacheSettings) -> u64 {
    settings.max_bytes.unwrap_or(settings.max_entries)
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
