//! The builder of a cache for tasks.

use super::Cache;
use crate::{EvictionPolicy, Expiry, RandomState, RemovalCause};
use futures_channel::mpsc;
use std::{fmt, future::Future, hash::BuildHasher, pin::Pin, sync::Arc, time::Duration};

/// What an asynchronous listener returns: a boxed future that can be sent to another thread.
pub type ListenerFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Builds a [`Cache`]; comes from [`Cache::builder`]. It has the names of moka's builder. To set
/// what moka has not, build a [`larder::Cache`](crate::Cache) and turn it into this:
///
/// ```
/// use larder::{ManualClock, future};
/// use std::time::Duration;
///
/// # futures::executor::block_on(async {
/// let clock = ManualClock::new();
/// let cache = larder::Cache::builder()
///     .max_capacity(100)
///     .time_to_live(Duration::from_secs(60))
///     .clock(&clock)
///     .build();
/// let cache = future::Cache::from(cache);
/// cache.insert("one", 1).await;
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(cache.get("one").await, None);
/// # });
/// ```
pub struct CacheBuilder<K, V> {
    builder: crate::CacheBuilder<K, V>,
    /// Starts the task of an asynchronous listener.
    start: Option<Box<dyn FnOnce() + Send>>,
}

impl<K, V> Default for CacheBuilder<K, V> {
    /// Of a cache without a bound.
    fn default() -> Self {
        Self { builder: crate::Cache::builder().max_capacity(u64::MAX), start: None }
    }
}

impl<K, V> CacheBuilder<K, V>
where
    K: Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A builder of a cache of at most `max_capacity` entries.
    #[must_use]
    pub fn new(max_capacity: u64) -> Self {
        Self::default().max_capacity(max_capacity)
    }

    fn map(self, f: impl FnOnce(crate::CacheBuilder<K, V>) -> crate::CacheBuilder<K, V>) -> Self {
        Self { builder: f(self.builder), ..self }
    }

    /// Builds the cache.
    ///
    /// # Panics
    ///
    /// If the settings make no cache, or its memory cannot be had:
    /// see [`larder::CacheBuilder::try_build`](crate::CacheBuilder::try_build).
    #[must_use]
    pub fn build(self) -> Cache<K, V> {
        self.build_with_hasher(RandomState::new())
    }

    /// Builds a cache that hashes keys with `hasher`.
    ///
    /// # Panics
    ///
    /// As [`build`](Self::build).
    #[must_use]
    pub fn build_with_hasher<S: BuildHasher>(self, hasher: S) -> Cache<K, V, S> {
        let cache = self.builder.hasher(hasher).build();
        if let Some(start) = self.start {
            start();
        }
        Cache(cache)
    }

    /// Sets a name, for logs and [`Debug`].
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.map(|builder| builder.name(name))
    }

    /// The most entries that the cache may hold, or what they may weigh together if there is a
    /// [`weigher`](Self::weigher). If it is left out the cache has no bound.
    #[must_use]
    pub fn max_capacity(self, max_capacity: u64) -> Self {
        self.map(|builder| builder.max_capacity(max_capacity))
    }

    /// Changes nothing: see
    /// [`larder::CacheBuilder::initial_capacity`](crate::CacheBuilder::initial_capacity).
    #[must_use]
    pub fn initial_capacity(self, number_of_entries: usize) -> Self {
        self.map(|builder| builder.initial_capacity(number_of_entries))
    }

    /// Sets which entries a full cache evicts.
    #[must_use]
    pub fn eviction_policy(self, policy: EvictionPolicy) -> Self {
        self.map(|builder| builder.eviction_policy(policy))
    }

    /// Sets what an entry weighs: see
    /// [`larder::CacheBuilder::weigher`](crate::CacheBuilder::weigher).
    #[must_use]
    pub fn weigher(self, weigher: impl Fn(&K, &V) -> u32 + Send + Sync + 'static) -> Self {
        self.map(|builder| builder.weigher(weigher))
    }

    /// Calls `listener` with each value that leaves the cache, its key and the cause. It runs in
    /// the thread that removes the value, which may be the maintenance thread: see
    /// [`larder::CacheBuilder::eviction_listener`](crate::CacheBuilder::eviction_listener). Key and
    /// value are clones.
    ///
    /// ```
    /// use larder::future::Cache;
    /// use std::sync::mpsc;
    ///
    /// # futures::executor::block_on(async {
    /// let (sender, gone) = mpsc::channel();
    /// let cache = Cache::builder()
    ///     .max_capacity(10)
    ///     .eviction_listener(move |key, value, cause| sender.send((*key, value, cause)).unwrap())
    ///     .build();
    /// cache.insert(1, "one").await;
    /// cache.invalidate(&1).await;
    /// assert_eq!(gone.recv().unwrap(), (1, "one", larder::RemovalCause::Explicit));
    /// # });
    /// ```
    #[must_use]
    pub fn eviction_listener<F>(self, listener: F) -> Self
    where
        K: Clone,
        F: Fn(Arc<K>, V, RemovalCause) + Send + Sync + 'static,
    {
        let tell = move |key: &K, value: &V, cause| {
            listener(Arc::new(key.clone()), value.clone(), cause);
        };
        Self { builder: self.builder.eviction_listener(tell), start: None }
    }

    /// Calls `listener` with each value that leaves the cache, and awaits the future that it
    /// returns.
    ///
    /// Other than in moka, the operation that takes a value out does not wait for that: values
    /// leave in threads that belong to no runtime, too. Instead there is a task, which `spawn` is
    /// given by [`build`](Self::build), and which awaits one future after the other, in the order
    /// in which the values left. What it has not come to yet is kept in a queue without a bound.
    /// The task ends some time after the last handle of the cache is dropped.
    ///
    /// ```
    /// use larder::future::Cache;
    ///
    /// # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
    /// let (sender, mut gone) = tokio::sync::mpsc::channel(10);
    /// let listener = move |key: std::sync::Arc<u32>, value: &'static str, _| {
    ///     let sender = sender.clone();
    ///     Box::pin(async move { sender.send((*key, value)).await.unwrap() }) as _
    /// };
    /// let cache = Cache::builder()
    ///     .max_capacity(10)
    ///     .async_eviction_listener(listener, |task| drop(tokio::spawn(task)))
    ///     .build();
    /// cache.insert(1, "one").await;
    /// cache.invalidate(&1).await;
    /// assert_eq!(gone.recv().await, Some((1, "one")));
    /// # });
    /// ```
    #[must_use]
    pub fn async_eviction_listener<F>(
        self,
        listener: F,
        spawn: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + 'static,
    ) -> Self
    where
        K: Clone,
        F: Fn(Arc<K>, V, RemovalCause) -> ListenerFuture + Send + Sync + 'static,
    {
        let (sender, mut removals) = mpsc::unbounded();
        let builder = self.builder.eviction_listener(move |key: &K, value: &V, cause| {
            // An error says that the task has been dropped: then nothing is to be queued.
            let _ = sender.unbounded_send((key.clone(), value.clone(), cause));
        });
        let task = async move {
            while let Ok((key, value, cause)) = removals.recv().await {
                listener(Arc::new(key), value, cause).await;
            }
        };
        Self { builder, start: Some(Box::new(move || spawn(Box::pin(task)))) }
    }

    /// Sets how long an entry lives after it was inserted or its value was replaced.
    #[must_use]
    pub fn time_to_live(self, duration: Duration) -> Self {
        self.map(|builder| builder.time_to_live(duration))
    }

    /// Sets how long an entry lives after it was last inserted, replaced or used.
    #[must_use]
    pub fn time_to_idle(self, duration: Duration) -> Self {
        self.map(|builder| builder.time_to_idle(duration))
    }

    /// Sets what decides for each entry how long it lives.
    #[must_use]
    pub fn expire_after(self, expiry: impl Expiry<K, V> + 'static) -> Self {
        self.map(|builder| builder.expire_after(expiry))
    }

    /// How a load is run in a task of its own, by the methods with `_detached` of
    /// [`Cache::as_sync`]: see [`larder::CacheBuilder::spawner`](crate::CacheBuilder::spawner).
    ///
    /// ```
    /// # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
    /// let cache = larder::future::Cache::builder()
    ///     .max_capacity(10)
    ///     .spawner(|load| drop(tokio::spawn(load)))
    ///     .build();
    /// assert_eq!(cache.as_sync().get_with_detached("four", async { 4 }).await, 4);
    /// assert_eq!(cache.get("four").await, Some(4));
    /// # });
    /// ```
    #[must_use]
    pub fn spawner(
        self,
        spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync + 'static,
    ) -> Self {
        self.map(|builder| builder.spawner(spawn))
    }

    /// Changes nothing: closures invalidate entries of any cache.
    #[must_use]
    pub fn support_invalidation_closures(self) -> Self {
        self
    }
}

impl<K, V> fmt::Debug for CacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.builder.fmt(f)
    }
}
