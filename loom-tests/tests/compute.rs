//! Reading, deciding and writing as one step: `src/engine/ops/compute.rs`, and versions,
//! `src/engine/storage/generations.rs`.
//!
//! Nothing is evicted, and nothing recycled but where a model says so.
#![cfg(larder_loom)]

use larder::{
    CasError,
    doors::{self, Tiny},
    ops::compute::{CompResult, Op},
};
use larder_loom_tests::{Placed, TinyCache, key, model};

const A: u32 = key(0, 1);
const B: u32 = key(0, 2);

fn empty() -> TinyCache {
    Tiny { capacity: 4, sets: 2, nodes: 10, batch: 100 }.cache(Placed)
}

fn with_a() -> TinyCache {
    let cache = empty();
    cache.insert(A, 10);
    cache
}

fn both_counted(cache: &TinyCache, mut counted: [u32; 2], from: u32) {
    cache.validate();
    counted.sort();
    assert_eq!(counted, [from + 1, from + 2]);
    assert_eq!((cache.get(&A), cache.entry_count()), (Some(from + 2), 1));
}

#[test]
fn two_increments_of_a_present_key() {
    let count = |cache: &TinyCache| cache.incr(&A, 1).expect("it is there all the time");
    model(3, with_a, [count, count], |cache, counted| both_counted(cache, counted, 10));
}

#[test]
fn two_increments_of_an_absent_key() {
    let count = |cache: &TinyCache| cache.incr_or_insert(A, 1, 1);
    model(3, empty, [count, count], |cache, counted| both_counted(cache, counted, 0));
}

/// A use changes the word that is to be swapped, and not the entry.
#[test]
fn an_increment_against_a_get() {
    model(3, with_a, [|cache| cache.incr(&A, 1), |cache| cache.get(&A)], |cache, [new, got]| {
        cache.validate();
        assert_eq!((new, cache.get(&A)), (Some(11), Some(11)));
        assert!(matches!(got, Some(10 | 11)));
    });
}

#[test]
fn an_increment_against_a_removal() {
    model(
        3,
        with_a,
        [|cache| cache.incr(&A, 1), |cache| cache.remove(&A)],
        |cache, [new, removed]| {
            cache.validate();
            assert_eq!(cache.get(&A), None);
            assert!(matches!((new, removed), (Some(11), Some(11)) | (None, Some(10))));
        },
    );
}

/// Whether it removed A, which it is to do only if the value is 10.
fn remove_ten(cache: &TinyCache) -> Option<u32> {
    let result = cache.entry(A).and_compute_with(|entry| {
        let is_ten = entry.is_some_and(|entry| *entry.value() == 10);
        if is_ten { Op::Remove } else { Op::Nop }
    });
    match result {
        CompResult::Removed(entry) => Some(entry.into_value()),
        _ => None,
    }
}

#[test]
fn a_removal_of_what_was_seen_against_an_increment() {
    model(3, with_a, [remove_ten, |cache| cache.incr(&A, 1)], |cache, [removed, new]| {
        cache.validate();
        match removed {
            Some(10) => assert_eq!((new, cache.get(&A)), (None, None)),
            None => assert_eq!((new, cache.get(&A)), (Some(11), Some(11))),
            other => panic!("{other:?} was not to be removed"),
        }
    });
}

/// Another key's insert takes the decision away; it must not be taken for one of this key.
#[test]
fn an_increment_of_an_absent_key_against_an_insert_of_another() {
    model(
        1,
        empty,
        [|cache| cache.incr_or_insert(A, 1, 1), |cache| cache.incr_or_insert(B, 1, 5)],
        |cache, _| {
            cache.validate();
            assert_eq!((cache.get(&A), cache.get(&B), cache.entry_count()), (Some(1), Some(5), 2));
        },
    );
}

/// Sets A, unless somebody else does; to what it was before.
fn swap(cache: &TinyCache, value: u32) -> Result<u32, CasError> {
    let (old, version) = cache.get_versioned(&A).expect("it is there all the time");
    cache.compare_and_swap(&A, version, value).map(|_| old)
}

#[test]
fn two_swaps_of_one_version() {
    model(2, with_a, [|cache| swap(cache, 1), |cache| swap(cache, 2)], |cache, swapped| {
        cache.validate();
        let last = match swapped {
            [Ok(10), Ok(1)] | [Err(CasError::Changed), Ok(10)] => 2,
            [Ok(2), Ok(10)] | [Ok(10), Err(CasError::Changed)] => 1,
            other => panic!("{other:?}"),
        };
        assert_eq!(cache.get(&A), Some(last));
    });
}

/// The node whose version was handed out comes back with a third value. The column of versions
/// comes to be while the other thread inserts.
#[test]
fn a_node_that_comes_back_has_another_version() {
    let setup = || {
        let cache: TinyCache = Tiny { capacity: 4, sets: 2, nodes: 4, batch: 1 }.cache(Placed);
        cache.insert(A, 10);
        cache
    };
    model(
        2,
        setup,
        [
            |cache| swap(cache, 9),
            |cache| {
                cache.insert(A, 11);
                doors::collect();
                cache.insert(A, 12);
                Ok(0)
            },
        ],
        |cache, [swapped, _]| {
            cache.validate();
            match swapped {
                Ok(12) => assert_eq!(cache.get(&A), Some(9)),
                Ok(10 | 11) | Err(CasError::Changed) => assert_eq!(cache.get(&A), Some(12)),
                other => panic!("{other:?}"),
            }
        },
    );
}
