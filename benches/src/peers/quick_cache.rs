//! quick_cache: sharded locks, CLOCK-Pro.

use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use super::{Hasher, Peer, Traits};
use crate::load::data::{Key, Value};

pub(crate) struct QuickCache<K, V>(Cache<K, V, UnitWeighter, Hasher>);

impl<K: Key, V: Value> Peer<K, V> for QuickCache<K, V> {
    const TRAITS: Traits = Traits::CACHE;

    fn build(capacity: usize, hasher: Hasher) -> Self {
        let lifecycle = DefaultLifecycle::default();
        Self(Cache::with(capacity, capacity as u64, UnitWeighter, hasher, lifecycle))
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

    fn count(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }
}
