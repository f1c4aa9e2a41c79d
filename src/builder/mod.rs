//! The builder of a cache.

mod build;
mod construct;
mod refresh;
mod times;

use crate::{
    Clock, EvictionPolicy, Maintenance, RandomState,
    engine::{
        MaintenanceHandle, shards::listener::Listener, storage::weights::Weigher,
        time::lifetimes::Lifetimes,
    },
    process::spawner::Spawner,
    types::removal::RemovalCause,
};
use std::{fmt, future::Future, hash::BuildHasher, marker::PhantomData, pin::Pin, time::Duration};

/// Builds a [`Cache`](crate::Cache); comes from [`Cache::builder`](crate::Cache::builder).
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
    maintained: Option<MaintenanceHandle<K, V>>,
    spawner: Option<Spawner>,
}

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
            maintained: None,
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
    /// bound: see [`Cache::unbounded`](crate::Cache::unbounded). Required.
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
    /// [`Cache::set_max_capacity`](crate::Cache::set_max_capacity) goes before the cache needs more
    /// room.
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
    /// runtime, which polls it to its end. For
    /// [`get_with_detached`](crate::Cache::get_with_detached) and its kin, which say what that is
    /// good for; other loads run in their callers.
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
