//! What Django's low-level API can do with a cache, and the same names for it.

use super::{KeyOf, View};
use crate::{
    engine::{
        ops::insert::{IfPresent, Inserted, Terms},
        time::lifetimes::Span,
    },
    manager::{Freshness, key::StoredKey, stored::StoredValue},
};
use equivalent::Equivalent;
use std::time::Duration;

/// Keys of [`View::get_many`] that share one pin.
const BATCH: usize = 64;

/// # Operations
///
/// Those of Django's low-level cache API, and of [`Cache`](crate::Cache) by the names that they have there. What is written lives as long as the cache's settings say when
/// it is written, or as the view says ([`with_ttl`](View::with_ttl)).
impl<V: Clone + Send + Sync + 'static, T> View<V, T> {
    /// The value of a key, cloned. Counts as use, and as hit or miss. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let targets = CacheManager::new().view::<String>(CacheKind::Url);
    /// targets.set("b3", "https://example.com/".to_owned());
    /// assert_eq!(targets.get("b3").as_deref(), Some("https://example.com/"));
    /// assert_eq!(targets.get("b4"), None);
    /// ```
    #[inline]
    pub fn get<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.look(self.query(key), |held| held.value.clone())
    }

    /// The value of a key; `default` if it is absent, which is not stored. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let counts = CacheManager::new().view::<u32>(CacheKind::General);
    /// assert_eq!((counts.get_or("clicks", 0), counts.has_key("clicks")), (0, false));
    /// ```
    #[inline]
    pub fn get_or<Q: KeyOf<T> + ?Sized>(&self, key: &Q, default: V) -> V {
        self.get(key).unwrap_or(default)
    }

    /// What `f` makes of the value of a key, which is not cloned: see
    /// [`Cache::get_ref`](crate::Cache::get_ref). O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let words = CacheManager::new().view::<Vec<&str>>(CacheKind::General);
    /// words.set(&1, vec!["to", "be"]);
    /// assert_eq!(words.get_ref(&1, |words| words.len()), Some(2));
    /// ```
    #[inline]
    pub fn get_ref<Q: KeyOf<T> + ?Sized, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R> {
        self.look(self.query(key), |held| f(&held.value))
    }

    /// The value of a key, and whether it is as good as new. Counts like [`get`](View::get). O(1).
    ///
    /// ```
    /// use larder::{ManualClock, manager::{CacheKind, CacheManager, Freshness}};
    /// use std::time::Duration;
    ///
    /// let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
    /// let manager = CacheManager::builder().clock(&clock).build();
    /// let users = manager.view(CacheKind::User).with_refresh(minute).with_soft_ttl(5 * minute);
    /// users.set(&7, "Ada");
    /// assert_eq!(users.get_aged(&7), Some(("Ada", Freshness::Fresh)));
    /// clock.advance(minute);
    /// assert_eq!(users.get_aged(&7), Some(("Ada", Freshness::Due)));
    /// clock.advance(4 * minute);
    /// assert_eq!(users.get_aged(&7), Some(("Ada", Freshness::Stale)));
    /// clock.advance(25 * minute);
    /// assert_eq!(users.get_aged(&7), None, "expired, as the settings for users say");
    /// ```
    #[inline]
    pub fn get_aged<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<(V, Freshness)> {
        self.look(self.query(key), |held| (held.value.clone(), self.freshness(held.times)))
    }

    /// The value of a key, cloned. Counts neither as use nor as hit or miss. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.set(&7, "Ada");
    /// assert_eq!((users.peek(&7), users.cache().stats().lookups()), (Some("Ada"), 0));
    /// ```
    pub fn peek<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<V> {
        let (query, entries) = (self.query(key), &self.entries);
        let clone = |stored: &StoredValue| stored.held::<V>().map(|held| held.value.clone());
        let eq = |other: &StoredKey| query.equivalent(other);
        entries.engine().peek(entries.hash(&query), eq, |entry| clone(&entry.value)).flatten()
    }

    /// Whether a key is there. Counts neither as use nor as hit or miss. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.set(&7, "Ada");
    /// assert!(users.has_key(&7) && !users.has_key(&8));
    /// ```
    pub fn has_key<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> bool {
        self.entries.contains_key(&self.query(key))
    }

    /// Sets the value of a key. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.set(&7, "Ada");
    /// users.set(&7, "Augusta");
    /// assert_eq!(users.get(&7), Some("Augusta"));
    /// ```
    pub fn set<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V) {
        self.put(self.query(key), value, IfPresent::Replace, &self.terms);
    }

    /// Sets the value of a key, for an entry that lives for `duration`: see
    /// [`with_ttl`](View::with_ttl). Zero removes the key. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// use std::time::Duration;
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.set_with_ttl(&7, "Ada", Duration::from_secs(5));
    /// assert!(users.ttl(&7).unwrap() <= Duration::from_millis(5_010));
    /// users.set_with_ttl(&7, "Ada", Duration::ZERO);
    /// assert!(!users.has_key(&7));
    /// ```
    pub fn set_with_ttl<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V, duration: Duration) {
        let terms = Terms { span: Span::For(duration), ..self.terms };
        self.put(self.query(key), value, IfPresent::Replace, &terms);
    }

    /// Sets the value of a key that is absent; true if it did. Atomic: of several threads that add the same
    /// key, one succeeds. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let leaders = CacheManager::new().view::<u32>(CacheKind::General);
    /// assert!(leaders.add("leader", 1));
    /// assert!(!leaders.add("leader", 2));
    /// assert_eq!(leaders.get("leader"), Some(1));
    /// ```
    pub fn add<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V) -> bool {
        self.put(self.query(key), value, IfPresent::Keep, &self.terms) == Inserted::Added
    }

    /// The value of a key; if it is absent, `value`, which is stored. Of several threads that come with a
    /// value at once all get the same. [`get_with`](View::get_with) is for values that it takes time to
    /// make. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let themes = CacheManager::new().view::<&str>(CacheKind::User);
    /// assert_eq!(themes.get_or_set(&7, "light"), "light");
    /// assert_eq!(themes.get_or_set(&7, "dark"), "light");
    /// ```
    pub fn get_or_set<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V) -> V {
        self.get_with(key, || value)
    }

    /// The values of several keys, in their order. O(keys).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.set_many([(&1, "Ada"), (&2, "Grace")]);
    /// assert_eq!(users.get_many(&[2, 3, 1]), [Some("Grace"), None, Some("Ada")]);
    /// ```
    pub fn get_many<'q, Q: KeyOf<T> + ?Sized + 'q>(
        &self,
        keys: impl IntoIterator<Item = &'q Q>,
    ) -> Vec<Option<V>> {
        // The iterator is the caller's code: not to be run while pinned.
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

    /// Sets the values of several keys, one after the other. O(keys).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let targets = CacheManager::new().view::<u32>(CacheKind::Url);
    /// targets.set_many([("a", 1), ("b", 2)]);
    /// assert_eq!(targets.get("b"), Some(2));
    /// ```
    pub fn set_many<'q, Q: KeyOf<T> + ?Sized + 'q>(
        &self,
        entries: impl IntoIterator<Item = (&'q Q, V)>,
    ) {
        entries.into_iter().for_each(|(key, value)| self.set(key, value));
    }

    /// Removes a key; true if it was there. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.set(&7, "Ada");
    /// assert!(users.delete(&7));
    /// assert!(!users.delete(&7));
    /// ```
    pub fn delete<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> bool {
        self.entries.invalidate(&self.query(key))
    }

    /// Removes a key and returns its value: to one caller, if several remove it at once. O(1).
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

    /// Removes several keys, one after the other; says how many of them were there. O(keys).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.set_many([(&1, "Ada"), (&2, "Grace")]);
    /// assert_eq!(users.delete_many(&[1, 2, 3]), 2);
    /// ```
    pub fn delete_many<'q, Q: KeyOf<T> + ?Sized + 'q>(
        &self,
        keys: impl IntoIterator<Item = &'q Q>,
    ) -> usize {
        keys.into_iter().filter(|key| self.delete(*key)).count()
    }

    /// Begins the time of a key's entry anew, as if it was written now: by the cache's settings, or by the
    /// [view's](View::with_ttl); false if the key is absent. Does not count as hit or miss. O(1).
    ///
    /// ```
    /// use larder::{ManualClock, manager::{CacheKind, CacheManager}};
    /// use std::time::Duration;
    ///
    /// let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
    /// let manager = CacheManager::builder().clock(&clock).build();
    /// let users = manager.view::<&str>(CacheKind::User);
    /// users.set(&7, "Ada");
    /// clock.advance(20 * minute);
    /// assert!(users.touch(&7));
    /// clock.advance(29 * minute);
    /// assert_eq!(users.get(&7), Some("Ada"));
    /// assert!(!users.touch(&8));
    /// ```
    pub fn touch<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> bool {
        self.touch_by(key, self.terms.span)
    }

    /// Gives the entry of a key `duration` to live from now on, whatever the cache's settings say; false if the
    /// key is absent. Zero removes it. [`Duration::MAX`]: no limit. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// use std::time::Duration;
    /// let users = CacheManager::new().view::<&str>(CacheKind::User);
    /// users.set(&7, "Ada");
    /// assert!(users.set_ttl(&7, Duration::from_secs(24 * 60 * 60)));
    /// assert!(users.ttl(&7).unwrap() > Duration::from_secs(23 * 60 * 60));
    /// ```
    pub fn set_ttl<Q: KeyOf<T> + ?Sized>(&self, key: &Q, duration: Duration) -> bool {
        self.touch_by(key, Span::For(duration))
    }

    fn touch_by<Q: KeyOf<T> + ?Sized>(&self, key: &Q, span: Span) -> bool {
        let query = self.query(key);
        self.entries.tend();
        self.entries.engine().touch(self.entries.hash(&query), |key| query.equivalent(key), span)
    }

    /// How long the entry of a key has yet to live, if nobody uses it: [`Duration::MAX`] if there is no
    /// limit, `None` if it is absent. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let targets = CacheManager::new().view::<&str>(CacheKind::Url);
    /// targets.set(&7, "https://example.com/");
    /// assert!(targets.ttl(&7).unwrap().as_secs() <= 60 * 60);
    /// assert_eq!(targets.ttl(&8), None);
    /// ```
    pub fn ttl<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<Duration> {
        self.entries.ttl(&self.query(key))
    }

    /// [`set`](View::set), by the name that it has in [`Cache`](crate::Cache::insert). O(1).
    pub fn insert<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V) {
        self.set(key, value);
    }

    /// [`set_with_ttl`](View::set_with_ttl), by the name that it has in
    /// [`Cache`](crate::Cache::insert_with_ttl). O(1).
    pub fn insert_with_ttl<Q: KeyOf<T> + ?Sized>(&self, key: &Q, value: V, duration: Duration) {
        self.set_with_ttl(key, value, duration);
    }

    /// [`delete`](View::delete), by the name that it has in [`Cache`](crate::Cache::invalidate). O(1).
    pub fn invalidate<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> bool {
        self.delete(key)
    }

    /// [`has_key`](View::has_key), by the name that it has in [`Cache`](crate::Cache::contains_key). O(1).
    pub fn contains_key<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> bool {
        self.has_key(key)
    }

    /// Makes everything in the view's namespace stale, whatever the type of its values, by going on to its
    /// next version: see [`Namespace::incr_version`](crate::manager::Namespace::incr_version). O(1). A view
    /// [of one version](View::with_version) goes on to find what it has found. To clear the whole cache there
    /// is [`ManagedCache::clear`](crate::manager::ManagedCache::clear).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let all = CacheManager::new().view::<u32>(CacheKind::General);
    /// let clicks = all.clone().with_namespace("clicks");
    /// all.set("b3", 1);
    /// clicks.set("b3", 1);
    /// clicks.clear();
    /// assert_eq!((all.get("b3"), clicks.get("b3")), (Some(1), None));
    /// ```
    pub fn clear(&self) {
        self.namespace.incr_version();
    }
}
