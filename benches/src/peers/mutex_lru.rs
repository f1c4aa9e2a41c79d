//! `Mutex<lru::LruCache>`: exact LRU behind one lock.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::{Hasher, Peer, Traits};
use crate::load::data::{Key, Value};

pub(crate) struct MutexLru<K, V>(Mutex<LruCache<K, V, Hasher>>);

impl<K: Key, V: Value> MutexLru<K, V> {
    #[inline]
    fn lock(&self) -> MutexGuard<'_, LruCache<K, V, Hasher>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Key, V: Value> Peer<K, V> for MutexLru<K, V> {
    const TRAITS: Traits = Traits::CACHE;

    fn build(capacity: usize, hasher: Hasher) -> Self {
        let capacity = NonZeroUsize::new(capacity).expect("the capacity is positive");
        Self(Mutex::new(LruCache::with_hasher(capacity, hasher)))
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.lock().get(key).cloned()
    }

    #[inline]
    fn insert(&self, key: K, value: V) -> bool {
        // What leaves the cache is dropped after the lock is released.
        let left = self.lock().push(key, value);
        drop(left);
        true
    }

    #[inline]
    fn remove(&self, key: &K) {
        let left = self.lock().pop(key);
        drop(left);
    }

    fn count(&self) -> Option<u64> {
        Some(self.lock().len() as u64)
    }
}
