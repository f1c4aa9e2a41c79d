//! The life of node numbers: which thread may hand one out, and when it may be used again.
//!
//! # States of a node number
//!
//! ```text
//! fresh --alloc--> owned --publish--> in the index --unlink--> unlinked --retire--> retired
//!                    ^  \                                                              |
//!                    |   +--------------------retire (aborted insert)----------------> |
//!                    |                                                            seal | (a batch)
//!                    |                                                                 v
//!                  alloc                                                            pending
//!                    |                                       after the grace period    |
//!                  free <--drop key and value-- dead <---------------------------------+
//!                    ^                                (no drop glue: straight to free) |
//!                    +-----------------------------------------------------------------+
//! ```
//!
//! - *owned*: one insert has it and writes its key and value; no other thread reads them.
//! - *in the index*: every thread that is pinned may read key and value, no thread writes them.
//! - *unlinked, retired, pending*: threads that were pinned before it was unlinked may still read.
//! - *dead*: no thread reads; key and value wait to be dropped by a writer.
//! - *free*: holds no key or value.
//!
//! Each thread retires into its own thread cache (`thread_cache.rs`) and allocates from it. The
//! nodes that it has retired are sealed in batches: a magazine (`magazine.rs`) takes them, and the
//! collector is asked to hand it back after the grace period. The collector runs nothing else: it
//! pushes the magazine on the shard's stack of dead or free ones. That runs in whichever thread
//! collects, also in a reader, and owns an `Arc` of this structure, so it may run after the cache
//! was dropped. Dropping keys and values is left to writers and to maintenance, a few per
//! operation. A thread cache that is used up takes over the nodes of a free magazine.
//!
//! Free nodes in a thread's thread cache are of no use to other threads. So the number of threads
//! that may keep some is limited, such that half of the spare nodes are left to the others, which
//! take one at a time from the stack.
//!
//! # Orderings
//!
//! Every way of a node from one thread to another is a Release/Acquire pair: of a stack of
//! magazines, of a thread cache's queue, or of a thread number. So what was done with a node
//! (reading, dropping) before it was handed on happens before what its next owner does with it.
//! Readers' accesses happen before the hand-back by the collector's grace period: each reader
//! unpins after its last access, and the batch runs after every pin has ended that existed when it
//! was sealed.
//!
//! # ABA
//!
//! See `magazine.rs` and `thread_cache.rs` for the stacks and queues. The index relies on this: a
//! node that is seen in the index during a pin is not handed out again before that pin ends. (Nodes
//! therefore never go straight back to `free`, not even those of an aborted insert.)
//!
//! # Progress
//!
//! Lock-free: each failed swap is another thread's success. A thread that stops while pinned stops
//! all hand-backs; storage then grows up to its bound, and beyond it
//! [`Recycler::alloc_beyond_thread_cache`] returns `None`. A thread that stops elsewhere keeps the
//! nodes that it has in hand, a magazine at most.

use crate::{
    engine::{
        index::word::NodeId,
        reclaim::{
            epoch::Number,
            magazine::{HeldMagazine, MAGAZINE, Magazines, Stack},
            per_thread::PerThread,
            thread_cache::{Retired, Taker, ThreadCache},
        },
        storage::chunked::OutOfMemory,
    },
    process::fork,
    sync::{Arc, AtomicU32, Ordering, thread_local},
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};
use crossbeam_epoch::Guard;
use crossbeam_utils::CachePadded;
use std::{cell::Cell, marker::PhantomData};

/// One in this many inserts that find no node, after another has given up, waits again.
const PATIENCE: u32 = 16;

/// The nodes on their way between threads, and the counts that threads share.
#[derive(Debug)]
struct Depot {
    free: Stack,
    dead: Stack,
    /// The greatest node number that was handed out.
    fresh: AtomicU32,
    /// Batches that the collector has and has not handed back.
    pending: AtomicU32,
    /// Batches that the collector has handed back.
    returned: AtomicU32,
    /// One more than `returned` was when a thread last waited for a batch in vain; 0 if none has.
    given_up: AtomicU32,
    /// How often threads have asked since whether to wait.
    asked: AtomicU32,
}

/// How many nodes there are, and how they travel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodePlan {
    /// The maximum number of nodes.
    pub(crate) max_nodes: NodeId,
    /// The number of retired nodes that make a batch, at most [`MAGAZINE`].
    pub(crate) batch: u32,
    /// The number of threads that may keep free nodes.
    pub(crate) thread_caches: u32,
}

impl NodePlan {
    /// Returns how many magazines get their memory at once, and how many may be in use.
    fn magazines(self) -> (u32, u32) {
        // A magazine may hold a single node, if maintenance sealed it.
        ((self.batch / 4).min(16).min(self.max_nodes), self.max_nodes)
    }

    /// Returns the number of bytes that [`Recycler::new`] allocates.
    pub(crate) fn bytes(self) -> Option<usize> {
        Magazines::bytes(self.magazines().0)
    }
}

/// The node numbers of one shard.
#[derive(Debug)]
pub(crate) struct Recycler {
    depot: CachePadded<Depot>,
    magazines: Magazines,
    thread_caches: PerThread<ThreadCache>,
    plan: NodePlan,
    /// Whether keys or values have drop glue.
    drops: bool,
}

impl Recycler {
    /// Makes a recycler of the numbers `1..=max_nodes`.
    pub(crate) fn new(plan: NodePlan, drops: bool) -> Result<Self, OutOfMemory> {
        // Models that are not about recycling have batches so large that none is ever sealed.
        let limit = if cfg!(larder_loom) { u32::MAX } else { MAGAZINE };
        assert!((1..=limit).contains(&plan.batch), "batches of {}", plan.batch);
        let (planned, most) = plan.magazines();
        Ok(Self {
            depot: CachePadded::new(Depot {
                free: Stack::new(),
                dead: Stack::new(),
                fresh: AtomicU32::new(0),
                pending: AtomicU32::new(0),
                returned: AtomicU32::new(0),
                given_up: AtomicU32::new(0),
                asked: AtomicU32::new(0),
            }),
            magazines: Magazines::new(planned, most)?,
            thread_caches: PerThread::new(),
            plan,
            drops,
        })
    }

    /// Returns the greatest number that was handed out; all numbers from 1 to it were.
    pub(crate) fn fresh(&self) -> NodeId {
        // Acquire: pairs with the AcqRel in `alloc_fresh`; the storage of these nodes is visible.
        self.depot.fresh.load(Ordering::Acquire)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.magazines.allocated_bytes() + self.thread_caches.allocated_bytes()
    }

    /// Returns the thread cache of the thread with this number, if it has one.
    #[inline(always)]
    pub(crate) fn thread_cache(&self, number: Number) -> Option<&ThreadCache> {
        self.thread_caches.of(number)
    }

    /// Returns the node that the thread with this number will probably get next.
    #[inline]
    pub(crate) fn next_free(&self, number: Number) -> Option<NodeId> {
        self.thread_cache(number)?.peek()
    }

    /// Takes a node from outside the thread cache: a free one, or a fresh one for whose index
    /// `ensure` finds storage. Returns `None` if there is none.
    #[cold]
    pub(crate) fn alloc_beyond_thread_cache(
        &self,
        number: Number,
        ensure: impl Fn(usize) -> Result<(), OutOfMemory>,
    ) -> Option<NodeId> {
        self.alloc_from_depot(number).or_else(|| self.alloc_fresh(ensure))
    }

    fn alloc_from_depot(&self, number: Number) -> Option<NodeId> {
        let held = self.magazines.pop(&self.depot.free)?;
        let thread_cache = if number.is_below(self.plan.thread_caches) {
            self.thread_caches.of(number)
        } else {
            None
        };
        let node = match thread_cache {
            Some(thread_cache) => {
                thread_cache.refill(&self.magazines, &held);
                thread_cache.take().map(|(node, _)| node)
            }
            None => self.magazines.take_last(&held),
        };
        if thread_cache.is_some() || self.magazines.len(&held) == 0 {
            self.magazines.release(held);
        } else {
            self.magazines.push(&self.depot.free, held);
        }
        debug_assert!(node.is_some(), "no magazine without nodes is on the free stack");
        node
    }

    fn alloc_fresh(&self, ensure: impl Fn(usize) -> Result<(), OutOfMemory>) -> Option<NodeId> {
        let counter = &self.depot.fresh;
        // Relaxed: the number is taken by the compare-and-swap below.
        let mut fresh = counter.load(Ordering::Relaxed);
        loop {
            if fresh >= self.plan.max_nodes {
                return None;
            }
            // Before the number is taken, so that no number is lost if there is no memory.
            ensure(fresh as usize).ok()?;
            // AcqRel: pairs with the Acquire in `fresh`; the storage of this node, and of those
            // with lower numbers, is visible. Failure, Relaxed: the number is only compared again.
            match counter.compare_exchange(fresh, fresh + 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Some(fresh + 1),
                Err(now) => fresh = now,
            }
        }
    }

    /// Calls `drop_entry` for up to `most` dead nodes, to drop their keys and values, and makes the
    /// nodes free. Returns how many nodes there were, which is 0 within a `drop_entry` of this
    /// thread: a destructor that writes to a cache would otherwise run other destructors inside it,
    /// and these would run others, until the stack overflows.
    #[inline(always)]
    pub(crate) fn drop_dead(&self, most: u32, drop_entry: impl FnMut(NodeId)) -> u32 {
        if self.depot.dead.is_empty() { 0 } else { self.drop_some_dead(most, drop_entry) }
    }

    /// Returns whether there are dead nodes whose keys and values this thread may drop.
    pub(crate) fn has_dead(&self) -> bool {
        !self.depot.dead.is_empty() && Dropping::begin().is_some()
    }

    #[inline(never)]
    fn drop_some_dead(&self, most: u32, mut drop_entry: impl FnMut(NodeId)) -> u32 {
        let Some(_dropping) = Dropping::begin() else { return 0 };
        let mut dropped = 0;
        while dropped < most {
            let Some(held) = self.magazines.pop(&self.depot.dead) else { break };
            let dying = Dying { recycler: self, held: Some(held) };
            while dropped < most
                && let Some(node) = dying.next()
            {
                // If this panics, the node counts as dropped, and `dying` puts the others back.
                drop_entry(node);
                dropped += 1;
            }
        }
        dropped
    }

    /// Returns how many batches wait for the end of their grace period: a hint for maintenance. A
    /// thread that does not count a batch any more finds its nodes dead or free.
    pub(crate) fn pending(&self) -> u32 {
        // Acquire: pairs with the Release in `hand_back`; the push of the batch is visible.
        self.depot.pending.load(Ordering::Acquire)
    }

    /// Returns whether a batch may come back soon: if one has come back since a thread waited in
    /// vain, or, without that, at every [`PATIENCE`]th call. (A thread that was interrupted while
    /// it was pinned goes on sooner if others wait at times, and an insert that does not wait costs
    /// an entry. But a thread that is stopped for good must not slow all others down.) A hint.
    pub(crate) fn is_hopeful(&self) -> bool {
        // Relaxed: hints, here and in `give_up`.
        let returned = self.depot.returned.load(Ordering::Relaxed);
        self.depot.given_up.load(Ordering::Relaxed) != returned.wrapping_add(1)
            || self.depot.asked.fetch_add(1, Ordering::Relaxed) % PATIENCE == PATIENCE - 1
    }

    /// Notes that no batch came back while a thread waited as long as it may.
    pub(crate) fn give_up(&self) {
        let returned = self.depot.returned.load(Ordering::Relaxed);
        self.depot.given_up.store(returned.wrapping_add(1), Ordering::Relaxed);
    }

    /// Visits every node that holds no key and value. Call while no other thread uses the cache.
    pub(crate) fn for_each_free(&self, visit: &mut dyn FnMut(NodeId)) {
        self.magazines.for_each(&self.depot.free, &mut |node, _| visit(node));
        self.magazines.for_each(&self.depot.dead, &mut |node, dropped| {
            if dropped {
                visit(node);
            }
        });
        for thread_cache in self.thread_caches.iter() {
            thread_cache.for_each_free(visit);
        }
    }

    /// Visits every retired node that is in no batch yet, and every dead one. Call while no other
    /// thread uses the cache.
    pub(crate) fn for_each_unsealed_or_dead(&self, visit: &mut dyn FnMut(NodeId)) {
        self.magazines.for_each(&self.depot.dead, &mut |node, dropped| {
            if !dropped {
                visit(node);
            }
        });
        for thread_cache in self.thread_caches.iter() {
            thread_cache.for_each_retired(visit);
        }
    }

    /// Returns how many magazines are in no known place. Call while no other thread uses the
    /// cache.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn lost_magazines(&self) -> i64 {
        let on = |stack| i64::from(self.magazines.for_each(stack, &mut |_, _| ()));
        let lost = || {
            let (all, empty) = self.magazines.count();
            let known = on(&self.depot.free) + on(&self.depot.dead) + i64::from(self.pending());
            i64::from(all) - i64::from(empty) - known
        };
        // A thread that uses another cache may hand a batch back while this one counts, so counts
        // again: a magazine that is lost stays lost.
        (0..100).map(|_| lost()).find(|&lost| lost == 0).unwrap_or_else(lost)
    }
}

impl Recycler {
    /// Retires a node that has left the index, or never was in it, into the cache of the thread
    /// with this number.
    #[inline(always)]
    pub(crate) fn retire(self: &Arc<Self>, node: NodeId, number: Number, pinned: &Guard) {
        self.retire_by(self.thread_cache(number), node, pinned);
    }

    /// Retires a node into `own`, the calling thread's cache, if it has one.
    #[inline(always)]
    pub(crate) fn retire_by(
        self: &Arc<Self>,
        cache: Option<&ThreadCache>,
        node: NodeId,
        pinned: &Guard,
    ) {
        let Some(cache) = cache else {
            return self.retire_alone(node, |held| self.defer(held, pinned));
        };
        if self.retire_into(cache, node) == Retired::Unsealed {
            self.seal_own(cache, pinned);
        }
    }

    /// Retires a node into the calling thread's cache.
    #[inline(always)]
    #[must_use]
    pub(crate) fn retire_into(&self, cache: &ThreadCache, node: NodeId) -> Retired {
        if planted(Bug::NoGrace) {
            self.retire_alone(node, |held| self.hand_back(held));
            return Retired::Kept;
        }
        let retired = cache.retire(node, self.plan.batch);
        step(Step::Retired);
        retired
    }

    /// Seals a batch of the calling thread's cache.
    #[cold]
    #[inline(never)]
    pub(crate) fn seal_own(self: &Arc<Self>, cache: &ThreadCache, pinned: &Guard) {
        self.seal(cache, pinned, Taker::Owner);
    }

    /// Retires a node without a thread cache, as a batch of one.
    #[cold]
    fn retire_alone(&self, node: NodeId, hand_on: impl FnOnce(HeldMagazine)) {
        // If there is no memory for a magazine, the node is lost until the cache is dropped.
        let Some(held) = self.magazines.hold_empty() else { return };
        self.magazines.fill(&held, std::iter::once(node));
        if planted(Bug::NoGrace) {
            self.depot.pending.fetch_add(1, Ordering::Relaxed);
        }
        hand_on(held);
    }

    /// Seals what every thread has retired so far, a batch of each thread cache, and lets the
    /// collector work. Returns how many batches there were.
    #[cold]
    pub(crate) fn seal_all(self: &Arc<Self>, pinned: &Guard) -> u32 {
        self.thread_caches
            .iter()
            .map(|thread_cache| u32::from(self.seal(thread_cache, pinned, Taker::Another)))
            .sum()
    }

    #[cold]
    #[inline(never)]
    fn seal(self: &Arc<Self>, thread_cache: &ThreadCache, pinned: &Guard, taker: Taker) -> bool {
        // Before this process relies on the collector, which the pins of its parent's threads may
        // hold up.
        fork::catch_up();
        if thread_cache.has_retired_none() {
            return false;
        }
        // If there is no memory for a magazine, the nodes stay in the thread cache for the next
        // time.
        let Some(held) = self.magazines.hold_empty() else { return false };
        // Each node was unlinked before it was retired, so before the grace period begins.
        let taken = thread_cache.take_retired(&self.magazines, &held, taker);
        if taken {
            step(Step::BatchTaken);
            self.defer(held, pinned);
        } else {
            self.magazines.release(held);
        }
        taken
    }

    fn defer(self: &Arc<Self>, held: HeldMagazine, pinned: &Guard) {
        let recycler = Arc::clone(self);
        // Relaxed: a count; the collector orders it before the `fetch_sub` in `hand_back`.
        self.depot.pending.fetch_add(1, Ordering::Relaxed);
        pinned.defer(move || recycler.hand_back(held));
        // Without the flush the batch would wait until this thread has deferred 64 of them.
        pinned.flush();
    }

    fn hand_back(&self, held: HeldMagazine) {
        let depot = &self.depot;
        self.magazines.push(if self.drops { &depot.dead } else { &depot.free }, held);
        // Relaxed: a hint, for `is_hopeful`.
        depot.returned.fetch_add(1, Ordering::Relaxed);
        // Release: pairs with the Acquire in `pending`; a thread that does not count the batch any
        // more finds it pushed.
        depot.pending.fetch_sub(1, Ordering::Release);
    }
}

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's have no constant form")]
    static DROPPING: Cell<bool> = Cell::new(false);
}

/// While this value exists, the thread drops dead entries, and starts to drop no others inside
/// their destructors.
struct Dropping(PhantomData<*const ()>);

impl Dropping {
    /// Returns `None` within a destructor of a dead entry, and in a thread whose thread-local
    /// values were destroyed. Then another thread, or a later write, drops the dead entries.
    fn begin() -> Option<Self> {
        let is_first = DROPPING.try_with(|dropping| !dropping.replace(true)).unwrap_or(false);
        is_first.then(|| Self(PhantomData))
    }
}

impl Drop for Dropping {
    fn drop(&mut self) {
        let _ = DROPPING.try_with(|dropping| dropping.set(false));
    }
}

/// A magazine of dead nodes whose keys and values are being dropped.
struct Dying<'a> {
    recycler: &'a Recycler,
    held: Option<HeldMagazine>,
}

impl Dying<'_> {
    fn next(&self) -> Option<NodeId> {
        self.recycler.magazines.next_to_drop(self.held.as_ref()?)
    }
}

impl Drop for Dying<'_> {
    fn drop(&mut self) {
        let Recycler { magazines, depot, .. } = self.recycler;
        if let Some(held) = self.held.take() {
            let stack = if magazines.is_dropped(&held) { &depot.free } else { &depot.dead };
            magazines.push(stack, held);
        }
    }
}
