//! The life of node numbers: who may hand one out, and when it may be used again.
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
//! - *owned*: one insert has it and writes its key and value; nobody else looks at them.
//! - *in the index*: everybody who is pinned may read key and value, nobody writes them.
//! - *unlinked, retired, pending*: threads that were pinned before it was unlinked may still read.
//! - *dead*: nobody reads; key and value wait to be dropped by a writer.
//! - *free*: holds no key or value.
//!
//! Retired, dead and free are three stacks through one link per node; a node is on one of them at
//! most. Retired nodes are sealed in batches: the whole stack is taken and the collector is asked
//! to hand it back after the grace period. What the collector runs is only that: one
//! compare-and-swap on a stack. It runs in whichever thread collects, also in a reader, and owns an
//! `Arc` of this structure, so it may run when the cache is long gone. Dropping keys and values is
//! left to writers and to maintenance, a few per operation.
//!
//! # Orderings
//!
//! Every push is Release and every take Acquire, so what was done with a node (reading, dropping)
//! before it was put on a stack happens before what its taker does with it. Readers' accesses
//! happen before the hand-back by the collector's grace period: each reader unpins after its last
//! access, and the batch runs after every pin that was there when it was sealed has ended.
//!
//! # ABA
//!
//! `free` and `dead` are popped by comparing the head. The popper is pinned. A node that it saw on
//! a stack can leave it, but comes back only by retire, seal and a grace period that began after
//! this pin: not before the popper unpins. So a head that still is the head has the same successor.
//! (Nodes therefore never go straight back to `free`, not even those of an aborted insert.)
//! `retired` is pushed to, and taken as a whole. A push compares head, tail and count; for them to
//! come back, the same head would have to be retired twice during the pin.
//!
//! # Progress
//!
//! Lock-free: each failed swap is another's success. A thread that stops while pinned stops all
//! hand-backs; storage then grows up to its bound, and beyond it [`Recycler::alloc`] says None.

use crate::{
    engine::{
        extents::{Extents, OutOfMemory},
        hooks::{Step, step},
        plant::{Bug, planted},
        word::{NODE_BITS_MAX, NodeId},
    },
    sync::{Arc, AtomicU32, AtomicU64, Ordering},
};
use crossbeam_epoch::Guard;
use crossbeam_utils::CachePadded;

/// The heads of the stacks.
#[derive(Debug)]
pub(crate) struct Heads {
    /// Head, tail and length of the stack of retired nodes: see [`Retired`].
    retired: AtomicU64,
    free: AtomicU32,
    dead: AtomicU32,
    /// Node numbers up to this one were handed out at least once.
    fresh: AtomicU32,
    /// Batches that the collector has and has not handed back.
    pending: AtomicU32,
}

impl Heads {
    pub(crate) fn new() -> Self {
        Self {
            retired: AtomicU64::new(0),
            free: AtomicU32::new(0),
            dead: AtomicU32::new(0),
            fresh: AtomicU32::new(0),
            pending: AtomicU32::new(0),
        }
    }
}

/// A stack that knows its bottom and its length, in one word.
#[derive(Clone, Copy, Debug)]
struct Retired(u64);

impl Retired {
    const FIELD: u64 = (1 << NODE_BITS_MAX) - 1;

    fn head(self) -> NodeId {
        (self.0 & Self::FIELD) as NodeId
    }

    fn tail(self) -> NodeId {
        (self.0 >> NODE_BITS_MAX & Self::FIELD) as NodeId
    }

    fn len(self) -> u32 {
        (self.0 >> (2 * NODE_BITS_MAX)) as u32
    }

    fn push(self, node: NodeId) -> Self {
        let tail = if self.0 == 0 { node } else { self.tail() };
        let len = u64::from(self.len() + 1);
        Retired(len << (2 * NODE_BITS_MAX) | u64::from(tail) << NODE_BITS_MAX | u64::from(node))
    }
}

/// A chain of nodes, linked, that one thread owns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    pub(crate) head: NodeId,
    pub(crate) tail: NodeId,
}

/// The node numbers of one shard.
///
/// `T` is what else the shard writes with every insert: it shares the heads' cache line, so that an
/// insert takes one line from another core and not three.
#[derive(Debug)]
pub(crate) struct Recycler<T> {
    hot: CachePadded<Hot<T>>,
    links: Extents<AtomicU32>,
    max_nodes: NodeId,
    /// Retired nodes that make a batch.
    batch: u32,
    /// Whether keys or values have drop glue.
    drops: bool,
}

#[derive(Debug)]
#[repr(C)]
struct Hot<T> {
    heads: Heads,
    beside: T,
}

impl<T> Recycler<T> {
    /// Numbers `1..=max_nodes`, with links for the first `planned` of them.
    pub(crate) fn new(
        planned: NodeId,
        max_nodes: NodeId,
        batch: u32,
        drops: bool,
        beside: T,
    ) -> Result<Self, OutOfMemory> {
        let links = Extents::new(planned as usize, max_nodes as usize)?;
        let hot = CachePadded::new(Hot { heads: Heads::new(), beside });
        Ok(Self { hot, links, max_nodes, batch, drops })
    }

    /// What shares the heads' cache line.
    #[inline(always)]
    pub(crate) fn beside(&self) -> &T {
        &self.hot.beside
    }

    /// Numbers that were handed out at least once are `1..=fresh`.
    pub(crate) fn fresh(&self) -> NodeId {
        self.hot.heads.fresh.load(Ordering::Acquire)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.links.allocated_bytes()
    }

    #[inline(always)]
    fn link(&self, node: NodeId) -> &AtomicU32 {
        debug_assert!(node != 0, "none has no link");
        // SAFETY: node numbers come from `alloc`, which ensures this element before it hands one
        // out, and each way from there to here is a Release/Acquire pair.
        unsafe { self.links.get(node as usize - 1).as_ref() }
    }

    /// The node that [`Recycler::alloc`] will probably give, with its link asked for.
    #[inline(always)]
    pub(crate) fn prefetch_free(&self) -> Option<NodeId> {
        let node = self.hot.heads.free.load(Ordering::Relaxed);
        if node == 0 {
            return None;
        }
        self.prefetch_link(node);
        Some(node)
    }

    /// Asks for the link of a node that will be retired.
    #[inline(always)]
    pub(crate) fn prefetch_link(&self, node: NodeId) {
        super::prefetch(self.link(node));
    }

    /// Takes a node: a free one, or a fresh one for whose index `ensure` finds storage.
    #[inline]
    pub(crate) fn alloc(
        &self,
        _pinned: &Guard,
        ensure: impl Fn(usize) -> Result<(), OutOfMemory>,
    ) -> Option<NodeId> {
        self.pop_free().or_else(|| self.alloc_fresh(ensure))
    }

    #[inline]
    fn pop_free(&self) -> Option<NodeId> {
        let free = &self.hot.heads.free;
        // Acquire: pairs with `push`; the last owner is done with the node.
        let order =
            if planted(Bug::FreeListRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        let mut head = free.load(order);
        while head != 0 {
            let next = self.link(head).load(Ordering::Relaxed);
            match free.compare_exchange(head, next, order, order) {
                Ok(_) => return Some(head),
                Err(now) => head = now,
            }
        }
        None
    }

    #[cold]
    fn alloc_fresh(&self, ensure: impl Fn(usize) -> Result<(), OutOfMemory>) -> Option<NodeId> {
        let mut fresh = self.hot.heads.fresh.load(Ordering::Relaxed);
        loop {
            if fresh >= self.max_nodes {
                return None;
            }
            // Ensured before the number is taken, so that no number is lost for want of memory.
            self.links.ensure(fresh as usize).and_then(|()| ensure(fresh as usize)).ok()?;
            match self.hot.heads.fresh.compare_exchange(
                fresh,
                fresh + 1,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(fresh + 1),
                Err(now) => fresh = now,
            }
        }
    }

    fn push(&self, stack: &AtomicU32, chain: Chain) {
        let mut head = stack.load(Ordering::Relaxed);
        loop {
            self.link(chain.tail).store(head, Ordering::Relaxed);
            match stack.compare_exchange(head, chain.head, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Takes up to `most` dead nodes, whose keys and values the caller then drops. Call
    /// [`Recycler::free`] with the same chain afterwards.
    #[inline]
    pub(crate) fn take_dead(&self, _pinned: &Guard, most: u32) -> Option<Chain> {
        let dead = &self.hot.heads.dead;
        let mut head = dead.load(Ordering::Acquire);
        while head != 0 {
            let mut tail = head;
            let mut next = self.link(tail).load(Ordering::Relaxed);
            for _ in 1..most {
                if next == 0 {
                    break;
                }
                tail = next;
                next = self.link(tail).load(Ordering::Relaxed);
            }
            match dead.compare_exchange(head, next, Ordering::Acquire, Ordering::Acquire) {
                Ok(_) => return Some(Chain { head, tail }),
                Err(now) => head = now,
            }
        }
        None
    }

    /// The node after `node` in a chain that the caller owns.
    pub(crate) fn next_in(&self, chain: Chain, node: NodeId) -> Option<NodeId> {
        (node != chain.tail).then(|| self.link(node).load(Ordering::Relaxed))
    }

    /// Makes a chain free: none of its nodes holds a key or value.
    pub(crate) fn free(&self, chain: Chain) {
        self.push(&self.hot.heads.free, chain);
    }

    /// Puts back what [`Recycler::take_dead`] gave, or part of it.
    #[cold]
    pub(crate) fn put_back_dead(&self, chain: Chain) {
        self.push(&self.hot.heads.dead, chain);
    }

    /// Visits every free node; while nobody else uses the cache.
    pub(crate) fn for_each_free(&self, visit: impl FnMut(NodeId)) {
        self.for_each_from(self.hot.heads.free.load(Ordering::Acquire), visit);
    }

    /// Visits every retired node that is in no batch yet, and every dead one; while nobody else
    /// uses the cache.
    pub(crate) fn for_each_unsealed_or_dead(&self, mut visit: impl FnMut(NodeId)) {
        let heads = &self.hot.heads;
        self.for_each_from(Retired(heads.retired.load(Ordering::Acquire)).head(), &mut visit);
        self.for_each_from(heads.dead.load(Ordering::Acquire), &mut visit);
    }

    fn for_each_from(&self, mut node: NodeId, mut visit: impl FnMut(NodeId)) {
        while node != 0 {
            visit(node);
            node = self.link(node).load(Ordering::Relaxed);
        }
    }
}

impl<T: Send + Sync + 'static> Recycler<T> {
    /// Retires a node that has left the index, or never was in it.
    #[inline]
    pub(crate) fn retire(self: &Arc<Self>, node: NodeId, pinned: &Guard) {
        if planted(Bug::NoGrace) {
            let chain = Chain { head: node, tail: node };
            return if self.drops { self.put_back_dead(chain) } else { self.free(chain) };
        }
        let retired = &self.hot.heads.retired;
        let mut now = Retired(retired.load(Ordering::Relaxed));
        let len = loop {
            self.link(node).store(now.head(), Ordering::Relaxed);
            let new = now.push(node);
            match retired.compare_exchange(now.0, new.0, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break new.len(),
                Err(bits) => now = Retired(bits),
            }
        };
        step(Step::Retired);
        if len >= self.batch {
            self.seal(pinned);
        }
    }

    /// Hands all retired nodes to the collector, and lets it work.
    #[cold]
    pub(crate) fn seal(self: &Arc<Self>, pinned: &Guard) {
        // Acquire: pairs with `retire`; each node was unlinked before it was pushed, so before the
        // grace period begins.
        let batch = Retired(self.hot.heads.retired.swap(0, Ordering::Acquire));
        step(Step::BatchTaken);
        if batch.len() > 0 {
            let chain = Chain { head: batch.head(), tail: batch.tail() };
            let recycler = Arc::clone(self);
            self.hot.heads.pending.fetch_add(1, Ordering::Relaxed);
            pinned.defer(move || recycler.hand_back(chain));
            // Without it the batch would wait until this thread has deferred 64 of them.
            pinned.flush();
        }
    }

    fn hand_back(&self, chain: Chain) {
        let heads = &self.hot.heads;
        self.push(if self.drops { &heads.dead } else { &heads.free }, chain);
        heads.pending.fetch_sub(1, Ordering::Relaxed);
    }

    /// Batches that wait for the end of their grace period: a hint for maintenance.
    pub(crate) fn pending(&self) -> u32 {
        self.hot.heads.pending.load(Ordering::Relaxed)
    }
}
