//! Evictions against everything that can befall the victim: `src/engine/policy/rules.rs`.
//!
//! The cache holds one entry or two and is full: whoever inserts evicts. Nothing is recycled.
#![cfg(larder_loom)]

use larder::doors::Tiny;
use larder_loom_tests::{Placed, TinyCache, key, model};

const A: u32 = key(0, 1);
const B: u32 = key(1, 2);
const C: u32 = key(1, 3);
const D: u32 = key(0, 4);

fn full() -> TinyCache {
    let cache: TinyCache = Tiny { capacity: 1, sets: 2, nodes: 10, batch: 100 }.cache(Placed);
    cache.insert(A, 0);
    cache
}

fn insert_b(cache: &TinyCache) -> Option<u32> {
    cache.insert(B, 1);
    None
}

/// Its home is that of `A`.
fn insert_d(cache: &TinyCache) -> Option<u32> {
    cache.insert(D, 1);
    None
}

#[test]
fn evict_against_remove() {
    model(2, full, [insert_b, |cache| cache.remove(&A)], |cache, [_, removed]| {
        cache.validate();
        assert!(matches!(removed, None | Some(0)));
        // While the removal has the only credit in its hands, there is none for B.
        let rejected = removed.is_some() && cache.stats().rejections == 1;
        assert_eq!((cache.get(&A), cache.get(&B)), (None, (!rejected).then_some(1)));
        assert_eq!(cache.stats().evictions, u64::from(removed.is_none()));
    });
}

/// The insert claims the slot of the entry that it evicts.
#[test]
fn an_insert_into_the_same_set_against_remove() {
    model(2, full, [insert_d, |cache| cache.remove(&A)], |cache, [_, removed]| {
        cache.validate();
        assert!(matches!(removed, None | Some(0)));
        let rejected = removed.is_some() && cache.stats().rejections == 1;
        assert_eq!((cache.get(&A), cache.get(&D)), (None, (!rejected).then_some(1)));
        assert_eq!(cache.stats().evictions, u64::from(removed.is_none()));
    });
}

/// The same against a value that takes the place of the one that was chosen.
#[test]
fn an_insert_into_the_same_set_against_update() {
    let update = |cache: &TinyCache| {
        cache.insert(A, 2);
        None
    };
    model(2, full, [insert_d, update], |cache, _| {
        cache.validate();
        assert!(matches!((cache.get(&A), cache.get(&D)), (Some(2), None) | (None, Some(1))));
    });
}

#[test]
fn evict_against_get() {
    model(2, full, [insert_b, |cache| cache.get(&A)], |cache, [_, found]| {
        cache.validate();
        assert!(matches!(found, None | Some(0)));
        assert_eq!((cache.get(&A), cache.get(&B)), (None, Some(1)));
        assert_eq!(cache.stats().evictions, 1);
    });
}

#[test]
fn evict_against_update() {
    let update = |cache: &TinyCache| {
        cache.insert(A, 2);
        None
    };
    model(2, full, [insert_b, update], |cache, _| {
        cache.validate();
        // One evicted the other, or A was evicted, came back and evicted B.
        assert!(matches!((cache.get(&A), cache.get(&B)), (Some(2), None) | (None, Some(1))));
    });
}

/// Both want the only credit: one evicts the old entry, the other may evict the first's.
#[test]
fn two_evictions() {
    let insert_c = |cache: &TinyCache| {
        cache.insert(C, 2);
        None
    };
    model(2, full, [insert_b, insert_c], |cache, _| {
        cache.validate();
        assert_eq!(cache.get(&A), None);
        assert!(cache.entry_count() <= 1);
    });
}

/// A used entry of probation moves to protected while it is removed and comes back.
#[test]
fn promotion_against_remove_and_insert() {
    let setup = || {
        let cache = full();
        for _ in 0..3 {
            cache.get(&A);
        }
        cache
    };
    let come_back = |cache: &TinyCache| {
        let removed = cache.remove(&A);
        cache.insert(A, 2);
        removed
    };
    model(1, setup, [insert_b, come_back], |cache, [_, removed]| {
        cache.validate();
        assert!(matches!(removed, None | Some(0)));
    });
}
