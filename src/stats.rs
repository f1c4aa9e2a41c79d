//! What a cache says about itself.

use crate::engine::stats::{EVENTS, Event};
use std::ops::Sub;

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
    /// Entries invalidated together with others.
    pub invalidations: u64,
    /// Entries removed to make room.
    pub evictions: u64,
    /// Entries removed because their time was over.
    pub expirations: u64,
    /// Inserts that found no room: with capacity 0, while a stalled thread keeps memory from being
    /// reused, or while other threads' operations held every place of a tiny cache.
    pub rejections: u64,
    /// Calls to the eviction listener that panicked.
    pub listener_panics: u64,
    /// Entries in the cache.
    pub entries: u64,
}

impl CacheStats {
    pub(crate) fn new(totals: [u64; EVENTS], entries: u64) -> Self {
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
            entries,
        }
    }

    /// Lookups, with and without success.
    #[must_use]
    pub fn lookups(&self) -> u64 {
        self.hits + self.misses
    }

    /// Entries that have left, for whatever reason: `inserts - departures()` is `entries`, while
    /// nobody writes.
    #[must_use]
    pub fn departures(&self) -> u64 {
        self.removals + self.invalidations + self.evictions + self.expirations
    }

    /// The share of lookups that found their key, from 0.0 to 1.0; 0.0 if there were none.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        match self.lookups() {
            0 => 0.0,
            lookups => self.hits as f64 / lookups as f64,
        }
    }
}

/// What happened between two snapshots; `entries` is that of the later one. Counters that are
/// smaller in the later snapshot (of another cache, say) give 0.
impl Sub for CacheStats {
    type Output = CacheStats;

    fn sub(self, earlier: CacheStats) -> CacheStats {
        CacheStats {
            hits: self.hits.saturating_sub(earlier.hits),
            misses: self.misses.saturating_sub(earlier.misses),
            inserts: self.inserts.saturating_sub(earlier.inserts),
            updates: self.updates.saturating_sub(earlier.updates),
            removals: self.removals.saturating_sub(earlier.removals),
            invalidations: self.invalidations.saturating_sub(earlier.invalidations),
            evictions: self.evictions.saturating_sub(earlier.evictions),
            expirations: self.expirations.saturating_sub(earlier.expirations),
            rejections: self.rejections.saturating_sub(earlier.rejections),
            listener_panics: self.listener_panics.saturating_sub(earlier.listener_panics),
            entries: self.entries,
        }
    }
}

/// The limits that a cache was built with.
///
/// ```
/// let cache: larder::Cache<u64, u64> = larder::Cache::builder().max_capacity(500).shards(4).build();
/// assert_eq!((cache.policy().max_capacity(), cache.policy().shards()), (500, 4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) max_capacity: u64,
    pub(crate) shards: usize,
}

impl Policy {
    /// The most entries that the cache may hold.
    #[must_use]
    pub fn max_capacity(&self) -> u64 {
        self.max_capacity
    }

    /// The number of shards, a power of two.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shards
    }
}
