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
        index::{Departure, Found, Index, Loc},
        nodes::{Entry, Nodes},
        plan::ShardPlan,
        policy::{Evicted, Pace, Policy},
        recycle::{Chain, Recycler},
        ring::Ring,
        stats::{Counters, Event},
        word::{NodeId, Word},
    },
    sync::Arc,
};
use crossbeam_epoch::Guard;

/// What shares the cache line of the free list.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) pace: Pace,
    pub(crate) credits: Credits,
}

/// A part of the cache: the keys of one range of hashes.
#[derive(Debug)]
pub(crate) struct Shard<K, V> {
    pub(crate) index: Index,
    pub(crate) nodes: Nodes<K, V>,
    pub(crate) policy: Policy,
    pub(crate) recycler: Arc<Recycler<Beside>>,
}

/// What every operation of a pinned thread needs.
pub(crate) struct Context<'a, K, V> {
    pub(crate) guard: &'a Guard,
    pub(crate) number: Number,
    pub(crate) shards: &'a [Shard<K, V>],
    pub(crate) budget: &'a Budget,
    pub(crate) counters: &'a Counters,
}

/// Dead nodes that a writer drops after its own work: more than it can retire, so that they do not
/// pile up.
pub(crate) const DEAD_PER_WRITE: u32 = 4;

impl<K, V> Shard<K, V> {
    pub(crate) fn new(plan: &ShardPlan) -> Result<Self, OutOfMemory> {
        let drops = std::mem::needs_drop::<Entry<K, V>>();
        let (probation, protected) = Policy::ring_lens(plan.capacity);
        let (probation, protected) = (Ring::new(zeroed(probation)?), Ring::new(zeroed(protected)?));
        let (policy, pace) = Policy::new(plan.capacity, probation, protected);
        let beside = Beside { pace, credits: Credits::new() };
        let recycler =
            Recycler::new(plan.planned_nodes, plan.max_nodes, plan.batch, drops, beside)?;
        Ok(Self {
            index: Index::new(zeroed(plan.buckets)?, plan.layout),
            nodes: Nodes::new(plan.planned_nodes as usize, plan.max_nodes as usize)?,
            policy,
            recycler: Arc::new(recycler),
        })
    }

    #[inline(always)]
    pub(crate) fn pace(&self) -> &Pace {
        &self.recycler.beside().pace
    }

    #[inline(always)]
    pub(crate) fn credits(&self) -> &Credits {
        &self.recycler.beside().credits
    }

    /// Asks for the lines that an insert with this home will need first: its bucket's, and those of
    /// the node that it will get.
    #[inline(always)]
    pub(crate) fn prefetch_insert(&self, home: usize) {
        self.index.prefetch(home);
        if let Some(node) = self.recycler.prefetch_free() {
            // SAFETY: numbers on the free list were handed out before.
            unsafe { self.nodes.prefetch(node) };
        }
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
                // From here on it is gone, even if `take` panics.
                let _gone = OnDrop(|| {
                    self.depart(cx, own, loc, found.word);
                    cx.counters.count(cx.number, Event::Removal);
                });
                // SAFETY: as in `find`; it is retired when `_gone` is dropped, not before.
                return Some(unsafe { self.nodes.with(found.node, take) });
            }
        }
    }

    /// Takes out whatever member stands where the walk over the index found one.
    pub(crate) fn remove_found(&self, cx: &Context<'_, K, V>, own: usize, found: Found<'_>) {
        let (loc, mut word) = (self.index.loc(found), found.word);
        // Whatever changed the word (a use, a newer value) did so after the walk had begun, or the
        // entry is gone; a use alone must not save it.
        while word.is_member() {
            if self.index.remove(loc, word) {
                self.depart(cx, own, loc, word);
                cx.counters.count(cx.number, Event::Removal);
                return;
            }
            word = self.index.word(loc);
        }
    }

    /// The rest of a removal: credit and node of an entry that has left its slot.
    fn depart(&self, cx: &Context<'_, K, V>, own: usize, loc: Loc, word: Word) {
        cx.budget.give(own, self.credits(), Credit::of_removed_entry());
        self.retire(cx, loc, word);
    }

    pub(super) fn retire(&self, cx: &Context<'_, K, V>, loc: Loc, word: Word) {
        self.index.forget(loc, word, Departure::Key);
        self.recycler.retire(self.index.layout().node(word), cx.guard);
    }

    #[inline]
    pub(super) fn alloc(&self, cx: &Context<'_, K, V>) -> Option<NodeId> {
        self.recycler.alloc(cx.guard, |index| self.nodes.ensure(index))
    }

    /// A credit for one more entry: unused, or that of an entry evicted for it.
    #[inline]
    pub(super) fn credit(&self, cx: &Context<'_, K, V>, own: usize) -> Option<(Credit, Source)> {
        let unused = cx.budget.take(own, self.credits(), |i| cx.shards[i].credits());
        if let Some(credit) = unused {
            return Some((credit, Source::Unused));
        }
        let mut sink = |evicted| self.discard(cx, own, evicted);
        let evicted = self.policy.evict(self.pace(), &self.index, &mut sink);
        if let Some(Evicted { loc, word }) = evicted {
            self.policy.prefetch_next(self.pace(), &self.index);
            self.retire(cx, loc, word);
            cx.counters.count(cx.number, Event::Eviction);
            return Some((Credit::of_removed_entry(), Source::Evicted));
        }
        self.credit_slow(cx, own).map(|credit| (credit, Source::Evicted))
    }

    /// This shard's rings have nothing to give: another shard's, or an entry that is in no ring
    /// because the thread that inserted it has not come that far.
    #[cold]
    fn credit_slow(&self, cx: &Context<'_, K, V>, own: usize) -> Option<Credit> {
        let others = (1..cx.shards.len()).map(|i| (own + i) % cx.shards.len());
        for other in std::iter::once(own).chain(others) {
            let shard = &cx.shards[other];
            let mut sink = |evicted| shard.discard(cx, other, evicted);
            let evicted = shard.policy.evict(shard.pace(), &shard.index, &mut sink);
            let (loc, word) = match evicted {
                Some(Evicted { loc, word }) => (loc, word),
                None => match shard.index.any_member(0) {
                    Some((loc, word)) if shard.index.remove(loc, word) => (loc, word),
                    _ => continue,
                },
            };
            shard.retire(cx, loc, word);
            cx.counters.count(cx.number, Event::Eviction);
            return Some(Credit::of_removed_entry());
        }
        // Everything else is in the hands of threads that are inserting at this moment.
        cx.budget.take(own, self.credits(), |i| cx.shards[i].credits())
    }

    /// An entry that was evicted for want of a place in a ring.
    #[cold]
    pub(super) fn discard(&self, cx: &Context<'_, K, V>, own: usize, evicted: Evicted) {
        self.depart(cx, own, evicted.loc, evicted.word);
        cx.counters.count(cx.number, Event::Eviction);
    }

    /// Both buckets of a key are full: gives up the entry of its home that was used least.
    #[cold]
    pub(super) fn make_room(&self, cx: &Context<'_, K, V>, own: usize, home: usize) -> bool {
        let victim = self.index.least_used(home).or_else(|| self.index.least_used(home ^ 1));
        let Some((loc, word)) = victim else { return false };
        if self.index.remove(loc, word) {
            self.depart(cx, own, loc, word);
            cx.counters.count(cx.number, Event::Eviction);
        }
        true
    }

    /// Dead nodes, for [`Shard::drop_dead`].
    #[inline(always)]
    pub(crate) fn take_dead(&self, pinned: &Guard, most: u32) -> Option<Chain> {
        if !std::mem::needs_drop::<Entry<K, V>>() {
            return None;
        }
        self.recycler.take_dead(pinned, most)
    }

    /// Drops the entries of dead nodes and makes the nodes free.
    pub(crate) fn drop_dead(&self, chain: Chain) {
        let mut rest = DeadChain { shard: self, chain: Some(chain) };
        while rest.drop_first() {}
    }
}

/// Dead nodes on their way to the free list. If an entry's drop panics, its node counts as done and
/// the others go back to where they came from.
struct DeadChain<'a, K, V> {
    shard: &'a Shard<K, V>,
    chain: Option<Chain>,
}

impl<K, V> DeadChain<'_, K, V> {
    fn drop_first(&mut self) -> bool {
        let Some(chain) = self.chain else { return false };
        let node = chain.head;
        // Read before the node is free and its link is somebody else's.
        let next = self.shard.recycler.next_in(chain, node);
        self.chain = next.map(|head| Chain { head, tail: chain.tail });
        let _free = OnDrop(|| self.shard.recycler.free(Chain { head: node, tail: node }));
        // SAFETY: the chain was taken from the dead, and each node in it comes up once.
        unsafe { self.shard.nodes.drop_entry(node) };
        true
    }
}

impl<K, V> Drop for DeadChain<'_, K, V> {
    fn drop(&mut self) {
        if let Some(rest) = self.chain {
            self.shard.recycler.put_back_dead(rest);
        }
    }
}

/// Runs a closure when dropped, also by unwinding.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
