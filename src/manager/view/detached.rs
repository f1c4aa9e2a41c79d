//! Getting a value or loading it in a task.

use super::{
    KeyOf, View, ViewEntrySelector,
    lazy::{Followed, FoundOr, Lazy},
    loads::{Answer, Kind, Loaded},
};
use crate::{
    Entry,
    loading::{Always, Detached, Fallible, Optional, Question, assert_spawner, polling::Map},
    manager::stored::{Held, StoredValue},
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// # Loading in tasks
///
/// As [`Cache::get_with_detached`](crate::Cache::get_with_detached) and its kin, and all that is
/// said there holds: the loader runs to its end in a task of its own, whatever becomes of those who
/// wait for it. The spawner is the [manager's](crate::manager::CacheManagerBuilder::spawner). The
/// task has a handle of the cache.
impl<V: Clone + Send + Sync + 'static, T: 'static> View<V, T> {
    /// [`get_with_async`](View::get_with_async) with a load in a task of its own.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
    /// let manager = CacheManager::builder().spawner(|load| drop(tokio::spawn(load))).build();
    /// let reports = manager.view::<u64>(CacheKind::Analytics);
    /// assert_eq!(reports.get_with_detached("clicks", async { 2 + 2 }).await, 4);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If the manager has no spawner; at the call. If `init` does, or loads the same key.
    pub fn get_with_detached<Q, F>(&self, key: &Q, init: F) -> impl Future<Output = V>
    where
        Q: KeyOf<T> + ?Sized,
        F: Future<Output = V> + Send + 'static,
    {
        self.ask_detached::<Always, _, _>(key, init)
    }

    /// [`get_with_detached`](View::get_with_detached) with a loader that may fail.
    ///
    /// # Errors
    ///
    /// What `init` returns: its caller's, and that of all that waited for it. Nothing is stored
    /// then.
    ///
    /// # Panics
    ///
    /// As for [`get_with_detached`](View::get_with_detached).
    pub fn try_get_with_detached<Q, E, F>(
        &self,
        key: &Q,
        init: F,
    ) -> impl Future<Output = Result<V, Arc<E>>>
    where
        Q: KeyOf<T> + ?Sized,
        E: Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        self.ask_detached::<Fallible<E>, _, _>(key, init)
    }

    /// [`get_with_detached`](View::get_with_detached) with a loader that may have nothing: that is
    /// not stored.
    ///
    /// # Panics
    ///
    /// As for [`get_with_detached`](View::get_with_detached).
    pub fn optionally_get_with_detached<Q, F>(
        &self,
        key: &Q,
        init: F,
    ) -> impl Future<Output = Option<V>>
    where
        Q: KeyOf<T> + ?Sized,
        F: Future<Output = Option<V>> + Send + 'static,
    {
        self.ask_detached::<Optional, _, _>(key, init)
    }

    fn ask_detached<A, Q, F>(&self, key: &Q, init: F) -> impl Future<Output = Answer<A, V>>
    where
        A: Kind<V> + Question<StoredValue, Answer: Send> + 'static,
        Q: KeyOf<T> + ?Sized,
        F: Future<Output = Loaded<A, V>> + Send + 'static,
    {
        assert_spawner(&self.entries);
        Lazy::new(init, move |init| {
            let query = self.query(key);
            if let Some(value) = self.look(query, |held| held.value.clone()) {
                return FoundOr::Found { answer: Some(A::found(value)) };
            }
            let (view, key_bytes) = (self.clone(), query.bytes());
            let init = Lazy::new((init, view), move |(init, view): (F, View<V, T>)| {
                let timer = view.timer();
                Map::new(Followed::new(init, view.span(), A::load_outcome), move |loaded| {
                    A::store(loaded, |value| {
                        let held = Held { value, times: view.times() };
                        view.stored_with(key_bytes, held, timer.stop().by_clock)
                    })
                })
            });
            let detached =
                Detached::<_, _, _, A, _, _>::of_absent(&self.entries, self.wish(query), init);
            FoundOr::Else { future: Map::new(detached, |answer| A::taken(&answer)) }
        })
    }
}

/// # In tasks
///
/// As the methods of the same name with `_async`, with a load as by
/// [`get_with_detached`](View::get_with_detached).
impl<Q, V, T> ViewEntrySelector<'_, Q, V, T>
where
    Q: KeyOf<T> + ?Sized,
    V: Clone + Send + Sync + 'static,
    T: 'static,
{
    /// The key's entry; if it is absent, the value of `init` is inserted, which is not polled
    /// otherwise.
    ///
    /// # Panics
    ///
    /// If the manager has no spawner; at the call. If `init` does, or loads the same key.
    pub fn or_insert_with_detached<F>(self, init: F) -> impl Future<Output = Entry<Q::Stored, V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let (Self { view, key }, mark) = (self, Fresh::default());
        let init = mark.on(init, |_| true);
        Map::new(view.get_with_detached(key, init), move |value| mark.entry(key.to_stored(), value))
    }

    /// The key's entry; if it is absent, the value of `init` is inserted, unless it is an error.
    ///
    /// # Errors
    ///
    /// What `init` returns: its caller's, and that of all who waited for it.
    ///
    /// # Panics
    ///
    /// As [`or_insert_with_detached`](Self::or_insert_with_detached).
    pub fn or_try_insert_with_detached<E, F>(
        self,
        init: F,
    ) -> impl Future<Output = Result<Entry<Q::Stored, V>, Arc<E>>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        let (Self { view, key }, mark) = (self, Fresh::default());
        let init = mark.on(init, Result::is_ok);
        Map::new(view.try_get_with_detached(key, init), move |answer| {
            answer.map(|value| mark.entry(key.to_stored(), value))
        })
    }

    /// The key's entry; if it is absent, the value of `init` is inserted, if it is any.
    ///
    /// # Panics
    ///
    /// As [`or_insert_with_detached`](Self::or_insert_with_detached).
    pub fn or_optionally_insert_with_detached<F>(
        self,
        init: F,
    ) -> impl Future<Output = Option<Entry<Q::Stored, V>>>
    where
        F: Future<Output = Option<V>> + Send + 'static,
    {
        let (Self { view, key }, mark) = (self, Fresh::default());
        let init = mark.on(init, Option::is_some);
        Map::new(view.optionally_get_with_detached(key, init), move |answer| {
            answer.map(|value| mark.entry(key.to_stored(), value))
        })
    }
}

/// Whether a caller's own loader has brought the value.
#[derive(Default)]
struct Fresh(Arc<AtomicBool>);

impl Fresh {
    /// The loader, which says of itself whether it has brought one.
    fn on<F: Future, T: FnOnce(&F::Output) -> bool>(
        &self,
        init: F,
        is_value: T,
    ) -> impl Future<Output = F::Output> + use<F, T> {
        let mark = Arc::clone(&self.0);
        Map::new(init, move |loaded| {
            // Read after the answer has come, which comes after this.
            mark.store(is_value(&loaded), Relaxed);
            loaded
        })
    }

    fn entry<K, V>(&self, key: K, value: V) -> Entry<K, V> {
        Entry::new(key, value, self.0.load(Relaxed))
    }
}
