//! Settings of a manager from the program, from TOML files and from the environment.
//!
//! Later sources override earlier ones: first the built-in settings, then those of the program in
//! the [`ConfigBuilder`], then files in the order in which they are named, then the environment. A
//! file or a variable changes only the settings that it names.
//!
//! ```
//! use larder::manager::{CacheKind, config::ManagerConfig};
//! use std::time::Duration;
//!
//! let config = ManagerConfig::builder()
//!     .toml(
//!         "larder.toml",
//!         r#"
//!             [url]
//!             ttl = "1h 30m"
//!
//!             [caches.thumbnails]
//!             max_bytes = "64 MiB"
//!         "#,
//!     )
//!     .variables([("LARDER_URL__TTL", "30m")])
//!     .build()?;
//! assert_eq!(config.kind(CacheKind::Url).time_to_live, Some(Duration::from_secs(30 * 60)));
//! assert_eq!(config.cache("thumbnails").unwrap().max_bytes, Some(64 << 20));
//! # Ok::<(), larder::manager::config::ConfigError>(())
//! ```
//!
//! All problems are reported at once, each with its place:
//!
//! ```
//! use larder::manager::config::ManagerConfig;
//!
//! let error = ManagerConfig::builder()
//!     .toml("larder.toml", "[user]\npriority = 256\ntll = '5m'\n")
//!     .variables([("LARDER_URL__TTL", "soon")])
//!     .build()
//!     .unwrap_err();
//! assert_eq!(
//!     error.to_string().lines().collect::<Vec<_>>(),
//!     [
//!         "larder.toml:2:12: user.priority: 256 does not fit: it is too large; allowed is a whole number \
//!          from 0 to 255",
//!         "larder.toml:3:1: user.tll: there is no such setting; did you mean ttl? Allowed are \
//!          max_entries, max_bytes, ttl, expiry, jitter, shards, new_key_share, eviction_policy, priority, \
//!          health",
//!         "environment variable LARDER_URL__TTL: url.ttl: \"soon\" does not fit: \
//!          \"soon\" does not begin with a number; allowed is a duration such as \"1h 30m\" \
//!          (units: ms, s, m, h, d, w), or \"none\"",
//!     ]
//! );
//! ```

mod builder;
mod environment;
mod error;
mod file;
mod raw;
mod reload;
mod schema;
mod section;
mod units;

pub use builder::ConfigBuilder;
pub use error::{ConfigError, ConfigProblem, Place};
pub use reload::{FixedSetting, ReloadError, Reloaded};
pub use section::{Section, Setting};

use crate::manager::{
    CacheKind, CacheSettings, HealthThresholds, cache_manager::manager::check_name,
    memory::MemorySettings,
};
use std::{collections::BTreeMap, path::PathBuf};

/// The settings of a whole manager: of the five kinds of caches, of named ones, of memory, and of
/// health.
///
/// ```
/// use larder::manager::{CacheKind, config::ManagerConfig};
///
/// let config = ManagerConfig::from_toml_str("[session]\nmax_entries = 10_000")?;
/// assert_eq!(config.kind(CacheKind::Session).max_entries, 10_000);
/// // All other settings are the built-in ones.
/// assert_eq!(*config.kind(CacheKind::Url), CacheKind::Url.settings());
/// # Ok::<(), larder::manager::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ManagerConfig {
    kinds: [CacheSettings; CacheKind::ALL.len()],
    named: BTreeMap<String, CacheSettings>,
    memory: MemorySettings,
    health: HealthThresholds,
    /// The thresholds of caches that have their own, by name.
    own_health: BTreeMap<String, HealthThresholds>,
    /// The sections of other packages.
    sections: Vec<Section>,
}

impl Default for ManagerConfig {
    fn default() -> Self {
        Self {
            kinds: CacheKind::ALL.map(CacheKind::settings),
            named: BTreeMap::new(),
            memory: MemorySettings::default(),
            health: HealthThresholds::default(),
            own_health: BTreeMap::new(),
            sections: Vec::new(),
        }
    }
}

impl ManagerConfig {
    /// Returns a builder, which combines several sources.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::new()
    }

    /// Reads TOML text over the built-in settings.
    ///
    /// # Errors
    ///
    /// Has all problems of the text; their places are in a file called `config`.
    pub fn from_toml_str(text: &str) -> Result<Self, ConfigError> {
        Self::builder().toml("config", text).build()
    }

    /// Reads a TOML file over the built-in settings.
    ///
    /// # Errors
    ///
    /// If the file cannot be read; otherwise has all its problems.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        Self::builder().file(path).build()
    }

    /// Reads a TOML file over the built-in settings, then the process's environment.
    ///
    /// # Errors
    ///
    /// If the file cannot be read; otherwise has all problems of both.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        Self::builder().file(path).environment().build()
    }

    /// Returns the settings of the cache of a kind.
    #[must_use]
    pub fn kind(&self, kind: CacheKind) -> &CacheSettings {
        &self.kinds[kind as usize]
    }

    /// Returns the named caches and their settings, ordered by name.
    pub fn named(&self) -> impl Iterator<Item = (&str, &CacheSettings)> {
        self.named.iter().map(|(name, settings)| (name.as_str(), settings))
    }

    /// Returns the settings of the cache of this name, of a kind or a named one.
    #[must_use]
    pub fn cache(&self, name: &str) -> Option<&CacheSettings> {
        match name.parse() {
            Ok(kind) => Some(self.kind(kind)),
            Err(_) => self.named.get(name),
        }
    }

    /// Returns the settings of memory sampling.
    #[must_use]
    pub fn memory(&self) -> &MemorySettings {
        &self.memory
    }

    /// Returns the thresholds of the manager, and of all caches that have none of their own.
    #[must_use]
    pub fn health(&self) -> &HealthThresholds {
        &self.health
    }

    /// Returns the thresholds of one cache; `None` if it has none of its own.
    ///
    /// ```
    /// use larder::manager::{Levels, config::ManagerConfig};
    ///
    /// let config = ManagerConfig::from_toml_str(
    ///     "[health]\nmin_lookups = 100\n[analytics.health]\nhit_ratio.degraded = 0.2",
    /// )?;
    /// let analytics = config.health_of("analytics").unwrap();
    /// assert_eq!((analytics.min_lookups, analytics.hit_ratio), (100, Some(Levels::new(0.2, 0.1))));
    /// assert_eq!(config.health_of("url"), None);
    /// # Ok::<(), larder::manager::config::ConfigError>(())
    /// ```
    #[must_use]
    pub fn health_of(&self, cache: &str) -> Option<&HealthThresholds> {
        self.own_health.get(cache)
    }

    /// Returns the section that another package reads; `None` if the builder does not know the
    /// [section](ConfigBuilder::section).
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name() == name)
    }

    fn kind_mut(&mut self, kind: CacheKind) -> &mut CacheSettings {
        &mut self.kinds[kind as usize]
    }

    /// Returns the settings of a named cache; those of the general cache if it is new.
    fn named_mut(&mut self, name: &str) -> &mut CacheSettings {
        self.named.entry(name.to_owned()).or_insert_with(|| CacheKind::General.settings())
    }
}

/// Checks that a named cache can have this name. The error says which names are allowed.
fn check_cache_name(name: &str) -> Result<(), &'static str> {
    if name.parse::<CacheKind>().is_ok() {
        return Err("any name but those of the five kinds, which have sections of their own");
    }
    match check_name(name) {
        Ok(()) => Ok(()),
        Err(_) => Err("1 to 64 of a-z, 0-9, '_', '-' and '.', the first of them a letter"),
    }
}
