//! One load per key: `src/engine/singleflight/flights.rs`, `flight.rs` and `fill.rs`.
//!
//! Nothing is evicted and nothing recycled.
#![cfg(larder_loom)]

use larder::doors::{Tiny, block_on};
use larder_loom_tests::{Placed, TinyCache, key, model};
use loom::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};
use std::{
    future::{Future, pending, ready},
    mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

const A: u32 = key(0, 1);
const B: u32 = key(0, 2);

fn empty() -> TinyCache {
    Tiny { capacity: 4, sets: 2, nodes: 10, batch: 100 }.cache(Placed)
}

/// Leader against waiter, or against one that comes when all is over.
#[test]
fn two_callers_share_a_load() {
    model(
        3,
        empty,
        [|cache| cache.get_with(A, || 1), |cache| cache.get_with(A, || 2)],
        |cache, got| {
            cache.validate();
            assert!(matches!(got, [1, 1] | [2, 2]));
            assert_eq!((cache.stats().loads, cache.get(&A)), (1, Some(got[0])));
        },
    );
}

/// A listener that waits until somebody has an answer, and how many have.
struct Listening {
    cache: TinyCache,
    answered: Arc<(loom::sync::Mutex<u32>, loom::sync::Condvar)>,
}

/// Whoever leads has a listener that waits for the other, who may wait for the load.
#[test]
fn a_listener_that_waits_for_another_caller_of_the_load() {
    let setup = || {
        let answered = Arc::new((loom::sync::Mutex::new(0), loom::sync::Condvar::new()));
        let answers = Arc::clone(&answered);
        let listener = move |&key: &u32, _: &u32, _| {
            assert_eq!(key, B);
            let (count, bell) = &*answers;
            let mut count = count.lock().expect("no panic");
            while *count == 0 {
                count = bell.wait(count).expect("no panic");
            }
        };
        let tiny = Tiny { capacity: 1, sets: 2, nodes: 10, batch: 100 };
        let cache = tiny.listening(Placed, listener);
        cache.insert(B, 3);
        Listening { cache, answered }
    };
    let call = |Listening { cache, answered }: &Listening| {
        let value = cache.get_with(A, || 1);
        let (count, bell) = &**answered;
        *count.lock().expect("no panic") += 1;
        bell.notify_all();
        value
    };
    model(2, setup, [call, call], |Listening { cache, .. }, got| {
        cache.validate();
        assert_eq!((got, cache.get(&A), cache.stats().loads), ([1, 1], Some(1), 1));
    });
}

/// A cache, and where its values come from.
struct Source {
    cache: TinyCache,
    value: AtomicU32,
    invalidated: AtomicBool,
}

fn source() -> Source {
    Source { cache: empty(), value: AtomicU32::new(1), invalidated: AtomicBool::new(false) }
}

fn load(source: &Source) -> u32 {
    source.cache.get_with(A, || source.value.load(Relaxed))
}

/// What is in the cache after the source has changed.
fn change_and_look(source: &Source) -> u32 {
    source.value.store(2, Relaxed);
    source.cache.invalidate(&A);
    source.cache.peek(&A).unwrap_or(2)
}

/// What was loaded before the source changed does not outlast the invalidation.
#[test]
fn a_load_against_an_invalidation() {
    model(3, source, [load, change_and_look], |source, [loaded, after]| {
        source.cache.validate();
        assert!(matches!(loaded, 1 | 2));
        assert_eq!(after, 2, "seen by the thread that invalidated");
        assert!(matches!(source.cache.get(&A), None | Some(2)));
    });
}

/// A thread that is pinned has no fences but its own.
#[test]
fn a_load_under_a_pin_against_an_invalidation() {
    let pinned_load = |source: &Source| {
        let _pinned = source.cache.pin();
        load(source)
    };
    model(2, source, [pinned_load, change_and_look], |source, [_, after]| {
        source.cache.validate();
        assert_eq!(after, 2);
        assert!(matches!(source.cache.get(&A), None | Some(2)));
    });
}

/// The second must not pass while the first is between noticing the load and stopping it.
#[test]
fn a_load_against_two_invalidations() {
    let load_and_look = |source: &Source| {
        let loaded = load(source);
        if source.invalidated.load(Acquire) {
            assert!(matches!(source.cache.peek(&A), None | Some(2)));
        }
        loaded
    };
    let invalidate = |source: &Source| {
        source.cache.invalidate(&A);
        2
    };
    let change = |source: &Source| {
        source.value.store(2, Relaxed);
        source.cache.invalidate(&A);
        source.invalidated.store(true, Release);
        2
    };
    model(2, source, [load_and_look, invalidate, change], |source, _| {
        source.cache.validate();
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

/// Loads, and is dropped on the way unless another was quicker.
fn poll_once(load: Pin<&mut (impl Future<Output = u32> + ?Sized)>) {
    let polled = load.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Pending | Poll::Ready(2)));
}

#[test]
fn a_cancelled_leader_against_a_waiter() {
    let cancelled = |cache: &TinyCache| {
        poll_once(pin!(cache.get_with_async(A, pending())));
        2
    };
    model(3, empty, [cancelled, |cache| cache.get_with(A, || 2)], |cache, got| {
        cache.validate();
        assert_eq!(got, [2, 2]);
        assert_eq!((cache.stats().loads, cache.get(&A)), (1, Some(2)));
    });
}

/// The waiter that the lead is offered to is dropped, too.
#[test]
fn a_cancelled_leader_and_a_cancelled_waiter_against_a_waiter() {
    type Load = Pin<Box<dyn Future<Output = u32> + Send>>;
    struct Scene {
        cache: Arc<TinyCache>,
        boarded: Mutex<[Option<Load>; 2]>,
    }
    let setup = || {
        let cache = Arc::new(empty());
        let board = || {
            let cache = Arc::clone(&cache);
            let mut load = Box::pin(async move { cache.get_with_async(A, pending()).await });
            poll_once(load.as_mut());
            Some(load as Load)
        };
        Scene { boarded: Mutex::new([board(), board()]), cache: Arc::clone(&cache) }
    };
    let cancel_both = |scene: &Scene| {
        let loads = mem::take(&mut *scene.boarded.lock().expect("no panic"));
        loads.into_iter().for_each(drop);
        2
    };
    model(3, setup, [cancel_both, |scene| scene.cache.get_with(A, || 2)], |scene, got| {
        scene.cache.validate();
        assert_eq!(got, [2, 2]);
        assert_eq!((scene.cache.stats().loads, scene.cache.get(&A)), (1, Some(2)));
    });
}

/// Both start anew when their leader is dropped, and share what is loaded then: that is stored.
#[test]
fn waiters_of_a_superseded_load_against_its_cancelled_leader() {
    type Load = Mutex<Option<Pin<Box<dyn Future<Output = u32> + Send>>>>;
    struct Scene {
        cache: Arc<TinyCache>,
        leader: Load,
        waiters: [Load; 2],
    }
    fn board(cache: &Arc<TinyCache>, init: impl Future<Output = u32> + Send + 'static) -> Load {
        let cache = Arc::clone(cache);
        let mut load = Box::pin(async move { cache.get_with_async(A, init).await });
        poll_once(load.as_mut());
        Mutex::new(Some(load))
    }
    fn take(load: &Load) -> Pin<Box<dyn Future<Output = u32> + Send>> {
        load.lock().expect("no panic").take().expect("once")
    }
    let setup = || {
        let cache = Arc::new(empty());
        let leader = board(&cache, pending());
        let waiters = [board(&cache, ready(2)), board(&cache, ready(2))];
        cache.invalidate(&A);
        Scene { cache, leader, waiters }
    };
    let cancel = |scene: &Scene| {
        drop(take(&scene.leader));
        2
    };
    let threads: [fn(&Scene) -> u32; 3] = [
        cancel,
        |scene| block_on(take(&scene.waiters[0])),
        |scene| block_on(take(&scene.waiters[1])),
    ];
    model(2, setup, threads, |scene, got| {
        scene.cache.validate();
        assert_eq!(got, [2, 2, 2]);
        assert_eq!((scene.cache.stats().loads, scene.cache.get(&A)), (1, Some(2)));
    });
}

/// A task that is dropped wakes the waiter, and gives its loader back to the caller: one of the two
/// loads.
#[test]
fn a_task_that_is_dropped_against_its_caller_and_a_waiter() {
    type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
    type Load = Pin<Box<dyn Future<Output = u32> + Send>>;
    struct Scene {
        cache: Arc<TinyCache>,
        task: Arc<Mutex<Vec<Task>>>,
        caller: Mutex<Option<Load>>,
    }
    let setup = || {
        let task = Arc::new(Mutex::new(Vec::new()));
        let spawned = Arc::clone(&task);
        let spawn = move |task| spawned.lock().expect("no panic").push(task);
        let tiny = Tiny { capacity: 4, sets: 2, nodes: 10, batch: 100 };
        let cache: Arc<TinyCache> = Arc::new(tiny.spawning(Placed, spawn));
        let asked = Arc::clone(&cache);
        let mut caller: Load = Box::pin(async move { asked.get_with_detached(A, ready(2)).await });
        poll_once(caller.as_mut());
        Scene { cache, task, caller: Mutex::new(Some(caller)) }
    };
    let drop_task = |scene: &Scene| {
        let tasks = mem::take(&mut *scene.task.lock().expect("no panic"));
        assert_eq!(tasks.len(), 1);
        drop(tasks);
        2
    };
    let threads: [fn(&Scene) -> u32; 3] = [
        drop_task,
        |scene| block_on(scene.caller.lock().expect("no panic").take().expect("once")),
        |scene| scene.cache.get_with(A, || 2),
    ];
    model(2, setup, threads, |scene, got| {
        scene.cache.validate();
        assert_eq!(got, [2, 2, 2]);
        assert_eq!((scene.cache.stats().loads, scene.cache.get(&A)), (1, Some(2)));
    });
}
