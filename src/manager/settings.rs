//! What can be said about one cache.

use super::kind::CacheKind;
use crate::EvictionPolicy;
use std::{error::Error, fmt, time::Duration};

/// What an entry's time to live counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExpiryMode {
    /// The last write of its value: no value that is returned is older than the time to live. As
    /// [`CacheBuilder::time_to_live`](crate::CacheBuilder::time_to_live).
    #[default]
    AfterWrite,
    /// Its last use, which is a write or a lookup that counts as use: an entry that is in use
    /// stays. As [`CacheBuilder::time_to_idle`](crate::CacheBuilder::time_to_idle).
    AfterAccess,
}

/// How a cache of a [`CacheManager`](super::CacheManager) is to be.
///
/// ```
/// use larder::manager::{CacheSettings, ExpiryMode};
/// use std::time::Duration;
///
/// let settings = CacheSettings::new(10_000)
///     .time_to_live(Duration::from_secs(300))
///     .expiry(ExpiryMode::AfterAccess)
///     .max_bytes(64 << 20);
/// assert_eq!(settings.validate(), Ok(()));
/// assert_eq!(
///     CacheSettings::new(1 << 32).validate().unwrap_err().to_string(),
///     "max_entries: 4294967296 is out of range; allowed are 0 to 4294967295"
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CacheSettings {
    /// The most entries that the cache may hold. With [`max_bytes`](Self::max_bytes), how many to
    /// expect: about twice as many find room. 0 switches the cache off: it stores nothing, whatever
    /// `max_bytes` says, and every load runs.
    pub max_entries: u64,
    /// The most bytes that keys and values may have together. None: entries are counted instead.
    pub max_bytes: Option<u64>,
    /// How long an entry lives that gets no time of its own. None: without end.
    pub time_to_live: Option<Duration>,
    /// What that counts from.
    pub expiry: ExpiryMode,
    /// The share of the time to live that is random, from 0.0 to 1.0. Does not apply with
    /// [`ExpiryMode::AfterAccess`].
    pub jitter: f64,
    /// How many shards. None: as capacity and cores demand.
    pub shards: Option<usize>,
    /// The share of the capacity that new keys have at first, from 0.01 to 0.60. None: 0.02.
    pub new_key_share: Option<f64>,
    /// Which entries a full cache evicts.
    pub eviction_policy: EvictionPolicy,
    /// Which caches shrink first when memory is short: those with the least priority.
    pub priority: u8,
}

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingsError {
    /// The setting, by the name of its field.
    pub field: &'static str,
    /// What was asked for.
    pub value: String,
    /// What could have been.
    pub allowed: &'static str,
}

impl Error for SettingsError {}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, allowed } = self;
        write!(f, "{field}: {value} is out of range; allowed are {allowed}")
    }
}

const MINUTE: Duration = Duration::from_secs(60);
/// Ten years. For more, there is no limit.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl CacheSettings {
    /// For `max_entries` entries that do not expire, everything else by default.
    #[must_use]
    pub fn new(max_entries: u64) -> Self {
        Self {
            max_entries,
            max_bytes: None,
            time_to_live: None,
            expiry: ExpiryMode::AfterWrite,
            jitter: 0.0,
            shards: None,
            new_key_share: None,
            eviction_policy: EvictionPolicy::default(),
            priority: 1,
        }
    }

    /// The table of kinds, chosen by `larder-bench kinds`; the reasons are in docs/measurements.md.
    pub(super) fn of(kind: CacheKind) -> Self {
        let base = |entries, minutes, priority| Self {
            priority,
            ..Self::new(entries).time_to_live(minutes * MINUTE)
        };
        match kind {
            CacheKind::Url => base(5_000, 60, 3).jitter(0.1),
            CacheKind::User => base(1_000, 30, 2).new_key_share(0.3),
            CacheKind::Analytics => base(500, 15, 0).new_key_share(0.3),
            CacheKind::Session => base(2_000, 5, 4).expiry(ExpiryMode::AfterAccess),
            CacheKind::General => base(1_000, 10, 1),
        }
    }

    /// What bounds the cache: bytes or entries.
    pub(super) fn capacity(&self) -> u64 {
        if self.is_off() { 0 } else { self.max_bytes.unwrap_or(self.max_entries) }
    }

    /// Whether the cache stores nothing.
    pub(in crate::manager) fn is_off(&self) -> bool {
        self.max_entries == 0
    }

    /// How long entries live from their writing, and from their last use.
    pub(crate) fn limits(&self) -> (Option<Duration>, Option<Duration>) {
        match self.expiry {
            ExpiryMode::AfterWrite => (self.time_to_live, None),
            ExpiryMode::AfterAccess => (None, self.time_to_live),
        }
    }

    /// Says whether a cache can be made of it.
    ///
    /// # Errors
    ///
    /// The first setting that is out of range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let check = |holds: bool, field, value: &dyn ToString, allowed| {
            if holds {
                Ok(())
            } else {
                Err(SettingsError { field, value: value.to_string(), allowed })
            }
        };
        let entries = 0..=u64::from(u32::MAX);
        check(
            entries.contains(&self.max_entries),
            "max_entries",
            &self.max_entries,
            "0 to 4294967295",
        )?;
        if let Some(bytes) = self.max_bytes {
            check((1..=1 << 50).contains(&bytes), "max_bytes", &bytes, "1 to 1125899906842624")?;
        }
        if let Some(time) = self.time_to_live {
            let fits = (Duration::from_millis(1)..=LONGEST).contains(&time);
            check(fits, "time_to_live", &format!("{time:?}"), "1 ms to 3650 days, or none")?;
        }
        check((0.0..=1.0).contains(&self.jitter), "jitter", &self.jitter, "0.0 to 1.0")?;
        if let Some(shards) = self.shards {
            check((1..=65_536).contains(&shards), "shards", &shards, "1 to 65536, or none")?;
        }
        if let Some(share) = self.new_key_share {
            check((0.01..=0.6).contains(&share), "new_key_share", &share, "0.01 to 0.60, or none")?;
        }
        Ok(())
    }

    /// Sets [`max_entries`](Self::max_entries).
    #[must_use]
    pub fn max_entries(self, max_entries: u64) -> Self {
        Self { max_entries, ..self }
    }

    /// Sets [`max_bytes`](Self::max_bytes).
    #[must_use]
    pub fn max_bytes(self, bytes: u64) -> Self {
        Self { max_bytes: Some(bytes), ..self }
    }

    /// Sets [`time_to_live`](Self::time_to_live).
    #[must_use]
    pub fn time_to_live(self, duration: Duration) -> Self {
        Self { time_to_live: Some(duration), ..self }
    }

    /// Sets [`expiry`](Self::expiry).
    #[must_use]
    pub fn expiry(self, expiry: ExpiryMode) -> Self {
        Self { expiry, ..self }
    }

    /// Sets [`jitter`](Self::jitter).
    #[must_use]
    pub fn jitter(self, jitter: f64) -> Self {
        Self { jitter, ..self }
    }

    /// Sets [`shards`](Self::shards).
    #[must_use]
    pub fn shards(self, shards: usize) -> Self {
        Self { shards: Some(shards), ..self }
    }

    /// Sets [`new_key_share`](Self::new_key_share).
    #[must_use]
    pub fn new_key_share(self, share: f64) -> Self {
        Self { new_key_share: Some(share), ..self }
    }

    /// Sets [`eviction_policy`](Self::eviction_policy).
    #[must_use]
    pub fn eviction_policy(self, eviction_policy: EvictionPolicy) -> Self {
        Self { eviction_policy, ..self }
    }

    /// Sets [`priority`](Self::priority).
    #[must_use]
    pub fn priority(self, priority: u8) -> Self {
        Self { priority, ..self }
    }
}
