//! Versions: how to tell that a key has been written since, even if it has its old value again.
//!
//! A *version* is a shard, a node number and the *generation* of that node: the number of times the
//! node has been filled since a version of it was first asked for. Every write of a key gives it
//! another node, so a version holds until the next write. Node numbers are reused, with the next
//! generation.
//!
//! # States
//!
//! ```text
//! raise   g -> g + 1    the owner of a node, when it has filled it, before it publishes it; if the
//!                       node has a place for its generation
//! read    g             a thread that is pinned and has found the node in the index
//! ```
//!
//! The column, and the chunks it consists of, are made when a version of one of their nodes is
//! first asked for. Until then plain inserts pay one load of a pointer. Fresh memory says
//! generation 0.
//!
//! # Why no two writes have the same version
//!
//! Let a thread hand out the version (n, g). It was pinned, then made sure that n has a place here,
//! and read g; and n was in the index during that pin.
//!
//! - While n stays in the index no thread raises its generation. The thread that filled it did so
//!   before it published it (Release; finding it is Acquire), or did not know of the column and
//!   leaves it alone.
//! - The thread that fills n next got it after a grace period that began when n had left the index,
//!   so it ended after that pin did (`recycle.rs`). What was done during the pin happens before
//!   that, in particular the making of column and chunk: so n's next owner finds n's place, and
//!   raises its generation.
//!
//! Hence g is never n's generation again: 2^64 generations do not come to an end.
//!
//! If there is no memory for a node's place, its version is [`Version::NONE`], which no entry has:
//! a comparison with it finds that the key has changed.
//!
//! # Progress
//!
//! Wait-free, except for making the column, which is lock-free.

use crate::{
    engine::{
        index::word::NodeId,
        storage::chunked::{Chunked, OutOfMemory},
    },
    sync::{AtomicU64, Ordering},
    testing::plant::{Bug, planted},
};

/// The generation of each node of a shard.
#[derive(Debug)]
pub(crate) struct Generations(Chunked<AtomicU64>);

impl Generations {
    pub(crate) fn new(planned: usize, max_nodes: usize) -> Result<Self, OutOfMemory> {
        Chunked::new(planned, max_nodes).map(Self)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.0.allocated_bytes()
    }

    #[inline(always)]
    fn word(&self, node: NodeId) -> Option<&AtomicU64> {
        // SAFETY: chunks never move, and are freed only when `self` is dropped; elements are
        // atomic integers, so shared access is sound.
        self.0.find(node as usize - 1).map(|word| unsafe { word.as_ref() })
    }

    /// Begins the next generation of an owned node.
    #[inline]
    pub(crate) fn raise(&self, node: NodeId) {
        if let Some(word) = self.word(node) {
            // Relaxed: only the owner writes it, so load and store are one step; publishing the
            // node is the Release.
            let more = u64::from(!planted(Bug::SameGeneration));
            word.store(word.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        }
    }

    /// Returns the generation of a node that has been in the index during this pin.
    pub(crate) fn of(&self, node: NodeId) -> Result<u64, OutOfMemory> {
        self.0.ensure(node as usize - 1)?;
        // Relaxed: written before the node was published; finding it in the index was an Acquire.
        self.word(node).map(|word| word.load(Ordering::Relaxed)).ok_or(OutOfMemory)
    }
}
