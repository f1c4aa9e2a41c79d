//! A cache's values of one type.
//!
//! Here is what a view is, and the three steps that all its operations are made of: a question made
//! of a key, a look at what is there, and the making of what is stored. The operations are beside
//! it.

mod computing;
mod counting;
mod detached;
mod django;
mod guards;
mod keys;
mod lazy;
mod loads;
mod operations;
mod versions;

pub use computing::ViewEntrySelector;
pub use guards::ViewGuard;
pub use keys::{AnyKey, KeyOf, KeyedView, Only};

use super::{
    key::Query,
    managed::{Entries, ManagedCache},
    namespace::Namespace,
    stored::{Freshness, Held, StoredValue, Times},
};
use crate::{
    TooManyTags,
    engine::{
        ops::insert::{EntryOptions, IfPresent, Inserted},
        storage::nodes::Entry,
        time::lifetimes::Ttl,
    },
};
use std::{fmt, hash::Hash, marker::PhantomData, time::Duration};

/// The values of one type in one namespace of a [`ManagedCache`].
///
/// A handle, cheap to clone: make it once and keep it. Views of the same type and namespace see the
/// same entries; the same key in a view of another type is another entry, and both may be there
/// side by side. Mind that integers have types, too: what was set for `&7_u32` is not found with
/// `&7_u64`. Where all keys are of one type, use the view's typed form, [`keyed`](View::keyed),
/// which does not compile with another one.
///
/// A lookup hashes and compares the key where it is, and clones the value; nothing is allocated. To
/// store something allocates twice: for the key and for the value.
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
    /// What the cache handle below has, one step nearer.
    entries: Entries,
    cache: ManagedCache,
    namespace: Namespace,
    /// None: whatever the namespace's is.
    version: Option<u64>,
    options: EntryOptions,
    soft_ttl: Option<Duration>,
    refresh: Option<Duration>,
    heap: Option<fn(&V) -> usize>,
    values: PhantomData<fn(T) -> V>,
}

/// A tag, as all views of a cache hash it.
#[derive(Hash)]
pub(crate) struct Tag<T>(u64, T);

impl<T> Tag<T> {
    pub(crate) fn new(tag: T) -> Self {
        Self(0, tag)
    }
}

impl<V: Clone + Send + Sync + 'static> View<V> {
    pub(super) fn new(cache: ManagedCache, namespace: Namespace) -> Self {
        Self {
            entries: cache.entries().clone(),
            cache,
            namespace,
            version: None,
            options: EntryOptions::BY_RULE,
            soft_ttl: None,
            refresh: None,
            heap: None,
            values: PhantomData,
        }
    }

    /// The same view, whose keys are of type `K` alone: see [`KeyedView`].
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
    /// The same view, for keys of another kind.
    fn with_keys<U>(&self) -> View<V, U> {
        let Self { version, options, soft_ttl, refresh, heap, .. } = *self;
        View {
            entries: self.entries.clone(),
            cache: self.cache.clone(),
            namespace: self.namespace.clone(),
            version,
            options,
            soft_ttl,
            refresh,
            heap,
            values: PhantomData,
        }
    }
}

impl<V: Clone + Send + Sync + 'static, T> View<V, T> {
    /// The same view of another [`namespace`](ManagedCache::namespace), in its current version.
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

    /// The same view, whose entries live for `duration` from their writing, whatever the cache's
    /// settings say, now and later, idle times included. Zero: what is written is not stored.
    /// [`Duration::MAX`]: no limit.
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
        Self { options: EntryOptions { ttl: Ttl::For(duration), ..self.options }, ..self }
    }

    /// The same view, whose entries have these tags, too: what it writes and what it loads goes
    /// with [`invalidate_tag`](Self::invalidate_tag). Tags are anything that hashes, and are the
    /// cache's, whatever the namespace and the type of the value.
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

    /// The same view, whose values are [stale](Freshness::Stale) after `duration`, though they stay
    /// until they expire.
    #[must_use]
    pub fn with_soft_ttl(self, duration: Duration) -> Self {
        Self { soft_ttl: Some(duration), ..self }
    }

    /// The same view, whose values are [due](Freshness::Due) for a refresh after `duration`.
    #[must_use]
    pub fn with_refresh(self, duration: Duration) -> Self {
        Self { refresh: Some(duration), ..self }
    }

    /// The same view, which counts for each value what `heap` says beside its size: the bytes that
    /// it owns elsewhere. They count for [`max_bytes`](super::CacheSettings::max_bytes) and
    /// [`memory`](ManagedCache::memory).
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

    /// The cache that this is a view of.
    #[must_use]
    pub fn cache(&self) -> &ManagedCache {
        &self.cache
    }

    /// The namespace that this is a view of.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Invalidates all entries of the cache that have this tag, of all namespaces and types. O(1):
    /// see [`Cache::invalidate_tag`](crate::Cache::invalidate_tag).
    pub fn invalidate_tag<U: Hash + ?Sized>(&self, tag: &U) {
        self.cache.invalidate_tag(tag);
    }

    /// Counts the values of the view for which `counts` holds. Does not count as use. O(capacity of
    /// the cache).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let ages = CacheManager::new().view::<u32>(CacheKind::User);
    /// ages.insert("ada", 36);
    /// ages.insert("bob", 7);
    /// assert_eq!(ages.count_where(|age| *age >= 18), 1);
    /// ```
    pub fn count_where(&self, mut counts: impl FnMut(&V) -> bool) -> u64 {
        let space = match self.version {
            None => self.namespace.space(),
            Some(version) => self.namespace.space_at(version),
        };
        self.cache.count_entries(|key, value| {
            key.space() == space && value.held::<V>().is_some_and(|held| counts(&held.value))
        })
    }

    #[inline(always)]
    fn query<'q, Q: KeyOf<T> + ?Sized>(&self, key: &'q Q) -> Query<'q, Q, V> {
        let space = match self.version {
            None => self.namespace.space(),
            Some(version) => self.namespace.space_at(version),
        };
        Query::new(space, key)
    }

    /// What `f` makes of what is held of a key, which counts as use.
    #[inline(always)]
    fn look<Q: KeyOf<T> + ?Sized, R>(
        &self,
        query: Query<'_, Q, V>,
        f: impl FnOnce(&Held<V>) -> R,
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
        self.start_maintenance(options);
        let value = self.stored(query, value, Duration::ZERO);
        let entry = Entry { key: query.to_stored(), value };
        self.entries.engine().insert_on(self.entries.hash(&query), entry, if_present, options)
    }

    /// Registers the cache for maintenance if `options` give the entry a time of its own.
    fn start_maintenance(&self, options: &EntryOptions) {
        if matches!(options.ttl, Ttl::For(_)) {
            self.entries.start_maintenance();
        }
    }

    /// A value as it is stored.
    fn stored<Q: KeyOf<T> + ?Sized>(
        &self,
        query: Query<'_, Q, V>,
        value: V,
        took: Duration,
    ) -> StoredValue {
        self.stored_held(query, Held { value, times: self.times() }, took)
    }

    fn stored_held<Q: KeyOf<T> + ?Sized>(
        &self,
        query: Query<'_, Q, V>,
        held: Held<V>,
        took: Duration,
    ) -> StoredValue {
        self.stored_with(query.bytes(), held, took)
    }

    /// For who knows the size of the key and has the key no more.
    fn stored_with(&self, key_bytes: usize, held: Held<V>, took: Duration) -> StoredValue {
        let heap = self.heap.map_or(0, |heap| heap(&held.value));
        let bytes = (key_bytes + REFERENCES + size_of::<Held<V>>()).saturating_add(heap);
        StoredValue::new(held, bytes, took)
    }

    fn times(&self) -> Times {
        if self.soft_ttl.is_none() && self.refresh.is_none() {
            return Times::NEVER;
        }
        let clock = &self.entries.engine().lifetimes().clock;
        let after = |duration: Option<Duration>| {
            duration
                .map_or(Times::NEVER.due_at, |duration| clock.deadline_from(clock.read(), duration))
        };
        Times { stale_at: after(self.soft_ttl), due_at: after(self.refresh) }
    }

    fn freshness(&self, times: Times) -> Freshness {
        let clock = &self.entries.engine().lifetimes().clock;
        match () {
            () if clock.is_past(times.stale_at) => Freshness::Stale,
            () if clock.is_past(times.due_at) => Freshness::Due,
            () => Freshness::Fresh,
        }
    }

    /// The value of what a load has brought.
    fn value_of(stored: &StoredValue) -> V {
        stored.held::<V>().expect("the key says of what type its value is").value.clone()
    }
}

/// What the allocations of key and value have besides: two counts each, the namespace, bytes and
/// cost.
pub(crate) const REFERENCES: usize = 4 * size_of::<usize>() + 2 * size_of::<u64>();

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

/// Of [`ManagedCache::invalidate_tag`].
pub(super) fn invalidate_tag<T: Hash + ?Sized>(entries: &Entries, tag: &T) {
    entries.invalidate_tag(&Tag::new(tag));
}
