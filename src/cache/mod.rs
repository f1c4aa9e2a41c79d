//! The cache: every public operation.

mod capacity;
mod expiry;
mod groups;
pub(crate) mod inspect;
pub(crate) mod iter;
mod pending;
pub(crate) mod pinned;
pub(crate) mod stats;
pub(crate) mod weak;

use crate::{
    Iter, Maintenance, Pinned, RandomState,
    engine::{
        Engine, MaintenanceHandle,
        ops::{
            insert::{IfPresent, Inserted},
            lookup::Sought,
        },
        storage::nodes::Entry,
    },
    process::spawner::Spawner,
};
use equivalent::Equivalent;
use std::{
    fmt,
    hash::{BuildHasher, Hash},
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
};

/// A concurrent cache of at most [`max_capacity`](crate::CacheBuilder::max_capacity) entries.
///
/// A cheap handle: clones are the same cache, which lives until the last of them is dropped. `Send`
/// and `Sync` if `K`, `V` and `S` are both. All operations take `&self`. Lookups, inserts, removals
/// and computations take no lock and wait for no other thread. Loads wait for a load of the same
/// key that is under way ([`get_with`](Cache::get_with)), and the first write that gives an entry a
/// time of its own may take a lock to start the maintenance thread. The [crate page](crate) says
/// what is atomic and what is not.
///
/// Lookups take any type that hashes like the key and is [`Equivalent`] to it, in particular every
/// borrowed form of the key:
///
/// ```
/// use larder::Cache;
/// use std::sync::Arc;
///
/// let cache: Cache<String, Arc<[u8]>> = Cache::builder().max_capacity(1_000).build();
/// cache.insert("logo.png".to_owned(), Arc::from(&b"PNG"[..]));
///
/// let handle = cache.clone();
/// std::thread::spawn(move || assert!(handle.get("logo.png").is_some())).join().unwrap();
/// ```
///
/// Values are cloned out: put large ones into an [`Arc`], look at them in place with
/// [`get_ref`](Cache::get_ref), or borrow them from a [`pin`](Cache::pin).
pub struct Cache<K, V, S = RandomState> {
    inner: Arc<Inner<K, V, S>>,
}

pub(crate) struct Inner<K, V, S> {
    engine: Engine<K, V>,
    hasher: S,
    name: Option<String>,
    maintenance: Maintenance,
    spawner: Option<Spawner>,
}

impl<K, V, S: BuildHasher> Inner<K, V, S> {
    #[inline(always)]
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        // Shards and sets are picked by the upper bits, which a multiplication makes depend on
        // all: so a weak hasher costs speed and not the cache (Fibonacci hashing, Knuth vol. 3).
        self.hasher.hash_one(key).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// A key that a cache is asked for.
struct SoughtKey<'a, K, V, S, Q: ?Sized> {
    inner: &'a Inner<K, V, S>,
    key: &'a Q,
}

impl<K, V, S, Q: ?Sized> Copy for SoughtKey<'_, K, V, S, Q> {}

impl<K, V, S, Q: ?Sized> Clone for SoughtKey<'_, K, V, S, Q> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, K, V, S, Q> Sought<'a, K, V> for SoughtKey<'a, K, V, S, Q>
where
    S: BuildHasher,
    Q: Hash + Equivalent<K> + ?Sized,
{
    #[inline(always)]
    fn engine(self) -> &'a Engine<K, V> {
        &self.inner.engine
    }

    #[inline(always)]
    fn hash(self) -> u64 {
        self.inner.hash(self.key)
    }

    #[inline(always)]
    fn is(self, key: &K) -> bool {
        self.key.equivalent(key)
    }
}

/// Entries of [`Cache::insert_many`] and keys of [`Cache::get_many`] that share one pin.
const BATCH: usize = 64;

impl<K, V, S> Cache<K, V, S> {
    pub(crate) fn from_parts(
        engine: Engine<K, V>,
        hasher: S,
        name: Option<String>,
        maintenance: Maintenance,
        spawner: Option<Spawner>,
    ) -> Self {
        Self { inner: Arc::new(Inner { engine, hasher, name, maintenance, spawner }) }
    }

    pub(crate) fn spawner(&self) -> Option<&Spawner> {
        self.inner.spawner.as_ref()
    }

    pub(crate) fn from_inner(inner: Arc<Inner<K, V, S>>) -> Self {
        Self { inner }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner<K, V, S>> {
        &self.inner
    }

    #[inline(always)]
    pub(crate) fn engine(&self) -> &Engine<K, V> {
        &self.inner.engine
    }

    /// Returns the name that the builder was given. O(1).
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.inner.name.as_deref()
    }

    /// Pins this thread for several lookups: cheaper than one by one, and values are borrowed.
    /// O(1).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert_many([(1, "one"), (2, "two")]);
    /// let pinned = cache.pin();
    /// let length: usize = (1..=3).filter_map(|key| pinned.get(&key)).map(|word| word.len()).sum();
    /// assert_eq!(length, 6);
    /// ```
    #[must_use]
    pub fn pin(&self) -> Pinned<'_, K, V, S> {
        Pinned::new(self)
    }

    /// Returns an iterator over the entries, cloned, in no particular order.
    ///
    /// Weakly consistent: an entry that is there during the whole walk comes up exactly once; one
    /// that is inserted, replaced or removed meanwhile may or may not. Does not count as use.
    /// O(capacity) in all.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert_many([(1, 'a'), (2, 'b')]);
    /// let mut all: Vec<_> = cache.iter().collect();
    /// all.sort();
    /// assert_eq!(all, [(1, 'a'), (2, 'b')]);
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V, S> {
        Iter::new(self)
    }
}

impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    #[inline(always)]
    pub(crate) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.inner.hash(key)
    }

    /// Returns the value of a key, cloned. Counts as use, and as hit or miss. O(1).
    ///
    /// ```
    /// let cache: larder::Cache<String, u32> = larder::Cache::new(10);
    /// cache.insert("one".to_owned(), 1);
    /// assert_eq!((cache.get("one"), cache.get("two")), (Some(1), None));
    /// ```
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        V: Clone,
    {
        self.get_ref(key, V::clone)
    }

    /// Returns what `f` returns for a key's value, which is not cloned. Counts like
    /// [`get`](Cache::get). O(1).
    ///
    /// `f` runs while this thread is pinned: it may use the cache, but while it runs nothing that
    /// is removed can be freed.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert("words", vec!["to", "be"]);
    /// assert_eq!(cache.get_ref("words", |words| words.len()), Some(2));
    /// ```
    #[inline]
    pub fn get_ref<Q, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        Engine::get(SoughtKey { inner: &*self.inner, key }, |entry| f(&entry.value))
    }

    /// Returns the values of several keys, in the order of the keys, as [`get`](Cache::get) but
    /// pinning once per 64. O(keys).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert_many([(1, "one"), (3, "three")]);
    /// assert_eq!(cache.get_many(&[1, 2, 3]), [Some("one"), None, Some("three")]);
    /// ```
    pub fn get_many<'q, Q>(&self, keys: impl IntoIterator<Item = &'q Q>) -> Vec<Option<V>>
    where
        Q: Hash + Equivalent<K> + ?Sized + 'q,
        V: Clone,
    {
        let mut keys = keys.into_iter();
        let mut values = Vec::with_capacity(keys.size_hint().0);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            // The iterator is the caller's code: not to be run while pinned.
            batch.extend(keys.by_ref().take(BATCH).map(|key| (self.hash(key), key)));
            if batch.is_empty() {
                return values;
            }
            for &(hash, _) in &batch {
                self.engine().prefetch(hash);
            }
            let pinned = self.pin();
            values.extend(batch.drain(..).map(|(hash, key)| pinned.get_hashed(hash, key).cloned()));
        }
    }

    /// Sets the value of a key, and evicts another entry if the cache is full. O(1).
    ///
    /// The new value is visible to all when the call returns, unless it is evicted at once: with
    /// capacity 0, if it is heavier than the capacity, when memory cannot be reused because a
    /// thread has been pinned for long, or when every place of a tiny cache is in the hands of
    /// threads that insert or remove at this moment
    /// ([`CacheStats::rejections`](crate::CacheStats::rejections) counts these). Even then the old
    /// value is gone.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert(1, "one");
    /// cache.insert(1, "uno");
    /// assert_eq!(cache.get(&1), Some("uno"));
    /// ```
    #[inline]
    pub fn insert(&self, key: K, value: V) {
        let hash = self.hash(&key);
        self.engine().insert(hash, Entry { key, value }, IfPresent::Replace);
    }

    /// Sets the value of a key that is absent; returns whether it did. Atomic: of several threads
    /// that add the same key, one succeeds. O(1).
    ///
    /// Neither counts as use of an entry that is there, nor as hit or miss.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// assert!(cache.add("leader", 1));
    /// assert!(!cache.add("leader", 2));
    /// assert_eq!(cache.get("leader"), Some(1));
    /// ```
    #[inline]
    pub fn add(&self, key: K, value: V) -> bool {
        let hash = self.hash(&key);
        self.engine().insert(hash, Entry { key, value }, IfPresent::Keep) == Inserted::Added
    }

    pub(crate) fn start_maintenance(&self)
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
    {
        if self.inner.maintenance == Maintenance::Thread {
            self.engine().start_maintenance(MaintenanceHandle::new());
        }
    }

    /// Inserts several entries, as [`insert`](Cache::insert) but pinning once per 64. O(entries).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert_many([(1, 'a'), (2, 'b'), (1, 'c')]);
    /// assert_eq!((cache.get(&1), cache.get(&2)), (Some('c'), Some('b')));
    /// ```
    pub fn insert_many(&self, entries: impl IntoIterator<Item = (K, V)>) {
        let mut entries = entries.into_iter();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let hashed = |(key, value)| (self.hash(&key), Entry { key, value });
            batch.extend(entries.by_ref().take(BATCH).map(hashed));
            if batch.is_empty() {
                return;
            }
            self.engine().insert_batch(&mut batch);
        }
    }

    /// Removes a key and returns the value that it had, cloned. O(1).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert(1, "one");
    /// assert_eq!((cache.remove(&1), cache.remove(&1)), (Some("one"), None));
    /// ```
    #[inline]
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        V: Clone,
    {
        let eq = |other: &K| key.equivalent(other);
        self.engine().remove(self.hash(key), eq, |entry| entry.value.clone())
    }

    /// Removes a key, without cloning its value; returns whether it was present. O(1).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert(1, "one");
    /// assert!(cache.invalidate(&1));
    /// assert!(!cache.invalidate(&1));
    /// ```
    #[inline]
    pub fn invalidate<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let eq = |other: &K| key.equivalent(other);
        self.engine().remove(self.hash(key), eq, |_| ()).is_some()
    }

    /// Returns whether a key is present. Counts neither as use nor as hit or miss. O(1).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert(1, "one");
    /// assert!(cache.contains_key(&1) && !cache.contains_key(&2));
    /// ```
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.engine().peek(self.hash(key), |other| key.equivalent(other), |_| ()).is_some()
    }

    /// Returns the value of a key, cloned. Counts neither as use nor as hit or miss. O(1).
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert(1, "one");
    /// assert_eq!((cache.peek(&1), cache.stats().lookups()), (Some("one"), 0));
    /// ```
    #[inline]
    pub fn peek<Q>(&self, key: &Q) -> Option<V>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        V: Clone,
    {
        let eq = |other: &K| key.equivalent(other);
        self.engine().peek(self.hash(key), eq, |entry| entry.value.clone())
    }

    /// Checks every invariant of the engine, while no other thread of the caller's uses the cache.
    /// Maintenance, refreshes and changes of the capacity finish what they have begun, and begin
    /// nothing new before the check is over.
    ///
    /// # Panics
    ///
    /// If one does not hold.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    #[doc(hidden)]
    pub fn validate(&self) {
        self.engine().validate(|key| self.hash(key));
    }
}

impl<K, V, S> Clone for Cache<K, V, S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

/// Name and numbers, no entries: those may be many, and private.
impl<K, V, S> fmt::Debug for Cache<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("name", &self.inner.name)
            .field("max_capacity", &self.engine().capacity())
            .field("entries", &self.entry_count())
            .finish_non_exhaustive()
    }
}

// User code that panics leaves the cache as usable as before: see the crate page.
impl<K, V, S> UnwindSafe for Cache<K, V, S> {}
impl<K, V, S> RefUnwindSafe for Cache<K, V, S> {}
