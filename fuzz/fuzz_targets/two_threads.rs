//! Two threads, each with a list of operations, on few keys and in a small cache.
//!
//! Neither thread knows what the other does meanwhile, but each can prove some values dead: what it
//! saw before it wrote, removed or missed the key can never be seen again.
#![no_main]

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use arbitrary::{Arbitrary, Result, Unstructured};
use larder_fuzz::{Cache, Census, Setup, Value, settle};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Input {
    setup: Setup,
    threads: [Vec<Operation>; 2],
}

#[derive(Debug)]
enum Operation {
    Get(u8),
    GetRef(u8),
    ContainsKey(u8),
    Insert(u8),
    Add(u8),
    Remove(u8),
    Invalidate(u8),
    InvalidateAll,
    /// Pushes others out.
    InsertAll,
    /// Lets the other thread go on: by chance the two would seldom meet.
    Pause(u8),
    RunPendingTasks,
}

impl<'a> Arbitrary<'a> for Input {
    /// Two bytes for each operation, so that mutations of the bytes are mutations of the lists.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let setup = bytes.arbitrary()?;
        let mut threads = [Vec::new(), Vec::new()];
        while bytes.len() >= 2 {
            let [operation, operand]: [u8; 2] = bytes.arbitrary()?;
            threads[usize::from(operation >> 7)].push(Operation::new(operation, operand));
        }
        Ok(Self { setup, threads })
    }
}

impl Operation {
    fn new(operation: u8, operand: u8) -> Self {
        let key = operand % KEYS as u8;
        match operation % 16 {
            0 | 1 => Self::Get(key),
            2 => Self::GetRef(key),
            3 => Self::ContainsKey(key),
            4..=7 => Self::Insert(key),
            8 => Self::Add(key),
            9 | 10 => Self::Remove(key),
            11 => Self::Invalidate(key),
            12 => Self::InsertAll,
            13 => Self::RunPendingTasks,
            14 => Self::Pause(operand % 16),
            _ if operand.is_multiple_of(4) => Self::InvalidateAll,
            _ => Self::Insert(key),
        }
    }
}

const KEYS: usize = 12;

/// What one thread knows of one key.
#[derive(Clone, Copy, Default)]
struct Known {
    /// For each writer, the lowest number that a value of its may still have. Writes of one thread
    /// replace each other in order, thus whoever sees one has seen the end of those before it.
    lowest: [u32; 2],
    /// For each writer, the highest number seen so far or, of our own writes, written.
    highest: [u32; 2],
}

struct Worker<'a> {
    cache: &'a Cache,
    census: &'a Census,
    setup: &'a Setup,
    /// How many values each thread has begun to write.
    begun: &'a [AtomicU32; 2],
    me: usize,
    known: [Known; KEYS],
}

impl Worker<'_> {
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
            Operation::ContainsKey(key) => {
                if !self.cache.contains_key(&key) {
                    self.gone(key);
                }
            }
            Operation::Insert(key) => self.insert(key),
            Operation::Add(key) => {
                let (value, sequence) = self.write(key);
                if self.cache.add(Box::new(key), value) {
                    self.wrote(key, sequence);
                }
            }
            Operation::Remove(key) => {
                let removed = self.cache.remove(&key);
                self.saw(key, removed.as_ref());
                self.gone(key);
            }
            Operation::Invalidate(key) => {
                let _ = self.cache.invalidate(&key);
                self.gone(key);
            }
            Operation::InvalidateAll => {
                self.cache.invalidate_all();
                (0..KEYS as u8).for_each(|key| self.gone(key));
            }
            Operation::InsertAll => (0..KEYS as u8).for_each(|key| self.insert(key)),
            Operation::Pause(turns) => (0..turns).for_each(|_| thread::yield_now()),
            Operation::RunPendingTasks => self.cache.run_pending_tasks(),
        }
        let entries = self.cache.entry_count();
        assert!(entries <= self.setup.capacity(), "{entries} entries after {operation:?}");
    }

    fn write(&mut self, key: u8) -> (Value, u32) {
        let sequence = self.begun[self.me].fetch_add(1, Ordering::Relaxed) + 1;
        (self.census.value(key, self.me as u8, sequence), sequence)
    }

    fn insert(&mut self, key: u8) {
        let (value, sequence) = self.write(key);
        self.cache.insert(Box::new(key), value);
        self.wrote(key, sequence);
    }

    /// Our write took effect: it ended whatever we had seen.
    fn wrote(&mut self, key: u8, sequence: u32) {
        self.gone(key);
        let known = &mut self.known[usize::from(key)];
        known.lowest[self.me] = sequence;
        known.highest[self.me] = sequence;
    }

    /// The key was absent at some moment of the operation that has just ended, or overwritten.
    fn gone(&mut self, key: u8) {
        let known = &mut self.known[usize::from(key)];
        for writer in 0..2 {
            known.lowest[writer] = known.highest[writer] + 1;
        }
    }

    /// A lookup of `key` found this.
    fn saw(&mut self, key: u8, found: Option<&Value>) {
        let Some(value) = found else { return self.gone(key) };
        let (writer, sequence) = (usize::from(value.writer()), value.sequence());
        assert_eq!(value.key(), key, "another key's value");
        assert!(sequence <= self.begun[writer].load(Ordering::Relaxed), "never written");
        let me = self.me;
        let known = &mut self.known[usize::from(key)];
        assert!(sequence >= known.lowest[writer], "a value that was gone is back: {value:?}");
        // A value of ours that `add` did not store must not be found either.
        assert!(writer != me || sequence == known.highest[me], "never stored: {value:?}");
        known.lowest[writer] = sequence;
        known.highest[writer] = known.highest[writer].max(sequence);
        if writer != me {
            // Not ours: whatever we wrote before was replaced.
            known.lowest[me] = known.highest[me] + 1;
        }
    }
}

fuzz_target!(|input: Input| {
    let Input { setup, threads } = input;
    let census = Census::default();
    let cache = setup.build();
    let begun = [AtomicU32::new(0), AtomicU32::new(0)];
    let waiting = AtomicU32::new(2);
    thread::scope(|scope| {
        let handles = [0, 1].map(|me| {
            let (cache, census, setup, begun) = (&cache, &census, &setup, &begun);
            let (waiting, operations) = (&waiting, &threads[me]);
            scope.spawn(move || {
                let known = [Known::default(); KEYS];
                let mut worker = Worker { cache, census, setup, begun, me, known };
                // Off at once, or a short list is done before the other thread exists.
                waiting.fetch_sub(1, Ordering::Relaxed);
                while waiting.load(Ordering::Relaxed) > 0 {
                    thread::yield_now();
                }
                for operation in operations {
                    worker.do_one(operation);
                }
            })
        });
        for handle in handles {
            handle.join().expect("the worker has reported its failure");
        }
    });
    settle(cache, &setup, &census);
});
