//! One shard: the operations, put together from the protocols.
//!
//! `index.rs` says which copy of a key counts, `budget.rs` how many entries there may be, `ring.rs`
//! and `policy.rs` who goes, `recycle.rs` when a node may be used again. Here they meet; the order
//! of the steps below is what their headers ask for.

use crate::{
    engine::{
        budget::{Budget, Credit, Credits, Source},
        epoch::Number,
        extents::{OutOfMemory, zeroed},
        flight::Flight,
        flights::Flights,
        groups::{Groups, Watch},
        index::{Departure, Found, Index, Loc},
        late::Late,
        leaving::Leaving,
        lifetimes::Lifetimes,
        load_times::LoadTimes,
        nodes::{Entry, Nodes},
        plan::ShardPlan,
        policy::{Evicted, Pace, Policy},
        recycle::Recycler,
        ring::Ring,
        stats::{Counters, Event},
        timing::Timing,
        word::{NodeId, Word},
    },
    listener::{Listener, RemovalCause},
    maintenance::Registration,
    sync::Arc,
};
use crossbeam_epoch::Guard;
use crossbeam_utils::CachePadded;

/// What inserts of all threads write.
#[derive(Debug)]
struct Hot {
    pace: Pace,
    credits: Credits,
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
    planned_nodes: usize,
    max_nodes: usize,
    hot: CachePadded<Hot>,
}

/// What the operations on all shards share.
#[derive(Debug)]
pub(crate) struct Common<K, V> {
    pub(crate) shards: Box<[Shard<K, V>]>,
    pub(crate) budget: Budget,
    pub(crate) counters: Counters,
    pub(crate) listener: Option<Listener<K, V>>,
    pub(crate) lifetimes: Lifetimes<K, V>,
    /// With the maintenance thread, if there is anything for it to do.
    pub(crate) registration: Late<Registration>,
    pub(crate) flights: Flights<Flight<K, V>>,
    pub(crate) load_times: LoadTimes,
    /// If anything was ever invalidated together, or has tags.
    pub(crate) groups: Late<Groups>,
}

/// What every operation of a pinned thread needs.
pub(crate) struct Context<'a, K, V> {
    pub(crate) guard: &'a Guard,
    pub(crate) number: Number,
    pub(crate) common: &'a Common<K, V>,
    pub(crate) leaving: &'a Leaving<'a, K, V>,
    pub(crate) watch: Watch<'a>,
}

impl<K, V> Context<'_, K, V> {
    #[inline(always)]
    pub(crate) fn count(&self, event: Event) {
        self.common.counters.count(self.number, event);
    }

    #[inline(always)]
    pub(crate) fn budget(&self) -> &Budget {
        &self.common.budget
    }
}

/// Dead nodes that a writer drops after its own work: more than it can retire, so that they do not
/// pile up.
pub(crate) const DEAD_PER_WRITE: u32 = 8;

impl<K, V> Shard<K, V> {
    pub(crate) fn new(plan: &ShardPlan) -> Result<Self, OutOfMemory> {
        let drops = std::mem::needs_drop::<Entry<K, V>>();
        let (probation, protected) = Policy::ring_lens(plan.capacity);
        let (probation, protected) = (Ring::new(zeroed(probation)?), Ring::new(zeroed(protected)?));
        let (policy, pace) = Policy::new(plan.capacity, probation, protected);
        Ok(Self {
            index: Index::new(zeroed(plan.buckets)?, plan.layout),
            nodes: Nodes::new(plan.planned_nodes as usize, plan.nodes.max_nodes as usize)?,
            policy,
            recycler: Arc::new(Recycler::new(plan.nodes, drops)?),
            timing: Late::new(),
            planned_nodes: plan.planned_nodes as usize,
            max_nodes: plan.nodes.max_nodes as usize,
            hot: CachePadded::new(Hot { pace, credits: Credits::new() }),
        })
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

    /// Takes a key out; `take` gets the entry, which nobody can find any more.
    pub(crate) fn remove<R>(
        &self,
        cx: &Context<'_, K, V>,
        own: usize,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
        take: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<R> {
        let home = self.index.home(hash);
        loop {
            let found = self.find(cx.guard, home, hash, &mut eq)?;
            let loc = self.index.loc(found);
            if self.index.remove(loc, found.word) {
                let cause = self.cause(cx, own, found.node, RemovalCause::Explicit);
                // From here on it is gone, even if `take` panics.
                let _gone = OnDrop(|| self.depart(cx, own, loc, found.word, cause));
                if cause != RemovalCause::Explicit {
                    return None;
                }
                // SAFETY: as in `find`; it is retired when `_gone` is dropped, not before.
                return Some(unsafe { self.nodes.with(found.node, take) });
            }
        }
    }

    /// The rest of a removal: credit and node of an entry that has left its slot.
    pub(super) fn depart(
        &self,
        cx: &Context<'_, K, V>,
        own: usize,
        loc: Loc,
        word: Word,
        cause: RemovalCause,
    ) {
        cx.budget().give(own, self.credits(), Credit::of_removed_entry());
        self.depart_without_credit(cx, own, loc, word, cause);
    }

    /// The same if its credit goes to another entry.
    #[inline(always)]
    fn depart_without_credit(
        &self,
        cx: &Context<'_, K, V>,
        own: usize,
        loc: Loc,
        word: Word,
        cause: RemovalCause,
    ) {
        self.index.forget(loc, word, Departure::Key);
        let node = self.index.layout().node(word);
        let cause = self.cause(cx, own, node, cause);
        cx.count(Event::of_departure(cause));
        if let Some(timing) = self.timing.get() {
            timing.end(node);
        }
        self.retire(cx, own, node, cause);
    }

    /// Retires a node that this thread took out of the index: at once, or when the listener has heard
    /// of it.
    #[inline(always)]
    pub(super) fn retire(
        &self,
        cx: &Context<'_, K, V>,
        own: usize,
        node: NodeId,
        cause: RemovalCause,
    ) {
        if cx.common.listener.is_none() {
            self.recycler.retire(node, cx.number, cx.guard);
        } else {
            cx.leaving.keep(own, node, cause);
        }
    }

    #[inline]
    pub(super) fn alloc(&self, cx: &Context<'_, K, V>) -> Option<NodeId> {
        let node = self.recycler.alloc(cx.number, |index| self.nodes.ensure(index))?;
        // For this thread's next insert into this shard.
        if let Some(next) = self.recycler.next_free(cx.number) {
            // SAFETY: free numbers were handed out before.
            unsafe { self.nodes.prefetch(next) };
        }
        Some(node)
    }

    /// A credit for one more entry: unused, or that of an entry evicted for it.
    #[inline]
    pub(super) fn credit(&self, cx: &Context<'_, K, V>, own: usize) -> Option<(Credit, Source)> {
        let unused = cx.budget().take(own, self.credits(), |i| cx.common.shards[i].credits());
        if let Some(credit) = unused {
            return Some((credit, Source::Unused));
        }
        let mut sink = |evicted| self.discard(cx, own, evicted);
        let evicted = self.policy.evict(self.pace(), &self.index, &mut sink);
        if let Some(Evicted { loc, word }) = evicted {
            self.policy.prefetch_next(self.pace(), &self.index);
            self.depart_without_credit(cx, own, loc, word, RemovalCause::Size);
            return Some((Credit::of_removed_entry(), Source::Evicted));
        }
        self.credit_slow(cx, own).map(|credit| (credit, Source::Evicted))
    }

    /// This shard's rings have nothing to give: another shard's, or an entry that is in no ring
    /// because the thread that inserted it has not come that far.
    #[cold]
    fn credit_slow(&self, cx: &Context<'_, K, V>, own: usize) -> Option<Credit> {
        let others = (1..cx.common.shards.len()).map(|i| (own + i) % cx.common.shards.len());
        for other in std::iter::once(own).chain(others) {
            let shard = &cx.common.shards[other];
            let mut sink = |evicted| shard.discard(cx, other, evicted);
            let evicted = shard.policy.evict(shard.pace(), &shard.index, &mut sink);
            let (loc, word) = match evicted {
                Some(Evicted { loc, word }) => (loc, word),
                None => match shard.index.any_member(0) {
                    Some((loc, word)) if shard.index.remove(loc, word) => (loc, word),
                    _ => continue,
                },
            };
            shard.depart_without_credit(cx, other, loc, word, RemovalCause::Size);
            return Some(Credit::of_removed_entry());
        }
        // Everything else is in the hands of threads that are inserting at this moment.
        cx.budget().take(own, self.credits(), |i| cx.common.shards[i].credits())
    }

    /// An entry that was evicted for want of a place in a ring.
    #[cold]
    pub(super) fn discard(&self, cx: &Context<'_, K, V>, own: usize, evicted: Evicted) {
        self.depart(cx, own, evicted.loc, evicted.word, RemovalCause::Size);
    }

    /// Both buckets of a key are full: gives up the entry of its home that was used least.
    #[cold]
    pub(super) fn make_room(&self, cx: &Context<'_, K, V>, own: usize, home: usize) -> bool {
        let victim = self.index.least_used(home).or_else(|| self.index.least_used(home ^ 1));
        let Some((loc, word)) = victim else { return false };
        if self.index.remove(loc, word) {
            self.depart(cx, own, loc, word, RemovalCause::Size);
        }
        true
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
