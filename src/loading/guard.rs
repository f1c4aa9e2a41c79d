//! Guards: the lead of a load as a value, for a caller that inserts the loaded value itself.
//!
//! A guard is a lead without a lifetime (`engine/load/handed.rs`) and a clock. `guarded.rs` has the
//! methods that return guards.

use crate::{
    Cache, RandomState, TooManyTags, WeakCache,
    engine::{
        invalidate::tags::Tags,
        load::{
            fill::{Filled, LoadTimer},
            handed::{HandedLead, Holder},
            lead::Lead,
        },
        ops::insert::EntryOptions,
        time::options::TimeOptions,
    },
};
use std::{
    fmt,
    hash::{BuildHasher, Hash},
    time::Duration,
};

/// What happened to a value that a [`LoadGuard`] inserted. Waiting callers have got it in every
/// case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LoadOutcome {
    /// The value was stored.
    Stored,
    /// The value was not stored: the key has been written, removed or invalidated since the guard
    /// was returned.
    Superseded,
    /// The value was not stored: there was no room for it, or the cache has been dropped.
    Rejected,
}

impl From<Filled> for LoadOutcome {
    fn from(filled: Filled) -> Self {
        match filled {
            Filled::Stored => Self::Stored,
            Filled::Superseded => Self::Superseded,
            Filled::Rejected => Self::Rejected,
        }
    }
}

/// The right to load the value of a key, while other callers wait; comes from
/// [`Cache::get_or_guard`] and its variants, which state the rules.
///
/// A guard can be kept, sent to another thread or moved into a task. It holds reference counts and
/// no lock. It does not keep the cache alive.
///
/// [`insert`](LoadGuard::insert) stores a value and gives it to all waiting callers. The drop of a
/// guard abandons the load: one of the waiting callers gets a guard in its place, or runs its
/// loader if it has one. A guard that is *kept* or forgotten keeps them waiting.
///
/// ```
/// use larder::{Cache, LoadOutcome};
/// use std::thread;
///
/// let pages: Cache<&str, String> = Cache::new(100);
/// let guard = pages.get_or_guard("/").expect_err("absent");
///
/// let waiting = thread::spawn({
///     let pages = pages.clone();
///     move || pages.get_with("/", || unreachable!("the guard loads it"))
/// });
/// # while pages.stats().misses < 2 {
/// #     thread::yield_now();
/// # }
/// // Another thread computes the value.
/// let maker = thread::spawn(move || guard.insert("welcome".to_owned()));
/// assert_eq!(maker.join().unwrap(), LoadOutcome::Stored);
/// assert_eq!(waiting.join().unwrap(), "welcome");
/// assert_eq!(pages.get("/").as_deref(), Some("welcome"));
/// ```
#[must_use = "a guard that is dropped abandons its load"]
pub struct LoadGuard<K, V, S = RandomState>(Box<Parts<K, V, S>>);

/// Boxed, since a guard is the error of a result, which is moved.
struct Parts<K, V, S> {
    lead: HandedLead<K, V>,
    cache: WeakCache<K, V, S>,
    timer: LoadTimer,
}

impl<K, V, S> LoadGuard<K, V, S> {
    /// Creates a guard for a load that begins now.
    pub(super) fn new(cache: &Cache<K, V, S>, lead: Lead<'_, K, V>) -> Self {
        let timer = cache.engine().start_timer();
        let (lead, cache) = (lead.hand_over(Holder::Caller), cache.downgrade());
        Self(Box::new(Parts { lead, cache, timer }))
    }

    /// Returns the key that is loaded.
    ///
    /// ```
    /// let cache: larder::Cache<&str, u32> = larder::Cache::new(10);
    /// assert_eq!(*cache.get_or_guard("four").unwrap_err().key(), "four");
    /// ```
    #[must_use]
    pub fn key(&self) -> &K {
        self.0.lead.key()
    }

    /// Returns the present value, which was not accepted and is to be replaced; `None` if the key
    /// was absent. If the guard is dropped, the value stays.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert("page", "version 1");
    /// let guard = cache.get_or_guard_if("page", |page| *page == "version 2").unwrap_err();
    /// assert_eq!(guard.old_value(), Some(&"version 1"));
    /// drop(guard);
    /// assert_eq!(cache.get("page"), Some("version 1"));
    /// ```
    #[must_use]
    pub fn old_value(&self) -> Option<&V> {
        self.0.lead.old()
    }

    /// Returns whether it is already known that an inserted value will not be stored: the key has
    /// been written, removed or invalidated since the guard was returned. O(1).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// let guard = cache.get_or_guard("four").unwrap_err();
    /// assert!(!guard.is_superseded());
    /// cache.insert("four", 4);
    /// assert!(guard.is_superseded());
    /// ```
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        self.0.lead.is_superseded()
    }

    /// Returns how long the load has taken so far, by the cache's clock.
    #[cfg(feature = "manager")]
    pub(crate) fn took(&self) -> Duration {
        self.0.timer.stop().by_clock
    }
}

impl<K, V, S> LoadGuard<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// Stores the value of the key, unless the key has been written, removed or invalidated since
    /// the guard was returned, and gives it to all waiting callers. As with [`Cache::insert`], the
    /// entry has no tags and lives as long as the cache's rules say. O(1), and O(1) for each
    /// waiting caller.
    ///
    /// ```
    /// use larder::{Cache, LoadOutcome};
    ///
    /// let cache = Cache::new(10);
    /// let guard = cache.get_or_guard("four").unwrap_err();
    /// assert_eq!(guard.insert(4), LoadOutcome::Stored);
    /// assert_eq!(cache.get("four"), Some(4));
    ///
    /// // An invalidation meanwhile means that the value may be too old.
    /// let guard = cache.get_or_guard("five").unwrap_err();
    /// cache.invalidate("five");
    /// assert_eq!(guard.insert(5), LoadOutcome::Superseded);
    /// assert_eq!(cache.get("five"), None);
    /// ```
    pub fn insert(self, value: V) -> LoadOutcome {
        self.insert_on(value, &EntryOptions::BY_RULE)
    }

    /// [`insert`](LoadGuard::insert) for an entry that lives for `duration`, as by
    /// [`Cache::insert_with_ttl`]. With a duration of zero, the value is only given to waiting
    /// callers, and the value that it was to replace is removed.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let cache = larder::Cache::new(10);
    /// let guard = cache.get_or_guard("token").unwrap_err();
    /// guard.insert_with_ttl(1234, Duration::from_secs(60));
    /// assert!(cache.ttl("token").unwrap() > Duration::from_secs(59));
    /// ```
    pub fn insert_with_ttl(self, value: V, duration: Duration) -> LoadOutcome
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        self.insert_for(value, duration, Tags::NONE)
    }

    /// [`insert`](LoadGuard::insert) for an entry with tags, as by [`Cache::insert_tagged`].
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// let guard = cache.get_or_guard("/me").unwrap_err();
    /// let _ = guard.insert_tagged("profile", ["user 7"])?;
    /// cache.invalidate_tag("user 7");
    /// assert_eq!(cache.get("/me"), None);
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
        let tags = self.tags(tags)?;
        Ok(self.insert_on(value, &EntryOptions { tags, ..EntryOptions::BY_RULE }))
    }

    /// [`insert_tagged`](LoadGuard::insert_tagged) for an entry that lives for `duration`, as by
    /// [`Cache::insert_tagged_with_ttl`].
    ///
    /// # Errors
    ///
    /// As for [`insert_tagged`](LoadGuard::insert_tagged).
    pub fn insert_tagged_with_ttl(
        self,
        value: V,
        tags: impl IntoIterator<Item = impl Hash>,
        duration: Duration,
    ) -> Result<LoadOutcome, TooManyTags>
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        let tags = self.tags(tags)?;
        Ok(self.insert_for(value, duration, tags))
    }

    fn tags(&self, tags: impl IntoIterator<Item = impl Hash>) -> Result<Tags, TooManyTags> {
        self.0.cache.upgrade().map_or(Ok(Tags::NONE), |cache| cache.tags(tags))
    }

    fn insert_for(self, value: V, duration: Duration, tags: Tags) -> LoadOutcome
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        if let Some(cache) = self.0.cache.upgrade() {
            cache.start_maintenance();
        }
        self.insert_on(value, &EntryOptions { time: TimeOptions::exactly(duration), tags })
    }

    /// Stores the value and lands. Runs destructors after that.
    pub(crate) fn insert_on(self, value: V, options: &EntryOptions) -> LoadOutcome {
        let Parts { lead, timer, .. } = *self.0;
        let stored = lead.take_up(|lead| {
            let (engine, took) = (lead.engine(), timer.stop());
            engine.count_load(took.wall, false);
            engine.conclude([lead.hash()], |unused| {
                lead.store(K::clone, value, options, took.by_clock, unused)
            })
        });
        stored.map_or(LoadOutcome::Rejected, |(filled, _)| filled.into())
    }
}

impl<K, V, S> fmt::Debug for LoadGuard<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadGuard")
            .field("replaces", &self.old_value().is_some())
            .field("superseded", &self.is_superseded())
            .finish_non_exhaustive()
    }
}
