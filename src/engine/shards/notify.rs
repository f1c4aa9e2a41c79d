//! Nodes that have left the index and of which the listener has yet to hear.
//!
//! The listener is user code, so it must not run while the thread is pinned. It hears of each value
//! once, when the value leaves. So an operation of a cache with a listener does not retire the
//! nodes that it takes out: it keeps them until it has unpinned, tells the listener, and then
//! retires them. No other thread recycles them before that: a node that was taken out of the index
//! belongs to the thread that took it out. A listener that never returns keeps the node of its
//! value, and the other nodes that its operation took out.
//!
//! Where the listener must not run yet, since a load is about to land or another listener is
//! running, values that have left wait in the thread's outbox (`outbox.rs`).
//!
//! Without a listener none of this happens: [`Shard::retire`] retires at once.
//!
//! [`Shard::retire`]: crate::engine::shards::shard::Shard::retire

use crate::{
    engine::{
        index::word::NodeId,
        reclaim::epoch::pin,
        shards::{common::Common, listener::Told, stats::Event},
        singleflight::outbox::{self, Hold},
        storage::nodes::Entry,
    },
    types::removal::RemovalCause,
};
use std::cell::Cell;

/// A value of which the listener has yet to hear.
#[derive(Debug)]
pub(crate) enum Notification<K, V> {
    /// In a node that this thread took out of a shard's index.
    Node { shard: usize, node: NodeId, cause: RemovalCause },
    /// In an entry that was not stored.
    Unstored(Entry<K, V>, RemovalCause),
}

/// The values of which the listener is told when the operation that took them out has unpinned.
///
/// A linked list, since most operations leave it empty, and an empty list is one word.
pub(crate) struct Notifications<K, V> {
    newest: Cell<Link<K, V>>,
}

type Link<K, V> = Option<Box<Item<K, V>>>;

struct Item<K, V> {
    gone: Notification<K, V>,
    next: Link<K, V>,
}

impl<K, V> Notifications<K, V> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { newest: Cell::new(None) }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&mut self) -> bool {
        self.newest.get_mut().is_none()
    }

    fn push(&self, gone: Notification<K, V>) {
        let next = self.newest.take();
        self.newest.set(Some(Box::new(Item { gone, next })));
    }

    /// Takes all values, in the order in which they left.
    fn take(&self) -> Vec<Notification<K, V>> {
        let mut gone = Vec::new();
        let mut link = self.newest.take();
        while let Some(item) = link {
            gone.push(item.gone);
            link = item.next;
        }
        gone.reverse();
        gone
    }

    /// Keeps a node that this thread took out of a shard's index. The caller does not retire it.
    #[cold]
    pub(crate) fn keep(&self, shard: usize, node: NodeId, cause: RemovalCause) {
        self.push(Notification::Node { shard, node, cause });
    }

    /// Keeps an entry that was not stored, until the listener has heard of it.
    #[cold]
    pub(crate) fn keep_unstored(&self, entry: Entry<K, V>, cause: RemovalCause) {
        self.push(Notification::Unstored(entry, cause));
    }

    /// Takes an entry back that was not stored. For caches without a listener, in which nothing
    /// else is kept.
    pub(crate) fn take_unstored(&self) -> Option<Entry<K, V>> {
        self.newest.take().and_then(|item| match item.gone {
            Notification::Unstored(entry, _) => Some(entry),
            Notification::Node { .. } => None,
        })
    }

    /// Tells the listener of all values, now or later. Call when not pinned.
    #[cold]
    #[inline(never)]
    pub(crate) fn tell(&mut self, common: &Common<K, V>) {
        let gone = self.take();
        let Some(_hold) = Hold::outermost() else {
            return gone.into_iter().for_each(|gone| common.tell_later(gone));
        };
        gone.into_iter().for_each(|gone| drop(common.tell(gone)));
    }
}

impl<K, V> Common<K, V> {
    /// Tells the listener, if there is one, of an entry that was not stored. Returns the entry, or
    /// `None` if the listener has to be told later. Call when not pinned.
    #[cold]
    pub(crate) fn tell_rejected(&self, entry: Entry<K, V>) -> Option<Entry<K, V>> {
        let cause = RemovalCause::Rejected;
        if self.listener.is_none() {
            return Some(entry);
        }
        let Some(_hold) = Hold::outermost() else {
            self.tell_later(Notification::Unstored(entry, cause));
            return None;
        };
        self.tell(Notification::Unstored(entry, cause))
    }

    /// Tells the listener of a value. Retires its node, or returns the entry if it was not stored.
    pub(crate) fn tell(&self, gone: Notification<K, V>) -> Option<Entry<K, V>> {
        match gone {
            Notification::Node { shard, node, cause } => {
                let shard = self.tiers.shard(shard);
                // SAFETY: this thread took the node out of the index and retires it only below, so
                // no other thread writes or drops its entry before that.
                unsafe { shard.nodes.with(node, |entry| self.hear(entry, cause)) };
                let pin = pin();
                shard.recycler.retire(node, pin.number, &pin.guard);
                None
            }
            Notification::Unstored(entry, cause) => {
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

    /// Queues a notice for the end of this thread's outermost hold.
    fn tell_later(&self, gone: Notification<K, V>) {
        match (&self.listener, self.weak.upgrade()) {
            (Some(listener), Some(common)) => outbox::queue(listener.notice(common, gone)),
            // Without a listener, an entry that was not stored is dropped here. The upgrade does
            // not fail: the thread that took a value out of the cache has a reference to the cache.
            _ => drop(self.tell(gone)),
        }
    }
}
