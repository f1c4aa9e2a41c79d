//! A cache with the names and signatures of `moka::future`.
//!
//! [`future::Cache`](Cache) is a thin handle around [`larder::Cache`](crate::Cache), for programs
//! that were written for moka's: their port is an import. New programs need it not: of the
//! operations of a cache only loads wait for anything, and [`larder::Cache`](crate::Cache) has
//! those with `_async` in their names. Both handles of one cache can be used side by side:
//! [`Cache::as_sync`], [`Cache::into_sync`] and `From` lead from one to the other.
//!
//! ```
//! use larder::future::Cache; // was: moka::future::Cache
//!
//! # futures::executor::block_on(async {
//! let cache: Cache<String, u32> = Cache::builder().max_capacity(1_000).build();
//! cache.insert("one".to_owned(), 1).await;
//! assert_eq!(cache.get("one").await, Some(1));
//! assert_eq!(cache.get_with("two".to_owned(), async { 2 }).await, 2);
//! assert_eq!(cache.remove("one").await, Some(1));
//! assert_eq!(cache.entry_count(), 1);
//! # });
//! ```
//!
//! What differs from moka, beside what the cache does better or at other times (the guide "From
//! moka to larder" in the repository's `docs/` has all of it):
//!
//! - Loads, computations, iteration and listeners clone keys: `K: Clone`. The `Arc<K>` of iterators
//!   and listeners is made for each.
//! - Closures of computations may run again, if another task writes the key meanwhile: `FnMut`, not
//!   `FnOnce`.
//! - [`Cache::invalidate_entries_if`] is done when it returns, having walked over the cache.
//! - [`CacheBuilder::async_eviction_listener`] takes a spawner, too.

mod builder;
mod entry;

pub use builder::{CacheBuilder, ListenerFuture};
pub use entry::{EntrySelector, OwnedKeyEntrySelector, RefKeyEntrySelector};

use crate::{Equivalent, Limits, RandomState};
use std::{
    convert::Infallible,
    fmt,
    future::Future,
    hash::{BuildHasher, Hash},
    sync::Arc,
};

/// A concurrent cache for tasks, with the names and signatures of moka's; see [the module](self).
///
/// A handle: clones are the same cache. Operations that are `async` do what they do at their first
/// poll and wait for nothing, except for loads. Each costs what that of
/// [`larder::Cache`](crate::Cache) costs that it calls.
pub struct Cache<K, V, S = RandomState>(crate::Cache<K, V, S>);

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of at most `max_capacity` entries.
    ///
    /// # Panics
    ///
    /// If the memory for that many entries cannot be had.
    ///
    /// ```
    /// let cache: larder::future::Cache<u64, String> = larder::future::Cache::new(1_000);
    /// assert_eq!(cache.limits().max_capacity(), 1_000);
    /// ```
    #[must_use]
    pub fn new(max_capacity: u64) -> Self {
        Self(crate::Cache::new(max_capacity))
    }

    /// A builder, to say more than the capacity.
    #[must_use]
    pub fn builder() -> CacheBuilder<K, V> {
        CacheBuilder::default()
    }
}

impl<K, V, S> Cache<K, V, S> {
    /// The same cache for threads, with everything that moka has not: tags, versions, statistics,
    /// and so on.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::future::Cache::new(10);
    /// cache.insert("one", 1).await;
    /// assert_eq!(cache.as_sync().peek("one"), Some(1));
    /// assert_eq!(cache.as_sync().stats().inserts, 1);
    /// # });
    /// ```
    #[must_use]
    pub fn as_sync(&self) -> &crate::Cache<K, V, S> {
        &self.0
    }

    /// The same cache for threads, by value.
    #[must_use]
    pub fn into_sync(self) -> crate::Cache<K, V, S> {
        self.0
    }

    /// The name that the builder was given.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name()
    }

    /// Returns the cache's capacity and number of shards.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.0.limits()
    }

    /// Returns what [`limits`](Self::limits) does, by the name that moka has for it.
    ///
    /// ```
    /// let cache = larder::future::Cache::<u64, u64>::new(100);
    /// assert_eq!(cache.policy(), cache.limits());
    /// ```
    #[must_use]
    pub fn policy(&self) -> Limits {
        self.limits()
    }

    /// The number of entries, as [`larder::Cache::entry_count`](crate::Cache::entry_count) has it:
    /// no pending task needs to run before.
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        self.0.entry_count()
    }

    /// The sum of the entries' weights.
    #[must_use]
    pub fn weighted_size(&self) -> u64 {
        self.0.weighted_size()
    }

    /// Invalidates all entries, in O(1).
    pub fn invalidate_all(&self) {
        self.0.invalidate_all();
    }

    /// Frees what waits to be freed, and tells the listener of what was invalidated together. No
    /// answer needs it.
    pub async fn run_pending_tasks(&self) {
        self.0.run_pending_tasks();
    }
}

impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
{
    /// Whether the key is there. That is no use of it.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.0.contains_key(key)
    }

    /// The value of a key, cloned.
    pub async fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.0.get(key)
    }

    /// Inserts a value, or replaces that which is there.
    pub async fn insert(&self, key: K, value: V) {
        self.0.insert(key, value);
    }

    /// Removes a key. What is being loaded for it is not stored.
    pub async fn invalidate<Q>(&self, key: &Q)
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.0.invalidate(key);
    }

    /// Removes a key and returns its value.
    pub async fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        self.0.remove(key)
    }

    /// Invalidates the entries for which `predicate` is true, and returns how many there were.
    /// O(capacity): it walks over the cache before it returns, and costs later lookups nothing.
    ///
    /// # Errors
    ///
    /// None. The result is there for calls that were written for moka's.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::future::Cache::new(10);
    /// for number in 0..6 {
    ///     cache.insert(number, "number").await;
    /// }
    /// assert_eq!(cache.invalidate_entries_if(|number, _| number % 2 == 0).unwrap(), 3);
    /// assert_eq!((cache.get(&2).await, cache.get(&3).await), (None, Some("number")));
    /// # });
    /// ```
    pub fn invalidate_entries_if(
        &self,
        predicate: impl FnMut(&K, &V) -> bool,
    ) -> Result<u64, Infallible> {
        Ok(self.0.invalidate_entries_if(predicate))
    }
}

/// # Loads
///
/// The rules are those of [`larder::Cache`](crate::Cache::get_with_async), with which these share
/// loads: one per key at a time, for tasks and threads together. A future that loads may be
/// dropped: then one of those that wait loads in its place. One that is *kept* and not polled any
/// more keeps them waiting; the methods with `_detached` of [`as_sync`](Self::as_sync) load in
/// tasks of their own, by the [spawner](CacheBuilder::spawner).
impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// The value of a key; if it is absent, that of `init`, which is then stored.
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub fn get_with(&self, key: K, init: impl Future<Output = V>) -> impl Future<Output = V> {
        self.0.get_with_async(key, init)
    }

    /// [`get_with`](Self::get_with) with a borrowed key.
    ///
    /// # Panics
    ///
    /// As for [`get_with`](Self::get_with).
    pub fn get_with_by_ref<Q>(
        &self,
        key: &Q,
        init: impl Future<Output = V>,
    ) -> impl Future<Output = V>
    where
        Q: Equivalent<K> + ToOwned<Owned = K> + Hash + ?Sized,
    {
        self.0.get_with_by_ref_async(key, init)
    }

    /// [`get_with`](Self::get_with) with a loader that may have nothing, which is not stored.
    ///
    /// # Panics
    ///
    /// As for [`get_with`](Self::get_with).
    pub fn optionally_get_with<F>(&self, key: K, init: F) -> impl Future<Output = Option<V>>
    where
        F: Future<Output = Option<V>>,
    {
        self.0.optionally_get_with_async(key, init)
    }

    /// [`optionally_get_with`](Self::optionally_get_with) with a borrowed key.
    ///
    /// # Panics
    ///
    /// As for [`optionally_get_with`](Self::optionally_get_with).
    pub fn optionally_get_with_by_ref<F, Q>(
        &self,
        key: &Q,
        init: F,
    ) -> impl Future<Output = Option<V>>
    where
        F: Future<Output = Option<V>>,
        Q: Equivalent<K> + ToOwned<Owned = K> + Hash + ?Sized,
    {
        self.0.optionally_get_with_by_ref_async(key, init)
    }

    /// [`get_with`](Self::get_with) with a loader that may fail.
    ///
    /// # Errors
    ///
    /// What `init` returns: its caller's, and that of all that waited for it. Nothing is stored
    /// then.
    ///
    /// # Panics
    ///
    /// As for [`get_with`](Self::get_with).
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let ports = larder::future::Cache::new(10);
    /// assert_eq!(ports.try_get_with("http", async { "80".parse::<u16>() }).await, Ok(80));
    /// assert!(ports.try_get_with("gopher", async { "".parse::<u16>() }).await.is_err());
    /// # });
    /// ```
    pub fn try_get_with<F, E>(&self, key: K, init: F) -> impl Future<Output = Result<V, Arc<E>>>
    where
        F: Future<Output = Result<V, E>>,
        E: Send + Sync + 'static,
    {
        self.0.try_get_with_async(key, init)
    }

    /// [`try_get_with`](Self::try_get_with) with a borrowed key.
    ///
    /// # Errors
    ///
    /// As for [`try_get_with`](Self::try_get_with).
    ///
    /// # Panics
    ///
    /// As for [`try_get_with`](Self::try_get_with).
    pub fn try_get_with_by_ref<F, E, Q>(
        &self,
        key: &Q,
        init: F,
    ) -> impl Future<Output = Result<V, Arc<E>>>
    where
        F: Future<Output = Result<V, E>>,
        E: Send + Sync + 'static,
        Q: Equivalent<K> + ToOwned<Owned = K> + Hash + ?Sized,
    {
        self.0.try_get_with_by_ref_async(key, init)
    }

    /// Selects a key, to insert a value if it is absent, or to compute one from that which is
    /// there.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::future::Cache::new(10);
    /// let entry = cache.entry("a").or_insert_with(async { 1 }).await;
    /// assert_eq!((entry.is_fresh(), *entry.value()), (true, 1));
    /// let count = async |old: Option<larder::Entry<_, u32>>| old.map_or(1, |old| old.value() + 1);
    /// assert_eq!(cache.entry("a").and_upsert_with(count).await.into_value(), 2);
    /// # });
    /// ```
    pub fn entry(&self, key: K) -> OwnedKeyEntrySelector<'_, K, V, S> {
        EntrySelector(self.0.entry(key))
    }

    /// [`entry`](Self::entry) with a borrowed key.
    pub fn entry_by_ref<'c, Q>(&'c self, key: &'c Q) -> RefKeyEntrySelector<'c, K, Q, V, S>
    where
        Q: Equivalent<K> + ToOwned<Owned = K> + Hash + ?Sized,
    {
        EntrySelector(self.0.entry_by_ref(key))
    }

    /// The entries, cloned, as [`larder::Cache::iter`](crate::Cache::iter) finds them.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::future::Cache::new(10);
    /// cache.insert(1, "one").await;
    /// for (key, value) in &cache {
    ///     assert_eq!((*key, value), (1, "one"));
    /// }
    /// # });
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V, S> {
        Iter(self.0.iter())
    }
}

/// The entries of a cache; comes from [`Cache::iter`].
pub struct Iter<'c, K, V, S>(crate::Iter<'c, K, V, S>);

impl<K: Clone, V: Clone, S> Iterator for Iter<'_, K, V, S> {
    type Item = (Arc<K>, V);

    fn next(&mut self) -> Option<(Arc<K>, V)> {
        self.0.next().map(|(key, value)| (Arc::new(key), value))
    }
}

impl<K: Clone, V: Clone, S> std::iter::FusedIterator for Iter<'_, K, V, S> {}

impl<K, V, S> fmt::Debug for Iter<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'c, K, V, S> IntoIterator for &'c Cache<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    type Item = (Arc<K>, V);
    type IntoIter = Iter<'c, K, V, S>;

    fn into_iter(self) -> Iter<'c, K, V, S> {
        self.iter()
    }
}

impl<K, V, S> Clone for Cache<K, V, S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V, S> fmt::Debug for Cache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K, V, S> From<crate::Cache<K, V, S>> for Cache<K, V, S> {
    fn from(cache: crate::Cache<K, V, S>) -> Self {
        Self(cache)
    }
}

impl<K, V, S> From<Cache<K, V, S>> for crate::Cache<K, V, S> {
    fn from(cache: Cache<K, V, S>) -> Self {
        cache.0
    }
}
