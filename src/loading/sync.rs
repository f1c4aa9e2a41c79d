//! Loads in threads.

use super::{
    driver::{Lookup, Seeking, load, run, without},
    question::{Always, Ask, ByRef, Fallible, Optional, OwnedKey, Question, Wanted},
};
use crate::Cache;
use equivalent::Equivalent;
use std::{
    hash::{BuildHasher, Hash},
    sync::Arc,
};

/// # Loading
///
/// These return a value, and load it if it is absent: *one load per key at a time*. Callers that
/// arrive while their key is being loaded, threads and futures alike, wait for that load and share
/// its outcome. If the loader panics, or the future that runs it is dropped, one of the waiting
/// callers runs its own loader, and the others go on waiting. A hit costs what [`get`](Cache::get)
/// costs; a caller that waits counts as a miss.
///
/// - A write of the key while it is loaded wins: [`insert`](Cache::insert), [`add`](Cache::add),
///   [`remove`](Cache::remove), [`invalidate`](Cache::invalidate),
///   [`invalidate_all`](Cache::invalidate_all), and a [computation](crate::EntrySelector) that
///   changes the key. Callers that load or wait at that time still get the loaded value, but it is
///   not stored, and later callers do not get it. Writers do not wait.
/// - A loader may use the cache, and load other keys. A loader that loads *its own* key panics
///   instead of waiting for itself, if it does so in its own thread or future. Loaders in different
///   threads that wait for each other's keys wait forever.
/// - The loader runs in the caller, without a lock and without pinning. Its panic goes on in its
///   caller.
/// - Different questions about one key share a load if its outcome answers them. `try_get_with`
///   cannot use the error of a type that is not its own, nor `get_with` an error or a `None`: they
///   load again.
/// - An old value may be loaded again while it is returned to other callers: see
///   [`refresh_after`](crate::CacheBuilder::refresh_after) and
///   [`early_refresh`](crate::CacheBuilder::early_refresh).
/// - Keys are cloned, or made from their borrowed form, once or twice per load.
impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// Returns the value of a key; if the key is absent, stores and returns what `init` returns.
    /// O(1), and the time of `init` or of another caller's load.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// assert_eq!(cache.get_with("four", || 2 + 2), 4);
    /// assert_eq!(cache.get_with("four", || unreachable!("it is there")), 4);
    ///
    /// // Four threads, one load.
    /// std::thread::scope(|scope| {
    ///     for thread in 0..4 {
    ///         let cache = &cache;
    ///         scope.spawn(move || cache.get_with("thread", || thread));
    ///     }
    /// });
    /// assert_eq!(cache.stats().loads, 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    #[inline]
    pub fn get_with(&self, key: K, init: impl FnOnce() -> V) -> V {
        self.ask::<Always>(OwnedKey(key), init)
    }

    /// [`get_with`](Cache::get_with) with a borrowed key, which is made owned only if it is absent.
    ///
    /// ```
    /// let cache: larder::Cache<String, usize> = larder::Cache::new(10);
    /// assert_eq!(cache.get_with_by_ref("four", || "four".len()), 4);
    /// assert_eq!(cache.get("four"), Some(4));
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    #[inline]
    pub fn get_with_by_ref<Q>(&self, key: &Q, init: impl FnOnce() -> V) -> V
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
    {
        self.ask::<Always>(ByRef(key), init)
    }

    /// [`get_with`](Cache::get_with) with a loader that may fail.
    ///
    /// # Errors
    ///
    /// The error that `init` returns, or the `init` of the caller whose load this one waited for,
    /// if its error has the same type. Then nothing is stored, and the next call loads again.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// let parse = |text: &'static str| cache.try_get_with(text, || text.parse::<u32>());
    /// assert_eq!(parse("12"), Ok(12));
    /// assert!(parse("twelve").unwrap_err().to_string().contains("invalid digit"));
    /// assert_eq!(cache.get("twelve"), None);
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    #[inline]
    pub fn try_get_with<E>(&self, key: K, init: impl FnOnce() -> Result<V, E>) -> Result<V, Arc<E>>
    where
        E: Send + Sync + 'static,
    {
        self.ask::<Fallible<E>>(OwnedKey(key), init)
    }

    /// [`try_get_with`](Cache::try_get_with) with a borrowed key, which is made owned only if it is
    /// absent.
    ///
    /// # Errors
    ///
    /// As for [`try_get_with`](Cache::try_get_with).
    ///
    /// ```
    /// let cache: larder::Cache<String, u32> = larder::Cache::new(10);
    /// assert_eq!(cache.try_get_with_by_ref("12", || "12".parse::<u32>()), Ok(12));
    /// assert_eq!(cache.get("12"), Some(12));
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    #[inline]
    pub fn try_get_with_by_ref<Q, E>(
        &self,
        key: &Q,
        init: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, Arc<E>>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
        E: Send + Sync + 'static,
    {
        self.ask::<Fallible<E>>(ByRef(key), init)
    }

    /// [`get_with`](Cache::get_with) with a loader that may return `None`. All callers that waited
    /// for it get `None` as well; it is not stored, so the next call loads again.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// let first = |word: &'static str| cache.optionally_get_with(word, || word.chars().next());
    /// assert_eq!((first("larder"), first("")), (Some('l'), None));
    /// assert_eq!(cache.entry_count(), 1);
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    #[inline]
    pub fn optionally_get_with(&self, key: K, init: impl FnOnce() -> Option<V>) -> Option<V> {
        self.ask::<Optional>(OwnedKey(key), init)
    }

    /// [`optionally_get_with`](Cache::optionally_get_with) with a borrowed key, which is made owned
    /// only if it is absent.
    ///
    /// ```
    /// let cache: larder::Cache<String, char> = larder::Cache::new(10);
    /// assert_eq!(cache.optionally_get_with_by_ref("one", || "one".chars().next()), Some('o'));
    /// assert_eq!(cache.get("one"), Some('o'));
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads the same key.
    #[inline]
    pub fn optionally_get_with_by_ref<Q>(
        &self,
        key: &Q,
        init: impl FnOnce() -> Option<V>,
    ) -> Option<V>
    where
        Q: ToOwned<Owned = K> + Hash + Equivalent<K> + ?Sized,
    {
        self.ask::<Optional>(ByRef(key), init)
    }

    #[inline]
    fn ask<A: Question<V>>(
        &self,
        key: impl Wanted<K>,
        init: impl FnOnce() -> A::Loaded,
    ) -> A::Answer {
        if self.engine().refreshes() {
            return self.ask_aged::<A>(key, init);
        }
        match self.get(key.borrowed()) {
            Some(value) => without((key, init), A::found(value)),
            None => self.load::<A>(key, init),
        }
    }

    #[inline(never)]
    fn ask_aged<A: Question<V>>(
        &self,
        key: impl Wanted<K>,
        init: impl FnOnce() -> A::Loaded,
    ) -> A::Answer {
        match self.lookup(self.engine(), &key) {
            Lookup::Found(value) => without((key, init), A::found(value)),
            Lookup::Absent => self.load::<A>(key, init),
            Lookup::Old(lead) => run(Ask::<_, K, V, A, _>::new(self, key), lead, init),
        }
    }

    /// Answers a question about a key that was looked up and not found.
    #[cold]
    #[inline(never)]
    pub(crate) fn load<A: Question<V>>(
        &self,
        key: impl Wanted<K>,
        init: impl FnOnce() -> A::Loaded,
    ) -> A::Answer {
        let ask = Ask::<_, K, V, A, _>::new(self, key);
        load(self.engine(), Seeking::of_absent(ask), init)
    }
}
