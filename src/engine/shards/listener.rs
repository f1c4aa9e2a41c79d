//! The user's eviction listener, which is told what left the cache, and why.

use crate::{
    engine::{
        shards::{common::Common, notify::Notification},
        singleflight::outbox::Notice,
    },
    sync::Arc,
    types::removal::RemovalCause,
};
use std::fmt;

/// The user's eviction listener.
pub(crate) struct Listener<K, V> {
    listen: Box<Listen<K, V>>,
    notice: MakeNotice<K, V>,
}

type Listen<K, V> = dyn Fn(&K, &V, RemovalCause) + Send + Sync;

/// Makes the notice that tells the listener later. A function pointer, made where `K` and `V` are
/// known to be `'static`, which a notice requires.
type MakeNotice<K, V> = fn(Arc<Common<K, V>>, Notification<K, V>) -> Notice;

/// The outcome of a call to the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The listener returned.
    Heard,
    /// The listener panicked.
    Panicked,
}

impl<K: 'static, V: 'static> Listener<K, V> {
    pub(crate) fn new(listen: impl Fn(&K, &V, RemovalCause) + Send + Sync + 'static) -> Self {
        let notice: MakeNotice<K, V> = |cache, gone| Box::new(move || drop(cache.tell(gone)));
        Self { listen: Box::new(listen), notice }
    }
}

impl<K, V> Listener<K, V> {
    /// Returns a notice that tells the listener of a value that has left its cache.
    pub(crate) fn notice(&self, cache: Arc<Common<K, V>>, gone: Notification<K, V>) -> Notice {
        (self.notice)(cache, gone)
    }

    /// Calls the listener, and catches its panic.
    pub(crate) fn tell(&self, key: &K, value: &V, cause: RemovalCause) -> Told {
        // Unwind safe: the listener sees keys and values by shared reference only. What it may
        // leave half done is the user's.
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (self.listen)(key, value, cause);
        }));
        if told.is_ok() { Told::Heard } else { Told::Panicked }
    }
}

impl<K, V> fmt::Debug for Listener<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}
