//! One load per key: `src/engine/flights.rs`, `flight.rs` and `fill.rs`.
//!
//! Nothing is evicted and nothing recycled.
#![cfg(larder_loom)]

use larder::doors::Tiny;
use larder_loom_tests::{Placed, TinyCache, key, model};
use loom::sync::atomic::{
    AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use std::{
    future::{Future, pending},
    pin::pin,
    task::{Context, Waker},
};

const A: u32 = key(0, 1);

fn empty() -> TinyCache {
    Tiny { capacity: 4, buckets: 2, nodes: 10, batch: 100 }.cache(Placed)
}

/// Leader against waiter, or against one that comes when all is over.
#[test]
fn two_callers_share_a_load() {
    model(
        2,
        empty,
        [|cache| cache.get_with(A, || 1), |cache| cache.get_with(A, || 2)],
        |cache, got| {
            cache.validate();
            assert!(matches!(got, [1, 1] | [2, 2]));
            assert_eq!((cache.stats().loads, cache.get(&A)), (1, Some(got[0])));
        },
    );
}

/// A cache, and where its values come from.
struct Source {
    cache: TinyCache,
    value: AtomicU32,
}

fn source() -> Source {
    Source { cache: empty(), value: AtomicU32::new(1) }
}

fn load(source: &Source) -> u32 {
    source.cache.get_with(A, || source.value.load(Relaxed))
}

/// What was loaded before the source changed does not outlast the invalidation.
#[test]
fn a_load_against_an_invalidation() {
    let change = |source: &Source| {
        source.value.store(2, Relaxed);
        source.cache.invalidate(&A);
        source.cache.peek(&A).unwrap_or(2)
    };
    model(2, source, [load, change], |source, [loaded, after]| {
        source.cache.validate();
        assert!(matches!(loaded, 1 | 2));
        assert_eq!(after, 2, "seen by the thread that invalidated");
        assert!(matches!(source.cache.get(&A), None | Some(2)));
    });
}

#[test]
fn a_load_against_an_insert() {
    let insert = |source: &Source| {
        source.cache.insert(A, 2);
        source.cache.peek(&A).expect("nothing is evicted")
    };
    model(2, source, [load, insert], |source, [loaded, after]| {
        source.cache.validate();
        assert!(matches!(loaded, 1 | 2));
        assert_eq!((after, source.cache.get(&A)), (2, Some(2)));
    });
}

/// Begins to load, and is dropped on the way.
fn cancelled(cache: &TinyCache) -> u32 {
    let mut load = pin!(cache.get_with_async(A, pending()));
    assert!(load.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    2
}

#[test]
fn a_cancelled_leader_against_a_waiter() {
    model(2, empty, [cancelled, |cache| cache.get_with(A, || 2)], |cache, got| {
        cache.validate();
        assert_eq!(got, [2, 2]);
        assert_eq!((cache.stats().loads, cache.get(&A)), (1, Some(2)));
    });
}

/// The waiter that the lead is offered to may be dropped, too.
#[test]
fn a_cancelled_leader_and_a_cancelled_waiter_against_a_waiter() {
    struct Scene {
        cache: TinyCache,
        boarded: AtomicU32,
    }
    let setup = || Scene { cache: empty(), boarded: AtomicU32::new(0) };
    let cancel_two = |scene: &Scene| {
        let mut lead = Box::pin(scene.cache.get_with_async(A, pending()));
        let mut wait = Box::pin(scene.cache.get_with_async(A, pending()));
        let mut context = Context::from_waker(Waker::noop());
        assert!(lead.as_mut().poll(&mut context).is_pending());
        assert!(wait.as_mut().poll(&mut context).is_pending());
        scene.boarded.store(1, Release);
        drop(lead);
        drop(wait);
        2
    };
    let wait = |scene: &Scene| {
        // Otherwise it could only be before them or after.
        if scene.boarded.load(Acquire) == 0 { 2 } else { scene.cache.get_with(A, || 2) }
    };
    model(2, setup, [cancel_two, wait], |scene, got| {
        scene.cache.validate();
        assert_eq!(got, [2, 2]);
        assert!(matches!(scene.cache.get(&A), None | Some(2)));
    });
}
