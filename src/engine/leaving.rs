//! Nodes that have left the index and that the listener has yet to hear of.
//!
//! The listener is user code, so it runs when the thread is not pinned any more, and it is to hear of
//! each value once, at the moment it leaves. So an operation of a cache with a listener does not
//! retire the nodes it takes out: it keeps them until it has unpinned, tells the listener, and
//! retires them then. Until it does, nobody recycles them: a node that was taken out of the index
//! belongs to the thread that took it out. A listener that never returns keeps its one node, and the
//! few that its operation took out with it.
//!
//! Without a listener none of this happens: [`Shard::retire`] retires at once.
//!
//! [`Shard::retire`]: super::shard::Shard::retire

use crate::{
    engine::{epoch::pin, shard::Common, stats::Event, word::NodeId},
    listener::{RemovalCause, Told},
};
use std::cell::RefCell;

/// A node that was taken out of a shard's index.
#[derive(Clone, Copy, Debug)]
struct Gone {
    shard: usize,
    node: NodeId,
    cause: RemovalCause,
}

/// What one operation took out. Tells the listener when dropped: outside every pin.
pub(crate) struct Leaving<'a, K, V> {
    common: &'a Common<K, V>,
    gone: RefCell<Vec<Gone>>,
}

impl<'a, K, V> Leaving<'a, K, V> {
    #[inline(always)]
    pub(crate) fn new(common: &'a Common<K, V>) -> Self {
        Self { common, gone: RefCell::new(Vec::new()) }
    }

    /// Keeps a node that this thread took out of a shard's index, instead of retiring it.
    #[cold]
    pub(crate) fn keep(&self, shard: usize, node: NodeId, cause: RemovalCause) {
        self.gone.borrow_mut().push(Gone { shard, node, cause });
    }

    #[cold]
    #[inline(never)]
    fn tell(&mut self) {
        for Gone { shard, node, cause } in std::mem::take(self.gone.get_mut()) {
            let shard = self.common.storeys.shard(shard);
            // SAFETY: this thread took the node out of the index and retires it only below.
            unsafe {
                shard.nodes.with(node, |entry| self.common.tell(&entry.key, &entry.value, cause));
            }
            let pin = pin();
            shard.recycler.retire(node, pin.number, &pin.guard);
        }
    }
}

impl<K, V> Drop for Leaving<'_, K, V> {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.gone.get_mut().is_empty() {
            self.tell();
        }
    }
}

impl<K, V> Common<K, V> {
    /// Tells the listener, if there is one; not to be called while pinned.
    pub(crate) fn tell(&self, key: &K, value: &V, cause: RemovalCause) {
        let Some(listener) = &self.listener else { return };
        if listener.tell(key, value, cause) == Told::Panicked {
            self.counters.count(pin().number, Event::ListenerPanic);
        }
    }
}
