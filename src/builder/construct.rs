//! Caches without a word to a builder.

use crate::{Cache, CacheBuilder};

impl<K, V> Cache<K, V> {
    /// Creates a cache of at most `max_capacity` entries, with the default settings.
    ///
    /// # Panics
    ///
    /// If the memory for that many entries cannot be had; see [`CacheBuilder::try_build`].
    ///
    /// ```
    /// let cache = larder::Cache::new(1_000);
    /// cache.insert("a", 1);
    /// assert_eq!(cache.limits().max_capacity(), 1_000);
    /// ```
    #[must_use]
    pub fn new(max_capacity: u64) -> Self {
        Self::builder().max_capacity(max_capacity).build()
    }

    /// Returns a cache without a bound, which evicts nothing: `max_capacity(u64::MAX)`.
    ///
    /// It is small at first and grows as entries come, without moving them. What the bound
    /// otherwise sees to is up to the caller: entries leave by [`remove`](Cache::remove), by
    /// invalidation, or because they expire. If the memory for more entries cannot be had, the
    /// cache evicts as if it was full. The memory that keys and values allocate themselves is not
    /// the cache's to limit.
    ///
    /// Where the number of entries is known roughly, say it to the builder
    /// ([`estimated_entries`](CacheBuilder::estimated_entries)): a cache that need not grow takes
    /// less memory, and its misses less time.
    ///
    /// # Panics
    ///
    /// If the memory for an empty cache, some 50 KiB, cannot be had.
    ///
    /// ```
    /// let cache = larder::Cache::unbounded();
    /// cache.insert_many((0..100_000).map(|i| (i, i)));
    /// assert_eq!((cache.entry_count(), cache.stats().evictions), (100_000, 0));
    /// ```
    #[must_use]
    pub fn unbounded() -> Self {
        Self::builder().max_capacity(u64::MAX).build()
    }

    /// Returns a builder, for more settings than the capacity.
    ///
    /// ```
    /// let sessions = larder::Cache::<u64, String>::builder().name("sessions").max_capacity(500).build();
    /// assert_eq!(sessions.name(), Some("sessions"));
    /// ```
    #[must_use]
    pub fn builder() -> CacheBuilder<K, V> {
        CacheBuilder::new()
    }
}
