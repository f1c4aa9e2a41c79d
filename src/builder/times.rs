//! How long entries live, and what looks after that.

use super::CacheBuilder;
use crate::{
    Clock, Expiry, Maintenance,
    engine::{MaintenanceHandle, time::lifetimes::Rules},
};
use std::time::Duration;

impl<K, V, S> CacheBuilder<K, V, S> {
    /// Sets the clock that the cache reads. The default is the system's.
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// let cache = Cache::builder().max_capacity(10).time_to_live(day).clock(&clock).build();
    /// cache.insert(1, "one");
    /// clock.advance(day);
    /// assert_eq!(cache.get(&1), None);
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.settings.lifetimes.clock = clock.into();
        self
    }

    /// Sets what removes expired entries while the cache is not used. The default is threads that
    /// all caches share. Lookups return no expired value either way.
    ///
    /// ```
    /// use larder::{Cache, Maintenance};
    /// use std::time::Duration;
    ///
    /// let cache: Cache<u64, u64> = Cache::builder()
    ///     .max_capacity(10)
    ///     .time_to_live(Duration::from_secs(60))
    ///     .maintenance(Maintenance::Manual)
    ///     .build();
    /// cache.run_pending_tasks();
    /// ```
    #[must_use]
    pub fn maintenance(mut self, maintenance: Maintenance) -> Self {
        self.settings.maintenance = maintenance;
        self
    }

    /// Sets the share of [`time_to_live`](Self::time_to_live) that is random, from 0.0 to 1.0: each
    /// entry lives at least `1.0 - share` times as long, and at most as long. So entries that were
    /// written together do not expire together. Jitter does not apply to
    /// [`Cache::insert_with_ttl`](crate::Cache::insert_with_ttl), to
    /// [`time_to_idle`](Self::time_to_idle) or to what an [`Expiry`] returns.
    ///
    /// ```
    /// use larder::Cache;
    /// use std::time::Duration;
    ///
    /// let cache = Cache::builder()
    ///     .max_capacity(10)
    ///     .time_to_live(Duration::from_secs(100))
    ///     .jitter(0.2)
    ///     .build();
    /// cache.insert(1, "one");
    /// assert!(cache.ttl(&1).unwrap() > Duration::from_secs(79));
    /// ```
    #[must_use]
    pub fn jitter(self, share: f64) -> Self {
        self.settings.lifetimes.jitter.set(share);
        self
    }
}

/// Time. Only for keys and values that another thread may come to drop: see
/// [`maintenance`](CacheBuilder::maintenance).
impl<K, V, S> CacheBuilder<K, V, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// Sets how long an entry lives after it was inserted or its value was replaced.
    ///
    /// A value is not returned more than 10 ms after that. (Where a virtual machine gets no
    /// processor for its clock's ticks, that time is added: see [`Clock`].) It is not removed
    /// before, except to make room. With zero, nothing is stored except entries that get a time of
    /// their own. More than 584 years is no limit.
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let minute = Duration::from_secs(60);
    /// let cache = Cache::builder().max_capacity(10).time_to_live(minute).clock(&clock).build();
    /// cache.insert(1, "one");
    /// clock.advance(minute - Duration::from_millis(1));
    /// assert_eq!(cache.get(&1), Some("one"));
    /// clock.advance(Duration::from_millis(1));
    /// assert_eq!(cache.get(&1), None);
    /// ```
    #[must_use]
    pub fn time_to_live(self, duration: Duration) -> Self {
        self.settings.lifetimes.to_live.set(Some(duration));
        self.maintained()
    }

    /// Sets how long an entry lives after it was last inserted, replaced or looked up by a call
    /// that counts as use. Precise to 10 ms, as [`time_to_live`](Self::time_to_live); with both,
    /// the earlier end counts.
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let minute = Duration::from_secs(60);
    /// let cache = Cache::builder().max_capacity(10).time_to_idle(minute).clock(&clock).build();
    /// cache.insert(1, "one");
    /// for _ in 0..3 {
    ///     clock.advance(minute / 2);
    ///     assert_eq!(cache.get(&1), Some("one"));
    /// }
    /// clock.advance(minute);
    /// assert_eq!(cache.get(&1), None);
    /// ```
    #[must_use]
    pub fn time_to_idle(self, duration: Duration) -> Self {
        self.settings.lifetimes.to_idle.set(Some(duration));
        self.maintained()
    }

    /// Sets what decides for each entry how long it lives: see [`Expiry`].
    #[must_use]
    pub fn expire_after(mut self, expiry: impl Expiry<K, V> + 'static) -> Self {
        self.settings.lifetimes.expiry = Some(Box::new(expiry));
        self.maintained()
    }

    /// Allows the times to live and to idle to change while the cache is in use, whether it has any
    /// now or not.
    #[cfg(feature = "manager")]
    pub(crate) fn changing_times(mut self) -> Self {
        self.settings.lifetimes.rules = Rules::Changing;
        self.maintained()
    }

    pub(super) fn maintained(mut self) -> Self {
        if self.settings.lifetimes.rules == Rules::None {
            self.settings.lifetimes.rules = Rules::Fixed;
        }
        self.settings.maintained = Some(MaintenanceHandle::new());
        self
    }
}
