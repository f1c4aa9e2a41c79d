//! Loads by hand: from a key to its value, or to a guard for the caller that is to load it.

use super::{
    LoadGuard,
    driver::{Joined, Seeking},
    question::{Ask, ByHand, OwnedKey, Wanted},
};
use crate::Cache;
use std::{
    future::Future,
    hash::{BuildHasher, Hash},
    pin::Pin,
    task::{Context, Poll, ready},
};

/// # Loading by hand
///
/// Instead of running a loader, these return a [`LoadGuard`] to the caller that is to load. The
/// caller inserts the value through it, at any time and from any thread. As with all loads there is
/// *one per key at a time*: callers that ask meanwhile, by these methods or by
/// [`get_with`](Cache::get_with) and its variants, wait for the inserted value.
///
/// - If the key is present, and the value is accepted (`_if`), it is returned.
/// - If the key is not being loaded, the caller gets a guard.
/// - Otherwise the caller waits for that load, which any method may have begun, and returns its
///   value; `accept` is not called for it. If there is none, because its guard is dropped or its
///   loader fails or returns `None`, one of the waiting callers gets a guard, and the others go on
///   waiting.
/// - A guard for a key with a present value, which was not accepted, *replaces* that value. Until
///   then, lookups find the old value, which stays if the guard is dropped; a write, removal or
///   eviction of it is final.
/// - A write of the key wins, as over all loads: [`insert`](Cache::insert),
///   [`remove`](Cache::remove), [`invalidate`](Cache::invalidate),
///   [`invalidate_all`](Cache::invalidate_all), [`invalidate_tag`](Cache::invalidate_tag) of any
///   tag, and so on. A value inserted through a guard that was returned before the write is not
///   stored. A caller that has waited since before the write gets that value nevertheless; a caller
///   that asks after the write finds what was written, or loads.
/// - Where values are [refreshed early](crate::CacheBuilder::early_refresh), a caller may get a
///   guard to replace one that would be accepted.
///
/// The futures do nothing until they are polled. A future that finds the key present, or not being
/// loaded, is ready at the first poll; so polling it once and dropping it is a *try*. A future that
/// waits may be dropped at any time: it does not keep others waiting, even if it is next to load.
///
/// A thread that has a guard and calls one of the blocking methods for the same key waits for
/// itself, forever: the cache cannot know that it is the guard's owner. A task that has a guard and
/// awaits one of the futures for the same key does so as well.
///
/// A guard counts as a load when a value is inserted, with the time since the guard was returned; a
/// dropped guard does not count. A lookup counts as usual: as a hit also if the value is present
/// and not accepted.
///
/// ```
/// use larder::{Cache, LoadOutcome};
///
/// # futures::executor::block_on(async {
/// let pages: Cache<String, String> = Cache::new(1_000);
/// let page = match pages.get_or_guard_async("/".to_owned()).await {
///     Ok(page) => page,
///     Err(guard) => {
///         let page = format!("the page at {}", guard.key());
///         assert_eq!(guard.insert(page.clone()), LoadOutcome::Stored);
///         page
///     }
/// };
/// assert_eq!(pages.get("/"), Some(page));
/// # });
/// ```
impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// Returns the value of a key, or a guard to load it; blocks the thread while another caller
    /// loads it. O(1), and the time of that load.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.get_or_guard("four").expect_err("absent").insert(4);
    /// assert_eq!(cache.get_or_guard("four").expect("inserted"), 4);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard, if this caller is to load the value.
    ///
    /// # Panics
    ///
    /// If the loader of the same key calls it.
    pub fn get_or_guard(&self, key: K) -> Result<V, LoadGuard<K, V, S>> {
        self.get_or_guard_if(key, |_| true)
    }

    /// [`get_or_guard`](Cache::get_or_guard) with a condition: if `accept` returns false for the
    /// value, the caller gets a guard to replace it.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert("four", 3);
    /// let guard = cache.get_or_guard_if("four", |four| *four == 4).expect_err("not accepted");
    /// assert_eq!(cache.get("four"), Some(3));
    /// guard.insert(4);
    /// assert_eq!(cache.get("four"), Some(4));
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`get_or_guard`](Cache::get_or_guard).
    ///
    /// # Panics
    ///
    /// As for [`get_or_guard`](Cache::get_or_guard), or if `accept` does.
    pub fn get_or_guard_if(
        &self,
        key: K,
        accept: impl Fn(&V) -> bool,
    ) -> Result<V, LoadGuard<K, V, S>> {
        Guarded::new(self, OwnedKey(key), accept).wait()
    }

    /// [`get_or_guard`](Cache::get_or_guard) as a future, which waits without blocking.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::Cache::new(10);
    /// cache.get_or_guard_async("four").await.expect_err("absent").insert(4);
    /// assert_eq!(cache.get_or_guard_async("four").await.expect("inserted"), 4);
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// The guard, if this caller is to load the value.
    ///
    /// # Panics
    ///
    /// As for [`get_or_guard`](Cache::get_or_guard).
    pub fn get_or_guard_async(
        &self,
        key: K,
    ) -> impl Future<Output = Result<V, LoadGuard<K, V, S>>> {
        Guarded::new(self, OwnedKey(key), |_: &V| true)
    }

    /// [`get_or_guard_if`](Cache::get_or_guard_if) as a future, which waits without blocking.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::Cache::new(10);
    /// cache.insert("four", 3);
    /// let guard = cache.get_or_guard_if_async("four", |four| *four == 4).await.unwrap_err();
    /// assert_eq!(guard.old_value(), Some(&3));
    /// guard.insert(4);
    /// assert_eq!(cache.get("four"), Some(4));
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`get_or_guard_if`](Cache::get_or_guard_if).
    ///
    /// # Panics
    ///
    /// As for [`get_or_guard_if`](Cache::get_or_guard_if).
    pub fn get_or_guard_if_async(
        &self,
        key: K,
        accept: impl Fn(&V) -> bool,
    ) -> impl Future<Output = Result<V, LoadGuard<K, V, S>>> {
        Guarded::new(self, OwnedKey(key), accept)
    }
}

/// A value, or a guard to load it.
pub(crate) type Found<K, V, S> = Result<V, LoadGuard<K, V, S>>;

/// A key `W` whose value is sought, if `P` accepts it, or a guard for it.
pub(crate) struct Guarded<'c, K, V, S, W, P>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    W: Wanted<K>,
    P: Fn(&V) -> bool,
{
    seeking: Seeking<'c, Accepting<'c, K, V, S, W, P>>,
}

type Accepting<'c, K, V, S, W, P> = Ask<&'c Cache<K, V, S>, K, V, ByHand, W, P>;

// No field is pinned.
impl<K, V, S, W, P> Unpin for Guarded<'_, K, V, S, W, P>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    W: Wanted<K>,
    P: Fn(&V) -> bool,
{
}

impl<'c, K, V, S, W, P> Guarded<'c, K, V, S, W, P>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    W: Wanted<K>,
    P: Fn(&V) -> bool,
{
    /// Creates a request that looks the key up first.
    fn new(cache: &'c Cache<K, V, S>, key: W, accept: P) -> Self {
        Self { seeking: Seeking::new(Ask::accepting(cache, key, accept)) }
    }

    /// Creates a request whose caller has looked the key up.
    #[cfg(feature = "manager")]
    pub(crate) fn of_absent(cache: &'c Cache<K, V, S>, key: W, accept: P) -> Self {
        Self { seeking: Seeking::of_absent(Ask::accepting(cache, key, accept)) }
    }

    /// Waits in this thread, if there is a load to wait for.
    pub(crate) fn wait(mut self) -> Found<K, V, S> {
        let joined = self.seeking.wait(self.seeking.request.cache.engine());
        self.found(joined)
    }

    fn found(&self, joined: Joined<'c, Accepting<'c, K, V, S, W, P>>) -> Found<K, V, S> {
        match joined {
            Joined::Done(value) => Ok(value),
            Joined::Lead(lead) => Err(LoadGuard::new(self.seeking.request.cache, lead)),
            Joined::Alone(alone) => match alone {},
        }
    }
}

impl<K, V, S, W, P> Future for Guarded<'_, K, V, S, W, P>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    W: Wanted<K>,
    P: Fn(&V) -> bool,
{
    type Output = Found<K, V, S>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let joined = ready!(this.seeking.poll(this.seeking.request.cache.engine(), context));
        Poll::Ready(this.found(joined))
    }
}
