//! Walking over a cache.

use crate::{
    Cache,
    engine::{Engine, storage::nodes::Entry},
};
use std::fmt;

/// How far a walk has come.
pub(crate) struct Walk<T> {
    shard: usize,
    set: usize,
    /// Copies of entries of the last set that were not handed out yet.
    ready: Vec<T>,
}

impl<T> Walk<T> {
    pub(crate) fn new() -> Self {
        Self { shard: 0, set: 0, ready: Vec::new() }
    }

    /// What `copy` makes of the next entry.
    pub(crate) fn next<K, V>(
        &mut self,
        engine: &Engine<K, V>,
        copy: impl Fn(&Entry<K, V>) -> T,
    ) -> Option<T> {
        loop {
            if let Some(entry) = self.ready.pop() {
                return Some(entry);
            }
            if self.shard >= engine.shard_numbers() {
                // For good, though the cache may grow.
                self.shard = usize::MAX;
                return None;
            }
            let ready = &mut self.ready;
            let more = engine.visit_set(self.shard, self.set, |entry| ready.push(copy(entry)));
            (self.shard, self.set) =
                if more { (self.shard, self.set + 1) } else { (self.shard + 1, 0) };
        }
    }
}

/// The entries of a cache, cloned; comes from [`Cache::iter`].
pub struct Iter<'c, K, V, S> {
    cache: &'c Cache<K, V, S>,
    walk: Walk<(K, V)>,
}

impl<'c, K, V, S> Iter<'c, K, V, S> {
    pub(crate) fn new(cache: &'c Cache<K, V, S>) -> Self {
        Self { cache, walk: Walk::new() }
    }
}

impl<K: Clone, V: Clone, S> Iterator for Iter<'_, K, V, S> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        self.walk.next(self.cache.engine(), |entry| (entry.key.clone(), entry.value.clone()))
    }
}

impl<K: Clone, V: Clone, S> std::iter::FusedIterator for Iter<'_, K, V, S> {}

impl<K, V, S> fmt::Debug for Iter<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("cache", self.cache).finish_non_exhaustive()
    }
}
