//! Changing the settings of a cache that is in use.

use super::{cache::ManagedCache, share::CapacityShare};
use crate::{
    ResizeError,
    manager::{CacheSettings, SettingsError, locked},
};
use std::{error::Error, fmt, sync::atomic::Ordering::Relaxed};

/// Why settings cannot be applied to a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApplyError {
    /// A setting is out of range.
    Settings(SettingsError),
    /// There is no memory for this capacity.
    Resize(ResizeError),
    /// The setting cannot change while the cache lives.
    Fixed {
        /// The name of the setting's field.
        field: &'static str,
        /// The value that was asked for.
        value: String,
        /// The current value.
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

/// `Display` shows the wrapped errors, so they are not sources as well.
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
    /// Changes settings while the cache is in use: `max_entries` or `max_bytes`, `time_to_live`,
    /// `expiry`, `jitter` and `priority`. Entries that still fit stay.
    ///
    /// - A smaller capacity is reached by eviction before the call returns.
    /// - Entries written from now on follow the new settings. Existing entries keep their deadline,
    ///   or get the one that the new time to live gives from their last write, if that is earlier:
    ///   no deadline moves later. Entries with a time of their own
    ///   ([`View::with_ttl`](crate::manager::View::with_ttl)) keep it.
    /// - For existing entries, a new idle time counts from now; a longer one, from their next use.
    /// - A write that runs at the same time as the call may still follow the old settings.
    ///
    /// O(entries) if a time gets shorter, O(evicted entries) otherwise.
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
    /// If a setting is out of range or cannot change while the cache lives, or if there is no
    /// memory for the capacity. Then nothing has changed.
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
            self.set_times(settings);
        }
        *current = settings.clone();
        Ok(())
    }

    pub(crate) fn share(&self) -> CapacityShare {
        *locked(&self.0.share)
    }

    /// Gives the cache this share of its configured capacity, now and after settings change.
    pub(crate) fn set_share(&self, share: CapacityShare) -> Result<(), ResizeError> {
        let settings = self.locked_settings();
        self.resize(share.of(settings.capacity()))?;
        *locked(&self.0.share) = share;
        Ok(())
    }

    /// Sets the capacity. Called under the lock of the settings.
    fn resize(&self, capacity: u64) -> Result<(), ResizeError> {
        let before = self.stats().evictions;
        self.0.cache.set_max_capacity(capacity)?;
        // Entries that other threads evict meanwhile are counted as well.
        self.0.evicted_by_resize.fetch_add(self.stats().evictions.saturating_sub(before), Relaxed);
        Ok(())
    }

    /// Returns the number of entries that were evicted because the capacity got smaller. They are
    /// also counted in [`CacheStats::evictions`](crate::CacheStats::evictions). O(1).
    ///
    /// ```
    /// use larder::manager::{CacheManager, CacheSettings};
    ///
    /// let cache = CacheManager::new().create("numbers", CacheSettings::new(100)).unwrap();
    /// (0..100).for_each(|key: u32| cache.view::<u32>().insert(&key, key));
    /// let before = cache.stats().evictions;
    /// cache.apply(&cache.settings().max_entries(10))?;
    /// assert_eq!(cache.evicted_by_resize(), cache.stats().evictions - before);
    /// assert!(cache.evicted_by_resize() > 0);
    /// # Ok::<(), larder::manager::ApplyError>(())
    /// ```
    #[must_use]
    pub fn evicted_by_resize(&self) -> u64 {
        self.0.evicted_by_resize.load(Relaxed)
    }

    fn set_times(&self, settings: &CacheSettings) {
        let engine = self.0.cache.engine();
        let (to_live, to_idle) = settings.limits();
        engine.lifetimes().jitter.set(settings.jitter);
        engine.lifetimes().to_live.set(to_live);
        engine.set_time_to_idle(to_idle);
        engine.shorten_lives();
    }
}

/// Returns the settings that differ and cannot change: field, current value, wanted value.
pub(crate) fn fixed(
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
    let both = |field, is_same: bool, value: &dyn Fn(&CacheSettings) -> String| {
        (!is_same).then(|| (field, value(current), value(wanted)))
    };
    let is_weighted = current.max_bytes.is_some();
    let is_expected = current.max_entries == wanted.max_entries
        // The cache is switched off or on.
        || current.is_off()
        || wanted.is_off();
    [
        both("max_bytes", is_weighted == wanted.max_bytes.is_some(), &bytes),
        // With bytes, `max_entries` is an estimate that is used when the cache is built.
        both("max_entries", !is_weighted || is_expected, &entries),
        both("shards", current.shards == wanted.shards, &shards),
        both("new_key_share", current.new_key_share == wanted.new_key_share, &new_key_share),
        both("eviction_policy", current.eviction_policy == wanted.eviction_policy, &policy),
    ]
    .into_iter()
    .flatten()
    .collect()
}
