//! Loading in futures, of any runtime or none.

use super::{Always, ByRef, Fallible, Optional, Own, Question, Wanted, refresh::Lookup, without};
use crate::{
    Cache,
    engine::{flight::Outcome, refresh::Refresh},
};
use equivalent::Equivalent;
use std::{
    future::{Future, poll_fn},
    hash::{BuildHasher, Hash},
    ops::ControlFlow,
    pin::{Pin, pin},
    sync::Arc,
};

/// # Loading in futures
///
/// As the functions of the same name without `_async`, and sharing loads with them. The futures need
/// no runtime, do nothing until they are polled, are `Send` if their parts are, and may be dropped at
/// any time: if one is dropped while it loads, one of those who wait loads in its place. Only a future
/// that is *kept* and not polled any more keeps others waiting.
///
/// A loader that loads its own key within its own poll panics. One that waits for another task which
/// does so waits forever; and a thread must not wait with [`get_with`](Cache::get_with) for a load that
/// only this thread could poll.
impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// The value of a key; if it is absent, that of `init`, which is then stored. `init` is not polled
    /// if it is not needed.
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
    /// If `init` does, or loads the same key.
    pub async fn get_with_async(&self, key: K, init: impl Future<Output = V>) -> V {
        self.ask_async::<Always>(Own(key), pin!(init)).await
    }

    /// [`get_with_async`](Cache::get_with_async) with a borrowed key, which is made owned only if it is
    /// absent.
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
    /// If `init` does, or loads the same key.
    pub async fn get_with_by_ref_async<Q>(&self, key: &Q, init: impl Future<Output = V>) -> V
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
    {
        self.ask_async::<Always>(ByRef(key), pin!(init)).await
    }

    /// [`get_with_async`](Cache::get_with_async) with a loader that may fail.
    ///
    /// # Errors
    ///
    /// What `init` returns: its caller's, and that of all who waited for it with an error of the same
    /// type. Nothing is stored then; the next call loads again.
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
    /// If `init` does, or loads the same key.
    pub async fn try_get_with_async<E>(
        &self,
        key: K,
        init: impl Future<Output = Result<V, E>>,
    ) -> Result<V, Arc<E>>
    where
        E: Send + Sync + 'static,
    {
        self.ask_async::<Fallible<E>>(Own(key), pin!(init)).await
    }

    /// [`try_get_with_async`](Cache::try_get_with_async) with a borrowed key, which is made owned only
    /// if it is absent.
    ///
    /// # Errors
    ///
    /// As there.
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
    /// If `init` does, or loads the same key.
    pub async fn try_get_with_by_ref_async<Q, E>(
        &self,
        key: &Q,
        init: impl Future<Output = Result<V, E>>,
    ) -> Result<V, Arc<E>>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
        E: Send + Sync + 'static,
    {
        self.ask_async::<Fallible<E>>(ByRef(key), pin!(init)).await
    }

    /// [`get_with_async`](Cache::get_with_async) with a loader that may have nothing. `None` goes to
    /// all who waited for it, too; it is not stored, so the next call asks again.
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
    /// If `init` does, or loads the same key.
    pub async fn optionally_get_with_async(
        &self,
        key: K,
        init: impl Future<Output = Option<V>>,
    ) -> Option<V> {
        self.ask_async::<Optional>(Own(key), pin!(init)).await
    }

    /// [`optionally_get_with_async`](Cache::optionally_get_with_async) with a borrowed key, which is
    /// made owned only if it is absent.
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
    /// If `init` does, or loads the same key.
    pub async fn optionally_get_with_by_ref_async<Q>(
        &self,
        key: &Q,
        init: impl Future<Output = Option<V>>,
    ) -> Option<V>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
    {
        self.ask_async::<Optional>(ByRef(key), pin!(init)).await
    }

    /// `init` comes pinned: each function that it was moved through would make the future larger by it.
    async fn ask_async<A: Question<V>>(
        &self,
        key: impl Wanted<K>,
        init: Pin<&mut impl Future<Output = A::Loaded>>,
    ) -> A::Answer {
        match self.lookup(&key) {
            Lookup::Found(value) => without(key, A::found(value)),
            Lookup::Absent => self.load_async::<A>(key, init).await,
            Lookup::Old(value, refresh) => {
                self.load_anew_async::<A>(key, init, value, refresh).await
            }
        }
    }

    #[cold]
    pub(crate) async fn load_anew_async<A: Question<V>>(
        &self,
        key: impl Wanted<K>,
        init: impl Future<Output = A::Loaded>,
        old: V,
        refresh: Refresh<'_, K, V>,
    ) -> A::Answer {
        let mut init = pin!(init);
        let stopwatch = self.engine().time_load();
        let loaded = poll_fn(|context| {
            let _leading = refresh.leading();
            stopwatch.watch(|| init.as_mut().poll(context))
        })
        .await;
        let outcome = A::outcome(loaded);
        let took = stopwatch.stop(matches!(outcome, Outcome::Error(_)));
        self.refreshed::<A>(key, old, refresh, outcome, took)
    }

    #[cold]
    pub(crate) async fn load_async<A: Question<V>>(
        &self,
        key: impl Wanted<K>,
        init: impl Future<Output = A::Loaded>,
    ) -> A::Answer {
        let hash = self.hash(key.borrowed());
        let mut init = pin!(init);
        let leader = loop {
            let turn = self.board(hash, &key).turn().await;
            match self.next::<A, _>(hash, &key, turn) {
                ControlFlow::Break(answer) => return without(key, answer),
                ControlFlow::Continue(Some(leader)) => break leader,
                ControlFlow::Continue(None) => {}
            }
        };
        let stopwatch = self.engine().time_load();
        let loaded = poll_fn(|context| {
            let _leading = leader.leading();
            stopwatch.watch(|| init.as_mut().poll(context))
        })
        .await;
        let outcome = A::outcome(loaded);
        let took = stopwatch.stop(matches!(outcome, Outcome::Error(_)));
        self.conclude::<A>(hash, key, leader, outcome, took)
    }
}
