//! papaya: a concurrent map without bound, the floor for reads.

use papaya::HashMap;

use super::{Hasher, Peer, Traits};
use crate::load::data::{Key, Value};

pub(crate) struct Papaya<K, V>(HashMap<K, V, Hasher>);

impl<K: Key, V: Value> Peer<K, V> for Papaya<K, V> {
    const TRAITS: Traits = Traits {
        bounded: false,
        pins: true,
        note: Some("a map without bound: evicts nothing"),
        ..Traits::CACHE
    };

    fn build(_capacity: usize, hasher: Hasher) -> Self {
        Self(HashMap::with_hasher(hasher))
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.pin().get(key).cloned()
    }

    #[inline]
    fn insert(&self, key: K, value: V) -> bool {
        self.0.pin().insert(key, value);
        true
    }

    #[inline]
    fn remove(&self, key: &K) {
        self.0.pin().remove(key);
    }

    #[inline]
    fn get_batch(&self, keys: &[K]) -> usize {
        let map = self.0.pin();
        keys.iter().filter(|key| std::hint::black_box(map.get(*key)).is_some()).count()
    }

    fn count(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }
}
