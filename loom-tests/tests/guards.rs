//! Loads by hand: `src/engine/load/handed.rs` in a guard, and what `fill.rs` and `flight.rs` say of
//! leads that end in another thread than they began in.
//!
//! Nothing is evicted and nothing recycled.
#![cfg(larder_loom)]

use larder::{
    LoadGuard, LoadOutcome,
    doors::{Tiny, block_on},
};
use larder_loom_tests::{Placed, TinyCache, key, model};
use loom::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::{
    future::Future,
    mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

const A: u32 = key(0, 1);

type Guard = LoadGuard<u32, u32, Placed>;
type Found = Result<u32, Guard>;
type Call = Pin<Box<dyn Future<Output = Found> + Send>>;

fn empty() -> TinyCache {
    Tiny { capacity: 4, sets: 2, nodes: 10, batch: 100 }.cache(Placed)
}

/// A cache, where its values come from, and a guard that was given out before the threads begin.
struct Scene {
    cache: Arc<TinyCache>,
    value: AtomicU32,
    guard: Mutex<Option<Guard>>,
    calls: Mutex<Vec<Call>>,
}

impl Scene {
    fn new(cache: TinyCache, guard: Option<Guard>) -> Self {
        let (guard, calls) = (Mutex::new(guard), Mutex::new(Vec::new()));
        Self { cache: Arc::new(cache), value: AtomicU32::new(1), guard, calls }
    }

    fn unguarded() -> Self {
        Self::new(empty(), None)
    }

    fn guarded() -> Self {
        let cache = empty();
        let guard = cache.get_or_guard(A).expect_err("absent");
        Self::new(cache, Some(guard))
    }

    /// There is a value, 1, and a guard to replace it.
    fn replacing() -> Self {
        let cache = empty();
        cache.insert(A, 1);
        let guard = cache.get_or_guard_if(A, |_| false).expect_err("not accepted");
        assert_eq!(guard.old_value(), Some(&1));
        Self::new(cache, Some(guard))
    }

    /// With a call that waits.
    fn and_waiting(self) -> Self {
        let cache = Arc::clone(&self.cache);
        let mut call: Call = Box::pin(async move { cache.get_or_guard_async(A).await });
        assert!(poll(call.as_mut()).is_none());
        self.calls.lock().expect("no panic").push(call);
        self
    }

    fn take(&self) -> Guard {
        self.guard.lock().expect("no panic").take().expect("one thread takes it")
    }

    fn take_calls(&self) -> Vec<Call> {
        mem::take(&mut *self.calls.lock().expect("no panic"))
    }

    /// Inserts what the source has.
    fn load(&self, guard: Guard) -> u32 {
        let value = self.value.load(Relaxed);
        let outcome = guard.insert(value);
        assert!(matches!(outcome, LoadOutcome::Stored | LoadOutcome::Superseded));
        value
    }
}

fn poll(call: Pin<&mut (impl Future<Output = Found> + ?Sized)>) -> Option<Found> {
    match call.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(found) => Some(found),
        Poll::Pending => None,
    }
}

/// A caller that loads 2 if it is to load.
fn get_or_load(scene: &Scene) -> u32 {
    scene.cache.get_or_guard(A).unwrap_or_else(|guard| {
        assert_eq!(guard.insert(2), LoadOutcome::Stored);
        2
    })
}

fn change_and_look(scene: &Scene) -> u32 {
    scene.value.store(2, Relaxed);
    scene.cache.invalidate(&A);
    scene.cache.peek(&A).unwrap_or(2)
}

/// What was loaded before the source changed does not outlast the invalidation.
#[test]
fn a_guard_against_an_invalidation() {
    let load = |scene: &Scene| match scene.cache.get_or_guard(A) {
        Ok(value) => value,
        Err(guard) => scene.load(guard),
    };
    model(3, Scene::unguarded, [load, change_and_look], |scene, [loaded, after]| {
        scene.cache.validate();
        assert!(matches!(loaded, 1 | 2));
        assert_eq!(after, 2, "seen by the thread that invalidated");
        assert!(matches!(scene.cache.get(&A), None | Some(2)));
    });
}

/// Who waits since before the write gets the value, be it stored or not.
#[test]
fn a_guard_with_a_waiter_against_an_invalidation() {
    let load = |scene: &Scene| scene.load(scene.take());
    let setup = || Scene::guarded().and_waiting();
    model(2, setup, [load, change_and_look], |scene, [loaded, after]| {
        scene.cache.validate();
        assert_eq!(after, 2, "seen by the thread that invalidated");
        assert!(matches!(scene.cache.get(&A), None | Some(2)));
        let mut calls = scene.take_calls();
        let found = poll(calls[0].as_mut()).expect("the load has landed");
        assert_eq!(found.expect("it has brought a value"), loaded);
    });
}

/// One of them loads, and the other gets what it brings.
#[test]
fn a_guard_that_is_dropped_against_two_callers() {
    let drop_guard = |scene: &Scene| {
        drop(scene.take());
        2
    };
    model(2, Scene::guarded, [drop_guard, get_or_load, get_or_load], |scene, got| {
        scene.cache.validate();
        assert_eq!(got, [2, 2, 2]);
        assert_eq!((scene.cache.stats().loads, scene.cache.get(&A)), (1, Some(2)));
    });
}

/// A call that is polled once and dropped, whether the lead was offered to it or not.
#[test]
fn a_guard_and_a_single_poll_that_are_dropped_against_a_caller() {
    let drop_both = |scene: &Scene| {
        drop(scene.take());
        drop(scene.take_calls());
        2
    };
    let try_once = |scene: &Scene| {
        // It may get a guard, which it drops.
        drop(poll(pin!(scene.cache.get_or_guard_async(A))));
        2
    };
    let setup = || Scene::guarded().and_waiting();
    model(2, setup, [drop_both, get_or_load, try_once], |scene, got| {
        scene.cache.validate();
        assert_eq!(got, [2, 2, 2]);
        assert_eq!((scene.cache.stats().loads, scene.cache.get(&A)), (1, Some(2)));
    });
}

/// Both start anew when the guard is dropped, and share what is loaded then: that is stored.
#[test]
fn a_superseded_guard_that_is_dropped_against_its_waiters() {
    let setup = || {
        let scene = Scene::guarded().and_waiting().and_waiting();
        scene.cache.invalidate(&A);
        scene
    };
    let drop_guard = |scene: &Scene| {
        drop(scene.take());
        2
    };
    let wait = |scene: &Scene| {
        let call = scene.calls.lock().expect("no panic").pop().expect("one for each thread");
        block_on(call).unwrap_or_else(|guard| {
            assert_eq!(guard.insert(2), LoadOutcome::Stored);
            2
        })
    };
    model(2, setup, [drop_guard, wait, wait], |scene, got| {
        scene.cache.validate();
        assert_eq!(got, [2, 2, 2]);
        assert_eq!((scene.cache.stats().loads, scene.cache.get(&A)), (1, Some(2)));
    });
}

#[test]
fn a_replacing_guard_against_a_removal() {
    let load = |scene: &Scene| scene.load(scene.take());
    model(3, Scene::replacing, [load, change_and_look], |scene, [loaded, after]| {
        scene.cache.validate();
        assert!(matches!(loaded, 1 | 2));
        assert_eq!(after, 2, "seen by the thread that removed");
        assert!(matches!(scene.cache.get(&A), None | Some(2)));
    });
}

/// A value that is newer than the one that is to be replaced stays.
#[test]
fn a_replacing_guard_against_an_insert() {
    let replace = |scene: &Scene| match scene.cache.get_or_guard_if(A, |value| *value == 3) {
        Ok(value) => value,
        Err(guard) => {
            // Made of what was there.
            let value = *guard.old_value().expect("nothing is removed");
            guard.insert(value);
            value
        }
    };
    let insert_and_look = |scene: &Scene| {
        scene.cache.insert(A, 3);
        scene.cache.peek(&A).expect("nothing is evicted")
    };
    let setup = || {
        let cache = empty();
        cache.insert(A, 1);
        Scene::new(cache, None)
    };
    model(3, setup, [replace, insert_and_look], |scene, [replaced, after]| {
        scene.cache.validate();
        assert!(matches!(replaced, 1 | 3));
        assert_eq!((after, scene.cache.get(&A)), (3, Some(3)));
    });
}

/// Neither accepts the value that is there: one replaces it, and both have what it brings.
#[test]
fn two_callers_that_do_not_accept_a_value() {
    let setup = || {
        let cache = empty();
        cache.insert(A, 1);
        Scene::new(cache, None)
    };
    let replace = |scene: &Scene| match scene.cache.get_or_guard_if(A, |value| *value >= 2) {
        Ok(value) => value,
        Err(guard) => {
            assert_eq!(guard.insert(2), LoadOutcome::Stored);
            2
        }
    };
    model(3, setup, [replace, replace], |scene, got| {
        scene.cache.validate();
        assert_eq!((got, scene.cache.get(&A)), ([2, 2], Some(2)));
        assert_eq!((scene.cache.stats().loads, scene.cache.stats().updates), (1, 1));
    });
}
