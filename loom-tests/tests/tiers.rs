//! Caches that grow: `src/engine/shards/tiers.rs`.
//!
//! Each tier has two sets of two slots. A, B and C have the same home. Nothing is evicted and
//! nothing recycled.
#![cfg(larder_loom)]

use larder::{
    doors::{OnceBoxDoor, Tiny, collect, grow, is_armed, sweep},
    ops::compute::Op,
};
use larder_loom_tests::{Placed, TinyCache, key, model};
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

const A: u32 = key(0, 1);
const B: u32 = key(0, 2);
/// At home elsewhere.
const C: u32 = key(1, 1);

const TINY: Tiny = Tiny { capacity: 4, sets: 2, nodes: 10, batch: 100 };

fn empty() -> TinyCache {
    TINY.cache(Placed)
}

/// A cache with `A` in the first tier.
fn with_a() -> TinyCache {
    let cache = empty();
    cache.insert(A, 0);
    cache
}

/// A cache with a tier, and `B` in it: the home of `A` is sealed in the first tier.
fn grown() -> TinyCache {
    let cache = empty();
    grow(&cache);
    cache.insert(B, 0);
    cache
}

#[test]
fn two_inserts_one_of_which_knows_of_a_tier() {
    let climber = |cache: &TinyCache| {
        grow(cache);
        cache.insert(A, 1);
    };
    model(2, empty, [climber, |cache| cache.insert(A, 2)], |cache, _| {
        cache.validate();
        assert!(matches!(cache.get(&A), Some(1 | 2)));
        assert_eq!(cache.entry_count(), 1);
    });
}

#[test]
fn only_one_of_two_adds_succeeds_in_different_tiers() {
    let climber = |cache: &TinyCache| {
        grow(cache);
        cache.add(A, 1)
    };
    model(2, empty, [climber, |cache| cache.add(A, 2)], |cache, added| {
        cache.validate();
        let winner = match added {
            [true, false] => 1,
            [false, true] => 2,
            _ => panic!("{added:?}"),
        };
        assert_eq!(cache.get(&A), Some(winner));
    });
}

/// Two keys of one home, one of which makes the other's insert go up.
#[test]
fn a_seal_against_the_insert_of_another_key() {
    let climber = |cache: &TinyCache| {
        grow(cache);
        cache.insert(B, 2);
    };
    model(1, empty, [climber, |cache| cache.insert(A, 1)], |cache, _| {
        cache.validate();
        assert_eq!((cache.get(&A), cache.get(&B)), (Some(1), Some(2)));
    });
}

/// A is always there.
#[test]
fn a_seal_hides_nothing_from_a_lookup() {
    let climber = |cache: &TinyCache| {
        grow(cache);
        cache.insert(B, 2);
        None
    };
    model(3, with_a, [climber, |cache| cache.get(&A)], |cache, [_, found]| {
        cache.validate();
        assert_eq!(found, Some(0));
        assert_eq!(cache.get(&B), Some(2));
    });
}

/// The old value, the new one, or between the two none; never back.
#[test]
fn a_key_that_changes_tiers_against_two_lookups() {
    let climber = |cache: &TinyCache| {
        grow(cache);
        cache.remove(&A);
        cache.insert(A, 1);
        [None, None]
    };
    model(2, with_a, [climber, |cache| [cache.get(&A), cache.get(&A)]], |cache, [_, found]| {
        cache.validate();
        let stages = found.map(|found| match found {
            Some(0) => 0,
            None => 1,
            Some(1) => 2,
            _ => panic!("{found:?}"),
        });
        assert!(stages.is_sorted(), "{found:?}");
        assert_eq!(cache.get(&A), Some(1));
    });
}

#[test]
fn insert_against_remove_above_the_first_tier() {
    let setup = || {
        let cache = grown();
        cache.insert(A, 0);
        cache
    };
    let insert = |cache: &TinyCache| {
        cache.insert(A, 1);
        None
    };
    model(2, setup, [insert, |cache| cache.remove(&A)], |cache, [_, removed]| {
        cache.validate();
        match removed {
            Some(0) => assert_eq!(cache.get(&A), Some(1)),
            Some(1) => assert_eq!(cache.get(&A), None),
            _ => panic!("{removed:?}"),
        }
    });
}

/// Values that note when they are dropped; a cache of them.
#[derive(Debug)]
struct Noted(u32, Arc<Mutex<[u32; 2]>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.lock().expect("no panic")[self.0 as usize] += 1;
    }
}

struct Notes {
    /// Apart from the cache, and never freed: a value that is dropped twice still has it.
    drops: Arc<Mutex<[u32; 2]>>,
    cache: Mutex<Option<Arc<TinyCache<Noted>>>>,
}

impl Notes {
    fn cache(&self) -> Arc<TinyCache<Noted>> {
        Arc::clone(self.cache.lock().expect("no panic").as_ref().expect("not dropped yet"))
    }

    fn value(&self, id: u32) -> Noted {
        let drops = Arc::clone(&self.drops);
        std::mem::forget(Arc::clone(&drops));
        Noted(id, drops)
    }
}

/// The insert finds its key in the first tier, loses it, and takes its value further up.
#[test]
fn an_insert_that_goes_up_against_a_removal() {
    let setup = || {
        let notes = Notes { drops: Arc::default(), cache: Mutex::new(None) };
        let cache = TINY.cache(Placed);
        cache.insert(A, notes.value(0));
        grow(&cache);
        *notes.cache.lock().expect("no panic") = Some(Arc::new(cache));
        notes
    };
    let insert = |notes: &Notes| notes.cache().insert(A, notes.value(1));
    let remove = |notes: &Notes| _ = notes.cache().invalidate(&A);
    model(2, setup, [insert, remove], |notes, _| {
        let there = notes.cache().contains_key(&A);
        notes.cache().run_pending_tasks();
        let before = *notes.drops.lock().expect("no panic");
        if there {
            assert_eq!(before[1], 0, "dropped while it is in the cache");
        }
        drop(notes.cache.lock().expect("no panic").take());
        assert_eq!(*notes.drops.lock().expect("no panic"), [1, 1]);
    });
}

/// The only credit is given to a shard that the other insert does not know of.
#[test]
fn a_credit_that_lies_in_a_new_shard_can_be_stolen() {
    let setup = || Tiny { capacity: 1, ..TINY }.cache(Placed);
    let climber = |cache: &TinyCache| {
        grow(cache);
        cache.insert(A, 1);
        cache.invalidate(&A);
    };
    model(2, setup, [climber, |cache| cache.insert(C, 2)], |cache, _| {
        cache.validate();
        assert_eq!(cache.get(&A), None);
    });
}

/// A cache that has grown, and where its values come from.
struct Source {
    cache: TinyCache,
    value: AtomicU32,
}

fn change_and_look(source: &Source) -> u32 {
    source.value.store(2, Relaxed);
    source.cache.invalidate(&A);
    source.cache.peek(&A).unwrap_or(2)
}

fn nothing_old_is_left(source: &Source, [loaded, after]: [u32; 2]) {
    source.cache.validate();
    assert!(matches!(loaded, 1 | 2));
    assert_eq!(after, 2, "seen by the thread that invalidated");
    assert!(matches!(source.cache.get(&A), None | Some(2)));
}

/// What was loaded before the source changed does not outlast the invalidation, wherever it is
/// stored.
#[test]
fn a_load_above_the_first_tier_against_an_invalidation() {
    let setup = || Source { cache: grown(), value: AtomicU32::new(1) };
    let load = |source: &Source| source.cache.get_with(A, || source.value.load(Relaxed));
    model(2, setup, [load, change_and_look], nothing_old_is_left);
}

/// The add may be decided in the first tier and not published when the load's value is to be
/// stored.
#[test]
fn a_load_that_goes_up_against_an_add() {
    let load = |cache: &TinyCache| {
        grow(cache);
        cache.get_with(A, || 1) == 2
    };
    model(2, empty, [load, |cache| cache.add(A, 2)], |cache, [_, added]| {
        cache.validate();
        assert_eq!(cache.get(&A), Some(if added { 2 } else { 1 }));
    });
}

/// As a writer that marks a load superseded and finds no shard where it could be stored, and the
/// load's fill, which makes the shard and looks at the mark.
#[test]
fn who_makes_a_shard_knows_what_was_before() {
    let setup = || (OnceBoxDoor::default(), AtomicU32::new(0));
    model(
        3,
        setup,
        [
            |(late, mark)| {
                mark.store(1, Relaxed);
                late.is_there_or_precede()
            },
            |(late, mark)| {
                late.make();
                mark.load(Relaxed) == 1
            },
        ],
        |_, [there, marked]| assert!(there || marked),
    );
}

/// The tier above comes while the value is loaded.
#[test]
fn a_load_that_goes_up_against_an_invalidation() {
    let setup = || Source { cache: empty(), value: AtomicU32::new(1) };
    let load = |source: &Source| {
        source.cache.get_with(A, || {
            let value = source.value.load(Relaxed);
            grow(&source.cache);
            value
        })
    };
    model(2, setup, [load, change_and_look], nothing_old_is_left);
}

/// Neither count is lost, in whatever tier.
#[test]
fn two_increments_one_of_which_knows_of_a_tier() {
    fn increment(cache: &TinyCache) {
        cache.entry(A).and_compute_with(|entry| Op::Put(entry.map_or(1, |it| it.value() + 1)));
    }
    let climber = |cache: &TinyCache| {
        grow(cache);
        increment(cache);
    };
    model(2, empty, [climber, increment], |cache, _| {
        cache.validate();
        assert_eq!(cache.get(&A), Some(2));
    });
}

/// The sweep may not know of the tier in which the entry is that it is to take out.
#[test]
fn a_sweep_against_an_insert_into_a_new_tier() {
    fn settle(cache: &TinyCache) {
        collect();
        sweep(cache);
        sweep(cache);
        assert!(!is_armed(cache), "the sweep has come to its end");
    }
    let setup = || {
        let cache = empty();
        cache.invalidate_all();
        settle(&cache);
        cache
    };
    let climber = |cache: &TinyCache| {
        grow(cache);
        cache.insert(A, 1);
    };
    let invalidate = |cache: &TinyCache| {
        cache.invalidate_all();
        sweep(cache);
    };
    model(2, setup, [climber, invalidate], |cache, _| {
        settle(cache);
        cache.validate();
    });
}
