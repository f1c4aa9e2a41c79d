//! Many reads under one pin.

use crate::{
    Cache,
    engine::reclaim::epoch::{self, Pin},
};
use equivalent::Equivalent;
use std::{
    fmt,
    hash::{BuildHasher, Hash},
};

/// A thread's view of a cache from which values can be borrowed; comes from [`Cache::pin`].
///
/// Pinning costs a lookup about a fifth of its time; with a `Pinned` it is paid once. Values are
/// borrowed, not cloned.
///
/// Keep it for a batch of lookups, not for long: while it lives, nothing that is removed from any
/// cache is freed, and a cache whose memory cannot be reused at last rejects inserts. It cannot be
/// sent to another thread, so it cannot be kept across an `.await` of a future that can.
///
/// ```
/// let cache = larder::Cache::new(100);
/// cache.insert("a", String::from("apple"));
/// let pinned = cache.pin();
/// let a: Option<&String> = pinned.get("a");
/// cache.remove("a");
/// assert_eq!(a.map(String::as_str), Some("apple"), "still readable");
/// assert_eq!(pinned.get("a"), None);
/// ```
///
/// A value cannot outlive the pin:
///
/// ```compile_fail,E0597
/// let cache = larder::Cache::new(100);
/// cache.insert(1, String::from("one"));
/// let one: &String = {
///     let pinned = cache.pin();
///     pinned.get(&1).unwrap()
/// };
/// println!("{one}");
/// ```
///
/// and a pin cannot change threads:
///
/// ```compile_fail,E0277
/// let cache: larder::Cache<u32, u32> = larder::Cache::new(100);
/// let pinned = cache.pin();
/// std::thread::scope(|scope| {
///     scope.spawn(move || pinned.get(&1).copied());
/// });
/// ```
pub struct Pinned<'c, K, V, S> {
    cache: &'c Cache<K, V, S>,
    pin: Pin,
}

impl<'c, K, V, S> Pinned<'c, K, V, S> {
    pub(crate) fn new(cache: &'c Cache<K, V, S>) -> Self {
        Self { cache, pin: epoch::pin() }
    }

    /// The cache that this is a view of.
    #[must_use]
    pub fn cache(&self) -> &'c Cache<K, V, S> {
        self.cache
    }
}

impl<K, V, S> Pinned<'_, K, V, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    /// The value of a key, as [`Cache::get`] but borrowed. O(1).
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.get_hashed(self.cache.hash(key), key)
    }

    #[inline(always)]
    pub(crate) fn get_hashed<Q>(&self, hash: u64, key: &Q) -> Option<&V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.cache
            .engine()
            .get_in(&self.pin, hash, |other| key.equivalent(other))
            .map(|entry| &entry.value)
    }
}

impl<K, V, S> fmt::Debug for Pinned<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").field("cache", self.cache).finish_non_exhaustive()
    }
}
