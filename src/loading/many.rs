//! Loads of several keys at once.
//!
//! Each key has its own flight, which is posted before the loader runs and lands after it has run.
//! Two batches that overlap, in any order, do not wait for each other: a batch first posts and
//! loads the keys that no other caller loads, and waits for the flights of others only after all of
//! its own have landed. While it waits it has no lead; if it gets one then, it loads that key alone
//! and at once.

use super::{
    driver::{Conclude, Joined, Lookup, Seeking, without},
    question::{Ask, Optional, OwnedKey},
};
use crate::{
    Cache,
    engine::{load::lead::Lead, singleflight::reentrancy::Leading},
};
use std::{
    future::{Future, poll_fn},
    hash::{BuildHasher, Hash},
    pin::pin,
    time::Duration,
};

/// A key that is absent.
struct Wish<K> {
    hash: u64,
    key: K,
    /// The place of the key in the request; the first, if there are several.
    place: usize,
}

/// The request for one key.
type One<'c, K, V, S> = Ask<&'c Cache<K, V, S>, K, V, Optional, OwnedKey<K>>;

/// A key that is waited for, and the place of its answer.
type Waiting<'c, K, V, S> = (usize, Seeking<'c, One<'c, K, V, S>>);

/// A key that the loader is called for, and the place of its answer.
struct Led<'c, K, V, S> {
    place: usize,
    request: One<'c, K, V, S>,
    lead: Lead<'c, K, V>,
}

impl<K, V, S> Led<'_, K, V, S> {
    fn key(&self) -> &K {
        &self.request.key.0
    }
}

/// This thread runs the loads of a batch. They end in the reverse of their order.
struct LeadingAll(Vec<Leading>);

impl LeadingAll {
    fn new<K, V, S>(led: &[Led<'_, K, V, S>]) -> Self {
        Self(led.iter().map(|led| led.lead.leading()).collect())
    }
}

impl Drop for LeadingAll {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

/// A batch on its way.
struct Batch<'c, K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    cache: &'c Cache<K, V, S>,
    answers: Vec<Option<V>>,
    /// The places of each repeated key and of its answer.
    repeated: Vec<(usize, usize)>,
    /// The keys of the loader's next call.
    led: Vec<Led<'c, K, V, S>>,
    waiting: Vec<Waiting<'c, K, V, S>>,
}

impl<'c, K, V, S> Batch<'c, K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// Looks the keys up, and joins the loads of those that are absent: finds out what this batch
    /// is to load, and for what it is to wait.
    fn new(cache: &'c Cache<K, V, S>, keys: impl IntoIterator<Item = K>) -> Self {
        let (answers, repeated, led, waiting) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut batch = Self { cache, answers, repeated, led, waiting };
        let mut wishes = Vec::new();
        // All keys first: the iterator is the user's code, and must not run while flights are
        // posted that only this thread can end.
        let keys: Vec<_> = keys.into_iter().collect();
        for (place, key) in keys.into_iter().enumerate() {
            let key = OwnedKey(key);
            let found = cache.lookup(cache.engine(), &key);
            batch.answers.push(None);
            match found {
                Lookup::Found(value) => batch.answers[place] = Some(value),
                Lookup::Absent => wishes.push(Wish { hash: cache.hash(&key.0), key: key.0, place }),
                Lookup::Old(lead) => batch.lead(place, Ask::new(cache, key), lead),
            }
        }
        for Wish { key, place, .. } in batch.without_repeated(wishes) {
            let mut seeking = Seeking::of_absent(Ask::new(cache, OwnedKey(key)));
            match seeking.step(cache.engine()) {
                Some(joined) => batch.joined(place, seeking, joined),
                None => batch.waiting.push((place, seeking)),
            }
        }
        batch
    }

    /// Returns one wish per key. (An old value is found once, as old: then its flight is posted.)
    fn without_repeated(&mut self, mut wishes: Vec<Wish<K>>) -> Vec<Wish<K>> {
        wishes.sort_by_key(|wish| (wish.hash, wish.place));
        let mut distinct: Vec<Wish<K>> = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let mut same_hash = distinct.iter().rev().take_while(|first| first.hash == wish.hash);
            match same_hash.find(|first| first.key == wish.key) {
                Some(first) => self.repeated.push((wish.place, first.place)),
                None => distinct.push(wish),
            }
        }
        distinct.sort_by_key(|wish| wish.place);
        distinct
    }

    fn lead(&mut self, place: usize, request: One<'c, K, V, S>, lead: Lead<'c, K, V>) {
        self.led.push(Led { place, request, lead });
    }

    /// Continues with a key for which the batch does not have to wait any more.
    fn joined(
        &mut self,
        place: usize,
        seeking: Seeking<'c, One<'c, K, V, S>>,
        joined: Joined<'c, One<'c, K, V, S>>,
    ) {
        match joined {
            Joined::Done(answer) => self.answers[place] = answer,
            Joined::Lead(lead) => self.lead(place, seeking.request, lead),
            Joined::Alone(alone) => match alone {},
        }
    }

    /// Returns the keys for the loader's next call, if there are any.
    fn to_load(&self) -> Option<Vec<K>> {
        let keys: Vec<_> = self.led.iter().map(|led| led.key().clone()).collect();
        (!keys.is_empty()).then_some(keys)
    }

    /// Stores what the loader has returned, and ends the flights.
    fn land(&mut self, loaded: Vec<(K, V)>, took: Duration) {
        // The loader returns keys in any order.
        let mut values: Vec<Option<V>> = self.led.iter().map(|_| None).collect();
        let mut by_hash: Vec<_> = (0..self.led.len()).collect();
        let hash_at = |at: usize| self.led[at].lead.hash();
        by_hash.sort_by_key(|&at| hash_at(at));
        // Values of other keys are dropped after the flights have landed, since their destructors
        // may take long.
        let mut unasked = Vec::new();
        for (key, value) in loaded {
            let hash = self.cache.hash(&key);
            let from = by_hash.partition_point(|&at| hash_at(at) < hash);
            let mut same_hash = by_hash[from..].iter().take_while(|&&at| hash_at(at) == hash);
            let unused = match same_hash.find(|&&at| *self.led[at].key() == key) {
                Some(&at) => values[at].replace(value),
                None => Some(value),
            };
            unasked.push((key, unused));
        }
        let led = std::mem::take(&mut self.led);
        let hashes: Vec<_> = led.iter().map(|led| led.lead.hash()).collect();
        let answers = &mut self.answers;
        self.cache.engine().conclude(hashes, |unused| {
            for (Led { place, request, lead }, value) in led.into_iter().zip(values) {
                answers[place] = request.conclude(lead, value, took, unused);
            }
        });
    }

    /// Calls the loader for the keys that the batch leads.
    fn load<I: IntoIterator<Item = (K, V)>>(&mut self, init: &mut impl FnMut(&[K]) -> I) {
        let Some(keys) = self.to_load() else { return };
        let stopwatch = self.cache.engine().time_load();
        let loaded = {
            let _leading = LeadingAll::new(&self.led);
            // A lazy iterator loads in `next`, so the iteration is a part of the load.
            stopwatch.watch(|| init(&keys).into_iter().collect())
        };
        let took = stopwatch.stop(false);
        self.land(loaded, took);
    }

    async fn load_async<I: IntoIterator<Item = (K, V)>>(
        &mut self,
        init: &mut impl AsyncFnMut(&[K]) -> I,
    ) {
        let Some(keys) = self.to_load() else { return };
        let stopwatch = self.cache.engine().time_load();
        let loaded = {
            let mut load = pin!(async { init(&keys).await.into_iter().collect() });
            poll_fn(|context| {
                let _leading = LeadingAll::new(&self.led);
                stopwatch.watch(|| load.as_mut().poll(context))
            })
            .await
        };
        let took = stopwatch.stop(false);
        self.land(loaded, took);
    }

    fn into_answers(mut self) -> Vec<Option<V>> {
        for (place, first) in std::mem::take(&mut self.repeated) {
            self.answers[place] = self.answers[first].clone();
        }
        std::mem::take(&mut self.answers)
    }
}

/// # Loading several keys
impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    /// Returns the values of several keys, in the order of the keys. Absent keys that no other
    /// caller is loading are loaded in one call of `init`. O(keys · log keys), and the time of
    /// `init` or of other callers' loads.
    ///
    /// `init` gets each such key once and returns pairs of keys and values in any order, for
    /// example as a vector or a map. A key that it leaves out has no value: nothing is stored, and
    /// all callers that waited for it get `None`, as by
    /// [`optionally_get_with`](Cache::optionally_get_with). Pairs with other keys are dropped.
    ///
    /// The call waits for keys that others load after it has stored its own values, so overlapping
    /// batches do not wait for each other. If such a load has no outcome that answers this call,
    /// `init` is called once more for its key; otherwise it is called at most once.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// let cache = larder::Cache::new(10);
    /// cache.insert(2, "two");
    /// let words = HashMap::from([(1, "one"), (2, "two"), (3, "three")]);
    /// let found = cache.get_many_with([1, 2, 3, 4], |absent| {
    ///     assert_eq!(absent, [1, 3, 4]);
    ///     absent.iter().filter_map(|key| Some((*key, *words.get(key)?))).collect::<Vec<_>>()
    /// });
    /// assert_eq!(found, [Some("one"), Some("two"), Some("three"), None]);
    /// assert_eq!((cache.get(&3), cache.get(&4)), (Some("three"), None));
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads one of the keys. Then nothing is stored, and waiting callers load
    /// for themselves.
    pub fn get_many_with<I>(
        &self,
        keys: impl IntoIterator<Item = K>,
        mut init: impl FnMut(&[K]) -> I,
    ) -> Vec<Option<V>>
    where
        I: IntoIterator<Item = (K, V)>,
    {
        let mut batch = Batch::new(self, keys);
        batch.load(&mut init);
        for (place, mut seeking) in std::mem::take(&mut batch.waiting) {
            let joined = seeking.wait(self.engine());
            batch.joined(place, seeking, joined);
            batch.load(&mut init);
        }
        without(init, batch.into_answers())
    }

    /// [`get_many_with`](Cache::get_many_with) with a loader whose calls are futures.
    ///
    /// ```
    /// # futures::executor::block_on(async {
    /// let cache = larder::Cache::new(10);
    /// let load = async |absent: &[u32]| absent.iter().map(|n| (*n, n * n)).collect::<Vec<_>>();
    /// assert_eq!(cache.get_many_with_async([2, 3], load).await, [Some(4), Some(9)]);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `init` panics or loads one of the keys.
    pub async fn get_many_with_async<I>(
        &self,
        keys: impl IntoIterator<Item = K>,
        mut init: impl AsyncFnMut(&[K]) -> I,
    ) -> Vec<Option<V>>
    where
        I: IntoIterator<Item = (K, V)>,
    {
        let mut batch = Batch::new(self, keys);
        batch.load_async(&mut init).await;
        for (place, mut seeking) in std::mem::take(&mut batch.waiting) {
            let joined = poll_fn(|context| seeking.poll(self.engine(), context)).await;
            batch.joined(place, seeking, joined);
            batch.load_async(&mut init).await;
        }
        batch.into_answers()
    }
}
