//! Writes of one key, and of a few.

use std::sync::atomic::Ordering;
use std::time::Duration;

use larder::ops::compute::{CompResult, Op};
use larder::{Entry, RemovalCause};

use super::model::Terms;
use super::{Run, group};
use crate::rules::Left;
use crate::{Key, Value};

impl Run {
    pub(super) fn value(&mut self, key: u8, weight: u32) -> Value {
        let number = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
        let value = self.census.value(key, 0, number);
        if self.rules.weighted() { value.weighing(weight) } else { value }
    }

    pub(super) fn insert(&mut self, key: u8, weight: u32, time: Option<u64>) {
        self.supersede(key);
        let value = self.value(key, weight);
        let terms = Terms { time, ..Terms::default() };
        self.register(key, value.sequence(), value.weight(), terms);
        match time {
            None => self.cache.insert(Box::new(key), value),
            Some(time) => {
                let time = Duration::from_millis(time);
                self.cache.insert_with_ttl(Box::new(key), value, time);
            }
        }
    }

    pub(super) fn insert_many(&mut self, key: u8, weight: u32) {
        let entries = group(key).map(|key| {
            self.supersede(key);
            let value = self.value(key, weight);
            self.register(key, value.sequence(), value.weight(), Terms::default());
            (Box::new(key), value)
        });
        self.cache.insert_many(entries);
    }

    pub(super) fn add(&mut self, key: u8, weight: u32) {
        self.supersede(key);
        let value = self.value(key, weight);
        let (number, weight) = (value.sequence(), value.weight());
        let life = self.life(key);
        if self.cache.add(Box::new(key), value) {
            assert!(
                life.is_none_or(|life| life.may_be_dead(self.now)),
                "added a key that was there"
            );
            self.register(key, number, weight, Terms::default());
            return;
        }
        let told = self.told.take();
        if let Some(at) = told.iter().position(|(_, other, _)| *other == number) {
            self.heard(told[at].2, weight.into());
            assert_eq!(told[at].2, RemovalCause::Rejected, "neither added nor rejected");
            self.hear_all(told.into_iter().filter(|(_, other, _)| *other != number));
        } else {
            // A write takes out a few that are expired or invalidated, whatever comes of it.
            let dead = |(_, _, cause): &(u8, u32, RemovalCause)| {
                matches!(cause, RemovalCause::Expired | RemovalCause::Invalidated)
            };
            assert!(told.iter().all(dead), "told of {told:?}, although nothing was added");
            self.hear_all(told.into_iter());
            assert!(life.is_some_and(|life| life.may_live(self.now)), "refused for nothing");
        }
    }

    /// What a computation saw last, which is about to put the value of this number. To make room
    /// for that it may have evicted what it saw first. Returns what is yet to be heard of the new
    /// value.
    pub(super) fn computed(&mut self, key: u8, seen: Option<&Value>, number: u32) -> Vec<Left> {
        let mut later = Vec::new();
        if seen.is_none() {
            let told = self.told.take();
            let (new, others) = told.into_iter().partition(|(_, other, _)| *other == number);
            later = new;
            self.hear_all(others.into_iter());
        }
        self.saw(key, seen, false);
        later
    }

    /// Puts a value, removes it, or leaves it as it is.
    pub(super) fn compute(&mut self, key: u8, much: u8) {
        let value = self.value(key, u32::from(much / 4 % 8));
        let (number, weight) = (value.sequence(), value.weight());
        let op = match much % 4 {
            0 => Op::Nop,
            1 => Op::Remove,
            _ => Op::Put(value),
        };
        let mut seen = None;
        let result = self.cache.entry(Box::new(key)).and_compute_with(|old| {
            seen = old.map(Entry::into_value);
            op.clone()
        });
        let later = self.computed(key, seen.as_ref(), number);
        let is = |entry: &Entry<Key, Value>, number: u32, is_fresh: bool| {
            assert_eq!((**entry.key(), entry.value().key()), (key, key), "another key's entry");
            assert_eq!((entry.value().sequence(), entry.is_fresh()), (number, is_fresh));
        };
        let old = seen.map(|old| old.sequence());
        match (op, result, old) {
            (Op::Put(_), CompResult::Inserted(entry), None)
            | (Op::Put(_), CompResult::ReplacedWith(entry), Some(_)) => {
                is(&entry, number, true);
                assert_eq!(entry.is_old_value_replaced(), old.is_some());
                self.supersede(key);
                self.register(key, number, weight, Terms::default());
                self.hear_all(later.into_iter());
            }
            (Op::Remove, CompResult::Removed(entry), Some(old)) => {
                is(&entry, old, false);
                self.supersede(key);
                self.hear();
                assert!(!self.latest.contains_key(&key), "removed, and not told");
            }
            (Op::Nop, CompResult::Unchanged(entry), Some(old)) => is(&entry, old, false),
            (Op::Remove | Op::Nop, CompResult::StillNone(found), None) => assert_eq!(*found, key),
            (op, result, old) => panic!("{op:?} of {old:?} has come to {result:?}"),
        }
    }

    pub(super) fn upsert(&mut self, key: u8, weight: u32) {
        let value = self.value(key, weight);
        let (number, weight) = (value.sequence(), value.weight());
        let mut seen = None;
        let entry = self.cache.entry_by_ref(&Box::new(key)).and_upsert_with(|old| {
            seen = old.map(Entry::into_value);
            value.clone()
        });
        let later = self.computed(key, seen.as_ref(), number);
        assert_eq!((entry.value().sequence(), entry.is_fresh()), (number, true));
        assert_eq!(entry.is_old_value_replaced(), seen.is_some());
        self.supersede(key);
        self.register(key, number, weight, Terms::default());
        self.hear_all(later.into_iter());
    }

    pub(super) fn replace(&mut self, key: u8, weight: u32) {
        let value = self.value(key, weight);
        let (number, weight) = (value.sequence(), value.weight());
        let old = self.cache.replace(&key, value);
        self.computed(key, old.as_ref(), number);
        if old.is_some() {
            self.supersede(key);
            self.register(key, number, weight, Terms::default());
        }
    }
}
