//! The limits of a cache.

/// The limits of a cache: its capacity and its shards. A snapshot, taken by
/// [`Cache::limits`](crate::Cache::limits).
///
/// ```
/// let cache: larder::Cache<u64, u64> = larder::Cache::builder().max_capacity(500).shards(4).build();
/// assert_eq!((cache.limits().max_capacity(), cache.limits().shards()), (500, 4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(crate) max_capacity: u64,
    pub(crate) shards: usize,
}

impl Limits {
    /// Returns the most entries that the cache may hold, or the most that they may weigh together
    /// if it has a [`weigher`](crate::CacheBuilder::weigher); `u64::MAX` is no bound.
    #[must_use]
    pub fn max_capacity(&self) -> u64 {
        self.max_capacity
    }

    /// Returns the number of shards, a power of two.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.shards
    }
}
