//! Whether caches are well, and if not, why: rules over what has happened in the last minutes.

#[cfg(feature = "serde")]
mod serialized;
mod thresholds;

use super::{memory::Utilization, window::Stretch};
use std::{fmt, time::Duration};
pub use thresholds::{HealthThresholds, Levels, ThresholdError};

/// How well a cache is, or a manager.
///
/// ```
/// use larder::manager::HealthStatus;
/// assert!(HealthStatus::Critical > HealthStatus::Degraded);
/// assert_eq!(HealthStatus::Degraded.to_string(), "degraded");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum HealthStatus {
    /// As it should be.
    #[default]
    Ok,
    /// It works, but needs attention.
    Degraded,
    /// It is of little use, or soon will be.
    Critical,
}

impl HealthStatus {
    /// `ok`, `degraded` or `critical`.
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

/// What is not well. Displayed in words:
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
        /// The share that does.
        ratio: f64,
        /// The least that is well.
        floor: f64,
        /// How many lookups there were.
        lookups: u64,
        /// In which time.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "over_seconds", serialize_with = "crate::types::seconds::serialize")
        )]
        over: Duration,
    },
    /// Entries have to make room for others before their time is over, too often.
    Evictions {
        /// How many.
        evictions: u64,
        /// In which time.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "over_seconds", serialize_with = "crate::types::seconds::serialize")
        )]
        over: Duration,
        /// How often the cache was turned over by that each minute.
        turnover: f64,
        /// The most that is well.
        ceiling: f64,
    },
    /// Nearly all the memory is used that may be.
    Memory {
        /// By whom, and how much of what.
        utilization: Utilization,
        /// The highest share that is well.
        ceiling: f64,
    },
    /// The maintenance thread has not come when it should have: a listener or destructor keeps it,
    /// or it gets no processor. Nobody frees what is expired meanwhile.
    MaintenanceLate {
        /// How late it is, or was at last.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "late_seconds", serialize_with = "crate::types::seconds::serialize")
        )]
        late: Duration,
        /// The latest that is well.
        #[cfg_attr(
            feature = "serde",
            serde(rename = "ceiling_seconds", serialize_with = "crate::types::seconds::serialize")
        )]
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

/// Something that is not well, and how bad that is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// [`Degraded`](HealthStatus::Degraded) or [`Critical`](HealthStatus::Critical).
    pub status: HealthStatus,
    /// What it is.
    pub reason: HealthReason,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.reason)
    }
}

/// How well one cache is: part of [`Health`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CacheHealth {
    /// The cache's name.
    pub name: String,
    /// The worst of what was found.
    pub status: HealthStatus,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// How well a manager is, its caches, and why.
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
    /// The worst of all.
    pub status: HealthStatus,
    /// What was found that is of no single cache.
    pub findings: Vec<Finding>,
    /// Each of the caches.
    pub caches: Vec<CacheHealth>,
}

impl Health {
    pub(super) fn new(findings: Vec<Finding>, caches: Vec<CacheHealth>) -> Self {
        let of_caches = caches.iter().map(|cache| cache.status).max().unwrap_or_default();
        Self { status: worst(&findings).max(of_caches), findings, caches }
    }

    /// That of the cache of this name.
    #[must_use]
    pub fn cache(&self, name: &str) -> Option<&CacheHealth> {
        self.caches.iter().find(|cache| cache.name == name)
    }
}

/// The status, and each finding on a line of its own.
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

/// The rules for a cache.
pub(super) fn of_cache(
    name: &str,
    capacity: u64,
    window: &Stretch,
    thresholds: &HealthThresholds,
) -> CacheHealth {
    // A cache that is switched off finds nothing, as was asked for.
    let ratio = if capacity == 0 { None } else { hit_ratio(window, thresholds) };
    let findings: Vec<_> = ratio.into_iter().chain(evictions(window, thresholds)).collect();
    CacheHealth { name: name.to_owned(), status: worst(&findings), findings }
}

/// The rules for the process; `late` is how late its maintenance thread is, if there is one, and
/// `memory` what was last seen of it.
pub(super) fn of_process(
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

fn hit_ratio(window: &Stretch, thresholds: &HealthThresholds) -> Option<Finding> {
    let Stretch { over, stats } = *window;
    let (levels, lookups, ratio) = (thresholds.hit_ratio?, stats.lookups(), stats.hit_ratio());
    if lookups < thresholds.min_lookups.max(1) {
        return None;
    }
    // The lower, the worse: so upside down.
    let levels = Levels::new(-levels.degraded, -levels.critical);
    above(-ratio, levels, |floor| HealthReason::HitRatio { ratio, floor: -floor, lookups, over })
}

fn evictions(window: &Stretch, thresholds: &HealthThresholds) -> Option<Finding> {
    let (over, evictions) = (window.over, window.stats.evictions);
    let levels = thresholds.turnover?;
    // Of a shorter time the rate says nothing: filling a cache takes a moment.
    let minutes = over.as_secs_f64().max(60.0) / 60.0;
    let turnover = evictions as f64 / window.stats.entries.max(1) as f64 / minutes;
    above(turnover, levels, |ceiling| HealthReason::Evictions {
        evictions,
        over,
        turnover,
        ceiling,
    })
}

/// What is found of something that is not to be above the levels.
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
