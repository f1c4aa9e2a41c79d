//! The column of deadlines: one word per node, beside key and value.
//!
//! Milliseconds of the cache's clock. [`NEVER`] is what fresh memory says, so a node that nobody gave
//! a deadline has none; [`DEAD`] that the entry's time is over for good.
//!
//! ```text
//! begin   any -> d          the owner of a node, before it publishes it
//! extend  d -> d'           anyone, unless d is past
//! claim   d -> DEAD         who has found d past: from then on nobody extends it
//! ```
//!
//! Extending and claiming are compare-and-swaps: an entry whose time was extended in time is not
//! claimed, and one that was claimed is not extended. A store of `begin` comes before the node is
//! published (Release), and so is seen by whoever finds the node in the index. Somebody who looks at
//! a node that is in no index, as the wheel does, may see an old deadline, and claim it: nobody looks at
//! that before the next owner begins anew.

use crate::{
    clock::{DEAD, NEVER},
    engine::{
        extents::{Extents, OutOfMemory},
        plant::{Bug, planted},
        wheel::BLOCK,
        word::NodeId,
    },
    sync::{AtomicU64, Ordering},
};
use std::ops::Range;

/// The deadlines of one shard's nodes.
#[derive(Debug)]
pub(crate) struct Deadlines(Extents<AtomicU64>);

/// Whether a deadline could be postponed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extended {
    Yes,
    /// It was past.
    TooLate,
}

impl Deadlines {
    pub(crate) fn new(planned: usize, max_nodes: usize) -> Result<Self, OutOfMemory> {
        Extents::new(planned, max_nodes).map(Self)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.0.allocated_bytes()
    }

    /// Makes sure that a node has a place here; for its owner, before it begins.
    #[inline(always)]
    pub(crate) fn ensure(&self, node: NodeId) -> Result<(), OutOfMemory> {
        self.0.ensure(node as usize - 1)
    }

    /// The block of a node.
    pub(crate) fn block(node: NodeId) -> usize {
        (node as usize - 1) / BLOCK
    }

    /// The nodes of a block.
    pub(crate) fn nodes(block: usize) -> Range<NodeId> {
        let first = (block * BLOCK) as NodeId + 1;
        first..first + BLOCK as NodeId
    }

    /// None if nobody has ensured the node.
    #[inline(always)]
    fn word(&self, node: NodeId) -> Option<&AtomicU64> {
        // SAFETY: elements are atomic integers, which nobody moves or frees before `self`.
        self.0.find(node as usize - 1).map(|word| unsafe { word.as_ref() })
    }

    /// The deadline of a node. [`NEVER`] if it has no place here.
    #[inline(always)]
    pub(crate) fn of(&self, node: NodeId) -> u64 {
        // Kept as complement: fresh memory is all zero.
        self.word(node).map_or(NEVER, |word| !word.load(Ordering::Acquire))
    }

    /// Sets the deadline of an owned node that has a place here.
    #[inline(always)]
    pub(crate) fn begin(&self, node: NodeId, deadline: u64) {
        if let Some(word) = self.word(node) {
            word.store(!deadline, Ordering::Release);
        }
    }

    fn swap(&self, node: NodeId, old: u64, new: u64) -> Result<(), u64> {
        let Some(word) = self.word(node) else { return Err(NEVER) };
        word.compare_exchange(!old, !new, Ordering::AcqRel, Ordering::Acquire)
            .map(|_| ())
            .map_err(|now| !now)
    }

    /// Claims an entry whose deadline was read and is past. False if it has another by now.
    pub(crate) fn claim(&self, node: NodeId, deadline: u64) -> bool {
        if planted(Bug::ClaimBlind) {
            self.begin(node, DEAD);
            return true;
        }
        self.swap(node, deadline, DEAD).is_ok()
    }

    /// Sets the deadline of an entry that may be in use, unless `is_past` says that it is too late.
    pub(crate) fn extend(&self, node: NodeId, to: u64, is_past: impl Fn(u64) -> bool) -> Extended {
        let mut seen = self.of(node);
        loop {
            if is_past(seen) {
                return Extended::TooLate;
            }
            match self.swap(node, seen, to) {
                Ok(()) => return Extended::Yes,
                Err(now) => seen = now,
            }
        }
    }
}
