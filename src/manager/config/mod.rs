//! Settings of a manager from the program, from TOML files and from the environment.
//!
//! What is said later counts: first the built-in settings, then what the program says to the
//! [`ConfigBuilder`], then files in the order in which they are named, then the environment. A file
//! or a variable changes the one setting that it names, and leaves the others as they are.
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
//! All that is wrong is told at once, with the place of each:
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
mod health;
mod raw;
mod reload;
mod schema;
mod section;
mod units;

pub use builder::ConfigBuilder;
pub use error::{ConfigError, ConfigProblem, Place};
pub use reload::{FixedSetting, ReloadError, Reloaded};
pub use section::{Section, Setting};

use super::{CacheKind, CacheSettings, HealthThresholds, memory::MemorySettings};
use std::{collections::BTreeMap, path::PathBuf};

/// The settings of a whole manager: of the five kinds of caches, of named ones, of memory, and of
/// health.
///
/// ```
/// use larder::manager::{CacheKind, config::ManagerConfig};
///
/// let config = ManagerConfig::from_toml_str("[session]\nmax_entries = 10_000")?;
/// assert_eq!(config.kind(CacheKind::Session).max_entries, 10_000);
/// // The rest is as it is built in.
/// assert_eq!(*config.kind(CacheKind::Url), CacheKind::Url.settings());
/// # Ok::<(), larder::manager::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ManagerConfig {
    kinds: [CacheSettings; CacheKind::ALL.len()],
    named: BTreeMap<String, CacheSettings>,
    memory: MemorySettings,
    health: HealthThresholds,
    /// Of caches that have their own, by name.
    own_health: BTreeMap<String, HealthThresholds>,
    /// Of other packages.
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
    /// A builder, to put one together from several sources.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::new()
    }

    /// The built-in settings, changed by this text.
    ///
    /// # Errors
    ///
    /// All that is wrong with it; places are in a file called `config`.
    pub fn from_toml_str(text: &str) -> Result<Self, ConfigError> {
        Self::builder().toml("config", text).build()
    }

    /// The built-in settings, changed by this file.
    ///
    /// # Errors
    ///
    /// That it cannot be read, or all that is wrong with it.
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        Self::builder().file(path).build()
    }

    /// The built-in settings, changed by this file, then by the process's environment.
    ///
    /// # Errors
    ///
    /// That it cannot be read, or all that is wrong with both.
    pub fn load(path: impl Into<PathBuf>) -> Result<Self, ConfigError> {
        Self::builder().file(path).environment().build()
    }

    /// The settings of the cache of a kind.
    #[must_use]
    pub fn kind(&self, kind: CacheKind) -> &CacheSettings {
        &self.kinds[kind as usize]
    }

    /// The named caches and their settings, by name.
    pub fn named(&self) -> impl Iterator<Item = (&str, &CacheSettings)> {
        self.named.iter().map(|(name, settings)| (name.as_str(), settings))
    }

    /// The settings of a cache by its name, be it of a kind or a named one.
    #[must_use]
    pub fn cache(&self, name: &str) -> Option<&CacheSettings> {
        match name.parse() {
            Ok(kind) => Some(self.kind(kind)),
            Err(_) => self.named.get(name),
        }
    }

    /// Whether and how memory is looked after.
    #[must_use]
    pub fn memory(&self) -> &MemorySettings {
        &self.memory
    }

    /// From when on the manager is not well, and all caches that have no thresholds of their own.
    #[must_use]
    pub fn health(&self) -> &HealthThresholds {
        &self.health
    }

    /// From when on one cache is not well; `None` if it has no thresholds of its own.
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

    /// What the configuration says in a section that another package reads; `None` if the builder
    /// does not know [of it](ConfigBuilder::section).
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name() == name)
    }

    fn kind_mut(&mut self, kind: CacheKind) -> &mut CacheSettings {
        &mut self.kinds[kind as usize]
    }

    /// Made like the general cache, if it is not there.
    fn named_mut(&mut self, name: &str) -> &mut CacheSettings {
        self.named.entry(name.to_owned()).or_insert_with(|| CacheKind::General.settings())
    }
}

/// Whether a cache of one's own may be called so; what is allowed, if not.
fn check_cache_name(name: &str) -> Result<(), &'static str> {
    if name.parse::<CacheKind>().is_ok() {
        return Err("any name but those of the five kinds, which have sections of their own");
    }
    match super::manager::check_name(name) {
        Ok(()) => Ok(()),
        Err(_) => Err("1 to 64 of a-z, 0-9, '_', '-' and '.', the first of them a letter"),
    }
}
