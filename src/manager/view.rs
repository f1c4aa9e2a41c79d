//! A cache's values of one type.

use super::{
    key::{Key, Query, Wish},
    managed::ManagedCache,
    namespace::Namespace,
    stored::{Held, StoredValue, Times},
    telemetry::{LoadSpan, Outcome},
};
use crate::{
    engine::{
        groups::Tags,
        insert::{IfPresent, Inserted, Terms},
        lifetimes::Span,
        nodes::Entry,
    },
    loading::Always,
};
use std::{any::TypeId, fmt, marker::PhantomData, time::Duration};

/// The values of one type in one namespace of a [`ManagedCache`].
///
/// A handle, cheap to clone. Other views of the same type and namespace see the same entries; the same key in a view of
/// another type is another entry.
///
/// ```
/// use larder::manager::{CacheKind, CacheManager};
///
/// let manager = CacheManager::new();
/// let names = manager.view::<String>(CacheKind::User);
/// let ages = manager.view::<u8>(CacheKind::User);
/// names.set(&7, "Ada".to_owned());
/// assert_eq!((names.get(&7).as_deref(), ages.get(&7)), (Some("Ada"), None));
/// ```
pub struct View<V> {
    cache: ManagedCache,
    namespace: Namespace,
    ttl: Option<Duration>,
    heap: Option<fn(&V) -> usize>,
    values: PhantomData<fn() -> V>,
}

impl<V: Clone + Send + Sync + 'static> View<V> {
    pub(super) fn new(cache: ManagedCache, namespace: Namespace) -> Self {
        Self { cache, namespace, ttl: None, heap: None, values: PhantomData }
    }

    /// The same view of another namespace.
    #[must_use]
    pub fn in_namespace(self, name: &str) -> Self {
        Self { namespace: self.cache.namespace(name), ..self }
    }

    /// The same view, whose entries live for `duration`, whatever the cache's settings say.
    #[must_use]
    pub fn with_ttl(self, duration: Duration) -> Self {
        Self { ttl: Some(duration), ..self }
    }

    /// The same view, which counts for each value what `heap` says, beside its size: the bytes that it owns
    /// elsewhere.
    #[must_use]
    pub fn weigh(self, heap: fn(&V) -> usize) -> Self {
        Self { heap: Some(heap), ..self }
    }

    /// The cache that this is a view of.
    #[must_use]
    pub fn cache(&self) -> &ManagedCache {
        &self.cache
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The value of a key, cloned. Counts as use, and as hit or miss. O(1).
    #[inline]
    pub fn get<Q: Key + ?Sized>(&self, key: &Q) -> Option<V> {
        self.look(self.query(key), |held| held.value.clone())
    }

    /// Sets the value of a key. O(1).
    pub fn set<Q: Key + ?Sized>(&self, key: &Q, value: V) {
        self.put(self.query(key), value, IfPresent::Replace, self.terms());
    }

    /// Sets the value of a key, for an entry that lives for `duration`. O(1).
    pub fn set_with_ttl<Q: Key + ?Sized>(&self, key: &Q, value: V, duration: Duration) {
        let terms = Terms { span: Span::For(duration), tags: Tags::NONE };
        self.put(self.query(key), value, IfPresent::Replace, terms);
    }

    /// Removes a key; true if it was there. O(1).
    pub fn delete<Q: Key + ?Sized>(&self, key: &Q) -> bool {
        self.cache.cache().invalidate(&self.query(key))
    }

    /// The value of a key; if it is absent, what `init` returns, which is then stored. One load per key at
    /// a time: see [`Cache::get_with`](crate::Cache::get_with).
    #[inline]
    pub fn get_with<Q: Key + ?Sized>(&self, key: &Q, init: impl FnOnce() -> V) -> V {
        let query = self.query(key);
        match self.look(query, |held| held.value.clone()) {
            Some(value) => value,
            None => self.load_with(query, init),
        }
    }

    #[cold]
    #[inline(never)]
    fn load_with<Q: Key + ?Sized>(&self, query: Query<'_, Q>, init: impl FnOnce() -> V) -> V {
        let terms = self.terms();
        let init = || LoadSpan::new(&self.cache, self.ttl).run(init, |_| Outcome::Loaded);
        let stored = self
            .cache
            .cache()
            .load::<Always>(Wish { query, terms }, || self.store::<Q>(init(), terms));
        Self::value_of(&stored)
    }

    #[inline(always)]
    fn query<'q, Q: Key + ?Sized>(&self, key: &'q Q) -> Query<'q, Q> {
        Query { space: self.namespace.space(), value: TypeId::of::<V>(), key }
    }

    fn terms(&self) -> Terms {
        Terms { span: self.ttl.map_or(Span::ByRule, Span::For), tags: Tags::NONE }
    }

    /// What `f` makes of what is held of a key.
    #[inline(always)]
    fn look<Q: Key + ?Sized, R>(
        &self,
        query: Query<'_, Q>,
        f: impl FnOnce(&Held<V>) -> R,
    ) -> Option<R> {
        self.cache.cache().get_ref(&query, |stored| stored.held().map(f)).flatten()
    }

    fn put<Q: Key + ?Sized>(
        &self,
        query: Query<'_, Q>,
        value: V,
        if_present: IfPresent,
        terms: Terms,
    ) -> Inserted {
        let cache = self.cache.cache();
        cache.tend();
        let entry = Entry { key: query.to_stored(), value: self.store::<Q>(value, terms) };
        cache.engine().insert_on(cache.hash(&query), entry, if_present, &terms)
    }

    fn store<Q: Key + ?Sized>(&self, value: V, terms: Terms) -> StoredValue {
        let heap = self.heap.map_or(0, |heap| heap(&value));
        let bytes = size_of::<Q::Stored>() + size_of::<Held<V>>() + heap;
        let by_rule = matches!(terms.span, Span::ByRule);
        StoredValue::new(value, Times::NEVER, bytes, by_rule)
    }

    fn value_of(stored: &StoredValue) -> V {
        stored.held::<V>().expect("the key says of what type its value is").value.clone()
    }
}

impl<V> Clone for View<V> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), namespace: self.namespace.clone(), ..*self }
    }
}

impl<V> fmt::Debug for View<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("cache", &self.cache)
            .field("namespace", &self.namespace)
            .field("values", &std::any::type_name::<V>())
            .finish_non_exhaustive()
    }
}
