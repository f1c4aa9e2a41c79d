//! Loads in tasks of their own, which callers wait for: `driver/detached.rs`.

use super::{
    driver::{Detached, Seeking},
    question::{Always, Ask, ByRef, Fallible, Optional, OwnedKey, Question, Wanted},
};
use crate::{Cache, process::spawner::Spawner};
use equivalent::Equivalent;
use std::{
    future::Future,
    hash::{BuildHasher, Hash},
    sync::Arc,
};

/// # Loading in tasks
///
/// A future of [`get_with_async`](Cache::get_with_async) that loads runs its loader itself: if it
/// is kept and not polled any more, all others wait; if it is dropped, because a client went away,
/// the load is lost. With the methods with `_detached`, the loader runs to its end in a task of its
/// own, which the [spawner](crate::CacheBuilder::spawner) of the cache starts. Their futures only
/// wait: dropping them affects neither the load nor its other waiting callers.
///
/// - Loads are shared with those of all other methods. A caller that waits for a load run by a
///   future of `get_with_async` waits for that future.
/// - The loader is `Send + 'static`, and so are key and value. Captures have to be moved into it
///   (`async move`).
/// - A task whose loader panics ends; the panic goes on in the caller that has passed the loader,
///   if it still waits, and one of the other callers loads in its place. A task that is dropped,
///   for example by a runtime that shuts down, gives its loader back to that caller, which runs it
///   unless another caller loads.
/// - A write of the key wins over the load, as over every load. A cache ends with its last handle:
///   then the loaded value is dropped.
/// - The task runs outside the caller's spans, and without task-local values of its runtime.
///
/// ```
/// use larder::Cache;
///
/// # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
/// let cache: Cache<u64, String> = Cache::builder()
///     .max_capacity(1_000)
///     .spawner(|load| drop(tokio::spawn(load)))
///     .build();
/// let user = cache.get_with_detached(7, async move { format!("user {}", 7) }).await;
/// assert_eq!((user.as_str(), cache.get(&7).as_deref()), ("user 7", Some("user 7")));
/// # });
/// ```
impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher,
{
    /// [`get_with_async`](Cache::get_with_async) with a load in a task of its own; see
    /// [above](#loading-in-tasks).
    ///
    /// ```
    /// # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
    /// let cache = larder::Cache::builder()
    ///     .max_capacity(10)
    ///     .spawner(|load| drop(tokio::spawn(load)))
    ///     .build();
    /// // A client that goes away, perhaps after its load has begun; the load goes on.
    /// let handle = cache.clone();
    /// let load = async move { handle.get_with_detached("four", async { 2 + 2 }).await };
    /// tokio::spawn(load).abort();
    /// assert_eq!(cache.get_with_detached("four", async { 4 }).await, 4);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// At the call, if the cache has no spawner. Later, if `init` panics or loads the same key.
    pub fn get_with_detached<F>(&self, key: K, init: F) -> impl Future<Output = V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        self.detached::<Always, _, _>(OwnedKey(key), init)
    }

    /// [`get_with_detached`](Cache::get_with_detached) with a borrowed key, which is made owned
    /// only if it is absent.
    ///
    /// # Panics
    ///
    /// As for [`get_with_detached`](Cache::get_with_detached).
    pub fn get_with_by_ref_detached<Q, F>(&self, key: &Q, init: F) -> impl Future<Output = V>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
        F: Future<Output = V> + Send + 'static,
    {
        self.detached::<Always, _, _>(ByRef(key), init)
    }

    /// [`get_with_detached`](Cache::get_with_detached) with a loader that may fail.
    ///
    /// # Errors
    ///
    /// The error that `init` returns, or the `init` of the caller whose load this one waited for,
    /// if its error has the same type. Then nothing is stored.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
    /// let cache = larder::Cache::builder()
    ///     .max_capacity(10)
    ///     .spawner(|load| drop(tokio::spawn(load)))
    ///     .build();
    /// assert_eq!(cache.try_get_with_detached("12", async { "12".parse::<u32>() }).await, Ok(12));
    /// assert!(cache.try_get_with_detached("", async { "".parse::<u32>() }).await.is_err());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// As for [`get_with_detached`](Cache::get_with_detached).
    pub fn try_get_with_detached<E, F>(
        &self,
        key: K,
        init: F,
    ) -> impl Future<Output = Result<V, Arc<E>>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        self.detached::<Fallible<E>, _, _>(OwnedKey(key), init)
    }

    /// [`try_get_with_detached`](Cache::try_get_with_detached) with a borrowed key, which is made
    /// owned only if it is absent.
    ///
    /// # Errors
    ///
    /// As for [`try_get_with_detached`](Cache::try_get_with_detached).
    ///
    /// # Panics
    ///
    /// As for [`get_with_detached`](Cache::get_with_detached).
    pub fn try_get_with_by_ref_detached<Q, E, F>(
        &self,
        key: &Q,
        init: F,
    ) -> impl Future<Output = Result<V, Arc<E>>>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
        E: Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        self.detached::<Fallible<E>, _, _>(ByRef(key), init)
    }

    /// [`get_with_detached`](Cache::get_with_detached) with a loader that may return `None`, which
    /// is not stored.
    ///
    /// # Panics
    ///
    /// As for [`get_with_detached`](Cache::get_with_detached).
    pub fn optionally_get_with_detached<F>(
        &self,
        key: K,
        init: F,
    ) -> impl Future<Output = Option<V>>
    where
        F: Future<Output = Option<V>> + Send + 'static,
    {
        self.detached::<Optional, _, _>(OwnedKey(key), init)
    }

    /// [`optionally_get_with_detached`](Cache::optionally_get_with_detached) with a borrowed key,
    /// which is made owned only if it is absent.
    ///
    /// # Panics
    ///
    /// As for [`get_with_detached`](Cache::get_with_detached).
    pub fn optionally_get_with_by_ref_detached<Q, F>(
        &self,
        key: &Q,
        init: F,
    ) -> impl Future<Output = Option<V>>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
        F: Future<Output = Option<V>> + Send + 'static,
    {
        self.detached::<Optional, _, _>(ByRef(key), init)
    }

    /// Returns a future that looks a key up first.
    pub(crate) fn detached<A: Question<V>, W: Wanted<K>, F: Future<Output = A::Loaded>>(
        &self,
        key: W,
        init: F,
    ) -> Detached<'_, Ask<&Self, K, V, A, W>, F> {
        let seeking = Seeking::new(Ask::new(self, key));
        Detached::new(self.engine(), assert_spawner(self), seeking, init)
    }
}

/// Returns the spawner of a cache.
///
/// # Panics
///
/// If there is none.
pub(crate) fn assert_spawner<K, V, S>(cache: &Cache<K, V, S>) -> &Spawner {
    cache.spawner().expect(
        "a detached load needs a spawner, and the cache has none: say `.spawner(..)` to its \
         builder, or call the method with `_async`",
    )
}
