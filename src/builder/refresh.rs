//! Values that are old, or about to be.

use super::CacheBuilder;
use crate::{engine::load::refresh::RefreshRules, process::pool};
use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

/// # Old values
impl<K, V, S> CacheBuilder<K, V, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// Keeps expired values for `duration` longer, in case a load fails: if the loader of
    /// [`try_get_with`](crate::Cache::try_get_with) and its kin returns an error, and the value
    /// that it was to replace expired less than `duration` ago, then that value is the answer, for
    /// those who wait for the load, too. To everything else it is absent.
    ///
    /// It counts against the capacity, and may be evicted, like any other. What must not come back
    /// has to be removed, not given a short time to live. The failed load is counted as such, and
    /// the next lookup loads again.
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
    /// let cache = Cache::builder()
    ///     .max_capacity(10)
    ///     .time_to_live(minute)
    ///     .stale_if_error(10 * minute)
    ///     .clock(&clock)
    ///     .build();
    /// cache.insert("rate", 1.08);
    /// clock.advance(5 * minute);
    /// assert_eq!(cache.get("rate"), None);
    /// assert_eq!(cache.try_get_with("rate", || Err("timed out")), Ok(1.08));
    /// clock.advance(6 * minute);
    /// assert!(cache.try_get_with("rate", || Err("timed out")).is_err());
    /// ```
    #[must_use]
    pub fn stale_if_error(mut self, duration: Duration) -> Self {
        self.settings.grace = duration;
        self
    }

    /// Refreshes values before they expire: a random lookup that comes early loads the value anew,
    /// so that not all callers find it expired at the same moment.
    ///
    /// The rule is XFetch (Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede
    /// Prevention", VLDB 2015): a lookup by [`get_with`](crate::Cache::get_with) and its kin
    /// refreshes a value that has less to live than its last load took, times `beta`, times a
    /// random number whose mean is 1. With `beta` 1.0 that is optimal; more is earlier; 0.0 is
    /// never. A value that was inserted, not loaded, is not refreshed early.
    ///
    /// With [`refresh_after`](Self::refresh_after) that is done in the background. Without, the one
    /// caller loads, with the loader it has brought, while others get the old value; so does it if
    /// its loader comes to nothing (an error is then not returned, but counted).
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    /// let cache = Cache::builder()
    ///     .max_capacity(10)
    ///     .time_to_live(60 * second)
    ///     .early_refresh(1.0)
    ///     .clock(&clock)
    ///     .build();
    /// let slowly = |value| {
    ///     clock.advance(2 * second);
    ///     value
    /// };
    /// cache.get_with("page", || slowly(1));
    /// // The end is so far that no random number will do.
    /// assert_eq!(cache.get_with("page", || slowly(2)), 1);
    /// clock.advance(59 * second + second / 2);
    /// // Half a second is left, of a value that took two: this is likely to be soon.
    /// while cache.get_with("page", || slowly(3)) != 3 {}
    /// assert_eq!(cache.stats().refreshes, 1);
    /// ```
    #[must_use]
    pub fn early_refresh(mut self, beta: f64) -> Self {
        self.refresh_rules().beta = beta;
        self.maintained()
    }

    /// Makes a refresh that brings what there is already, as `same` compares the old value and the
    /// new one, a change of times only: the value counts as written anew, and the
    /// [`eviction_listener`](CacheBuilder::eviction_listener) is not called. Without this, or where
    /// `same` returns false, the listener hears of the old value with
    /// [`RemovalCause::Replaced`](crate::RemovalCause::Replaced).
    ///
    /// For values in an [`Arc`], `Arc::ptr_eq` tells whether a loader has returned the same `Arc`
    /// as before, and `PartialEq::eq` whether what it has returned is equal. `same` runs in the
    /// thread that refreshes, while it is pinned, and before those who wait for the refresh go on.
    /// If it panics, the old value stays.
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::{sync::{Arc, atomic::{AtomicU32, Ordering::Relaxed}}, time::Duration};
    ///
    /// let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
    /// let told = Arc::new(AtomicU32::new(0));
    /// let (heard, page) = (told.clone(), Arc::new("page"));
    /// let cache = Cache::builder()
    ///     .max_capacity(10)
    ///     .refresh_after(minute, move |_: &u32| Some(page.clone()))
    ///     .refresh_executor(|job| job())
    ///     .refresh_unchanged_if(Arc::ptr_eq)
    ///     .eviction_listener(move |_, _, _| _ = heard.fetch_add(1, Relaxed))
    ///     .clock(&clock)
    ///     .build();
    /// cache.insert(1, Arc::new("old page"));
    /// for _ in 0..3 {
    ///     clock.advance(minute);
    ///     cache.get_with(1, || unreachable!());
    /// }
    /// assert_eq!((cache.stats().refreshes, told.load(Relaxed)), (3, 1));
    /// ```
    #[must_use]
    pub fn refresh_unchanged_if(
        mut self,
        same: impl Fn(&V, &V) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.refresh_rules().same = Some(Box::new(same));
        self
    }

    fn refresh_rules(&mut self) -> &mut RefreshRules<K, V> {
        self.settings.lifetimes.refresh_rules.get_or_insert_default()
    }
}

/// # Refreshing in the background
///
/// A value is old when it was written longer than the given duration ago. The first lookup by
/// [`get_with`](crate::Cache::get_with) or one of its kin, threads' or futures', that finds it old
/// returns it as it is, and has `loader` bring a new one. Until that has come, all who ask get the
/// old value. Values that are not looked up are not refreshed: they age, and expire, if there is a
/// [`time_to_live`](CacheBuilder::time_to_live) longer than that. Other lookups, such as
/// [`get`](crate::Cache::get), refresh nothing.
///
/// - There is one load per key at a time, refreshes included. A write of the key while it is
///   refreshed wins, as over any load.
/// - A new value starts its time to live anew, by the cache's rules, whatever
///   [`insert_with_ttl`](crate::Cache::insert_with_ttl) or [`set_ttl`](crate::Cache::set_ttl) has
///   said of the old one, and has the old one's [tags](crate::Cache::insert_tagged). It replaces
///   the very value that was found old; if that has been evicted meanwhile, it is stored all the
///   same.
/// - If `loader` returns `None` or panics, the old value stays until its own end. That is counted
///   in [`CacheStats::refresh_failures`](crate::CacheStats::refresh_failures), and not tried again
///   before a second has passed, or `duration`, if that is shorter.
/// - A loader that finds nothing new may return the same `Arc`, or an equal value: with
///   [`refresh_unchanged_if`](CacheBuilder::refresh_unchanged_if) the listener is not told that it
///   was replaced.
/// - What is *absent* is loaded by the caller, with the loader that it has brought; so it is if it
///   expires before its refresh has begun. If that has begun, the caller waits for it.
/// - A refresh does not keep the cache alive. Refreshes are independent; they only queue for a free
///   thread.
///
/// This is `refreshAfterWrite` of Caffeine, with one difference: callers bring loaders of their
/// own. Those may borrow from their caller and need not be `Send`, so they cannot run in another
/// thread, and the loader for refreshes is the cache's.
impl<K, V, S> CacheBuilder<K, V, S>
where
    K: Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Refreshes values that are older than `duration` with `loader`, in the background. A second
    /// call replaces the settings of the first.
    ///
    /// `loader` runs in one of up to four threads named `larder-refresh`, which all caches of the
    /// process share, and which end when they have had nothing to do for ten seconds; or wherever
    /// [`refresh_executor`](Self::refresh_executor) says. If more loaders than that are slow at a
    /// time, further refreshes wait for them. Maintenance never does.
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
    /// let cache = Cache::builder()
    ///     .max_capacity(10)
    ///     .time_to_live(60 * minute)
    ///     .refresh_after(minute, |key: &u64| Some(key * 2))
    ///     .clock(&clock)
    ///     .build();
    /// assert_eq!(cache.get_with(21, || 0), 0);
    /// clock.advance(minute);
    /// assert_eq!(cache.get_with(21, || unreachable!()), 0);
    /// while cache.stats().refreshes == 0 {
    ///     std::thread::yield_now();
    /// }
    /// assert_eq!(cache.get(&21), Some(42));
    /// ```
    #[must_use]
    pub fn refresh_after(
        mut self,
        duration: Duration,
        loader: impl Fn(&K) -> Option<V> + Send + Sync + 'static,
    ) -> Self {
        let loader = Arc::new(loader);
        self.refresh_rules().set_after(duration, move |refresh, executor| {
            let loader = Arc::clone(&loader);
            let job = Box::new(move || refresh.run(&*loader));
            match executor {
                Some(executor) => executor(job),
                None => pool::run(job),
            }
        });
        self.maintained()
    }

    /// [`refresh_after`](Self::refresh_after) with a loader that makes futures; `spawn` is to have
    /// each of them polled to its end. The calling lookup runs `spawn`, so that should be quick. A
    /// future that `spawn` drops, or panics over, is a refresh that has failed.
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
    /// let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
    /// let cache = Cache::builder()
    ///     .max_capacity(10)
    ///     .refresh_after_async(
    ///         minute,
    ///         |&key: &u64| async move { Some(key * 2) },
    ///         |refresh| drop(tokio::spawn(refresh)),
    ///     )
    ///     .clock(&clock)
    ///     .build();
    /// assert_eq!(cache.get_with_async(21, async { 0 }).await, 0);
    /// clock.advance(minute);
    /// assert_eq!(cache.get_with_async(21, async { unreachable!() }).await, 0);
    /// while cache.stats().refreshes == 0 {
    ///     tokio::task::yield_now().await;
    /// }
    /// assert_eq!(cache.get(&21), Some(42));
    /// # });
    /// ```
    #[must_use]
    pub fn refresh_after_async<F>(
        mut self,
        duration: Duration,
        loader: impl Fn(&K) -> F + Send + Sync + 'static,
        spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Option<V>> + Send + 'static,
    {
        let loader = Arc::new(loader);
        self.refresh_rules().set_after(duration, move |refresh, _| {
            let loader = Arc::clone(&loader);
            spawn(Box::pin(async move { refresh.run_async(&*loader).await }));
        });
        self.maintained()
    }

    /// Sets what runs the loader of [`refresh_after`](Self::refresh_after). `run` should pass its
    /// job to a thread, since the lookup that calls it waits until it returns. If it drops the job
    /// or panics, the refresh has failed.
    ///
    /// ```
    /// use larder::Cache;
    /// use std::time::Duration;
    ///
    /// let cache: Cache<u64, u64> = Cache::builder()
    ///     .max_capacity(10)
    ///     .refresh_after(Duration::from_secs(60), |key| Some(key * 2))
    ///     .refresh_executor(|job| drop(std::thread::spawn(job)))
    ///     .build();
    /// assert_eq!(cache.get_with(1, || 2), 2);
    /// ```
    #[must_use]
    pub fn refresh_executor(
        mut self,
        run: impl Fn(Box<dyn FnOnce() + Send>) + Send + Sync + 'static,
    ) -> Self {
        self.refresh_rules().set_executor(run);
        self
    }
}
