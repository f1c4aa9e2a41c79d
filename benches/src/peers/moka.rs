//! moka: a concurrent table, W-TinyLFU behind buffers of reads and writes.

use moka::sync::Cache;

use super::{Hasher, Peer, Traits};
use crate::load::data::{Key, Value};

pub(crate) struct Moka<K, V>(Cache<K, V, Hasher>);

impl<K: Key, V: Value> Peer<K, V> for Moka<K, V> {
    const TRAITS: Traits = Traits {
        note: Some("maintenance runs on the calling threads, and updates the count it tells"),
        ..Traits::CACHE
    };

    fn build(capacity: usize, hasher: Hasher) -> Self {
        Self(Cache::builder().max_capacity(capacity as u64).build_with_hasher(hasher))
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
        self.0.invalidate(key);
    }

    fn settle(&self) {
        // One call works off a limited number of entries.
        loop {
            let before = self.0.entry_count();
            self.0.run_pending_tasks();
            if self.0.entry_count() == before {
                break;
            }
        }
    }

    fn count(&self) -> Option<u64> {
        Some(self.0.entry_count())
    }
}
