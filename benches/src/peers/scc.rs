//! `scc::HashCache`: 32-way buckets, each with an LRU list of its own.

use scc::HashCache;
use scc::hash_cache::Entry;

use super::{Hasher, Peer, Traits};
use crate::load::data::{Key, Value};

pub(crate) struct Scc<K, V>(HashCache<K, V, Hasher>);

impl<K: Key, V: Value> Peer<K, V> for Scc<K, V> {
    const TRAITS: Traits = Traits {
        note: Some("rounds its capacity up to a power of two; evicts within buckets of 32"),
        ..Traits::CACHE
    };

    fn build(capacity: usize, hasher: Hasher) -> Self {
        // A table that still grows would evict from buckets that are full too early.
        Self(HashCache::with_capacity_and_hasher(capacity, capacity, hasher))
    }

    // `read_sync` would be cheaper, but leaves the entry's age as it is.
    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.get_sync(key).map(|entry| entry.get().clone())
    }

    // `put_sync` refuses a key that is present.
    #[inline]
    fn insert(&self, key: K, value: V) -> bool {
        match self.0.entry_sync(key) {
            Entry::Occupied(mut entry) => {
                entry.put(value);
            }
            Entry::Vacant(entry) => {
                entry.put_entry(value);
            }
        }
        true
    }

    #[inline]
    fn remove(&self, key: &K) {
        self.0.remove_sync(key);
    }

    fn count(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }
}
