//! How much a cache holds, and how much it may hold.

use super::Inner;
use crate::{Cache, CacheStats, Limits, ResizeError};

impl<K, V, S> Cache<K, V, S> {
    /// Returns the number of entries: exact while no other thread writes, otherwise counting
    /// inserts that are under way. Never more than the capacity.
    ///
    /// What has expired or was invalidated does not count, whether its memory has been freed or
    /// not; what [`stale_if_error`](crate::CacheBuilder::stale_if_error) keeps does, until that
    /// time is over, too.
    ///
    /// O(shards), and what is due to be freed. O(capacity) from
    /// [`invalidate_all`](Cache::invalidate_all) or [`invalidate_tag`](Cache::invalidate_tag) on
    /// until what it has invalidated is gone, and while another thread frees what has expired.
    ///
    /// ```
    /// let cache = larder::Cache::new(2);
    /// cache.insert_many([(1, 'a'), (2, 'b'), (3, 'c')]);
    /// assert_eq!(cache.entry_count(), 2);
    /// ```
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        self.engine().entries()
    }

    /// Returns the sum of the weights of the entries that [`entry_count`](Cache::entry_count)
    /// counts: exact while no other thread writes, otherwise counting inserts that are under way.
    /// Never more than the capacity, except while that is being made smaller. Without a
    /// [`weigher`](crate::CacheBuilder::weigher) every entry weighs 1, so this is
    /// [`entry_count`](Cache::entry_count). Costs as much as that.
    #[must_use]
    pub fn weighted_size(&self) -> u64 {
        self.engine().weight()
    }

    /// Sets the most entries that the cache may hold, or what they may weigh together. If that is
    /// less than there is, evicts what is too much before it returns. O(what is evicted + shards).
    ///
    /// If it is more than there is room for, the cache gets more room: twice as much, or as much as
    /// is needed, or, beyond 2,147,483,648 entries (`u64::MAX`, say, which is no bound), four times
    /// as much and more as entries come. Entries stay where they are and no thread waits; what was
    /// set aside before stays with the cache, and a lookup that misses looks in one more place. To
    /// say beforehand how far a cache may come to grow
    /// ([`estimated_entries`](crate::CacheBuilder::estimated_entries)) spares it that.
    ///
    /// # Errors
    ///
    /// If the memory for so many entries cannot be had: nothing has changed then. A cache that
    /// grows as entries come, because it has a weigher or was built for fewer than its capacity,
    /// takes any.
    ///
    /// ```
    /// use larder::Cache;
    ///
    /// let cache = Cache::new(100);
    /// cache.insert_many((0..100).map(|i| (i, i)));
    /// cache.set_max_capacity(10)?;
    /// assert_eq!((cache.entry_count(), cache.limits().max_capacity()), (10, 10));
    /// cache.set_max_capacity(1_000)?;
    /// cache.insert_many((0..900).map(|i| (i, i)));
    /// assert_eq!(cache.entry_count(), 900);
    /// cache.set_max_capacity(u64::MAX)?;
    /// cache.insert_many((1_000..90_000).map(|i| (i, i)));
    /// assert_eq!(cache.entry_count(), 89_900);
    /// # Ok::<(), larder::ResizeError>(())
    /// ```
    pub fn set_max_capacity(&self, max_capacity: u64) -> Result<(), ResizeError> {
        self.engine()
            .resize(max_capacity)
            .map_err(|room| ResizeError::NoRoom { max_capacity, room })
    }

    /// Returns the cache's capacity and number of shards. O(1).
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits { max_capacity: self.engine().capacity(), shards: self.engine().shard_count() }
    }

    /// Returns the counters of what has happened so far. O(threads), and what
    /// [`entry_count`](Cache::entry_count) takes.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert(1, 'a');
    /// assert_eq!((cache.get(&1), cache.get(&2)), (Some('a'), None));
    /// let stats = cache.stats();
    /// assert_eq!((stats.hits, stats.misses, stats.inserts), (1, 1, 1));
    /// assert_eq!(stats.hit_ratio(), 0.5);
    /// ```
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let (totals, entries) = self.engine().totals();
        CacheStats::new(totals, self.engine().load_times(), entries)
    }

    /// Returns the bytes that the cache's own structures take at this moment, with keys and values,
    /// but without what those own on the heap. Within a tenth of what the allocator has handed out
    /// for them. O(shards).
    ///
    /// ```
    /// let cache: larder::Cache<u64, u64> = larder::Cache::new(10_000);
    /// assert!(cache.memory_usage() > 10_000 * 16);
    /// ```
    #[must_use]
    pub fn memory_usage(&self) -> usize {
        size_of::<Inner<K, V, S>>() + self.engine().allocated_bytes()
    }
}
