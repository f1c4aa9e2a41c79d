//! Views: a cache's values of one type.
//!
//! This file has [`View`] and the three steps of its operations: make a query of a key, find the
//! stored value, make a value to store. The operations are in the other files:
//!
//! - `operations.rs`: reading, writing, removing; `counting.rs`: integers
//! - `computing.rs`: one key's entry, read and written in one step
//! - `loads.rs`, `detached.rs`, `guards.rs`: loads by closures and futures, in tasks, by hand
//! - `versions.rs`: versions of namespaces
//! - `django.rs`: aliases
//! - `keys.rs`: the types of keys; `lazy.rs`: the futures of loads

mod computing;
mod counting;
mod detached;
mod django;
mod guards;
mod keys;
pub(super) mod lazy;
mod loads;
mod operations;
mod versions;

pub use computing::ViewEntrySelector;
pub use guards::ViewGuard;
pub use keys::{AnyKey, KeyOf, KeyedView, Only};

use crate::{
    TooManyTags,
    engine::{
        ops::insert::{EntryOptions, IfPresent, Inserted},
        storage::nodes::Entry,
        time::options::TimeOptions,
    },
    manager::{
        Freshness, ManagedCache, Namespace,
        entries::{
            hashing::Tag,
            key::Query,
            namespace::Space,
            value::{StoredValue, Timed},
        },
        managed_cache::cache::Entries,
    },
};
use std::{fmt, hash::Hash, marker::PhantomData, time::Duration};

/// The values of one type in one namespace of a [`ManagedCache`].
///
/// A handle, cheap to clone: create it once and keep it. Views of the same type and namespace see
/// the same entries. The same key in a view of another type is another entry; both can be present
/// at once. Integers have types, too: `&7_u64` does not find what was stored for `&7_u32`. Where
/// all keys are of one type, use the typed form [`keyed`](View::keyed), with which a key of another
/// type does not compile.
///
/// A lookup hashes and compares the key in place and clones the value; it allocates nothing.
/// Storing a value allocates twice: for the key and for the value.
///
/// ```
/// use larder::manager::{CacheKind, CacheManager};
///
/// let manager = CacheManager::new();
/// let names = manager.view::<String>(CacheKind::User);
/// let ages = manager.view::<u8>(CacheKind::User);
/// names.insert(&7, "Ada".to_owned());
/// assert_eq!((names.get(&7).as_deref(), ages.get(&7)), (Some("Ada"), None));
/// ages.insert(&7, 36);
/// assert_eq!((names.get(&7).as_deref(), ages.get(&7)), (Some("Ada"), Some(36)));
/// ```
pub struct View<V, T = AnyKey> {
    /// The cache of the handle below, with one pointer less on the way.
    entries: Entries,
    cache: ManagedCache,
    namespace: Namespace,
    /// `None`: the current version of the namespace.
    version: Option<u64>,
    options: EntryOptions,
    heap: Option<fn(&V) -> usize>,
    values: PhantomData<fn(T) -> V>,
}

impl ManagedCache {
    /// Returns a view of the values of one type.
    #[must_use]
    pub fn view<V: Clone + Send + Sync + 'static>(&self) -> View<V> {
        View::new(self.clone(), self.namespace(""))
    }
}

impl<V: Clone + Send + Sync + 'static> View<V> {
    fn new(cache: ManagedCache, namespace: Namespace) -> Self {
        Self {
            entries: cache.entries().clone(),
            cache,
            namespace,
            version: None,
            options: EntryOptions::BY_RULE,
            heap: None,
            values: PhantomData,
        }
    }

    /// Returns this view for keys of type `K` only: see [`KeyedView`].
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<String>(CacheKind::User).keyed::<u64>();
    /// let id = 7_u64;
    /// users.insert(&id, "Ada".to_owned());
    /// assert_eq!(users.remove(&7).as_deref(), Some("Ada"));
    /// ```
    #[must_use]
    pub fn keyed<K: Hash + Eq + Send + Sync + 'static>(&self) -> KeyedView<K, V> {
        self.with_keys()
    }
}

impl<V, T> View<V, T> {
    /// Returns this view for other types of keys.
    fn with_keys<U>(&self) -> View<V, U> {
        let Self { version, options, heap, .. } = *self;
        View {
            entries: self.entries.clone(),
            cache: self.cache.clone(),
            namespace: self.namespace.clone(),
            version,
            options,
            heap,
            values: PhantomData,
        }
    }
}

impl<V: Clone + Send + Sync + 'static, T> View<V, T> {
    /// Returns this view of another [`namespace`](ManagedCache::namespace), in its current version.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let all = CacheManager::new().view::<u32>(CacheKind::General);
    /// let clicks = all.clone().with_namespace("clicks");
    /// clicks.insert("b3", 1);
    /// assert_eq!((all.get("b3"), clicks.get("b3")), (None, Some(1)));
    /// ```
    #[must_use]
    pub fn with_namespace(self, name: &str) -> Self {
        Self { namespace: self.cache.namespace(name), version: None, ..self }
    }

    /// Returns this view with a time to live: its entries live for `duration` from their last
    /// write, and follow neither the current nor later settings of the cache, idle times included.
    /// With a duration of zero, nothing is stored. [`Duration::MAX`] is no limit.
    ///
    /// ```
    /// use larder::{ManualClock, manager::{CacheKind, CacheManager}};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let manager = CacheManager::builder().clock(&clock).build();
    /// let codes = manager.view::<u32>(CacheKind::User).with_ttl(Duration::from_secs(30));
    /// codes.insert("Ada", 123_456);
    /// clock.advance(Duration::from_secs(30));
    /// assert_eq!(codes.get("Ada"), None);
    /// ```
    #[must_use]
    pub fn with_ttl(self, duration: Duration) -> Self {
        Self { options: self.for_ttl(duration), ..self }
    }

    /// Returns this view with tags instead of those it has:
    /// [`invalidate_tag`](Self::invalidate_tag) of any of them removes what this view writes or
    /// loads. A tag is any value that implements [`Hash`]. Tags belong to the cache: all namespaces
    /// and types of values share them.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let manager = CacheManager::new();
    /// let pages = manager.view::<String>(CacheKind::General);
    /// let of_ada = pages.clone().with_tags(["user 7", "pages"])?;
    /// assert_eq!(of_ada.get_with("/ada", || "loaded".to_owned()), "loaded");
    /// pages.insert("/", "welcome".to_owned());
    ///
    /// manager.cache(CacheKind::General).invalidate_tag("user 7");
    /// assert_eq!((pages.get("/ada"), pages.contains_key("/")), (None, true));
    /// # Ok::<(), larder::TooManyTags>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are more than eight.
    pub fn with_tags(self, tags: impl IntoIterator<Item = impl Hash>) -> Result<Self, TooManyTags> {
        let tags = self.entries.tags(tags.into_iter().map(Tag::new))?;
        Ok(Self { options: EntryOptions { tags, ..self.options }, ..self })
    }

    /// Returns this view with a soft time to live: its values are [stale](Freshness::Stale) after
    /// `duration`, and stay until they expire.
    #[must_use]
    pub fn with_soft_ttl(self, duration: Duration) -> Self {
        self.with_time(|time| time.soft_ttl = Some(duration))
    }

    /// Returns this view with a refresh time: its values are [due](Freshness::Due) after
    /// `duration`.
    #[must_use]
    pub fn with_refresh(self, duration: Duration) -> Self {
        self.with_time(|time| time.refresh_after = Some(duration))
    }

    fn with_time(mut self, set: impl FnOnce(&mut TimeOptions)) -> Self {
        set(&mut self.options.time);
        self
    }

    /// Returns this view with a function that returns the bytes a value owns on the heap. They
    /// count for [`max_bytes`](crate::manager::CacheSettings::max_bytes) and
    /// [`memory`](ManagedCache::memory), beside the size of the value's type.
    ///
    /// ```
    /// # use larder::manager::{CacheManager, CacheSettings};
    /// let manager = CacheManager::new();
    /// let images = manager.create("images", CacheSettings::new(100).max_bytes(10_000))?;
    /// let images = images.view::<Vec<u8>>().with_heap_size(Vec::capacity);
    /// (0..100).for_each(|image| images.insert(&image, vec![0; 1_000]));
    /// assert!(images.cache().entry_count() < 10);
    /// # Ok::<(), larder::manager::ManagerError>(())
    /// ```
    #[must_use]
    pub fn with_heap_size(self, heap: fn(&V) -> usize) -> Self {
        Self { heap: Some(heap), ..self }
    }

    /// Returns the cache that this is a view of.
    #[must_use]
    pub fn cache(&self) -> &ManagedCache {
        &self.cache
    }

    /// Returns the namespace that this is a view of.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Invalidates all entries of the cache that have this tag, in all namespaces and of all types.
    /// O(1): see [`Cache::invalidate_tag`](crate::Cache::invalidate_tag).
    pub fn invalidate_tag<U: Hash + ?Sized>(&self, tag: &U) {
        self.cache.invalidate_tag(tag);
    }

    /// Returns the number of the view's values for which `counts` returns true. Does not count as
    /// use. O(capacity of the cache).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let ages = CacheManager::new().view::<u32>(CacheKind::User);
    /// ages.insert("ada", 36);
    /// ages.insert("bob", 7);
    /// assert_eq!(ages.count_where(|age| *age >= 18), 1);
    /// ```
    pub fn count_where(&self, mut counts: impl FnMut(&V) -> bool) -> u64 {
        let space = self.space();
        self.cache.count_entries(|key, value| {
            key.space() == space && value.held::<V>().is_some_and(|held| counts(&held.value))
        })
    }

    #[inline(always)]
    fn space(&self) -> Space {
        match self.version {
            None => self.namespace.space(),
            Some(version) => self.namespace.space_at(version),
        }
    }

    #[inline(always)]
    fn query<'q, Q: KeyOf<T> + ?Sized>(&self, key: &'q Q) -> Query<'q, Q, V> {
        Query::new(self.space(), key)
    }

    /// Returns what `f` returns for the value of a key and its times. Counts as use.
    #[inline(always)]
    fn get_held<Q: KeyOf<T> + ?Sized, R>(
        &self,
        query: Query<'_, Q, V>,
        f: impl FnOnce(&Timed<V>) -> R,
    ) -> Option<R> {
        self.entries.get_ref(&query, |stored| stored.held().map(f)).flatten()
    }

    fn put<Q: KeyOf<T> + ?Sized>(
        &self,
        query: Query<'_, Q, V>,
        value: V,
        if_present: IfPresent,
        options: &EntryOptions,
    ) -> Inserted {
        let value = self.stored(query.bytes(), value, Duration::ZERO);
        let entry = Entry { key: query.to_stored(), value };
        self.entries.engine().insert_on(self.entries.hash(&query), entry, if_present, options)
    }

    /// Returns the options of an entry that lives for `duration`.
    fn for_ttl(&self, duration: Duration) -> EntryOptions {
        EntryOptions { time: self.options.time.with_ttl(duration), ..self.options }
    }

    /// Returns the form in which the cache stores a value, for a key of `key_bytes`.
    fn stored(&self, key_bytes: usize, value: V, took: Duration) -> StoredValue {
        let times = self.entries.engine().lifetimes().moments(&self.options.time);
        self.stored_held(key_bytes, Timed { value, times }, took)
    }

    fn stored_held(&self, key_bytes: usize, held: Timed<V>, took: Duration) -> StoredValue {
        let heap = self.heap.map_or(0, |heap| heap(&held.value));
        StoredValue::new(held, key_bytes.saturating_add(heap), took)
    }

    fn freshness(&self, held: &Timed<V>) -> Freshness {
        held.times.freshness(&self.entries.engine().lifetimes().clock)
    }

    fn value_of(stored: &StoredValue) -> V {
        stored.held_by_key::<V>().value.clone()
    }
}

impl<V, T> Clone for View<V, T> {
    fn clone(&self) -> Self {
        let (entries, cache) = (self.entries.clone(), self.cache.clone());
        Self { entries, cache, namespace: self.namespace.clone(), ..*self }
    }
}

impl<V, T> fmt::Debug for View<V, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("cache", &self.cache.name())
            .field("namespace", &self.namespace.name())
            .field("values", &std::any::type_name::<V>())
            .finish_non_exhaustive()
    }
}
