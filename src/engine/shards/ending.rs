//! The end of a shard, and what it takes until then.

use crate::{
    engine::{
        shards::shard::{OnDrop, Shard},
        storage::{husks::Husks, nodes::Entry, weights::Weights},
    },
    testing::plant::{Bug, planted},
};

// Of the shard, not of the engine: if an entry's drop panics, the other shards are dropped all the
// same.
impl<K, V> Drop for Shard<K, V> {
    fn drop(&mut self) {
        // No other thread has a handle, so none reads. Batches that the collector still holds are
        // only numbers, with a recycler of their own to go back to.
        self.drop_entries();
    }
}

impl<K, V> Shard<K, V> {
    /// Drops the entry of every node that holds one; for the last owner.
    fn drop_entries(&self) {
        if !std::mem::needs_drop::<Entry<K, V>>() {
            return;
        }
        let fresh = self.recycler.fresh();
        let mut holds = vec![true; fresh as usize];
        self.recycler.for_each_free(&mut |node| holds[node as usize - 1] = false);
        if planted(Bug::DropSkipsPending) {
            self.recycler.for_each_unsealed_or_dead(&mut |node| holds[node as usize - 1] = false);
        }
        if let Some(husks) = self.husks.get() {
            for node in 1..fresh + 1 {
                if husks.contains(node) {
                    holds[node as usize - 1] = false;
                }
            }
        }
        let mut next = 0;
        // If an entry's drop panics, the rest are dropped while unwinding.
        let mut drop_rest = OnDrop(|| {
            while let Some(&holding) = holds.get(next) {
                next += 1;
                if holding {
                    // SAFETY: every node up to `fresh` that is not free and no husk holds an entry,
                    // nobody else uses the cache, and each comes up once.
                    unsafe { self.nodes.drop_entry(next as u32) };
                }
            }
        });
        drop_rest.0();
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.nodes.allocated_bytes()
            + self.recycler.allocated_bytes()
            + self.index.allocated_bytes()
            + self.births.allocated_bytes()
            + self.husks.get().map_or(0, Husks::allocated_bytes)
            + self.weights.as_ref().map_or(0, Weights::allocated_bytes)
            + self.timing.get().map_or(0, |timing| size_of_val(timing) + timing.allocated_bytes())
            + self
                .generations
                .get()
                .map_or(0, |generations| size_of_val(generations) + generations.allocated_bytes())
    }
}
