//! The caches behind one trait.

use quick_cache::UnitWeighter;
use quick_cache::sync::DefaultLifecycle;

use crate::CAPACITY;

type Hasher = ahash::RandomState;

fn hasher() -> Hasher {
    Hasher::with_seeds(1, 2, 3, 4)
}

pub(crate) trait Peer {
    const NAME: &'static str;
    const EVICTS: bool = true;

    fn build(capacity: usize) -> Self;
    fn get(&self, key: &u64) -> Option<u64>;
    fn insert(&self, key: u64, value: u64);
    fn remove(&self, key: &u64);
}

pub(crate) struct Larder(pub(crate) larder::Cache<u64, u64, Hasher>);

impl Larder {
    pub(crate) fn new(
        also: impl FnOnce(larder::CacheBuilder<u64, u64>) -> larder::CacheBuilder<u64, u64>,
    ) -> Self {
        let builder = larder::Cache::builder().max_capacity(CAPACITY as u64).shards(4);
        Self(also(builder).hasher(hasher()).build())
    }
}

impl Peer for Larder {
    const NAME: &'static str = "larder";

    fn build(capacity: usize) -> Self {
        Self::new(|builder| builder.max_capacity(capacity as u64))
    }

    #[inline]
    fn get(&self, key: &u64) -> Option<u64> {
        self.0.get(key)
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        self.0.insert(key, value);
    }

    #[inline]
    fn remove(&self, key: &u64) {
        self.0.remove(key);
    }
}

pub(crate) struct QuickCache(pub(crate) quick_cache::sync::Cache<u64, u64, UnitWeighter, Hasher>);

impl Peer for QuickCache {
    const NAME: &'static str = "quick_cache";

    fn build(capacity: usize) -> Self {
        let lifecycle = DefaultLifecycle::default();
        let cache = quick_cache::sync::Cache::with(
            capacity,
            capacity as u64,
            UnitWeighter,
            hasher(),
            lifecycle,
        );
        Self(cache)
    }

    #[inline]
    fn get(&self, key: &u64) -> Option<u64> {
        self.0.get(key)
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        self.0.insert(key, value);
    }

    #[inline]
    fn remove(&self, key: &u64) {
        self.0.remove(key);
    }
}

pub(crate) struct Scc(scc::HashCache<u64, u64, Hasher>);

impl Peer for Scc {
    const NAME: &'static str = "scc::HashCache";

    fn build(capacity: usize) -> Self {
        Self(scc::HashCache::with_capacity_and_hasher(capacity, capacity, hasher()))
    }

    #[inline]
    fn get(&self, key: &u64) -> Option<u64> {
        self.0.get_sync(key).map(|entry| *entry.get())
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        match self.0.entry_sync(key) {
            scc::hash_cache::Entry::Occupied(mut entry) => _ = entry.put(value),
            scc::hash_cache::Entry::Vacant(entry) => _ = entry.put_entry(value),
        }
    }

    #[inline]
    fn remove(&self, key: &u64) {
        self.0.remove_sync(key);
    }
}

/// A map without bound.
pub(crate) struct Papaya(papaya::HashMap<u64, u64, Hasher>);

impl Peer for Papaya {
    const NAME: &'static str = "papaya";
    const EVICTS: bool = false;

    fn build(capacity: usize) -> Self {
        Self(papaya::HashMap::builder().capacity(capacity).hasher(hasher()).build())
    }

    #[inline]
    fn get(&self, key: &u64) -> Option<u64> {
        self.0.pin().get(key).copied()
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        self.0.pin().insert(key, value);
    }

    #[inline]
    fn remove(&self, key: &u64) {
        self.0.pin().remove(key);
    }
}

pub(crate) struct Moka(pub(crate) moka::sync::Cache<u64, u64, Hasher>);

type MokaBuilder = moka::sync::CacheBuilder<u64, u64, moka::sync::Cache<u64, u64>>;

impl Moka {
    pub(crate) fn new(also: impl FnOnce(MokaBuilder) -> MokaBuilder) -> Self {
        let builder = moka::sync::Cache::builder().max_capacity(CAPACITY as u64);
        Self(also(builder).build_with_hasher(hasher()))
    }
}

impl Peer for Moka {
    const NAME: &'static str = "moka";

    fn build(capacity: usize) -> Self {
        Self::new(|builder| builder.max_capacity(capacity as u64))
    }

    #[inline]
    fn get(&self, key: &u64) -> Option<u64> {
        self.0.get(key)
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        self.0.insert(key, value);
    }

    #[inline]
    fn remove(&self, key: &u64) {
        self.0.invalidate(key);
    }
}
