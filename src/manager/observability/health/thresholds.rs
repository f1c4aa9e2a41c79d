//! The thresholds of health.

use crate::manager::observability::history::LONGEST;
use std::{
    error::Error,
    fmt::{self, Display},
    time::Duration,
};

/// Two bounds of a value: beyond the first a cache is degraded, beyond the second it is critical.
///
/// ```
/// use larder::manager::Levels;
/// let floor = Levels { degraded: 0.8, critical: 0.5 };
/// assert_eq!(floor, Levels::new(0.8, 0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels<T> {
    /// Beyond this bound, the status is [`Degraded`](super::HealthStatus::Degraded).
    pub degraded: T,
    /// Beyond this bound, the status is [`Critical`](super::HealthStatus::Critical).
    pub critical: T,
}

impl<T> Levels<T> {
    /// Creates levels of both bounds.
    #[must_use]
    pub const fn new(degraded: T, critical: T) -> Self {
        Self { degraded, critical }
    }
}

/// The thresholds of health of a manager or a cache. A threshold that is `None` is not checked.
///
/// The thresholds of a manager apply to all its caches except those that have their own:
/// [`health_thresholds`](crate::manager::CacheManagerBuilder::health_thresholds),
/// [`health_thresholds_of`](crate::manager::CacheManagerBuilder::health_thresholds_of).
///
/// With the feature `serde` they can be serialized and deserialized. Durations are numbers of
/// seconds, with the unit in the name: `window_seconds`, `lateness.degraded_seconds`.
///
/// ```
/// use larder::manager::{HealthThresholds, Levels};
///
/// let strict = HealthThresholds {
///     hit_ratio: Some(Levels::new(0.9, 0.7)),
///     turnover: None,
///     ..HealthThresholds::default()
/// };
/// assert!(strict.validate().is_ok());
///
/// let nonsense = HealthThresholds { hit_ratio: Some(Levels::new(0.5, 0.7)), ..strict };
/// assert_eq!(
///     nonsense.validate().unwrap_err().to_string(),
///     "hit_ratio.critical: 0.7 is out of range; allowed are 0.0 to hit_ratio.degraded, which is 0.5"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields)
)]
pub struct HealthThresholds {
    /// The length of the window for hit ratio and turnover, 10 seconds to 15 minutes. By default 5
    /// minutes.
    #[cfg_attr(feature = "serde", serde(rename = "window_seconds", with = "crate::seconds"))]
    pub window: Duration,
    /// The hit ratio is checked only in windows with at least this many lookups. By default 1,000.
    pub min_lookups: u64,
    /// The lowest hit ratios, 0.0 to 1.0. By default 0.5 and 0.1.
    pub hit_ratio: Option<Levels<f64>>,
    /// The highest turnovers, 0.0 and more: evictions of unexpired entries per minute, divided by
    /// the number of entries. By default 1 and 10. A higher turnover means that the cache is too
    /// small for its load. Evictions because the capacity got smaller do not count.
    pub turnover: Option<Levels<f64>>,
    /// The highest utilizations of memory, 0.0 to 1.0. By default 0.85 and 0.95. Only the manager's
    /// threshold is checked, not those of single caches.
    pub memory: Option<Levels<f64>>,
    /// The longest delays of the manager's maintenance. By default 5 seconds and a minute. Only the
    /// manager's threshold is checked.
    pub lateness: Option<Levels<Duration>>,
}

impl Default for HealthThresholds {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(5 * 60),
            min_lookups: 1_000,
            hit_ratio: Some(Levels::new(0.5, 0.1)),
            turnover: Some(Levels::new(1.0, 10.0)),
            memory: Some(Levels::new(0.85, 0.95)),
            lateness: Some(Levels::new(Duration::from_secs(5), Duration::from_secs(60))),
        }
    }
}

/// The error of [`HealthThresholds::validate`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThresholdError {
    /// The threshold, such as `hit_ratio.critical`.
    pub field: String,
    /// The value that was asked for.
    pub value: String,
    /// The values that are allowed.
    pub allowed: String,
}

impl Error for ThresholdError {}

impl Display for ThresholdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, value, allowed } = self;
        write!(f, "{field}: {value} is out of range; allowed are {allowed}")
    }
}

impl ThresholdError {
    fn new(field: impl Into<String>, value: impl Display, allowed: impl Into<String>) -> Self {
        Self { field: field.into(), value: value.to_string(), allowed: allowed.into() }
    }
}

const SHORTEST: Duration = Duration::from_secs(10);

impl HealthThresholds {
    /// Checks that every threshold is in range.
    ///
    /// # Errors
    ///
    /// Names the first threshold that is not, its value, and the allowed values.
    pub fn validate(&self) -> Result<(), ThresholdError> {
        self.problems().into_iter().next().map_or(Ok(()), Err)
    }

    /// Returns the first error of each threshold.
    pub(crate) fn problems(&self) -> Vec<ThresholdError> {
        let checks = [
            self.check_window(),
            self.check_hit_ratio(),
            self.check_turnover(),
            self.check_memory(),
            self.check_lateness(),
        ];
        checks.into_iter().filter_map(Result::err).collect()
    }

    fn check_window(&self) -> Result<(), ThresholdError> {
        if (SHORTEST..=LONGEST).contains(&self.window) {
            return Ok(());
        }
        let window = format!("{:?}", self.window);
        Err(ThresholdError::new("window", window, "10 s to 15 min"))
    }

    fn check_hit_ratio(&self) -> Result<(), ThresholdError> {
        let Some(Levels { degraded, critical }) = self.hit_ratio else { return Ok(()) };
        within("hit_ratio.degraded", degraded, 0.0..=1.0, "0.0 to 1.0")?;
        let allowed = format!("0.0 to hit_ratio.degraded, which is {degraded}");
        within("hit_ratio.critical", critical, 0.0..=degraded, &allowed)
    }

    fn check_turnover(&self) -> Result<(), ThresholdError> {
        self.turnover.map_or(Ok(()), |levels| ceiling("turnover", levels, f64::MAX))
    }

    fn check_memory(&self) -> Result<(), ThresholdError> {
        self.memory.map_or(Ok(()), |levels| ceiling("memory", levels, 1.0))
    }

    fn check_lateness(&self) -> Result<(), ThresholdError> {
        match self.lateness {
            Some(Levels { degraded, critical }) if critical < degraded => {
                let allowed = format!("lateness.degraded, which is {degraded:?}, and more");
                Err(ThresholdError::new("lateness.critical", format!("{critical:?}"), allowed))
            }
            _ => Ok(()),
        }
    }
}

fn within(
    field: &str,
    value: f64,
    range: std::ops::RangeInclusive<f64>,
    allowed: &str,
) -> Result<(), ThresholdError> {
    // False for a NaN.
    if range.contains(&value) { Ok(()) } else { Err(ThresholdError::new(field, value, allowed)) }
}

/// Checks levels of a value whose upper bound is `most`: the first level, then the second.
fn ceiling(field: &str, levels: Levels<f64>, most: f64) -> Result<(), ThresholdError> {
    let Levels { degraded, critical } = levels;
    let upto = |least: &str| {
        if most == f64::MAX { format!("{least} and more") } else { format!("{least} to {most:?}") }
    };
    within(&format!("{field}.degraded"), degraded, 0.0..=most, &upto("0.0"))?;
    let least = format!("{field}.degraded, which is {degraded},");
    within(&format!("{field}.critical"), critical, degraded..=most, &upto(&least))
}
