//! Which types may be sent to, and shared with, other threads: checked by the compiler.
//!
//! The other half, programs that must not compile, is in `src/checks/tests/compile_fail.rs`.

use larder::{
    BuildError, Cache, CacheBuilder, CacheStats, CasError, Entry, EntrySelector, Iter, Limits,
    LoadTimes, Pinned, RandomState, Version, WeakCache,
};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::{
    cell::Cell,
    panic::{RefUnwindSafe, UnwindSafe},
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard},
};

/// A hasher that is whatever its parameter is.
struct Hasher<T>(#[allow(dead_code, reason = "only its type matters")] T);

assert_impl_all!(Cache<u64, u64>: Send, Sync, Clone, Unpin, UnwindSafe, RefUnwindSafe);
assert_impl_all!(Cache<String, Arc<Mutex<Vec<u8>>>>: Send, Sync);
assert_impl_all!(Cache<Box<str>, Box<dyn Fn() + Send + Sync>, Hasher<u8>>: Send, Sync);

// Entries are dropped by whichever thread comes along, and seen by many at once: both traits are
// needed of both types, for either trait of the cache.
assert_not_impl_any!(Cache<Rc<u64>, u64>: Send, Sync);
assert_not_impl_any!(Cache<u64, Rc<u64>>: Send, Sync);
assert_not_impl_any!(Cache<u64, *const u8>: Send, Sync);
// Send, and not Sync.
assert_not_impl_any!(Cache<Cell<u64>, u64>: Send, Sync);
assert_not_impl_any!(Cache<u64, Cell<u64>>: Send, Sync);
// Sync, and not Send.
assert_not_impl_any!(Cache<u64, MutexGuard<'static, u64>>: Send, Sync);
assert_not_impl_any!(Cache<u64, u64, Hasher<Rc<u8>>>: Send, Sync);
assert_not_impl_any!(Cache<u64, u64, Hasher<Cell<u8>>>: Send, Sync);

assert_impl_all!(WeakCache<u64, u64>: Send, Sync, Clone, Default, Unpin, UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(WeakCache<Rc<u64>, u64>: Send, Sync);
assert_not_impl_any!(WeakCache<u64, Cell<u64>>: Send, Sync);

// A pin belongs to its thread.
assert_not_impl_any!(Pinned<'static, u64, u64, RandomState>: Send);

assert_impl_all!(Iter<'static, u64, u64, RandomState>: Send, Sync);
assert_not_impl_any!(Iter<'static, u64, Rc<u64>, RandomState>: Send, Sync);

assert_impl_all!(EntrySelector<'static, String, str, u64, RandomState>: Send, Sync);
assert_not_impl_any!(EntrySelector<'static, u64, u64, Rc<u64>, RandomState>: Send, Sync);
assert_impl_all!(Entry<u64, u64>: Send, Sync);

// A builder holds no entries.
assert_impl_all!(CacheBuilder<Rc<u64>, Cell<u64>>: Send, Sync);
assert_impl_all!(BuildError: Send, Sync, std::error::Error);
assert_impl_all!(CasError: Send, Sync, Copy, std::error::Error);
assert_impl_all!(Version: Send, Sync, Copy, Eq, std::hash::Hash);
assert_impl_all!(CacheStats: Send, Sync, Copy);
assert_impl_all!(LoadTimes: Send, Sync, Copy);
assert_impl_all!(Limits: Send, Sync, Copy);

#[test]
fn a_cache_of_entries_that_cannot_be_sent_works_in_its_own_thread() {
    let cache = Cache::new(10);
    cache.insert(Rc::new(1), Rc::new(Cell::new(1)));
    cache.get_ref(&1, |one: &Rc<Cell<i32>>| one.set(2));
    assert_eq!(cache.get(&1).map(|one| one.get()), Some(2));
}
