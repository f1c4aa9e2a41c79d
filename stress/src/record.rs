//! Operations on a cache, each recorded with what came out and when.

mod computing;
mod loading;
mod together;

pub use computing::Does;
pub use loading::ByHand;
pub use together::{Keys, Together};

use crate::{
    census::{Census, Key, Number, Value},
    hashing::Hashing,
    history::{Event, Millis, NEVER, Time, ValueId, What},
    hours::Hours,
};
use larder::{Cache, Pinned};
use std::{
    sync::atomic::{AtomicU64, Ordering, compiler_fence},
    time::Duration,
};

/// The cache under test.
pub type TestCache = Cache<Key, Value, Hashing>;

/// One clock for all threads: each reading is later than those that happened before it.
#[derive(Debug, Default)]
pub struct Clock(AtomicU64);

impl Clock {
    /// Reads the clock. No memory access of this thread moves across it.
    ///
    /// On x86-64 every locked instruction is a full fence, so relaxed ones do, with the compiler
    /// held back. That matters: as sequentially consistent operations they would make each
    /// operation happen before all that begin later, and ThreadSanitizer could not see a race
    /// between them.
    fn now(&self) -> Time {
        if cfg!(target_arch = "x86_64") {
            compiler_fence(Ordering::SeqCst);
            let now = self.0.fetch_add(1, Ordering::Relaxed);
            compiler_fence(Ordering::SeqCst);
            now
        } else {
            self.0.fetch_add(1, Ordering::SeqCst)
        }
    }
}

/// A deliberate fault in what is recorded, to see that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Now and then a lookup is said to have found the first value that this thread wrote.
    StaleRead,
    /// Now and then a lookup is said to have found nothing.
    FalseMiss,
    /// Now and then a computation is a lookup and an insert.
    LostUpdate,
    /// Now and then a tag is said to have been invalidated.
    TagKept,
    /// Now and then entries are said to have been invalidated.
    NotCulled,
}

/// When an operation began, by both clocks.
#[derive(Clone, Copy, Debug)]
struct Begin {
    now: Millis,
    time: Time,
}

/// A thread's records of one round.
#[derive(Debug)]
pub struct Recorder<'a> {
    cache: &'a TestCache,
    census: &'a Census,
    clock: &'a Clock,
    hours: &'a Hours,
    plant: Option<Plant>,
    /// Distinguishes values of different threads and rounds.
    next_value: ValueId,
    /// The first value that this thread wrote to each key: what a planted stale read returns.
    shadow: Vec<Option<ValueId>>,
    lookups: u64,
    /// How many tags there are.
    tags: u32,
    /// Computations and invalidations of several keys, for planted faults.
    others: u64,
    /// What was seen, by key.
    pub events: Vec<(u32, Event)>,
    /// What was done to many keys together.
    pub together: Vec<Together>,
}

impl<'a> Recorder<'a> {
    /// A recorder whose values are numbered from `first_value` on, and whose keys have one of so
    /// many tags.
    pub fn new(
        cache: &'a TestCache,
        census: &'a Census,
        clock: &'a Clock,
        hours: &'a Hours,
        keys: u32,
        tags: u32,
        first_value: ValueId,
    ) -> Self {
        Self {
            cache,
            census,
            clock,
            hours,
            plant: None,
            next_value: first_value,
            shadow: vec![None; keys as usize],
            lookups: 0,
            tags,
            others: 0,
            events: Vec::new(),
            together: Vec::new(),
        }
    }

    /// Records falsely from now on.
    pub fn plant(&mut self, plant: Option<Plant>) {
        self.plant = plant;
    }

    fn begin(&self) -> Begin {
        // The hour first: it is not to be later than the begin.
        let now = self.hours.at_least();
        Begin { now, time: self.clock.now() }
    }

    fn record(&mut self, number: u32, begin: Begin, what: What) {
        self.record_until(number, begin, what, NEVER);
    }

    fn record_until(&mut self, number: u32, begin: Begin, what: What, until: Millis) {
        let Begin { now, time: begin } = begin;
        let end = self.clock.now();
        self.events.push((number, Event { begin, end, what, now, until }));
    }

    /// A write that the cache's rules gave its end.
    fn record_write(&mut self, number: u32, begin: Begin, what: What) {
        let until = self.hours.end_by_rule();
        self.record_until(number, begin, what, until);
    }

    fn new_value(&mut self, number: u32) -> (Value, ValueId) {
        let id = self.next_value;
        self.next_value += 1;
        (self.census.value(number, id), id)
    }

    /// Whether it is time for this planted fault.
    fn is_planted(&mut self, plant: Plant) -> bool {
        if self.plant != Some(plant) {
            return false;
        }
        self.others += 1;
        self.others.is_multiple_of(4)
    }

    /// What a lookup is said to have found.
    fn found(&mut self, number: u32, id: Option<ValueId>) -> What {
        self.lookups += 1;
        let truth = id.map_or(What::Miss, What::Hit);
        if !self.lookups.is_multiple_of(128) {
            return truth;
        }
        match self.plant {
            Some(Plant::StaleRead) => self.shadow[number as usize].map_or(truth, What::Hit),
            Some(Plant::FalseMiss) => What::Miss,
            _ => truth,
        }
    }

    /// `insert`
    pub fn insert(&mut self, number: u32) {
        let (key, (value, id)) = (self.census.key(number), self.new_value(number));
        let begin = self.begin();
        self.cache.insert(key, value);
        self.record_write(number, begin, What::Inserted(id));
        self.shadow[number as usize].get_or_insert(id);
    }

    /// `insert_tagged`
    pub fn insert_tagged(&mut self, number: u32) {
        let (key, (value, id)) = (self.census.key(number), self.new_value(number));
        let tag = number % self.tags;
        let begin = self.begin();
        self.cache.insert_tagged(key, value, [tag]).expect("one tag is allowed");
        self.record_write(number, begin, What::InsertedTagged(id));
    }

    /// `insert_many`: each may take effect at any moment of it.
    pub fn insert_many(&mut self, numbers: &[u32]) {
        let made: Vec<_> = numbers.iter().map(|number| self.new_value(*number)).collect();
        let ids: Vec<_> = made.iter().map(|(_, id)| *id).collect();
        let keys: Vec<_> = numbers.iter().map(|number| self.census.key(*number)).collect();
        let begin = self.begin();
        self.cache.insert_many(keys.into_iter().zip(made.into_iter().map(|(value, _)| value)));
        for (number, id) in numbers.iter().zip(ids) {
            self.record_write(*number, begin, What::Inserted(id));
        }
    }

    /// `insert_with_ttl`
    pub fn insert_for(&mut self, number: u32, time: Millis) {
        let (key, (value, id)) = (self.census.key(number), self.new_value(number));
        let begin = self.begin();
        self.cache.insert_with_ttl(key, value, Duration::from_millis(time));
        let until = self.hours.at_most() + time;
        self.record_until(number, begin, What::Inserted(id), until);
    }

    /// `set_ttl`
    pub fn touch(&mut self, number: u32, time: Millis) {
        let begin = self.begin();
        let found = self.cache.set_ttl(&Number(number), Duration::from_millis(time));
        let until = self.hours.at_most() + time;
        let what = if found { What::Touched } else { What::Miss };
        self.record_until(number, begin, what, until);
    }

    /// `add`
    pub fn add(&mut self, number: u32) {
        let (key, (value, id)) = (self.census.key(number), self.new_value(number));
        let begin = self.begin();
        let added = self.cache.add(key, value);
        self.record_write(number, begin, if added { What::Added(id) } else { What::Refused });
    }

    /// `get`
    pub fn get(&mut self, number: u32) {
        let begin = self.begin();
        let id = self.cache.get(&Number(number)).map(|value| value.id(number));
        let what = self.found(number, id);
        self.record(number, begin, what);
    }

    /// `get_ref`, or `peek`
    pub fn look(&mut self, number: u32, peek: bool) {
        let begin = self.begin();
        let id = if peek {
            self.cache.peek(&Number(number)).map(|value| value.id(number))
        } else {
            self.cache.get_ref(&Number(number), |value| value.id(number))
        };
        let what = self.found(number, id);
        self.record(number, begin, what);
    }

    /// `contains_key`
    pub fn contains(&mut self, number: u32) {
        let begin = self.begin();
        let what =
            if self.cache.contains_key(&Number(number)) { What::Present } else { What::Miss };
        self.record(number, begin, what);
    }

    /// `get_many`: each may take effect at any moment of it.
    pub fn get_many(&mut self, numbers: &[u32]) {
        let keys: Vec<_> = numbers.iter().map(|number| Number(*number)).collect();
        let begin = self.begin();
        let values = self.cache.get_many(&keys);
        for (number, value) in numbers.iter().zip(values) {
            let what = self.found(*number, value.map(|value| value.id(*number)));
            self.record(*number, begin, what);
        }
    }

    /// Lookups in a pin, and `meanwhile` while their values are borrowed: they must not change.
    pub fn pinned(&mut self, numbers: &[u32], meanwhile: impl FnOnce(&mut Self)) {
        let cache = self.cache;
        let pinned = cache.pin();
        let mut held = Vec::new();
        for number in numbers {
            let begin = self.begin();
            let value: Option<&Value> = Pinned::get(&pinned, &Number(*number));
            let id = value.map(|value| value.id(*number));
            self.record(*number, begin, id.map_or(What::Miss, What::Hit));
            held.extend(value.map(|value| (*number, value, id)));
        }
        meanwhile(self);
        for (number, value, id) in held {
            if Some(value.id(number)) != id {
                crate::die("a borrowed value became another one");
            }
        }
    }

    /// `remove`
    pub fn remove(&mut self, number: u32) {
        let begin = self.begin();
        let id = self.cache.remove(&Number(number)).map(|value| value.id(number));
        self.record(number, begin, id.map_or(What::NothingRemoved, What::Removed));
    }

    /// `invalidate`
    pub fn invalidate(&mut self, number: u32) {
        let begin = self.begin();
        let found = self.cache.invalidate(&Number(number));
        self.record(number, begin, if found { What::Invalidated } else { What::NothingRemoved });
    }

    /// `iter`: what it yields was there at some moment since it began.
    pub fn iterate(&mut self) {
        let begin = self.begin();
        for (key, value) in self.cache.iter() {
            let number = key.number();
            self.record(number, begin, What::Hit(value.id(number)));
        }
    }

    /// Looks at everything while no other thread is there: what does not come up is absent.
    pub fn take_stock(&mut self) {
        let begin = self.begin();
        let mut ids = vec![None; self.shadow.len()];
        for (key, value) in self.cache.iter() {
            let number = key.number();
            if ids[number as usize].replace(value.id(number)).is_some() {
                crate::die(&format!("key {number} is in the cache twice"));
            }
        }
        for (number, id) in ids.into_iter().enumerate() {
            self.record(number as u32, begin, id.map_or(What::Miss, What::Hit));
        }
    }

    /// Begins a history with what an earlier round has left in the cache.
    pub fn take_over(&mut self) {
        for (key, value) in self.cache.iter() {
            let number = key.number();
            let is_tagged =
                self.cache.metadata(&Number(number)).is_some_and(|entry| entry.tags > 0);
            let begin = self.begin();
            let id = value.id(number);
            let what = if is_tagged { What::InsertedTagged(id) } else { What::Inserted(id) };
            self.record(number, begin, what);
        }
    }

    /// Lets the cache's time go on.
    pub fn advance(&self, by: Millis) {
        self.hours.advance(by);
    }

    /// `run_pending_tasks`
    pub fn maintain(&self) {
        self.cache.run_pending_tasks();
    }
}
