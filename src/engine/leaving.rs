//! Nodes that have left the index and that the listener has yet to hear of.
//!
//! The listener is user code, so it runs when the thread is not pinned any more, and it is to hear of
//! each value once, at the moment it leaves. So an operation of a cache with a listener does not
//! retire the nodes it takes out: it keeps them until it has unpinned, tells the listener, and
//! retires them then. Until it does, nobody recycles them: a node that was taken out of the index
//! belongs to the thread that took it out. A listener that never returns keeps its one node, and the
//! few that its operation took out with it.
//!
//! Where the listener must not run yet, since a load is about to land or another listener is running, what
//! has left waits in the thread's outbox (`outbox.rs`).
//!
//! Without a listener none of this happens: [`Shard::retire`] retires at once.
//!
//! [`Shard::retire`]: super::shard::Shard::retire

use crate::{
    engine::{
        epoch::pin,
        nodes::Entry,
        outbox::{self, Hold},
        shard::Common,
        stats::Event,
        word::NodeId,
    },
    listener::{RemovalCause, Told},
};
use std::cell::RefCell;

/// A value of which the listener has yet to hear.
#[derive(Debug)]
pub(crate) enum Gone<K, V> {
    /// In a node that this thread took out of a shard's index.
    Node { shard: usize, node: NodeId, cause: RemovalCause },
    /// It was not stored.
    Unstored(Entry<K, V>, RemovalCause),
}

/// What one operation took out. Tells the listener when dropped: outside every pin.
pub(crate) struct Leaving<'a, K, V> {
    common: &'a Common<K, V>,
    gone: RefCell<Vec<Gone<K, V>>>,
}

impl<'a, K, V> Leaving<'a, K, V> {
    #[inline(always)]
    pub(crate) fn new(common: &'a Common<K, V>) -> Self {
        Self { common, gone: RefCell::new(Vec::new()) }
    }

    /// Keeps a node that this thread took out of a shard's index, instead of retiring it.
    #[cold]
    pub(crate) fn keep(&self, shard: usize, node: NodeId, cause: RemovalCause) {
        self.gone.borrow_mut().push(Gone::Node { shard, node, cause });
    }

    /// Keeps an entry that was not stored, until the listener has heard of it.
    #[cold]
    pub(crate) fn keep_unstored(&self, entry: Entry<K, V>, cause: RemovalCause) {
        self.gone.borrow_mut().push(Gone::Unstored(entry, cause));
    }

    /// Takes such an entry back if nobody wants to hear of it.
    pub(crate) fn take_unstored(&self) -> Option<Entry<K, V>> {
        if self.common.listener.is_some() {
            return None;
        }
        // Without a listener there is nothing else.
        self.gone.borrow_mut().pop().and_then(|gone| match gone {
            Gone::Unstored(entry, _) => Some(entry),
            Gone::Node { .. } => None,
        })
    }

    #[cold]
    #[inline(never)]
    fn tell(&mut self) {
        let gone = std::mem::take(self.gone.get_mut());
        let Some(_hold) = Hold::outermost() else {
            return gone.into_iter().for_each(|gone| self.common.tell_later(gone));
        };
        gone.into_iter().for_each(|gone| drop(self.common.tell(gone)));
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
    /// Tells the listener, if there is one, of an entry that was not stored, and gives that back; unless
    /// it has to be told later. Not to be called while pinned.
    #[cold]
    pub(crate) fn tell_rejected(&self, entry: Entry<K, V>) -> Option<Entry<K, V>> {
        let cause = RemovalCause::Rejected;
        if self.listener.is_none() {
            return Some(entry);
        }
        let Some(_hold) = Hold::outermost() else {
            self.tell_later(Gone::Unstored(entry, cause));
            return None;
        };
        self.tell(Gone::Unstored(entry, cause))
    }

    /// Tells the listener. Gives the entry back if it was not stored.
    pub(crate) fn tell(&self, gone: Gone<K, V>) -> Option<Entry<K, V>> {
        match gone {
            Gone::Node { shard, node, cause } => {
                let shard = self.storeys.shard(shard);
                // SAFETY: this thread took the node out of the index and retires it only below.
                unsafe { shard.nodes.with(node, |entry| self.hear(entry, cause)) };
                let pin = pin();
                shard.recycler.retire(node, pin.number, &pin.guard);
                None
            }
            Gone::Unstored(entry, cause) => {
                self.hear(&entry, cause);
                Some(entry)
            }
        }
    }

    fn hear(&self, Entry { key, value }: &Entry<K, V>, cause: RemovalCause) {
        if let Some(listener) = &self.listener
            && listener.tell(key, value, cause) == Told::Panicked
        {
            self.counters.count(pin().number, Event::ListenerPanic);
        }
    }

    /// Has the listener told when this thread holds nothing back any more.
    fn tell_later(&self, gone: Gone<K, V>) {
        match (&self.listener, self.own.upgrade()) {
            (Some(listener), Some(own)) => outbox::queue(listener.notice(own, gone)),
            // Not that it happens: whoever takes something out of a cache has it.
            _ => drop(self.tell(gone)),
        }
    }
}
