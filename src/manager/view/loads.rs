//! Loads by closures and futures, one per key at a time.

use super::{
    KeyOf, View,
    lazy::{Followed, FoundOr, Lazy},
};
use crate::{
    engine::load::fill::LoadTimer,
    loading::{Always, Ask, Asking, Fallible, Optional, Question, Seeking, polling::Map},
    manager::{
        entries::{
            key::{LoadRequest, Query, StoredKey},
            value::StoredValue,
        },
        managed_cache::cache::Entries,
        observability::telemetry::{LoadSpan, LoadStatus},
    },
};
use std::{future::Future, sync::Arc};

/// # Loading
///
/// These behave as [`Cache::get_with`](crate::Cache::get_with) and its variants: one load per key
/// runs at a time, shared by threads and futures, and a write of the key during the load wins. If
/// the namespace moves on to its next version during a load, the value is stored in the old
/// version, where no lookup finds it.
impl<V: Clone + Send + Sync + 'static, T> View<V, T> {
    /// Returns the value of a key; if the key is absent, stores and returns what `init` returns.
    /// O(1), and the time of `init` or of another caller's load.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let reports = CacheManager::new().view::<u64>(CacheKind::Analytics);
    /// assert_eq!(reports.get_with("clicks of May", || 2 + 2), 4);
    /// assert_eq!(reports.get_with("clicks of May", || unreachable!("it is there")), 4);
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    #[inline]
    pub fn get_with<Q: KeyOf<T> + ?Sized>(&self, key: &Q, init: impl FnOnce() -> V) -> V {
        let query = self.query(key);
        match self.get_held(query, |held| held.value.clone()) {
            Some(value) => value,
            None => self.load::<Always, _>(query, init),
        }
    }

    /// [`get_with`](View::get_with) with a loader that may fail.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let numbers = CacheManager::new().view::<u32>(CacheKind::General);
    /// let parse = |text: &str| numbers.try_get_with(text, || text.parse());
    /// assert_eq!(parse("12"), Ok(12));
    /// assert!(parse("twelve").is_err());
    /// assert_eq!((numbers.contains_key("12"), numbers.contains_key("twelve")), (true, false));
    /// ```
    ///
    /// # Errors
    ///
    /// The error that `init` returns, or the `init` of the caller whose load this one waited for.
    /// Then nothing is stored.
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    #[inline]
    pub fn try_get_with<Q, E>(
        &self,
        key: &Q,
        init: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, Arc<E>>
    where
        Q: KeyOf<T> + ?Sized,
        E: Send + Sync + 'static,
    {
        let query = self.query(key);
        match self.get_held(query, |held| held.value.clone()) {
            Some(value) => Ok(value),
            None => self.load::<Fallible<E>, _>(query, init),
        }
    }

    /// [`get_with`](View::get_with) with a loader that may return `None`, which is not stored.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let firsts = CacheManager::new().view::<char>(CacheKind::General);
    /// let first = |word: &str| firsts.optionally_get_with(word, || word.chars().next());
    /// assert_eq!((first("larder"), first("")), (Some('l'), None));
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    #[inline]
    pub fn optionally_get_with<Q: KeyOf<T> + ?Sized>(
        &self,
        key: &Q,
        init: impl FnOnce() -> Option<V>,
    ) -> Option<V> {
        let query = self.query(key);
        let found = self.get_held(query, |held| held.value.clone());
        found.or_else(|| self.load::<Optional, _>(query, init))
    }

    /// [`get_with`](View::get_with) with a future, which is polled only if the key is absent.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// # futures::executor::block_on(async {
    /// let reports = CacheManager::new().view::<u64>(CacheKind::Analytics);
    /// assert_eq!(reports.get_with_async("clicks", async { 2 + 2 }).await, 4);
    /// assert_eq!(reports.get_with_async("clicks", async { unreachable!() }).await, 4);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn get_with_async<Q: KeyOf<T> + ?Sized>(
        &self,
        key: &Q,
        init: impl Future<Output = V>,
    ) -> impl Future<Output = V> {
        self.ask_async::<Always, _>(key, init)
    }

    /// [`try_get_with`](View::try_get_with) with a future.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// # futures::executor::block_on(async {
    /// let numbers = CacheManager::new().view::<u32>(CacheKind::General);
    /// assert_eq!(numbers.try_get_with_async("12", async { "12".parse() }).await, Ok(12));
    /// assert!(numbers.try_get_with_async("", async { "".parse() }).await.is_err());
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`try_get_with`](View::try_get_with).
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn try_get_with_async<Q, E>(
        &self,
        key: &Q,
        init: impl Future<Output = Result<V, E>>,
    ) -> impl Future<Output = Result<V, Arc<E>>>
    where
        Q: KeyOf<T> + ?Sized,
        E: Send + Sync + 'static,
    {
        self.ask_async::<Fallible<E>, _>(key, init)
    }

    /// [`optionally_get_with`](View::optionally_get_with) with a future.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// # futures::executor::block_on(async {
    /// let firsts = CacheManager::new().view::<char>(CacheKind::General);
    /// assert_eq!(firsts.optionally_get_with_async("", async { None }).await, None);
    /// assert_eq!(firsts.optionally_get_with_async("", async { Some('?') }).await, Some('?'));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    pub fn optionally_get_with_async<Q: KeyOf<T> + ?Sized>(
        &self,
        key: &Q,
        init: impl Future<Output = Option<V>>,
    ) -> impl Future<Output = Option<V>> {
        self.ask_async::<Optional, _>(key, init)
    }

    fn ask_async<A: Kind<V>, Q: KeyOf<T> + ?Sized>(
        &self,
        key: &Q,
        init: impl Future<Output = Loaded<A, V>>,
    ) -> impl Future<Output = Answer<A, V>> {
        Lazy::new(init, move |init| {
            let query = self.query(key);
            if let Some(value) = self.get_held(query, |held| held.value.clone()) {
                return FoundOr::Found { answer: Some(A::found(value)) };
            }
            let init = Lazy::new(init, move |init| {
                let timer = self.timer();
                Map::new(Followed::new(init, self.span(), A::load_outcome), move |loaded| {
                    A::store(loaded, |value| {
                        self.stored(query.bytes(), value, timer.stop().by_clock)
                    })
                })
            });
            let asking = Asking::new(self.entries.engine(), self.seeking::<A, _>(query), init);
            FoundOr::Else { future: Map::new(asking, |answer| A::taken(&answer)) }
        })
    }

    pub(super) fn span(&self) -> LoadSpan {
        LoadSpan::new(&self.cache, None, self.options.time.given_ttl())
    }

    pub(super) fn timer(&self) -> LoadTimer {
        LoadTimer::start(&self.entries.engine().lifetimes().clock)
    }

    pub(super) fn request<'v, 'q, Q: KeyOf<T> + ?Sized>(
        &'v self,
        query: Query<'q, Q, V>,
    ) -> LoadRequest<'v, 'q, Q, V> {
        LoadRequest { query, options: &self.options }
    }

    /// A request for a key that was looked up and not found.
    pub(super) fn seeking<'v, 'q, A: Kind<V>, Q: KeyOf<T> + ?Sized>(
        &'v self,
        query: Query<'q, Q, V>,
    ) -> Seeking<'v, ViewAsk<'v, 'q, A, Q, V>> {
        Seeking::of_absent(Ask::new(&self.entries, self.request(query)))
    }

    #[cold]
    #[inline(never)]
    fn load<A: Kind<V>, Q: KeyOf<T> + ?Sized>(
        &self,
        query: Query<'_, Q, V>,
        init: impl FnOnce() -> Loaded<A, V>,
    ) -> Answer<A, V> {
        let init = || {
            let timer = self.timer();
            let loaded = self.span().run(init, A::load_outcome);
            A::store(loaded, |value| self.stored(query.bytes(), value, timer.stop().by_clock))
        };
        A::taken(&self.entries.load::<A>(self.request(query), init))
    }
}

/// A question about a view's key, as one about that of its cache.
pub(super) type ViewAsk<'v, 'q, A, Q, V> =
    Ask<&'v Entries, StoredKey, StoredValue, A, LoadRequest<'v, 'q, Q, V>>;
pub(super) type Loaded<A, V> = <A as Question<V>>::Loaded;
pub(super) type Answer<A, V> = <A as Question<V>>::Answer;

/// A kind of load of values of a view, in terms of the values that its cache stores.
pub(super) trait Kind<V>: Question<V> + Question<StoredValue> {
    fn load_outcome(loaded: &Loaded<Self, V>) -> LoadStatus;

    /// Converts a loader's result into the form that the cache stores.
    fn store(
        loaded: Loaded<Self, V>,
        store: impl FnOnce(V) -> StoredValue,
    ) -> Loaded<Self, StoredValue>;

    /// Converts the cache's answer into the view's.
    fn taken(answer: &Answer<Self, StoredValue>) -> Answer<Self, V>;
}

impl<V: Clone + Send + Sync + 'static> Kind<V> for Always {
    fn load_outcome(_: &V) -> LoadStatus {
        LoadStatus::Loaded
    }

    fn store(loaded: V, store: impl FnOnce(V) -> StoredValue) -> StoredValue {
        store(loaded)
    }

    fn taken(answer: &StoredValue) -> V {
        View::<V>::value_of(answer)
    }
}

impl<V: Clone + Send + Sync + 'static> Kind<V> for Optional {
    fn load_outcome(loaded: &Option<V>) -> LoadStatus {
        LoadStatus::of_option(loaded)
    }

    fn store(loaded: Option<V>, store: impl FnOnce(V) -> StoredValue) -> Option<StoredValue> {
        loaded.map(store)
    }

    fn taken(answer: &Option<StoredValue>) -> Option<V> {
        answer.as_ref().map(View::<V>::value_of)
    }
}

impl<V, E> Kind<V> for Fallible<E>
where
    V: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    fn load_outcome(loaded: &Result<V, E>) -> LoadStatus {
        LoadStatus::of_result(loaded)
    }

    fn store(loaded: Result<V, E>, store: impl FnOnce(V) -> StoredValue) -> Result<StoredValue, E> {
        loaded.map(store)
    }

    fn taken(answer: &Result<StoredValue, Arc<E>>) -> Result<V, Arc<E>> {
        answer.as_ref().map(View::<V>::value_of).map_err(Arc::clone)
    }
}
