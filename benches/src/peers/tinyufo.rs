//! TinyUFO: a lock-free map, S3-FIFO with a TinyLFU admission.

use tinyufo::TinyUfo;

use super::{Hasher, Peer, Traits};
use crate::load::data::{Key, Value};

pub(crate) struct Ufo<K, V>(TinyUfo<K, V>);

impl<K: Key, V: Value> Peer<K, V> for Ufo<K, V> {
    const TRAITS: Traits = Traits {
        note: Some("takes no hasher (ahash inside), keeps hashes instead of keys, does not count"),
        ..Traits::CACHE
    };

    fn build(capacity: usize, _hasher: Hasher) -> Self {
        Self(TinyUfo::new(capacity, capacity))
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key)
    }

    #[inline]
    fn insert(&self, key: K, value: V) -> bool {
        self.0.put(key, value, 1);
        true
    }

    #[inline]
    fn remove(&self, key: &K) {
        self.0.remove(key);
    }

    fn count(&self) -> Option<u64> {
        None
    }
}
