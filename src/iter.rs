//! Walking over a cache.

use crate::Cache;
use std::fmt;

/// The entries of a cache, cloned; comes from [`Cache::iter`].
pub struct Iter<'c, K, V, S> {
    cache: &'c Cache<K, V, S>,
    shard: usize,
    bucket: usize,
    /// Entries of the last bucket that were not handed out yet.
    ready: Vec<(K, V)>,
}

impl<'c, K, V, S> Iter<'c, K, V, S> {
    pub(crate) fn new(cache: &'c Cache<K, V, S>) -> Self {
        Self { cache, shard: 0, bucket: 0, ready: Vec::new() }
    }
}

impl<K: Clone, V: Clone, S> Iterator for Iter<'_, K, V, S> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let engine = self.cache.engine();
        loop {
            if let Some(entry) = self.ready.pop() {
                return Some(entry);
            }
            if self.shard == engine.shard_count() {
                return None;
            }
            let ready = &mut self.ready;
            let more = engine.visit_bucket(self.shard, self.bucket, |entry| {
                ready.push((entry.key.clone(), entry.value.clone()));
            });
            (self.shard, self.bucket) =
                if more { (self.shard, self.bucket + 1) } else { (self.shard + 1, 0) };
        }
    }
}

impl<K: Clone, V: Clone, S> std::iter::FusedIterator for Iter<'_, K, V, S> {}

impl<K, V, S> fmt::Debug for Iter<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").field("cache", self.cache).finish_non_exhaustive()
    }
}
