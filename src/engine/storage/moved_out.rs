//! Nodes whose key and value were moved out; `tiers.rs` explains how that happens.
//!
//! A moved-out node is never handed out again, and dropping the cache must not drop the entry that
//! is no longer in it. So each is noted here, by the insert that made it and still owns the node. A
//! bit is set once and never cleared. The thread that drops the cache is its last owner and sees
//! all of them: the bits themselves order nothing, so they are Relaxed. Wait-free.

use crate::{
    engine::{
        index::word::NodeId,
        storage::chunked::{OutOfMemory, zeroed},
    },
    sync::{AtomicU64, Ordering},
};

/// The moved-out nodes of one shard: a bit for each node.
#[derive(Debug)]
pub(crate) struct MovedOut(Box<[AtomicU64]>);

impl MovedOut {
    /// Makes room for nodes `1..=max_nodes`.
    pub(crate) fn new(max_nodes: usize) -> Result<Self, OutOfMemory> {
        zeroed(max_nodes / 64 + 1).map(Self)
    }

    fn bit(&self, node: NodeId) -> (&AtomicU64, u64) {
        (&self.0[node as usize / 64], 1 << (node % 64))
    }

    /// Notes an owned node.
    pub(crate) fn note(&self, node: NodeId) {
        let (word, bit) = self.bit(node);
        // Relaxed: read by the cache's last owner only.
        word.fetch_or(bit, Ordering::Relaxed);
    }

    /// Returns whether a node was noted.
    pub(crate) fn contains(&self, node: NodeId) -> bool {
        let (word, bit) = self.bit(node);
        // Relaxed: becoming the last owner acquired what all others did.
        word.load(Ordering::Relaxed) & bit != 0
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_node_has_its_own_bit() {
        let moved_out = MovedOut::new(128).expect("memory");
        let noted = [1, 63, 64, 65, 128];
        noted.into_iter().for_each(|node| moved_out.note(node));
        let found: Vec<_> = (1..=128).filter(|&node| moved_out.contains(node)).collect();
        assert_eq!(found, noted);
    }
}
