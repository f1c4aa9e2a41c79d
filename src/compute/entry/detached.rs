//! The same with loads in tasks of their own.

use super::{Entry, EntrySelector, future::OrInsert};
use crate::loading::{Always, Fallible, Optional, polling::Map};
use equivalent::Equivalent;
use std::{
    borrow::Borrow,
    future::Future,
    hash::{BuildHasher, Hash},
    sync::Arc,
};

/// # In tasks
///
/// As the methods of the same name with `_async`, but that the cache's
/// [spawner](crate::CacheBuilder::spawner) has the loader run to its end, whatever becomes of those
/// who wait for it: see [`get_with_detached`](crate::Cache::get_with_detached), with which they
/// share loads.
impl<K, Q, V, S> EntrySelector<'_, K, Q, V, S>
where
    // See the impl without futures.
    K: Hash + Eq + Clone + Borrow<Q> + Send + Sync + 'static,
    Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher,
{
    /// The key's entry; if it is absent, the value of `init` is inserted, which is not polled
    /// otherwise.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
    /// let cache = larder::Cache::builder()
    ///     .max_capacity(10)
    ///     .spawner(|load| drop(tokio::spawn(load)))
    ///     .build();
    /// let entry = cache.entry("four").or_insert_with_detached(async { 2 + 2 }).await;
    /// assert!(entry.is_fresh());
    /// assert_eq!(entry.into_value(), 4);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If the cache has no spawner; at the call. If `init` does, or loads the same key.
    pub fn or_insert_with_detached<F>(self, init: F) -> impl Future<Output = Entry<K, V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        Map::new(
            OrInsert::new(self.cache.detached::<Always, _, _>(self.key, init)),
            |(key, value, is_fresh)| Entry::new(key, value, is_fresh),
        )
    }

    /// The key's entry; if it is absent, the value of `init` is inserted, unless it is an error.
    ///
    /// # Errors
    ///
    /// What `init` returns: its caller's, and that of all who waited for it with an error of the
    /// same type.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
    /// let cache = larder::Cache::builder()
    ///     .max_capacity(10)
    ///     .spawner(|load| drop(tokio::spawn(load)))
    ///     .build();
    /// let entry = cache.entry("12").or_try_insert_with_detached(async { "12".parse::<u32>() }).await;
    /// assert_eq!(entry.map(|entry| entry.into_value()), Ok(12));
    /// assert!(cache.entry("").or_try_insert_with_detached(async { "".parse::<u32>() }).await.is_err());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`or_insert_with_detached`](Self::or_insert_with_detached).
    pub fn or_try_insert_with_detached<E, F>(
        self,
        init: F,
    ) -> impl Future<Output = Result<Entry<K, V>, Arc<E>>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        Map::new(
            OrInsert::new(self.cache.detached::<Fallible<E>, _, _>(self.key, init)),
            |(key, answer, is_fresh)| answer.map(|value| Entry::new(key, value, is_fresh)),
        )
    }

    /// The key's entry; if it is absent, the value of `init` is inserted, if it is any.
    ///
    /// # Panics
    ///
    /// As [`or_insert_with_detached`](Self::or_insert_with_detached).
    pub fn or_optionally_insert_with_detached<F>(
        self,
        init: F,
    ) -> impl Future<Output = Option<Entry<K, V>>>
    where
        F: Future<Output = Option<V>> + Send + 'static,
    {
        Map::new(
            OrInsert::new(self.cache.detached::<Optional, _, _>(self.key, init)),
            |(key, answer, is_fresh)| answer.map(|value| Entry::new(key, value, is_fresh)),
        )
    }
}
