//! Lifetimes of single entries.

use crate::{
    Cache,
    engine::{
        ops::insert::{EntryOptions, IfPresent},
        storage::nodes::Entry,
        time::options::TimeOptions,
    },
};
use equivalent::Equivalent;
use std::{
    hash::{BuildHasher, Hash},
    time::Duration,
};

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
    /// time neither longer nor shorter, and an [`Expiry`](crate::Expiry) is not asked. The next
    /// write of the key is by the rules again.
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
        self.start_maintenance();
        let hash = self.hash(&key);
        let options =
            EntryOptions { time: TimeOptions::exactly(duration), ..EntryOptions::BY_RULE };
        self.engine().insert_on(hash, Entry { key, value }, IfPresent::Replace, &options);
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
        self.start_maintenance();
        self.touch_by(key, &TimeOptions::exactly(duration))
    }

    /// Restarts the time of a key's entry, as if its value was written now by a plain
    /// [`insert`](Cache::insert); returns false if the key is absent. The value stays, and nothing
    /// is reported to the listener. [`set_ttl`](Cache::set_ttl) gives the entry a time of its own.
    ///
    /// The cache's [`time_to_live`](crate::CacheBuilder::time_to_live) and
    /// [`time_to_idle`](crate::CacheBuilder::time_to_idle) begin anew. A time that a caller gave to
    /// the entry no longer holds. An end that an [`Expiry`](crate::Expiry) has set stays: it is not
    /// asked again. Does not count as hit or miss. O(1).
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
        self.start_maintenance();
        self.touch_by(key, &TimeOptions::BY_RULE)
    }

    pub(crate) fn touch_by<Q>(&self, key: &Q, options: &TimeOptions) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.engine().touch(self.hash(key), |other| key.equivalent(other), options)
    }
}
