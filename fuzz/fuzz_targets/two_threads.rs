//! Two threads, each with a list of operations, on few keys and in a small cache.
//!
//! Neither thread knows what the other does meanwhile, but each can prove some values dead: what it
//! saw before it wrote, removed or missed the key can never be seen again; nor a value that was being
//! loaded when it wrote. Time stands still but for the first thread, which therefore knows the ends of
//! its values exactly: they carry them. At the end everything is removed, and the listener has heard of
//! each value once.
#![no_main]

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use arbitrary::{Arbitrary, Result, Unstructured};
use larder::ManualClock;
use larder_fuzz::{Cache, Census, Rules, Setup, Told, Value, settle};
use libfuzzer_sys::fuzz_target;

#[derive(Debug)]
struct Input {
    setup: Setup,
    rules: Rules,
    /// Without a listener nodes are retired at once.
    listens: bool,
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
    /// For so many milliseconds.
    InsertFor(u8, u8),
    Touch(u8, u8),
    /// After so many turns of the other thread.
    Load(u8, u8),
    LoadInVain(u8, u8),
    Advance(u8),
    Resize(u8),
    /// Pushes others out.
    InsertAll,
    /// Lets the other thread go on: by chance the two would seldom meet.
    Pause(u8),
    RunPendingTasks,
}

impl<'a> Arbitrary<'a> for Input {
    /// Two bytes for each operation, so that mutations of the bytes are mutations of the lists.
    fn arbitrary(bytes: &mut Unstructured<'a>) -> Result<Self> {
        let (setup, rules, listens) = bytes.arbitrary()?;
        let mut threads = [Vec::new(), Vec::new()];
        while bytes.len() >= 2 {
            let [operation, operand]: [u8; 2] = bytes.arbitrary()?;
            threads[usize::from(operation >> 7)].push(Operation::new(operation, operand));
        }
        Ok(Self { setup, rules, listens, threads })
    }
}

impl Operation {
    fn new(operation: u8, operand: u8) -> Self {
        let (key, more) = (operand % KEYS as u8, operand / KEYS as u8);
        match operation % 32 {
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
            15 if operand.is_multiple_of(4) => Self::InvalidateAll,
            15 => Self::Insert(key),
            16..=20 => Self::Load(key, more),
            21 => Self::LoadInVain(key, more),
            22 | 23 => Self::InsertFor(key, more),
            24 => Self::Touch(key, more),
            25 | 26 => Self::Advance(more),
            27 => Self::Resize(operand),
            28 => Self::Invalidate(key),
            _ => Self::Get(key),
        }
    }
}

const KEYS: usize = 12;

/// Set in the writer of a value that was loaded.
const LOADED: u8 = 2;

/// What one thread knows of one key.
#[derive(Clone, Copy, Default)]
struct Known {
    /// For each writer, the lowest number that a value of its may still have. Writes of one thread
    /// replace each other in order, thus whoever sees one has seen the end of those before it.
    lowest: [u32; 2],
    /// For each writer, the highest number seen so far or, of our own writes, written.
    highest: [u32; 2],
    /// The same as `lowest` for values that were loaded: of loads that had begun before we wrote.
    lowest_loaded: [u32; 2],
}

/// What the two threads share.
struct Common {
    cache: Cache,
    clock: ManualClock,
    /// The time of the clock, in milliseconds; behind while it is being advanced.
    now: AtomicU64,
    census: Census,
    rules: Rules,
    /// The largest capacity that there will be.
    capacity: u64,
    /// How many values each thread has begun to write.
    begun: [AtomicU32; 2],
    /// The latest end that a touch has given to a key.
    touched: [AtomicU64; KEYS],
}

struct Worker<'a> {
    common: &'a Common,
    me: usize,
    known: [Known; KEYS],
    /// Numbers of values that the listener must hear of, or that are still there.
    stored: HashSet<u32>,
    /// How many values each thread had begun to write when the operation began.
    begun: [u32; 2],
}

impl Worker<'_> {
    fn do_one(&mut self, operation: &Operation) {
        let common = self.common;
        let cache = &common.cache;
        let now = common.now.load(Ordering::Relaxed);
        self.begun = [0, 1].map(|writer| common.begun[writer].load(Ordering::Relaxed));
        match *operation {
            Operation::Get(key) => {
                let found = cache.get(&key);
                self.saw(key, found.as_ref(), now);
            }
            Operation::GetRef(key) => {
                let found = cache.get_ref(&key, Value::clone);
                self.saw(key, found.as_ref(), now);
            }
            Operation::ContainsKey(key) => {
                if !cache.contains_key(&key) {
                    self.gone(key);
                }
            }
            Operation::Insert(key) => self.insert(key),
            Operation::InsertFor(key, time) => {
                let (mut value, sequence) = self.write(key, self.me as u8);
                let time = u64::from(time) * 4;
                if self.has_clock() {
                    value = value.dying(now + time);
                }
                cache.insert_with_ttl(Box::new(key), value, Duration::from_millis(time));
                self.wrote(key, sequence);
            }
            Operation::Add(key) => {
                let (value, sequence) = self.write(key, self.me as u8);
                if cache.add(Box::new(key), value) {
                    self.wrote(key, sequence);
                }
            }
            Operation::Remove(key) => {
                let removed = cache.remove(&key);
                self.saw(key, removed.as_ref(), now);
                self.gone(key);
                self.ended_loads(key);
            }
            Operation::Invalidate(key) => {
                let _ = cache.invalidate(&key);
                self.gone(key);
                self.ended_loads(key);
            }
            Operation::InvalidateAll => {
                cache.invalidate_all();
                for key in 0..KEYS as u8 {
                    self.gone(key);
                    self.ended_loads(key);
                }
            }
            Operation::Touch(key, time) => self.touch(key, u64::from(time) * 4, now),
            Operation::Load(key, turns) => self.load(key, turns, now),
            Operation::LoadInVain(key, turns) => {
                let loader = || {
                    pause(turns);
                    Err::<Value, ()>(())
                };
                match cache.try_get_with(Box::new(key), loader) {
                    Err(_) => self.gone(key),
                    Ok(value) => self.got_answer(key, &value, now),
                }
            }
            Operation::Advance(by) => {
                if self.has_clock() {
                    common.clock.advance(Duration::from_millis(by.into()));
                    common.now.fetch_add(by.into(), Ordering::Relaxed);
                }
            }
            Operation::Resize(capacity) => {
                // Refused where there is no room for that many.
                let _ = cache.set_max_capacity(capacity.into());
            }
            Operation::InsertAll => (0..KEYS as u8).for_each(|key| self.insert(key)),
            Operation::Pause(turns) => pause(turns),
            Operation::RunPendingTasks => cache.run_pending_tasks(),
        }
        let weight = cache.weighted_size();
        assert!(weight <= common.capacity, "{weight} in all after {operation:?}");
    }

    /// Whether time goes on by this thread only.
    fn has_clock(&self) -> bool {
        self.me == 0
    }

    fn write(&mut self, key: u8, writer: u8) -> (Value, u32) {
        let common = self.common;
        let sequence = common.begun[self.me].fetch_add(1, Ordering::Relaxed) + 1;
        let mut value = common.census.value(key, writer, sequence);
        if common.rules.weighted() {
            value = value.weighing(sequence % 4);
        }
        if self.has_clock()
            && let Some(to_live) = common.rules.to_live()
        {
            value = value.dying(common.now.load(Ordering::Relaxed) + to_live);
        }
        (value, sequence)
    }

    fn insert(&mut self, key: u8) {
        let (value, sequence) = self.write(key, self.me as u8);
        self.common.cache.insert(Box::new(key), value);
        self.wrote(key, sequence);
    }

    /// Our write took effect: it ended whatever we had seen.
    fn wrote(&mut self, key: u8, sequence: u32) {
        self.gone(key);
        self.ended_loads(key);
        self.stored.insert(sequence);
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

    /// We wrote: what was being loaded when we began must not be stored, nor given to us.
    fn ended_loads(&mut self, key: u8) {
        let known = &mut self.known[usize::from(key)];
        for writer in 0..2 {
            let lowest = self.begun[writer] + 1;
            known.lowest_loaded[writer] = known.lowest_loaded[writer].max(lowest);
        }
    }

    fn touch(&mut self, key: u8, time: u64, now: u64) {
        if !self.has_clock() {
            // Nobody would know when that ends.
            return;
        }
        self.common.touched[usize::from(key)].fetch_max(now + time, Ordering::Relaxed);
        if !self.common.cache.touch(&key, Duration::from_millis(time)) {
            self.gone(key);
        }
    }

    fn load(&mut self, key: u8, turns: u8, now: u64) {
        let common = self.common;
        let mut loaded = None;
        let answer = common.cache.get_with(Box::new(key), || {
            let (value, sequence) = self.write(key, self.me as u8 | LOADED);
            loaded = Some(sequence);
            pause(turns);
            value
        });
        let Some(sequence) = loaded else { return self.got_answer(key, &answer, now) };
        assert_eq!((answer.key(), answer.sequence()), (key, sequence), "not what was loaded");
        // It was absent before; now it is stored, or a write came in between.
        self.gone(key);
        let me = self.me;
        let known = &mut self.known[usize::from(key)];
        (known.lowest[me], known.highest[me]) = (sequence, sequence);
    }

    /// What a load has answered that was not ours, or a lookup.
    fn got_answer(&mut self, key: u8, value: &Value, now: u64) {
        if value.writer() & LOADED == 0 {
            return self.saw(key, Some(value), now);
        }
        // If it is the other's load, that need not have been stored, nor be there any more.
        self.is_possible(key, value);
    }

    fn is_possible(&self, key: u8, value: &Value) {
        let (writer, sequence) = (usize::from(value.writer() & 1), value.sequence());
        assert_eq!(value.key(), key, "another key's value");
        let begun = self.common.begun[writer].load(Ordering::Relaxed);
        assert!(sequence <= begun, "never written: {value:?}");
        let lowest = self.known[usize::from(key)].lowest_loaded[writer];
        let is_loaded = value.writer() & LOADED != 0;
        assert!(!is_loaded || sequence >= lowest, "loaded before we wrote: {value:?}");
    }

    /// A lookup of `key`, which began at `now`, found this.
    fn saw(&mut self, key: u8, found: Option<&Value>, now: u64) {
        let Some(value) = found else { return self.gone(key) };
        self.is_possible(key, value);
        let (writer, sequence) = (usize::from(value.writer() & 1), value.sequence());
        let touched = self.common.touched[usize::from(key)].load(Ordering::Relaxed);
        assert!(
            now < value.dies().max(touched),
            "found at {now}, touched till {touched}: {value:?}"
        );
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

fn pause(turns: u8) {
    (0..turns).for_each(|_| thread::yield_now());
}

/// Now that nothing is left, each value was told of once, or not stored.
fn audit(told: &mut Told, stored: &[HashSet<u32>; 2]) {
    let mut times: HashMap<(u8, u32), u32> = HashMap::new();
    for (writer, sequence, _) in told.take() {
        *times.entry((writer & 1, sequence)).or_default() += 1;
    }
    assert!(times.values().all(|times| *times == 1), "told twice: {times:?}");
    for (writer, stored) in (0..).zip(stored) {
        let untold = stored.iter().find(|sequence| !times.contains_key(&(writer, **sequence)));
        assert_eq!(untold, None, "gone, and not told; of thread {writer}");
    }
}

fuzz_target!(|input: Input| {
    let Input { setup, rules, listens, threads } = input;
    let (builder, clock) = rules.builder(&setup);
    let (builder, told) = if listens {
        let (builder, told) = Told::listen(&rules, builder);
        (builder, Some(told))
    } else {
        (builder, None)
    };
    let capacities = threads.iter().flatten().filter_map(|operation| match operation {
        Operation::Resize(capacity) => Some(u64::from(*capacity)),
        _ => None,
    });
    let common = Common {
        cache: builder.build(),
        clock,
        now: AtomicU64::new(0),
        census: Census::default(),
        rules,
        capacity: capacities.chain([setup.capacity()]).max().expect("one at least"),
        begun: [AtomicU32::new(0), AtomicU32::new(0)],
        touched: [const { AtomicU64::new(0) }; KEYS],
    };
    let waiting = AtomicU32::new(2);
    let stored = thread::scope(|scope| {
        let handles = [0, 1].map(|me| {
            let (common, waiting, operations) = (&common, &waiting, &threads[me]);
            scope.spawn(move || {
                let (known, stored) = ([Known::default(); KEYS], HashSet::new());
                let mut worker = Worker { common, me, known, stored, begun: [0; 2] };
                // Off at once, or a short list is done before the other thread exists.
                waiting.fetch_sub(1, Ordering::Relaxed);
                while waiting.load(Ordering::Relaxed) > 0 {
                    thread::yield_now();
                }
                for operation in operations {
                    worker.do_one(operation);
                }
                worker.stored
            })
        });
        handles.map(|handle| handle.join().expect("the worker has reported its failure"))
    });
    common.cache.validate();
    if let Some(mut told) = told {
        common.cache.invalidate_all();
        common.cache.run_pending_tasks();
        audit(&mut told, &stored);
    }
    settle(common.cache, &setup, &common.census);
});
