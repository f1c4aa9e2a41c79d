//! The operations of a view, under the names that they have in [`Cache`](crate::Cache).

use super::{KeyOf, View};
use crate::{
    engine::ops::insert::{IfPresent, Inserted},
    manager::{
        Freshness,
        entries::{key::StoredKey, value::StoredValue},
    },
};
use equivalent::Equivalent;
use std::time::Duration;

/// Keys of [`View::get_many`] that share one pin.
const BATCH: usize = 64;

/// # Operations
///
/// The operations have the names and the meaning of those of [`Cache`](crate::Cache), and take keys
/// by reference. The names of Django's cache API are [aliases](#the-names-of-django). An entry
/// lives as long as the cache's settings say at the time of the write, or as the view says
/// ([`with_ttl`](View::with_ttl)).
impl<V: Clone + Send + Sync + 'static, T> View<V, T> {
    /// Returns the value of a key, cloned. Counts as use, and as hit or miss. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let targets = CacheManager::new().view::<String>(CacheKind::Url);
    /// targets.insert("b3", "https://example.com/".to_owned());
    /// assert_eq!(targets.get("b3").as_deref(), Some("https://example.com/"));
    /// assert_eq!(targets.get("b4"), None);
    /// ```
    #[inline]
    pub fn get<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.get_held(self.query(key), |held| held.value.clone())
    }

    /// Returns what `f` returns for the value of a key, which is not cloned: see
    /// [`Cache::get_ref`](crate::Cache::get_ref). O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let words = CacheManager::new().view::<Vec<&str>>(CacheKind::General);
    /// words.insert(&1, vec!["to", "be"]);
    /// assert_eq!(words.get_ref(&1, |words| words.len()), Some(2));
    /// ```
    #[inline]
    pub fn get_ref<Q: KeyOf<T> + ?Sized, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R> {
        self.get_held(self.query(key), |held| f(&held.value))
    }

    /// Returns the value of a key, and how its age compares with the view's
    /// [`with_refresh`](View::with_refresh) and [`with_soft_ttl`](View::with_soft_ttl). Counts like
    /// [`get`](View::get). O(1).
    ///
    /// ```
    /// use larder::{ManualClock, manager::{CacheKind, CacheManager, Freshness}};
    /// use std::time::Duration;
    ///
    /// let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
    /// let manager = CacheManager::builder().clock(&clock).build();
    /// let users = manager.view(CacheKind::User).with_refresh(minute).with_soft_ttl(5 * minute);
    /// users.insert(&7, "Ada");
    /// assert_eq!(users.get_aged(&7), Some(("Ada", Freshness::Fresh)));
    /// clock.advance(minute);
    /// assert_eq!(users.get_aged(&7), Some(("Ada", Freshness::Due)));
    /// clock.advance(4 * minute);
    /// assert_eq!(users.get_aged(&7), Some(("Ada", Freshness::Stale)));
    /// clock.advance(25 * minute);
    /// assert_eq!(users.get_aged(&7), None, "expired by the settings of the kind");
    /// ```
    #[inline]
    pub fn get_aged<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<(V, Freshness)> {
        self.get_held(self.query(key), |held| (held.value.clone(), self.freshness(held)))
    }

    /// Returns the values of several keys, in the order of the keys. Each counts like
    /// [`get`](View::get). O(keys).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.insert_many([(&1, "Ada"), (&2, "Grace")]);
    /// assert_eq!(users.get_many(&[2, 3, 1]), [Some("Grace"), None, Some("Ada")]);
    /// ```
    pub fn get_many<'q, Q: KeyOf<T> + ?Sized + 'q>(
        &self,
        keys: impl IntoIterator<Item = &'q Q>,
    ) -> Vec<Option<V>> {
        // The iterator is the caller's code, which must not run while this thread is pinned.
        let queries: Vec<_> = keys.into_iter().map(|key| self.query(key)).collect();
        let mut values = Vec::with_capacity(queries.len());
        for batch in queries.chunks(BATCH) {
            let pinned = self.entries.pin();
            values.extend(batch.iter().map(|query| {
                let held = pinned.get(query).and_then(|stored| stored.held::<V>());
                held.map(|held| held.value.clone())
            }));
        }
        values
    }

    /// Returns the value of a key, cloned. Counts neither as use nor as hit or miss. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.insert(&7, "Ada");
    /// assert_eq!((users.peek(&7), users.cache().stats().lookups()), (Some("Ada"), 0));
    /// ```
    pub fn peek<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<V> {
        let (query, entries) = (self.query(key), &self.entries);
        let clone = |stored: &StoredValue| stored.held::<V>().map(|held| held.value.clone());
        let eq = |other: &StoredKey| query.equivalent(other);
        entries.engine().peek(entries.hash(&query), eq, |entry| clone(&entry.value)).flatten()
    }

    /// Returns whether a key is present. Counts neither as use nor as hit or miss. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.insert(&7, "Ada");
    /// assert!(users.contains_key(&7) && !users.contains_key(&8));
    /// ```
    #[doc(alias = "has_key")]
    pub fn contains_key<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> bool {
        self.entries.contains_key(&self.query(key))
    }

    /// Sets the value of a key. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.insert(&7, "Ada");
    /// users.insert(&7, "Augusta");
    /// assert_eq!(users.get(&7), Some("Augusta"));
    /// ```
    #[doc(alias = "set")]
    pub fn insert<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V) {
        self.put(self.query(key), value, IfPresent::Replace, &self.options);
    }

    /// Sets the value of a key. The entry lives for `duration`: see [`with_ttl`](View::with_ttl). A
    /// duration of zero removes the key. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// use std::time::Duration;
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.insert_with_ttl(&7, "Ada", Duration::from_secs(5));
    /// assert!(users.ttl(&7).unwrap() <= Duration::from_millis(5_010));
    /// users.insert_with_ttl(&7, "Ada", Duration::ZERO);
    /// assert!(!users.contains_key(&7));
    /// ```
    pub fn insert_with_ttl<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V, duration: Duration) {
        self.put(self.query(key), value, IfPresent::Replace, &self.for_ttl(duration));
    }

    /// Sets the values of several keys, one after the other. O(keys).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let targets = CacheManager::new().view::<u32>(CacheKind::Url);
    /// targets.insert_many([("a", 1), ("b", 2)]);
    /// assert_eq!(targets.get("b"), Some(2));
    /// ```
    pub fn insert_many<'q, Q: KeyOf<T> + ?Sized + 'q>(
        &self,
        entries: impl IntoIterator<Item = (&'q Q, V)>,
    ) {
        entries.into_iter().for_each(|(key, value)| self.insert(key, value));
    }

    /// Sets the value of a key if it is absent; returns whether it was. Atomic: if several threads
    /// add the same key, one succeeds. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let leaders = CacheManager::new().view::<u32>(CacheKind::General);
    /// assert!(leaders.add("leader", 1));
    /// assert!(!leaders.add("leader", 2));
    /// assert_eq!(leaders.get("leader"), Some(1));
    /// ```
    pub fn add<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V) -> bool {
        self.put(self.query(key), value, IfPresent::Keep, &self.options) == Inserted::Added
    }

    /// Removes a key and returns its value. If several callers remove it at once, one gets the
    /// value. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let tokens = CacheManager::new().view::<u64>(CacheKind::Session).keyed::<String>();
    /// tokens.insert("8d3f", 7);
    /// assert_eq!((tokens.remove("8d3f"), tokens.remove("8d3f")), (Some(7), None));
    /// ```
    pub fn remove<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.entries.remove(&self.query(key)).as_ref().map(Self::value_of)
    }

    /// Removes a key; returns whether it was present. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.insert(&7, "Ada");
    /// assert!(users.invalidate(&7));
    /// assert!(!users.invalidate(&7));
    /// ```
    #[doc(alias = "delete")]
    pub fn invalidate<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> bool {
        self.entries.invalidate(&self.query(key))
    }

    /// Invalidates all entries of the view's namespace, with values of any type, by moving the
    /// namespace on to its next version: see
    /// [`Namespace::incr_version`](crate::manager::Namespace::incr_version). O(1).
    ///
    /// A view [of one version](View::with_version) still finds the entries of that version.
    /// [`ManagedCache::clear`](crate::manager::ManagedCache::clear) clears the whole cache.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let all = CacheManager::new().view::<u32>(CacheKind::General);
    /// let clicks = all.clone().with_namespace("clicks");
    /// all.insert("b3", 1);
    /// clicks.insert("b3", 1);
    /// clicks.invalidate_all();
    /// assert_eq!((all.get("b3"), clicks.get("b3")), (Some(1), None));
    /// ```
    #[doc(alias = "clear")]
    pub fn invalidate_all(&self) {
        self.namespace.incr_version();
    }

    /// Restarts the time of a key's entry, as if its value were written now, by the cache's
    /// settings or by the view's [time to live](View::with_ttl). Returns false if the key is
    /// absent. Counts neither as hit nor as miss. See [`Cache::touch`](crate::Cache::touch). O(1).
    ///
    /// ```
    /// use larder::{ManualClock, manager::{CacheKind, CacheManager}};
    /// use std::time::Duration;
    ///
    /// let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
    /// let manager = CacheManager::builder().clock(&clock).build();
    /// let users = manager.view::<&str>(CacheKind::User);
    /// users.insert(&7, "Ada");
    /// clock.advance(20 * minute);
    /// assert!(users.touch(&7));
    /// clock.advance(29 * minute);
    /// assert_eq!(users.get(&7), Some("Ada"));
    /// assert!(!users.touch(&8));
    /// ```
    pub fn touch<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> bool {
        self.entries.touch_by(&self.query(key), &self.options.time)
    }

    /// Sets how long a key's entry lives from now on; it no longer follows the cache's settings.
    /// Returns false if the key is absent. A duration of zero removes the key; [`Duration::MAX`] is
    /// no limit. See [`Cache::set_ttl`](crate::Cache::set_ttl). O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// use std::time::Duration;
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.insert(&7, "Ada");
    /// assert!(users.set_ttl(&7, Duration::from_secs(24 * 60 * 60)));
    /// assert!(users.ttl(&7).unwrap() > Duration::from_secs(23 * 60 * 60));
    /// ```
    pub fn set_ttl<Q: KeyOf<T> + ?Sized>(&self, key: &Q, duration: Duration) -> bool {
        self.entries.set_ttl(&self.query(key), duration)
    }

    /// Returns the remaining time to live of a key's entry if it is not used: [`Duration::MAX`] if
    /// there is no limit, `None` if the key is absent. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let targets = CacheManager::new().view::<&str>(CacheKind::Url);
    /// targets.insert(&7, "https://example.com/");
    /// assert!(targets.ttl(&7).unwrap().as_secs() <= 60 * 60);
    /// assert_eq!(targets.ttl(&8), None);
    /// ```
    pub fn ttl<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<Duration> {
        self.entries.ttl(&self.query(key))
    }
}
