//! Callers that go away, are kept or are polled seldom: the load goes on.

use super::*;

#[test]
fn a_leader_that_is_polled_once_and_kept_keeps_nobody_waiting() {
    let cache = threaded();
    let (result, load) = oneshot::channel();
    let kept = client(&cache, async { load.await.unwrap() });
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let cache = cache.clone();
            thread::spawn(move || block_on(cache.get_with_detached(1, unneeded())))
        })
        .collect();
    let thread = {
        let cache = cache.clone();
        thread::spawn(move || cache.get_with(1, || unreachable!("one load per key")))
    };
    while cache.stats().misses < 6 {
        thread::yield_now();
    }
    result.send(7).unwrap();
    assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap() == 7));
    assert_eq!(thread.join().unwrap(), 7);
    assert_eq!(cache.stats().loads, 1);
    assert_eq!(block_on(kept), 7);
    validate(&cache);
}

/// As in a `select!` whose other branch asks for the same key.
#[test]
fn a_task_may_wait_for_a_load_that_another_of_its_futures_has_begun() {
    let cache = threaded();
    let (result, load) = oneshot::channel();
    let branch = client(&cache, async { load.await.unwrap() });
    let other = async {
        let same = cache.get_with_detached(1, unneeded());
        result.send(7).unwrap();
        same.await
    };
    assert_eq!(block_on(other), 7);
    drop(branch);
    validate(&cache);
}

#[test]
fn a_load_goes_on_when_its_clients_go_away() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let (result, load) = oneshot::channel();
    let clients = [client(&cache, async { load.await.unwrap() }), client(&cache, unneeded())];
    runtime.run();
    drop(clients);
    result.send(7).unwrap();
    runtime.run();
    assert_eq!((runtime.tasks(), cache.get(&1), cache.stats().loads), (0, Some(7), 1));
    assert_eq!(at_once(cache.get_with_detached(1, unneeded())), 7);
    assert_eq!(runtime.tasks(), 0, "a hit needs no task");
    validate(&cache);
}

#[test]
fn what_is_never_polled_loads_nothing() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    drop(cache.get_with_detached(1, unneeded()));
    assert_eq!((runtime.tasks(), cache.stats().misses), (0, 0));
}

#[test]
fn one_load_at_a_time_whatever_the_callers_do() {
    #[derive(Default)]
    struct Alive(AtomicU32, AtomicU32);
    struct Guard(Arc<Alive>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.0.fetch_sub(1, SeqCst);
        }
    }
    let (cache, alive) = (threaded(), Arc::new(Alive::default()));
    let load = |number: u32| {
        let alive = Arc::clone(&alive);
        async move {
            let most = alive.0.fetch_add(1, SeqCst) + 1;
            let guard = Guard(Arc::clone(&alive));
            alive.1.fetch_max(most, SeqCst);
            let mut polls = 0;
            poll_fn(|context| {
                polls += 1;
                context.waker().wake_by_ref();
                if polls < 50 { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
            drop(guard);
            assert!(!number.is_multiple_of(3), "each third panics");
            if number % 3 == 1 { None } else { Some(number) }
        }
    };
    let threads: Vec<_> = (0..6)
        .map(|thread| {
            let loads: Vec<_> = (0..20).map(|call| load(call + thread)).collect();
            let cache = cache.clone();
            thread::spawn(move || {
                for load in loads {
                    let ask = || block_on(cache.optionally_get_with_detached(1, load));
                    if let Some(panic) = panic_of(ask) {
                        assert!(panic.contains("each third panics"));
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(alive.1.load(SeqCst), 1);
    validate(&cache);
}

#[test]
fn futures_are_send_and_run_in_tokio() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let cache: Cache<String, u32> =
        Cache::builder().max_capacity(100).spawner(|load| drop(tokio::spawn(load))).build();
    let loads = Arc::new(AtomicU32::new(0));
    runtime.block_on(async {
        let clients: Vec<_> = (0..32)
            .map(|client| {
                let (cache, loads) = (cache.clone(), Arc::clone(&loads));
                let task = tokio::spawn(async move {
                    let load = async move {
                        loads.fetch_add(1, SeqCst);
                        tokio::task::yield_now().await;
                        7
                    };
                    cache.get_with_by_ref_detached("key", load).await
                });
                if client % 2 == 0 {
                    task.abort();
                }
                task
            })
            .collect();
        for client in join_all(clients).await {
            assert!(client.is_err() || client.unwrap() == 7);
        }
        assert_eq!(cache.get_with_by_ref_detached("key", async { 8 }).await, 7);
    });
    assert_eq!(loads.load(SeqCst), 1);
    validate(&cache);
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn callers_are_woken_by_their_last_waker() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let mut caller = client(&cache, ready(7));
    let (first, last) = (Arc::new(Woken::default()), Arc::new(Woken::default()));
    for woken in [&first, &last] {
        let waker = Waker::from(Arc::clone(woken));
        assert!(caller.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    runtime.run();
    assert_eq!((first.0.load(SeqCst), last.0.load(SeqCst)), (0, 1));
    assert_eq!(poll(&mut caller), Some(7));
}
