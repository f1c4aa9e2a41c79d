//! Loads in tasks of their own. The load goes on whatever becomes of the callers that wait for it,
//! and the callers go on whatever becomes of the task.

mod callers;
#[path = "../common/mod.rs"]
mod common;
mod entries;
mod tasks;

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
