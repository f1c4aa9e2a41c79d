//! Where keys and values lie: one node per entry, addressed by number, never moved.
//!
//! A node is nothing but its key and value; what eviction needs is in the index word, what
//! recycling needs is in `recycle.rs`. So a hit touches two cache lines, its set's and its
//! node's, and an eviction touches no node at all. Whatever later belongs to an entry (a deadline,
//! a weight, a version) goes into further columns beside this one, for caches that use it.
//!
//! Who may read or write a node when is the life of its number: see `recycle.rs`.

use crate::{
    engine::{
        index::{prefetch::prefetch, word::NodeId},
        storage::extents::{Element, Extents, OutOfMemory},
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

// SAFETY: a node may be uninitialised, so any bytes will do.
unsafe impl<K, V> Element for Node<K, V> {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Node(UnsafeCell::new(MaybeUninit::uninit()))
    }
}

/// The nodes of one shard.
#[derive(Debug)]
pub(crate) struct Nodes<K, V>(Extents<Node<K, V>>);

// SAFETY: like a vector of entries, which other threads may come to own and drop.
unsafe impl<K: Send, V: Send> Send for Nodes<K, V> {}
// SAFETY: shared access hands out shared references to entries (K, V: Sync), and lets whichever
// thread holds a dead node drop it (K, V: Send).
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Nodes<K, V> {}

impl<K, V> Nodes<K, V> {
    pub(crate) fn new(planned: usize, max_nodes: usize) -> Result<Self, OutOfMemory> {
        Ok(Self(Extents::new(planned, max_nodes)?))
    }

    /// Bytes of one node.
    pub(crate) const NODE_BYTES: usize = size_of::<Node<K, V>>();

    /// Bytes that [`Nodes::new`] allocates.
    pub(crate) fn bytes(planned: usize) -> Option<usize> {
        Extents::<Node<K, V>>::bytes(planned)
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
        // SAFETY: the recycler ensures storage before it hands a number out.
        unsafe { self.0.get(node as usize - 1).as_ref() }
    }

    /// Asks for the line of a node, if there is one of that number.
    #[inline(always)]
    pub(crate) fn prefetch(&self, node: NodeId) {
        if let Some(node) = self.0.find((node as usize).wrapping_sub(1)) {
            // SAFETY: elements stay where they are as long as `self`, and any bytes make a node.
            prefetch(unsafe { node.as_ref() });
        }
    }

    /// Puts an entry into an owned node.
    ///
    /// # Safety
    ///
    /// The caller owns `node`, which holds nothing.
    #[inline(always)]
    pub(crate) unsafe fn write(&self, node: NodeId, key: K, value: V) {
        // SAFETY: handed out, since the caller owns it.
        let cell = unsafe { &self.node(node).0 };
        // SAFETY: the owner is the only one to touch it.
        cell.with_mut(|p| unsafe { (*p).write(Entry { key, value }) });
    }

    /// Reads the entry of a node.
    ///
    /// # Safety
    ///
    /// The calling thread is pinned and has, since it was pinned, read `node` from the index with
    /// Acquire; or it owns the node and has written it; or nobody else uses the cache.
    #[inline(always)]
    pub(crate) unsafe fn with<R>(&self, node: NodeId, f: impl FnOnce(&Entry<K, V>) -> R) -> R {
        // SAFETY: handed out, since it stood in the index.
        let cell = unsafe { &self.node(node).0 };
        // SAFETY: it was written before it was published (Release), which the caller's Acquire load
        // saw; it is not written again or dropped before this thread unpins.
        cell.with(|p| f(unsafe { (*p).assume_init_ref() }))
    }

    /// The entry of a node, for as long as the caller can vouch for it.
    ///
    /// # Safety
    ///
    /// As for [`Nodes::with`], and the pin lasts at least as long as the reference.
    #[inline(always)]
    pub(crate) unsafe fn get(&self, node: NodeId) -> &Entry<K, V> {
        // SAFETY: handed out, since it stood in the index.
        let cell = unsafe { &self.node(node).0 };
        // SAFETY: as in `with`; the caller stays pinned for the reference's whole life.
        cell.with(|p| unsafe { (*p).assume_init_ref() })
    }

    /// Moves the entry out of a node.
    ///
    /// # Safety
    ///
    /// The caller owns `node` and has written it; and sees to it that its entry is not dropped again.
    pub(crate) unsafe fn take(&self, node: NodeId) -> Entry<K, V> {
        // SAFETY: handed out, since the caller owns it.
        let cell = unsafe { &self.node(node).0 };
        // SAFETY: the owner is the only one to touch it, and has written it.
        cell.with_mut(|p| unsafe { (*p).assume_init_read() })
    }

    /// Drops the entry of a node.
    ///
    /// # Safety
    ///
    /// The caller took `node` from the dead, or nobody else uses the cache; the node holds an entry.
    pub(crate) unsafe fn drop_entry(&self, node: NodeId) {
        // SAFETY: handed out, since it holds an entry.
        let cell = unsafe { &self.node(node).0 };
        // SAFETY: the grace period is over, or there never was another thread: nobody reads it.
        cell.with_mut(|p| unsafe { (*p).assume_init_drop() });
    }
}
