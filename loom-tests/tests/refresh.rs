//! Loading anew what is there: `src/engine/load/refresh.rs`, and what `fill.rs` says of it.
//!
//! Nothing is evicted; in the last model nodes are recycled.
#![cfg(larder_loom)]

use larder::doors::{Tiny, collect, refresh};
use larder_loom_tests::{Placed, TinyCache, key, model};
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};

const A: u32 = key(0, 1);

/// A cache with a value, and where it comes from.
struct Source {
    cache: TinyCache,
    value: AtomicU32,
}

fn source(nodes: u32, batch: u32) -> Source {
    let cache = Tiny { capacity: 4, sets: 2, nodes, batch }.cache(Placed);
    cache.insert(A, 1);
    Source { cache, value: AtomicU32::new(1) }
}

fn plenty() -> Source {
    source(10, 100)
}

fn load_anew(source: &Source) -> Option<u32> {
    refresh(&source.cache, A, || source.value.load(Relaxed))
}

/// Where the cache itself is the source.
fn repeat(source: &Source) -> Option<u32> {
    refresh(&source.cache, A, || source.cache.peek(&A).unwrap_or(3))
}

/// What was loaded before the source changed does not outlast the invalidation.
#[test]
fn a_refresh_against_an_invalidation() {
    let change_and_look = |source: &Source| {
        source.value.store(2, Relaxed);
        source.cache.invalidate(&A);
        source.cache.peek(&A)
    };
    model(3, plenty, [load_anew, change_and_look], |source, [loaded, after]| {
        source.cache.validate();
        assert!(matches!(loaded, None | Some(1 | 2)));
        assert!(matches!(after, None | Some(2)), "seen by the thread that invalidated");
        assert!(matches!(source.cache.get(&A), None | Some(2)));
    });
}

/// A value that is newer than what is to be replaced stays.
#[test]
fn a_refresh_against_an_insert() {
    let insert_and_look = |source: &Source| {
        source.cache.insert(A, 3);
        source.cache.peek(&A)
    };
    model(3, plenty, [repeat, insert_and_look], |source, [loaded, after]| {
        source.cache.validate();
        assert!(matches!(loaded, None | Some(1 | 3)));
        assert_eq!((after, source.cache.get(&A)), (Some(3), Some(3)));
    });
}

/// One of them loads, and both leave one value behind.
#[test]
fn two_refreshes() {
    let first = |source: &Source| refresh(&source.cache, A, || 2);
    let second = |source: &Source| refresh(&source.cache, A, || 3);
    model(3, plenty, [first, second], |source, loaded| {
        source.cache.validate();
        let found = source.cache.get(&A);
        assert!(found != Some(1) && loaded.contains(&found));
        assert_eq!(source.cache.stats().updates, loaded.iter().flatten().count() as u64);
    });
}

/// The node that is to be replaced may be handed out again, for the same key.
#[test]
fn a_refresh_against_a_removal_and_an_insert_into_the_same_node() {
    let renew_and_look = |source: &Source| {
        source.cache.invalidate(&A);
        collect();
        source.cache.insert(A, 3);
        source.cache.peek(&A)
    };
    model(
        2,
        || source(3, 1),
        [repeat, renew_and_look],
        |source, [loaded, after]| {
            source.cache.validate();
            assert!(matches!(loaded, None | Some(1 | 3)));
            // Where no node can be had, nothing is stored.
            assert!(matches!(after, None | Some(3)));
            assert_eq!(source.cache.get(&A), after);
        },
    );
}
