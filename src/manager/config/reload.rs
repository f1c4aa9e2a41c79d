//! A configuration becomes a manager, or changes one that is running.
//!
//! A reload is done in an order in which whatever can fail comes before whatever cannot be taken
//! back: first what is for life is compared, then new caches are made (they are not listed yet),
//! then caches that are to hold more are made to (which loses nothing, and is undone if one of them
//! has no room), and only then are the new caches let in and all settings applied, shrinking
//! included.

use super::{ManagerConfig, schema::name_of_cache_field};
use crate::manager::{
    ApplyError, CacheKind, CacheManager, CacheManagerBuilder, CacheSettings, ManagedCache,
    ManagerError,
    managed::{self, locked},
    monitor::Thresholds,
    telemetry,
};
use std::fmt;

/// What a reload has done; caches are given by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// Caches whose settings have changed.
    pub changed: Vec<String>,
    /// Caches that are new.
    pub created: Vec<String>,
    /// Named caches that the configuration does not mention. They stay as they are.
    pub unmentioned: Vec<String>,
    /// Whether it has changed how memory is looked after.
    pub memory_changed: bool,
    /// Whether it has changed from when on something is not well.
    pub health_changed: bool,
}

/// Why a reload has changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// Some settings are for life; all of these that were to change.
    #[error("{}", lines(.0))]
    Fixed(Vec<FixedSetting>),
    /// There is no room for a cache's new settings.
    #[error("cache {name:?}: {source}")]
    Apply {
        /// Which cache.
        name: String,
        /// Why.
        source: ApplyError,
    },
    /// A new cache cannot be made.
    #[error(transparent)]
    Create(#[from] ManagerError),
}

/// A setting that was to change and cannot, while its cache lives.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FixedSetting {
    /// Its path in the configuration, such as `url.shards`.
    pub field: String,
    /// What it is.
    pub current: String,
    /// What was asked for.
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

/// Configuration.
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
impl CacheManagerBuilder {
    /// The settings of a configuration, instead of those that were there: for all five kinds, for
    /// the named caches that it mentions, for memory, and for health.
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
        self.forget_named(|name| config.cache(name).is_some());
        for (name, settings) in config.named() {
            self = self.named(name, settings.clone());
        }
        self.thresholds.configure(config);
        self.memory(config.memory().clone())
    }
}

impl Thresholds {
    /// As is configured; caches that are not mentioned keep their own.
    fn configure(&mut self, config: &ManagerConfig) {
        self.common = config.health;
        self.own.retain(|cache, _| config.cache(cache).is_none());
        self.own.extend(config.own_health.iter().map(|(cache, own)| (cache.clone(), *own)));
    }
}

/// Configuration.
#[cfg_attr(docsrs, doc(cfg(feature = "config")))]
impl CacheManager {
    /// A manager as it is configured.
    ///
    /// # Errors
    ///
    /// If the settings do not fit together, or there is no memory for them.
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

    /// Changes a manager that is running to what is configured now. Entries that still fit stay.
    ///
    /// Capacities, times to live and what they count from, jitter, priorities, how memory is looked
    /// after and from when on something is not well may change, and named caches may be new. A new
    /// time to live counts for entries that are written from then on, and a shorter one for those
    /// that are there, too; a cache that shrinks gives up entries as if it were full. Named caches
    /// that are not mentioned any more stay as they are.
    ///
    /// # Errors
    ///
    /// If a setting was to change that is for life (shards, new_key_share, policy, and whether
    /// entries or bytes are bounded), or there is no room. Then nothing has changed.
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
        let _one_at_a_time = locked(self.reloading());
        let caches = self.caches();
        let mut changes = Vec::new();
        let mut unmentioned = Vec::new();
        for cache in &caches {
            match config.cache(cache.name()) {
                Some(settings) => changes.push(Change::new(cache, settings)),
                None => unmentioned.push(cache.name().to_owned()),
            }
        }
        let fixed: Vec<_> = changes.iter().flat_map(Change::fixed).collect();
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
        telemetry::reloaded(&reloaded);
        Ok(reloaded)
    }
}

/// One cache, and what it is to become.
struct Change<'a> {
    cache: &'a ManagedCache,
    old: CacheSettings,
    new: &'a CacheSettings,
}

impl<'a> Change<'a> {
    fn new(cache: &'a ManagedCache, new: &'a CacheSettings) -> Self {
        Self { cache, old: cache.settings(), new }
    }

    /// What was to change and cannot.
    fn fixed(&self) -> Vec<FixedSetting> {
        let section = match self.cache.kind() {
            Some(kind) => kind.name().to_owned(),
            None => format!("caches.{}", self.cache.name()),
        };
        let fixed = managed::fixed(&self.old, self.new).into_iter();
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

/// Caches that may hold more already; unless they are kept so, they may not any more.
struct Grown<'a>(Vec<&'a Change<'a>>);

impl<'a> Grown<'a> {
    fn all(changes: &'a [Change<'a>]) -> Result<Self, ReloadError> {
        let mut grown = Self(Vec::new());
        for change in changes.iter().filter(|change| change.grows()) {
            let Change { old, new, .. } = change;
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
            // A cache can always have what it had.
            let _ = change.apply(&change.old);
        }
    }
}
