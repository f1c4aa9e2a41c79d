//! The settings of one cache.

use super::kind::CacheKind;
use crate::EvictionPolicy;
use std::{error::Error, fmt, time::Duration};

/// The event that an entry's time to live counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ExpiryMode {
    /// The last write of its value: no returned value is older than the time to live. Corresponds
    /// to [`CacheBuilder::time_to_live`](crate::CacheBuilder::time_to_live).
    #[default]
    AfterWrite,
    /// Its last use, which is a write or a lookup that counts as use: an entry in use stays.
    /// Corresponds to [`CacheBuilder::time_to_idle`](crate::CacheBuilder::time_to_idle).
    AfterAccess,
}

/// The settings of a cache of a [`CacheManager`](crate::manager::CacheManager).
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
    /// The maximum number of entries. With [`max_bytes`](Self::max_bytes), the expected number of
    /// entries: about twice as many fit. 0 switches the cache off: it stores nothing, for any
    /// `max_bytes`, and every load runs.
    pub max_entries: u64,
    /// The maximum number of bytes of keys and values together. `None`: entries are counted
    /// instead.
    pub max_bytes: Option<u64>,
    /// How long an entry lives that has no time of its own. `None`: no limit.
    pub time_to_live: Option<Duration>,
    /// The event that `time_to_live` counts from.
    pub expiry: ExpiryMode,
    /// The share of the time to live that is random, from 0.0 to 1.0. Does not apply with
    /// [`ExpiryMode::AfterAccess`].
    pub jitter: f64,
    /// The number of shards. `None`: chosen by capacity and number of cores.
    pub shards: Option<usize>,
    /// The share of the capacity for new keys at first, from 0.01 to 0.60. `None`: 0.02.
    pub new_key_share: Option<f64>,
    /// Which entries a full cache evicts.
    pub eviction_policy: EvictionPolicy,
    /// The order in which caches shrink when memory is short: the lowest priority first.
    pub priority: u8,
}

/// The error for a setting that is out of range.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingsError {
    /// The name of the setting's field.
    pub field: &'static str,
    /// The value that was asked for.
    pub value: String,
    /// The values that are allowed.
    pub allowed: &'static str,
}

impl SettingsError {
    /// Returns an error unless `holds`.
    pub(crate) fn check(
        holds: bool,
        field: &'static str,
        value: &dyn ToString,
        allowed: &'static str,
    ) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { field, value: value.to_string(), allowed }) }
    }
}

impl Error for SettingsError {}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, allowed } = self;
        write!(f, "{field}: {value} is out of range; allowed are {allowed}")
    }
}

const MINUTE: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl CacheSettings {
    /// Creates settings for `max_entries` entries that do not expire, with defaults for the rest.
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

    /// Returns the bound of the cache, in bytes or entries.
    pub(crate) fn capacity(&self) -> u64 {
        if self.is_off() { 0 } else { self.max_bytes.unwrap_or(self.max_entries) }
    }

    pub(crate) fn is_off(&self) -> bool {
        self.max_entries == 0
    }

    /// Returns how long entries live from their last write, and from their last use.
    pub(crate) fn limits(&self) -> (Option<Duration>, Option<Duration>) {
        match self.expiry {
            ExpiryMode::AfterWrite => (self.time_to_live, None),
            ExpiryMode::AfterAccess => (None, self.time_to_live),
        }
    }

    /// Checks that every setting is in range.
    ///
    /// # Errors
    ///
    /// Names the first setting that is out of range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let check = SettingsError::check;
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
}

/// Defines the method that sets a field, for each field.
macro_rules! setters {
    ($($field:ident: $value:ty $(=> $wrap:path)?;)*) => {
        impl CacheSettings {$(
            #[doc = concat!("Sets [`", stringify!($field), "`](field@Self::", stringify!($field), ").")]
            #[must_use]
            pub fn $field(self, $field: $value) -> Self {
                Self { $field: $($wrap)?($field), ..self }
            }
        )*}
    };
}

setters! {
    max_entries: u64;
    max_bytes: u64 => Some;
    time_to_live: Duration => Some;
    expiry: ExpiryMode;
    jitter: f64;
    shards: usize => Some;
    new_key_share: f64 => Some;
    eviction_policy: EvictionPolicy;
    priority: u8;
}

impl CacheKind {
    /// Returns the default settings of the kind's cache.
    ///
    /// ```
    /// use larder::manager::CacheKind;
    /// use std::time::Duration;
    ///
    /// let settings = CacheKind::Url.settings();
    /// assert_eq!(settings.max_entries, 5_000);
    /// assert_eq!(settings.time_to_live, Some(Duration::from_secs(60 * 60)));
    /// ```
    #[must_use]
    pub fn settings(self) -> CacheSettings {
        // Chosen by `larder-bench kinds`; the reasons are in docs/measurements.md.
        let base = |entries, minutes, priority| CacheSettings {
            priority,
            ..CacheSettings::new(entries).time_to_live(minutes * MINUTE)
        };
        match self {
            CacheKind::Url => base(5_000, 60, 3).jitter(0.1),
            CacheKind::User => base(1_000, 30, 2).new_key_share(0.3),
            CacheKind::Analytics => base(500, 15, 0).new_key_share(0.3),
            CacheKind::Session => base(2_000, 5, 4).expiry(ExpiryMode::AfterAccess),
            CacheKind::General => base(1_000, 10, 1),
        }
    }
}
