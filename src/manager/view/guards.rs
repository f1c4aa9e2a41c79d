//! Loading by hand: a guard instead of a loader.

use super::{
    KeyOf, View,
    lazy::{FoundOr, Lazy},
};
use crate::{
    LoadGuard, LoadOutcome, TooManyTags,
    engine::{invalidate::tags::Tags, ops::insert::EntryOptions},
    loading::{Found, Guarded, polling::Map},
    manager::{
        entries::{
            hashing::{BuildPlaceHasher, Tag},
            key::StoredKey,
            value::StoredValue,
        },
        observability::telemetry::{LoadSpan, LoadStatus},
    },
};
use std::{fmt, future::Future, hash::Hash, time::Duration};

/// # Loading by hand
///
/// These behave as [`Cache::get_or_guard`](crate::Cache::get_or_guard) and its variants: instead of
/// running a loader, they return a guard to the caller that is to load. An entry inserted through a
/// guard lives as long as the view or the cache's settings say, and has the view's tags.
///
/// A guard belongs to the namespace's version at the time of the call: if the namespace has moved
/// on since, the value is stored in the old version, where no lookup finds it.
/// [`ManagedCache::invalidate_tag`](crate::manager::ManagedCache::invalidate_tag) and
/// [`ManagedCache::clear`](crate::manager::ManagedCache::clear) supersede all guards of the cache.
impl<V: Clone + Send + Sync + 'static, T> View<V, T> {
    /// Returns the value of a key, or a guard to load it; blocks the thread while another caller
    /// loads it. O(1), and the time of that load.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let pages = CacheManager::new().view::<String>(CacheKind::Url);
    /// let guard = pages.get_or_guard("/").expect_err("absent");
    /// guard.insert("welcome".to_owned());
    /// assert_eq!(pages.get_or_guard("/").expect("inserted"), "welcome");
    /// ```
    ///
    /// # Errors
    ///
    /// The guard, if this caller is to load the value.
    ///
    /// # Panics
    ///
    /// If the loader of the same key calls it.
    pub fn get_or_guard<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Result<V, ViewGuard<V>> {
        self.get_or_guard_if(key, |_| true)
    }

    /// [`get_or_guard`](View::get_or_guard) with a condition: if `accept` returns false for the
    /// value, the caller gets a guard to replace it.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let pages = CacheManager::new().view::<u32>(CacheKind::Url);
    /// pages.insert("/", 1);
    /// let guard = pages.get_or_guard_if("/", |version| *version >= 2).expect_err("not accepted");
    /// assert_eq!((guard.old_value(), pages.get("/")), (Some(&1), Some(1)));
    /// guard.insert(2);
    /// assert_eq!(pages.get("/"), Some(2));
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`get_or_guard`](View::get_or_guard).
    ///
    /// # Panics
    ///
    /// As for [`get_or_guard`](View::get_or_guard), or if `accept` does.
    pub fn get_or_guard_if<Q: KeyOf<T> + ?Sized>(
        &self,
        key: &Q,
        accept: impl Fn(&V) -> bool,
    ) -> Result<V, ViewGuard<V>> {
        let query = self.query(key);
        if let Some(value) = self.get_held(query, |held| held.value.clone()).filter(&accept) {
            return Ok(value);
        }
        let accept = |stored: &StoredValue| accept(value_in(stored));
        let found = Guarded::of_absent(&self.entries, self.request(query), accept).wait();
        self.guarded(query.bytes(), found)
    }

    /// [`get_or_guard`](View::get_or_guard) as a future, which waits without blocking.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// # futures::executor::block_on(async {
    /// let pages = CacheManager::new().view::<String>(CacheKind::Url);
    /// let guard = pages.get_or_guard_async("/").await.expect_err("absent");
    /// guard.insert("welcome".to_owned());
    /// assert_eq!(pages.get_or_guard_async("/").await.expect("inserted"), "welcome");
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// The guard, if this caller is to load the value.
    ///
    /// # Panics
    ///
    /// As for [`get_or_guard`](View::get_or_guard).
    pub fn get_or_guard_async<Q: KeyOf<T> + ?Sized>(
        &self,
        key: &Q,
    ) -> impl Future<Output = Result<V, ViewGuard<V>>> {
        self.get_or_guard_if_async(key, |_| true)
    }

    /// [`get_or_guard_if`](View::get_or_guard_if) as a future, which waits without blocking.
    ///
    /// # Errors
    ///
    /// As for [`get_or_guard_if`](View::get_or_guard_if).
    ///
    /// # Panics
    ///
    /// As for [`get_or_guard_if`](View::get_or_guard_if).
    pub fn get_or_guard_if_async<Q: KeyOf<T> + ?Sized>(
        &self,
        key: &Q,
        accept: impl Fn(&V) -> bool,
    ) -> impl Future<Output = Result<V, ViewGuard<V>>> {
        Lazy::new(accept, move |accept| {
            let query = self.query(key);
            let found = self.get_held(query, |held| held.value.clone()).filter(&accept);
            if let Some(value) = found {
                return FoundOr::Found { answer: Some(Ok(value)) };
            }
            let accept = move |stored: &StoredValue| accept(value_in(stored));
            let guarded = Guarded::of_absent(&self.entries, self.request(query), accept);
            let future = Map::new(guarded, move |found| self.guarded(query.bytes(), found));
            FoundOr::Else { future }
        })
    }

    fn guarded(
        &self,
        key_bytes: usize,
        found: Found<StoredKey, StoredValue, BuildPlaceHasher>,
    ) -> Result<V, ViewGuard<V>> {
        found.map(|stored| Self::value_of(&stored)).map_err(|load| {
            let (view, span) = (self.with_keys(), self.span());
            ViewGuard(Box::new(Parts { load, span, view, key_bytes }))
        })
    }
}

fn value_in<V: 'static>(stored: &StoredValue) -> &V {
    &stored.held_by_key().value
}

/// The right to load the value of a key of a [`View`], while other callers wait; comes from
/// [`View::get_or_guard`] and its variants. It behaves as a [`LoadGuard`], and also holds a handle
/// of the cache.
#[must_use = "a guard that is dropped abandons its load"]
pub struct ViewGuard<V>(Box<Parts<V>>);

struct Parts<V> {
    load: LoadGuard<StoredKey, StoredValue, BuildPlaceHasher>,
    span: LoadSpan,
    view: View<V>,
    key_bytes: usize,
}

impl<V: Clone + Send + Sync + 'static> ViewGuard<V> {
    /// Returns the present value, which was not accepted and is to be replaced; `None` if the key
    /// was absent.
    #[must_use]
    pub fn old_value(&self) -> Option<&V> {
        self.0.load.old_value().map(value_in)
    }

    /// Returns whether it is already known that an inserted value will not be stored: see
    /// [`LoadGuard::is_superseded`]. O(1).
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        self.0.load.is_superseded()
    }

    /// Stores the value of the key, as [`View::insert`] does, unless the key has been written,
    /// removed or invalidated since the guard was returned, and gives it to all waiting callers.
    /// O(1), and O(1) for each waiting caller.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// use larder::LoadOutcome;
    ///
    /// let users = CacheManager::new().view::<&str>(CacheKind::User).keyed::<u64>();
    /// let guard = users.get_or_guard(&7).unwrap_err();
    /// assert_eq!(guard.insert("Ada"), LoadOutcome::Stored);
    /// let guard = users.get_or_guard(&8).unwrap_err();
    /// users.insert(&8, "Grace");
    /// assert_eq!(guard.insert("Gracie"), LoadOutcome::Superseded);
    /// assert_eq!((users.get(&7), users.get(&8)), (Some("Ada"), Some("Grace")));
    /// ```
    pub fn insert(self, value: V) -> LoadOutcome {
        let options = self.0.view.options;
        self.insert_on(value, &options)
    }

    /// [`insert`](ViewGuard::insert) for an entry that lives for `duration`, as by
    /// [`View::insert_with_ttl`]. With a duration of zero, the value is only given to waiting
    /// callers, and the value that it was to replace is removed.
    pub fn insert_with_ttl(self, value: V, duration: Duration) -> LoadOutcome {
        let options = self.0.view.for_ttl(duration);
        self.insert_on(value, &options)
    }

    /// [`insert`](ViewGuard::insert) for an entry with these tags instead of the
    /// [view's](View::with_tags), for tags that depend on the value.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let pages = CacheManager::new().view::<&str>(CacheKind::Url);
    /// let guard = pages.get_or_guard("/me").unwrap_err();
    /// let _ = guard.insert_tagged("profile", ["user 7"])?;
    /// pages.invalidate_tag("user 7");
    /// assert_eq!(pages.get("/me"), None);
    /// # Ok::<(), larder::TooManyTags>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are more than eight tags. Then the load is abandoned.
    pub fn insert_tagged(
        self,
        value: V,
        tags: impl IntoIterator<Item = impl Hash>,
    ) -> Result<LoadOutcome, TooManyTags> {
        let options = EntryOptions { tags: self.tags(tags)?, ..self.0.view.options };
        Ok(self.insert_on(value, &options))
    }

    /// [`insert_tagged`](ViewGuard::insert_tagged) for an entry that lives for `duration`.
    ///
    /// # Errors
    ///
    /// As for [`insert_tagged`](ViewGuard::insert_tagged).
    pub fn insert_tagged_with_ttl(
        self,
        value: V,
        tags: impl IntoIterator<Item = impl Hash>,
        duration: Duration,
    ) -> Result<LoadOutcome, TooManyTags> {
        let options = EntryOptions { tags: self.tags(tags)?, ..self.0.view.for_ttl(duration) };
        Ok(self.insert_on(value, &options))
    }

    fn tags(&self, tags: impl IntoIterator<Item = impl Hash>) -> Result<Tags, TooManyTags> {
        self.0.view.entries.tags(tags.into_iter().map(Tag::new))
    }

    fn insert_on(self, value: V, options: &EntryOptions) -> LoadOutcome {
        let Parts { load, span, view, key_bytes } = *self.0;
        let value = view.stored(key_bytes, value, load.took());
        let outcome = load.insert_on(value, options);
        span.end(LoadStatus::Loaded);
        outcome
    }
}

impl<V> fmt::Debug for ViewGuard<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewGuard")
            .field("view", &self.0.view)
            .field("load", &self.0.load)
            .finish_non_exhaustive()
    }
}
