//! Getting a value or loading it, one load per key at a time.

use super::View;
use crate::{
    engine::{fill::Timer, lifetimes::Span},
    loading::{Always, Fallible, Optional},
    manager::{
        key::{Key, Query, Wish},
        telemetry::{LoadSpan, Outcome},
    },
};
use std::{future::Future, pin::pin, sync::Arc};

/// # Loading
///
/// As [`Cache::get_with`](crate::Cache::get_with) and its kin, and all that is said there holds: one load
/// per key at a time, shared by threads and futures; and a write of the key while it is loaded wins. What
/// is loaded when the namespace goes on to its next version is stored in the old one, where nobody finds
/// it.
impl<V: Clone + Send + Sync + 'static> View<V> {
    /// The value of a key; if it is absent, what `init` returns, which is then stored. O(1), and `init` or
    /// waiting for somebody else's.
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
    /// If `init` does, or loads the same key.
    #[inline]
    pub fn get_with<Q: Key + ?Sized>(&self, key: &Q, init: impl FnOnce() -> V) -> V {
        let query = self.query(key);
        match self.look(query, |held| held.value.clone()) {
            Some(value) => value,
            None => self.load(query, init),
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
    /// assert_eq!((numbers.has_key("12"), numbers.has_key("twelve")), (true, false));
    /// ```
    ///
    /// # Errors
    ///
    /// What `init` returns: its caller's, and that of all who waited for it. Nothing is stored then.
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    #[inline]
    pub fn try_get_with<Q, E>(
        &self,
        key: &Q,
        init: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, Arc<E>>
    where
        Q: Key + ?Sized,
        E: Send + Sync + 'static,
    {
        let query = self.query(key);
        match self.look(query, |held| held.value.clone()) {
            Some(value) => Ok(value),
            None => self.try_load(query, init),
        }
    }

    /// [`get_with`](View::get_with) with a loader that may have nothing: that is not stored.
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
    /// If `init` does, or loads the same key.
    #[inline]
    pub fn optionally_get_with<Q: Key + ?Sized>(
        &self,
        key: &Q,
        init: impl FnOnce() -> Option<V>,
    ) -> Option<V> {
        let query = self.query(key);
        let found = self.look(query, |held| held.value.clone());
        found.or_else(|| self.optionally_load(query, init))
    }

    /// [`get_with`](View::get_with) with a future, which is not polled if it is not needed.
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
    /// If `init` does, or loads the same key.
    pub async fn get_with_async<Q: Key + ?Sized>(
        &self,
        key: &Q,
        init: impl Future<Output = V>,
    ) -> V {
        // Each function that it was moved through would make the future larger by it.
        let init = pin!(init);
        let query = self.query(key);
        if let Some(value) = self.look(query, |held| held.value.clone()) {
            return value;
        }
        let init = async {
            let timer = self.timer();
            let value = self.span().follow(init, |_| Outcome::Loaded).await;
            self.stored(query, value, timer.stop().by_clock)
        };
        Self::value_of(&self.entries.load_async::<Always>(self.wish(query), init).await)
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
    /// As there.
    ///
    /// # Panics
    ///
    /// If `init` does, or loads the same key.
    pub async fn try_get_with_async<Q, E>(
        &self,
        key: &Q,
        init: impl Future<Output = Result<V, E>>,
    ) -> Result<V, Arc<E>>
    where
        Q: Key + ?Sized,
        E: Send + Sync + 'static,
    {
        let init = pin!(init);
        let query = self.query(key);
        if let Some(value) = self.look(query, |held| held.value.clone()) {
            return Ok(value);
        }
        let init = async {
            let timer = self.timer();
            let loaded = self.span().follow(init, Outcome::of_result).await;
            loaded.map(|value| self.stored(query, value, timer.stop().by_clock))
        };
        let loaded = self.entries.load_async::<Fallible<E>>(self.wish(query), init).await;
        loaded.as_ref().map(Self::value_of).map_err(Arc::clone)
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
    /// If `init` does, or loads the same key.
    pub async fn optionally_get_with_async<Q: Key + ?Sized>(
        &self,
        key: &Q,
        init: impl Future<Output = Option<V>>,
    ) -> Option<V> {
        let init = pin!(init);
        let query = self.query(key);
        if let Some(value) = self.look(query, |held| held.value.clone()) {
            return Some(value);
        }
        let init = async {
            let timer = self.timer();
            let loaded = self.span().follow(init, Outcome::of_option).await;
            loaded.map(|value| self.stored(query, value, timer.stop().by_clock))
        };
        let loaded = self.entries.load_async::<Optional>(self.wish(query), init).await;
        loaded.as_ref().map(Self::value_of)
    }

    /// What a subscriber is to know of a load.
    fn span(&self) -> LoadSpan {
        let ttl = match self.terms.span {
            Span::For(duration) => Some(duration),
            Span::ByRule | Span::Kept => None,
        };
        LoadSpan::new(&self.cache, None, ttl)
    }

    fn timer(&self) -> Timer {
        Timer::start(&self.entries.engine().lifetimes().clock)
    }

    fn wish<'q, Q: Key + ?Sized>(&self, query: Query<'q, Q, V>) -> Wish<'q, Q, V> {
        self.tend(&self.terms);
        Wish { query, terms: self.terms }
    }

    #[cold]
    #[inline(never)]
    fn load<Q: Key + ?Sized>(&self, query: Query<'_, Q, V>, init: impl FnOnce() -> V) -> V {
        let init = || {
            let timer = self.timer();
            let value = self.span().run(init, |_| Outcome::Loaded);
            self.stored(query, value, timer.stop().by_clock)
        };
        Self::value_of(&self.entries.load::<Always>(self.wish(query), init))
    }

    #[cold]
    #[inline(never)]
    fn try_load<Q, E>(
        &self,
        query: Query<'_, Q, V>,
        init: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, Arc<E>>
    where
        Q: Key + ?Sized,
        E: Send + Sync + 'static,
    {
        let init = || {
            let timer = self.timer();
            let loaded = self.span().run(init, Outcome::of_result);
            loaded.map(|value| self.stored(query, value, timer.stop().by_clock))
        };
        let loaded = self.entries.load::<Fallible<E>>(self.wish(query), init);
        loaded.as_ref().map(Self::value_of).map_err(Arc::clone)
    }

    #[cold]
    #[inline(never)]
    fn optionally_load<Q: Key + ?Sized>(
        &self,
        query: Query<'_, Q, V>,
        init: impl FnOnce() -> Option<V>,
    ) -> Option<V> {
        let init = || {
            let timer = self.timer();
            let loaded = self.span().run(init, Outcome::of_option);
            loaded.map(|value| self.stored(query, value, timer.stop().by_clock))
        };
        let loaded = self.entries.load::<Optional>(self.wish(query), init);
        loaded.as_ref().map(Self::value_of)
    }
}
