//! The performance of caches in the last minutes: hit ratio, operations, loads, and time saved.

use super::history::{Delta, LONGEST};
use crate::CacheStats;
use std::time::Duration;

const LENGTHS: [Duration; 3] = [Duration::from_secs(60), Duration::from_secs(5 * 60), LONGEST];

/// The performance of a manager's caches in the last 1, 5 and 15 minutes.
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
/// // The manager is not a minute old yet.
/// assert_eq!((minute.over, minute.is_full()), (Duration::from_secs(30), false));
/// assert_eq!(minute.operations_per_second, 0.1);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Performance {
    /// All caches together.
    pub overall: Windows,
    /// Each cache, with its name.
    pub caches: Vec<CachePerformance>,
}

/// The performance of one cache: part of [`Performance`].
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CachePerformance {
    /// The cache's name.
    pub name: String,
    /// The cache's windows.
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

/// What happened in one window.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Window {
    /// The nominal length of the window.
    #[cfg_attr(feature = "serde", serde(rename = "length_seconds", with = "crate::seconds"))]
    pub length: Duration,
    /// The real length of the window: shorter if the cache is younger, otherwise longer by up to
    /// the time between two samples.
    #[cfg_attr(feature = "serde", serde(rename = "over_seconds", with = "crate::seconds"))]
    pub over: Duration,
    /// Lookups, hits and misses.
    pub lookups: u64,
    /// The share of the lookups that found their key; `None` if there were none.
    pub hit_ratio: Option<f64>,
    /// Lookups, inserts, updates and removals of single entries.
    pub operations: u64,
    /// `operations` per second of the window's real length.
    pub operations_per_second: f64,
    /// Loaders that have run to their end.
    pub loads: u64,
    /// Loaders among these that failed.
    pub load_failures: u64,
    /// Percentiles of the duration of loads; `None` if there were none.
    pub load_times: Option<LoadPercentiles>,
    /// Hits, each of which avoided a load. 0 for a cache that has loaded nothing.
    pub loads_avoided: u64,
    /// The time that the avoided loads would have taken: their number times the mean duration of a
    /// load in this window or, if the window has none, since the cache was built.
    #[cfg_attr(feature = "serde", serde(rename = "time_saved_seconds", with = "crate::seconds"))]
    pub time_saved: Duration,
}

/// Percentiles of the duration of loads, rounded up to the next power of two of microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LoadPercentiles {
    /// 50 % of the loads took no longer.
    #[cfg_attr(feature = "serde", serde(rename = "p50_seconds", with = "crate::seconds"))]
    pub p50: Duration,
    /// 95 % of the loads took no longer.
    #[cfg_attr(feature = "serde", serde(rename = "p95_seconds", with = "crate::seconds"))]
    pub p95: Duration,
    /// 99 % of the loads took no longer.
    #[cfg_attr(feature = "serde", serde(rename = "p99_seconds", with = "crate::seconds"))]
    pub p99: Duration,
}

impl Performance {
    pub(crate) fn of(caches: Vec<CachePerformance>, all: &[Windowed]) -> Self {
        Self { overall: Windows::together(all), caches }
    }

    /// Returns the windows of the cache of this name.
    #[must_use]
    pub fn cache(&self, name: &str) -> Option<Windows> {
        self.caches.iter().find(|cache| cache.name == name).map(|cache| cache.windows)
    }
}

/// What the windows of one cache are computed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windowed {
    deltas: [Delta; 3],
    /// The statistics since the cache was built.
    total: CacheStats,
}

impl Windowed {
    /// `last` returns what happened in the last minutes.
    pub(crate) fn new(total: CacheStats, last: impl Fn(Duration) -> Delta) -> Self {
        Self { deltas: LENGTHS.map(last), total }
    }

    fn window(&self, i: usize) -> Window {
        Window::new(LENGTHS[i], self.deltas[i], &self.total)
    }
}

impl Windows {
    fn new(window: impl Fn(usize) -> Window) -> Self {
        Self { last_minute: window(0), last_5_minutes: window(1), last_15_minutes: window(2) }
    }

    pub(crate) fn of_one(cache: &Windowed) -> Self {
        Self::new(|i| cache.window(i))
    }

    fn together(caches: &[Windowed]) -> Self {
        Self::new(|i| {
            // A younger cache has no events before its start, so its counts fit the longest window.
            let over = caches.iter().map(|cache| cache.deltas[i].over).max().unwrap_or_default();
            let stats = caches.iter().map(|cache| cache.deltas[i].stats).sum();
            let whole = Window::new(LENGTHS[i], Delta { over, stats }, &stats);
            // Per cache, since a hit of one cache avoids no load of another.
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
    fn new(length: Duration, delta: Delta, total: &CacheStats) -> Self {
        let Delta { over, stats } = delta;
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

    /// Returns whether the window has its nominal length.
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

pub(crate) fn per_second(events: u64, over: Duration) -> f64 {
    if over.is_zero() { 0.0 } else { events as f64 / over.as_secs_f64() }
}

/// Returns the product, at most 584 years.
fn times(each: Duration, count: u64) -> Duration {
    let nanos = each.as_nanos().saturating_mul(count.into());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
