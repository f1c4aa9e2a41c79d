//! Looking at what is in a cache, and taking it out.

use crate::{
    Cache, Iter,
    cache::iter::Walk,
    engine::{invalidate::tags::Tags, storage::nodes::Entry, upkeep::inspect::Rank},
};
use equivalent::Equivalent;
use std::{
    fmt,
    hash::{BuildHasher, Hash},
    time::Duration,
};

/// What a cache knows of an entry besides key and value; comes from [`Cache::metadata`].
///
/// ```
/// let cache = larder::Cache::new(10);
/// cache.insert_tagged("/", "home", ["news", "user 7"])?;
/// cache.get("/");
/// let metadata = cache.metadata("/").unwrap();
/// assert_eq!((metadata.uses, metadata.weight, metadata.tags), (1, 1, 2));
/// assert_eq!((metadata.age, metadata.ttl), (None, None));
/// # Ok::<(), larder::TooManyTags>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// How often it was used since the eviction policy last looked at it: 0 to 3, where 3 means "or
    /// more".
    pub uses: u32,
    /// How long ago it was inserted or its value replaced, to the millisecond. Known in caches
    /// whose entries have times (a [`time_to_live`](crate::CacheBuilder::time_to_live), say, or
    /// once something was inserted [with one](Cache::insert_with_ttl)).
    pub age: Option<Duration>,
    /// How long it has yet to live if it is not used. None: no limit.
    pub ttl: Option<Duration>,
    /// What it counts for in [`Cache::weighted_size`]: 1, without a weigher.
    pub weight: u64,
    /// How many tags it has.
    pub tags: usize,
}

/// The keys of a cache, cloned; comes from [`Cache::keys`].
pub struct Keys<'c, K, V, S> {
    cache: &'c Cache<K, V, S>,
    walk: Walk<K>,
}

impl<K: Clone, V, S> Iterator for Keys<'_, K, V, S> {
    type Item = K;

    fn next(&mut self) -> Option<K> {
        self.walk.next(self.cache.engine(), |entry| entry.key.clone())
    }
}

impl<K: Clone, V, S> std::iter::FusedIterator for Keys<'_, K, V, S> {}

impl<K, V, S> fmt::Debug for Keys<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("cache", self.cache).finish_non_exhaustive()
    }
}

/// Takes the entries out of a cache; comes from [`Cache::drain`].
pub struct Drain<'c, K, V, S> {
    cache: &'c Cache<K, V, S>,
    shard: usize,
    set: usize,
    slot: usize,
}

impl<K: Clone, V: Clone, S> Iterator for Drain<'_, K, V, S> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let engine = self.cache.engine();
        while self.shard < engine.shard_numbers() {
            let taken = engine.take_next(self.shard, self.set, &mut self.slot, pair);
            if taken.is_some() {
                return taken;
            }
            (self.set, self.slot) = (self.set + 1, 0);
            if self.set >= engine.sets(self.shard) {
                (self.shard, self.set) = (self.shard + 1, 0);
            }
        }
        // For good, though the cache may grow.
        self.shard = usize::MAX;
        None
    }
}

impl<K: Clone, V: Clone, S> std::iter::FusedIterator for Drain<'_, K, V, S> {}

impl<K, V, S> fmt::Debug for Drain<'_, K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").field("cache", self.cache).finish_non_exhaustive()
    }
}

fn pair<K: Clone, V: Clone>(entry: &Entry<K, V>) -> (K, V) {
    (entry.key.clone(), entry.value.clone())
}

/// See [`Cache::iter`].
///
/// ```
/// let cache = larder::Cache::new(10);
/// cache.insert_many([(1, 10), (2, 20)]);
/// let mut sum = 0;
/// for (key, value) in &cache {
///     sum += key + value;
/// }
/// assert_eq!(sum, 33);
/// ```
impl<'c, K: Clone, V: Clone, S> IntoIterator for &'c Cache<K, V, S> {
    type Item = (K, V);
    type IntoIter = Iter<'c, K, V, S>;

    fn into_iter(self) -> Iter<'c, K, V, S> {
        self.iter()
    }
}

/// Which end of the ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Hottest,
    Coldest,
}

impl<K, V, S> Cache<K, V, S> {
    /// The keys, cloned, in no particular order. What holds of [`iter`](Cache::iter) holds here.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert_many([(1, 'a'), (2, 'b')]);
    /// let mut keys: Vec<_> = cache.keys().collect();
    /// keys.sort();
    /// assert_eq!(keys, [1, 2]);
    /// ```
    pub fn keys(&self) -> Keys<'_, K, V, S> {
        Keys { cache: self, walk: Walk::new() }
    }

    /// Takes the entries out, one with each step, and returns them, cloned, in no particular order.
    /// What it has not come to when it is dropped stays.
    ///
    /// Weakly consistent, as [`iter`](Cache::iter); of several that run at once each entry goes to
    /// one. The listener is told of each with
    /// [`RemovalCause::Explicit`](crate::RemovalCause::Explicit). What is being loaded when the
    /// call begins is not stored. O(capacity) in all.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert_many([(1, 'a'), (2, 'b'), (3, 'c')]);
    /// let first = cache.drain().next().unwrap();
    /// assert_eq!((cache.get(&first.0), cache.entry_count()), (None, 2));
    /// assert_eq!((cache.drain().count(), cache.entry_count()), (2, 0));
    /// ```
    pub fn drain(&self) -> Drain<'_, K, V, S> {
        self.engine().supersede_loads();
        Drain { cache: self, shard: 0, set: 0, slot: 0 }
    }

    /// The `n` entries that the eviction policy thinks most of, cloned, the best first: entries in
    /// the protected segment before those in probation, within a segment those with more uses (see
    /// [`Metadata::uses`]) first, of these those first whose keys have proved themselves more
    /// often; the rest in no particular order. Does not count as use. O(capacity), weakly
    /// consistent.
    ///
    /// ```
    /// let cache = larder::Cache::new(100);
    /// cache.insert_many((0..10).map(|key| (key, key)));
    /// (0..3).for_each(|_| _ = cache.get(&7));
    /// assert_eq!(cache.hottest(1), [(7, 7)]);
    /// ```
    #[must_use]
    pub fn hottest(&self, n: usize) -> Vec<(K, V)>
    where
        K: Clone,
        V: Clone,
    {
        self.at_end(End::Hottest, n)
    }

    /// The `n` entries that the eviction policy thinks least of, the least first: the order of
    /// [`hottest`](Cache::hottest) turned round. About those that will be evicted next if they are
    /// not used; within a segment the policy takes turns, which does not show here. O(capacity).
    ///
    /// ```
    /// let cache = larder::Cache::new(100);
    /// cache.insert_many((0..10).map(|key| (key, key)));
    /// (1..10).for_each(|key| (0..3).for_each(|_| _ = cache.get(&key)));
    /// assert_eq!(cache.coldest(1), [(0, 0)]);
    /// ```
    #[must_use]
    pub fn coldest(&self, n: usize) -> Vec<(K, V)>
    where
        K: Clone,
        V: Clone,
    {
        self.at_end(End::Coldest, n)
    }

    /// Two walks: one counts the ranks, the other clones those that have to be cloned.
    fn at_end(&self, end: End, n: usize) -> Vec<(K, V)>
    where
        K: Clone,
        V: Clone,
    {
        let place = |rank: Rank| match end {
            End::Hottest => Rank::COUNT - 1 - rank.number(),
            End::Coldest => rank.number(),
        };
        let mut counts = [0; Rank::COUNT];
        self.engine().rank_all(|rank, _| counts[place(rank)] += 1);
        let mut left = n;
        // Of each rank, as many as there are, until there are enough.
        let mut wanted = counts.map(|count: usize| {
            let wanted = count.min(left);
            left -= wanted;
            wanted
        });
        let mut picked = Vec::with_capacity(wanted.iter().sum());
        self.engine().rank_all(|rank, entry| {
            let place = place(rank);
            if wanted[place] > 0 {
                wanted[place] -= 1;
                picked.push((place, pair(entry)));
            }
        });
        picked.sort_by_key(|&(place, _)| place);
        picked.into_iter().map(|(_, pair)| pair).collect()
    }
}

impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    /// What the cache knows of a key's entry; `None` if the key is absent. Does not count as use.
    /// O(1).
    ///
    /// ```
    /// use larder::{Cache, ManualClock};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let minute = Duration::from_secs(60);
    /// let cache = Cache::builder().max_capacity(10).time_to_live(minute).clock(&clock).build();
    /// cache.insert(1, "one");
    /// clock.advance(minute / 4);
    /// let metadata = cache.metadata(&1).unwrap();
    /// assert_eq!((metadata.age, metadata.ttl), (Some(minute / 4), Some(minute * 3 / 4)));
    /// assert_eq!(cache.metadata(&2), None);
    /// ```
    pub fn metadata<Q>(&self, key: &Q) -> Option<Metadata>
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        let facts = self.engine().facts(self.hash(key), |other| key.equivalent(other))?;
        let lifetimes = self.engine().lifetimes();
        Some(Metadata {
            uses: facts.uses,
            age: facts.life.and_then(|life| lifetimes.age(life)),
            ttl: facts.life.and_then(|life| lifetimes.remaining(life.deadline)),
            weight: facts.weight,
            tags: Tags::count(facts.tags),
        })
    }
}
