//! Versions: how to tell that a key has been written since, even if it has its old value again.
//!
//! A *version* is a shard, a node number and the *generation* of that node: how often the node has been
//! filled since anybody asked for a version. Every write of a key gives it another node, so a version
//! holds until the next one. Node numbers come back; with the next generation.
//!
//! # States
//!
//! ```text
//! raise   g -> g + 1    the owner of a node, when it has filled it, before it publishes it; if there is
//!                       a place for the node's generation
//! read    g             anyone who is pinned and has found the node in the index
//! ```
//!
//! The column, and the extents it consists of, appear when a version of one of their nodes is first asked
//! for. Until then plain inserts pay one load of a pointer. Fresh memory says generation 0.
//!
//! # Why no two writes have the same version
//!
//! Somebody hands out the version (n, g). It was pinned, then made sure that n has a place here, and has
//! read g; and n stood in the index during that pin.
//!
//! - While n stays in the index nobody raises its generation. Who filled it did so before it published
//!   it (Release; finding it is Acquire), or did not know of the column and leaves it alone.
//! - Who fills n next got it after a grace period that began when n had left the index, so it ended after
//!   that pin did (`recycle.rs`). What was done during the pin happens before that, in particular the
//!   appearing of column and extent: so n's next owner finds n's place, and raises its generation.
//!
//! Hence g is never n's generation again: 2^64 of them do not come to an end.
//!
//! For want of memory there may be no place for a node. Then its version is [`Version::NONE`], which is
//! that of no entry: whoever compares it finds that the key has changed.
//!
//! # Progress
//!
//! Wait-free, but for the column, whose appearance is lock-free.

use crate::{
    engine::{
        index::word::NodeId,
        storage::extents::{Extents, OutOfMemory},
        testing::plant::{Bug, planted},
    },
    sync::{AtomicU64, Ordering},
};

/// How often each node of a shard has been filled.
#[derive(Debug)]
pub(crate) struct Generations(Extents<AtomicU64>);

impl Generations {
    pub(crate) fn new(planned: usize, max_nodes: usize) -> Result<Self, OutOfMemory> {
        Extents::new(planned, max_nodes).map(Self)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.0.allocated_bytes()
    }

    #[inline(always)]
    fn word(&self, node: NodeId) -> Option<&AtomicU64> {
        // SAFETY: elements are atomic integers, which nobody moves or frees before `self`.
        self.0.find(node as usize - 1).map(|word| unsafe { word.as_ref() })
    }

    /// Begins the next generation of an owned node.
    #[inline]
    pub(crate) fn raise(&self, node: NodeId) {
        if let Some(word) = self.word(node) {
            // Only its owner writes it. Publishing the node is what makes it visible.
            let more = u64::from(!planted(Bug::SameGeneration));
            word.store(word.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        }
    }

    /// The generation of a node that has been in the index during this pin.
    pub(crate) fn of(&self, node: NodeId) -> Result<u64, OutOfMemory> {
        self.0.ensure(node as usize - 1)?;
        self.word(node).map(|word| word.load(Ordering::Relaxed)).ok_or(OutOfMemory)
    }
}
