//! One copy per key, removals, and what a reader sees: `src/engine/index/sets.rs`.
//!
//! A set has two slots here, and there are two sets, each the other's neighbour. Nothing is
//! evicted and nothing recycled but where a model says so.
#![cfg(larder_loom)]

use larder::doors::Tiny;
use larder_loom_tests::{Placed, TinyCache, key, model};

const A: u32 = key(0, 1);
const B: u32 = key(0, 2);
const C: u32 = key(0, 3);
const D: u32 = key(0, 4);

fn empty() -> TinyCache {
    Tiny { capacity: 4, sets: 2, nodes: 10, batch: 100 }.cache(Placed)
}

fn with<const N: usize>(keys: [u32; N]) -> TinyCache {
    let cache = empty();
    for key in keys {
        cache.insert(key, 0);
    }
    cache
}

#[test]
fn two_inserts_of_an_absent_key() {
    model(3, empty, [|cache| cache.insert(A, 1), |cache| cache.insert(A, 2)], |cache, _| {
        cache.validate();
        assert!(matches!(cache.get(&A), Some(1 | 2)));
        assert_eq!(cache.entry_count(), 1);
    });
}

/// As above, seen by a third thread. (A third insert is out of reach: what its relaxed loads may
/// return multiplies the executions beyond counting.)
#[test]
fn two_inserts_and_a_get_of_an_absent_key() {
    model(
        1,
        empty,
        [
            |cache| {
                cache.insert(A, 1);
                None
            },
            |cache| {
                cache.insert(A, 2);
                None
            },
            |cache| cache.get(&A),
        ],
        |cache, [.., found]| {
            cache.validate();
            assert!(matches!(found, None | Some(1 | 2)));
            assert_eq!(cache.entry_count(), 1);
        },
    );
}

#[test]
fn only_one_of_two_adds_succeeds() {
    model(3, empty, [|cache| cache.add(A, 1), |cache| cache.add(A, 2)], |cache, added| {
        cache.validate();
        let winner = match added {
            [true, false] => 1,
            [false, true] => 2,
            _ => panic!("{added:?}"),
        };
        assert_eq!(cache.get(&A), Some(winner));
    });
}

/// The copies would come to stand in the home set and next door.
#[test]
fn two_inserts_with_one_free_slot_at_home() {
    let setup = || with([B]);
    model(2, setup, [|cache| cache.insert(A, 1), |cache| cache.insert(A, 2)], |cache, _| {
        assert!(matches!(cache.get(&A), Some(1 | 2)));
        assert_eq!(cache.entry_count(), 2);
        cache.validate();
    });
}

/// The copies would both come to stand next door.
#[test]
fn two_inserts_with_no_free_slot_at_home() {
    let setup = || with([B, C]);
    model(2, setup, [|cache| cache.insert(A, 1), |cache| cache.insert(A, 2)], |cache, _| {
        assert!(matches!(cache.get(&A), Some(1 | 2)));
        assert_eq!(cache.entry_count(), 3);
        cache.validate();
    });
}

/// Two keys of one home want its last free slot.
#[test]
fn two_keys_and_one_free_slot_at_home() {
    let setup = || with([C]);
    model(2, setup, [|cache| cache.insert(A, 1), |cache| cache.insert(B, 2)], |cache, _| {
        assert_eq!((cache.get(&A), cache.get(&B), cache.get(&C)), (Some(1), Some(2), Some(0)));
        cache.validate();
    });
}

/// A lookup misses a key only while it is absent: here it never is.
#[test]
fn a_displaced_key_stays_in_sight() {
    let setup = || with([B, C, A]);
    model(
        2,
        setup,
        [
            |cache| {
                assert_eq!(cache.remove(&B), Some(0));
                cache.insert(D, 1);
                None
            },
            |cache| cache.get(&A),
        ],
        |cache, [_, found]| {
            assert_eq!(found, Some(0));
            cache.validate();
        },
    );
}

#[test]
fn insert_against_remove() {
    let setup = || with([A]);
    model(
        3,
        setup,
        [
            |cache| {
                cache.insert(A, 1);
                None
            },
            |cache| cache.remove(&A),
        ],
        |cache, [_, removed]| {
            cache.validate();
            match removed {
                Some(0) => assert_eq!(cache.get(&A), Some(1), "removed, then inserted"),
                Some(1) => assert_eq!(cache.get(&A), None, "replaced, then removed"),
                _ => panic!("the key was there all the time, but {removed:?} was removed"),
            }
        },
    );
}

#[test]
fn insert_of_an_absent_key_against_remove() {
    model(
        3,
        empty,
        [
            |cache| {
                cache.insert(A, 1);
                None
            },
            |cache| cache.remove(&A),
        ],
        |cache, [_, removed]| {
            cache.validate();
            match removed {
                None => assert_eq!(cache.get(&A), Some(1), "inserted afterwards"),
                Some(1) => assert_eq!(cache.get(&A), None, "inserted, then removed"),
                _ => panic!("{removed:?} was never there"),
            }
        },
    );
}

#[test]
fn two_removals() {
    let setup = || with([A]);
    model(3, setup, [|cache| cache.remove(&A), |cache| cache.remove(&A)], |cache, removed| {
        cache.validate();
        assert!(matches!(removed, [Some(0), None] | [None, Some(0)]), "{removed:?}");
    });
}

/// Removing a displaced key takes its count back; the insert counts it again.
#[test]
fn displaced_insert_against_remove() {
    let setup = || with([B, C, A]);
    model(
        2,
        setup,
        [
            |cache| {
                cache.insert(A, 1);
                None
            },
            |cache| cache.remove(&A),
        ],
        |cache, [_, removed]| {
            cache.validate();
            match removed {
                Some(0) => assert_eq!(cache.get(&A), Some(1)),
                Some(1) => assert_eq!(cache.get(&A), None),
                _ => panic!("{removed:?}"),
            }
        },
    );
}

/// The scenario of the header's section on stale control words. A's node was named by the control
/// word, left, and was recycled: B's insert has it now, tentative in the slot where A was. C's
/// insert must not take it for decided.
#[test]
fn a_stale_control_word_publishes_nothing() {
    let setup = || {
        let cache: TinyCache = Tiny { capacity: 4, sets: 2, nodes: 4, batch: 1 }.cache(Placed);
        cache.insert(D, 0);
        cache.insert(A, 0);
        cache.remove(&A);
        for _ in 0..3 {
            cache.run_pending_tasks();
        }
        cache
    };
    model(2, setup, [|cache| cache.insert(B, 1), |cache| cache.insert(C, 2)], |cache, _| {
        assert_eq!((cache.get(&B), cache.get(&C), cache.get(&D)), (Some(1), Some(2), Some(0)));
        cache.validate();
    });
}

/// Loom reports it if the read of the node does not happen after its write.
#[test]
fn who_finds_an_entry_sees_its_content() {
    model(
        3,
        empty,
        [
            |cache| {
                cache.insert(A, 1);
                None
            },
            |cache| cache.get(&A),
        ],
        |cache, [_, found]| {
            cache.validate();
            assert!(matches!(found, None | Some(1)));
        },
    );
}

/// As above, where the insert finds its key and changes only the node.
#[test]
fn who_finds_a_replaced_entry_sees_its_content() {
    let setup = || with([A]);
    model(
        3,
        setup,
        [
            |cache| {
                cache.insert(A, 1);
                None
            },
            |cache| cache.get(&A),
        ],
        |cache, [_, found]| {
            cache.validate();
            assert!(matches!(found, Some(0 | 1)), "{found:?}, but the key was always there");
        },
    );
}
