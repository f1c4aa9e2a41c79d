//! One shard: the operations, put together from the protocols.
//!
//! `index.rs` says which copy of a key counts, `budget.rs` how many entries there may be, `ring.rs`
//! and `policy.rs` who goes, `recycle.rs` when a node may be used again. Here they meet; the order
//! of the steps below is what their headers ask for.

use crate::{
    engine::{
        background::Background,
        budget::{Budget, Credit, Credits, Source},
        extents::{OutOfMemory, zeroed},
        flight::Flight,
        flights::Flights,
        generations::Generations,
        groups::{Births, Groups},
        husks::Husks,
        index::{Departure, Found, Home, Index, Loc},
        insert::Target,
        late::Late,
        lifetimes::Lifetimes,
        load_times::LoadTimes,
        nodes::{Entry, Nodes},
        parts::{PartSet, Parts},
        plan::{Growth, ShardPlan},
        plant::{Bug, planted},
        policy::{Evicted, Pace, Policy, Search, Worth},
        recycle::Recycler,
        ring::Ring,
        scope::WriteScope,
        stats::{Counters, Event},
        storeys::{FACTOR, Spot, Storeys},
        timing::Timing,
        weights::{Weigher, Weights},
        word::{NodeId, Word},
    },
    eviction::EvictionPolicy,
    listener::{Listener, RemovalCause},
    maintenance::Registration,
    sync::{Arc, AtomicU32, AtomicU64, Ordering, Weak},
};
use crossbeam_epoch::Guard;
use crossbeam_utils::CachePadded;

/// What inserts of all threads write.
#[derive(Debug)]
struct Hot {
    pace: Pace,
    credits: Credits,
    /// Evictions for this shard, for caches that have grown.
    ticks: AtomicU32,
}

/// A part of the cache: the keys of one range of hashes.
#[derive(Debug)]
pub(crate) struct Shard<K, V> {
    pub(crate) index: Index,
    pub(crate) nodes: Nodes<K, V>,
    pub(crate) policy: Policy,
    pub(crate) recycler: Arc<Recycler>,
    /// If any of its entries may expire.
    pub(crate) timing: Late<Timing>,
    /// If its entries do not all weigh the same.
    pub(crate) weights: Option<Weights>,
    rules: EvictionPolicy,
    /// If anybody has asked for a version.
    pub(crate) generations: Late<Generations>,
    pub(crate) births: Births,
    /// If an entry was ever moved out of its node.
    pub(crate) husks: Late<Husks>,
    /// Its number in the cache.
    id: usize,
    /// The floor that it is on.
    level: usize,
    /// With more entries than this the cache is to grow, if it is planned for an estimate.
    outgrown_at: u32,
    planned_nodes: usize,
    max_nodes: usize,
    hot: CachePadded<Hot>,
}

/// What the operations on all shards share.
#[derive(Debug)]
pub(crate) struct Common<K, V> {
    /// Itself, for what is told later.
    pub(crate) own: Weak<Self>,
    pub(crate) parts: Parts,
    pub(crate) storeys: Storeys<K, V>,
    pub(crate) budget: Budget,
    pub(crate) counters: Counters,
    pub(crate) weigher: Option<Weigher<K, V>>,
    pub(crate) coster: Option<Weigher<K, V>>,
    pub(crate) listener: Option<Listener<K, V>>,
    pub(crate) lifetimes: Lifetimes<K, V>,
    /// Expirations that the maintenance thread has seen to.
    pub(crate) expired: AtomicU64,
    /// With the maintenance thread, if there is anything for it to do.
    pub(crate) registration: Late<Registration>,
    pub(crate) flights: Flights<Flight<K, V>>,
    /// Apart from what readers read.
    pub(crate) load_times: Late<LoadTimes>,
    /// If anything was ever invalidated together, or has tags.
    pub(crate) groups: Late<Groups>,
    pub(crate) background: Background,
}

/// What a removal found.
#[derive(Debug)]
pub(crate) enum Taken<R> {
    /// No such key.
    Nothing,
    /// An entry that was expired or stale.
    Past,
    Entry(R),
}

/// Entries that are given up at once where nodes run out although there is weight left.
const RELIEF: u32 = 16;

/// One in so many evictions is from below the top floor.
const EMPTYING: u32 = 4;

impl<K, V> Shard<K, V> {
    /// The shard of the number `id`, on the floor `level`.
    pub(crate) fn new(plan: &ShardPlan, level: usize, id: usize) -> Result<Self, OutOfMemory> {
        let drops = std::mem::needs_drop::<Entry<K, V>>();
        let (planned, max) = (plan.planned_nodes as usize, plan.nodes.max_nodes as usize);
        let (probation, protected) = Policy::ring_lens(plan.ring_capacity());
        let (probation, protected) = (Ring::new(zeroed(probation)?), Ring::new(zeroed(protected)?));
        let (policy, pace) =
            Policy::new(plan.capacity, plan.growth, plan.rules, probation, protected);
        if let Some(share) = plan.probation {
            policy.begin_with(&pace, share);
        }
        Ok(Self {
            index: Index::new(zeroed(plan.buckets)?, plan.layout),
            nodes: Nodes::new(plan.planned_nodes as usize, plan.nodes.max_nodes as usize)?,
            policy,
            recycler: Arc::new(Recycler::new(plan.nodes, drops)?),
            timing: Late::new(),
            weights: (plan.weighted || plan.rules == EvictionPolicy::CostAware)
                .then(|| Weights::new(planned, max))
                .transpose()?,
            generations: Late::new(),
            births: Births::new(planned, max),
            husks: Late::new(),
            id,
            level,
            outgrown_at: match plan.growth {
                Growth::Never => u32::MAX,
                Growth::OnDemand => plan.outgrown_at(),
            },
            rules: plan.rules,
            planned_nodes: planned,
            max_nodes: max,
            hot: CachePadded::new(Hot { pace, credits: Credits::new(), ticks: AtomicU32::new(0) }),
        })
    }

    /// Its number in the cache: what versions, credits and spots name it by.
    #[inline(always)]
    pub(crate) fn id(&self) -> usize {
        self.id
    }

    pub(super) fn spot(&self, node: NodeId) -> Spot {
        Spot { shard: self.id, node }
    }

    pub(super) fn level(&self) -> usize {
        self.level
    }

    pub(super) fn planned_nodes(&self) -> usize {
        self.planned_nodes
    }

    pub(super) fn max_nodes(&self) -> usize {
        self.max_nodes
    }

    #[inline(always)]
    pub(crate) fn pace(&self) -> &Pace {
        &self.hot.pace
    }

    #[inline(always)]
    pub(crate) fn credits(&self) -> &Credits {
        &self.hot.credits
    }

    /// Takes unused credits, `most` of them or as many as there are in the whole cache.
    #[inline(always)]
    fn take(&self, cx: &WriteScope<'_, K, V>, most: u64) -> Credit {
        let at = |i: usize| cx.common().storeys.shard(i).credits();
        cx.budget().take(self.id, self.credits(), most, at)
    }

    /// Gives a credit back: its entry was removed, or its insert did not happen.
    #[inline(always)]
    pub(super) fn give(&self, cx: &WriteScope<'_, K, V>, credit: Credit) {
        cx.budget().give(self.id, self.credits(), credit);
    }

    /// Looks a key up; `eq` compares keys.
    #[inline(always)]
    pub(crate) fn find(
        &self,
        _pinned: &Guard,
        home: usize,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<Found<'_>> {
        self.index.find(home, hash, |node| {
            // SAFETY: pinned, and the index read `node` from a member word with Acquire.
            unsafe { self.nodes.with(node, |entry| eq(&entry.key)) }
        })
    }

    /// The same from the home bucket, with the entry, for as long as this thread is pinned.
    #[inline(always)]
    pub(crate) fn find_at<'p>(
        &'p self,
        _pinned: &'p Guard,
        home: Home<'p>,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<(Found<'p>, &'p Entry<K, V>)> {
        if planted(Bug::SealedOverlooked) && home.control().is_sealed() {
            return None;
        }
        self.index.find_at(home, hash, |node| {
            if cfg!(larder_loom) {
                // So that models see how long the key is read.
                // SAFETY: as below.
                let is_it = unsafe { self.nodes.with(node, |entry| eq(&entry.key)) };
                // SAFETY: as below.
                return is_it.then(|| unsafe { self.nodes.get(node) });
            }
            // SAFETY: pinned, and the index read `node` from a member word with Acquire; borrowed from the pin.
            let entry = unsafe { self.nodes.get(node) };
            eq(&entry.key).then_some(entry)
        })
    }

    /// Takes a key out of this shard; `take` gets the entry, which nobody can find any more.
    pub(crate) fn remove<R>(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Taken<R> {
        let home = self.index.home(hash);
        loop {
            let Some(found) = self.find(cx.guard(), home, hash, &mut eq) else {
                return Taken::Nothing;
            };
            let loc = self.index.loc(found);
            // Asked before the swap: nobody finds the key afterwards, so what ends then was in time.
            let cause = self.cause(cx, found.node, RemovalCause::Explicit);
            if self.index.remove(loc, found.word) {
                if cause != RemovalCause::Explicit {
                    self.depart(cx, loc, found.word, cause);
                    return Taken::Past;
                }
                // From here on it is gone, even if `take` panics.
                let gone = OnDrop(|| _ = self.depart_out_of_line(cx, loc, found.word, cause));
                // SAFETY: as in `find`; it is retired below, or when `gone` is dropped, not before.
                let taken = unsafe { self.nodes.with(found.node, take) };
                std::mem::forget(gone);
                self.depart(cx, loc, found.word, cause);
                return Taken::Entry(taken);
            }
        }
    }

    /// Takes a key out of this shard for a value that is not stored, if what is there `goes`; for what cause.
    #[cold]
    pub(crate) fn displace(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        eq: &dyn Fn(&K) -> bool,
        goes: &dyn Fn(&Self, Spot) -> bool,
    ) -> Option<RemovalCause> {
        loop {
            let found = self.find(cx.guard(), self.index.home(hash), hash, eq)?;
            if !goes(self, self.spot(found.node)) {
                return None;
            }
            let loc = self.index.loc(found);
            if self.index.remove(loc, found.word) {
                return Some(self.depart(cx, loc, found.word, RemovalCause::Replaced));
            }
        }
    }

    /// The rest of a removal: credit and node of an entry that has left its slot. The cause that counts.
    #[inline(always)]
    pub(super) fn depart(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        word: Word,
        cause: RemovalCause,
    ) -> RemovalCause {
        let (credit, cause) = self.depart_with_credit(cx, loc, word, cause);
        self.give(cx, credit);
        cause
    }

    #[cold]
    #[inline(never)]
    fn depart_out_of_line(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        word: Word,
        cause: RemovalCause,
    ) -> RemovalCause {
        self.depart(cx, loc, word, cause)
    }

    /// The same if its credit, which is returned, goes to another entry.
    #[inline(always)]
    fn depart_with_credit(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        word: Word,
        cause: RemovalCause,
    ) -> (Credit, RemovalCause) {
        self.index.forget(loc, word, Departure::Key);
        let node = self.index.layout().node(word);
        if cx.parts().has_any_of(PartSet::OF_DEPARTURES) {
            return self.depart_with_parts(cx, node, cause);
        }
        cx.count(Event::of_departure(cause));
        self.recycler.retire(node, cx.number(), cx.guard());
        (Credit::of_removed_entry(1), cause)
    }

    #[inline(never)]
    fn depart_with_parts(
        &self,
        cx: &WriteScope<'_, K, V>,
        node: NodeId,
        cause: RemovalCause,
    ) -> (Credit, RemovalCause) {
        let cause = self.cause(cx, node, cause);
        cx.count(Event::of_departure(cause));
        if let Some(timing) = self.timing.get() {
            timing.end(node);
        }
        let credit = Credit::of_removed_entry(self.weight_of(node));
        self.retire(cx, node, cause);
        (credit, cause)
    }

    /// What a node that is or was in the index weighs.
    #[inline(always)]
    pub(crate) fn weight_of(&self, node: NodeId) -> u64 {
        self.weights.as_ref().map_or(1, |weights| weights.of(node).into())
    }

    /// Whether a member weighs nothing, so that it need not make room for others.
    #[inline(always)]
    fn is_pinned(&self, word: Word) -> bool {
        self.weights.is_some() && self.weight_of(self.index.layout().node(word)) == 0
    }

    /// Retires a node that this thread took out of the index: at once, or when the listener has heard
    /// of it.
    #[inline(always)]
    pub(super) fn retire(&self, cx: &WriteScope<'_, K, V>, node: NodeId, cause: RemovalCause) {
        if cx.common().listener.is_none() {
            self.recycler.retire(node, cx.number(), cx.guard());
        } else {
            cx.leaving().keep(self.id, node, cause);
        }
    }

    /// Retires a node of which the listener is to hear nothing: most often one that this thread has filled and
    /// never published.
    #[cold]
    pub(super) fn retire_unseen(&self, cx: &WriteScope<'_, K, V>, node: NodeId) {
        self.recycler.retire(node, cx.number(), cx.guard());
    }

    /// Makes sure that the `index`-th node has memory.
    fn ensure(&self, index: usize) -> Result<(), OutOfMemory> {
        self.nodes.ensure(index)?;
        self.weights.as_ref().map_or(Ok(()), |weights| weights.ensure(index))
    }

    /// Takes a node from the thread's stock, and asks for the line of the one that comes next.
    #[inline(always)]
    pub(super) fn alloc_from_stock(&self, cx: &WriteScope<'_, K, V>) -> Option<NodeId> {
        let (node, next) = self.recycler.alloc_from_stock(cx.number())?;
        // For this thread's next insert into this shard.
        if let Some(next) = next {
            // SAFETY: free numbers were handed out before.
            unsafe { self.nodes.prefetch(next) };
        }
        Some(node)
    }

    #[cold]
    #[inline(never)]
    pub(super) fn alloc_beyond_stock(&self, cx: &WriteScope<'_, K, V>) -> Option<NodeId> {
        self.recycler.alloc_beyond_stock(cx.number(), |index| self.ensure(index))
    }

    /// Credits for one more entry: unused, or those of entries evicted for it.
    #[inline]
    pub(super) fn credit(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
    ) -> Option<(Credit, Source)> {
        if self.weights.is_some() {
            return self.credit_by_weight(cx, target);
        }
        let unused = self.take(cx, 1);
        if unused.amount() > 0 {
            return Some((unused, Source::Unused));
        }
        if !cx.common().storeys.has_grown()
            && let Some(credit) = self.evict(cx, Search::Everywhere)
        {
            self.policy.prefetch_next(self.pace(), &self.index);
            return Some((credit, Source::Evicted));
        }
        let mut credit = unused;
        self.gather(cx, 1, &mut credit).map(|source| (credit, source))
    }

    #[inline(never)]
    fn credit_by_weight(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
    ) -> Option<(Credit, Source)> {
        let mut credit = Credit::NONE;
        match self.gather(cx, target.price.weight(), &mut credit) {
            Some(source) => Some((credit, source)),
            None => {
                self.give(cx, credit);
                None
            }
        }
    }

    /// Adds to `credit` until there are `weight` credits, by eviction if it must be. None if nothing is
    /// left that could be evicted.
    #[cold]
    #[inline(never)]
    pub(super) fn gather(
        &self,
        cx: &WriteScope<'_, K, V>,
        weight: u64,
        credit: &mut Credit,
    ) -> Option<Source> {
        let shards = cx.common().storeys.count();
        // What is heavy beside a shard is to be made room for by all of them.
        let is_heavy = weight > cx.budget().capacity() / (8 * shards as u64);
        let mut source = Source::Unused;
        for turn in 0.. {
            if credit.amount() < weight {
                credit.add(self.take(cx, weight - credit.amount()));
            }
            if credit.amount() >= weight {
                break;
            }
            let first = if is_heavy { (self.id + turn) % shards } else { self.giver(cx, turn) };
            credit.add(Self::evict_from(cx, first, shards)?);
            source = Source::Evicted;
        }
        Some(source)
    }

    /// The shard that gives an entry for one that is inserted here: the one with more entries, of this and
    /// another. Where entries weigh differently, one that is evicted frees more or less than is needed,
    /// so shards that only evicted their own would drift apart, and those with fewer entries, which have
    /// more misses, lose ever more.
    ///
    /// In a cache that has grown, one in [`EMPTYING`] comes from below the top: entries there are as old as
    /// they are few, and the sooner they are gone the better.
    #[inline]
    fn giver(&self, cx: &WriteScope<'_, K, V>, turn: usize) -> usize {
        let storeys = &cx.common().storeys;
        let (below, shards) = (storeys.below_top(), storeys.count());
        let entries = |i: usize| storeys.get(i).map_or(0, Shard::entries);
        if below > 0 {
            // A lost tick does not matter.
            let tick = self.hot.ticks.load(Ordering::Relaxed).wrapping_add(1);
            self.hot.ticks.store(tick, Ordering::Relaxed);
            let old = (tick / EMPTYING) as usize % below;
            if tick.is_multiple_of(EMPTYING) && entries(old) > 0 {
                return old;
            }
        }
        let on_top = shards - below;
        if on_top == 1 || below == 0 && self.weights.is_none() {
            return self.id;
        }
        let step = self.policy.evictions(self.pace()).wrapping_add(turn as u32) as usize;
        let other = below + (self.id + 1 + step % (on_top - 1)) % on_top;
        if entries(other) > entries(self.id) { other } else { self.id }
    }

    /// How many entries there are, about.
    fn entries(&self) -> u32 {
        self.policy.entries(self.pace())
    }

    /// Both buckets of a key that is to be added are full, although there is weight left: whether it goes
    /// to the floor above, which may come to be for it (`storeys.rs`).
    #[cold]
    pub(super) fn is_outgrown(&self, cx: &WriteScope<'_, K, V>, hash: u64, source: Source) -> bool {
        let crowded = self.entries() >= self.outgrown_at / 2 && source == Source::Unused;
        let is_top = cx.common().storeys.height() == self.level;
        if is_top && !(crowded && self.grow(cx)) {
            return false;
        }
        cx.common().has_above(self.level, hash)
    }

    /// Adds a storey if there are more entries than was estimated, and there were credits for the last one
    /// all the same.
    #[inline]
    pub(super) fn grow_if_crowded(&self, cx: &WriteScope<'_, K, V>, source: Source) {
        if source == Source::Unused
            && self.entries() > self.outgrown_at
            && cx.common().storeys.height() == self.level
        {
            self.grow_if_outgrown(cx);
        }
    }

    #[cold]
    fn grow_if_outgrown(&self, cx: &WriteScope<'_, K, V>) {
        if cx.common().is_outgrown() {
            // If there is no memory for it: it will be tried again, by and by.
            let _ = self.grow(cx);
        }
    }

    #[cold]
    fn grow(&self, cx: &WriteScope<'_, K, V>) -> bool {
        let entries = cx.common().storeys.plan().entries;
        cx.common().grow_patiently(self.level, entries.saturating_mul(FACTOR)).is_ok()
    }

    /// Gives a few entries up if they hold nearly all nodes that there can be: nobody else would free one.
    #[cold]
    pub(super) fn relieve(&self, cx: &WriteScope<'_, K, V>) {
        let fresh = self.recycler.fresh();
        let is_last = fresh as usize == self.max_nodes || self.ensure(fresh as usize).is_err();
        if !is_last || self.entries() < fresh / 16 * 15 {
            return;
        }
        for _ in 0..RELIEF {
            let Some(credit) = self.evict(cx, Search::Everywhere) else { break };
            self.give(cx, credit);
        }
    }

    /// Evicts the entry that this shard can best do without; its credit.
    #[inline]
    fn evict(&self, cx: &WriteScope<'_, K, V>, search: Search) -> Option<Credit> {
        let mut sink = |evicted| self.discard(cx, evicted);
        let worth = |word| self.worth(word);
        let Evicted { loc, word } =
            self.policy.evict(self.pace(), &self.index, search, &worth, &mut sink)?;
        Some(self.depart_with_credit(cx, loc, word, RemovalCause::Size).0)
    }

    /// Evicts an entry of any of the `shards`, if there is one, beginning with that of the number `first`.
    fn evict_from(cx: &WriteScope<'_, K, V>, first: usize, shards: usize) -> Option<Credit> {
        // Rings first. What is in none belongs to threads that have not come that far, or turned up
        // too often without being used.
        for search in [Some(Search::Heads), Some(Search::Everywhere), None] {
            for i in 0..shards {
                let Some(shard) = cx.common().storeys.get((first + i) % shards) else { continue };
                let evicted = match search {
                    Some(search) => shard.evict(cx, search),
                    None => shard.evict_any(cx),
                };
                if evicted.is_some() {
                    return evicted;
                }
            }
        }
        None
    }

    /// Evicts any entry, whether it is in a ring or not.
    #[cold]
    fn evict_any(&self, cx: &WriteScope<'_, K, V>) -> Option<Credit> {
        let (loc, word) = self.index.any_member(0, &|word| self.is_pinned(word))?;
        let removed = self.index.remove(loc, word);
        removed.then(|| self.depart_with_credit(cx, loc, word, RemovalCause::Size).0)
    }

    /// An entry that was evicted for want of a place in a ring.
    #[cold]
    pub(super) fn discard(&self, cx: &WriteScope<'_, K, V>, evicted: Evicted) {
        self.depart(cx, evicted.loc, evicted.word, RemovalCause::Size);
    }

    /// Both buckets of a key are full: gives up the entry of its home that was used least.
    #[cold]
    pub(super) fn make_room(&self, cx: &WriteScope<'_, K, V>, home: usize) -> bool {
        let pinned = |word| self.is_pinned(word);
        let mut victim = self.index.least_used(home, &pinned);
        if victim.is_none() {
            victim = self.index.least_used(home ^ 1, &pinned);
        }
        let Some((loc, word)) = victim else { return false };
        if self.index.remove(loc, word) {
            self.depart(cx, loc, word, RemovalCause::Size);
        }
        true
    }

    /// What a member is worth to policies that compare.
    #[inline]
    fn worth(&self, word: Word) -> Worth {
        if self.is_pinned(word) {
            return Worth::Priceless;
        }
        let Some(weights) = &self.weights else { return Worth::Points(word.frequency()) };
        let node = self.index.layout().node(word);
        // At most 13, so that it and a cost of 32 bits leave room for a shift.
        let frequency = word.frequency();
        let weight = u64::from(weights.of(node).max(1));
        Worth::Points(match self.rules {
            EvictionPolicy::SizeAware => (frequency << 32) / weight,
            EvictionPolicy::CostAware => {
                ((frequency * u64::from(weights.cost(node))) << 20) / weight
            }
            _ => frequency,
        })
    }

    /// Moves the entry out of a node that this thread has filled and nobody else has looked at; None if
    /// that is not possible for want of memory. The node is not this thread's any more if it was.
    #[cold]
    pub(super) fn take_back(&self, cx: &WriteScope<'_, K, V>, node: NodeId) -> Option<Entry<K, V>> {
        if std::mem::needs_drop::<Entry<K, V>>() && !planted(Bug::HuskRetired) {
            self.husks.get_or_try_make(|| Husks::new(self.max_nodes)).ok()?.note(node);
        }
        // SAFETY: filled by this thread, which owns it, and never published. It is either noted as empty
        // now and never used again, or has nothing to be dropped in it.
        let entry = unsafe { self.nodes.take(node) };
        if !std::mem::needs_drop::<Entry<K, V>>() || planted(Bug::HuskRetired) {
            self.recycler.retire(node, cx.number(), cx.guard());
        }
        Some(entry)
    }

    /// Moves the entries of up to `most` dead nodes out; says how many they were.
    #[cold]
    pub(crate) fn take_dead(&self, most: u32, sink: &mut dyn FnMut(Entry<K, V>)) -> u32 {
        self.recycler.drop_dead(most, |node| {
            // SAFETY: the recycler gives out each dead node once, so this thread owns it; it was filled, and
            // is free when this returns.
            sink(unsafe { self.nodes.take(node) });
        })
    }

    /// Drops the entries of up to `most` dead nodes; says how many they were. Runs destructors: not
    /// to be called while pinned.
    #[inline(always)]
    pub(crate) fn drop_dead(&self, most: u32) -> u32 {
        if !std::mem::needs_drop::<Entry<K, V>>() {
            return 0;
        }
        self.recycler.drop_dead(most, |node| {
            // SAFETY: the recycler gives out each dead node once.
            unsafe { self.nodes.drop_entry(node) };
        })
    }
}

/// Runs a closure when dropped, also by unwinding.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
