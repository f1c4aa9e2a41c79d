//! Entries that go together: those with a tag, those that a closure picks, those that are drained.

use std::hash::BuildHasher;
use std::time::Duration;

use super::model::Terms;
use super::{Entry, Run};
use crate::Tags;
use crate::tags::{TAGS, wide};

impl Run {
    pub(super) fn insert_tagged(&mut self, key: u8, tags: Tags, time: Option<u64>) {
        self.supersede(key);
        let value = self.value(key, tags.numbers().count() as u32 % 4);
        let terms = Terms { time, tags, ..Terms::default() };
        self.register(key, value.sequence(), value.weight(), terms);
        let (key, duration) = (Box::new(key), time.map(Duration::from_millis));
        match duration {
            None => self.cache.insert_tagged(key, value, tags.wide()),
            Some(duration) => self.cache.insert_tagged_with_ttl(key, value, tags.wide(), duration),
        }
        .expect("few enough");
    }

    pub(super) fn invalidate_all(&mut self, much: u8) {
        self.supersede_all();
        self.cache.invalidate_all();
        assert_eq!((self.cache.entry_count(), self.cache.weighted_size()), (0, 0), "at once");
        self.outdate(|_| true);
        // The listener hears of them when they are swept; if not now, then by and by.
        if much.is_multiple_of(8) {
            self.run_pending_tasks();
            assert!(self.there.is_empty(), "invalidated, and not told");
        }
    }

    pub(super) fn invalidate_tag(&mut self, much: u8) {
        let (tag, clash) = (wide(much % TAGS), self.setup.clash());
        self.supersede_all();
        self.cache.invalidate_tag(&tag);
        let hash = |tag: u64| clash.hash_one(tag);
        self.outdate(|entry| entry.tags.wide().any(|other| hash(other) == hash(tag)));
    }

    /// From now on nobody may find what `is_outdated` is true of.
    fn outdate(&mut self, is_outdated: impl Fn(&Entry) -> bool) {
        for entry in self.there.values_mut().filter(|entry| is_outdated(entry)) {
            entry.stale = true;
            entry.life.found_dead();
        }
    }

    /// Whether a value is being invalidated by the predicate.
    pub(super) fn picks(&self, key: u8, number: u32) -> bool {
        self.picked.is_some_and(|much| picks(much, key, number))
    }

    pub(super) fn invalidate_if(&mut self, much: u8) {
        self.supersede_all();
        let mut asked = Vec::new();
        let taken = self.cache.invalidate_entries_if(|key, value| {
            assert_eq!(**key, value.key(), "another key's value");
            asked.push(value.sequence());
            picks(much, **key, value.sequence())
        });
        let asked_of = asked.len();
        asked.sort_unstable();
        asked.dedup();
        assert_eq!(asked.len(), asked_of, "asked twice of one value");
        let before = self.there.len();
        self.picked = Some(much);
        self.hear();
        self.picked = None;
        assert_eq!(taken, (before - self.there.len()) as u64, "taken out");
        for (number, entry) in &self.there {
            let stays = !picks(much, entry.key, *number) || entry.life.may_be_dead(self.now);
            assert!(stays, "picked, and not told: {number}");
        }
    }

    /// Takes out some entries, or all.
    pub(super) fn drain(&mut self, much: u8) {
        self.supersede_all();
        let most = if much.is_multiple_of(4) { usize::MAX } else { usize::from(much / 4) };
        let cache = self.cache.clone();
        let mut taken = 0;
        for (key, value) in cache.drain().take(most) {
            self.saw(*key, Some(&value), false);
            self.hear();
            assert!(!self.latest.contains_key(&key), "drained, and not told");
            taken += 1;
        }
        if taken < most {
            (0..super::KEYS).for_each(|key| self.noted(key, false));
        }
    }
}

/// About a third of the keys, and of these some values.
fn picks(much: u8, key: u8, number: u32) -> bool {
    key % 3 == much % 3 && (much < 128 || number.is_multiple_of(2))
}
