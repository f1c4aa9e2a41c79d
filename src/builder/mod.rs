//! The builder of a cache.

mod construct;
mod refresh;

use crate::{
    Cache, Clock, EvictionPolicy, Expiry, Maintenance, RandomState,
    engine::{
        Engine, Tended,
        policy::rules::{SHARE_MAX, SHARE_MIN},
        shards::{
            listener::Listener,
            plan::{ENTRIES_MAX, Plan},
        },
        storage::weights::Weigher,
        time::lifetimes::{Lifetimes, Rules},
    },
    process::spawner::Spawner,
    types::{error::BuildError, removal::RemovalCause},
};
use std::{fmt, future::Future, hash::BuildHasher, marker::PhantomData, pin::Pin, time::Duration};

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
    settings: Settings<K, V>,
    hasher: S,
    cache: PhantomData<fn(K, V)>,
}

/// What does not depend on the hasher.
struct Settings<K, V> {
    name: Option<String>,
    max_capacity: Option<u64>,
    shards: Option<usize>,
    estimated_entries: Option<u64>,
    weigher: Option<Weigher<K, V>>,
    coster: Option<Weigher<K, V>>,
    eviction_policy: EvictionPolicy,
    new_key_share: Option<f64>,
    listener: Option<Listener<K, V>>,
    lifetimes: Lifetimes<K, V>,
    /// How long an expired value is kept in case a load fails.
    grace: Duration,
    maintenance: Maintenance,
    tended: Option<Tended<K, V>>,
    spawner: Option<Spawner>,
}

/// Entries that a cache with a weigher has room for at first, if no estimate is given.
const ENTRIES_OF_UNKNOWN_WEIGHT: u64 = 1 << 16;

/// Entries that an unbounded cache, or one too large to be set aside, has room for at first.
const ENTRIES_OF_UNKNOWN_NUMBER: u64 = 1 << 10;

impl<K, V> CacheBuilder<K, V> {
    pub(crate) fn new() -> Self {
        let settings = Settings {
            name: None,
            max_capacity: None,
            shards: None,
            estimated_entries: None,
            weigher: None,
            coster: None,
            eviction_policy: EvictionPolicy::default(),
            new_key_share: None,
            listener: None,
            lifetimes: Lifetimes::endless(Clock::default()),
            grace: Duration::ZERO,
            maintenance: Maintenance::default(),
            tended: None,
            spawner: None,
        };
        Self { settings, hasher: RandomState::new(), cache: PhantomData }
    }
}

impl<K, V, S> CacheBuilder<K, V, S> {
    /// Sets a name, for logs and [`Debug`].
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// Sets the most entries that the cache may hold, or what they may weigh together if there is a
    /// [`weigher`](Self::weigher); 0 stores nothing, or only what weighs nothing. `u64::MAX` is no
    /// bound: see [`Cache::unbounded`]. Required.
    ///
    /// Memory for that many is set aside at once, unless fewer are
    /// [estimated](Self::estimated_entries): about 30 bytes per entry beyond key and value. The
    /// operating system hands out the pages of large caches as they are first used. A capacity of
    /// more than 2,147,483,648 entries cannot be set aside; the cache is small at first then, and
    /// grows as entries come.
    #[must_use]
    pub fn max_capacity(mut self, entries: u64) -> Self {
        self.settings.max_capacity = Some(entries);
        self
    }

    /// Changes nothing, whatever the number. It is there for programs that were written for other
    /// caches, which grow from an initial capacity; a cache sets memory aside for
    /// [`max_capacity`](Self::max_capacity), or for [`estimated_entries`](Self::estimated_entries).
    ///
    /// ```
    /// use larder::Cache;
    ///
    /// let cache: Cache<u64, u64> = Cache::builder().max_capacity(1_000).initial_capacity(64).build();
    /// assert_eq!(cache.limits().max_capacity(), 1_000);
    /// ```
    #[must_use]
    pub fn initial_capacity(self, _entries: usize) -> Self {
        self
    }

    /// Sets the number of shards, which is rounded up to a power of two; 1 to 65,536.
    ///
    /// Unset, it follows from capacity and cores, and that is nearly always best. More shards keep
    /// more writers out of each other's way; readers never are in it. Fewer, larger shards evict a
    /// little more cleverly. The capacity is the whole cache's in any case.
    ///
    /// ```
    /// let cache: larder::Cache<u64, u64> = larder::Cache::builder().max_capacity(10).shards(3).build();
    /// assert_eq!(cache.limits().shards(), 4);
    /// ```
    #[must_use]
    pub fn shards(mut self, shards: usize) -> Self {
        self.settings.shards = Some(shards);
        self
    }

    /// Sets the hasher. The default is ahash with random keys, which is safe against chosen keys.
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
        CacheBuilder { settings: self.settings, hasher, cache: self.cache }
    }

    /// Sets what each entry weighs: bytes, say. [`max_capacity`](Self::max_capacity) is then the
    /// most that all of them may weigh together, exactly, at every moment.
    ///
    /// The capacity is the whole cache's: one entry may weigh as much. A heavier one is not stored,
    /// and the value that it was to replace is gone. An entry that weighs nothing takes no part in
    /// the bound and is never evicted to make room for others. `weigher` is called once for each
    /// value that is inserted, before anything else happens: if it panics nothing has changed.
    ///
    /// Say also how many entries to expect: [`estimated_entries`](Self::estimated_entries).
    ///
    /// ```
    /// let cache = larder::Cache::builder()
    ///     .max_capacity(1_000)
    ///     .weigher(|key: &String, value: &Vec<u8>| (key.len() + value.len()) as u32)
    ///     .build();
    /// cache.insert("a".to_owned(), vec![0; 599]);
    /// cache.insert("b".to_owned(), vec![0; 299]);
    /// assert_eq!((cache.entry_count(), cache.weighted_size()), (2, 900));
    /// cache.insert("a".to_owned(), vec![0; 699]);
    /// assert_eq!(cache.weighted_size(), 1_000);
    /// cache.insert("b".to_owned(), vec![0; 1_000]);
    /// assert_eq!((cache.get("b"), cache.weighted_size()), (None, 700));
    /// ```
    #[must_use]
    pub fn weigher(mut self, weigher: impl Fn(&K, &V) -> u32 + Send + Sync + 'static) -> Self {
        self.settings.weigher = Some(Weigher::new(weigher));
        self
    }

    /// Sets which entries a full cache evicts: see [`EvictionPolicy`].
    ///
    /// ```
    /// use larder::{Cache, EvictionPolicy};
    ///
    /// // Rather ten small values than a large one.
    /// let cache = Cache::builder()
    ///     .max_capacity(1_000)
    ///     .weigher(|_: &u32, value: &Vec<u8>| value.len() as u32)
    ///     .eviction_policy(EvictionPolicy::SizeAware)
    ///     .build();
    /// cache.insert(0, vec![0; 500]);
    /// (1..=100).for_each(|key| cache.insert(key, vec![0; 50]));
    /// assert_eq!((cache.get(&0), cache.entry_count()), (None, 20));
    /// ```
    #[must_use]
    pub fn eviction_policy(mut self, policy: EvictionPolicy) -> Self {
        self.settings.eviction_policy = policy;
        self
    }

    /// Sets the share of the capacity that new keys may have at first, from 0.01 to 0.60. The
    /// default is 0.02.
    ///
    /// [`EvictionPolicy::SegmentedLru`] keeps keys that were used once apart from keys that were
    /// used again. It learns from keys that come back soon after their eviction how much room each
    /// of the two groups needs; this share is where it begins. A larger one suits caches whose keys
    /// are in use for a short while, one after the other, and small caches, which have seen little.
    /// Other policies ignore it.
    ///
    /// ```
    /// use larder::{BuildError, Cache};
    ///
    /// let cache: Cache<u64, u64> = Cache::builder().max_capacity(100).new_key_share(0.3).build();
    /// assert_eq!(cache.limits().max_capacity(), 100);
    /// assert_eq!(
    ///     Cache::<u64, u64>::builder().max_capacity(100).new_key_share(0.7).try_build().err(),
    ///     Some(BuildError::NewKeyShare { share: "0.7".to_owned() })
    /// );
    /// ```
    #[must_use]
    pub fn new_key_share(mut self, share: f64) -> Self {
        self.settings.new_key_share = Some(share);
        self
    }

    /// Sets what it costs to get an entry again, in any unit: milliseconds, say. For
    /// [`EvictionPolicy::CostAware`]; other policies ignore it. Called like a
    /// [`weigher`](Self::weigher).
    ///
    /// ```
    /// use larder::{Cache, EvictionPolicy};
    ///
    /// let cache = Cache::builder()
    ///     .max_capacity(2)
    ///     .eviction_policy(EvictionPolicy::CostAware)
    ///     .cost(|key: &&str, _: &u32| if key.starts_with("report") { 5_000 } else { 2 })
    ///     .build();
    /// cache.insert("report of the year", 1);
    /// for key in ["a", "b", "c"] {
    ///     cache.insert(key, 2);
    /// }
    /// assert!(cache.contains_key(&"report of the year"));
    /// ```
    #[must_use]
    pub fn cost(mut self, cost: impl Fn(&K, &V) -> u32 + Send + Sync + 'static) -> Self {
        self.settings.coster = Some(Weigher::new(cost));
        self
    }

    /// Sets how many entries to expect when the cache is full. Memory is set aside for them at
    /// first.
    ///
    /// Unset, this is the capacity. With a [`weigher`](Self::weigher) it is 65,536, or the
    /// capacity, if that is less; without a bound it is 1,024. If more entries come that the
    /// capacity allows, the cache gets room for four times as many each time, while it is in use:
    /// nothing is evicted for it and no thread waits. If the memory for that cannot be had, the
    /// cache evicts as if it was full. An estimate beyond the capacity is how far
    /// [`Cache::set_max_capacity`] goes before the cache needs more room.
    ///
    /// A cache that had to grow takes some more memory than one that was built for as many entries,
    /// and its misses some more time. So a good estimate pays where there is a weigher or no bound;
    /// one that is far below the capacity pays for a cache that is rarely full.
    ///
    /// ```
    /// let cache: larder::Cache<u64, u64> = larder::Cache::builder()
    ///     .max_capacity(1_000_000)
    ///     .weigher(|_, _| 8)
    ///     .estimated_entries(100)
    ///     .build();
    /// cache.insert_many((0..10_000).map(|i| (i, i)));
    /// assert_eq!((cache.entry_count(), cache.stats().evictions), (10_000, 0));
    /// ```
    #[must_use]
    pub fn estimated_entries(mut self, entries: u64) -> Self {
        self.settings.estimated_entries = Some(entries);
        self
    }

    /// Calls `listener` with each value that leaves the cache, its key and the cause: once per
    /// value, in the thread that removes it, before that thread's operation returns.
    ///
    /// The listener runs under no lock and no pin, and only the caller of that operation waits for
    /// it: a load hands its value to all its waiters before the listener hears of what the load
    /// evicted. The listener may block, and it may use any cache, this one included. Other threads
    /// may see the key gone, or with a new value, before the listener hears of it.
    ///
    /// What a loader itself removes from a cache is reported inside the loader, which may rely on
    /// what the listener has done. The loader's waiters wait for that as well, and a listener that
    /// asks there for the key that is being loaded panics, as the loader would.
    ///
    /// One thread runs one listener at a time. What leaves a cache *inside* a listener is queued,
    /// and reported in order when the listener has returned; its memory is not reused before. So a
    /// listener may put back what it hears of. One that puts back every value that a full cache
    /// evicts keeps its thread busy for ever, since each evicts another.
    ///
    /// If the listener panics, the panic goes no further: it is counted in
    /// [`CacheStats::listener_panics`](crate::CacheStats::listener_panics), and the listener is
    /// called for later removals as before. Dropping the cache reports nothing of the values that
    /// are still in it.
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
    ///
    /// # In another thread or task
    ///
    /// A consumer that takes its time, or has to await, gets the removals through a channel: the
    /// standard library's for a thread, one of the async runtime for a task. The channel should
    /// have no bound, or the listener should not wait for room in it, since the cache's callers
    /// would wait, too. The listener owns the sender, so the channel ends when the cache is
    /// dropped.
    ///
    /// ```
    /// use larder::{Cache, RemovalCause};
    /// use std::{sync::mpsc, thread};
    ///
    /// let (sender, removals) = mpsc::channel();
    /// let cache: Cache<u32, String> = Cache::builder()
    ///     .max_capacity(10)
    ///     .eviction_listener(move |key, value: &String, cause| {
    ///         // An error says that the consumer has ended. There is nothing to do then.
    ///         let _ = sender.send((*key, value.clone(), cause));
    ///     })
    ///     .build();
    /// let consumer = thread::spawn(move || {
    ///     removals.iter().map(|(key, _value, cause)| (key, cause)).collect::<Vec<_>>()
    /// });
    /// cache.insert(1, "one".to_owned());
    /// cache.insert(1, "uno".to_owned());
    /// cache.invalidate(&1);
    /// drop(cache);
    /// let expected = [(1, RemovalCause::Replaced), (1, RemovalCause::Explicit)];
    /// assert_eq!(consumer.join().unwrap(), expected);
    /// ```
    #[must_use]
    pub fn eviction_listener(
        mut self,
        listener: impl Fn(&K, &V, RemovalCause) + Send + Sync + 'static,
    ) -> Self
    where
        K: 'static,
        V: 'static,
    {
        self.settings.listener = Some(Listener::new(listener));
        self
    }

    /// Sets how a load is run in a task of its own: `spawn` gets a future and passes it to an async
    /// runtime, which polls it to its end. For [`get_with_detached`](Cache::get_with_detached) and
    /// its kin, which say what that is good for; other loads run in their callers.
    ///
    /// `spawn` runs in the caller that has to load, so it should be quick, and be callable where
    /// such callers are polled (`tokio::spawn` needs a runtime; a [`Handle`] of one can be
    /// captured). If it drops the future, the caller runs the load itself. If it panics, so does
    /// that caller.
    ///
    /// [`Handle`]: https://docs.rs/tokio/latest/tokio/runtime/struct.Handle.html
    ///
    /// ```
    /// use larder::Cache;
    ///
    /// # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
    /// let cache = Cache::builder()
    ///     .max_capacity(1_000)
    ///     .spawner(|load| drop(tokio::spawn(load)))
    ///     .build();
    /// assert_eq!(cache.get_with_detached("four", async { 2 + 2 }).await, 4);
    /// # });
    /// ```
    #[must_use]
    pub fn spawner(
        self,
        spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync + 'static,
    ) -> Self {
        self.shared_spawner(Some(Spawner::new(spawn)))
    }

    pub(crate) fn shared_spawner(mut self, spawner: Option<Spawner>) -> Self {
        self.settings.spawner = spawner;
        self
    }

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
    /// [`Cache::insert_with_ttl`], to [`time_to_idle`](Self::time_to_idle) or to what an [`Expiry`]
    /// returns.
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

    /// Builds the cache.
    ///
    /// # Panics
    ///
    /// If [`CacheBuilder::try_build`] would return an error, with its text.
    #[must_use]
    pub fn build(self) -> Cache<K, V, S> {
        self.try_build().unwrap_or_else(|error| panic!("cannot build the cache: {error}"))
    }

    /// Builds the cache, or returns why it cannot be built.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the setting, its value and what is allowed. A capacity whose memory the
    /// allocator refuses is an error, not an abort.
    ///
    /// ```
    /// use larder::{BuildError, Cache};
    /// let refused = Cache::<u64, [u64; 1 << 20]>::builder().max_capacity(1 << 30).try_build();
    /// assert_eq!(refused.err(), Some(BuildError::OutOfMemory { max_capacity: 1 << 30 }));
    /// ```
    pub fn try_build(self) -> Result<Cache<K, V, S>, BuildError> {
        let max_capacity = self.settings.max_capacity.ok_or(BuildError::NoCapacity)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let settings = self.settings;
        let estimate = settings.estimated_entries.unwrap_or(match max_capacity {
            u64::MAX => ENTRIES_OF_UNKNOWN_NUMBER,
            _ if settings.weigher.is_some() => max_capacity.min(ENTRIES_OF_UNKNOWN_WEIGHT),
            0..=ENTRIES_MAX => max_capacity,
            _ => ENTRIES_OF_UNKNOWN_NUMBER,
        });
        let planned = |entries| {
            Plan::new::<K, V>(entries, settings.shards, cores).map_err(|error| {
                match (error, settings.estimated_entries) {
                    (BuildError::OutOfMemory { .. }, Some(estimated_entries)) => {
                        BuildError::EstimateOutOfMemory { estimated_entries }
                    }
                    (error, _) => error,
                }
            })
        };
        // A little more than an estimate, so that one which is right does not have the cache grow.
        let generous = estimate.saturating_add(estimate / 4);
        let plan = if settings.weigher.is_some() {
            planned(generous)?.weighted(max_capacity)
        } else if generous < max_capacity {
            planned(generous)?.growing_to(max_capacity)
        } else {
            Plan { capacity: max_capacity, ..planned(estimate.max(max_capacity))? }
        };
        let mut lifetimes = settings.lifetimes;
        let jitter = lifetimes.jitter.get();
        if !(0.0..=1.0).contains(&jitter) {
            return Err(BuildError::Jitter { jitter: jitter.to_string() });
        }
        if let Some(beta) = lifetimes.freshness.as_ref().map(|freshness| freshness.beta)
            && !(0.0..f64::INFINITY).contains(&beta)
        {
            return Err(BuildError::EarlyRefresh { beta: beta.to_string() });
        }
        let shares = SHARE_MIN..=SHARE_MAX;
        if let Some(share) = settings.new_key_share.filter(|share| !shares.contains(share)) {
            return Err(BuildError::NewKeyShare { share: share.to_string() });
        }
        let plan = plan.ruled_by(settings.eviction_policy).beginning_with(settings.new_key_share);
        if settings.listener.is_some() && !lifetimes.heed_reads() {
            // Who listens wants to hear in time. Reads are not to pay for it.
            lifetimes.clock = lifetimes.clock.exact();
        }
        lifetimes.grace = lifetimes.clock.units(settings.grace);
        let Settings { weigher, coster, listener, .. } = settings;
        let engine = Engine::new(&plan, weigher, coster, listener, lifetimes)?;
        if settings.maintenance == Maintenance::Thread
            && let Some(tended) = settings.tended
        {
            engine.tend(tended);
        }
        let Settings { name, maintenance, spawner, .. } = settings;
        Ok(Cache::from_parts(engine, self.hasher, name, maintenance, spawner))
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
        self.tended()
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
        self.tended()
    }

    /// Sets what decides for each entry how long it lives: see [`Expiry`].
    #[must_use]
    pub fn expire_after(mut self, expiry: impl Expiry<K, V> + 'static) -> Self {
        self.settings.lifetimes.expiry = Some(Box::new(expiry));
        self.tended()
    }

    /// Allows the times to live and to idle to change while the cache is in use, whether it has any
    /// now or not.
    #[cfg(feature = "manager")]
    pub(crate) fn changing_times(mut self) -> Self {
        self.settings.lifetimes.rules = Rules::Changing;
        self.tended()
    }

    fn tended(mut self) -> Self {
        if self.settings.lifetimes.rules == Rules::None {
            self.settings.lifetimes.rules = Rules::Fixed;
        }
        self.settings.tended = Some(Tended::new());
        self
    }
}

impl<K, V, S> fmt::Debug for CacheBuilder<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("name", &self.settings.name)
            .field("max_capacity", &self.settings.max_capacity)
            .field("shards", &self.settings.shards)
            .finish_non_exhaustive()
    }
}
