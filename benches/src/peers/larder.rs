//! The cache of this repository.

use larder::Cache;

use super::{Hasher, Peer, Traits};
use crate::data::{Key, Value};

pub(crate) struct Larder<K: Key, V: Value>(Cache<K, V, Hasher>);

impl<K: Key, V: Value> Peer<K, V> for Larder<K, V> {
    const TRAITS: Traits = Traits { pins: true, ..Traits::CACHE };

    fn build(capacity: usize, hasher: Hasher) -> Self {
        Self(Cache::builder().max_capacity(capacity as u64).hasher(hasher).build())
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key)
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

    #[inline]
    fn get_batch(&self, keys: &[K]) -> usize {
        let pinned = self.0.pin();
        keys.iter().filter(|key| std::hint::black_box(pinned.get(*key)).is_some()).count()
    }

    fn settle(&self) {
        self.0.run_pending_tasks();
    }

    fn count(&self) -> Option<u64> {
        Some(self.0.entry_count())
    }
}
