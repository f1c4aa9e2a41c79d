//! One of the threads.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use larder::Entry;
use larder::ops::compute::{CompResult, Op};

use super::{Common, KEYS, Known, LOADED, Operation};
use crate::Value;
use crate::tags::{TAGS, wide};

pub(super) struct Worker<'a> {
    pub(super) common: &'a Common,
    pub(super) me: usize,
    pub(super) known: [Known; KEYS],
    /// Numbers of values that the listener must hear of, or that are still there.
    pub(super) stored: HashSet<u32>,
    /// Writers and numbers of the values that our operations took out, and got.
    pub(super) taken: Vec<(u8, u32)>,
    /// How many values each thread had begun to write when the operation began.
    pub(super) begun: [u32; 2],
    /// For each tag and writer, up to which number values were outdated when the operation began.
    pub(super) outdated: [[u32; 2]; TAGS as usize],
}

impl<'a> Worker<'a> {
    pub(super) fn new(common: &'a Common, me: usize) -> Self {
        Self {
            common,
            me,
            known: [Known::default(); KEYS],
            stored: HashSet::new(),
            taken: Vec::new(),
            begun: [0; 2],
            outdated: [[0; 2]; TAGS as usize],
        }
    }

    pub(super) fn do_one(&mut self, operation: &Operation) {
        let common = self.common;
        let cache = &common.cache;
        let now = common.now.load(Ordering::Relaxed);
        self.begun = numbers(&common.begun, Ordering::Relaxed);
        // Acquire: what was invalidated by then was so before this operation.
        self.outdated =
            common.outdated.each_ref().map(|writers| numbers(writers, Ordering::Acquire));
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
                if let Some(removed) = removed {
                    self.took(key, &removed);
                }
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
            Operation::InsertTagged(key, tags) => {
                let (value, sequence) = self.write(key, self.me as u8);
                let value = value.tagged(tags);
                cache.insert_tagged(Box::new(key), value, tags.wide()).expect("few enough");
                self.wrote(key, sequence);
            }
            Operation::InvalidateTag(tag) => self.invalidate_tag(tag),
            Operation::Compute(key, op) => self.compute(key, op, now),
            Operation::Drain(most) => {
                for (key, value) in cache.drain().take(most.into()) {
                    self.saw(*key, Some(&value), now);
                    self.took(*key, &value);
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
        // Release: who sees the number comes after the write.
        let begun = common.begun[self.me].load(Ordering::Relaxed);
        common.done[self.me].store(begun, Ordering::Release);
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

    fn invalidate_tag(&mut self, tag: u8) {
        let common = self.common;
        let done = numbers(&common.done, Ordering::Acquire);
        common.cache.invalidate_tag(&wide(tag));
        for (outdated, done) in common.outdated[usize::from(tag)].iter().zip(done) {
            outdated.fetch_max(done, Ordering::Release);
        }
    }

    /// Puts a value, removes it, or leaves it as it is.
    fn compute(&mut self, key: u8, op: u8, now: u64) {
        let (value, sequence) = self.write(key, self.me as u8);
        let op = match op % 4 {
            0 => Op::Nop,
            1 => Op::Remove,
            _ => Op::Put(value),
        };
        let mut seen = None;
        let result = self.common.cache.entry(Box::new(key)).and_compute_with(|old| {
            // Only the last run counts.
            seen = old.map(Entry::into_value);
            op.clone()
        });
        self.saw(key, seen.as_ref(), now);
        match (result, seen) {
            (CompResult::Inserted(_), None) => self.wrote(key, sequence),
            (CompResult::ReplacedWith(_), Some(old)) => {
                self.took(key, &old);
                self.wrote(key, sequence);
            }
            (CompResult::Removed(_), Some(old)) => {
                self.took(key, &old);
                self.ended_loads(key);
            }
            (CompResult::Unchanged(_), Some(_)) | (CompResult::StillNone(_), None) => {}
            (result, seen) => panic!("{op:?} of {seen:?} has come to {result:?}"),
        }
    }

    fn touch(&mut self, key: u8, time: u64, now: u64) {
        if !self.has_clock() {
            // Nobody would know when that ends.
            return;
        }
        self.common.touched[usize::from(key)].fetch_max(now + time, Ordering::Relaxed);
        if !self.common.cache.set_ttl(&key, Duration::from_millis(time)) {
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
}

fn numbers(writers: &[AtomicU32; 2], order: Ordering) -> [u32; 2] {
    writers.each_ref().map(|number| number.load(order))
}

fn pause(turns: u8) {
    (0..turns).for_each(|_| thread::yield_now());
}
