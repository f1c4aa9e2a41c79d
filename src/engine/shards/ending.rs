//! Dropping a shard, and the memory that it takes.

use crate::{
    engine::{
        shards::shard::{OnDrop, Shard},
        storage::{moved_out::MovedOut, nodes::Entry, weights::Weights},
    },
    testing::plant::{Bug, planted},
};

// The shard drops its entries, not the engine: if an entry's drop panics, the other shards are
// dropped nevertheless.
impl<K, V> Drop for Shard<K, V> {
    fn drop(&mut self) {
        // No other thread can reach the shard, so none reads. Batches that the collector still
        // holds are only numbers, and own a reference to the recycler to which they go back.
        self.drop_entries();
    }
}

impl<K, V> Shard<K, V> {
    /// Drops the entry of every node that holds one. For the shard's last owner.
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
        if let Some(moved_out) = self.moved_out.get() {
            for node in 1..fresh + 1 {
                if moved_out.contains(node) {
                    holds[node as usize - 1] = false;
                }
            }
        }
        let mut next = 0;
        // If an entry's drop panics, the remaining entries are dropped while unwinding.
        let mut drop_rest = OnDrop(|| {
            while let Some(&holding) = holds.get(next) {
                next += 1;
                if holding {
                    // SAFETY: every node up to `fresh` that is neither free nor a moved-out node
                    // holds an entry, no other thread uses the shard, and each node is visited
                    // once.
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
            + self.moved_out.get().map_or(0, MovedOut::allocated_bytes)
            + self.weights.as_ref().map_or(0, Weights::allocated_bytes)
            + self.timing.get().map_or(0, |timing| size_of_val(timing) + timing.allocated_bytes())
            + self
                .generations
                .get()
                .map_or(0, |generations| size_of_val(generations) + generations.allocated_bytes())
    }
}
