//! One copy per key, and removals: `src/engine/index.rs`.
#![cfg(larder_loom)]

use larder::doors::Tiny;
use larder_loom_tests::{Placed, TinyCache, key, model};

const A: u32 = key(0, 1);

/// Nothing is evicted, nothing recycled.
fn roomy() -> TinyCache {
    Tiny { capacity: 4, buckets: 2, nodes: 8, batch: 100 }.cache(Placed)
}

/// Two inserts of one absent key, in an empty bucket: never two copies. Finds `SkipDecide`.
#[test]
fn two_inserts_make_one_copy() {
    model(3, roomy, [|cache| cache.insert(A, 1), |cache| cache.insert(A, 2)], |cache, _| {
        cache.validate();
        assert!(matches!(cache.get(&A), Some(1 | 2)));
        assert_eq!(cache.entry_count(), 1);
    });
}
