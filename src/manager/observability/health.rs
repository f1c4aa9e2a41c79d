//! The health of caches: rules over the last minutes, and over the process.

#[cfg(feature = "serde")]
mod serialized;
mod thresholds;

use super::history::Delta;
use crate::manager::memory::Utilization;
use std::{fmt, time::Duration};
pub use thresholds::{HealthThresholds, Levels, ThresholdError};

/// The status of a cache or a manager, from good to bad.
///
/// ```
/// use larder::manager::HealthStatus;
/// assert!(HealthStatus::Critical > HealthStatus::Degraded);
/// assert_eq!(HealthStatus::Degraded.to_string(), "degraded");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum HealthStatus {
    /// Every value is within its thresholds.
    #[default]
    Ok,
    /// A value is beyond its first threshold: the cache works, and needs attention.
    Degraded,
    /// A value is beyond its second threshold: the cache is of little use, or soon will be.
    Critical,
}

impl HealthStatus {
    /// Returns `ok`, `degraded` or `critical`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            HealthStatus::Ok => "ok",
            HealthStatus::Degraded => "degraded",
            HealthStatus::Critical => "critical",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value that is beyond its threshold. `Display` describes it:
///
/// ```
/// use larder::{Maintenance, ManualClock, manager::{CacheKind, CacheManager}};
///
/// let clock = ManualClock::new();
/// let manager =
///     CacheManager::builder().clock(&clock).maintenance(Maintenance::Manual).build();
/// let urls = manager.view::<String>(CacheKind::Url);
/// (0..2_000).for_each(|key: u32| assert_eq!(urls.get(&key), None));
///
/// let health = manager.health();
/// assert_eq!(
///     health.cache("url").unwrap().findings[0].to_string(),
///     "critical: hit ratio 0.0 % of 2000 lookups in the last 0 s, less than 10.0 %"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "kind", rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum HealthReason {
    /// Too few lookups find their key.
    HitRatio {
        /// The share of lookups that found their key.
        ratio: f64,
        /// The threshold.
        floor: f64,
        /// The number of lookups.
        lookups: u64,
        /// The length of the window.
        #[cfg_attr(feature = "serde", serde(rename = "over_seconds", with = "crate::seconds"))]
        over: Duration,
    },
    /// Too many unexpired entries are evicted.
    Evictions {
        /// The number of evictions.
        evictions: u64,
        /// The length of the window.
        #[cfg_attr(feature = "serde", serde(rename = "over_seconds", with = "crate::seconds"))]
        over: Duration,
        /// Evictions per minute, divided by the number of entries.
        turnover: f64,
        /// The threshold.
        ceiling: f64,
    },
    /// Too much of a memory limit is in use.
    Memory {
        /// Which limit, and how much of it is in use.
        utilization: Utilization,
        /// The threshold.
        ceiling: f64,
    },
    /// The manager's maintenance runs too late: listeners or destructors block all maintenance
    /// threads, or the process gets no processor time. Expired entries may not be freed meanwhile.
    MaintenanceLate {
        /// How late it is now, or was last time.
        #[cfg_attr(feature = "serde", serde(rename = "late_seconds", with = "crate::seconds"))]
        late: Duration,
        /// The threshold.
        #[cfg_attr(feature = "serde", serde(rename = "ceiling_seconds", with = "crate::seconds"))]
        ceiling: Duration,
    },
}

impl fmt::Display for HealthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            HealthReason::HitRatio { ratio, floor, lookups, over } => write!(
                f,
                "hit ratio {:.1} % of {lookups} lookups in the last {} s, less than {:.1} %",
                ratio * 100.0,
                over.as_secs(),
                floor * 100.0
            ),
            HealthReason::Evictions { evictions, over, turnover, ceiling } => write!(
                f,
                "{evictions} evictions of unexpired entries in the last {} s, {turnover:.1} times \
                 the entries each minute, more than {ceiling:.1}",
                over.as_secs(),
            ),
            HealthReason::Memory { utilization, ceiling } => {
                write!(f, "memory: {utilization}, more than {:.1} %", ceiling * 100.0)
            }
            HealthReason::MaintenanceLate { late, ceiling } => write!(
                f,
                "maintenance thread {:.1} s late, more than {:.1} s",
                late.as_secs_f64(),
                ceiling.as_secs_f64()
            ),
        }
    }
}

/// A value that is beyond its threshold, and how bad that is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// [`Degraded`](HealthStatus::Degraded) or [`Critical`](HealthStatus::Critical).
    pub status: HealthStatus,
    /// The value and its threshold.
    pub reason: HealthReason,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.reason)
    }
}

/// The health of one cache: part of [`Health`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CacheHealth {
    /// The cache's name.
    pub name: String,
    /// The worst status of the findings.
    pub status: HealthStatus,
    /// The values that are beyond their thresholds.
    pub findings: Vec<Finding>,
}

/// The health of a manager and its caches.
///
/// ```
/// use larder::manager::{CacheManager, HealthStatus};
///
/// let health = CacheManager::builder().build().health();
/// assert_eq!(health.status, HealthStatus::Ok);
/// assert_eq!(health.to_string(), "ok");
/// assert_eq!(health.caches.len(), 5);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// The worst status of all.
    pub status: HealthStatus,
    /// The findings about the process.
    pub findings: Vec<Finding>,
    /// The health of each cache.
    pub caches: Vec<CacheHealth>,
}

impl Health {
    pub(crate) fn new(findings: Vec<Finding>, caches: Vec<CacheHealth>) -> Self {
        let of_caches = caches.iter().map(|cache| cache.status).max().unwrap_or_default();
        Self { status: worst(&findings).max(of_caches), findings, caches }
    }

    /// Returns the health of the cache of this name.
    #[must_use]
    pub fn cache(&self, name: &str) -> Option<&CacheHealth> {
        self.caches.iter().find(|cache| cache.name == name)
    }
}

/// Displays the status, and each finding on a line of its own.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)?;
        for finding in &self.findings {
            write!(f, "\n  {finding}")?;
        }
        for cache in &self.caches {
            for finding in &cache.findings {
                write!(f, "\n  {}: {finding}", cache.name)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn of_cache(
    name: &str,
    capacity: u64,
    window: &Delta,
    thresholds: &HealthThresholds,
) -> CacheHealth {
    // A cache that is switched off misses always, as configured.
    let ratio = if capacity == 0 { None } else { hit_ratio(window, thresholds) };
    let findings: Vec<_> = ratio.into_iter().chain(evictions(window, thresholds)).collect();
    CacheHealth { name: name.to_owned(), status: worst(&findings), findings }
}

/// Judges the process. `late` is how late the manager's maintenance is, if it runs in a thread;
/// `memory` is the latest sample.
pub(crate) fn of_process(
    memory: Option<Utilization>,
    late: Option<Duration>,
    thresholds: &HealthThresholds,
) -> Vec<Finding> {
    let memory = memory.and_then(|utilization| {
        let levels = thresholds.memory?;
        above(utilization.share(), levels, |ceiling| HealthReason::Memory { utilization, ceiling })
    });
    let late = late.and_then(|late| {
        let levels = thresholds.lateness?;
        above(late, levels, |ceiling| HealthReason::MaintenanceLate { late, ceiling })
    });
    memory.into_iter().chain(late).collect()
}

fn hit_ratio(window: &Delta, thresholds: &HealthThresholds) -> Option<Finding> {
    let Delta { over, stats } = *window;
    let (levels, lookups, ratio) = (thresholds.hit_ratio?, stats.lookups(), stats.hit_ratio());
    if lookups < thresholds.min_lookups.max(1) {
        return None;
    }
    // A lower ratio is worse, so both sides are negated.
    let levels = Levels::new(-levels.degraded, -levels.critical);
    above(-ratio, levels, |floor| HealthReason::HitRatio { ratio, floor: -floor, lookups, over })
}

fn evictions(window: &Delta, thresholds: &HealthThresholds) -> Option<Finding> {
    let (over, evictions) = (window.over, window.stats.evictions);
    let levels = thresholds.turnover?;
    // A rate over less than a minute says nothing: filling a cache takes a moment.
    let minutes = over.as_secs_f64().max(60.0) / 60.0;
    let turnover = evictions as f64 / window.stats.entries.max(1) as f64 / minutes;
    above(turnover, levels, |ceiling| HealthReason::Evictions {
        evictions,
        over,
        turnover,
        ceiling,
    })
}

/// Returns a finding if `value` is above one of the levels.
fn above<T: PartialOrd + Copy>(
    value: T,
    levels: Levels<T>,
    reason: impl FnOnce(T) -> HealthReason,
) -> Option<Finding> {
    let (status, bound) = if value > levels.critical {
        (HealthStatus::Critical, levels.critical)
    } else if value > levels.degraded {
        (HealthStatus::Degraded, levels.degraded)
    } else {
        return None;
    };
    Some(Finding { status, reason: reason(bound) })
}

fn worst(findings: &[Finding]) -> HealthStatus {
    findings.iter().map(|finding| finding.status).max().unwrap_or_default()
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
