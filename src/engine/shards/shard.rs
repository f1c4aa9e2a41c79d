//! One shard: the operations, put together from the protocols.
//!
//! `sets.rs` defines which copy of a key counts, `budget.rs` how many entries there may be,
//! `rules.rs` which of them are evicted, `room.rs` how an insert uses that, and `recycle.rs` when a
//! node may be used again. The steps below are in the order that the headers of those files
//! require.

use crate::{
    engine::{
        index::{
            sets::{Found, Home, Index},
            word::{NodeId, Word},
        },
        invalidate::groups::Births,
        policy::{
            budget::{Credit, Credits},
            rules::{Policy, PolicyState},
        },
        reclaim::{epoch::Number, recycle::Recycler, thread_cache::ThreadCache},
        shards::{
            plan::{Growth, ShardPlan},
            scope::WriteScope,
            tiers::{NodeRef, counts_down},
        },
        storage::{
            chunked::{OutOfMemory, zeroed},
            generations::Generations,
            moved_out::MovedOut,
            nodes::{Entry, Nodes},
            once_box::OnceBox,
            weights::Weights,
        },
        time::timing::Timing,
    },
    sync::{Arc, AtomicU32, Ordering},
    testing::plant::{Bug, planted},
    types::{eviction::EvictionPolicy, removal::RemovalCause},
};
use crossbeam_epoch::Guard;
use crossbeam_utils::CachePadded;

/// The number of times per set that a shard is taken for empty after a sweep that found nothing.
const QUESTIONS_PER_SET: usize = 16;

/// The values that the inserts of all threads write, on cache lines of their own.
#[derive(Debug)]
struct Hot {
    policy_state: PolicyState,
    credits: Credits,
    /// The number of members, if they are counted. An insert that another thread has settled may be
    /// removed before its own thread counts it; then the count is one less for that time, and may
    /// wrap.
    members: AtomicU32,
    /// The number of evictions for this shard since the cache has grown.
    ticks: AtomicU32,
    /// How many times more the shard will be taken for empty, since a sweep of all sets has found
    /// nothing to evict while there was a tier above.
    drained: AtomicU32,
}

/// A part of a tier: the keys that some bits of their hashes assign to it.
#[derive(Debug)]
pub(crate) struct Shard<K, V> {
    pub(crate) index: Index,
    pub(crate) nodes: Nodes<K, V>,
    pub(crate) policy: Policy,
    pub(crate) recycler: Arc<Recycler>,
    /// Made when an entry of the shard may expire.
    pub(crate) timing: OnceBox<Timing>,
    /// Present if entries have weights or costs of their own.
    pub(crate) weights: Option<Weights>,
    pub(crate) rules: EvictionPolicy,
    /// Made when a version is first asked for.
    pub(crate) generations: OnceBox<Generations>,
    pub(crate) births: Births,
    /// Made when an entry that needs to be dropped is first moved out of its node.
    pub(crate) moved_out: OnceBox<MovedOut>,
    /// The number of the shard in the cache.
    id: usize,
    /// The level of the tier that the shard is on.
    level: usize,
    /// The number of entries beyond which the shard is outgrown; `u32::MAX` if it is not planned
    /// for an estimate.
    outgrown_at: u32,
    planned_nodes: usize,
    max_nodes: usize,
    /// Whether members are counted.
    counts_members: bool,
    /// Whether entries have no weights, and the policy does not compare what they are worth.
    evicts_what_is_due: bool,
    hot: CachePadded<Hot>,
}

impl<K, V> Shard<K, V> {
    /// Makes the shard with the number `id`, in the tier `level`.
    pub(crate) fn new(plan: &ShardPlan, level: usize, id: usize) -> Result<Self, OutOfMemory> {
        let drops = std::mem::needs_drop::<Entry<K, V>>();
        let (planned, max) = (plan.planned_nodes as usize, plan.nodes.max_nodes as usize);
        let (policy, policy_state) = Policy::new(plan.capacity, plan.rules, plan.probation);
        Ok(Self {
            index: Index::new(zeroed(plan.sets)?, plan.layout),
            nodes: Nodes::new(plan.planned_nodes as usize, plan.nodes.max_nodes as usize)?,
            policy,
            recycler: Arc::new(Recycler::new(plan.nodes, drops)?),
            timing: OnceBox::new(),
            weights: (plan.weighted || plan.rules == EvictionPolicy::CostAware)
                .then(|| Weights::new(planned, max))
                .transpose()?,
            generations: OnceBox::new(),
            births: Births::new(planned, max),
            moved_out: OnceBox::new(),
            id,
            level,
            outgrown_at: match plan.growth {
                Growth::Never => u32::MAX,
                Growth::OnDemand => plan.outgrown_at(),
            },
            rules: plan.rules,
            planned_nodes: planned,
            max_nodes: max,
            evicts_what_is_due: plan.rules == EvictionPolicy::SegmentedLru && !plan.weighted,
            counts_members: plan.growth == Growth::OnDemand || plan.weighted || level > 0,
            hot: CachePadded::new(Hot {
                policy_state,
                credits: Credits::new(),
                members: AtomicU32::new(0),
                ticks: AtomicU32::new(0),
                drained: AtomicU32::new(0),
            }),
        })
    }

    /// Returns the number of the shard in the cache, which versions, credits and spots contain.
    #[inline(always)]
    pub(crate) fn id(&self) -> usize {
        self.id
    }

    pub(crate) fn node_ref(&self, node: NodeId) -> NodeRef {
        NodeRef { shard: self.id, node }
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
    pub(crate) fn policy_state(&self) -> &PolicyState {
        &self.hot.policy_state
    }

    #[inline(always)]
    pub(crate) fn credits(&self) -> &Credits {
        &self.hot.credits
    }

    /// Takes up to `most` unused credits, from the whole cache.
    #[inline(always)]
    pub(crate) fn take(&self, cx: &WriteScope<'_, K, V>, most: u64) -> Credit {
        let at = |i: usize| cx.common().tiers.shard(i).credits();
        cx.budget().take(self.id, self.credits(), most, at)
    }

    /// Gives a credit back whose entry was removed, or whose insert did not happen.
    #[inline(always)]
    pub(crate) fn give(&self, cx: &WriteScope<'_, K, V>, credit: Credit) {
        cx.budget().give(self.id, self.credits(), credit);
    }

    /// Returns roughly how many entries there are, or 0 if members are not counted.
    #[inline(always)]
    pub(crate) fn entries(&self) -> u32 {
        // Relaxed: an estimate, for decisions about growth and eviction. A count that has wrapped
        // stands for none: there are fewer than 2^31 nodes.
        (self.hot.members.load(Ordering::Relaxed) as i32).max(0) as u32
    }

    /// Returns the number of entries, if members are counted.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn counted_members(&self) -> Option<u32> {
        self.counts_members.then(|| self.hot.members.load(Ordering::Relaxed))
    }

    /// Counts an entry that was added.
    #[inline(always)]
    pub(crate) fn count_member(&self) {
        if self.counts_members {
            // Relaxed: a counter, by which no other memory is published.
            self.hot.members.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts an entry that was removed.
    #[inline(always)]
    pub(crate) fn uncount_member(&self) {
        if self.counts_members {
            // Relaxed: a counter, by which no other memory is published.
            self.hot.members.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Returns whether the shard seems to have no entries. A hint.
    pub(crate) fn is_drained(&self) -> bool {
        if self.counts_members { self.entries() == 0 } else { counts_down(&self.hot.drained) }
    }

    /// Notes that a sweep of all sets has found nothing to evict. An insert that does not know of
    /// the tier above may still add an entry, so the shard is swept again, after so many questions
    /// that the sweeps cost little.
    pub(crate) fn note_drained(&self) {
        let questions = (self.index.len() * QUESTIONS_PER_SET) as u32;
        // Relaxed: a hint.
        self.hot.drained.store(questions, Ordering::Relaxed);
    }

    /// Returns whether an insert evicts what is due: entries have no weights, and the policy does
    /// not compare what they are worth.
    #[inline(always)]
    pub(crate) fn evicts_what_is_due(&self) -> bool {
        self.evicts_what_is_due
    }

    pub(crate) fn outgrown_at(&self) -> u32 {
        self.outgrown_at
    }

    /// Counts an eviction for this shard in a cache that has grown. Returns the count.
    pub(crate) fn tick(&self) -> u32 {
        // Relaxed, not a read-modify-write: a lost tick does not matter.
        let tick = self.hot.ticks.load(Ordering::Relaxed).wrapping_add(1);
        self.hot.ticks.store(tick, Ordering::Relaxed);
        tick
    }

    /// Looks a key up in its home set, and next door if keys were displaced. `eq` compares keys.
    #[inline(always)]
    pub(crate) fn find<'s>(
        &'s self,
        _pinned: &Guard,
        home: Home<'s>,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
    ) -> Option<Found<'s>> {
        let planned = || self.nodes.planned();
        self.index.find_among(home, hash, planned, |node| {
            // SAFETY: the index read `node` from a member word with Acquire under this pin, so its
            // entry is initialised, and is not written or dropped before the pin ends.
            unsafe { self.nodes.with(node, |entry| eq(&entry.key)) }
        })
    }

    /// Like [`Shard::find`], and returns the entry, which is borrowed from the pin.
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
        let planned = || self.nodes.planned();
        self.index.find_at(home, hash, planned, |node| {
            if cfg!(larder_loom) {
                // With `with`, models see how long the key is read.
                // SAFETY: `node` was read from a member word with Acquire under this pin, as below.
                let is_it = unsafe { self.nodes.with(node, |entry| eq(&entry.key)) };
                // SAFETY: `node` was read from a member word with Acquire under this pin, as below.
                return is_it.then(|| unsafe { self.nodes.get(node) });
            }
            // SAFETY: the index read `node` from a member word with Acquire under this pin, so its
            // entry is initialised, and is not written or dropped before the pin ends, from which
            // the reference borrows.
            let entry = unsafe {
                if self.nodes.is_planned(node) { self.nodes.get(node) } else { self.spare(node) }
            };
            eq(&entry.key).then_some(entry)
        })
    }

    /// Calls [`Nodes::get`] for a node that is not one of those planned for, out of line.
    ///
    /// # Safety
    ///
    /// As for [`Nodes::get`].
    #[cold]
    #[inline(never)]
    unsafe fn spare(&self, node: NodeId) -> &Entry<K, V> {
        // SAFETY: as the caller guarantees.
        unsafe { self.nodes.get(node) }
    }

    /// Returns the weight of a node that is or was in the index.
    #[inline(always)]
    pub(crate) fn weight_of(&self, node: NodeId) -> u64 {
        self.weights.as_ref().map_or(1, |weights| weights.of(node).into())
    }

    /// Returns whether a member weighs nothing, so that its eviction would free no credit.
    #[inline(always)]
    pub(crate) fn is_pinned(&self, word: Word) -> bool {
        self.weights.is_some() && self.weight_of(self.index.layout().node(word)) == 0
    }

    /// Retires a node that this thread owns, for instance since it took it out of the index: at
    /// once, or when the listener has been told.
    #[inline(always)]
    pub(crate) fn retire(&self, cx: &WriteScope<'_, K, V>, node: NodeId, cause: RemovalCause) {
        if cx.common().listener.is_none() {
            self.recycler.retire(node, cx.number(), cx.guard());
        } else {
            cx.notifications().keep(self.id, node, cause);
        }
    }

    /// Makes sure that the node at `index`, which is its number less one, has memory.
    pub(crate) fn ensure(&self, index: usize) -> Result<(), OutOfMemory> {
        self.nodes.ensure(index)?;
        self.weights.as_ref().map_or(Ok(()), |weights| weights.ensure(index))
    }

    /// Returns this thread's cache of nodes, if it has one.
    #[inline(always)]
    pub(crate) fn thread_cache(&self, cx: &WriteScope<'_, K, V>) -> Option<&ThreadCache> {
        self.recycler.thread_cache(cx.number())
    }

    /// Takes a node: from this thread's cache, if it has one, or from beyond it.
    #[inline(always)]
    pub(crate) fn alloc(&self, number: Number) -> Option<NodeId> {
        match self.recycler.thread_cache(number).and_then(ThreadCache::take) {
            Some(taken) => Some(self.taken(taken)),
            None => self.alloc_beyond_thread_cache(number),
        }
    }

    /// Returns the node that was taken from this thread's cache, and prefetches the next one, which
    /// the thread's next insert into this shard will need.
    #[inline(always)]
    pub(crate) fn taken(&self, (node, next): (NodeId, NodeId)) -> NodeId {
        self.nodes.prefetch(next);
        node
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn alloc_beyond_thread_cache(&self, number: Number) -> Option<NodeId> {
        self.recycler.alloc_beyond_thread_cache(number, |index| self.ensure(index))
    }

    /// Moves the entry out of a node that this thread has filled and never published. Then the
    /// thread does not own the node any more. Returns `None`, and leaves the node to the thread, if
    /// there is no memory to note that it is a moved-out node.
    #[cold]
    pub(crate) fn take_back(&self, cx: &WriteScope<'_, K, V>, node: NodeId) -> Option<Entry<K, V>> {
        if std::mem::needs_drop::<Entry<K, V>>() && !planted(Bug::MovedOutRetired) {
            self.moved_out.get_or_try_make(|| MovedOut::new(self.max_nodes)).ok()?.note(node);
        }
        // SAFETY: this thread has filled the node, owns it and has never published it, so no other
        // thread reads it. The entry is not dropped again: the node is noted as a moved-out node,
        // or its type needs no drop.
        let entry = unsafe { self.nodes.take(node) };
        if !std::mem::needs_drop::<Entry<K, V>>() || planted(Bug::MovedOutRetired) {
            self.recycler.retire(node, cx.number(), cx.guard());
        }
        Some(entry)
    }

    /// Moves the entries of up to `most` dead nodes into `sink`. Returns how many there were.
    #[cold]
    pub(crate) fn take_dead(&self, most: u32, sink: &mut dyn FnMut(Entry<K, V>)) -> u32 {
        self.recycler.drop_dead(most, |node| {
            // SAFETY: the recycler hands out each dead node once, so this thread owns it. The node
            // holds an entry, and is not free before this closure ends.
            sink(unsafe { self.nodes.take(node) });
        })
    }

    /// Drops the entries of up to `most` dead nodes. Returns how many there were. Runs destructors:
    /// call when not pinned.
    #[inline(always)]
    pub(crate) fn drop_dead(&self, most: u32) -> u32 {
        if !std::mem::needs_drop::<Entry<K, V>>() {
            return 0;
        }
        self.recycler.drop_dead(most, |node| {
            // SAFETY: the recycler hands out each dead node once, so this thread owns it, and the
            // node holds an entry.
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
