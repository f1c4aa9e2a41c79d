//! How a cache is asked for.

use crate::{
    Cache, Clock, Expiry, Maintenance,
    engine::{Engine, Tended, lifetimes::Lifetimes, plan::Plan, refresh::Freshness},
    errands,
    error::BuildError,
    listener::{Listener, RemovalCause},
};
use ahash::RandomState;
use std::{
    fmt, future::Future, hash::BuildHasher, marker::PhantomData, pin::Pin, sync::Arc,
    time::Duration,
};

/// Builds a [`Cache`]; comes from [`Cache::builder`].
///
/// ```
/// use larder::Cache;
///
/// let users: Cache<u64, String> = Cache::builder().name("users").max_capacity(100_000).build();
/// assert_eq!(users.name(), Some("users"));
///
/// let nonsense = Cache::<u64, String>::builder().max_capacity(10).shards(0).try_build();
/// assert_eq!(
///     nonsense.unwrap_err().to_string(),
///     "shards: 0 is out of range; allowed are 1 to 65536, or leave it unset"
/// );
/// ```
pub struct CacheBuilder<K, V, S = RandomState> {
    name: Option<String>,
    max_capacity: Option<u64>,
    shards: Option<usize>,
    listener: Option<Listener<K, V>>,
    lifetimes: Lifetimes<K, V>,
    maintenance: Maintenance,
    tended: Option<Tended<K, V>>,
    hasher: S,
    cache: PhantomData<fn(K, V)>,
}

impl<K, V> CacheBuilder<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            name: None,
            max_capacity: None,
            shards: None,
            listener: None,
            lifetimes: Lifetimes::endless(Clock::default()),
            maintenance: Maintenance::default(),
            tended: None,
            hasher: RandomState::new(),
            cache: PhantomData,
        }
    }
}

impl<K, V, S> CacheBuilder<K, V, S> {
    /// A name, for logs and [`Debug`].
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The most entries that the cache may hold; 0 stores nothing. Required.
    ///
    /// Memory for that many is set aside at once: about 30 bytes per entry beyond key and value. The
    /// operating system hands out the pages of large caches as they are first used.
    #[must_use]
    pub fn max_capacity(mut self, entries: u64) -> Self {
        self.max_capacity = Some(entries);
        self
    }

    /// The number of shards, rounded up to a power of two; 1 to 65,536.
    ///
    /// Unset, it follows from capacity and cores, and that is nearly always best. More shards keep
    /// more writers out of each other's way; readers never are in it. Fewer, larger shards evict a
    /// little more cleverly. The capacity is the whole cache's in any case.
    ///
    /// ```
    /// let cache: larder::Cache<u64, u64> = larder::Cache::builder().max_capacity(10).shards(3).build();
    /// assert_eq!(cache.policy().shards(), 4);
    /// ```
    #[must_use]
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// The hasher, instead of ahash with random keys, which is safe against chosen keys.
    ///
    /// It need not be good: its output is multiplied once more. But it must not be predictable if
    /// keys come from strangers.
    ///
    /// ```
    /// use std::hash::{BuildHasherDefault, DefaultHasher};
    /// let hasher = BuildHasherDefault::<DefaultHasher>::default();
    /// let cache = larder::Cache::builder().max_capacity(10).hasher(hasher).build();
    /// cache.insert(1, "one");
    /// assert_eq!(cache.get(&1), Some("one"));
    /// ```
    #[must_use]
    pub fn hasher<T: BuildHasher>(self, hasher: T) -> CacheBuilder<K, V, T> {
        let Self {
            name,
            max_capacity,
            shards,
            listener,
            lifetimes,
            maintenance,
            tended,
            hasher: _,
            cache,
        } = self;
        CacheBuilder {
            name,
            max_capacity,
            shards,
            listener,
            lifetimes,
            maintenance,
            tended,
            hasher,
            cache,
        }
    }

    /// Has `listener` told of each value that leaves the cache, with its key and the cause: once per
    /// value, by the thread that takes it out, before that thread's operation returns.
    ///
    /// It runs under no lock and no pin: it may take its time and may use the cache, this one
    /// included. Others may see the key gone, or with a new value, before the listener hears of it.
    /// If it panics, the panic goes no further; it is counted in
    /// [`CacheStats::listener_panics`](crate::CacheStats::listener_panics), and the listener goes on
    /// to be told. Dropping the cache tells nothing of the values that are still in it.
    ///
    /// ```
    /// use larder::{Cache, RemovalCause};
    /// use std::sync::mpsc;
    ///
    /// let (sender, gone) = mpsc::channel();
    /// let cache = Cache::builder()
    ///     .max_capacity(10)
    ///     .eviction_listener(move |key: &u32, value: &&str, cause| {
    ///         sender.send((*key, *value, cause)).unwrap();
    ///     })
    ///     .build();
    /// cache.insert(1, "one");
    /// cache.insert(1, "uno");
    /// cache.invalidate(&1);
    /// let gone: Vec<_> = gone.try_iter().collect();
    /// assert_eq!(gone, [(1, "one", RemovalCause::Replaced), (1, "uno", RemovalCause::Explicit)]);
    /// ```
    #[must_use]
    pub fn eviction_listener(
        mut self,
        listener: impl Fn(&K, &V, RemovalCause) + Send + Sync + 'static,
    ) -> Self {
        self.listener = Some(Listener::new(listener));
        self
    }

    /// Where the cache has the time from: the system's clock, if nothing else is said.
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
        self.lifetimes.clock = clock.into();
        self
    }

    /// Who frees what is expired while nobody uses the cache: a thread that all caches share, if
    /// nothing else is said. Lookups return nothing that is expired either way.
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
        self.maintenance = maintenance;
        self
    }

    /// The share of [`time_to_live`](Self::time_to_live) that is left to chance, from 0.0 to 1.0: each
    /// entry lives between `1.0 - share` times as long and as long. So entries that were written together
    /// do not expire together. Of [`Cache::insert_with_ttl`] nothing is left to chance.
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
    pub fn jitter(mut self, share: f64) -> Self {
        self.lifetimes.jitter = share;
        self
    }

    /// Builds the cache.
    ///
    /// # Panics
    ///
    /// If [`CacheBuilder::try_build`] would return an error, with its text.
    #[must_use]
    pub fn build(self) -> Cache<K, V, S> {
        self.try_build().unwrap_or_else(|error| panic!("cannot build the cache: {error}"))
    }

    /// Builds the cache, or says why not.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the setting, its value and what is allowed. A capacity whose memory the
    /// allocator refuses is an error, not an abort.
    ///
    /// ```
    /// use larder::{BuildError, Cache};
    /// let refused = Cache::<u64, u64>::builder().max_capacity(1 << 60).try_build();
    /// assert_eq!(refused.err(), Some(BuildError::OutOfMemory { max_capacity: 1 << 60 }));
    /// ```
    pub fn try_build(self) -> Result<Cache<K, V, S>, BuildError> {
        let max_capacity = self.max_capacity.ok_or(BuildError::NoCapacity)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let plan = Plan::new::<K, V>(max_capacity, self.shards, cores)?;
        let jitter = self.lifetimes.jitter;
        if !(0.0..=1.0).contains(&jitter) {
            return Err(BuildError::Jitter { jitter: jitter.to_string() });
        }
        if let Some(beta) = self.lifetimes.freshness.as_ref().map(|freshness| freshness.beta)
            && !(0.0..f64::INFINITY).contains(&beta)
        {
            return Err(BuildError::EarlyRefresh { beta: beta.to_string() });
        }
        let engine = Engine::new(&plan, self.listener, self.lifetimes)?;
        if self.maintenance == Maintenance::Thread
            && let Some(tended) = self.tended
        {
            engine.tend(tended);
        }
        Ok(Cache::from_parts(engine, self.hasher, self.name, self.maintenance))
    }
}

/// Time. Only for keys and values that another thread may come to drop: see
/// [`maintenance`](CacheBuilder::maintenance).
impl<K, V, S> CacheBuilder<K, V, S>
where
    K: Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// How long an entry lives after it was inserted or its value was replaced.
    ///
    /// It is never returned more than 10 ms after that, and never goes before, but to make room. Zero:
    /// nothing is ever found. More than 584 million years: no limit.
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
    pub fn time_to_live(mut self, duration: Duration) -> Self {
        self.lifetimes.to_live = Some(duration);
        self.tended()
    }

    /// How long an entry lives after it was last inserted, replaced or looked up by a call that counts
    /// as use. Precise to 10 ms, as [`time_to_live`](Self::time_to_live); with both, the earlier end
    /// counts.
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
    /// clock.advance(minute + Duration::from_millis(10));
    /// assert_eq!(cache.get(&1), None);
    /// ```
    #[must_use]
    pub fn time_to_idle(mut self, duration: Duration) -> Self {
        self.lifetimes.to_idle = Some(duration);
        self.tended()
    }

    /// Has `expiry` say for each entry how long it lives: see [`Expiry`].
    #[must_use]
    pub fn expire_after(mut self, expiry: impl Expiry<K, V> + 'static) -> Self {
        self.lifetimes.expiry = Some(Box::new(expiry));
        self.tended()
    }

    /// Keeps what is expired for `duration` longer, for want of better: if the loader of
    /// [`try_get_with`](Cache::try_get_with) and its kin returns an error, and the value that it was to
    /// replace expired less than `duration` ago, then that value is the answer, for those who wait for
    /// the load, too. To everything else it is absent.
    ///
    /// It counts against the capacity, and may be evicted, like any other. What must not come back has to
    /// be removed, not given a short time to live. The failed load is counted
    /// as such, and the next lookup loads again.
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
        let millis = duration.as_nanos().div_ceil(1_000_000);
        self.lifetimes.grace = u64::try_from(millis).unwrap_or(u64::MAX);
        self
    }

    /// Has values that are about to expire loaded anew by a lookup that comes early, by chance, so that
    /// not all who want one find it expired at once.
    ///
    /// The rule is XFetch (Vattani, Chierichetti, Lowenstein, "Optimal Probabilistic Cache Stampede
    /// Prevention", VLDB 2015): a lookup by [`get_with`](Cache::get_with) and its kin refreshes a value
    /// that has less to live than its last load took, times `beta`, times a random number whose mean
    /// is 1. With `beta` 1.0 that is optimal; more is earlier; 0.0 is never. A value that was inserted,
    /// not loaded, is not refreshed early.
    ///
    /// With [`refresh_after`](Self::refresh_after) that is done in the background. Without, the one
    /// caller loads, with the loader it has brought, while others get the old value; so does it if its
    /// loader comes to nothing (an error is then not returned, but counted).
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
        self.freshness().beta = beta;
        self.tended()
    }

    fn freshness(&mut self) -> &mut Freshness<K, V> {
        self.lifetimes.freshness.get_or_insert_default()
    }

    fn tended(mut self) -> Self {
        self.tended = Some(Tended::new());
        self
    }
}

/// Refreshing in the background.
///
/// A value is old when it was written longer than the given duration ago. The first lookup by
/// [`get_with`](Cache::get_with) or one of its kin, threads' or futures', that finds it old returns it
/// as it is, and has `loader` bring a new one. Until that has come, all who ask get the old value.
/// Values for which nobody asks are not refreshed: they age, and go, if there is a
/// [`time_to_live`](CacheBuilder::time_to_live) longer than that. Other lookups, such as
/// [`get`](Cache::get), refresh nothing.
///
/// - There is one load per key at a time, refreshes included. A write of the key while it is refreshed
///   wins, as over any load.
/// - A new value starts its time to live anew. It replaces the very value that was found old; if that
///   has been evicted meanwhile, it is stored all the same.
/// - If `loader` returns `None` or panics, the old value stays until its own end. That is counted in
///   [`CacheStats::refresh_failures`](crate::CacheStats::refresh_failures), and not tried again before a
///   second has passed, or `duration`, if that is shorter.
/// - What is *absent* is loaded by the caller, with the loader that it has brought; so it is if it
///   expires before its refresh has begun. If that has begun, the caller waits for it.
/// - Refreshes do not keep a cache alive, nor wait for one another, but for a thread.
///
/// This is `refreshAfterWrite` of Caffeine, but for what has to differ because callers bring
/// loaders of their own. Those may borrow from their caller and need not be `Send`, so they
/// cannot run in another thread, and the loader for refreshes is the cache's.
impl<K, V, S> CacheBuilder<K, V, S>
where
    K: Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Has values that are older than `duration` refreshed by `loader`, in the background. The second
    /// call replaces what the first has said.
    ///
    /// `loader` runs in one of up to four threads named `larder-refresh`, which all caches of the
    /// process share, and which end when they have had nothing to do for ten seconds; or wherever
    /// [`refresh_executor`](Self::refresh_executor) says. If more loaders than that are slow at a time,
    /// further refreshes wait for them. Maintenance never does.
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
        self.freshness().set_after(duration, move |errand, executor| {
            let loader = Arc::clone(&loader);
            let job = Box::new(move || errand.run(&*loader));
            match executor {
                Some(executor) => executor(job),
                None => errands::run(job),
            }
        });
        self.tended()
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
        self.freshness().set_after(duration, move |errand, _| {
            let loader = Arc::clone(&loader);
            spawn(Box::pin(async move { errand.run_async(&*loader).await }));
        });
        self.tended()
    }

    /// Has the loader of [`refresh_after`](Self::refresh_after) run by `run`, which should hand what it
    /// gets to a thread: the calling lookup waits until it returns. A job that it drops, or panics over,
    /// is a refresh that has failed.
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
        self.freshness().set_executor(run);
        self
    }
}

impl<K, V, S> fmt::Debug for CacheBuilder<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("name", &self.name)
            .field("max_capacity", &self.max_capacity)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}
