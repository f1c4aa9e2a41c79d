//! stretto: Ristretto's design; a thread of its own applies buffered inserts.

use std::borrow::Borrow;
use std::hash::Hash;
use std::marker::PhantomData;

use stretto::{
    Cache, CacheBuilder, DefaultCacheCallback, DefaultCoster, DefaultUpdateValidator, KeyBuilder,
};

use super::{Hasher, Peer, Traits};
use crate::load::data::{Key, Value};

/// Identifies an entry by the hash that the other peers use.
pub(crate) struct Hashed<K> {
    hasher: Hasher,
    key: PhantomData<fn(K)>,
}

impl<K: Key> KeyBuilder for Hashed<K> {
    type Key = K;

    #[inline]
    fn hash_index<Q>(&self, key: &Q) -> u64
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.hasher.hash_one(key)
    }
}

type Inner<K, V> = Cache<
    K,
    V,
    Hashed<K>,
    DefaultCoster<V>,
    DefaultUpdateValidator<V>,
    DefaultCacheCallback<V>,
    Hasher,
>;

pub(crate) struct Stretto<K: Key, V: Value>(Inner<K, V>);

impl<K: Key, V: Value> Peer<K, V> for Stretto<K, V> {
    const TRAITS: Traits = Traits {
        deferred: true,
        // It chooses victims from a sample, for which it walks all its entries each time.
        evicts_up_to: Some(5_000),
        note: Some(
            "keeps hashes instead of keys; an insert is visible once the cache's own thread has \
             applied it, and may be dropped; an eviction walks all entries",
        ),
        ..Traits::CACHE
    };

    fn build(capacity: usize, hasher: Hasher) -> Self {
        // Ten counters per entry is what its documentation recommends.
        let keys = Hashed { hasher: hasher.clone(), key: PhantomData };
        let builder =
            CacheBuilder::new_with_key_builder(capacity.saturating_mul(10), capacity as i64, keys)
                .set_hasher(hasher);
        Self(builder.finalize().expect("the capacity is positive"))
    }

    #[inline]
    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key).map(|value| value.value().clone())
    }

    #[inline]
    fn insert(&self, key: K, value: V) -> bool {
        self.0.insert(key, value, 1)
    }

    #[inline]
    fn remove(&self, key: &K) {
        self.0.remove(key);
    }

    fn settle(&self) {
        self.0.wait().expect("the cache's thread runs as long as the cache");
    }

    fn count(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }
}
