//! Operations of one thread beside a model.
//!
//! The cache may lose an entry at any time, but what it returns is the last value written, what it
//! was seen to have lost stays lost until written again, and it loses no more than it counts.
#![no_main]

use std::collections::HashMap;

use arbitrary::{Arbitrary, Result, Unstructured};
use larder_fuzz::{Cache, Census, Setup, Value, settle};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Input {
    setup: Setup,
    operations: Vec<Operation>,
}

#[derive(Debug)]
enum Operation {
    Get(u8),
    GetRef(u8),
    Peek(u8),
    ContainsKey(u8),
    /// As many keys as [`group`] makes of one.
    GetMany(u8),
    Insert(u8),
    InsertMany(u8),
    /// As many keys in a row as it takes to push others out.
    InsertRange(u8),
    Add(u8),
    Remove(u8),
    Invalidate(u8),
    InvalidateAll,
    Iterate,
    RunPendingTasks,
}

impl<'a> Arbitrary<'a> for Input {
    /// Two bytes for each operation, so that mutations of the bytes are mutations of the list.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let setup = bytes.arbitrary()?;
        let mut operations = Vec::with_capacity(bytes.len() / 2);
        while bytes.len() >= 2 {
            let [operation, key]: [u8; 2] = bytes.arbitrary()?;
            operations.push(Operation::new(operation, key % KEYS));
        }
        Ok(Self { setup, operations })
    }
}

impl Operation {
    fn new(operation: u8, key: u8) -> Self {
        match operation % 16 {
            0 => Self::Get(key),
            1 => Self::GetRef(key),
            2 => Self::Peek(key),
            3 => Self::ContainsKey(key),
            4 => Self::GetMany(key),
            5 => Self::InsertMany(key),
            6 => Self::InsertRange(key),
            7 | 8 => Self::Add(key),
            9 | 10 => Self::Remove(key),
            11 => Self::Invalidate(key),
            12 => match key % 4 {
                0 => Self::InvalidateAll,
                1 => Self::Iterate,
                _ => Self::RunPendingTasks,
            },
            _ => Self::Insert(key),
        }
    }
}

/// Some keys, one of them twice.
fn group(key: u8) -> [u8; 5] {
    [key, key + 1, key, key + 9, key / 2].map(|key| key % KEYS)
}

/// Few enough that the fuzzer meets the same key again, more than the largest cache holds.
const KEYS: u8 = 96;

struct Run {
    cache: Cache,
    setup: Setup,
    census: Census,
    /// The last write of each key that may still be present.
    model: HashMap<u8, u32>,
    writes: u32,
    /// Entries found to be gone that were not removed.
    lost: u64,
}

impl Run {
    fn do_one(&mut self, operation: &Operation) {
        match *operation {
            Operation::Get(key) => {
                let found = self.cache.get(&key);
                self.saw(key, found.as_ref());
            }
            Operation::GetRef(key) => {
                let found = self.cache.get_ref(&key, Value::clone);
                self.saw(key, found.as_ref());
            }
            Operation::Peek(key) => {
                let found = self.cache.peek(&key);
                self.saw(key, found.as_ref());
            }
            Operation::ContainsKey(key) => {
                if !self.cache.contains_key(&key) {
                    self.saw(key, None);
                } else {
                    assert!(self.model.contains_key(&key), "a key that was gone is back");
                }
            }
            Operation::GetMany(key) => {
                let keys = group(key);
                let found = self.cache.get_many(&keys);
                assert_eq!(found.len(), keys.len());
                for (key, value) in keys.into_iter().zip(found) {
                    self.saw(key, value.as_ref());
                }
            }
            Operation::Insert(key) => self.insert(key),
            Operation::InsertMany(key) => {
                let entries = group(key).map(|key| (Box::new(key), self.write(key)));
                self.cache.insert_many(entries);
            }
            Operation::InsertRange(from) => {
                for step in 0..16 {
                    self.insert((from + step) % KEYS);
                }
            }
            Operation::Add(key) => self.add(key),
            Operation::Remove(key) => {
                let removed = self.cache.remove(&key);
                self.saw(key, removed.as_ref());
                self.model.remove(&key);
            }
            Operation::Invalidate(key) => {
                if !self.cache.invalidate(&key) {
                    self.saw(key, None);
                }
                self.model.remove(&key);
            }
            Operation::InvalidateAll => {
                self.cache.invalidate_all();
                self.model.clear();
            }
            Operation::Iterate => self.iterate(),
            Operation::RunPendingTasks => self.cache.run_pending_tasks(),
        }
        let entries = self.cache.entry_count();
        assert!(entries <= self.setup.capacity(), "{entries} entries after {operation:?}");
    }

    /// A value about to be written, in the model already.
    fn write(&mut self, key: u8) -> Value {
        self.writes += 1;
        self.model.insert(key, self.writes);
        self.census.value(key, 0, self.writes)
    }

    fn insert(&mut self, key: u8) {
        let value = self.write(key);
        self.cache.insert(Box::new(key), value);
    }

    fn add(&mut self, key: u8) {
        let before = self.model.get(&key).copied();
        let value = self.write(key);
        if !self.cache.add(Box::new(key), value) {
            // Refused, because there is one: the one from before.
            let before = before.expect("refused for a key that was gone");
            self.model.insert(key, before);
        }
    }

    /// A lookup of `key` found this.
    fn saw(&mut self, key: u8, found: Option<&Value>) {
        match found {
            Some(value) => {
                assert_eq!(value.key(), key, "another key's value");
                assert_eq!(Some(&value.sequence()), self.model.get(&key), "not the last value");
            }
            // Evicted; it may not come back.
            None => self.lost += u64::from(self.model.remove(&key).is_some()),
        }
    }

    fn iterate(&mut self) {
        let mut present = HashMap::new();
        for (key, value) in self.cache.iter() {
            assert_eq!(*key, value.key(), "another key's value");
            let twice = present.insert(*key, value.sequence());
            assert!(twice.is_none(), "key {key} twice");
        }
        for (key, sequence) in &present {
            assert_eq!(Some(sequence), self.model.get(key), "not the last value");
        }
        assert_eq!(present.len() as u64, self.cache.entry_count());
        self.lost += (self.model.len() - present.len()) as u64;
        self.model = present;
    }

    /// The cache's own counters agree with each other, and with what was seen.
    fn audit(&self) {
        let stats = self.cache.stats();
        assert_eq!(stats.entries, stats.inserts - stats.departures(), "{stats:?}");
        assert!(self.lost <= stats.evictions + stats.rejections, "lost {}, {stats:?}", self.lost);
    }
}

fuzz_target!(|input: Input| {
    let Input { setup, operations } = input;
    let census = Census::default();
    let cache = setup.build();
    let mut run = Run { cache, setup, census, model: HashMap::new(), writes: 0, lost: 0 };
    for operation in &operations {
        run.do_one(operation);
    }
    run.cache.validate();
    run.iterate();
    run.audit();
    settle(run.cache, &setup, &run.census);
});
