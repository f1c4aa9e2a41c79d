//! How long entries live, as the user says it.

use crate::{
    Cache,
    engine::{
        ops::insert::{IfPresent, Terms},
        storage::nodes::Entry,
        time::lifetimes::Span,
    },
};
use equivalent::Equivalent;
use std::{
    hash::{BuildHasher, Hash},
    time::{Duration, Instant},
};

/// Decides for each entry how long it lives.
///
/// Given to [`CacheBuilder::expire_after`](crate::CacheBuilder::expire_after). Each method returns
/// how long the entry is to live from now on, or `None` for no limit of its own. A value that is to
/// live for zero when it is written is not stored, and its key is absent afterwards. Whatever it
/// says, the cache's [`time_to_live`](crate::CacheBuilder::time_to_live) and
/// [`time_to_idle`](crate::CacheBuilder::time_to_idle) hold, too: the earliest end counts. An entry
/// that was [given a time](Cache::insert_with_ttl) by a caller has that instead, and is not asked
/// about, until its value is replaced.
///
/// The methods run in the thread that uses the cache, while it is pinned: they should be quick. One
/// that panics leaves the cache as it was.
///
/// ```
/// use larder::{Cache, Expiry, ManualClock};
/// use std::time::{Duration, Instant};
///
/// struct ByLength;
///
/// impl Expiry<u32, String> for ByLength {
///     fn expire_after_create(&self, _: &u32, value: &String, _: Instant) -> Option<Duration> {
///         Some(Duration::from_secs(value.len() as u64))
///     }
/// }
///
/// let clock = ManualClock::new();
/// let cache = Cache::builder().max_capacity(10).clock(&clock).expire_after(ByLength).build();
/// cache.insert(1, "short".to_owned());
/// cache.insert(2, "quite a bit longer".to_owned());
/// clock.advance(Duration::from_secs(6));
/// assert!(!cache.contains_key(&1) && cache.contains_key(&2));
/// ```
pub trait Expiry<K, V>: Send + Sync {
    /// Called when a key that was absent, or expired, is inserted. No limit, by default.
    fn expire_after_create(&self, key: &K, value: &V, created_at: Instant) -> Option<Duration> {
        let _ = (key, value, created_at);
        None
    }

    /// Called when a lookup has found the entry, which has `remaining` to live. By default nothing
    /// changes.
    fn expire_after_read(
        &self,
        key: &K,
        value: &V,
        read_at: Instant,
        remaining: Option<Duration>,
        last_modified_at: Instant,
    ) -> Option<Duration> {
        let _ = (key, value, read_at, last_modified_at);
        remaining
    }

    /// Called when a key that is present gets another value; the old one had `remaining` to live.
    /// By default that is not changed.
    fn expire_after_update(
        &self,
        key: &K,
        value: &V,
        updated_at: Instant,
        remaining: Option<Duration>,
    ) -> Option<Duration> {
        let _ = (key, value, updated_at);
        remaining
    }
}

impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    /// Sets the value of a key, as [`insert`](Cache::insert), for an entry that lives for
    /// `duration`. O(1).
    ///
    /// That stands in place of all rules of the cache: its
    /// [`time_to_live`](crate::CacheBuilder::time_to_live) and
    /// [`time_to_idle`](crate::CacheBuilder::time_to_idle) do not concern the entry, reads make its
    /// time neither longer nor shorter, and an [`Expiry`] is not asked. The next write of the key
    /// is by the rules again.
    ///
    /// A duration of zero removes the key and evicts nothing: the value is not stored, and the
    /// listener hears of it with [`RemovalCause::Expired`](crate::RemovalCause::Expired). One
    /// beyond 292 million years is no limit.
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let cache = Cache::builder().max_capacity(10).clock(&clock).build();
    /// cache.insert_with_ttl("token", 1234, Duration::from_secs(30));
    /// clock.advance(Duration::from_secs(29));
    /// assert_eq!(cache.get("token"), Some(1234));
    /// clock.advance(Duration::from_secs(1));
    /// assert_eq!(cache.get("token"), None);
    /// ```
    pub fn insert_with_ttl(&self, key: K, value: V, duration: Duration)
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        self.tend();
        let hash = self.hash(&key);
        let terms = Terms { span: Span::For(duration), ..Terms::BY_RULE };
        self.engine().insert_on(hash, Entry { key, value }, IfPresent::Replace, &terms);
    }

    /// Returns how long the entry of a key has yet to live if it is not used: [`Duration::MAX`] if
    /// there is no limit, `None` if the key is absent. Does not count as use. O(1).
    ///
    /// ```
    /// use std::time::Duration;
    /// let cache = larder::Cache::new(10);
    /// cache.insert_with_ttl(1, "one", Duration::from_secs(60));
    /// cache.insert(2, "two");
    /// assert!(cache.ttl(&1).unwrap() > Duration::from_secs(59));
    /// assert_eq!((cache.ttl(&2), cache.ttl(&3)), (Some(Duration::MAX), None));
    /// ```
    pub fn ttl<Q>(&self, key: &Q) -> Option<Duration>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let life = self.engine().life(self.hash(key), |other| key.equivalent(other))?;
        Some(self.engine().lifetimes().remaining(life.deadline).unwrap_or(Duration::MAX))
    }

    /// Sets the time that the entry of a key has to live, from now on; returns false if the key is
    /// absent. Redis calls this `EXPIRE`, Django `touch` with a timeout; [`touch`](Cache::touch)
    /// restarts the time that the cache's rules give.
    ///
    /// The time stands in place of what was said before, and of all rules of the cache, as with
    /// [`insert_with_ttl`](Cache::insert_with_ttl). Zero removes the entry from all lookups. Does
    /// not count as use. O(1).
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let minute = Duration::from_secs(60);
    /// let cache = Cache::builder().max_capacity(10).time_to_live(minute).clock(&clock).build();
    /// cache.insert(1, "one");
    /// assert!(cache.set_ttl(&1, 5 * minute));
    /// clock.advance(4 * minute);
    /// assert_eq!(cache.get(&1), Some("one"));
    /// assert!(!cache.set_ttl(&2, minute));
    /// ```
    pub fn set_ttl<Q>(&self, key: &Q, duration: Duration) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        self.tend();
        self.engine().touch(self.hash(key), |other| key.equivalent(other), Span::For(duration))
    }

    /// Restarts the time of a key's entry, as if its value was written now by a plain
    /// [`insert`](Cache::insert); returns false if the key is absent. The value stays, and nothing
    /// is reported to the listener. [`set_ttl`](Cache::set_ttl) gives the entry a time of its own.
    ///
    /// The cache's [`time_to_live`](crate::CacheBuilder::time_to_live) and
    /// [`time_to_idle`](crate::CacheBuilder::time_to_idle) begin anew. A time that a caller gave to
    /// the entry no longer holds. An end that an [`Expiry`] has set stays: it is not asked again.
    /// Does not count as hit or miss. O(1).
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let minute = Duration::from_secs(60);
    /// let cache = Cache::builder().max_capacity(10).time_to_live(minute).clock(&clock).build();
    /// cache.insert(1, "one");
    /// clock.advance(minute / 2);
    /// assert!(cache.touch(&1));
    /// assert_eq!(cache.ttl(&1), Some(minute));
    /// assert!(!cache.touch(&2));
    /// ```
    pub fn touch<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        self.tend();
        self.engine().touch(self.hash(key), |other| key.equivalent(other), Span::ByRule)
    }
}
