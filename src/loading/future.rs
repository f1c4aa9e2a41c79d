//! Loads in futures, of any runtime or none.

use super::{
    driver::{Asking, Seeking},
    question::{Always, Ask, ByRef, Fallible, Optional, OwnedKey, Question, Wanted},
};
use crate::Cache;
use equivalent::Equivalent;
use std::{
    future::Future,
    hash::{BuildHasher, Hash},
    sync::Arc,
};

/// # Loading in futures
///
/// These behave as the methods of the same names without `_async`, and share loads with them. The
/// futures need no runtime, do nothing until they are polled, are `Send` if their parts are, and
/// may be dropped at any time: if one is dropped while it loads, one of the waiting callers loads
/// in its place. A future that loads and is *kept* without being polled keeps others waiting: for
/// example one branch of a `select!` whose other branch asks for the same key. The methods with
/// `_detached` have no such limit: see [`get_with_detached`](Cache::get_with_detached).
///
/// A loader that loads its own key within its own poll panics. A loader that waits for another task
/// which loads the same key waits forever. A thread must not wait with
/// [`get_with`](Cache::get_with) for a load that only this thread could poll.
impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// Returns the value of a key; if the key is absent, stores and returns the output of `init`,
    /// which is not polled otherwise.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::Cache::new(10);
    /// assert_eq!(cache.get_with_async("four", async { 2 + 2 }).await, 4);
    /// assert_eq!(cache.get_with_async("four", async { unreachable!("it is there") }).await, 4);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn get_with_async(&self, key: K, init: impl Future<Output = V>) -> impl Future<Output = V> {
        self.asking::<Always, _, _>(OwnedKey(key), init)
    }

    /// [`get_with_async`](Cache::get_with_async) with a borrowed key, which is made owned only if
    /// it is absent.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache: larder::Cache<String, usize> = larder::Cache::new(10);
    /// assert_eq!(cache.get_with_by_ref_async("four", async { "four".len() }).await, 4);
    /// assert_eq!(cache.get("four"), Some(4));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn get_with_by_ref_async<Q>(
        &self,
        key: &Q,
        init: impl Future<Output = V>,
    ) -> impl Future<Output = V>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
    {
        self.asking::<Always, _, _>(ByRef(key), init)
    }

    /// [`get_with_async`](Cache::get_with_async) with a loader that may fail.
    ///
    /// # Errors
    ///
    /// The error that `init` returns, or the `init` of the caller whose load this one waited for,
    /// if its error has the same type. Then nothing is stored, and the next call loads again.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::Cache::new(10);
    /// assert_eq!(cache.try_get_with_async("12", async { "12".parse::<u32>() }).await, Ok(12));
    /// assert!(cache.try_get_with_async("", async { "".parse::<u32>() }).await.is_err());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn try_get_with_async<E>(
        &self,
        key: K,
        init: impl Future<Output = Result<V, E>>,
    ) -> impl Future<Output = Result<V, Arc<E>>>
    where
        E: Send + Sync + 'static,
    {
        self.asking::<Fallible<E>, _, _>(OwnedKey(key), init)
    }

    /// [`try_get_with_async`](Cache::try_get_with_async) with a borrowed key, which is made owned
    /// only if it is absent.
    ///
    /// # Errors
    ///
    /// As for [`try_get_with_async`](Cache::try_get_with_async).
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache: larder::Cache<String, u32> = larder::Cache::new(10);
    /// let parsed = cache.try_get_with_by_ref_async("12", async { "12".parse::<u32>() }).await;
    /// assert_eq!((parsed, cache.get("12")), (Ok(12), Some(12)));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn try_get_with_by_ref_async<Q, E>(
        &self,
        key: &Q,
        init: impl Future<Output = Result<V, E>>,
    ) -> impl Future<Output = Result<V, Arc<E>>>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
        E: Send + Sync + 'static,
    {
        self.asking::<Fallible<E>, _, _>(ByRef(key), init)
    }

    /// [`get_with_async`](Cache::get_with_async) with a loader that may return `None`. All callers
    /// that waited for it get `None` as well; it is not stored, so the next call loads again.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::Cache::new(10);
    /// assert_eq!(cache.optionally_get_with_async("", async { "".chars().next() }).await, None);
    /// assert_eq!(cache.optionally_get_with_async("", async { Some('?') }).await, Some('?'));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn optionally_get_with_async(
        &self,
        key: K,
        init: impl Future<Output = Option<V>>,
    ) -> impl Future<Output = Option<V>> {
        self.asking::<Optional, _, _>(OwnedKey(key), init)
    }

    /// [`optionally_get_with_async`](Cache::optionally_get_with_async) with a borrowed key, which
    /// is made owned only if it is absent.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache: larder::Cache<String, char> = larder::Cache::new(10);
    /// let first = cache.optionally_get_with_by_ref_async("one", async { "one".chars().next() });
    /// assert_eq!((first.await, cache.get("one")), (Some('o'), Some('o')));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn optionally_get_with_by_ref_async<Q>(
        &self,
        key: &Q,
        init: impl Future<Output = Option<V>>,
    ) -> impl Future<Output = Option<V>>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
    {
        self.asking::<Optional, _, _>(ByRef(key), init)
    }

    /// Returns a future that looks a key up first.
    pub(crate) fn asking<A: Question<V>, W: Wanted<K>, F: Future<Output = A::Loaded>>(
        &self,
        key: W,
        init: F,
    ) -> Asking<'_, Ask<&Self, K, V, A, W>, F> {
        Asking::new(self.engine(), Seeking::new(Ask::new(self, key)), init)
    }
}
