//! Loading several keys at once.
//!
//! Each key has its own flight, which is posted before the loader runs and lands when it has run.
//! Two batches that overlap, in whatever order, do not wait for each other: a batch posts what it
//! can and loads that first, and only when all of its flights have landed it waits for those of
//! others. While it waits it leads nothing; if it is offered a lead then, it loads that key by
//! itself and at once.

use super::{Lead, Optional, Own, Question, land, refresh::Lookup, without};
use crate::{
    Cache,
    engine::singleflight::{
        flight::{Boarding, Outcome, Turn, Waiter},
        reentrancy::Leading,
    },
};
use std::{
    future::{Future, poll_fn},
    hash::{BuildHasher, Hash},
    ops::ControlFlow,
    pin::pin,
    time::Duration,
};

/// A key that is loaded, and the place of its answer.
struct Wish<K> {
    hash: u64,
    key: K,
    /// Where it stands among the keys that were asked for; the first place, if there are several.
    place: usize,
}

/// What one call of the loader is for.
type Led<'c, K, V> = Vec<(Wish<K>, Lead<'c, K, V>)>;

/// This thread runs the loads of a batch. They end in the reverse of their order.
struct LeadingAll(Vec<Leading>);

impl LeadingAll {
    fn new<K, V>(led: &Led<'_, K, V>) -> Self {
        Self(led.iter().map(|(_, lead)| lead.leading()).collect())
    }
}

impl Drop for LeadingAll {
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

/// A batch on its way.
struct Batch<'c, K, V, S> {
    cache: &'c Cache<K, V, S>,
    answers: Vec<Option<V>>,
    /// The place of each key that was asked for before, and that of its answer.
    repeated: Vec<(usize, usize)>,
    wishes: Vec<Wish<K>>,
    led: Led<'c, K, V>,
    waiting: Vec<(Wish<K>, Waiter<'c, K, V>)>,
}

impl<'c, K, V, S> Batch<'c, K, V, S>
where
    K: Hash + Eq + Clone,
    V: Clone,
    S: BuildHasher,
{
    fn new(cache: &'c Cache<K, V, S>, keys: impl IntoIterator<Item = K>) -> Self {
        let mut batch = Self {
            cache,
            answers: Vec::new(),
            repeated: Vec::new(),
            wishes: Vec::new(),
            led: Vec::new(),
            waiting: Vec::new(),
        };
        // All of them first: the iterator is the user's code, and must not run while flights are
        // posted that only this thread will end.
        let keys: Vec<_> = keys.into_iter().collect();
        for (place, key) in keys.into_iter().enumerate() {
            let key = Own(key);
            let answer = match cache.lookup(&key) {
                Lookup::Found(value) => Some(value),
                Lookup::Absent => {
                    batch.wishes.push(batch.wish(key, place));
                    None
                }
                Lookup::Old(value, refresh) => {
                    batch.led.push((batch.wish(key, place), Lead::Old(value, refresh)));
                    None
                }
            };
            batch.answers.push(answer);
        }
        batch.find_repeated();
        batch
    }

    fn wish(&self, Own(key): Own<K>, place: usize) -> Wish<K> {
        Wish { hash: self.cache.hash(&key), key, place }
    }

    /// Leaves one wish per key. (An old value is found once, as old: then its flight is posted.)
    fn find_repeated(&mut self) {
        self.wishes.sort_by_key(|wish| (wish.hash, wish.place));
        let mut distinct: Vec<Wish<K>> = Vec::with_capacity(self.wishes.len());
        for wish in self.wishes.drain(..) {
            let mut same_hash = distinct.iter().rev().take_while(|first| first.hash == wish.hash);
            match same_hash.find(|first| first.key == wish.key) {
                Some(first) => self.repeated.push((wish.place, first.place)),
                None => distinct.push(wish),
            }
        }
        distinct.sort_by_key(|wish| wish.place);
        self.wishes = distinct;
    }

    /// Finds out what this batch is to load, and for what it is to wait.
    fn board(&mut self) {
        for wish in std::mem::take(&mut self.wishes) {
            match self.cache.board(wish.hash, &Own(wish.key.clone())) {
                Boarding::Wait(waiter) => self.waiting.push((wish, waiter)),
                Boarding::Lead(leader) => self.turn(wish, Turn::Lead(leader)),
            }
        }
    }

    /// Goes on with a key for which the batch need not wait any more.
    fn turn(&mut self, wish: Wish<K>, turn: Turn<'c, K, V>) {
        let key = Own(wish.key.clone());
        match self.cache.next::<Optional, _>(wish.hash, &key, turn) {
            ControlFlow::Break(answer) => self.answers[wish.place] = answer,
            ControlFlow::Continue(Some(leader)) => self.led.push((wish, Lead::Absent(leader))),
            ControlFlow::Continue(None) => self.wishes.push(wish),
        }
    }

    /// The keys that the loader is to be called for, if there are any.
    fn to_load(&self) -> Option<Vec<K>> {
        let keys: Vec<_> = self.led.iter().map(|(wish, _)| wish.key.clone()).collect();
        (!keys.is_empty()).then_some(keys)
    }

    /// Stores what the loader has returned, and ends the flights.
    fn land(&mut self, loaded: Vec<(K, V)>, took: Duration) {
        // Its keys come in any order.
        let mut values: Vec<Option<V>> = self.led.iter().map(|_| None).collect();
        let mut by_hash: Vec<_> = (0..self.led.len()).collect();
        by_hash.sort_by_key(|&at| self.led[at].0.hash);
        // Values that nobody asked for are dropped when the flights have landed: they may have
        // destructors.
        let mut unasked = Vec::new();
        for (key, value) in loaded {
            let hash = self.cache.hash(&key);
            let from = by_hash.partition_point(|&at| self.led[at].0.hash < hash);
            let mut same_hash =
                by_hash[from..].iter().take_while(|&&at| self.led[at].0.hash == hash);
            let unused = match same_hash.find(|&&at| self.led[at].0.key == key) {
                Some(&at) => values[at].replace(value),
                None => Some(value),
            };
            unasked.push((key, unused));
        }
        let led = std::mem::take(&mut self.led);
        let hashes: Vec<_> = led.iter().map(|(wish, _)| wish.hash).collect();
        let (cache, answers) = (self.cache, &mut self.answers);
        let mut replaced = Vec::new();
        cache.engine().conclude(hashes, |unused| {
            for ((Wish { hash, key, place }, lead), value) in led.into_iter().zip(values) {
                let outcome = Optional::outcome(value);
                answers[place] = match lead {
                    Lead::Absent(leader) => land::<Optional, _, _>(
                        cache.engine(),
                        hash,
                        Own(key),
                        leader,
                        outcome,
                        took,
                        unused,
                    ),
                    Lead::Old(old, refresh) => match refresh.land(|| key, outcome, took, unused) {
                        Outcome::Value(value) => {
                            replaced.push(old);
                            Some(value)
                        }
                        Outcome::Nothing | Outcome::Error(_) => Some(old),
                    },
                };
            }
        });
    }

    /// Calls the loader for what the batch leads.
    fn load<I: IntoIterator<Item = (K, V)>>(&mut self, init: &mut impl FnMut(&[K]) -> I) {
        let Some(keys) = self.to_load() else { return };
        let stopwatch = self.cache.engine().time_load();
        let loaded = {
            let _leading = LeadingAll::new(&self.led);
            // A lazy iterator loads when it is asked, so asking is part of the load.
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
    /// `init` gets each such key once and returns what it has for them, as pairs in any order: a
    /// vector, a map. A key that it leaves out has no value: nothing is stored, and all callers
    /// that waited for it get `None`, as with [`optionally_get_with`](Cache::optionally_get_with).
    /// Pairs with other keys are dropped.
    ///
    /// For the keys that others load the call waits after it has stored what it has loaded itself:
    /// overlapping batches do not wait for each other. If such a load comes to nothing that is an
    /// answer, `init` is called once more for its key; otherwise it is called at most once.
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
    /// If `init` does, or loads one of the keys. Then nothing is stored, and those who wait load
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
        loop {
            batch.board();
            batch.load(&mut init);
            for (wish, waiter) in std::mem::take(&mut batch.waiting) {
                let turn = Boarding::Wait(waiter).turn_blocking();
                batch.turn(wish, turn);
                batch.load(&mut init);
            }
            if batch.wishes.is_empty() {
                return without(init, batch.into_answers());
            }
        }
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
    /// If `init` does, or loads one of the keys.
    pub async fn get_many_with_async<I>(
        &self,
        keys: impl IntoIterator<Item = K>,
        mut init: impl AsyncFnMut(&[K]) -> I,
    ) -> Vec<Option<V>>
    where
        I: IntoIterator<Item = (K, V)>,
    {
        let mut batch = Batch::new(self, keys);
        loop {
            batch.board();
            batch.load_async(&mut init).await;
            for (wish, waiter) in std::mem::take(&mut batch.waiting) {
                let turn = Boarding::Wait(waiter).turn().await;
                batch.turn(wish, turn);
                batch.load_async(&mut init).await;
            }
            if batch.wishes.is_empty() {
                return batch.into_answers();
            }
        }
    }
}
