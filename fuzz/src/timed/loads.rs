//! Loads, whose loaders do something else before they are done.

use std::collections::BTreeMap;

use larder::LoadOutcome;

use super::model::Terms;
use super::{Operation, Run, What, group};
use crate::{Key, Value};

/// A load under way.
pub(super) struct Load {
    pub(super) key: u8,
    /// Somebody has written a key of its hash since it began.
    pub(super) superseded: bool,
}

/// What a loader has brought.
struct Loaded {
    number: u32,
    weight: u32,
    superseded: bool,
}

impl Run {
    /// `get_with`, `try_get_with` with an error, or `or_insert_with`.
    pub(super) fn load(&mut self, what: What, key: u8, much: u8) {
        if self.loads.iter().any(|load| load.key == key) {
            // A recursive load, which panics.
            return;
        }
        let cache = self.cache.clone();
        let mut loaded = None;
        let mut loader = || {
            self.begin_load(key, true);
            self.do_meanwhile(key, much % 4);
            let (value, brought) = self.end_load(key, u32::from(much / 4));
            loaded = Some(brought);
            value
        };
        let answer = match what {
            What::LoadInVain => cache.try_get_with(Box::new(key), || Err(loader().sequence())).ok(),
            What::LoadEntry => {
                let entry = cache.entry(Box::new(key)).or_insert_with(loader);
                assert_eq!(**entry.key(), key);
                assert_eq!(entry.is_fresh(), loaded.is_some());
                Some(entry.into_value())
            }
            _ => Some(cache.get_with(Box::new(key), loader)),
        };
        match loaded {
            None => {
                self.saw(key, answer.as_ref(), true);
                self.may_have_sent(key);
            }
            Some(_) if what == What::LoadInVain => self.got_for_error(key, answer.as_ref()),
            Some(loaded) => {
                let answer = answer.expect("a load that succeeds has an answer");
                assert_eq!(answer.sequence(), loaded.number, "not what was loaded");
                self.store(key, &loaded);
            }
        }
    }

    /// `get_many_with`, whose loader leaves out some keys and brings one that nobody has asked for.
    pub(super) fn load_many(&mut self, key: u8, much: u8) {
        let keys = group(key);
        // Which of several refreshes has been sent could not be told.
        let refreshes = self.rules.refresh_after().is_some();
        if refreshes || self.loads.iter().any(|load| keys.contains(&load.key)) {
            return;
        }
        let cache = self.cache.clone();
        let mut absent = Vec::new();
        let mut loaded = BTreeMap::new();
        let answers = cache.get_many_with(keys.map(Box::new), |wanted: &[Key]| {
            assert!(absent.is_empty(), "asked twice, though nobody else loads");
            absent = wanted.iter().map(|key| **key).collect();
            absent.iter().for_each(|key| self.begin_load(*key, true));
            self.do_meanwhile(key, much % 4);
            let mut pairs = vec![(Box::new(super::KEYS), self.value(super::KEYS, 1))];
            for key in absent.iter().rev() {
                let (value, brought) = self.end_load(*key, u32::from(much / 32));
                if !(key ^ (much / 4)).is_multiple_of(4) {
                    loaded.insert(*key, brought);
                    pairs.push((Box::new(*key), value));
                }
            }
            pairs
        });
        assert_eq!(answers.len(), keys.len());
        for (key, answer) in keys.into_iter().zip(&answers) {
            if absent.contains(&key) {
                let number = loaded.get(&key).map(|loaded| loaded.number);
                assert_eq!(answer.as_ref().map(Value::sequence), number, "not what was loaded");
            }
        }
        for key in &absent {
            if let Some(loaded) = loaded.get(key) {
                self.store(*key, loaded);
            }
        }
    }

    /// `get_or_guard_if`, whose guard inserts a value, or is dropped.
    pub(super) fn load_by_hand(&mut self, key: u8, much: u8) {
        if self.loads.iter().any(|load| load.key == key) {
            // It would wait for itself.
            return;
        }
        let cache = self.cache.clone();
        let guard = match cache.get_or_guard_if(Box::new(key), |_| much.is_multiple_of(2)) {
            Ok(value) => {
                self.saw(key, Some(&value), true);
                return self.may_have_sent(key);
            }
            Err(guard) => guard,
        };
        assert_eq!(**guard.key(), key);
        let replaces = guard.old_value().is_some();
        if replaces {
            self.saw(key, guard.old_value(), true);
            self.may_have_sent(key);
            self.lead(key);
        } else {
            self.begin_load(key, true);
        }
        self.do_meanwhile(key, much / 2 % 4);
        let (value, loaded) = self.end_load(key, u32::from(much / 32));
        assert_eq!(guard.is_superseded(), loaded.superseded);
        if (much / 8).is_multiple_of(4) {
            self.refreshes.fail_if(replaces);
            return;
        }
        let outcome = guard.insert(value);
        assert_eq!(outcome == LoadOutcome::Superseded, loaded.superseded, "{outcome:?}");
        if !loaded.superseded {
            let terms = Terms { refreshed: replaces, ..Terms::default() };
            self.register(key, loaded.number, loaded.weight, terms);
        }
    }

    fn begin_load(&mut self, key: u8, counts: bool) {
        self.saw(key, None, counts);
        self.lead(key);
    }

    fn lead(&mut self, key: u8) {
        self.refreshes.overtake(key);
        self.loads.push(Load { key, superseded: false });
    }

    fn do_meanwhile(&mut self, key: u8, operations: u8) {
        for _ in 0..operations {
            if let Some(next) = self.todo.pop() {
                // Half of them with the key that is being loaded.
                let key = if next.much.is_multiple_of(2) { key } else { next.key };
                self.do_one(Operation { key, ..next });
            }
        }
    }

    fn end_load(&mut self, key: u8, weight: u32) -> (Value, Loaded) {
        let load = self.loads.pop().expect("loads end in their order");
        assert_eq!(load.key, key);
        let value = self.value(key, weight);
        let (number, weight) = (value.sequence(), value.weight());
        (value, Loaded { number, weight, superseded: load.superseded })
    }

    fn store(&mut self, key: u8, loaded: &Loaded) {
        if !loaded.superseded {
            self.register(key, loaded.number, loaded.weight, Terms::default());
        }
    }

    /// What a load has answered whose loader had an error: what is past its time, but not its
    /// grace.
    fn got_for_error(&mut self, key: u8, answer: Option<&Value>) {
        let (grace, now) = (self.rules.grace(), self.now);
        let Some(answer) = answer else {
            if grace > 0 && self.latest.contains_key(&key) {
                let entry = self.entry(key);
                let end = entry.life.earliest_end().saturating_add(grace);
                assert!(entry.stale || now >= end, "an error at {now}: {:?}", entry.life);
            }
            return;
        };
        assert!(grace > 0, "an answer, and the loader had none");
        assert_eq!(answer.key(), key, "another key's value");
        assert_eq!(Some(&answer.sequence()), self.latest.get(&key), "not the last value");
        let entry = self.entry(key);
        assert!(!entry.stale, "what was invalidated is back for want of better");
        let end = entry.life.latest_end().saturating_add(grace);
        assert!(now < end, "given out at {now} after its grace: {:?}", entry.life);
    }
}
