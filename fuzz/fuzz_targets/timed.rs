//! Operations of one thread on a cache with everything: time that passes, entries that weigh
//! differently, loads, and a listener or a channel.
//!
//! What the cache tells there makes the model exact. A value that was inserted and not told of is there,
//! unless its time is over; so after every operation the cache's weight is known, too.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use larder::{ManualClock, RemovalCause};
use larder_fuzz::{Cache, Census, Life, NEVER, Rules, Setup, Told, Value, settle};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Input {
    rules: Rules,
    setup: Setup,
    operations: Vec<Operation>,
}

/// What to do with a key; the last byte says what each means by it.
#[derive(Clone, Copy, Debug)]
struct Operation {
    what: What,
    key: u8,
    /// A time, a weight, a capacity.
    much: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Get,
    GetRef,
    Peek,
    ContainsKey,
    GetMany,
    Ttl,
    Insert,
    InsertHeavy,
    InsertFor,
    InsertMany,
    Add,
    Remove,
    Invalidate,
    InvalidateAll,
    Touch,
    Load,
    LoadInVain,
    Advance,
    Resize,
    Iterate,
    RunPendingTasks,
}

impl<'a> Arbitrary<'a> for Input {
    /// Three bytes for each operation, so that mutations of the bytes are mutations of the list.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let (rules, setup) = bytes.arbitrary()?;
        let mut operations = Vec::with_capacity(bytes.len() / 3);
        while bytes.len() >= 3 {
            let [what, key, much]: [u8; 3] = bytes.arbitrary()?;
            operations.push(Operation { what: What::new(what, much), key: key % KEYS, much });
        }
        Ok(Self { rules, setup, operations })
    }
}

impl What {
    fn new(byte: u8, much: u8) -> Self {
        match byte % 32 {
            0..3 => Self::Get,
            3 => Self::GetRef,
            4 => Self::Peek,
            5 => Self::ContainsKey,
            6 => Self::GetMany,
            7 => Self::Ttl,
            8..12 => Self::Insert,
            12 => Self::InsertHeavy,
            13 | 14 => Self::InsertFor,
            15 => Self::InsertMany,
            16 | 17 => Self::Add,
            18 | 19 => Self::Remove,
            20 => Self::Invalidate,
            21 | 22 => Self::Touch,
            23..26 => Self::Load,
            26 => Self::LoadInVain,
            27..29 => Self::Advance,
            29 => Self::Resize,
            30 => Self::RunPendingTasks,
            _ if much.is_multiple_of(4) => Self::InvalidateAll,
            _ => Self::Iterate,
        }
    }
}

/// Some keys, one of them twice.
fn group(key: u8) -> [u8; 5] {
    [key, key + 1, key, key + 9, key / 2].map(|key| key % KEYS)
}

/// Few enough that the fuzzer meets the same key again, more than the largest cache holds.
const KEYS: u8 = 72;
/// The ticks in which entries are looked at that nobody looks up, and a bit.
const TICK: u64 = 10;

struct Entry {
    key: u8,
    weight: u64,
    life: Life,
}

/// A load under way.
struct Load {
    key: u8,
    /// Somebody has written a key of its hash since it began.
    superseded: bool,
}

struct Run {
    rules: Rules,
    setup: Setup,
    cache: Cache,
    census: Census,
    clock: ManualClock,
    now: u64,
    writes: u32,
    told: Told,
    /// The values that were inserted and of which the listener has not heard, by number.
    there: BTreeMap<u32, Entry>,
    /// Which of them each key has.
    latest: BTreeMap<u8, u32>,
    loads: Vec<Load>,
    /// Operations yet to come, the next one last: loaders take some of them.
    todo: Vec<Operation>,
}

impl Run {
    fn do_one(&mut self, operation: Operation) {
        let Operation { what, key, much } = operation;
        let cache = self.cache.clone();
        match what {
            What::Get => self.saw(key, cache.get(&key).as_ref(), true),
            What::GetRef => self.saw(key, cache.get_ref(&key, Value::clone).as_ref(), true),
            What::Peek => self.saw(key, cache.peek(&key).as_ref(), false),
            What::ContainsKey => self.noted(key, cache.contains_key(&key)),
            What::GetMany => {
                for (key, found) in group(key).into_iter().zip(cache.get_many(&group(key))) {
                    self.saw(key, found.as_ref(), true);
                }
            }
            What::Ttl => self.ttl(key),
            What::Insert => self.insert(key, u32::from(much % 4), None),
            What::InsertHeavy => self.insert(key, u32::from(much), None),
            What::InsertFor => self.insert(key, u32::from(key % 3), Some(u64::from(much))),
            What::InsertMany => self.insert_many(key, u32::from(much % 8)),
            What::Add => self.add(key, u32::from(much % 8)),
            What::Remove => {
                self.supersede(key);
                let removed = cache.remove(&key);
                self.saw(key, removed.as_ref(), false);
                self.hear(operation);
                assert!(!self.latest.contains_key(&key), "removed, and not told");
            }
            What::Invalidate => {
                self.supersede(key);
                let found = cache.invalidate(&key);
                self.noted(key, found);
                self.hear(operation);
                assert!(!self.latest.contains_key(&key), "invalidated, and not told");
            }
            What::InvalidateAll => {
                self.loads.iter_mut().for_each(|load| load.superseded = true);
                cache.invalidate_all();
                assert_eq!((cache.entry_count(), cache.weighted_size()), (0, 0), "at once");
                // The listener hears of them when they are swept.
                cache.run_pending_tasks();
                self.hear(operation);
                assert!(self.there.is_empty(), "invalidated, and not told");
            }
            What::Touch => {
                let found = cache.touch(&key, Duration::from_millis(much.into()));
                self.noted(key, found);
                if found {
                    let (rules, now) = (self.rules, self.now);
                    self.entry(key).life.touched(&rules, now, much.into());
                }
            }
            What::Load => self.load(key, much, false),
            What::LoadInVain => self.load(key, much, true),
            What::Advance => {
                self.clock.advance(Duration::from_millis(much.into()));
                self.now += u64::from(much);
            }
            What::Resize => self.resize(much.into()),
            What::Iterate => self.iterate(),
            What::RunPendingTasks => self.run_pending_tasks(),
        }
        self.hear(operation);
        self.compare(operation);
    }

    /// The model's entry of a key that was found.
    fn entry(&mut self, key: u8) -> &mut Entry {
        let latest = self.latest.get(&key).expect("a key that was gone is back");
        self.there.get_mut(latest).expect("what is latest is there")
    }

    fn life(&self, key: u8) -> Option<Life> {
        self.latest.get(&key).map(|number| self.there[number].life)
    }

    /// A lookup of `key` found this.
    fn saw(&mut self, key: u8, found: Option<&Value>, counts: bool) {
        self.noted(key, found.is_some());
        let Some(value) = found else { return };
        assert_eq!(value.key(), key, "another key's value");
        assert_eq!(Some(&value.sequence()), self.latest.get(&key), "not the last value");
        if counts {
            let (rules, now) = (self.rules, self.now);
            self.entry(key).life.used(&rules, now);
        }
    }

    /// Whether a lookup of `key` found something.
    fn noted(&mut self, key: u8, found: bool) {
        let now = self.now;
        if found {
            let life = self.entry(key).life;
            assert!(life.may_live(now), "found at {now} what was dead: {life:?}");
        } else if let Some(life) = self.life(key) {
            assert!(life.may_be_dead(now), "not found at {now}, and not told: {life:?}");
            self.entry(key).life.found_dead();
        }
    }

    fn ttl(&mut self, key: u8) {
        let ttl = self.cache.ttl(&key);
        self.noted(key, ttl.is_some());
        if let (Some(ttl), Some(life)) = (ttl, self.life(key)) {
            let left = |end: u64| match end {
                NEVER => Duration::MAX,
                _ => Duration::from_millis(end.saturating_sub(self.now)),
            };
            let range = left(life.earliest_end())..=left(life.latest_end());
            assert!(range.contains(&ttl), "{ttl:?} to live, of {range:?}");
        }
    }

    /// A write of `key` begins.
    fn supersede(&mut self, key: u8) {
        let clash = self.setup.clash();
        let hash = |key: u8| clash.hash_one(key);
        for load in &mut self.loads {
            load.superseded |= hash(load.key) == hash(key);
        }
    }

    fn value(&mut self, key: u8, weight: u32) -> Value {
        self.writes += 1;
        let value = self.census.value(key, 0, self.writes);
        if self.rules.weighted() { value.weighing(weight) } else { value }
    }

    /// A value is in the cache, or the listener is about to hear of it.
    fn register(&mut self, key: u8, number: u32, weight: u32, time: Option<u64>) {
        let replaced = self.life(key).filter(|life| !life.may_be_dead(self.now));
        let life = Life::new(&self.rules, key, self.now, time, replaced);
        self.there.insert(number, Entry { key, weight: weight.into(), life });
        self.latest.insert(key, number);
    }

    fn insert(&mut self, key: u8, weight: u32, time: Option<u64>) {
        self.supersede(key);
        let value = self.value(key, weight);
        self.register(key, value.sequence(), value.weight(), time);
        match time {
            None => self.cache.insert(Box::new(key), value),
            Some(time) => {
                let time = Duration::from_millis(time);
                self.cache.insert_with_ttl(Box::new(key), value, time);
            }
        }
    }

    fn insert_many(&mut self, key: u8, weight: u32) {
        let entries = group(key).map(|key| {
            self.supersede(key);
            let value = self.value(key, weight);
            self.register(key, value.sequence(), value.weight(), None);
            (Box::new(key), value)
        });
        self.cache.insert_many(entries);
    }

    fn add(&mut self, key: u8, weight: u32) {
        self.supersede(key);
        let value = self.value(key, weight);
        let (number, weight) = (value.sequence(), value.weight());
        let life = self.life(key);
        if self.cache.add(Box::new(key), value) {
            assert!(
                life.is_none_or(|life| life.may_be_dead(self.now)),
                "added a key that was there"
            );
            self.register(key, number, weight, None);
            return;
        }
        let told = self.told.take();
        if let Some(at) = told.iter().position(|(_, other, _)| *other == number) {
            self.heard(told[at].2, weight.into());
            assert_eq!(told[at].2, RemovalCause::Rejected, "neither added nor rejected");
            self.hear_all(told.into_iter().filter(|(_, other, _)| *other != number));
        } else {
            // A write takes out a few that are expired, whatever comes of it.
            let expired = |(_, _, cause): &(u8, u32, RemovalCause)| *cause == RemovalCause::Expired;
            assert!(told.iter().all(expired), "told of {told:?}, although nothing was added");
            self.hear_all(told.into_iter());
            assert!(life.is_some_and(|life| life.may_live(self.now)), "refused for nothing");
        }
    }

    /// `get_with` or `try_get_with`, whose loader does something else before it is done.
    fn load(&mut self, key: u8, much: u8, in_vain: bool) {
        if self.loads.iter().any(|load| load.key == key) {
            // A recursive load, which panics.
            return;
        }
        let cache = self.cache.clone();
        let mut loaded = None;
        let mut loader = |run: &mut Self| {
            run.saw(key, None, true);
            run.loads.push(Load { key, superseded: false });
            for _ in 0..much % 4 {
                if let Some(next) = run.todo.pop() {
                    // Half of them with the key that is being loaded.
                    let key = if next.much % 2 == 0 { key } else { next.key };
                    run.do_one(Operation { key, ..next });
                }
            }
            let load = run.loads.pop().expect("loads end in their order");
            let value = run.value(key, u32::from(much / 4));
            loaded = Some((value.sequence(), value.weight(), load.superseded));
            value
        };
        let answer = if in_vain {
            cache.try_get_with(Box::new(key), || Err(loader(self).sequence())).ok()
        } else {
            Some(cache.get_with(Box::new(key), || loader(self)))
        };
        match (loaded, answer) {
            (None, answer) => self.saw(key, answer.as_ref(), true),
            (Some(_), None) => assert!(in_vain),
            (Some((number, weight, superseded)), Some(answer)) => {
                assert!(!in_vain && answer.sequence() == number, "not what was loaded");
                if !superseded {
                    self.register(key, number, weight, None);
                }
            }
        }
    }

    fn resize(&mut self, capacity: u64) {
        self.cache.set_max_capacity(capacity).expect("a cache grows to any of these");
        assert_eq!(self.cache.policy().max_capacity(), capacity);
    }

    fn iterate(&mut self) {
        let mut found = BTreeSet::new();
        for (key, value) in self.cache.clone().iter() {
            self.saw(*key, Some(&value), false);
            assert!(found.insert(*key), "key {key} twice");
        }
        for key in 0..KEYS {
            self.noted(key, found.contains(&key));
        }
    }

    fn run_pending_tasks(&mut self) {
        self.cache.run_pending_tasks();
        let told = self.told.take();
        self.hear_all(told.into_iter());
        for (number, Entry { life, .. }) in &self.there {
            let dead = life.latest_end().saturating_add(TICK) <= self.now;
            assert!(!dead, "{number} is still there at {}: {life:?}", self.now);
        }
    }

    fn hear(&mut self, operation: Operation) {
        let told = self.told.take();
        let cleared = told.iter().any(|(_, _, cause)| *cause == RemovalCause::Invalidated);
        assert!(!cleared || operation.what == What::InvalidateAll, "nobody invalidated all");
        self.hear_all(told.into_iter());
    }

    fn hear_all(&mut self, told: impl Iterator<Item = (u8, u32, RemovalCause)>) {
        for (_, number, cause) in told {
            let Entry { key, weight, life } = self.there.remove(&number).expect("told twice");
            if self.latest.get(&key) == Some(&number) {
                self.latest.remove(&key);
                assert_ne!(cause, RemovalCause::Replaced, "by nothing");
                if cause == RemovalCause::Rejected {
                    self.uncover(key);
                }
            }
            match cause {
                RemovalCause::Expired => {
                    assert!(life.may_be_dead(self.now), "at {}: {life:?}", self.now);
                }
                // What is both expired and invalidated may be told as either.
                RemovalCause::Rejected | RemovalCause::Invalidated => {}
                _ => assert!(life.may_live(self.now), "{cause:?} at {}: {life:?}", self.now),
            }
            self.heard(cause, weight);
        }
    }

    /// What was loaded for `key` and rejected leaves things as they are: perhaps something dead.
    fn uncover(&mut self, key: u8) {
        let mut dead = self.there.iter().filter(|(_, entry)| entry.key == key);
        if let Some((number, entry)) = dead.next() {
            assert!(entry.life.may_be_dead(self.now), "loaded while there was {number}");
            self.latest.insert(key, *number);
        }
    }

    /// What holds of a cause, whichever value it is about.
    fn heard(&self, cause: RemovalCause, weight: u64) {
        if cause == RemovalCause::Size {
            assert!(weight > 0, "evicted, and weighed nothing");
        }
        if cause == RemovalCause::Rejected {
            let capacity = self.cache.policy().max_capacity();
            // What weighs nothing is not evicted, and may be all there is in a full bucket.
            let fills = self.there.values().any(|entry| entry.weight == 0);
            assert!(weight > capacity || fills, "rejected {weight} of {capacity}");
        }
    }

    /// The cache and the model, after an operation.
    fn compare(&self, operation: Operation) {
        // Those of which the listener should have heard would be more.
        let (there, latest) = (self.there.len(), self.latest.len());
        assert_eq!(there, latest, "not told of what was replaced, after {operation:?}");
        let weight: u64 = self.there.values().map(|entry| entry.weight).sum();
        let capacity = self.cache.policy().max_capacity();
        assert_eq!(self.cache.weighted_size(), weight, "after {operation:?}");
        assert!(weight <= capacity, "{weight} of {capacity} after {operation:?}");
        assert_eq!(self.cache.entry_count(), there as u64, "after {operation:?}");
    }
}

fuzz_target!(|input: Input| {
    let Input { rules, setup, mut operations } = input;
    operations.reverse();
    let census = Census::default();
    let (builder, clock) = rules.builder(&setup);
    let (builder, told) = Told::listen(&rules, builder);
    let mut run = Run {
        rules,
        setup,
        cache: builder.build(),
        census,
        clock,
        now: 0,
        writes: 0,
        told,
        there: BTreeMap::new(),
        latest: BTreeMap::new(),
        loads: Vec::new(),
        todo: operations,
    };
    while let Some(operation) = run.todo.pop() {
        run.do_one(operation);
    }
    run.cache.validate();
    let last = [What::Advance, What::RunPendingTasks, What::Iterate];
    last.into_iter().for_each(|what| run.do_one(Operation { what, key: 0, much: 2 * TICK as u8 }));
    settle(run.cache, &setup, &run.census);
});
