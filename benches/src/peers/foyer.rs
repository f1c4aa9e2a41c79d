//! foyer's in-memory cache with its S3-FIFO policy.
//!
//! `foyer::Cache` is `foyer_memory::Cache`; depending on the latter leaves the disk engine and its
//! C libraries out of the build.

use foyer_memory::{Cache, CacheBuilder, CacheProperties, S3FifoConfig};

use super::{Hasher, Peer, Traits};
use crate::load::data::{Key, Value};

pub(crate) struct Foyer<K: Key, V: Value>(Cache<K, V, Hasher, CacheProperties>);

impl<K: Key, V: Value> Peer<K, V> for Foyer<K, V> {
    const TRAITS: Traits = Traits::CACHE;

    fn build(capacity: usize, hasher: Hasher) -> Self {
        let builder = CacheBuilder::new(capacity)
            .with_eviction_config(S3FifoConfig::default())
            .with_hash_builder(hasher);
        Self(builder.build())
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key).map(|entry| entry.value().clone())
    }

    #[inline]
    fn insert(&self, key: K, value: V) -> bool {
        self.0.insert(key, value);
        true
    }

    #[inline]
    fn remove(&self, key: &K) {
        self.0.remove(key);
    }

    fn count(&self) -> Option<u64> {
        Some(self.0.entries() as u64)
    }
}
