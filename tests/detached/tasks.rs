//! Tasks that panic, are dropped or are never run: the callers go on.

use super::*;

#[test]
fn a_panic_goes_on_in_the_caller_and_another_loads() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let mut caller = client(&cache, async { panic!("the source is broken") });
    let mut waiters = [client(&cache, ready(2)), client(&cache, unneeded())];
    runtime.run();
    assert_eq!(panic_of(|| poll(&mut caller)).as_deref(), Some("the source is broken"));
    assert_eq!(poll(&mut waiters[0]), None);
    runtime.run();
    assert_eq!(waiters.each_mut().map(poll), [Some(2), Some(2)]);
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (2, 1));
    validate(&cache);
}

/// Neither the caller nor the first of those who wait is polled again.
#[test]
fn nobody_who_is_kept_keeps_others_from_loading_after_a_panic() {
    for dropped in [false, true] {
        let runtime = Runtime::default();
        let cache = runtime.cache();
        let kept =
            [client(&cache, async { panic!("the source is broken") }), client(&cache, unneeded())];
        let mut last = client(&cache, ready(3));
        if dropped {
            runtime.shut_down();
        } else {
            runtime.run();
        }
        assert_eq!(poll(&mut last), None);
        runtime.run();
        assert_eq!(poll(&mut last), Some(3));
        drop(kept);
        validate(&cache);
    }
}

#[test]
fn a_panic_of_a_task_whose_caller_has_gone_leaves_the_load_to_the_others() {
    let cache = threaded();
    let (result, load) = oneshot::channel::<()>();
    let caller = client(&cache, async {
        load.await.unwrap();
        panic!("the source is broken")
    });
    let waiter = {
        let cache = cache.clone();
        thread::spawn(move || block_on(cache.get_with_detached(1, ready(2))))
    };
    while cache.stats().misses < 2 {
        thread::yield_now();
    }
    drop(caller);
    result.send(()).unwrap();
    assert_eq!(waiter.join().unwrap(), 2);
    validate(&cache);
}

/// A loader that has come half way goes on where it was, in its caller.
#[test]
fn a_task_that_its_runtime_drops_gives_the_loader_back() {
    for polled in [false, true] {
        let runtime = Runtime::default();
        let cache = runtime.cache();
        let begun = Arc::new(AtomicU32::new(0));
        let (result, load) = oneshot::channel();
        let begins = Arc::clone(&begun);
        let mut caller = client(&cache, async move {
            begins.fetch_add(1, SeqCst);
            load.await.unwrap()
        });
        if polled {
            runtime.run();
        }
        runtime.shut_down();
        assert_eq!(poll(&mut caller), None);
        let mut waiter = client(&cache, unneeded());
        result.send(7).unwrap();
        assert_eq!((poll(&mut caller), poll(&mut waiter)), (Some(7), Some(7)));
        assert_eq!((begun.load(SeqCst), runtime.tasks(), cache.get(&1)), (1, 0, Some(7)));
        validate(&cache);
    }
}

#[test]
fn a_runtime_that_shuts_down_leaves_the_load_to_those_who_are_polled() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let mut caller = client(&cache, ready(1));
    let mut waiter = client(&cache, ready(2));
    runtime.shut_down();
    assert_eq!(poll(&mut waiter), None);
    assert_eq!(poll(&mut caller), None, "it waits for the other, who leads");
    runtime.run();
    assert_eq!((poll(&mut waiter), poll(&mut caller)), (Some(2), Some(2)));
    validate(&cache);
}

#[test]
fn a_spawner_may_drop_run_or_panic_at_once() {
    let dropping = builder().spawner(drop).build();
    assert_eq!(at_once(dropping.get_with_detached(1, ready(7))), 7);
    let running = builder().spawner(block_on).build();
    assert_eq!(at_once(running.get_with_detached(1, ready(7))), 7);
    let panicking = builder().spawner(|_| panic!("no runtime")).build();
    let panic = panic_of(|| at_once(panicking.get_with_detached(1, ready(7))));
    assert_eq!(panic.as_deref(), Some("no runtime"));
    assert_eq!(at_once(panicking.get_with_async(1, ready(8))), 8);
    for cache in [dropping, running, panicking] {
        validate(&cache);
    }
}

#[test]
fn without_a_spawner_there_is_a_clear_panic() {
    let cache = builder().build();
    let panic = panic_of(|| drop(cache.get_with_detached(1, ready(7))));
    assert!(panic.unwrap().contains("say `.spawner(..)` to its builder"));
}
