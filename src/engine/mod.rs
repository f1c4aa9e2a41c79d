//! The lock-free engine: shards, the budget they share, and the counters.
//!
//! From the outside in: this file picks the shard, pins, counts and drops; `shard.rs` puts the
//! protocols of one shard together; each protocol has a file of its own, whose header argues its
//! correctness. `word.rs` and `plan.rs` are plain computation.

pub(crate) mod budget;
pub(crate) mod compute;
pub(crate) mod deadlines;
#[cfg(larder_loom)]
pub mod doors;
pub(crate) mod epoch;
mod errand;
mod expire;
pub(crate) mod extents;
pub(crate) mod fill;
pub(crate) mod flight;
pub(crate) mod flights;
pub(crate) mod generations;
pub(crate) mod ghost;
pub(crate) mod groups;
#[cfg_attr(
    not(larder_hooks),
    allow(unreachable_pub, dead_code, reason = "exported for the tests that stop threads")
)]
pub mod hooks;
mod husks;
pub(crate) mod index;
pub(crate) mod insert;
pub(crate) mod inspect;
pub(crate) mod late;
pub(crate) mod leading;
pub(crate) mod leaving;
pub(crate) mod lifetimes;
pub(crate) mod load_times;
pub(crate) mod magazine;
pub(crate) mod nodes;
pub(crate) mod parker;
pub(crate) mod plan;
pub(crate) mod plant;
pub(crate) mod policy;
pub(crate) mod recycle;
pub(crate) mod refresh;
pub(crate) mod ring;
pub(crate) mod scan;
pub(crate) mod shard;
pub(crate) mod stats;
pub(crate) mod stock;
pub(crate) mod storeys;
pub(crate) mod stripes;
mod sweep;
pub(crate) mod timing;
mod upkeep;
pub(crate) use upkeep::Tended;
#[cfg(any(test, fuzzing, larder_internals, larder_loom))]
mod validate;
pub(crate) mod weights;
pub(crate) mod wheel;
pub(crate) mod word;

use crate::{
    error::BuildError,
    listener::{Listener, RemovalCause},
    pending::Pending,
    sync::{Arc, AtomicU64, yield_now},
};
use budget::Budget;
use crossbeam_utils::CachePadded;
use deadlines::Change;
use epoch::{Pin, pin};
use flights::Flights;
use husks::Husks;
use index::{Found, Index};
use insert::{IfPresent, Inserted, Placed, Price, Target, Terms};
use late::Late;
use leaving::Leaving;
use lifetimes::{Life, Lifetimes, Rules, Span};
use load_times::LoadTimes;
use nodes::Entry;
use plan::Plan;
use plant::{Bug, planted};
use shard::{Common, Context, DEAD_PER_WRITE, OnDrop, Shard};
use stats::{Counters, EVENTS, Event};
use std::time::{Duration, Instant};
use storeys::{FROM_THE_TOP, Seat, Spot, Storeys};
use weights::{Weigher, Weights};
use wheel::Advance;

/// A cache of entries by hash. Hashing is the caller's, comparing keys too.
#[derive(Debug)]
pub(crate) struct Engine<K, V> {
    /// Counted, since the maintenance thread may be at work on it when the cache is dropped.
    common: Arc<Common<K, V>>,
}

/// An entry that a lookup has found.
#[derive(Debug)]
pub(crate) struct Sighted<'s, K, V> {
    pub(crate) own: usize,
    pub(crate) shard: &'s Shard<K, V>,
    pub(crate) found: Found<'s>,
}

impl<K, V> Sighted<'_, K, V> {
    pub(crate) fn spot(&self) -> Spot {
        Spot { own: self.own, node: self.found.node }
    }
}

impl<K, V> Engine<K, V> {
    pub(crate) fn new(
        plan: &Plan,
        weigher: Option<Weigher<K, V>>,
        coster: Option<Weigher<K, V>>,
        listener: Option<Listener<K, V>>,
        lifetimes: Lifetimes<K, V>,
    ) -> Result<Self, BuildError> {
        let out_of_memory = |_| BuildError::OutOfMemory { max_capacity: plan.capacity };
        let engine = Self {
            common: Arc::new(Common {
                storeys: Storeys::new(plan).map_err(out_of_memory)?,
                budget: Budget::new(
                    plan.capacity,
                    plan.shards,
                    if plan.shard.weighted { u64::MAX } else { 64 },
                )
                .map_err(out_of_memory)?,
                counters: Counters::new(),
                weigher,
                coster,
                listener,
                lifetimes,
                expired: AtomicU64::new(0),
                registration: Late::new(),
                flights: Flights::new(),
                load_times: CachePadded::new(LoadTimes::new()),
                groups: Late::new(),
            }),
        };
        if engine.common.lifetimes.rules != Rules::None {
            for (_, shard) in engine.common.storeys.iter() {
                shard.timing_by_rule(&engine.common).map_err(out_of_memory)?;
            }
        }
        Ok(engine)
    }

    /// Has the maintenance thread tend to the cache, if it does not already.
    pub(crate) fn tend(&self, tended: Tended<K, V>) {
        tended.register(&self.common);
    }

    /// The number of shards that new entries go to.
    pub(crate) fn shard_count(&self) -> usize {
        self.common.storeys.plan().shards
    }

    /// One more than the largest number of a shard.
    pub(crate) fn shard_numbers(&self) -> usize {
        self.common.storeys.count()
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.common.budget.capacity()
    }

    /// What was counted, and the number of entries. What is stale counts as gone.
    pub(crate) fn totals(&self) -> ([u64; EVENTS], u64) {
        let (mut totals, stale) = (self.common.counters.totals(), self.common.stale().entries);
        totals[Event::Invalidation as usize] += stale;
        (totals, self.residents().saturating_sub(stale))
    }

    /// Entries in the cache, and those that are being inserted at this moment. O(capacity) while there
    /// may be stale ones, which do not count.
    pub(crate) fn entries(&self) -> u64 {
        self.residents().saturating_sub(self.common.stale().entries)
    }

    /// The same for what they weigh together.
    pub(crate) fn weight(&self) -> u64 {
        self.common.weight().saturating_sub(self.common.stale().weight)
    }

    /// Sets what entries may weigh together, and evicts what is too much. Says how many entries there is
    /// room for if that is not enough, and there is no memory for more.
    pub(crate) fn resize(&self, capacity: u64) -> Result<(), u64> {
        let common = &*self.common;
        while common.weigher.is_none() && capacity > common.storeys.plan().entries {
            let (level, room) = (common.storeys.height(), common.storeys.plan().entries);
            // At least twice as many, so that many small steps do not make for many storeys.
            common.grow(level, capacity.max(room.saturating_mul(2))).map_err(|_| room)?;
        }
        self.common.budget.resize(capacity);
        self.common.pay_debt();
        Ok(())
    }

    /// Entries that take up room, stale ones included.
    pub(crate) fn residents(&self) -> u64 {
        if self.common.weigher.is_none() {
            return self.common.weight();
        }
        let totals = self.common.counters.totals();
        let total = |event: Event| totals[event as usize];
        let left = [Event::Removal, Event::Eviction, Event::Expiration, Event::Invalidation];
        total(Event::Insert).saturating_sub(left.map(total).iter().sum())
    }

    /// The shard of a hash on the ground floor, where every operation begins.
    #[inline(always)]
    fn ground(&self, hash: u64) -> Seat<'_, K, V> {
        self.common.storeys.ground(hash)
    }

    #[inline(always)]
    fn context<'a>(&'a self, pin: &'a Pin, leaving: &'a Leaving<'a, K, V>) -> Context<'a, K, V> {
        self.common.context(pin, leaving)
    }

    /// Asks for the first cache line that an operation on this hash will need.
    #[inline(always)]
    pub(crate) fn prefetch(&self, hash: u64) {
        let (_, shard) = self.ground(hash);
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
        // Before pinning, whose locked instruction takes as long as the line does to come.
        self.prefetch(hash);
        let pin = pin();
        let Sighted { shard, found, .. } = self.find(&pin, hash, eq)?;
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
        let Sighted { shard, found, .. } = self.find(pin, hash, eq)?;
        // SAFETY: found in the index while `pin` pins, and borrowed from it.
        Some(unsafe { shard.nodes.get(found.node) })
    }

    #[inline(always)]
    fn find(&self, pin: &Pin, hash: u64, eq: impl FnMut(&K) -> bool) -> Option<Sighted<'_, K, V>> {
        let Some(sighted) = self.find_live(pin, hash, eq) else {
            self.common.counters.count(pin.number, Event::Miss);
            return None;
        };
        let Sighted { shard, found, .. } = sighted;
        Index::touch(found);
        if let Some(timing) = shard.timing.get()
            && self.common.lifetimes.heed_reads()
        {
            shard.heed_read(&self.common, timing, found);
        }
        self.common.counters.count(pin.number, Event::Hit);
        Some(sighted)
    }

    /// Looks a key up, and takes what is expired or stale for absent.
    #[inline(always)]
    pub(super) fn find_live(
        &self,
        pin: &Pin,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<Sighted<'_, K, V>> {
        let watch = self.common.watch();
        let (mut own, mut shard) = self.ground(hash);
        let mut level = FROM_THE_TOP;
        loop {
            if let Some(found) = shard.find(&pin.guard, shard.index.home(hash), hash, &mut eq) {
                if shard.is_live(&self.common, watch, found.node) {
                    return Some(Sighted { own, shard, found });
                }
                // Perhaps it has been replaced in time, and only this thread was late.
                if shard.index.still_names(found) {
                    return None;
                }
            } else {
                (level, (own, shard)) = self.common.storeys.next(level, hash)?;
            }
        }
    }

    /// Looks a key up, live or not.
    fn find_any(
        &self,
        pin: &Pin,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<Sighted<'_, K, V>> {
        let (mut own, mut shard) = self.ground(hash);
        let mut level = FROM_THE_TOP;
        loop {
            if let Some(found) = shard.find(&pin.guard, shard.index.home(hash), hash, &mut eq) {
                return Some(Sighted { own, shard, found });
            }
            (level, (own, shard)) = self.common.storeys.next(level, hash)?;
        }
    }

    /// Looks a key up and leaves no trace.
    #[inline]
    pub(crate) fn peek<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let pin = pin();
        let Sighted { shard, found, .. } = self.find_live(&pin, hash, eq)?;
        // SAFETY: pinned, and found in the index since.
        Some(unsafe { shard.nodes.with(found.node, f) })
    }

    /// Inserts, then drops a few entries that died earlier.
    #[inline]
    pub(crate) fn insert(&self, hash: u64, entry: Entry<K, V>, if_present: IfPresent) -> Inserted
    where
        K: Eq,
    {
        self.insert_at(self.target_of(hash, &Terms::BY_RULE, &entry), entry, if_present)
    }

    /// Inserts an entry about which more is said than the cache's rules do.
    pub(crate) fn insert_on(
        &self,
        hash: u64,
        entry: Entry<K, V>,
        if_present: IfPresent,
        terms: &Terms,
    ) -> Inserted
    where
        K: Eq,
    {
        let target = self.target_of(hash, terms, &entry);
        if self.can_keep(target, self.ground(hash).1) {
            return self.insert_at(target, entry, if_present);
        }
        self.reject_write(target, &entry, if_present)
    }

    /// Whether there is memory for what is said about an entry in the shard that it goes to.
    pub(super) fn can_keep(&self, target: Target<'_>, shard: &Shard<K, V>) -> bool {
        let Terms { span, tags } = target.terms;
        let timed = matches!(span, Span::ByRule) || shard.timing_for(&self.common).is_ok();
        timed && (tags.is_empty() || self.has_tags())
    }

    #[inline(always)]
    fn insert_at(&self, target: Target<'_>, entry: Entry<K, V>, if_present: IfPresent) -> Inserted
    where
        K: Eq,
    {
        if self.is_too_heavy(target) {
            return self.reject_write(target, &entry, if_present);
        }
        match self.try_insert(target, entry, if_present) {
            Ok(inserted) => inserted,
            Err(entry) => self.insert_exhausted(target, entry, if_present),
        }
    }

    /// Where an entry goes, and what it weighs and costs.
    #[inline(always)]
    pub(super) fn target_of<'t>(
        &self,
        hash: u64,
        terms: &'t Terms,
        entry: &Entry<K, V>,
    ) -> Target<'t> {
        let ask = |weigher: &Option<Weigher<K, V>>| {
            weigher.as_ref().map_or(1, |weigher| weigher.weigh(&entry.key, &entry.value))
        };
        let price = Price::new(ask(&self.common.weigher), ask(&self.common.coster));
        Target { own: self.ground(hash).0, hash, terms, price }
    }

    /// Whether an entry of that weight could not be kept if it was alone.
    #[inline(always)]
    pub(super) fn is_too_heavy(&self, target: Target<'_>) -> bool {
        self.common.weigher.is_some() && target.price.weight() > self.capacity()
    }

    /// Takes part in reaching a capacity that was made smaller while this thread had credits in hand; when
    /// it has unpinned.
    #[inline(always)]
    fn pay_if_owing(&self) {
        if self.common.budget.debt() > 0 {
            self.common.pay_debt();
        }
    }

    /// What a write does for a cache that no maintenance thread tends, or in which stale entries are to be
    /// swept.
    #[inline(always)]
    fn do_upkeep(&self, own: usize, shard: &Shard<K, V>) {
        if shard.timing.get().is_some() && self.common.registration.get().is_none() {
            self.common.expire_some(own);
        }
        self.sweep_by_the_way();
    }

    /// Inserts, or gives the entry back if there is no node for it.
    #[inline(always)]
    fn try_insert(
        &self,
        target: Target<'_>,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Result<Inserted, Entry<K, V>>
    where
        K: Eq,
    {
        if self.common.storeys.has_grown() {
            return self.try_insert_grown(target, entry, if_present);
        }
        let Target { own, hash, .. } = target;
        // `own` is its number, but the compiler cannot know.
        let (_, shard) = self.ground(hash);
        shard.index.prefetch(shard.index.home(hash));
        self.do_upkeep(own, shard);
        let leaving = Leaving::new(&self.common);
        let placed = {
            let pin = pin();
            hooks::step(hooks::Step::Pinned);
            self.supersede(&pin, hash);
            shard.insert(&self.context(&pin, &leaving), target, entry, if_present)
        };
        self.pay_if_owing();
        shard.drop_dead(DEAD_PER_WRITE);
        placed.into_inserted()
    }

    /// The same in a cache that has more than the ground floor.
    #[cold]
    #[inline(never)]
    fn try_insert_grown(
        &self,
        target: Target<'_>,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Result<Inserted, Entry<K, V>>
    where
        K: Eq,
    {
        let (own, shard) = self.ground(target.hash);
        self.do_upkeep(own, shard);
        let leaving = Leaving::new(&self.common);
        let placed = {
            let pin = pin();
            hooks::step(hooks::Step::Pinned);
            self.supersede(&pin, target.hash);
            let cx = self.context(&pin, &leaving);
            self.place(target.hash, entry, |(own, shard), entry| {
                if !self.can_keep(target, shard) {
                    return Placed::Exhausted(entry);
                }
                shard.insert(&cx, Target { own, ..target }, entry, if_present)
            })
        };
        drop(leaving);
        self.pay_if_owing();
        self.drop_dead(target.hash, DEAD_PER_WRITE);
        placed.into_inserted()
    }

    #[cold]
    #[inline(never)]
    fn insert_exhausted(
        &self,
        target: Target<'_>,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Inserted
    where
        K: Eq,
    {
        let again = |entry| self.try_insert(target, entry, if_present);
        // It may have grown while this one was under way.
        let grown = self.common.storeys.has_grown();
        let tried = if grown { again(entry) } else { Err(entry) };
        tried
            .or_else(|entry| self.retry_exhausted(target.hash, entry, again))
            .unwrap_or_else(|entry| self.reject(target, &entry, if_present))
    }

    /// There is no room for an entry: it is not stored, and the one that it was to replace is gone.
    #[cold]
    fn reject(&self, target: Target<'_>, entry: &Entry<K, V>, if_present: IfPresent) -> Inserted
    where
        K: Eq,
    {
        let (_, shard) = self.ground(target.hash);
        let leaving = Leaving::new(&self.common);
        let rejected =
            shard.reject(&self.context(&pin(), &leaving), target, &entry.key, if_present);
        drop(leaving);
        self.common.tell(&entry.key, &entry.value, RemovalCause::Rejected);
        rejected
    }

    /// The same if nothing was tried before. It is a write even so: what is being loaded is older.
    #[cold]
    fn reject_write(
        &self,
        target: Target<'_>,
        entry: &Entry<K, V>,
        if_present: IfPresent,
    ) -> Inserted
    where
        K: Eq,
    {
        self.supersede(&pin(), target.hash);
        self.reject(target, entry, if_present)
    }

    /// All nodes of the shard hold entries, or wait for threads that have been pinned since before
    /// they were removed. On a machine with more runnable threads than cores these are threads that
    /// were interrupted at a bad moment, so let them run: but only a few times, and not again before
    /// there was some progress, since nobody may have to wait for a thread that has stopped.
    fn retry_exhausted<R>(
        &self,
        hash: u64,
        mut entry: Entry<K, V>,
        mut again: impl FnMut(Entry<K, V>) -> Result<R, Entry<K, V>>,
    ) -> Result<R, Entry<K, V>> {
        let seats = || self.common.storeys.seats(hash).map(|(_, shard)| shard);
        let hopeful = seats().any(|shard| shard.recycler.is_hopeful());
        for _ in 0..plan::YIELDS {
            for shard in seats() {
                shard.recycler.seal_all(&pin().guard);
            }
            if hopeful {
                yield_now();
            }
            // Each pin sees the latest epoch; a flush may advance it once more.
            pin().guard.flush();
            seats().for_each(|shard| while shard.drop_dead(plan::DEAD_PER_PASS) > 0 {});
            match again(entry) {
                Ok(done) => return Ok(done),
                Err(back) => entry = back,
            }
        }
        if hopeful {
            seats().for_each(|shard| shard.recycler.give_up());
        }
        Err(entry)
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
        let priced = self.common.weigher.is_some() || self.common.coster.is_some();
        if priced || self.common.storeys.has_grown() {
            // Weighing is user code, and what is too heavy is told at once.
            return batch
                .for_each(|(hash, entry)| _ = self.insert(hash, entry, IfPresent::Replace));
        }
        let mut writes = vec![0; self.common.storeys.count()];
        self.sweep_by_the_way();
        let leaving = Leaving::new(&self.common);
        let exhausted = {
            let pin = pin();
            let cx = self.context(&pin, &leaving);
            batch.by_ref().find_map(|(hash, entry)| {
                let (own, shard) = self.ground(hash);
                writes[own] += 1;
                self.supersede(&pin, hash);
                let target = Target { own, hash, terms: &Terms::BY_RULE, price: Price::UNIT };
                match shard.insert(&cx, target, entry, IfPresent::Replace) {
                    Placed::Exhausted(entry) | Placed::Outgrown(entry) => Some((hash, entry)),
                    Placed::Done(_) | Placed::Kept(_) => None,
                }
            })
        };
        drop(leaving);
        let written = self.common.storeys.iter().zip(writes).filter(|(_, writes)| *writes > 0);
        for ((_, shard), writes) in written {
            shard.drop_dead(writes * DEAD_PER_WRITE);
        }
        // One by one, and in their order, if a node was missing or the cache grows.
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
        let (_, shard) = self.ground(hash);
        self.sweep_by_the_way();
        let leaving = Leaving::new(&self.common);
        let removed = {
            let pin = pin();
            hooks::step(hooks::Step::Pinned);
            self.supersede(&pin, hash);
            self.common.remove(&self.context(&pin, &leaving), hash, eq, take)
        };
        drop(leaving);
        shard.drop_dead(DEAD_PER_WRITE);
        if self.common.storeys.has_grown() {
            self.drop_dead(hash, DEAD_PER_WRITE);
        }
        removed
    }

    /// Calls `f` with each entry of one bucket; false behind the last bucket of the shard.
    pub(crate) fn visit_bucket(
        &self,
        own: usize,
        bucket: usize,
        mut f: impl FnMut(&Entry<K, V>),
    ) -> bool {
        let Some(shard) = self.common.storeys.get(own) else { return false };
        let _pin = pin();
        let watch = self.common.watch();
        let Some(members) = shard.index.members_of(bucket) else { return false };
        for found in members.filter(|found| shard.is_live(&self.common, watch, found.node)) {
            // SAFETY: pinned, and found in the index since.
            unsafe { shard.nodes.with(found.node, &mut f) };
        }
        true
    }

    /// Takes out what is expired or stale, brings reclamation as far as pinned threads allow, and drops
    /// everything that is dead.
    pub(crate) fn maintain(&self) {
        while self.common.expire(u32::MAX) == Advance::More {}
        self.common.pay_debt();
        self.common.sweep_all();
        self.common.reclaim();
    }

    /// The same for about as long as `budget`, or until nothing is left to be done at present.
    pub(crate) fn maintain_for(&self, budget: Duration) -> Pending {
        let started = Instant::now();
        loop {
            match self.common.maintain_some() {
                Advance::Done => return Pending::Done,
                Advance::More if started.elapsed() >= budget => return Pending::More,
                Advance::More => {}
            }
        }
    }

    /// The times of a key's entry, without counting as use.
    pub(crate) fn life(&self, hash: u64, eq: impl FnMut(&K) -> bool) -> Option<Life> {
        let pin = pin();
        let Sighted { shard, found, .. } = self.find_live(&pin, hash, eq)?;
        Some(shard.timing.get().map_or(Life::ENDLESS, |timing| timing.life(found.node)))
    }

    /// Has a key's entry live for `duration` from now on; false if it is absent, or there is no memory
    /// for its time.
    pub(crate) fn touch(
        &self,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
        duration: Duration,
    ) -> bool {
        let pin = pin();
        loop {
            let sighted = self.find_live(&pin, hash, &mut eq);
            let Some(Sighted { shard, found, .. }) = sighted else { return false };
            let Ok(timing) = shard.timing_for(&self.common) else { return false };
            let touched = shard.touch(&self.common, timing, found, duration);
            // A value that takes the place of this one meanwhile has a time of its own.
            if touched != Change::TooLate && shard.index.still_names(found) {
                return true;
            }
        }
    }

    pub(crate) fn lifetimes(&self) -> &Lifetimes<K, V> {
        &self.common.lifetimes
    }

    /// Bytes that the cache's structures take now, keys' and values' own allocations aside.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.common.storeys.allocated_bytes()
            + self.common.counters.allocated_bytes()
            + self.common.flights.allocated_bytes()
            + self.common.groups.get().map_or(0, |it| size_of_val(it) + it.allocated_bytes())
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
        if let Some(husks) = self.husks.get() {
            (1..=fresh)
                .filter(|&node| husks.contains(node))
                .for_each(|n| holds[n as usize - 1] = false);
        }
        let mut next = 0;
        // If an entry's drop panics, the rest are dropped while unwinding.
        let mut drop_rest = OnDrop(|| {
            while let Some(&holding) = holds.get(next) {
                next += 1;
                if holding {
                    // SAFETY: every node up to `fresh` that is not free and no husk holds an entry, nobody
                    // else uses the cache, and each comes up once.
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
