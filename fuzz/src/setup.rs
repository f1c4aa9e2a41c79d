//! The caches under test: small, so that few operations fill them.

use arbitrary::Arbitrary;

use crate::{Census, Clash, Value};

/// Boxed, so that the sanitizer sees keys that are lost or read too late; looked up as `u8`.
pub type Key = Box<u8>;
/// The cache under test.
pub type Cache = larder::Cache<Key, Value, Clash>;
/// What builds it.
pub type CacheBuilder = larder::CacheBuilder<Key, Value, Clash>;

/// How the cache is built.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Setup {
    capacity: u8,
    shards: u8,
    clash: Clash,
}

impl Setup {
    /// At most this many entries.
    pub fn capacity(&self) -> u64 {
        u64::from(self.capacity % 48) + 1
    }

    /// Whether maintenance runs before the cache is dropped, or the cache is dropped with values
    /// that wait for the end of their grace period.
    fn maintains(&self) -> bool {
        self.shards & 0x80 == 0
    }

    /// How keys hash.
    pub fn clash(&self) -> Clash {
        self.clash
    }

    /// The cache.
    pub fn build(&self) -> Cache {
        self.builder().build()
    }

    /// The cache, to say more.
    pub fn builder(&self) -> CacheBuilder {
        larder::Cache::builder()
            .max_capacity(self.capacity())
            .shards(1 << (self.shards % 3))
            .hasher(self.clash)
    }
}

/// At rest, everything that the cache no longer holds is dropped: by maintenance while there is a
/// cache, and with the cache at its end.
pub fn settle(cache: Cache, setup: &Setup, census: &Census) {
    cache.validate();
    let entries = cache.entry_count();
    let capacity = cache.limits().max_capacity();
    let weight = cache.weighted_size();
    assert!(weight <= capacity, "{entries} entries that weigh {weight} in {capacity}");
    if setup.maintains() {
        cache.run_pending_tasks();
        cache.validate();
        // Not those from before: some may have been expired, and not yet taken out.
        let entries = cache.entry_count();
        assert_eq!(census.alive(), entries as i64, "values alive, entries");
    }
    drop(cache);
    assert_eq!(census.alive(), 0, "values alive after the cache");
}
