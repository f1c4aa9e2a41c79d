//! When entries expire: a column of deadlines beside the nodes, and who may change one.
//!
//! # States of a node's word
//!
//! ```text
//! 0        DEAD: the deadline has come, and nothing is left to be done; what a claim leaves behind
//! 1        PAST: the deadline has come, a thread has marked that; the entry is not yet taken out
//! MAX      NEVER: an entry without a deadline; what fresh memory says
//! else     the deadline, a time of the cache's clock
//! ```
//!
//! Words hold the complement, so that fresh memory, all zero, says NEVER: the column may come when
//! there are entries already.
//!
//! ```text
//! store     any -> d               the owner of the node, before it publishes the node
//!           any -> DEAD            the thread that took the node out of the index
//! change    d -> d', if d > now    any thread that finds the entry in the index, compare-and-swap
//! mark past d -> PAST, if d <= now any thread that takes the entry for absent, compare-and-swap
//! claim     d -> DEAD              an expiry that has seen d come, compare-and-swap
//! disclaim  DEAD -> PAST           a child of `fork`, for a claim of a thread that it does not
//!                                  have, compare-and-swap
//! ```
//!
//! A change looks at the clock, and swaps a moment later, when the deadline may have come.
//! Therefore a thread takes an entry for absent only after it has marked it: a deadline marked past
//! cannot be changed any more, and no thread has taken an entry for absent whose deadline was
//! changed. So no entry comes back.
//!
//! Claim and change of one deadline exclude each other: a claim of the old deadline fails after a
//! change, and a claimed deadline cannot be changed any more. A node that is recycled needs no
//! reset: its next owner stores.
//!
//! # What an expiry may conclude
//!
//! The word says when, not of which entry. A node that has left the index keeps its word, so an
//! expiry sees deadlines of nodes that are free, or owned and not published yet. It has to find the
//! node in the index, pinned, and only then claim: the node is not recycled during the pin, so the
//! word is that entry's. It leaves a due word alone if it does not find the node. An insert stores,
//! publishes and *then* schedules, so the wheel brings the node up again when it can be found.
//!
//! # Orderings
//!
//! A deadline is a number, and nothing else is learned from it, with one exception: that some
//! entries have ends of their own. For that, change and swap are AcqRel, and a thread that moves a
//! deadline by its own rules loads it with Acquire (`extend.rs`). Everything else is Relaxed. A
//! thread that finds a node in the index (Acquire of the slot) sees what its owner stored, or
//! something later. A thread that takes a mark of the wheel (Acquire) sees what was stored before
//! the mark was made. Claim and change are read-modify-writes, which see the last word.
//!
//! # ABA
//!
//! A claim compares the deadline that it has seen. If the word was changed and changed back, it is
//! due all the same.
//!
//! # Progress
//!
//! Wait-free, except for change and mark past, which are lock-free: they repeat when another change
//! came first.

use crate::{
    engine::{
        index::{prefetch::prefetch, sets::Loc, word::NodeId},
        storage::chunked::{Chunked, Element, OutOfMemory},
    },
    process::clock::{DEAD, NEVER, PAST},
    sync::{AtomicU32, AtomicU64, Ordering},
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};
use std::ops::Range;

/// The number of nodes that are looked at together.
pub(crate) const BLOCK: usize = if cfg!(larder_loom) { 2 } else { 16 };

/// A block of neighbouring nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block(pub(crate) u32);

impl Block {
    /// Returns the block that `node` is in.
    #[inline(always)]
    pub(crate) fn of(node: NodeId) -> Self {
        Block((node - 1) / BLOCK as NodeId)
    }

    /// Returns the number of the block's first node.
    #[inline(always)]
    fn first(self) -> NodeId {
        self.0 * BLOCK as NodeId + 1
    }

    /// Returns the numbers of the block's nodes.
    pub(crate) fn nodes(self) -> Range<NodeId> {
        self.first()..self.first() + BLOCK as NodeId
    }

    /// Returns the number of blocks that `nodes` nodes make.
    pub(crate) fn count(nodes: usize) -> usize {
        nodes.div_ceil(BLOCK)
    }
}

/// The outcome of [`Deadlines::change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The deadline is not earlier than before. It needs no mark in the wheel.
    Later,
    /// The deadline is earlier than before, and has to be scheduled.
    Earlier,
    /// The deadline had come, or its entry had been claimed. Nothing was changed.
    TooLate,
}

/// What an expiry reads of a node, on one cache line, since most of its time goes to cache misses.
#[derive(Debug)]
#[repr(C, align(16))]
struct Timer {
    deadline: AtomicU64,
    /// Where the node was published: see `timing.rs`.
    place: AtomicU32,
}

// SAFETY: atomic integers and padding only, so zeroed memory is a valid value.
unsafe impl Element for Timer {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Self { deadline: AtomicU64::new(0), place: AtomicU32::new(0) }
    }
}

/// The deadlines of one shard's nodes.
#[derive(Debug)]
pub(crate) struct Deadlines(Chunked<Timer>);

impl Deadlines {
    pub(crate) fn new(planned: usize, max_nodes: usize) -> Result<Self, OutOfMemory> {
        // The first chunk is a multiple of a block, and the others are powers of two, so no block
        // straddles chunks.
        Ok(Self(Chunked::new(planned.next_multiple_of(BLOCK), max_nodes)?))
    }

    /// Makes sure that a node has a word; without one it has no deadline.
    #[inline(always)]
    pub(crate) fn ensure(&self, node: NodeId) -> Result<(), OutOfMemory> {
        self.0.ensure((node - 1) as usize)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.0.allocated_bytes()
    }

    #[inline(always)]
    fn timer(&self, node: NodeId) -> Option<&Timer> {
        // SAFETY: chunks never move, and are freed only when `self` is dropped; elements are
        // atomic integers, so shared access is sound.
        self.0.find((node - 1) as usize).map(|timer| unsafe { timer.as_ref() })
    }

    #[inline(always)]
    fn word(&self, node: NodeId) -> Option<&AtomicU64> {
        self.timer(node).map(|timer| &timer.deadline)
    }

    /// Notes where an owned node will be published.
    #[inline(always)]
    pub(crate) fn place(&self, node: NodeId, loc: Loc) {
        if let Some(timer) = self.timer(node) {
            // Relaxed: publishing the node is the Release.
            timer.place.store(loc.0, Ordering::Relaxed);
        }
    }

    /// Returns where a node was placed last; the first slot of the shard if it never was.
    #[inline(always)]
    pub(crate) fn loc(&self, node: NodeId) -> Option<Loc> {
        // Relaxed: a hint until the node is seen in that slot (Acquire).
        self.timer(node).map(|timer| Loc(timer.place.load(Ordering::Relaxed)))
    }

    /// Prefetches the line of a node.
    #[inline(always)]
    pub(crate) fn prefetch(&self, node: NodeId) {
        if let Some(word) = self.word(node) {
            prefetch(word);
        }
    }

    /// Stores the deadline of a node that is not published, or has left the index.
    #[inline(always)]
    pub(crate) fn store(&self, node: NodeId, deadline: u64) {
        if let Some(word) = self.word(node) {
            // Relaxed: publishing the node is the Release. For a node that has left, the store only
            // spares an expiry its look.
            word.store(!deadline, Ordering::Relaxed);
        }
    }

    /// Returns the deadline of a node. It has come if it is not later than now, which also holds
    /// for one that was claimed.
    #[inline(always)]
    pub(crate) fn load(&self, node: NodeId) -> u64 {
        !self.complement(node)
    }

    /// Returns the complement of what [`Deadlines::load`] returns.
    #[inline(always)]
    pub(crate) fn complement(&self, node: NodeId) -> u64 {
        // Relaxed: finding the node in the index was the Acquire.
        self.word(node).map_or(!NEVER, |word| word.load(Ordering::Relaxed))
    }

    /// Returns the deadline of a node, for a caller that is about to move it.
    #[inline(always)]
    pub(crate) fn load_to_move(&self, node: NodeId) -> u64 {
        // Acquire: pairs with the AcqRel in `change` and `swap`; the end that was noted before the
        // deadline was changed is visible, and that there are ends.
        self.word(node).map_or(NEVER, |word| !word.load(Ordering::Acquire))
    }

    /// Claims the entry of a node for its expiry, if its deadline still is `seen`. Succeeds for one
    /// caller.
    pub(crate) fn claim(&self, node: NodeId, seen: u64) -> bool {
        debug_assert!(seen != DEAD && seen != NEVER, "not a deadline");
        let Some(word) = self.word(node) else { return false };
        if planted(Bug::ClaimBlind) {
            let unchanged = word.load(Ordering::Relaxed) == !seen;
            word.store(!DEAD, Ordering::Relaxed);
            return unchanged;
        }
        // Relaxed: chooses the one thread that expires the entry; nothing else is learned.
        let claimed =
            word.compare_exchange(!seen, !DEAD, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if claimed {
            step(Step::Claimed);
        }
        claimed
    }

    /// Undoes a claim, in a child of `fork` that may not have the thread that claimed: the deadline
    /// of the node stays past, and any thread may claim its entry.
    pub(crate) fn disclaim(&self, node: NodeId) {
        if let Some(word) = self.word(node) {
            // Relaxed: as in `claim`. Failure: another thread has disclaimed it, or the node's next
            // owner has stored a deadline.
            let _ = word.compare_exchange(!DEAD, !PAST, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Gives the entry of a node another deadline if it still has the one that was seen, which had
    /// not come. If this succeeds, the caller sees what was noted before [`Deadlines::change`] set
    /// the deadline that was seen.
    pub(crate) fn swap(&self, node: NodeId, seen: u64, deadline: u64) -> bool {
        debug_assert!(seen != DEAD && seen != PAST, "it had come");
        self.word(node).is_some_and(|word| {
            // AcqRel: pairs with the AcqRel in `change` and of other swaps, and the Acquire in
            // `load_to_move`; the end that was noted before is visible (`extend.rs`).
            // Failure, Relaxed: the caller learns nothing else.
            word.compare_exchange(!seen, !deadline, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        })
    }

    /// Returns whether the deadline of a node has come, by `has_come`, and marks it past if it has.
    #[cold]
    pub(crate) fn mark_past(&self, node: NodeId, has_come: impl Fn(u64) -> bool) -> bool {
        let Some(word) = self.word(node) else { return false };
        let mut seen = !word.load(Ordering::Relaxed);
        loop {
            if seen == DEAD || seen == PAST {
                return true;
            }
            if !has_come(seen) {
                return false;
            }
            if planted(Bug::SettleBlind) {
                return true;
            }
            // Relaxed: a read-modify-write, so each change comes before it, or fails.
            match word.compare_exchange_weak(!seen, !PAST, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    step(Step::Settled);
                    return true;
                }
                Err(there) => seen = !there,
            }
        }
    }

    /// Gives the entry of a node another deadline, unless the present one has come, by `has_come`.
    #[inline]
    pub(crate) fn change(
        &self,
        node: NodeId,
        deadline: u64,
        has_come: impl Fn(u64) -> bool,
    ) -> Change {
        let Some(word) = self.word(node) else { return Change::TooLate };
        let mut seen = !word.load(Ordering::Relaxed);
        loop {
            if seen == DEAD || seen == PAST || has_come(seen) {
                return Change::TooLate;
            }
            if seen == deadline && planted(Bug::ChangeSilent) {
                return Change::Later;
            }
            // Written even if the word has this value already, see `extend.rs`.
            // AcqRel: pairs with the AcqRel in `swap` and of other changes, and the Acquire in
            // `load_to_move`; the end that was noted before is visible.
            // Failure, Relaxed: the deadline is only compared.
            match word.compare_exchange_weak(!seen, !deadline, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) if deadline < seen => return Change::Earlier,
                Ok(_) => return Change::Later,
                Err(there) => seen = !there,
            }
        }
    }

    /// Looks at the nodes of a block up to number `fresh`, for [`Deadlines::expire`].
    ///
    /// Read `fresh` after the mark of the block was taken: it has to cover every node that was
    /// scheduled before.
    #[inline]
    pub(crate) fn look(&self, block: Block, fresh: NodeId, now: u64) -> Look {
        let first = block.first();
        let len = (fresh.saturating_add(1).saturating_sub(first) as usize).min(BLOCK);
        let mut look = Look { first, due: 0, earliest: NEVER };
        // Blocks do not straddle chunks: see `new`.
        let timers = self.0.find_run(first as usize - 1, len).unwrap_or_default();
        for (i, timer) in timers.iter().enumerate() {
            // Relaxed: taking the block's mark was the Acquire; `expire` reads a due word again.
            let deadline = !timer.deadline.load(Ordering::Relaxed);
            // Without branches, since it is unpredictable which are due. DEAD less one wraps to the
            // largest of all numbers, so DEAD is not due.
            look.due |= u32::from(deadline.wrapping_sub(1) < now) << i;
            let left = if deadline > now { deadline } else { NEVER };
            look.earliest = look.earliest.min(left);
        }
        look
    }

    /// Calls `due`, which may claim, for each node that a look at a block has found due. Returns
    /// the earliest deadline of the others, [`NEVER`] if there is none.
    pub(crate) fn expire(&self, look: Look, now: u64, mut due: impl FnMut(NodeId, u64)) -> u64 {
        let mut earliest = look.earliest;
        for node in look.due() {
            let mut deadline = self.load(node);
            if deadline != DEAD && deadline <= now {
                due(node, deadline);
                if planted(Bug::DueLookedAtOnce) {
                    continue;
                }
                // It may have been changed before the claim, to a later deadline that no thread has
                // scheduled.
                deadline = self.load(node);
            }
            if deadline > now {
                earliest = earliest.min(deadline);
            }
        }
        earliest
    }

    /// Prefetches the lines of a block.
    #[inline]
    pub(crate) fn prefetch_block(&self, block: Block) {
        let start = block.first() as usize - 1;
        let timers = self.0.find_run(start, BLOCK).unwrap_or_default();
        timers.chunks(64 / size_of::<Timer>()).for_each(|line| prefetch(&line[0]));
    }
}

/// What a look at a block found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    first: NodeId,
    /// A bit per node whose deadline had come.
    due: u32,
    /// The earliest deadline of the others.
    earliest: u64,
}

impl Look {
    pub(crate) const NONE: Look = Look { first: 1, due: 0, earliest: NEVER };

    /// Returns the earliest deadline of the nodes whose deadlines had not come.
    #[inline(always)]
    pub(crate) fn earliest(self) -> u64 {
        self.earliest
    }

    /// Returns the nodes whose deadlines had come.
    #[inline]
    pub(crate) fn due(self) -> impl Iterator<Item = NodeId> {
        let mut due = self.due;
        std::iter::from_fn(move || {
            let i = (due != 0).then(|| due.trailing_zeros())?;
            due &= due - 1;
            Some(self.first + i)
        })
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
