//! Loads in tasks of their own: whatever becomes of those who wait, the load goes on; whatever becomes of the task, they do.

mod common;

use common::{PATIENCE, panic_of, validate};
use futures::{
    channel::oneshot,
    executor::block_on,
    future::{join_all, join3},
};
use larder::{Cache, CacheBuilder, ManualClock};
use std::{
    future::{Future, pending, poll_fn, ready},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;
type Numbers = Cache<u32, u32>;

/// A runtime that polls when it is told to.
#[derive(Clone, Default)]
struct Runtime(Arc<Mutex<Vec<Task>>>);

impl Runtime {
    fn cache(&self) -> Numbers {
        let spawned = Arc::clone(&self.0);
        builder().spawner(move |task| spawned.lock().unwrap().push(task)).build()
    }

    /// Polls each task once.
    fn run(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        for mut task in tasks {
            if poll(&mut task).is_none() {
                self.0.lock().unwrap().push(task);
            }
        }
    }

    fn shut_down(&self) {
        let tasks = std::mem::take(&mut *self.0.lock().unwrap());
        drop(tasks);
    }

    fn tasks(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn builder() -> CacheBuilder<u32, u32> {
    Cache::builder().max_capacity(100)
}

/// A cache whose tasks run in threads.
fn threaded() -> Numbers {
    builder().spawner(|task| drop(thread::spawn(|| block_on(task)))).build()
}

fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// What `future` yields, which has to come without anybody else's doing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    poll(&mut Box::pin(future)).expect("nothing to wait for")
}

/// The call of a client that has been polled once.
fn client<'c>(
    cache: &'c Numbers,
    init: impl Future<Output = u32> + Send + 'static,
) -> Pin<Box<dyn Future<Output = u32> + 'c>> {
    let mut client = Box::pin(cache.get_with_detached(1, init));
    assert_eq!(poll(&mut client), None);
    client
}

async fn unneeded() -> u32 {
    panic!("one load per key")
}

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
fn every_question_is_answered_by_a_task() {
    let cache = threaded();
    block_on(async {
        assert_eq!(cache.get_with_detached(1, ready(1)).await, 1);
        assert_eq!(cache.get_with_by_ref_detached(&2, ready(2)).await, 2);
        assert_eq!(cache.try_get_with_detached(3, ready(Ok::<_, ()>(3))).await, Ok(3));
        assert_eq!(cache.try_get_with_by_ref_detached(&4, ready(Ok::<_, ()>(4))).await, Ok(4));
        let error = cache.try_get_with_detached(5, ready(Err::<u32, _>("down"))).await;
        assert_eq!(*error.unwrap_err(), "down");
        assert_eq!(cache.optionally_get_with_detached(6, ready(Some(6))).await, Some(6));
        assert_eq!(cache.optionally_get_with_by_ref_detached(&7, ready(None)).await, None);
        // The load ends once the second call waits for it.
        let (end, ended) = oneshot::channel();
        let (first, second, _) = join3(
            cache.try_get_with_detached(8, async { Err::<u32, i32>(ended.await.unwrap()) }),
            cache.try_get_with_detached(8, pending::<Result<_, i32>>()),
            async { end.send(8) },
        )
        .await;
        assert!(Arc::ptr_eq(&first.unwrap_err(), &second.unwrap_err()), "one error for both");
    });
    let mut keys: Vec<_> = cache.keys().collect();
    keys.sort_unstable();
    assert_eq!(keys, [1, 2, 3, 4, 6]);
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (8, 2));
    validate(&cache);
}

#[test]
fn an_invalidation_wins_over_a_task() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let mut before = client(&cache, ready(1));
    cache.invalidate(&1);
    let mut after = client(&cache, ready(2));
    runtime.run();
    assert_eq!((poll(&mut before), poll(&mut after)), (Some(1), Some(2)));
    assert_eq!(cache.get(&1), Some(2));
    let mut before = Box::pin(cache.get_with_detached(3, ready(3)));
    assert_eq!(poll(&mut before), None);
    cache.insert(3, 4);
    runtime.run();
    assert_eq!((poll(&mut before), cache.get(&3)), (Some(3), Some(4)));
    validate(&cache);
}

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

#[test]
fn a_recursive_load_panics_instead_of_waiting_for_itself() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let same = cache.clone();
    let mut caller = client(&cache, async move { same.get_with_detached(1, ready(1)).await });
    runtime.run();
    assert!(panic_of(|| poll(&mut caller)).unwrap().contains("recursive load"));
    // Another key may be loaded.
    let same = cache.clone();
    let mut caller = client(&cache, async move { same.get_with_detached(2, ready(2)).await });
    runtime.run();
    runtime.run();
    runtime.run();
    assert_eq!((poll(&mut caller), cache.get(&2)), (Some(2), Some(2)));
    validate(&cache);
}

/// Destructors and listeners are not what those wait for who wait for the load.
#[test]
fn a_load_lands_before_its_listener_is_told() {
    let (enter, entered) = mpsc::channel();
    let (leave, left) = mpsc::channel::<()>();
    let left = Mutex::new(left);
    let cache = Cache::builder()
        .max_capacity(1)
        .eviction_listener(move |_: &u32, _: &u32, _| {
            enter.send(()).unwrap();
            left.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        })
        .spawner(|task| drop(thread::spawn(|| block_on(task))))
        .build();
    cache.insert(0, 0);
    assert_eq!(block_on(cache.get_with_detached(1, ready(1))), 1, "beside a listener that blocks");
    entered.recv_timeout(PATIENCE).unwrap();
    leave.send(()).unwrap();
}

#[test]
fn a_value_that_is_loaded_early_is_loaded_by_a_task() {
    let (runtime, clock) = (Runtime::default(), ManualClock::new());
    let spawned = Arc::clone(&runtime.0);
    let cache = builder()
        .time_to_live(Duration::from_secs(60))
        // So eagerly that each lookup comes early.
        .early_refresh(1e12)
        .clock(&clock)
        .spawner(move |task| spawned.lock().unwrap().push(task))
        .build();
    let slowly = || {
        clock.advance(Duration::from_secs(1));
        1
    };
    assert_eq!(cache.get_with(1, slowly), 1);
    let mut caller = client(&cache, ready(2));
    assert_eq!(at_once(cache.get_with_detached(1, unneeded())), 1, "others have the old value");
    runtime.run();
    assert_eq!((poll(&mut caller), cache.get(&1), cache.stats().refreshes), (Some(2), Some(2), 1));
    // A refresh whose task is dropped has failed; whoever asks next loads.
    cache.insert(1, 3);
    validate(&cache);
}

#[test]
fn a_cache_ends_with_its_last_handle() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let dropped = Arc::new(());
    let known = Arc::clone(&dropped);
    drop(client(&cache, async move {
        let _known = known;
        ready(()).await;
        7
    }));
    let weak = cache.downgrade();
    drop(cache);
    assert!(weak.upgrade().is_none());
    runtime.run();
    assert_eq!((runtime.tasks(), Arc::strong_count(&dropped)), (0, 1));
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

#[cfg(feature = "manager")]
#[test]
fn views_have_the_spawner_of_their_manager() {
    use larder::manager::{CacheKind, CacheManager, CacheSettings};

    let runtime = Runtime::default();
    let spawned = Arc::clone(&runtime.0);
    let manager =
        CacheManager::builder().spawner(move |task| spawned.lock().unwrap().push(task)).build();
    let created = manager.create("later", CacheSettings::new(10)).unwrap();
    for view in [manager.view::<u32>(CacheKind::User), created.view::<u32>()] {
        let mut call = Box::pin(view.get_with_detached("a", ready(1)));
        assert_eq!(poll(&mut call), None);
        drop(call);
        runtime.run();
        assert_eq!((view.get("a"), runtime.tasks()), (Some(1), 0));
        assert_eq!(at_once(view.get_with_detached("a", unneeded())), 1);
        let mut failing = Box::pin(view.try_get_with_detached("b", ready(Err::<u32, _>("down"))));
        assert!(poll(&mut failing).is_none());
        let mut absent = Box::pin(view.optionally_get_with_detached("c", ready(None)));
        assert!(poll(&mut absent).is_none());
        runtime.run();
        assert_eq!(*poll(&mut failing).unwrap().unwrap_err(), "down");
        assert_eq!(poll(&mut absent), Some(None));
        // What is loaded for a version of a namespace is not found in the next.
        let mut before = Box::pin(view.get_with_detached("d", ready(4)));
        assert!(poll(&mut before).is_none());
        view.clear();
        runtime.run();
        assert_eq!((poll(&mut before), view.get("d")), (Some(4), None));
    }
    let panic = panic_of(|| {
        drop(CacheManager::new().view::<u32>(CacheKind::User).get_with_detached("a", ready(1)));
    });
    assert!(panic.unwrap().contains("spawner"));
}

#[test]
fn an_entry_is_loaded_by_a_task_and_says_who_has_brought_it() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let (result, load) = oneshot::channel();
    let mut own = Box::pin(cache.entry(1).or_insert_with_detached(async { load.await.unwrap() }));
    let mut other = Box::pin(cache.entry_by_ref(&1).or_insert_with_detached(unneeded()));
    assert!(poll(&mut own).is_none() && poll(&mut other).is_none());
    runtime.run();
    result.send(7).unwrap();
    runtime.run();
    let entries = [poll(&mut own).unwrap(), poll(&mut other).unwrap()];
    assert_eq!(entries.each_ref().map(|entry| (*entry.key(), *entry.value())), [(1, 7); 2]);
    assert_eq!(entries.map(|entry| entry.is_fresh()), [true, false]);
    let found = at_once(cache.entry(1).or_insert_with_detached(unneeded()));
    assert_eq!((found.is_fresh(), found.into_value(), runtime.tasks()), (false, 7, 0));
    validate(&cache);
}

#[test]
fn the_load_of_an_entry_goes_on_without_its_caller_or_in_place_without_its_task() {
    let runtime = Runtime::default();
    let cache = runtime.cache();
    let mut gone = Box::pin(cache.entry(1).or_insert_with_detached(ready(7)));
    assert!(poll(&mut gone).is_none());
    drop(gone);
    runtime.run();
    assert_eq!(cache.get(&1), Some(7));

    let mut kept = Box::pin(cache.entry(2).or_insert_with_detached(ready(8)));
    assert!(poll(&mut kept).is_none());
    runtime.shut_down();
    let entry = poll(&mut kept).unwrap();
    assert_eq!((entry.is_fresh(), entry.into_value(), cache.get(&2)), (true, 8, Some(8)));
    validate(&cache);
}

#[test]
fn entries_that_may_come_to_nothing_are_loaded_by_tasks() {
    let cache = threaded();
    block_on(async {
        let parse = |text: &'static str| {
            cache
                .entry(text.len() as u32)
                .or_try_insert_with_detached(async { text.parse::<u32>() })
        };
        let entry = parse("12").await.unwrap();
        assert_eq!((*entry.key(), entry.is_fresh(), entry.into_value()), (2, true, 12));
        assert!(parse("").await.is_err());
        let some = cache.entry(3).or_optionally_insert_with_detached(ready(Some(3))).await.unwrap();
        assert_eq!((some.is_fresh(), some.into_value()), (true, 3));
        assert!(cache.entry(4).or_optionally_insert_with_detached(ready(None)).await.is_none());
    });
    let mut keys: Vec<_> = cache.keys().collect();
    keys.sort_unstable();
    assert_eq!((keys, cache.stats().load_failures), (vec![2, 3], 1));
    let without = builder().build();
    let panic = panic_of(|| drop(without.entry(1).or_insert_with_detached(ready(7))));
    assert!(panic.unwrap().contains("say `.spawner(..)` to its builder"));
    validate(&cache);
}

#[cfg(feature = "manager")]
#[test]
fn entries_of_views_are_loaded_by_tasks() {
    use larder::manager::{CacheKind, CacheManager};

    let runtime = Runtime::default();
    let spawned = Arc::clone(&runtime.0);
    let spawn = move |task| spawned.lock().unwrap().push(task);
    let view = CacheManager::builder().spawner(spawn).build().view::<u32>(CacheKind::General);
    let mut own = Box::pin(view.entry("a").or_insert_with_detached(ready(7)));
    let mut other = Box::pin(view.entry("a").or_insert_with_detached(unneeded()));
    let mut gone = Box::pin(view.entry("b").or_try_insert_with_detached(ready(Ok::<_, ()>(8))));
    let mut failing =
        Box::pin(view.entry("c").or_try_insert_with_detached(ready(Err::<u32, _>(9))));
    let mut none = Box::pin(view.entry("d").or_optionally_insert_with_detached(ready(None)));
    assert!(poll(&mut own).is_none() && poll(&mut other).is_none() && poll(&mut gone).is_none());
    assert!(poll(&mut failing).is_none() && poll(&mut none).is_none());
    drop(gone);
    runtime.run();
    let entries = [poll(&mut own).unwrap(), poll(&mut other).unwrap()];
    assert_eq!(entries.each_ref().map(|entry| entry.is_fresh()), [true, false]);
    assert!(entries.iter().all(|entry| entry.key() == "a" && *entry.value() == 7));
    assert_eq!((view.get("b"), *poll(&mut failing).unwrap().unwrap_err()), (Some(8), 9));
    assert!(poll(&mut none).unwrap().is_none());
    let without = CacheManager::new().view::<u32>(CacheKind::General);
    let panic = panic_of(|| drop(without.entry("a").or_insert_with_detached(ready(7))));
    assert!(panic.unwrap().contains("needs a spawner"));
}
