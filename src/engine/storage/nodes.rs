//! Keys and values: one node per entry, addressed by number, never moved.
//!
//! A node is only its key and value; what eviction needs is in the index word, what recycling needs
//! is in `recycle.rs`. So a hit touches two cache lines, its set's and its node's, and an eviction
//! reads no node to choose. Other properties of an entry (a deadline, a weight, a version) are in
//! further columns beside this one, for caches that use them.
//!
//! The life of a node's number says which thread may read or write the node when: see `recycle.rs`.

use crate::{
    engine::{
        index::{
            prefetch::prefetch,
            word::{NodeId, is_among},
        },
        storage::chunked::{Chunked, Element, OutOfMemory},
    },
    sync::UnsafeCell,
};
use std::mem::MaybeUninit;

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
}

#[derive(Debug)]
#[repr(transparent)]
struct Node<K, V>(UnsafeCell<MaybeUninit<Entry<K, V>>>);

// SAFETY: a node may be uninitialised, so any bytes are valid.
unsafe impl<K, V> Element for Node<K, V> {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Node(UnsafeCell::new(MaybeUninit::uninit()))
    }
}

/// The nodes of one shard.
#[derive(Debug)]
pub(crate) struct Nodes<K, V>(Chunked<Node<K, V>>);

// SAFETY: like a vector of entries, which another thread may come to own and drop (K, V: Send).
unsafe impl<K: Send, V: Send> Send for Nodes<K, V> {}
// SAFETY: shared access gives out shared references to entries (K, V: Sync), and lets the thread
// that holds a dead node drop its entry (K, V: Send).
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Nodes<K, V> {}

impl<K, V> Nodes<K, V> {
    pub(crate) fn new(planned: usize, max_nodes: usize) -> Result<Self, OutOfMemory> {
        Ok(Self(Chunked::new(planned, max_nodes)?))
    }

    /// The size of a node, in bytes.
    pub(crate) const NODE_BYTES: usize = size_of::<Node<K, V>>();

    /// Returns the number of bytes that [`Nodes::new`] allocates.
    pub(crate) fn bytes(planned: usize) -> Option<usize> {
        Chunked::<Node<K, V>>::bytes(planned)
    }

    /// Returns the number of nodes that have storage from the beginning: those with the lowest
    /// numbers.
    #[inline(always)]
    pub(crate) fn planned(&self) -> usize {
        self.0.first_len()
    }

    /// Returns whether a node is one of [`Nodes::planned`].
    #[inline(always)]
    pub(crate) fn is_planned(&self, node: NodeId) -> bool {
        is_among(node, self.planned())
    }

    /// Makes sure that the `index`-th node (number `index + 1`) has storage.
    pub(crate) fn ensure(&self, index: usize) -> Result<(), OutOfMemory> {
        self.0.ensure(index)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.0.allocated_bytes()
    }

    /// # Safety
    ///
    /// `node` was handed out by this shard's recycler.
    #[inline(always)]
    unsafe fn node(&self, node: NodeId) -> &Node<K, V> {
        // SAFETY: the recycler ensures storage before it hands a number out, and that happens
        // before each use of the number.
        unsafe { self.0.get((node - 1) as usize).as_ref() }
    }

    /// Prefetches the cache line of a node, if the number is one of those planned for. Prefetches
    /// any other line otherwise.
    #[inline(always)]
    pub(crate) fn prefetch(&self, node: NodeId) {
        prefetch(self.0.first_at((node as usize).wrapping_sub(1)));
    }

    /// Writes an entry into an owned node.
    ///
    /// # Safety
    ///
    /// The caller owns `node`, which holds nothing.
    #[inline(always)]
    pub(crate) unsafe fn write(&self, node: NodeId, key: K, value: V) {
        // SAFETY: the number was handed out, since the caller owns the node.
        let cell = unsafe { &self.node(node).0 };
        // SAFETY: the caller owns the node, so no other thread accesses it.
        cell.with_mut(|p| unsafe { (*p).write(Entry { key, value }) });
    }

    /// Reads the entry of a node.
    ///
    /// # Safety
    ///
    /// The calling thread is pinned and has, since it was pinned, read `node` from the index with
    /// Acquire; or it owns the node and has written it; or no other thread uses the cache and the
    /// node holds an entry.
    #[inline(always)]
    pub(crate) unsafe fn with<R>(&self, node: NodeId, f: impl FnOnce(&Entry<K, V>) -> R) -> R {
        // SAFETY: the number was handed out, since the node is owned or was in the index.
        let cell = unsafe { &self.node(node).0 };
        // SAFETY: the entry was written before it was published (Release), and the caller's Acquire
        // load saw that; it is not written again or dropped before this thread unpins. There is no
        // concurrent access to the node of an owner, or of the only thread.
        cell.with(|p| f(unsafe { (*p).assume_init_ref() }))
    }

    /// Returns the entry of a node.
    ///
    /// # Safety
    ///
    /// As for [`Nodes::with`], and the pin lasts at least as long as the reference.
    #[inline(always)]
    pub(crate) unsafe fn get(&self, node: NodeId) -> &Entry<K, V> {
        // SAFETY: the number was handed out, since the node is owned or was in the index.
        let cell = unsafe { &self.node(node).0 };
        // SAFETY: as in `with`; the caller guarantees that the pin outlives the reference.
        cell.with(|p| unsafe { (*p).assume_init_ref() })
    }

    /// Moves the entry out of a node.
    ///
    /// # Safety
    ///
    /// The caller owns `node`, which holds an entry, and guarantees that it is not dropped again.
    pub(crate) unsafe fn take(&self, node: NodeId) -> Entry<K, V> {
        // SAFETY: the number was handed out, since the caller owns the node.
        let cell = unsafe { &self.node(node).0 };
        // SAFETY: the caller owns the node, so no other thread accesses it, and it holds an entry.
        cell.with_mut(|p| unsafe { (*p).assume_init_read() })
    }

    /// Drops the entry of a node.
    ///
    /// # Safety
    ///
    /// The caller took `node` from the dead, or no other thread uses the cache; the node holds an
    /// entry.
    pub(crate) unsafe fn drop_entry(&self, node: NodeId) {
        // SAFETY: the number was handed out, since the node holds an entry.
        let cell = unsafe { &self.node(node).0 };
        // SAFETY: its grace period is over, or no other thread uses the cache: nothing reads it.
        cell.with_mut(|p| unsafe { (*p).assume_init_drop() });
    }
}
