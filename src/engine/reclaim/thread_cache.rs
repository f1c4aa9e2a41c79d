//! A thread's own cache of a shard's node numbers: free ones to take, and retired ones to collect.
//!
//! Each insert takes a node, and most inserts retire one. With a thread cache neither needs a
//! locked instruction or a line that another thread writes.
//!
//! # Who may touch what
//!
//! The *owner* is the thread whose cache this is (`per_thread.rs`).
//!
//! ```text
//! free      a stack. Only the owner touches it. Its lowest place holds no node, so that a take of
//!           the last node may look below it.
//! retired   a queue: [`head`, `tail`) of positions that only ever grow.
//!   retire  slot[tail] = node, tail: t -> t+1     the owner, plain stores
//!   take    head: h -> up to t                    any thread, compare-and-swap; the nodes in
//!                                                 between are the taker's
//! ```
//!
//! The owner takes its retired nodes when they make a batch. Another thread takes them if it cannot
//! wait for the owner, which may be idle for ever: maintenance, and an insert that finds no node.
//!
//! # Orderings
//!
//! The store of the tail is Release, and a taker loads it with Acquire: it sees the nodes in the
//! slots, and that they were unlinked before. Taking is AcqRel, and the owner loads the head with
//! Acquire before it uses a slot again: so a taker that succeeds has read its slots before they are
//! written again. A taker that read slots which were written again meanwhile fails, since the head
//! has moved: the owner writes a slot again only after it has seen a head beyond it. The owner
//! copies slots by ordinary loads, since it is the only thread to write them.
//!
//! # ABA
//!
//! Positions are 32 bits wide. For a taker to succeed after the head came back, 2^32 nodes would
//! have to be retired here while the taker is pinned; there are 2^20, and none of them comes back
//! before it unpins.
//!
//! # Progress
//!
//! Retiring is wait-free. Taking is lock-free: a failed swap is another taker's success.

use crate::{
    engine::{
        index::word::NodeId,
        reclaim::magazine::{HeldMagazine, MAGAZINE, Magazines},
        storage::chunked::Element,
    },
    sync::{AtomicU32, Ordering},
    testing::plant::{Bug, planted},
};

/// The number of places of the queue: a power of two, and more than a batch.
const QUEUE: usize = (MAGAZINE as usize + 1).next_power_of_two();

/// What has become of a node that was retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retired {
    /// It is in the thread's cache.
    Kept,
    /// So, and the thread's cache has a batch that is to be sealed.
    Unsealed,
}

/// Who takes retired nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taker {
    /// The thread cache's owner.
    Owner,
    /// A thread that may not be the owner.
    Another,
}

/// The thread cache of one thread.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct ThreadCache {
    free_len: AtomicU32,
    head: AtomicU32,
    tail: AtomicU32,
    free: [AtomicU32; MAGAZINE as usize + 1],
    retired: [AtomicU32; QUEUE],
}

// SAFETY: atomic integers and padding only, so zeroed memory is a valid value.
unsafe impl Element for ThreadCache {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        let zero = || AtomicU32::new(0);
        Self {
            free_len: zero(),
            head: zero(),
            tail: zero(),
            free: std::array::from_fn(|_| zero()),
            retired: std::array::from_fn(|_| zero()),
        }
    }
}

impl ThreadCache {
    /// Takes a free node, and returns with it the one that would be taken next, 0 if there is none.
    /// For the owner.
    #[inline(always)]
    pub(crate) fn take(&self) -> Option<(NodeId, NodeId)> {
        // Relaxed: only the owner touches the free nodes.
        let left = self.free_len.load(Ordering::Relaxed).wrapping_sub(1);
        // Wraps, and so is out of range, if there is no node.
        if left >= MAGAZINE {
            return None;
        }
        let node = self.free[left as usize + 1].load(Ordering::Relaxed);
        self.free_len.store(left, Ordering::Relaxed);
        Some((node, self.free[left as usize].load(Ordering::Relaxed)))
    }

    /// Returns the node that [`ThreadCache::take`] would take. For the owner.
    #[inline]
    pub(crate) fn peek(&self) -> Option<NodeId> {
        let next =
            self.free[self.free_len.load(Ordering::Relaxed) as usize].load(Ordering::Relaxed);
        (next != 0).then_some(next)
    }

    /// Takes over the nodes of a magazine, while the thread cache is empty. For the owner.
    pub(crate) fn refill(&self, magazines: &Magazines, held: &HeldMagazine) {
        debug_assert_eq!(
            self.free_len.load(Ordering::Relaxed),
            0,
            "a thread cache that is not used up"
        );
        // SAFETY: only the owner touches the free nodes.
        let len = unsafe { magazines.copy_into(held, &self.free[1..]) };
        self.free_len.store(len, Ordering::Relaxed);
    }

    /// Adds a retired node. For the owner. Returns whether there are `batch` nodes now, at most
    /// [`MAGAZINE`].
    #[inline(always)]
    pub(crate) fn retire(&self, node: NodeId, batch: u32) -> Retired {
        // Relaxed: only the owner writes the tail.
        let tail = self.tail.load(Ordering::Relaxed);
        // Acquire: pairs with the AcqRel in `take_retired`; the taker has read the slot before it
        // is written again below.
        let len = tail.wrapping_sub(self.head.load(Ordering::Acquire));
        if len + 1 < batch {
            self.put(node, tail);
            Retired::Kept
        } else {
            self.retire_last(node, tail, len)
        }
    }

    /// Adds the last node of a batch. A node for which there is no place is lost until the cache is
    /// dropped: that happens if there was no memory for a batch.
    #[cold]
    #[inline(never)]
    fn retire_last(&self, node: NodeId, tail: u32, len: u32) -> Retired {
        if len < QUEUE as u32 {
            self.put(node, tail);
        }
        Retired::Unsealed
    }

    #[inline(always)]
    fn put(&self, node: NodeId, tail: u32) {
        self.slot(tail).store(node, Ordering::Relaxed);
        // Release: pairs with the Acquire in `take_retired`; the node in the slot is visible, and
        // that it was unlinked.
        self.tail.store(tail.wrapping_add(1), Ordering::Release);
    }

    #[inline(always)]
    fn slot(&self, position: u32) -> &AtomicU32 {
        &self.retired[position as usize % QUEUE]
    }

    /// Returns the `len` slots from a position on, in two pieces.
    fn slots(&self, position: u32, len: u32) -> [&[AtomicU32]; 2] {
        let (from, len) = (position as usize % QUEUE, len as usize);
        let first = len.min(QUEUE - from);
        [&self.retired[from..from + first], &self.retired[..len - first]]
    }

    /// Returns whether there is nothing to take, as far as this thread can see.
    pub(crate) fn has_retired_none(&self) -> bool {
        // Relaxed: a hint; what was missed is taken the next time.
        self.tail.load(Ordering::Relaxed) == self.head.load(Ordering::Relaxed)
    }

    /// Takes retired nodes into `held`, as many as it has room for. Returns `false` if there are
    /// none.
    pub(crate) fn take_retired(
        &self,
        magazines: &Magazines,
        held: &HeldMagazine,
        taker: Taker,
    ) -> bool {
        loop {
            // Acquire: pairs with the AcqRel below; the tail that is loaded next is not behind it.
            let head = self.head.load(Ordering::Acquire);
            // Acquire: pairs with the Release in `retire`; the nodes in the slots are visible, and
            // that they were unlinked.
            let order =
                if planted(Bug::StealRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
            let len = self.tail.load(order).wrapping_sub(head).min(MAGAZINE);
            if len == 0 {
                return false;
            }
            match taker {
                // SAFETY: only the owner writes the slots.
                Taker::Owner => unsafe { magazines.fill_from(held, self.slots(head, len)) },
                Taker::Another => {
                    let node = |i| self.slot(head.wrapping_add(i)).load(Ordering::Relaxed);
                    magazines.fill(held, (0..len).map(node));
                }
            }
            let next = head.wrapping_add(len);
            if planted(Bug::StealBlind) {
                self.head.store(next, Ordering::Release);
                return true;
            }
            // AcqRel: pairs with the Acquire in `retire`; the slots were read before the owner
            // writes them again. Failure, Relaxed: the loop reads the head again.
            let taken = self.head.compare_exchange(head, next, Ordering::AcqRel, Ordering::Relaxed);
            if taken.is_ok() {
                return true;
            }
        }
    }

    /// Visits each free node. Call while no other thread uses the cache.
    pub(crate) fn for_each_free(&self, visit: &mut dyn FnMut(NodeId)) {
        for node in &self.free[1..=self.free_len.load(Ordering::Relaxed) as usize] {
            visit(node.load(Ordering::Relaxed));
        }
    }

    /// Visits each retired node. Call while no other thread uses the cache.
    pub(crate) fn for_each_retired(&self, visit: &mut dyn FnMut(NodeId)) {
        let (mut at, tail) = (self.head.load(Ordering::Relaxed), self.tail.load(Ordering::Relaxed));
        while at != tail {
            visit(self.slot(at).load(Ordering::Relaxed));
            at = at.wrapping_add(1);
        }
    }
}
