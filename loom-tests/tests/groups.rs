//! What is invalidated together: `src/engine/invalidate/groups.rs`.
//!
//! Nothing is evicted and nothing recycled. There is one pair of sets, so a round of the sweep is
//! one step.
#![cfg(larder_loom)]

use larder::doors::{self, Tiny};
use larder_loom_tests::{Placed, TinyCache, key, model};

const A: u32 = key(0, 1);
const B: u32 = key(0, 2);

/// Every tag is this one.
const TAG: u32 = 7;

fn unaware() -> TinyCache {
    Tiny { capacity: 4, sets: 2, nodes: 10, batch: 100 }.cache(Placed)
}

/// A cache that knows of births, where nothing is invalidated.
fn disarmed() -> TinyCache {
    let cache = unaware();
    cache.insert_tagged(B, 0, [TAG]).expect("one tag");
    doors::collect();
    doors::sweep(&cache);
    assert!(!doors::is_armed(&cache));
    cache
}

/// The same with an invalidated entry.
fn armed() -> TinyCache {
    let cache = disarmed();
    cache.insert(A, 0);
    cache.invalidate_all();
    cache
}

fn rest(cache: &TinyCache) {
    doors::collect();
    doors::sweep(cache);
    doors::sweep(cache);
    assert!(!doors::is_armed(cache));
    cache.validate();
}

/// What somebody has found before an invalidation is not found after it.
#[test]
fn an_invalidation_against_an_insert() {
    let invalidate = |cache: &TinyCache| {
        let before = cache.peek(&A);
        cache.invalidate_all();
        (before, cache.peek(&A))
    };
    let insert = |cache: &TinyCache| {
        cache.insert(A, 1);
        (None, None)
    };
    model(3, disarmed, [insert, invalidate], |cache, [_, (before, after)]| {
        let left = cache.peek(&A);
        assert!(before.is_none() || (after, left) == (None, None), "{after:?}, {left:?}");
        rest(cache);
        assert_eq!(cache.peek(&A), left);
    });
}

/// What a computation makes of an entry is gone with it, or was made of none.
#[test]
fn an_invalidation_against_a_computation() {
    let present = || {
        let cache = disarmed();
        cache.insert(A, 10);
        cache
    };
    let compute = |cache: &TinyCache| {
        cache.replace(&A, 11);
        None
    };
    let invalidate = |cache: &TinyCache| {
        cache.invalidate_all();
        cache.peek(&A)
    };
    model(2, present, [compute, invalidate], |cache, [_, found]| {
        assert_eq!((found, cache.peek(&A)), (None, None));
        rest(cache);
    });
}

/// An insert that began before an invalidation does not hide one that began after it.
#[test]
fn an_insert_after_an_invalidation_against_one_before() {
    let late = |cache: &TinyCache| {
        cache.invalidate_all();
        cache.insert(A, 2);
        cache.peek(&A)
    };
    let early = |cache: &TinyCache| {
        cache.insert(A, 1);
        Some(1)
    };
    model(2, disarmed, [early, late], |cache, [_, found]| {
        assert!(matches!(found, Some(1 | 2)), "{found:?}");
        assert!(matches!(cache.peek(&A), Some(1 | 2)));
        rest(cache);
        assert!(matches!(cache.peek(&A), Some(1 | 2)));
    });
}

#[test]
fn an_invalidation_against_a_get() {
    let setup = || {
        let cache = disarmed();
        cache.insert(A, 1);
        cache
    };
    let get = |cache: &TinyCache| [cache.get(&A), cache.get(&A)];
    let invalidate = |cache: &TinyCache| {
        cache.invalidate_all();
        [cache.get(&A), None]
    };
    model(3, setup, [get, invalidate], |cache, [[first, second], [after, _]]| {
        assert_eq!(after, None);
        assert!(first.is_some() || second.is_none(), "it came back");
        rest(cache);
        assert_eq!(cache.get(&A), None);
    });
}

/// Puts `A` in; what it finds then.
fn insert_and_look(cache: &TinyCache) -> Option<u32> {
    cache.insert(A, 1);
    cache.peek(&A)
}

fn invalidate_and_sweep(cache: &TinyCache) -> Option<u32> {
    cache.invalidate_all();
    doors::sweep(cache);
    None
}

/// What the thread that inserted it has found invalidated is not found later.
fn it_stays_away<const N: usize>(cache: &TinyCache, found: [Option<u32>; N]) {
    let [found, left] = [found[0], cache.peek(&A)];
    assert!(found.is_some() || left.is_none(), "it came back");
    rest(cache);
    assert_eq!(cache.peek(&A), left);
}

#[test]
fn a_sweep_against_an_insert_from_before() {
    model(2, disarmed, [insert_and_look, invalidate_and_sweep], it_stays_away);
}

/// The same if the sweeping thread has pinned before the invalidation.
#[test]
fn a_sweep_against_an_insert_and_an_invalidation() {
    let sweep = |cache: &TinyCache| {
        doors::sweep_once(cache);
        None
    };
    let invalidate = |cache: &TinyCache| {
        cache.invalidate_all();
        None
    };
    model(2, disarmed, [insert_and_look, sweep, invalidate], it_stays_away);
}

/// The same if the insert may not know of births.
#[test]
fn the_first_invalidation_against_an_insert() {
    model(2, unaware, [insert_and_look, invalidate_and_sweep], it_stays_away);
}

/// An invalidated entry is swept, or replaced, once.
#[test]
fn a_sweep_against_an_add_over_an_invalidated_entry() {
    let add = |cache: &TinyCache| cache.add(A, 1);
    let sweep = |cache: &TinyCache| {
        doors::sweep(cache);
        true
    };
    model(3, armed, [add, sweep], |cache, [added, _]| {
        assert!(added);
        assert_eq!((cache.peek(&A), cache.entry_count()), (Some(1), 1));
        rest(cache);
        assert_eq!((cache.peek(&A), cache.stats().invalidations), (Some(1), 2));
    });
}

#[test]
fn two_adds_over_an_invalidated_entry() {
    model(3, armed, [|cache| cache.add(A, 1), |cache| cache.add(A, 2)], |cache, added| {
        let winner = match added {
            [true, false] => 1,
            [false, true] => 2,
            _ => panic!("{added:?}"),
        };
        assert_eq!((cache.peek(&A), cache.entry_count()), (Some(winner), 1));
        rest(cache);
        assert_eq!(cache.peek(&A), Some(winner));
    });
}

/// Who comes to the end of a sweep does not disarm for what was invalidated since.
#[test]
fn the_end_of_a_sweep_against_an_invalidation() {
    let setup = || {
        let cache = disarmed();
        cache.invalidate_all();
        cache.insert_tagged(A, 1, [TAG]).expect("one tag");
        cache
    };
    let sweep = |cache: &TinyCache| {
        doors::sweep(cache);
        None
    };
    let invalidate = |cache: &TinyCache| {
        cache.invalidate_tag(&TAG);
        cache.peek(&A)
    };
    model(3, setup, [sweep, invalidate], |cache, [_, found]| {
        assert_eq!((found, cache.peek(&A)), (None, None));
        rest(cache);
        assert_eq!(cache.peek(&A), None);
    });
}

/// Two threads at the same step.
#[test]
fn two_sweeps() {
    let sweep = |cache: &TinyCache| doors::sweep(cache);
    model(2, armed, [sweep, sweep], |cache, _| {
        assert!(!doors::is_armed(cache));
        cache.validate();
        assert_eq!((cache.entry_count(), cache.stats().invalidations), (0, 2));
    });
}
