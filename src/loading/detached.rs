//! Loading in tasks of their own, which callers wait for.
//!
//! The caller that gets the lead of a load hands it, with its loader, to a task
//! (`engine/handed.rs`), and follows that through a slot (`detached/slot.rs`). It is none of those
//! who wait at the flight, since it could not take over: its loader is gone. The task ends in one
//! of three ways, and all others who wait hear of it by the flight:
//!
//! - The loader has ended: its outcome is stored and landed, and the answer goes into the slot.
//! - The loader has panicked: the flight is abandoned, and the panic goes on in the caller, if it
//!   is still there.
//! - The task is dropped, by its runtime or by the spawner: the flight is abandoned, and the loader
//!   goes back to the caller, which asks anew and runs it in place, should it lead again.

pub(crate) mod slot;
mod task;

use super::{
    Always, Asking, ByRef, Fallible, Inquiry, Optional, Own, Question, Wanted, seeking::Seeking,
    without,
};
use crate::Cache;
use equivalent::Equivalent;
use pin_project_lite::pin_project;
use slot::End;
use std::{
    future::Future,
    hash::{BuildHasher, Hash},
    mem,
    ops::ControlFlow,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use task::{AnswerSlot, Task};

/// # Loading in tasks
///
/// A future of [`get_with_async`](Cache::get_with_async) that loads runs its loader itself: if it
/// is kept and not polled any more, all others wait; if it is dropped, because a client went away,
/// the load is lost. The methods with `_detached` have the [spawner](crate::CacheBuilder::spawner)
/// of the cache run the loader, in a task of its own, to its end. Their futures only wait: to drop
/// them affects neither the load nor its other waiters.
///
/// - Loads are shared with those of all other methods. A caller that waits for a load run by a
///   future of `get_with_async` waits for that future.
/// - The loader is `Send + 'static`, and so are key and value. Captures have to be moved into it
///   (`async move`).
/// - A task whose loader panics ends; the panic goes on in the caller that has brought the loader,
///   if that still waits, and one of the others loads in its place. A task that is dropped, as a
///   runtime does that shuts down, gives its loader back to that caller, which runs it itself
///   unless another caller loads.
/// - A write of the key wins over the load, as over any. A cache ends with its last handle: then
///   what was loaded is dropped.
/// - The task is inside no span of the caller's, and no task-local value of its runtime is set.
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
    /// // A client that goes away, perhaps when its load has begun; then the load goes on.
    /// let handle = cache.clone();
    /// let load = async move { handle.get_with_detached("four", async { 2 + 2 }).await };
    /// tokio::spawn(load).abort();
    /// assert_eq!(cache.get_with_detached("four", async { 4 }).await, 4);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If the cache has no spawner; at the call. If `init` does, or loads the same key.
    pub fn get_with_detached<F>(&self, key: K, init: F) -> impl Future<Output = V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        Detached::<_, _, _, Always, _, _>::new(self, Own(key), init)
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
        Detached::<_, _, _, Always, _, _>::new(self, ByRef(key), init)
    }

    /// [`get_with_detached`](Cache::get_with_detached) with a loader that may fail.
    ///
    /// # Errors
    ///
    /// What `init` returns: its caller's, and that of all who waited for it with an error of the
    /// same type. Nothing is stored then.
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
    /// As [`get_with_detached`](Cache::get_with_detached).
    pub fn try_get_with_detached<E, F>(
        &self,
        key: K,
        init: F,
    ) -> impl Future<Output = Result<V, Arc<E>>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        Detached::<_, _, _, Fallible<E>, _, _>::new(self, Own(key), init)
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
    /// As [`get_with_detached`](Cache::get_with_detached).
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
        Detached::<_, _, _, Fallible<E>, _, _>::new(self, ByRef(key), init)
    }

    /// [`get_with_detached`](Cache::get_with_detached) with a loader that may have nothing, which
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
        Detached::<_, _, _, Optional, _, _>::new(self, Own(key), init)
    }

    /// [`optionally_get_with_detached`](Cache::optionally_get_with_detached) with a borrowed key,
    /// which is made owned only if it is absent.
    ///
    /// # Panics
    ///
    /// As [`get_with_detached`](Cache::get_with_detached).
    pub fn optionally_get_with_by_ref_detached<Q, F>(
        &self,
        key: &Q,
        init: F,
    ) -> impl Future<Output = Option<V>>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
        F: Future<Output = Option<V>> + Send + 'static,
    {
        Detached::<_, _, _, Optional, _, _>::new(self, ByRef(key), init)
    }
}

pin_project! {
    /// A question of kind `A` about a key `W`, with a loader `F` for the answer that runs in a
    /// task.
    pub(crate) struct Detached<'c, K, V, S, A, W, F>
    where
        A: Question<V>,
    {
        // Nothing in it is pinned: the loader is not polled before it is in a box.
        stage: Stage<'c, K, V, S, A, W, F>,
        is_fresh: bool,
    }
}

enum Stage<'c, K, V, S, A: Question<V>, W, F> {
    Seeking(Seeking<'c, K, V, S, W>, F),
    /// The loader is with a task.
    Following(AnswerSlot<A::Answer, F>, &'c Cache<K, V, S>, W),
    /// The task has come to nothing.
    InPlace(Asking<'c, K, V, S, A, W, Pin<Box<F>>>),
    Over,
}

impl<'c, K, V, S, A, W, F> Detached<'c, K, V, S, A, W, F>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    A: Question<V>,
    W: Wanted<K>,
{
    /// Looks the key up first.
    pub(crate) fn new(cache: &'c Cache<K, V, S>, key: W, init: F) -> Self {
        assert_spawner(cache);
        Self { stage: Stage::Seeking(Seeking::new(cache, key), init), is_fresh: false }
    }

    /// The caller has looked the key up.
    #[cfg(feature = "manager")]
    pub(crate) fn of_absent(cache: &'c Cache<K, V, S>, key: W, init: F) -> Self {
        assert_spawner(cache);
        Self { stage: Stage::Seeking(Seeking::of_absent(cache, key), init), is_fresh: false }
    }
}

/// Panics if loads of the cache cannot be detached.
pub(crate) fn assert_spawner<K, V, S>(cache: &Cache<K, V, S>) {
    assert!(
        cache.spawner().is_some(),
        "a detached load needs a spawner, and the cache has none: say `.spawner(..)` to its builder, \
         or call the method with `_async`"
    );
}

impl<K, V, S, A, W, F> Future for Detached<'_, K, V, S, A, W, F>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    S: BuildHasher,
    A: Question<V, Answer: Send> + 'static,
    W: Wanted<K>,
    F: Future<Output = A::Loaded> + Send + 'static,
{
    type Output = A::Answer;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A::Answer> {
        let this = self.project();
        let stage = this.stage;
        loop {
            match mem::replace(stage, Stage::Over) {
                Stage::Seeking(mut seeking, init) => match seeking.poll::<A>(context) {
                    Poll::Pending => {
                        *stage = Stage::Seeking(seeking, init);
                        return Poll::Pending;
                    }
                    Poll::Ready(ControlFlow::Break(answer)) => {
                        return Poll::Ready(without((seeking, init), answer));
                    }
                    Poll::Ready(ControlFlow::Continue(lead)) => {
                        let hash = seeking.hash();
                        let Seeking { cache, key, .. } = seeking;
                        let slot = Task::<K, V, A, F>::start(cache, hash, &key, lead, init);
                        *stage = Stage::Following(slot, cache, key);
                    }
                },
                Stage::Following(slot, cache, key) => match slot.poll(context) {
                    Poll::Pending => {
                        *stage = Stage::Following(slot, cache, key);
                        return Poll::Pending;
                    }
                    Poll::Ready(End::Answer((answer, is_fresh))) => {
                        *this.is_fresh = is_fresh;
                        return Poll::Ready(answer);
                    }
                    Poll::Ready(End::Panic(payload)) => resume_unwind(payload),
                    Poll::Ready(End::Dropped(init)) => {
                        *stage = Stage::InPlace(Asking::new(cache, key, init));
                    }
                },
                Stage::InPlace(mut asking) => {
                    let polled = Pin::new(&mut asking).poll(context);
                    *this.is_fresh = asking.is_fresh();
                    if polled.is_pending() {
                        *stage = Stage::InPlace(asking);
                    }
                    return polled;
                }
                Stage::Over => panic!("a load was polled after its end"),
            }
        }
    }
}

impl<K, V, S, A, W, F> Inquiry for Detached<'_, K, V, S, A, W, F>
where
    K: Hash + Eq,
    V: Clone,
    S: BuildHasher,
    A: Question<V>,
    W: Wanted<K>,
{
    type Key = K;
    type Value = V;
    type Question = A;
    type Wanted = W;

    fn key(&self) -> Option<&W> {
        match &self.stage {
            Stage::Seeking(seeking, _) => Some(&seeking.key),
            Stage::Following(_, _, key) => Some(key),
            Stage::InPlace(asking) => asking.key(),
            Stage::Over => None,
        }
    }

    fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    fn look(self: Pin<&mut Self>) -> Option<(W, V)> {
        let stage = self.project().stage;
        let Stage::Seeking(seeking, _) = stage else { return None };
        let value = seeking.look()?;
        match mem::replace(stage, Stage::Over) {
            Stage::Seeking(seeking, _) => Some((seeking.key, value)),
            _ => unreachable!("as above"),
        }
    }
}
