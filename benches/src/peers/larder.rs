//! The cache of this repository.

use std::marker::PhantomData;
use std::time::Duration;

use larder::{Cache, CacheBuilder};

use super::{Hasher, Peer, Traits};
use crate::load::data::{Key, Value};

/// An hour: nothing expires during a measurement, what is measured is that it could.
const LONG: Duration = Duration::from_secs(60 * 60);

/// What a cache is asked for besides its capacity.
pub(crate) trait Flavour: Send + Sync + 'static {
    fn season<K: Key, V: Value>(builder: CacheBuilder<K, V>) -> CacheBuilder<K, V>;
}

/// Nothing else.
pub(crate) struct Plain;

impl Flavour for Plain {
    fn season<K: Key, V: Value>(builder: CacheBuilder<K, V>) -> CacheBuilder<K, V> {
        builder
    }
}

/// A time to live.
pub(crate) struct Ttl;

impl Flavour for Ttl {
    fn season<K: Key, V: Value>(builder: CacheBuilder<K, V>) -> CacheBuilder<K, V> {
        builder.time_to_live(LONG)
    }
}

/// A time to idle.
pub(crate) struct Tti;

impl Flavour for Tti {
    fn season<K: Key, V: Value>(builder: CacheBuilder<K, V>) -> CacheBuilder<K, V> {
        builder.time_to_idle(LONG)
    }
}

/// A weigher by which all entries weigh the same.
pub(crate) struct Weighed;

impl Flavour for Weighed {
    fn season<K: Key, V: Value>(builder: CacheBuilder<K, V>) -> CacheBuilder<K, V> {
        builder.weigher(|_, _| 1)
    }
}

/// A listener that does next to nothing.
pub(crate) struct Listened;

impl Flavour for Listened {
    fn season<K: Key, V: Value>(builder: CacheBuilder<K, V>) -> CacheBuilder<K, V> {
        builder.eviction_listener(|key, _, cause| _ = std::hint::black_box((key, cause)))
    }
}

pub(crate) struct Larder<K: Key, V: Value, F = Plain>(Cache<K, V, Hasher>, PhantomData<F>);

impl<K: Key, V: Value, F: Flavour> Peer<K, V> for Larder<K, V, F> {
    const TRAITS: Traits = Traits { pins: true, ..Traits::CACHE };

    fn build(capacity: usize, hasher: Hasher) -> Self {
        let builder =
            Cache::builder().max_capacity(capacity as u64).estimated_entries(capacity as u64);
        Self(F::season(builder).hasher(hasher).build(), PhantomData)
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
