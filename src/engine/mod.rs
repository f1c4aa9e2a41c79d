//! The lock-free engine: shards, the budget they share, and the counters.
//!
//! From the outside in: this file picks the shard, pins, counts and drops; `shard.rs` puts the
//! protocols of one shard together; each protocol has a file of its own, whose header argues its
//! correctness. `word.rs` and `plan.rs` are plain computation.

pub(crate) mod budget;
#[cfg_attr(not(test), allow(dead_code, reason = "no operation sets deadlines yet"))]
pub(crate) mod deadlines;
#[cfg(larder_loom)]
pub mod doors;
pub(crate) mod epoch;
pub(crate) mod extents;
pub(crate) mod ghost;
#[cfg_attr(
    not(larder_hooks),
    allow(unreachable_pub, dead_code, reason = "exported for the tests that stop threads")
)]
pub mod hooks;
pub(crate) mod index;
pub(crate) mod insert;
pub(crate) mod magazine;
pub(crate) mod nodes;
pub(crate) mod plan;
pub(crate) mod plant;
pub(crate) mod policy;
pub(crate) mod recycle;
pub(crate) mod ring;
pub(crate) mod scan;
pub(crate) mod shard;
pub(crate) mod stats;
pub(crate) mod stock;
pub(crate) mod stripes;
#[cfg(any(test, fuzzing, larder_internals, larder_loom))]
mod validate;
#[cfg_attr(not(test), allow(dead_code, reason = "no operation sets deadlines yet"))]
pub(crate) mod wheel;
pub(crate) mod word;

use crate::{error::BuildError, sync::yield_now};
use budget::Budget;
use epoch::{Pin, pin};
use index::{Found, Index};
use insert::{IfPresent, Inserted, Placed, Target};
use nodes::Entry;
use plan::Plan;
use plant::{Bug, planted};
use shard::{Common, Context, DEAD_PER_WRITE, OnDrop, Shard};
use stats::{Counters, Event};

/// A cache of entries by hash. Hashing is the caller's, comparing keys too.
#[derive(Debug)]
pub(crate) struct Engine<K, V> {
    common: Common<K, V>,
    /// The number of shards, a power of two, less one.
    shard_mask: usize,
}

impl<K, V> Engine<K, V> {
    pub(crate) fn new(plan: &Plan) -> Result<Self, BuildError> {
        let out_of_memory = |_| BuildError::OutOfMemory { max_capacity: plan.capacity };
        let shards: Result<Box<[_]>, _> =
            (0..plan.shards).map(|_| Shard::new(&plan.shard)).collect();
        assert!(plan.shards.is_power_of_two(), "{} shards", plan.shards);
        Ok(Self {
            common: Common {
                shards: shards.map_err(out_of_memory)?,
                budget: Budget::new(plan.capacity, plan.shards).map_err(out_of_memory)?,
                counters: Counters::new(),
            },
            shard_mask: plan.shards - 1,
        })
    }

    pub(crate) fn shard_count(&self) -> usize {
        self.common.shards.len()
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.common.budget.capacity()
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.common.counters
    }

    /// Entries in the cache, and those that are being inserted at this moment.
    pub(crate) fn entries(&self) -> u64 {
        let unused = self.common.budget.unused(self.common.shards.iter().map(Shard::credits));
        self.common.budget.capacity().saturating_sub(unused)
    }

    /// The shard of a hash: its top bits, which neither bucket nor tag is made of.
    #[inline(always)]
    fn shard_of(&self, hash: u64) -> (usize, &Shard<K, V>) {
        let own = (hash >> 48) as usize & self.shard_mask;
        // SAFETY: the mask is one less than the number of shards.
        (own, unsafe { self.common.shards.get_unchecked(own) })
    }

    #[inline(always)]
    fn context<'a>(&'a self, pin: &'a Pin) -> Context<'a, K, V> {
        Context { guard: &pin.guard, number: pin.number, common: &self.common }
    }

    /// Asks for the first cache line that an operation on this hash will need.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: u64) {
        let (_, shard) = self.shard_of(hash);
        shard.index.prefetch(shard.index.home(hash));
    }

    /// Looks a key up and counts the use; `f` gets the entry while it is pinned.
    #[inline(always)]
    pub(crate) fn get<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let (_, shard) = self.shard_of(hash);
        let home = shard.index.home(hash);
        // Before pinning, whose locked instruction takes as long as the line does to come.
        shard.index.prefetch(home);
        let pin = pin();
        let found = self.find(shard, &pin, home, hash, eq)?;
        // SAFETY: pinned, and found in the index since.
        Some(unsafe { shard.nodes.with(found.node, f) })
    }

    /// [`Engine::get`] for a thread that is pinned already: the entry, for as long as it is.
    #[inline(always)]
    pub(crate) fn get_in<'g>(
        &'g self,
        pin: &'g Pin,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
    ) -> Option<&'g Entry<K, V>> {
        let (_, shard) = self.shard_of(hash);
        let found = self.find(shard, pin, shard.index.home(hash), hash, eq)?;
        // SAFETY: found in the index while `pin` pins, and borrowed from it.
        Some(unsafe { shard.nodes.get(found.node) })
    }

    #[inline(always)]
    fn find<'s>(
        &self,
        shard: &'s Shard<K, V>,
        pin: &Pin,
        home: usize,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
    ) -> Option<Found<'s>> {
        let Some(found) = shard.find(&pin.guard, home, hash, eq) else {
            self.common.counters.count(pin.number, Event::Miss);
            return None;
        };
        Index::touch(found);
        self.common.counters.count(pin.number, Event::Hit);
        Some(found)
    }

    /// Looks a key up and leaves no trace.
    #[inline]
    pub(crate) fn peek<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let (_, shard) = self.shard_of(hash);
        let pin = pin();
        let found = shard.find(&pin.guard, shard.index.home(hash), hash, eq)?;
        // SAFETY: pinned, and found in the index since.
        Some(unsafe { shard.nodes.with(found.node, f) })
    }

    /// Inserts, then drops a few entries that died earlier.
    #[inline]
    pub(crate) fn insert(&self, hash: u64, entry: Entry<K, V>, if_present: IfPresent) -> Inserted
    where
        K: Eq,
    {
        match self.try_insert(hash, entry, if_present) {
            Ok(inserted) => inserted,
            Err(entry) => self.insert_exhausted(hash, entry, if_present),
        }
    }

    /// Inserts, or gives the entry back if there is no node for it.
    #[inline(always)]
    fn try_insert(
        &self,
        hash: u64,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Result<Inserted, Entry<K, V>>
    where
        K: Eq,
    {
        let (own, shard) = self.shard_of(hash);
        shard.index.prefetch(shard.index.home(hash));
        let placed = {
            let pin = pin();
            hooks::step(hooks::Step::Pinned);
            shard.insert(&self.context(&pin), Target { own, hash }, entry, if_present)
        };
        shard.drop_dead(DEAD_PER_WRITE);
        match placed {
            Placed::Done(inserted) => Ok(inserted),
            Placed::Kept(_) => Ok(Inserted::Kept),
            Placed::Exhausted(entry) => Err(entry),
        }
    }

    /// All nodes of the shard hold entries, or wait for threads that have been pinned since before
    /// they were removed. On a machine with more runnable threads than cores these are threads that
    /// were interrupted at a bad moment, so let them run: but only a few times, and not again before
    /// there was some progress, since nobody may have to wait for a thread that has stopped.
    #[cold]
    #[inline(never)]
    fn insert_exhausted(&self, hash: u64, mut entry: Entry<K, V>, if_present: IfPresent) -> Inserted
    where
        K: Eq,
    {
        let (own, shard) = self.shard_of(hash);
        let hopeful = shard.recycler.is_hopeful();
        for _ in 0..plan::YIELDS {
            shard.recycler.seal_all(&pin().guard);
            if hopeful {
                yield_now();
            }
            // Each pin sees the latest epoch; a flush may advance it once more.
            pin().guard.flush();
            while shard.drop_dead(plan::DEAD_PER_PASS) > 0 {}
            match self.try_insert(hash, entry, if_present) {
                Ok(inserted) => return inserted,
                Err(back) => entry = back,
            }
        }
        if hopeful {
            shard.recycler.give_up();
        }
        shard.reject(&self.context(&pin()), Target { own, hash }, &entry.key, if_present)
    }

    /// Inserts several under one pin.
    pub(crate) fn insert_batch(&self, batch: &mut Vec<(u64, Entry<K, V>)>)
    where
        K: Eq,
    {
        for (hash, _) in batch.iter() {
            self.prefetch(*hash);
        }
        let mut batch = batch.drain(..);
        let mut writes = vec![0; self.common.shards.len()];
        let exhausted = {
            let pin = pin();
            let cx = self.context(&pin);
            batch.by_ref().find_map(|(hash, entry)| {
                let (own, shard) = self.shard_of(hash);
                writes[own] += 1;
                match shard.insert(&cx, Target { own, hash }, entry, IfPresent::Replace) {
                    Placed::Exhausted(entry) => Some((hash, entry)),
                    Placed::Done(_) | Placed::Kept(_) => None,
                }
            })
        };
        for (shard, writes) in
            self.common.shards.iter().zip(writes).filter(|(_, writes)| *writes > 0)
        {
            shard.drop_dead(writes * DEAD_PER_WRITE);
        }
        // One by one, and in their order, if a node was missing.
        for (hash, entry) in exhausted.into_iter().chain(batch) {
            self.insert(hash, entry, IfPresent::Replace);
        }
    }

    /// Removes; `take` gets the entry.
    #[inline]
    pub(crate) fn remove<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        self.prefetch(hash);
        let (own, shard) = self.shard_of(hash);
        let removed = {
            let pin = pin();
            hooks::step(hooks::Step::Pinned);
            shard.remove(&self.context(&pin), own, hash, eq, take)
        };
        shard.drop_dead(DEAD_PER_WRITE);
        removed
    }

    /// Removes every entry that was there when the call began.
    pub(crate) fn clear(&self) {
        for (own, shard) in self.common.shards.iter().enumerate() {
            let mut bucket = 0;
            loop {
                let more = shard.clear_bucket(&self.context(&pin()), own, bucket);
                shard.drop_dead(DEAD_PER_WRITE * 8);
                if !more {
                    break;
                }
                bucket += 1;
            }
        }
    }

    /// Calls `f` with each entry of one bucket; false behind the last bucket of the shard.
    pub(crate) fn visit_bucket(
        &self,
        shard: usize,
        bucket: usize,
        mut f: impl FnMut(&Entry<K, V>),
    ) -> bool {
        let shard = &self.common.shards[shard];
        let _pin = pin();
        let Some(members) = shard.index.members_of(bucket) else { return false };
        for found in members {
            // SAFETY: pinned, and found in the index since.
            unsafe { shard.nodes.with(found.node, &mut f) };
        }
        true
    }

    /// Brings reclamation as far as pinned threads allow, and drops everything that is dead.
    pub(crate) fn maintain(&self) {
        for shard in &self.common.shards {
            shard.recycler.seal_all(&pin().guard);
        }
        // A flush advances the epoch once at most, and hands back a few batches whose epoch is two
        // behind: so the first two bring nothing, and when that many more bring nothing, either a
        // thread is pinned or others' batches come first.
        let pending =
            || self.common.shards.iter().map(|shard| shard.recycler.pending()).sum::<u32>();
        let (mut before, mut in_vain) = (pending(), 0);
        while before > 0 && in_vain < plan::FLUSHES_IN_VAIN {
            pin().guard.flush();
            let now = pending();
            in_vain = if now < before { 0 } else { in_vain + 1 };
            before = now;
        }
        for shard in &self.common.shards {
            while shard.drop_dead(plan::DEAD_PER_PASS) > 0 {}
        }
    }

    /// Bytes that the cache's structures take now, keys' and values' own allocations aside.
    pub(crate) fn allocated_bytes(&self) -> usize {
        let shards: usize = self.common.shards.iter().map(Shard::allocated_bytes).sum();
        size_of_val(&*self.common.shards) + shards + self.common.counters.allocated_bytes()
    }
}

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
    fn clear_bucket(&self, cx: &Context<'_, K, V>, own: usize, bucket: usize) -> bool {
        let Some(members) = self.index.members_of(bucket) else { return false };
        for found in members {
            self.remove_found(cx, own, found);
        }
        true
    }

    /// Drops the entry of every node that holds one; for the last owner.
    fn drop_entries(&self) {
        if !std::mem::needs_drop::<Entry<K, V>>() {
            return;
        }
        let fresh = self.recycler.fresh();
        let mut holds = vec![true; fresh as usize];
        self.recycler.for_each_free(|node| holds[node as usize - 1] = false);
        if planted(Bug::DropSkipsPending) {
            self.recycler.for_each_unsealed_or_dead(|node| holds[node as usize - 1] = false);
        }
        let mut next = 0;
        // If an entry's drop panics, the rest are dropped while unwinding.
        let mut drop_rest = OnDrop(|| {
            while let Some(&holding) = holds.get(next) {
                next += 1;
                if holding {
                    // SAFETY: every node up to `fresh` that is not free holds an entry, nobody else
                    // uses the cache, and each comes up once.
                    unsafe { self.nodes.drop_entry(next as u32) };
                }
            }
        });
        drop_rest.0();
    }

    fn allocated_bytes(&self) -> usize {
        self.nodes.allocated_bytes()
            + self.recycler.allocated_bytes()
            + self.index.allocated_bytes()
            + self.policy.allocated_bytes()
    }
}

/// Asks for a cache line.
#[inline(always)]
pub(crate) fn prefetch<T>(place: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: prefetching has no effect but on caches, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(larder_loom))))]
    let _ = place;
}
