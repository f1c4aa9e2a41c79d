//! How caches have done lately: hit ratio, speed, loads, and what they saved.

use super::window::{LONGEST, Stretch};
use crate::CacheStats;
use std::time::Duration;

/// How long the windows are.
const LENGTHS: [Duration; 3] = [Duration::from_secs(60), Duration::from_secs(5 * 60), LONGEST];

/// How a manager's caches have done in the last 1, 5 and 15 minutes.
///
/// ```
/// use larder::{Maintenance, ManualClock, manager::{CacheKind, CacheManager}};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let manager =
///     CacheManager::builder().clock(&clock).maintenance(Maintenance::Manual).build();
/// let users = manager.view::<String>(CacheKind::User);
/// users.insert("ada", "Ada Lovelace".to_owned());
/// assert_eq!((users.get("ada").is_some(), users.get("bob").is_some()), (true, false));
/// clock.advance(Duration::from_secs(30));
///
/// let performance = manager.performance();
/// let minute = performance.cache("user").unwrap().last_minute;
/// assert_eq!((minute.lookups, minute.hit_ratio), (2, Some(0.5)));
/// // It has not been there for a minute yet.
/// assert_eq!((minute.over, minute.is_full()), (Duration::from_secs(30), false));
/// assert_eq!(minute.operations_per_second, 0.1);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Performance {
    /// All caches together.
    pub overall: Windows,
    /// Each of them, by name.
    pub caches: Vec<CachePerformance>,
}

/// How one cache has done: part of [`Performance`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CachePerformance {
    /// The cache's name.
    pub name: String,
    /// How it has done.
    pub windows: Windows,
}

/// Three windows that end now.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Windows {
    /// The last minute.
    pub last_minute: Window,
    /// The last five minutes.
    pub last_5_minutes: Window,
    /// The last quarter of an hour.
    pub last_15_minutes: Window,
}

/// What has happened in the last minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Window {
    /// How long it is meant to be.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "length_seconds", serialize_with = "crate::types::seconds::serialize")
    )]
    pub length: Duration,
    /// How long it is: less if the cache has not been there for so long, and more by up to the time
    /// between two samples.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "over_seconds", serialize_with = "crate::types::seconds::serialize")
    )]
    pub over: Duration,
    /// Lookups, with and without success.
    pub lookups: u64,
    /// The share of the lookups that found their key; `None` if there were none.
    pub hit_ratio: Option<f64>,
    /// Lookups, inserts, updates and removals of single entries.
    pub operations: u64,
    /// These by the time that the window is over.
    pub operations_per_second: f64,
    /// Loaders that have run to their end.
    pub loads: u64,
    /// Those of them that failed.
    pub load_failures: u64,
    /// How long loads took; `None` if there were none.
    pub load_times: Option<LoadPercentiles>,
    /// Lookups that were spared a load, because they found their key. Those of caches that load
    /// nothing do not count.
    pub loads_avoided: u64,
    /// How long these loads would have taken: as long each as a load took in the mean, in this
    /// window or, if it has none, since the cache was built.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "time_saved_seconds", serialize_with = "crate::types::seconds::serialize")
    )]
    pub time_saved: Duration,
}

/// How long loads took, each rounded up to the next power of two of microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LoadPercentiles {
    /// Half of the loads took no longer.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "p50_seconds", serialize_with = "crate::types::seconds::serialize")
    )]
    pub p50: Duration,
    /// 95 of 100 took no longer.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "p95_seconds", serialize_with = "crate::types::seconds::serialize")
    )]
    pub p95: Duration,
    /// 99 of 100 took no longer.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "p99_seconds", serialize_with = "crate::types::seconds::serialize")
    )]
    pub p99: Duration,
}

impl Performance {
    pub(super) fn of(caches: Vec<CachePerformance>, all: &[Windowed]) -> Self {
        Self { overall: Windows::together(all), caches }
    }

    /// That of the cache of this name.
    #[must_use]
    pub fn cache(&self, name: &str) -> Option<Windows> {
        self.caches.iter().find(|cache| cache.name == name).map(|cache| cache.windows)
    }
}

/// What the windows of a cache are made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windowed {
    stretches: [Stretch; 3],
    /// Since the cache was built.
    total: CacheStats,
}

impl Windowed {
    /// `last` gives what has happened in the last so and so long.
    pub(super) fn new(total: CacheStats, last: impl Fn(Duration) -> Stretch) -> Self {
        Self { stretches: LENGTHS.map(last), total }
    }

    fn window(&self, i: usize) -> Window {
        Window::new(LENGTHS[i], self.stretches[i], &self.total)
    }
}

impl Windows {
    fn new(window: impl Fn(usize) -> Window) -> Self {
        Self { last_minute: window(0), last_5_minutes: window(1), last_15_minutes: window(2) }
    }

    pub(super) fn of_one(cache: &Windowed) -> Self {
        Self::new(|i| cache.window(i))
    }

    fn together(caches: &[Windowed]) -> Self {
        Self::new(|i| {
            // Of caches that are younger than others there is nothing to add.
            let over = caches.iter().map(|cache| cache.stretches[i].over).max().unwrap_or_default();
            let stats = caches.iter().map(|cache| cache.stretches[i].stats).sum();
            let whole = Window::new(LENGTHS[i], Stretch { over, stats }, &stats);
            // A hit of one cache does not spare a load of another.
            let each = || caches.iter().map(|cache| cache.window(i));
            Window {
                loads_avoided: each().map(|window| window.loads_avoided).sum(),
                time_saved: each()
                    .map(|window| window.time_saved)
                    .fold(Duration::ZERO, Duration::saturating_add),
                ..whole
            }
        })
    }
}

impl Window {
    fn new(length: Duration, stretch: Stretch, total: &CacheStats) -> Self {
        let Stretch { over, stats } = stretch;
        let operations = stats.lookups() + stats.inserts + stats.updates + stats.removals;
        let per_load = if stats.loads > 0 { &stats } else { total }.mean_load_time();
        let loads_avoided = if total.loads > 0 { stats.hits } else { 0 };
        Self {
            length,
            over,
            lookups: stats.lookups(),
            hit_ratio: (stats.lookups() > 0).then(|| stats.hit_ratio()),
            operations,
            operations_per_second: per_second(operations, over),
            loads: stats.loads,
            load_failures: stats.load_failures,
            load_times: LoadPercentiles::of(&stats),
            loads_avoided,
            time_saved: times(per_load, loads_avoided),
        }
    }

    /// Whether it is over as long a time as it is meant to be.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.over >= self.length
    }
}

impl LoadPercentiles {
    fn of(stats: &CacheStats) -> Option<Self> {
        let at = |share| stats.load_times.quantile(share);
        Some(Self { p50: at(0.5)?, p95: at(0.95)?, p99: at(0.99)? })
    }
}

pub(super) fn per_second(events: u64, over: Duration) -> f64 {
    if over.is_zero() { 0.0 } else { events as f64 / over.as_secs_f64() }
}

/// The product, or 584 years.
fn times(each: Duration, count: u64) -> Duration {
    let nanos = each.as_nanos().saturating_mul(count.into());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
