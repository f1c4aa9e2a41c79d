//! What a cache says about itself.

use crate::engine::{
    shards::stats::{EVENTS, Event},
    singleflight::load_times::{self, BUCKETS},
};
use std::{
    iter::Sum,
    ops::{Add, Sub},
    time::Duration,
};

/// What has happened to a cache since it was built, and how many entries it has.
///
/// A snapshot, taken by [`Cache::stats`](crate::Cache::stats). Subtract an earlier one to see what
/// happened in between:
///
/// ```
/// let cache = larder::Cache::new(100);
/// cache.insert(1, "one");
/// let before = cache.stats();
/// assert_eq!((cache.get(&1), cache.get(&2)), (Some("one"), None));
/// let since = cache.stats() - before;
/// assert_eq!((since.hits, since.misses, since.inserts), (1, 1, 0));
/// assert_eq!(since.hit_ratio(), 0.5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CacheStats {
    /// Lookups that found their key.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Inserts of keys that were absent.
    pub inserts: u64,
    /// Inserts of keys that were present: the value was replaced.
    pub updates: u64,
    /// Entries removed by request, one by one.
    pub removals: u64,
    /// Entries invalidated together with others, whether they are freed already or not.
    pub invalidations: u64,
    /// Entries removed to make room.
    pub evictions: u64,
    /// Entries whose time is over, whether they are freed already or not.
    pub expirations: u64,
    /// Inserts that found no room: with capacity 0, of an entry that is heavier than the capacity,
    /// while a stalled thread keeps memory from being reused, or while other threads' operations
    /// held every place of a tiny cache.
    pub rejections: u64,
    /// Calls to the eviction listener that panicked.
    pub listener_panics: u64,
    /// Loaders that have run to their end, whatever came of it; those that were dropped on their
    /// way are not counted.
    pub loads: u64,
    /// Loaders among these that returned an error or panicked.
    pub load_failures: u64,
    /// Wall time that all of these took together. Serialized as seconds, by the name
    /// `load_time_seconds`.
    #[cfg_attr(feature = "serde", serde(rename = "load_time_seconds", with = "crate::seconds"))]
    pub load_time: Duration,
    /// A histogram of how long each of them took.
    pub load_times: LoadTimes,
    /// Refreshes that have come to an end, whatever came of them: see
    /// [`refresh_after`](crate::CacheBuilder::refresh_after) and
    /// [`early_refresh`](crate::CacheBuilder::early_refresh). Their loaders count as loads, too.
    pub refreshes: u64,
    /// Refreshes among these that brought no new value: the old one stayed.
    pub refresh_failures: u64,
    /// Entries in the cache: [`Cache::entry_count`](crate::Cache::entry_count).
    pub entries: u64,
}

impl CacheStats {
    pub(crate) fn new(totals: [u64; EVENTS], load_times: [u64; BUCKETS], entries: u64) -> Self {
        let total = |event: Event| totals[event as usize];
        Self {
            hits: total(Event::Hit),
            misses: total(Event::Miss),
            inserts: total(Event::Insert),
            updates: total(Event::Update),
            removals: total(Event::Removal),
            invalidations: total(Event::Invalidation),
            evictions: total(Event::Eviction),
            expirations: total(Event::Expiration),
            rejections: total(Event::Rejection),
            listener_panics: total(Event::ListenerPanic),
            loads: total(Event::Load),
            load_failures: total(Event::LoadFailure),
            load_time: Duration::from_nanos(total(Event::LoadNanos)),
            load_times: LoadTimes(load_times),
            refreshes: total(Event::Refresh),
            refresh_failures: total(Event::RefreshFailure),
            entries,
        }
    }

    /// Returns the number of lookups, hits and misses.
    #[must_use]
    pub fn lookups(&self) -> u64 {
        self.hits + self.misses
    }

    /// Returns how many entries have left, for any reason: `inserts - departures()` is `entries`
    /// while no thread writes.
    #[must_use]
    pub fn departures(&self) -> u64 {
        self.removals + self.invalidations + self.evictions + self.expirations
    }

    /// Returns the share of lookups that found their key, from 0.0 to 1.0; 0.0 if there were none.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        match self.lookups() {
            0 => 0.0,
            lookups => self.hits as f64 / lookups as f64,
        }
    }

    /// Returns the mean time of a load; zero if there was none.
    ///
    /// ```
    /// let cache = larder::Cache::new(100);
    /// assert!(cache.stats().mean_load_time().is_zero());
    /// cache.get_with(1, || std::thread::sleep(std::time::Duration::from_millis(1)));
    /// assert_eq!(cache.stats().loads, 1);
    /// assert!(cache.stats().mean_load_time().as_micros() >= 1_000);
    /// ```
    #[must_use]
    pub fn mean_load_time(&self) -> Duration {
        let nanos = self.load_time.as_nanos().checked_div(self.loads.into()).unwrap_or(0);
        Duration::from_nanos(nanos as u64)
    }
}

/// How many loads took how long: a histogram by powers of two, from 1 µs to 67 s.
///
/// Part of [`CacheStats`]; the difference of two snapshots has the loads in between.
///
/// ```
/// let cache = larder::Cache::new(100);
/// for key in 0..9 {
///     cache.get_with(key, || ());
/// }
/// cache.get_with(9, || std::thread::sleep(std::time::Duration::from_millis(20)));
/// let times = cache.stats().load_times;
/// assert_eq!(times.iter().map(|(_, loads)| loads).sum::<u64>(), 10);
/// assert!(times.quantile(1.0).unwrap().as_millis() >= 20);
/// assert!(times.quantile(0.5) <= times.quantile(0.9));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadTimes([u64; BUCKETS]);

impl LoadTimes {
    /// Returns the time that a share `q` of the loads, from 0.0 to 1.0, did not exceed: rounded up
    /// to the next power of two of microseconds. (But what took longer than 2^26 µs, 67 s, counts
    /// as that.) None if there was no load.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let loads: u64 = self.0.iter().sum();
        let rank = ((q.clamp(0.0, 1.0) * loads as f64).ceil() as u64).clamp(1, loads.max(1));
        let mut seen = 0;
        self.iter().find_map(|(bound, loads)| {
            seen += loads;
            (seen >= rank).then_some(bound)
        })
    }

    /// Returns an iterator over the buckets: the exclusive upper bound of each and the number of
    /// its loads. The last bucket is open-ended and repeats the bound of the one before.
    pub fn iter(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        self.0.iter().enumerate().map(|(bucket, loads)| (load_times::bound(bucket), *loads))
    }
}

/// As a list of the buckets that are not empty.
#[cfg(feature = "serde")]
#[cfg_attr(docsrs, doc(cfg(feature = "serde")))]
impl serde::Serialize for LoadTimes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::types::seconds::histogram(self.iter(), serializer)
    }
}

/// The loads between two snapshots.
impl Sub for LoadTimes {
    type Output = LoadTimes;

    fn sub(self, earlier: LoadTimes) -> LoadTimes {
        LoadTimes(std::array::from_fn(|i| self.0[i].saturating_sub(earlier.0[i])))
    }
}

/// What happened between two snapshots; `entries` is that of the later one. Counters that are
/// smaller in the later snapshot (of another cache, say) give 0.
impl Sub for CacheStats {
    type Output = CacheStats;

    fn sub(self, earlier: CacheStats) -> CacheStats {
        let since = self.zip(earlier, u64::saturating_sub, Duration::saturating_sub, Sub::sub);
        CacheStats { entries: self.entries, ..since }
    }
}

/// The loads of two caches together.
impl Add for LoadTimes {
    type Output = LoadTimes;

    fn add(self, other: LoadTimes) -> LoadTimes {
        LoadTimes(std::array::from_fn(|i| self.0[i].saturating_add(other.0[i])))
    }
}

/// What happened to two caches together.
///
/// ```
/// let (one, other) = (larder::Cache::new(10), larder::Cache::new(10));
/// one.insert(1, 'a');
/// other.insert_many([(1, 'a'), (2, 'b')]);
/// let both = one.stats() + other.stats();
/// assert_eq!((both.inserts, both.entries), (3, 3));
/// ```
impl Add for CacheStats {
    type Output = CacheStats;

    fn add(self, other: CacheStats) -> CacheStats {
        self.zip(other, u64::saturating_add, Duration::saturating_add, Add::add)
    }
}

impl CacheStats {
    /// Combines each counter with that of `other`.
    fn zip(
        self,
        other: CacheStats,
        count: fn(u64, u64) -> u64,
        time: fn(Duration, Duration) -> Duration,
        times: fn(LoadTimes, LoadTimes) -> LoadTimes,
    ) -> CacheStats {
        CacheStats {
            hits: count(self.hits, other.hits),
            misses: count(self.misses, other.misses),
            inserts: count(self.inserts, other.inserts),
            updates: count(self.updates, other.updates),
            removals: count(self.removals, other.removals),
            invalidations: count(self.invalidations, other.invalidations),
            evictions: count(self.evictions, other.evictions),
            expirations: count(self.expirations, other.expirations),
            rejections: count(self.rejections, other.rejections),
            listener_panics: count(self.listener_panics, other.listener_panics),
            loads: count(self.loads, other.loads),
            load_failures: count(self.load_failures, other.load_failures),
            load_time: time(self.load_time, other.load_time),
            load_times: times(self.load_times, other.load_times),
            refreshes: count(self.refreshes, other.refreshes),
            refresh_failures: count(self.refresh_failures, other.refresh_failures),
            entries: count(self.entries, other.entries),
        }
    }
}

/// What happened to many caches together.
impl Sum for CacheStats {
    fn sum<I: Iterator<Item = CacheStats>>(all: I) -> CacheStats {
        all.fold(CacheStats::default(), Add::add)
    }
}
