//! Loads in tasks of their own.

use super::{
    KeyOf, View, ViewEntrySelector,
    lazy::{Followed, FoundOr, Lazy},
    loads::{Answer, Kind, Loaded},
};
use crate::{
    Entry,
    loading::{Always, Detached, Fallible, Optional, Question, assert_spawner, polling::Map},
    manager::entries::value::StoredValue,
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
/// These behave as [`Cache::get_with_detached`](crate::Cache::get_with_detached) and its variants:
/// the loader runs to its end in a task of its own, also if all waiting callers are dropped. The
/// spawner is the [manager's](crate::manager::CacheManagerBuilder::spawner). The task holds a
/// handle of the cache.
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
    /// At the call, if the manager has no spawner. Later, if `init` panics or loads the same key.
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
    /// The error that `init` returns, or the `init` of the caller whose load this one waited for.
    /// Then nothing is stored.
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

    /// [`get_with_detached`](View::get_with_detached) with a loader that may return `None`, which is
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
        let spawner = assert_spawner(&self.entries);
        Lazy::new(init, move |init| {
            let query = self.query(key);
            if let Some(value) = self.get_held(query, |held| held.value.clone()) {
                return FoundOr::Found { answer: Some(A::found(value)) };
            }
            let (view, key_bytes) = (self.clone(), query.bytes());
            let init = Lazy::new((init, view), move |(init, view): (F, View<V, T>)| {
                let timer = view.timer();
                Map::new(Followed::new(init, view.span(), A::load_outcome), move |loaded| {
                    A::store(loaded, |value| view.stored(key_bytes, value, timer.stop().by_clock))
                })
            });
            let (engine, seeking) = (self.entries.engine(), self.seeking::<A, _>(query));
            let detached = Detached::new(engine, spawner, seeking, init);
            FoundOr::Else { future: Map::new(detached, |answer| A::taken(&answer)) }
        })
    }
}

/// # In tasks
///
/// Like the methods of the same names with `_async`, with loads as by
/// [`get_with_detached`](View::get_with_detached).
impl<Q, V, T> ViewEntrySelector<'_, Q, V, T>
where
    Q: KeyOf<T> + ?Sized,
    V: Clone + Send + Sync + 'static,
    T: 'static,
{
    /// Returns the key's entry; inserts the output of `init` first if the key is absent. Otherwise
    /// `init` is not polled.
    ///
    /// # Panics
    ///
    /// At the call, if the manager has no spawner. Later, if `init` panics or loads the same key.
    pub fn or_insert_with_detached<F>(self, init: F) -> impl Future<Output = Entry<Q::Stored, V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let (Self { view, key }, mark) = (self, LoadedHere::default());
        let init = mark.on(init, |_| true);
        Map::new(view.get_with_detached(key, init), move |value| mark.entry(key.to_stored(), value))
    }

    /// Returns the key's entry; inserts the output of `init` first if the key is absent and the
    /// output is `Ok`.
    ///
    /// # Errors
    ///
    /// The error that `init` returns, or the `init` of the caller whose load this one waited for.
    ///
    /// # Panics
    ///
    /// As for [`or_insert_with_detached`](Self::or_insert_with_detached).
    pub fn or_try_insert_with_detached<E, F>(
        self,
        init: F,
    ) -> impl Future<Output = Result<Entry<Q::Stored, V>, Arc<E>>>
    where
        E: Send + Sync + 'static,
        F: Future<Output = Result<V, E>> + Send + 'static,
    {
        let (Self { view, key }, mark) = (self, LoadedHere::default());
        let init = mark.on(init, Result::is_ok);
        Map::new(view.try_get_with_detached(key, init), move |answer| {
            answer.map(|value| mark.entry(key.to_stored(), value))
        })
    }

    /// Returns the key's entry; inserts the output of `init` first if the key is absent and the
    /// output is `Some`.
    ///
    /// # Panics
    ///
    /// As for [`or_insert_with_detached`](Self::or_insert_with_detached).
    pub fn or_optionally_insert_with_detached<F>(
        self,
        init: F,
    ) -> impl Future<Output = Option<Entry<Q::Stored, V>>>
    where
        F: Future<Output = Option<V>> + Send + 'static,
    {
        let (Self { view, key }, mark) = (self, LoadedHere::default());
        let init = mark.on(init, Option::is_some);
        Map::new(view.optionally_get_with_detached(key, init), move |answer| {
            answer.map(|value| mark.entry(key.to_stored(), value))
        })
    }
}

/// Whether the caller's own loader has returned the value.
#[derive(Default)]
struct LoadedHere(Arc<AtomicBool>);

impl LoadedHere {
    /// Wraps the loader, so that it notes whether it has returned a value.
    fn on<F: Future, T: FnOnce(&F::Output) -> bool>(
        &self,
        init: F,
        is_value: T,
    ) -> impl Future<Output = F::Output> + use<F, T> {
        let mark = Arc::clone(&self.0);
        Map::new(init, move |loaded| {
            // Relaxed: the answer is handed over after this store and before the load.
            mark.store(is_value(&loaded), Relaxed);
            loaded
        })
    }

    fn entry<K, V>(&self, key: K, value: V) -> Entry<K, V> {
        Entry::new(key, value, self.0.load(Relaxed))
    }
}
