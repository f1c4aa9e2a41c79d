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
        hooks::{Step, step},
        index::{Claim, Departure, Found, Index, Loc},
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
use std::mem::ManuallyDrop;

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

/// What to do if the key is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfPresent {
    /// Put the new value in its place.
    Replace,
    /// Leave the old one.
    Keep,
}

/// What became of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// The key was absent.
    Added,
    /// The key was present and has the new value.
    Updated,
    /// The key was present and has the old value.
    Kept,
    /// There was no room: the key is absent.
    Rejected,
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

    fn retire(&self, cx: &Context<'_, K, V>, loc: Loc, word: Word) {
        self.index.forget(loc, word, Departure::Key);
        self.recycler.retire(self.index.layout().node(word), cx.guard);
    }

    /// Puts a key in, or gives the entry back if there is no node for it.
    pub(crate) fn insert(
        &self,
        cx: &Context<'_, K, V>,
        own: usize,
        hash: u64,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Result<(Inserted, Option<Entry<K, V>>), Entry<K, V>>
    where
        K: Eq,
    {
        let keeps = if_present == IfPresent::Keep;
        let home = self.index.home(hash);
        if keeps && self.find(cx.guard, home, hash, |key| *key == entry.key).is_some() {
            return Ok((Inserted::Kept, Some(entry)));
        }
        let Some(node) = self.alloc(cx) else { return Err(entry) };
        // SAFETY: just allocated, so owned and empty.
        unsafe { self.nodes.write(node, entry.key, entry.value) };
        step(Step::NodeFilled);
        let attempt = Attempt { shard: self, cx, own, node, claim: None, credit: None };
        Ok((attempt.run(home, hash, if_present), None))
    }

    #[inline]
    fn alloc(&self, cx: &Context<'_, K, V>) -> Option<NodeId> {
        self.recycler.alloc(cx.guard, |index| self.nodes.ensure(index))
    }

    /// There is no node, since some thread has stayed pinned for long. The new value cannot be kept,
    /// and the old one must not be found any more.
    #[cold]
    pub(crate) fn reject(
        &self,
        cx: &Context<'_, K, V>,
        own: usize,
        hash: u64,
        key: &K,
        if_present: IfPresent,
    ) -> Inserted
    where
        K: Eq,
    {
        cx.counters.count(cx.number, Event::Rejection);
        if if_present == IfPresent::Replace {
            self.remove(cx, own, hash, |other| other == key, |_| ());
        }
        Inserted::Rejected
    }

    /// A credit for one more entry: unused, or that of an entry evicted for it.
    #[inline]
    fn credit(&self, cx: &Context<'_, K, V>, own: usize) -> Option<(Credit, Source)> {
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
    fn discard(&self, cx: &Context<'_, K, V>, own: usize, evicted: Evicted) {
        self.depart(cx, own, evicted.loc, evicted.word);
        cx.counters.count(cx.number, Event::Eviction);
    }

    /// Both buckets of a key are full: gives up the entry of its home that was used least.
    #[cold]
    fn make_room(&self, cx: &Context<'_, K, V>, own: usize, home: usize) -> bool {
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

/// An insert in progress, with all that has to be given back if it comes to nothing: also when
/// comparing keys panics.
struct Attempt<'a, K, V> {
    shard: &'a Shard<K, V>,
    cx: &'a Context<'a, K, V>,
    own: usize,
    node: NodeId,
    claim: Option<Claim>,
    credit: Option<(Credit, Source)>,
}

impl<'a, K: Eq, V> Attempt<'a, K, V> {
    fn run(mut self, home: usize, hash: u64, if_present: IfPresent) -> Inserted {
        let (shard, cx) = (self.shard, self.cx);
        let index = &shard.index;
        // The steps are numbered in the header of `index.rs`.
        loop {
            let control = index.settled(home);
            if let Some(found) = self.find(home, hash) {
                match if_present {
                    IfPresent::Keep => return Inserted::Kept,
                    IfPresent::Replace => {
                        // The node goes into the other slot; this one is not needed any more.
                        self.abort_claim();
                        if index.replace(found, self.node) {
                            return self.updated(found);
                        }
                        continue;
                    }
                }
            }
            if self.credit.is_none() {
                self.credit = shard.credit(cx, self.own);
                if self.credit.is_none() {
                    cx.counters.count(cx.number, Event::Rejection);
                    return Inserted::Rejected;
                }
            }
            if self.claim.is_none() {
                let now = shard.policy.now(shard.pace());
                self.claim = index.claim(home, hash, self.node, now);
            }
            let Some(claim) = &self.claim else {
                if shard.make_room(cx, self.own, home) {
                    continue;
                }
                cx.counters.count(cx.number, Event::Rejection);
                return Inserted::Rejected;
            };
            if index.decide(home, control, claim) {
                return self.added();
            }
        }
    }

    #[inline]
    fn find(&self, home: usize, hash: u64) -> Option<Found<'a>> {
        let nodes = &self.shard.nodes;
        // SAFETY: this thread owns the node and has written it.
        let own = unsafe { nodes.get(self.node) };
        self.shard.index.find(home, hash, |node| {
            // SAFETY: pinned, and the index read `node` from a member word with Acquire.
            unsafe { nodes.with(node, |entry| entry.key == own.key) }
        })
    }
}

impl<K, V> Attempt<'_, K, V> {
    fn updated(self, found: Found<'_>) -> Inserted {
        let mut this = ManuallyDrop::new(self);
        let (shard, cx) = (this.shard, this.cx);
        this.give_back_credit();
        shard.index.forget(shard.index.loc(found), found.word, Departure::Node);
        shard.recycler.retire(found.node, cx.guard);
        cx.counters.count(cx.number, Event::Update);
        Inserted::Updated
    }

    fn added(self) -> Inserted {
        let mut this = ManuallyDrop::new(self);
        let (shard, cx, own) = (this.shard, this.cx, this.own);
        let (claim, credit) = (this.claim.take(), this.credit.take());
        let (Some(claim), Some((credit, source))) = (claim, credit) else {
            unreachable!("decided without claim or credit")
        };
        shard.index.publish(&claim);
        credit.spend();
        cx.counters.count(cx.number, Event::Insert);
        let segment = shard.policy.admit(shard.pace(), claim.ghost, source == Source::Unused);
        if !claim.linked {
            let mut sink = |evicted| shard.discard(cx, own, evicted);
            shard.policy.link(shard.pace(), &shard.index, segment, claim.loc, &mut sink);
        }
        Inserted::Added
    }

    fn abort_claim(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.shard.index.abort(&claim);
        }
    }

    fn give_back_credit(&mut self) {
        if let Some((credit, _)) = self.credit.take() {
            self.cx.budget.give(self.own, self.shard.credits(), credit);
        }
    }
}

impl<K, V> Drop for Attempt<'_, K, V> {
    fn drop(&mut self) {
        self.abort_claim();
        self.give_back_credit();
        self.shard.recycler.retire(self.node, self.cx.guard);
    }
}

/// Runs a closure when dropped, also by unwinding.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
