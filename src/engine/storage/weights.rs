//! The column of weights and costs, for caches whose entries do not all weigh or cost the same.
//!
//! A node's weight is written by its owner before it is published, and does not change while it is
//! in the index: an update brings another node. So a thread that removes a node from the index, or
//! replaces it by compare-and-swap, knows its weight exactly, and the credits that it stood for
//! (`budget.rs`).

use crate::{
    engine::{
        index::word::NodeId,
        storage::chunked::{Chunked, OutOfMemory},
    },
    sync::{AtomicU64, Ordering},
};
use std::fmt;

/// The weight of an entry, and its cost of being loaded again; 1 each by default. In one word,
/// since a load of a word that was just stored in two halves stalls until both have reached the
/// cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Price(u64);

impl Price {
    pub(crate) const UNIT: Price = Price::new(1, 1);

    #[inline(always)]
    pub(crate) const fn new(weight: u32, cost: u32) -> Self {
        Price((cost as u64) << 32 | weight as u64)
    }

    #[inline(always)]
    pub(crate) fn weight(self) -> u64 {
        self.0 & u64::from(u32::MAX)
    }

    #[inline(always)]
    pub(crate) fn word(self) -> u64 {
        self.0
    }
}

/// The weights of one shard's nodes.
#[derive(Debug)]
pub(crate) struct Weights(Chunked<AtomicU64>);

impl Weights {
    pub(crate) fn new(planned: usize, max_nodes: usize) -> Result<Self, OutOfMemory> {
        Chunked::new(planned, max_nodes).map(Self)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.0.allocated_bytes()
    }

    /// Makes sure that the `index`-th node (number `index + 1`) has a place here.
    pub(crate) fn ensure(&self, index: usize) -> Result<(), OutOfMemory> {
        self.0.ensure(index)
    }

    #[inline(always)]
    fn word(&self, node: NodeId) -> &AtomicU64 {
        // SAFETY: this place is ensured before the recycler hands the number out.
        unsafe { self.0.get(node as usize - 1).as_ref() }
    }

    /// Notes the weight and the cost of an owned node.
    #[inline]
    pub(crate) fn begin(&self, node: NodeId, price: Price) {
        // Relaxed: publishing the node is the Release.
        self.word(node).store(price.word(), Ordering::Relaxed);
    }

    /// Returns the weight of a node that was found in the index.
    #[inline(always)]
    pub(crate) fn of(&self, node: NodeId) -> u32 {
        // Relaxed: written before the node was published; finding it in the index was an Acquire.
        self.word(node).load(Ordering::Relaxed) as u32
    }

    /// Returns the cost of a node that was found in the index.
    pub(crate) fn cost(&self, node: NodeId) -> u32 {
        // Relaxed: as in `of`.
        (self.word(node).load(Ordering::Relaxed) >> 32) as u32
    }
}

/// The user's function for the weight, or the cost, of an entry.
pub(crate) struct Weigher<K, V>(Box<Weigh<K, V>>);

type Weigh<K, V> = dyn Fn(&K, &V) -> u32 + Send + Sync;

impl<K, V> Weigher<K, V> {
    pub(crate) fn new(weigh: impl Fn(&K, &V) -> u32 + Send + Sync + 'static) -> Self {
        Self(Box::new(weigh))
    }

    pub(crate) fn weigh(&self, key: &K, value: &V) -> u32 {
        (self.0)(key, value)
    }
}

impl<K, V> fmt::Debug for Weigher<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Weigher")
    }
}
