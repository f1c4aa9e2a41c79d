//! One shard: the operations, put together from the protocols.
//!
//! `sets.rs` says which copy of a key counts, `budget.rs` how many entries there may be, `rules.rs`
//! who goes, `room.rs` what becomes of that, `recycle.rs` when a node may be used again. Here they
//! meet; the order of the steps below is what their headers ask for.

use crate::{
    engine::{
        index::{
            sets::{Departure, Found, Home, Index, Loc},
            word::{NodeId, Word},
        },
        invalidate::groups::{Births, Groups},
        policy::{
            budget::{Budget, Credit, Credits},
            rules::{Pace, Policy},
        },
        reclaim::{recycle::Recycler, stock::Stock},
        shards::{
            listener::Listener,
            plan::{Growth, ShardPlan},
            scope::WriteScope,
            stats::{Counters, Event},
            storeys::{Spot, Storeys},
        },
        singleflight::{flight::Flight, flights::Flights, load_times::LoadTimes},
        storage::{
            extents::{OutOfMemory, zeroed},
            generations::Generations,
            husks::Husks,
            late::Late,
            nodes::{Entry, Nodes},
            parts::{PartSet, Parts},
            weights::{Weigher, Weights},
        },
        time::{lifetimes::Lifetimes, timing::Timing},
    },
    process::maintenance::Registration,
    sync::{Arc, AtomicBool, AtomicU32, AtomicU64, Ordering, Weak},
    testing::{
        background::Background,
        plant::{Bug, planted},
    },
    types::{eviction::EvictionPolicy, removal::RemovalCause},
};
use crossbeam_epoch::Guard;
use crossbeam_utils::CachePadded;

/// What inserts of all threads write.
#[derive(Debug)]
struct Hot {
    pace: Pace,
    credits: Credits,
    /// Members, where they are counted.
    members: AtomicU32,
    /// Evictions for this shard, for caches that have grown.
    ticks: AtomicU32,
    /// Nothing was found in it although no key comes to it any more.
    is_drained: AtomicBool,
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
    pub(crate) rules: EvictionPolicy,
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
    /// Whether the number of members matters.
    counts_members: bool,
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

impl<K, V> Shard<K, V> {
    /// The shard of the number `id`, on the floor `level`.
    pub(crate) fn new(plan: &ShardPlan, level: usize, id: usize) -> Result<Self, OutOfMemory> {
        let drops = std::mem::needs_drop::<Entry<K, V>>();
        let (planned, max) = (plan.planned_nodes as usize, plan.nodes.max_nodes as usize);
        let (policy, pace) = Policy::new(plan.capacity, plan.rules, plan.probation);
        Ok(Self {
            index: Index::new(zeroed(plan.sets)?, plan.layout),
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
            counts_members: plan.growth == Growth::OnDemand || plan.weighted || level > 0,
            hot: CachePadded::new(Hot {
                pace,
                credits: Credits::new(),
                members: AtomicU32::new(0),
                ticks: AtomicU32::new(0),
                is_drained: AtomicBool::new(false),
            }),
        })
    }

    /// Its number in the cache: what versions, credits and spots name it by.
    #[inline(always)]
    pub(crate) fn id(&self) -> usize {
        self.id
    }

    pub(crate) fn spot(&self, node: NodeId) -> Spot {
        Spot { shard: self.id, node }
    }

    pub(crate) fn level(&self) -> usize {
        self.level
    }

    pub(crate) fn planned_nodes(&self) -> usize {
        self.planned_nodes
    }

    pub(crate) fn max_nodes(&self) -> usize {
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
    pub(crate) fn take(&self, cx: &WriteScope<'_, K, V>, most: u64) -> Credit {
        let at = |i: usize| cx.common().storeys.shard(i).credits();
        cx.budget().take(self.id, self.credits(), most, at)
    }

    /// Gives a credit back: its entry was removed, or its insert did not happen.
    #[inline(always)]
    pub(crate) fn give(&self, cx: &WriteScope<'_, K, V>, credit: Credit) {
        cx.budget().give(self.id, self.credits(), credit);
    }

    /// How many entries there are, about; where it matters.
    #[inline(always)]
    pub(crate) fn entries(&self) -> u32 {
        self.hot.members.load(Ordering::Relaxed)
    }

    /// The same, if they are counted.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn counted_members(&self) -> Option<u32> {
        self.counts_members.then(|| self.entries())
    }

    /// Counts an entry that has come.
    #[inline(always)]
    pub(crate) fn count_member(&self) {
        if self.counts_members {
            self.hot.members.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether there is no entry, as far as is known.
    pub(crate) fn is_drained(&self) -> bool {
        if self.counts_members {
            self.entries() == 0
        } else {
            self.hot.is_drained.load(Ordering::Relaxed)
        }
    }

    pub(crate) fn note_drained(&self) {
        self.hot.is_drained.store(true, Ordering::Relaxed);
    }

    pub(crate) fn outgrown_at(&self) -> u32 {
        self.outgrown_at
    }

    /// Counts an eviction for this shard in a cache that has grown.
    pub(crate) fn tick(&self) -> u32 {
        // A lost tick does not matter.
        let tick = self.hot.ticks.load(Ordering::Relaxed).wrapping_add(1);
        self.hot.ticks.store(tick, Ordering::Relaxed);
        tick
    }

    /// Looks a key up; `eq` compares keys.
    #[inline(always)]
    pub(crate) fn find<'s>(
        &'s self,
        _pinned: &Guard,
        home: Home<'s>,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<Found<'s>> {
        self.index.find(home, hash, |node| {
            // SAFETY: pinned, and the index read `node` from a member word with Acquire.
            unsafe { self.nodes.with(node, |entry| eq(&entry.key)) }
        })
    }

    /// The same from the home set, with the entry, for as long as this thread is pinned.
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
            // SAFETY: pinned, and the index read `node` from a member word with Acquire; borrowed
            // from the pin.
            let entry = unsafe { self.nodes.get(node) };
            eq(&entry.key).then_some(entry)
        })
    }

    /// Takes a key out of this shard; `take` gets the entry, which nobody can find any more.
    #[inline(always)]
    pub(crate) fn remove<R>(
        &self,
        cx: &WriteScope<'_, K, V>,
        home: Home<'_>,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Taken<R> {
        loop {
            let Some(found) = self.find(cx.guard(), home, hash, &mut eq) else {
                return Taken::Nothing;
            };
            // Asked before the swap: nobody finds the key afterwards, so what ends then was in
            // time.
            let cause = self.cause(cx, found.node, RemovalCause::Explicit);
            if Index::remove_found(found) {
                let loc = self.index.loc(found);
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

    /// The rest of a removal: credit and node of an entry that has left its slot. The cause that
    /// counts.
    #[inline(always)]
    pub(crate) fn depart(
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
    pub(crate) fn depart_with_credit(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        word: Word,
        cause: RemovalCause,
    ) -> (Credit, RemovalCause) {
        self.index.forget(loc, word, Departure::Key);
        if self.counts_members {
            self.hot.members.fetch_sub(1, Ordering::Relaxed);
        }
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
    pub(crate) fn is_pinned(&self, word: Word) -> bool {
        self.weights.is_some() && self.weight_of(self.index.layout().node(word)) == 0
    }

    /// Retires a node that this thread took out of the index: at once, or when the listener has
    /// heard of it.
    #[inline(always)]
    pub(crate) fn retire(&self, cx: &WriteScope<'_, K, V>, node: NodeId, cause: RemovalCause) {
        if cx.common().listener.is_none() {
            self.recycler.retire(node, cx.number(), cx.guard());
        } else {
            cx.leaving().keep(self.id, node, cause);
        }
    }

    /// Makes sure that the `index`-th node has memory.
    pub(crate) fn ensure(&self, index: usize) -> Result<(), OutOfMemory> {
        self.nodes.ensure(index)?;
        self.weights.as_ref().map_or(Ok(()), |weights| weights.ensure(index))
    }

    /// This thread's stock of nodes.
    #[inline(always)]
    pub(crate) fn stock(&self, cx: &WriteScope<'_, K, V>) -> Option<&Stock> {
        self.recycler.stock(cx.number())
    }

    /// Takes a node from the thread's stock, and asks for the line of the one that comes next.
    #[inline(always)]
    pub(crate) fn alloc_from(&self, stock: Option<&Stock>) -> Option<NodeId> {
        let (node, next) = stock?.take()?;
        // For this thread's next insert into this shard.
        self.nodes.prefetch(next);
        Some(node)
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn alloc_beyond_stock(&self, cx: &WriteScope<'_, K, V>) -> Option<NodeId> {
        self.recycler.alloc_beyond_stock(cx.number(), |index| self.ensure(index))
    }

    /// Moves the entry out of a node that this thread has filled and nobody else has looked at;
    /// None if that is not possible for want of memory. The node is not this thread's any more if
    /// it was.
    #[cold]
    pub(crate) fn take_back(&self, cx: &WriteScope<'_, K, V>, node: NodeId) -> Option<Entry<K, V>> {
        if std::mem::needs_drop::<Entry<K, V>>() && !planted(Bug::HuskRetired) {
            self.husks.get_or_try_make(|| Husks::new(self.max_nodes)).ok()?.note(node);
        }
        // SAFETY: filled by this thread, which owns it, and never published. It is either noted as
        // empty now and never used again, or has nothing to be dropped in it.
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
            // SAFETY: the recycler gives out each dead node once, so this thread owns it; it was
            // filled, and is free when this returns.
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
