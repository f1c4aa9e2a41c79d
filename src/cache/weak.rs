//! Handles that do not keep a cache alive.

use crate::{Cache, RandomState, cache::Inner};
use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::{Arc, Weak},
};

/// A handle that does not keep its cache alive, as [`std::sync::Weak`] does not keep what it points
/// to; comes from [`Cache::downgrade`].
///
/// For what belongs to a cache and uses it: its listener, the loader that refreshes its values, a
/// task that looks after it. With a [`Cache`] each of these would keep the cache alive, and the
/// cache would keep the listener: neither would ever be dropped.
///
/// ```
/// use larder::{Cache, RemovalCause, WeakCache};
/// use std::sync::{Arc, OnceLock};
///
/// // A page that leaves the cache takes the list of its links along.
/// let own: Arc<OnceLock<WeakCache<String, u32>>> = Arc::default();
/// let known = own.clone();
/// let pages = Cache::builder()
///     .max_capacity(100)
///     .eviction_listener(move |key: &String, _: &u32, _: RemovalCause| {
///         if let Some(pages) = known.get().and_then(WeakCache::upgrade) {
///             pages.invalidate(&format!("{key}/links"));
///         }
///     })
///     .build();
/// own.set(pages.downgrade()).unwrap();
/// pages.insert("home".to_owned(), 1);
/// pages.insert("home/links".to_owned(), 2);
/// pages.invalidate("home");
/// assert_eq!(pages.entry_count(), 0);
///
/// drop(pages);
/// assert!(own.get().unwrap().upgrade().is_none());
/// ```
pub struct WeakCache<K, V, S = RandomState>(Weak<Inner<K, V, S>>);

impl<K, V, S> WeakCache<K, V, S> {
    /// A handle of no cache: [`upgrade`](WeakCache::upgrade) returns `None`. Allocates nothing.
    ///
    /// ```
    /// assert!(larder::WeakCache::<u32, u32>::new().upgrade().is_none());
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self(Weak::new())
    }

    /// The cache; `None` if its last [`Cache`] has been dropped. O(1).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert("a", 1);
    /// let weak = cache.downgrade();
    /// assert_eq!(weak.upgrade().and_then(|cache| cache.get("a")), Some(1));
    /// drop(cache);
    /// assert!(weak.upgrade().is_none());
    /// ```
    #[must_use]
    pub fn upgrade(&self) -> Option<Cache<K, V, S>> {
        self.0.upgrade().map(Cache::from_inner)
    }
}

impl<K, V, S> Cache<K, V, S> {
    /// A handle that does not keep the cache alive: see [`WeakCache`]. O(1).
    ///
    /// ```
    /// let cache: larder::Cache<u32, u32> = larder::Cache::new(10);
    /// let weak = cache.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// ```
    #[must_use]
    pub fn downgrade(&self) -> WeakCache<K, V, S> {
        WeakCache(Arc::downgrade(self.inner()))
    }
}

impl<K, V, S> Clone for WeakCache<K, V, S> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<K, V, S> Default for WeakCache<K, V, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V, S> fmt::Debug for WeakCache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakCache")
    }
}

// As a cache.
impl<K, V, S> UnwindSafe for WeakCache<K, V, S> {}
impl<K, V, S> RefUnwindSafe for WeakCache<K, V, S> {}
