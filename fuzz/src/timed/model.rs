//! What must be there, what may be, and what must not.

use std::hash::BuildHasher;

use larder::RemovalCause;

use super::{Operation, Run};
use crate::{Life, Tags, Value};

/// A value that the cache has.
pub(super) struct Entry {
    pub(super) key: u8,
    pub(super) weight: u64,
    pub(super) life: Life,
    pub(super) written: u64,
    pub(super) tags: Tags,
    /// It was invalidated, and not yet taken out.
    pub(super) stale: bool,
    /// It was loaded while there was another, which stays if this one is rejected.
    pub(super) refreshed: bool,
}

/// What is said of a value that is about to be in the cache.
#[derive(Clone, Copy, Default)]
pub(super) struct Terms {
    /// Not for as long as the cache's rules say.
    pub(super) time: Option<u64>,
    pub(super) tags: Tags,
    pub(super) refreshed: bool,
}

impl Run {
    /// The model's entry of a key that was found.
    pub(super) fn entry(&mut self, key: u8) -> &mut Entry {
        let latest = self.latest.get(&key).expect("a key that was gone is back");
        self.there.get_mut(latest).expect("what is latest is there")
    }

    pub(super) fn life(&self, key: u8) -> Option<Life> {
        self.latest.get(&key).map(|number| self.there[number].life)
    }

    /// A lookup of `key` found this.
    pub(super) fn saw(&mut self, key: u8, found: Option<&Value>, counts: bool) {
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
    pub(super) fn noted(&mut self, key: u8, found: bool) {
        let now = self.now;
        if found {
            let Entry { life, stale, .. } = *self.entry(key);
            assert!(!stale, "found what was invalidated");
            assert!(life.may_live(now), "found at {now} what was dead: {life:?}");
        } else if let Some(life) = self.life(key) {
            assert!(life.may_be_dead(now), "not found at {now}, and not told: {life:?}");
            self.entry(key).life.found_dead();
        }
    }

    /// A write of `key` begins.
    pub(super) fn supersede(&mut self, key: u8) {
        let clash = self.setup.clash();
        let hash = |key: u8| clash.hash_one(key);
        for load in &mut self.loads {
            load.superseded |= hash(load.key) == hash(key);
        }
        self.refreshes.supersede(|of| hash(of) == hash(key));
    }

    /// The same for all keys.
    pub(super) fn supersede_all(&mut self) {
        self.loads.iter_mut().for_each(|load| load.superseded = true);
        self.refreshes.supersede(|_| true);
    }

    /// A value is in the cache, or the listener is about to hear of it.
    pub(super) fn register(&mut self, key: u8, number: u32, weight: u32, terms: Terms) {
        let Terms { time, tags, refreshed } = terms;
        let replaced = self.life(key).filter(|life| !life.may_be_dead(self.now));
        let life = Life::new(&self.rules, key, self.now, time, replaced);
        let (weight, written) = (weight.into(), self.now);
        let entry = Entry { key, weight, life, written, tags, stale: false, refreshed };
        self.there.insert(number, entry);
        self.latest.insert(key, number);
    }

    pub(super) fn hear(&mut self) {
        let told = self.told.take();
        self.hear_all(told.into_iter());
    }

    pub(super) fn hear_all(&mut self, told: impl Iterator<Item = (u8, u32, RemovalCause)>) {
        for (_, number, cause) in told {
            let entry = self.there.remove(&number).expect("told twice");
            let Entry { key, weight, life, stale, .. } = entry;
            if self.latest.get(&key) == Some(&number) {
                self.latest.remove(&key);
                assert_ne!(cause, RemovalCause::Replaced, "by nothing");
                if cause == RemovalCause::Rejected {
                    self.uncover(key, entry.refreshed);
                }
            }
            match cause {
                RemovalCause::Expired => {
                    assert!(life.may_be_dead(self.now), "at {}: {life:?}", self.now);
                }
                RemovalCause::Rejected => {}
                // What is both expired and invalidated may be told as either.
                RemovalCause::Invalidated => {
                    assert!(stale || self.picks(key, number), "nobody invalidated {number}");
                }
                _ => assert!(life.may_live(self.now), "{cause:?} at {}: {life:?}", self.now),
            }
            self.heard(cause, weight);
        }
    }

    /// What was loaded for `key` and rejected leaves things as they are: perhaps something dead, or
    /// what was to be refreshed.
    fn uncover(&mut self, key: u8, refreshed: bool) {
        let mut dead = self.there.iter().filter(|(_, entry)| entry.key == key);
        if let Some((number, entry)) = dead.next() {
            let may_stay = refreshed || entry.life.may_be_dead(self.now);
            assert!(may_stay, "loaded while there was {number}");
            self.latest.insert(key, *number);
        }
    }

    /// What holds of a cause, whichever value it is about.
    pub(super) fn heard(&self, cause: RemovalCause, weight: u64) {
        if cause == RemovalCause::Size {
            assert!(weight > 0, "evicted, and weighed nothing");
        }
        if cause == RemovalCause::Rejected {
            let capacity = self.cache.limits().max_capacity();
            // What weighs nothing is not evicted, and may be all there is in a full set.
            let fills = self.there.values().any(|entry| entry.weight == 0);
            assert!(weight > capacity || fills, "rejected {weight} of {capacity}");
        }
    }

    /// The cache and the model, after an operation.
    pub(super) fn compare(&self, operation: Operation) {
        // Those of which the listener should have heard would be more.
        let (there, latest) = (self.there.len(), self.latest.len());
        assert_eq!(there, latest, "not told of what was replaced, after {operation:?}");
        let sums = |counts: &dyn Fn(&Entry) -> bool| {
            let entries = self.there.values().filter(|entry| !entry.stale && counts(entry));
            entries.fold((0, 0), |(count, weight), entry| (count + 1, weight + entry.weight))
        };
        // What has expired does not count, taken out or not; what is kept for want of better may.
        let (now, has_grace) = (self.now, self.rules.grace() > 0);
        let least = sums(&|entry| !entry.life.may_be_dead(now));
        let most = sums(&|entry| has_grace || entry.life.may_live(now));
        let (entries, weight) = (self.cache.entry_count(), self.cache.weighted_size());
        let capacity = self.cache.limits().max_capacity();
        assert!(weight <= capacity, "{weight} of {capacity} after {operation:?}");
        let range = (least.0..=most.0, least.1..=most.1);
        assert!(
            range.0.contains(&entries) && range.1.contains(&weight),
            "{entries} that weigh {weight}, of {range:?}, after {operation:?}"
        );
    }
}
