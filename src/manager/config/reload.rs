//! Building a manager from a configuration, and reloading the configuration of one that runs.
//!
//! In a reload, every step that can fail comes before all steps that cannot be undone. First,
//! settings that cannot change are compared. Then new caches are built, which are not listed yet.
//! Then caches grow that are to hold more; this loses no entry, and is undone if one of them gets
//! no memory. Then the new caches are listed and all settings applied, which may evict entries.

use super::{ManagerConfig, schema::name_of_cache_field};
use crate::manager::{
    ApplyError, CacheKind, CacheManager, CacheManagerBuilder, CacheSettings, ManagedCache,
    ManagerError, locked,
    managed_cache::apply,
    observability::{monitor::Thresholds, telemetry},
};
use std::fmt;

/// What a reload has changed. Caches are given by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// Caches whose settings have changed.
    pub changed: Vec<String>,
    /// New caches.
    pub created: Vec<String>,
    /// Named caches that the configuration does not mention, which are unchanged.
    pub unmentioned: Vec<String>,
    /// Whether settings of memory sampling have changed.
    pub memory_changed: bool,
    /// Whether thresholds of health have changed.
    pub health_changed: bool,
}

/// The error of a reload, which has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// Settings that cannot change while their cache lives; all of them.
    #[error("{}", lines(.0))]
    Fixed(Vec<FixedSetting>),
    /// The new settings of a cache cannot be applied.
    #[error("cache {name:?}: {source}")]
    Apply {
        /// The name of the cache.
        name: String,
        /// The reason.
        source: ApplyError,
    },
    /// A new cache cannot be created.
    #[error(transparent)]
    Create(#[from] ManagerError),
}

/// A setting that differs and cannot change while its cache lives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FixedSetting {
    /// The path in the configuration, such as `url.shards`.
    pub field: String,
    /// The current value.
    pub current: String,
    /// The value that was asked for.
    pub asked: String,
}

impl fmt::Display for FixedSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, current, asked } = self;
        write!(f, "{field}: {asked} was asked for, but it is {current} until the next start")
    }
}

fn lines(fixed: &[FixedSetting]) -> String {
    fixed.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// # Configuration
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
impl CacheManagerBuilder {
    /// Takes the settings of a configuration: for all five kinds, for the named caches that it
    /// mentions, for memory, and for health. They replace those that were set before.
    ///
    /// ```
    /// use larder::manager::{CacheManager, config::ManagerConfig};
    ///
    /// let config = ManagerConfig::from_toml_str("[caches.reports]\nmax_entries = 200")?;
    /// let manager = CacheManager::builder().config(&config).build();
    /// assert_eq!(manager.get_cache("reports").unwrap().settings().max_entries, 200);
    /// # Ok::<(), larder::manager::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn config(mut self, config: &ManagerConfig) -> Self {
        for kind in CacheKind::ALL {
            self = self.kind(kind, config.kind(kind).clone());
        }
        self.remove_named(|name| config.cache(name).is_some());
        for (name, settings) in config.named() {
            self = self.named(name, settings.clone());
        }
        self.thresholds.configure(config);
        self.memory(config.memory().clone())
    }
}

impl Thresholds {
    /// Takes the thresholds of a configuration. Caches that it does not mention keep their own.
    fn configure(&mut self, config: &ManagerConfig) {
        self.common = config.health;
        self.own.retain(|cache, _| config.cache(cache).is_none());
        self.own.extend(config.own_health.iter().map(|(cache, own)| (cache.clone(), *own)));
    }
}

/// # Configuration
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
impl CacheManager {
    /// Creates a manager from a configuration.
    ///
    /// # Errors
    ///
    /// If the settings do not fit together, or there is no memory for the caches.
    ///
    /// ```
    /// use larder::manager::{CacheKind, CacheManager, config::ManagerConfig};
    ///
    /// let config = ManagerConfig::from_toml_str("[url]\nmax_entries = 20_000")?;
    /// let manager = CacheManager::from_config(&config)?;
    /// assert_eq!(manager.cache(CacheKind::Url).capacity(), 20_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_config(config: &ManagerConfig) -> Result<Self, ManagerError> {
        Self::builder().config(config).try_build()
    }

    /// Changes the settings of a running manager to those of a configuration. Entries that still
    /// fit stay.
    ///
    /// Capacities, times to live and what they count from, jitter, priorities, the settings of
    /// memory sampling and the thresholds of health may change, and named caches may be new. A new
    /// time to live applies to entries that are written from then on; a shorter one also to present
    /// entries. A cache that shrinks evicts entries as if it were full. Named caches that the
    /// configuration does not mention are unchanged.
    ///
    /// # Errors
    ///
    /// If a setting differs that cannot change while its cache lives (`shards`, `new_key_share`,
    /// `eviction_policy`, whether entries or bytes are bounded, and `max_entries` beside
    /// `max_bytes`), or if there is no memory. Then nothing has changed.
    ///
    /// ```
    /// use larder::manager::{CacheKind, CacheManager, config::ManagerConfig};
    ///
    /// let manager = CacheManager::new();
    /// let config = ManagerConfig::from_toml_str("[url]\nmax_entries = 4_000")?;
    /// assert_eq!(manager.reload(&config)?.changed, ["url"]);
    /// assert_eq!(manager.cache(CacheKind::Url).capacity(), 4_000);
    ///
    /// let config = ManagerConfig::from_toml_str("[url]\nmax_entries = 3_000\nshards = 3")?;
    /// assert_eq!(
    ///     manager.reload(&config).unwrap_err().to_string(),
    ///     "url.shards: 3 was asked for, but it is unset until the next start"
    /// );
    /// assert_eq!(manager.cache(CacheKind::Url).capacity(), 4_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reload(&self, config: &ManagerConfig) -> Result<Reloaded, ReloadError> {
        let _one_at_a_time = locked(&self.0.reloading);
        let caches = self.caches();
        let mut changes = Vec::new();
        let mut unmentioned = Vec::new();
        for cache in &caches {
            match config.cache(cache.name()) {
                Some(settings) => changes.push(CacheChange::new(cache, settings)),
                None => unmentioned.push(cache.name().to_owned()),
            }
        }
        let fixed: Vec<_> = changes.iter().flat_map(CacheChange::fixed).collect();
        if !fixed.is_empty() {
            return Err(ReloadError::Fixed(fixed));
        }
        let is_new = |name: &str| caches.iter().all(|cache| cache.name() != name);
        let new = config.named().filter(|(name, _)| is_new(name));
        let made = new.map(|(name, settings)| self.make_unlisted(name, settings.clone()));
        let made: Vec<_> = made.collect::<Result<_, _>>()?;
        let created = made.iter().map(|cache| cache.name().to_owned()).collect();

        let grown = Grown::all(&changes)?;
        self.list(made)?;
        grown.keep();
        changes.retain(|change| change.old != *change.new);
        for change in &changes {
            change.apply(change.new)?;
        }
        let memory_changed = self.memory_settings() != *config.memory();
        if memory_changed {
            self.set_memory_settings(config.memory().clone()).map_err(ManagerError::Memory)?;
        }
        let health_changed = self.0.monitor.change_thresholds(|health| health.configure(config));
        let changed = changes.iter().map(|change| change.cache.name().to_owned()).collect();
        let reloaded = Reloaded { changed, created, unmentioned, memory_changed, health_changed };
        telemetry::reloaded(&reloaded.changed, &reloaded.created);
        Ok(reloaded)
    }
}

/// A cache, its settings, and its new settings.
struct CacheChange<'a> {
    cache: &'a ManagedCache,
    old: CacheSettings,
    new: &'a CacheSettings,
}

impl<'a> CacheChange<'a> {
    fn new(cache: &'a ManagedCache, new: &'a CacheSettings) -> Self {
        Self { cache, old: cache.settings(), new }
    }

    fn fixed(&self) -> Vec<FixedSetting> {
        let section = match self.cache.kind() {
            Some(kind) => kind.name().to_owned(),
            None => format!("caches.{}", self.cache.name()),
        };
        let fixed = apply::fixed(&self.old, self.new).into_iter();
        fixed
            .map(|(field, current, asked)| FixedSetting {
                field: format!("{section}.{}", name_of_cache_field(field)),
                current,
                asked,
            })
            .collect()
    }

    fn grows(&self) -> bool {
        self.new.capacity() > self.old.capacity()
    }

    fn apply(&self, settings: &CacheSettings) -> Result<(), ReloadError> {
        let named = |source| ReloadError::Apply { name: self.cache.name().to_owned(), source };
        self.cache.apply(settings).map_err(named)
    }
}

/// Caches that have grown. The drop undoes it, unless [`keep`](Self::keep) is called.
struct Grown<'a>(Vec<&'a CacheChange<'a>>);

impl<'a> Grown<'a> {
    fn all(changes: &'a [CacheChange<'a>]) -> Result<Self, ReloadError> {
        let mut grown = Self(Vec::new());
        for change in changes.iter().filter(|change| change.grows()) {
            let CacheChange { old, new, .. } = change;
            change.apply(&CacheSettings {
                max_entries: new.max_entries,
                max_bytes: new.max_bytes,
                ..old.clone()
            })?;
            grown.0.push(change);
        }
        Ok(grown)
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Grown<'_> {
    fn drop(&mut self) {
        for change in &self.0 {
            // Cannot fail: the cache had this capacity before.
            let _ = change.apply(&change.old);
        }
    }
}
