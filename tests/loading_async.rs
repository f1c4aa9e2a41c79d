//! One load per key for futures: polled by hand, by `futures`, by tokio, and beside threads.

mod common;

use common::{PATIENCE, panic_of, validate};
use futures::executor::block_on;
use larder::Cache;
use std::{
    future::{Future, pending, poll_fn, ready},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
};

fn cache() -> Cache<String, u32> {
    Cache::new(1_000)
}

/// Counts how often a task was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// A future that is polled by hand.
struct Task<'f, T> {
    future: Pin<Box<dyn Future<Output = T> + 'f>>,
    woken: Arc<Woken>,
}

impl<'f, T> Task<'f, T> {
    fn new(future: impl Future<Output = T> + 'f) -> Self {
        Self { future: Box::pin(future), woken: Arc::default() }
    }

    fn poll(&mut self) -> Option<T> {
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    /// Polled without success.
    fn waiting(mut self) -> Self
    where
        T: PartialEq + std::fmt::Debug,
    {
        assert_eq!(self.poll(), None);
        self
    }

    fn was_woken(&self) -> bool {
        self.woken.0.load(Relaxed) > 0
    }
}

fn get<'c>(cache: &'c Cache<String, u32>, init: impl Future<Output = u32> + 'c) -> Task<'c, u32> {
    Task::new(cache.get_with_async("a".to_owned(), init))
}

#[test]
fn what_is_loaded_is_stored_and_found() {
    let cache = cache();
    block_on(async {
        assert_eq!(cache.get_with_async("a".to_owned(), ready(1)).await, 1);
        assert_eq!(cache.get_with_by_ref_async("a", pending()).await, 1);
        assert_eq!(cache.try_get_with_async("b".to_owned(), ready(Ok::<_, ()>(2))).await, Ok(2));
        assert_eq!(cache.try_get_with_by_ref_async("b", pending::<Result<_, ()>>()).await, Ok(2));
        let three = ready(Some(3));
        assert_eq!(cache.optionally_get_with_async("c".to_owned(), three).await, Some(3));
        assert_eq!(cache.optionally_get_with_by_ref_async("c", pending()).await, Some(3));
        assert_eq!(cache.try_get_with_by_ref_async("d", ready(Err(4))).await, Err(Arc::new(4)));
        assert_eq!(cache.optionally_get_with_by_ref_async("d", ready(None)).await, None);
    });
    assert_eq!(["a", "b", "c", "d"].map(|key| cache.get(key)), [Some(1), Some(2), Some(3), None]);
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (5, 1));
    validate(&cache);
}

#[test]
fn waiters_share_the_load_and_are_woken_once() {
    let cache = cache();
    let (result, load) = futures::channel::oneshot::channel();
    let mut lead = get(&cache, async { load.await.unwrap() }).waiting();
    let mut waiters: Vec<_> = (0..1_000).map(|_| get(&cache, pending()).waiting()).collect();
    result.send(1).unwrap();
    assert!(lead.was_woken() && !waiters.iter().any(Task::was_woken));
    assert_eq!(lead.poll(), Some(1));
    for waiter in &mut waiters {
        assert_eq!((waiter.woken.0.load(Relaxed), waiter.poll()), (1, Some(1)));
    }
    assert_eq!(cache.stats().loads, 1);
}

#[test]
fn errors_and_nothing_go_to_all_who_waited() {
    let cache = cache();
    let (result, load) = futures::channel::oneshot::channel();
    let lead = async { load.await.unwrap() };
    let mut lead = Task::new(cache.try_get_with_async("a".to_owned(), lead)).waiting();
    let same = pending::<Result<u32, String>>();
    let mut same = Task::new(cache.try_get_with_by_ref_async("a", same)).waiting();
    let other = ready(Err::<u32, _>(404_u64));
    let mut other = Task::new(cache.try_get_with_by_ref_async("a", other)).waiting();
    result.send(Err("no".to_owned())).unwrap();
    assert_eq!(lead.poll(), Some(Err(Arc::new("no".to_owned()))));
    assert_eq!(same.poll(), Some(Err(Arc::new("no".to_owned()))));
    assert_eq!(other.poll(), Some(Err(Arc::new(404))), "it loads for itself");

    let (result, load) = futures::channel::oneshot::channel();
    let lead = async { load.await.unwrap() };
    let mut lead = Task::new(cache.optionally_get_with_async("a".to_owned(), lead)).waiting();
    let mut same = Task::new(cache.optionally_get_with_by_ref_async("a", pending())).waiting();
    let mut other = get(&cache, ready(5)).waiting();
    result.send(None).unwrap();
    assert_eq!((lead.poll(), same.poll(), other.poll()), (Some(None), Some(None), Some(5)));
}

#[test]
fn when_the_leader_is_dropped_one_waiter_leads() {
    let cache = cache();
    let lead = get(&cache, pending()).waiting();
    let mut first = get(&cache, ready(1)).waiting();
    let mut second = get(&cache, ready(2)).waiting();
    drop(lead);
    assert_eq!((first.was_woken(), second.was_woken()), (true, false));
    assert_eq!(first.poll(), Some(1));
    assert_eq!((second.was_woken(), second.poll()), (true, Some(1)));
    assert_eq!((cache.get("a"), cache.stats().loads), (Some(1), 1));
}

#[test]
fn a_waiter_that_is_dropped_passes_the_lead_on() {
    let cache = cache();
    let lead = get(&cache, pending()).waiting();
    let first = get(&cache, pending()).waiting();
    let second = get(&cache, pending()).waiting();
    let mut third = get(&cache, ready(3)).waiting();
    drop(second);
    drop(lead);
    assert!(first.was_woken() && !third.was_woken());
    drop(first);
    assert!(third.was_woken());
    assert_eq!(third.poll(), Some(3));
}

#[test]
fn a_newcomer_may_lead_before_the_waiter_that_was_woken() {
    let cache = cache();
    let lead = get(&cache, pending()).waiting();
    let mut woken = get(&cache, pending()).waiting();
    drop(lead);
    let (result, load) = futures::channel::oneshot::channel();
    let mut newcomer = get(&cache, async { load.await.unwrap() }).waiting();
    assert_eq!(woken.poll(), None, "it queues up again");
    result.send(1).unwrap();
    assert_eq!((newcomer.poll(), woken.poll()), (Some(1), Some(1)));
}

#[test]
fn when_all_are_dropped_the_next_loads_anew() {
    let cache = cache();
    let tasks: Vec<_> = (0..10).map(|_| get(&cache, pending()).waiting()).collect();
    drop(tasks);
    assert_eq!(get(&cache, ready(1)).poll(), Some(1));
    let mut tasks: Vec<_> = (0..10).map(|_| get_key(&cache, "b").waiting()).collect();
    while tasks.pop().is_some() {}
    assert_eq!(get_key_with(&cache, "b", 2).poll(), Some(2));
    validate(&cache);
}

fn get_key<'c>(cache: &'c Cache<String, u32>, key: &'c str) -> Task<'c, u32> {
    Task::new(cache.get_with_by_ref_async(key, pending()))
}

fn get_key_with<'c>(cache: &'c Cache<String, u32>, key: &'c str, value: u32) -> Task<'c, u32> {
    Task::new(cache.get_with_by_ref_async(key, ready(value)))
}

#[test]
fn a_future_that_was_never_polled_holds_nobody_up() {
    let cache = cache();
    let idle = get(&cache, ready(1));
    assert_eq!(get(&cache, ready(2)).poll(), Some(2));
    drop(idle);
    assert_eq!(cache.get("a"), Some(2));
}

#[test]
fn a_waiter_takes_over_from_a_leader_that_panics() {
    let cache = cache();
    let (result, load) = futures::channel::oneshot::channel::<()>();
    let mut lead = get(&cache, async {
        load.await.unwrap();
        panic!("the source is broken")
    })
    .waiting();
    let mut waiter = get(&cache, ready(1)).waiting();
    result.send(()).unwrap();
    assert_eq!(panic_of(|| lead.poll()).as_deref(), Some("the source is broken"));
    // Although the future that panicked has not been dropped yet.
    assert!(waiter.was_woken());
    assert_eq!(waiter.poll(), Some(1));
    assert_eq!((cache.stats().loads, cache.stats().load_failures), (2, 1));
}

#[test]
fn a_recursive_load_panics_instead_of_waiting_for_itself() {
    let cache = cache();
    let inner = || cache.get_with_by_ref_async("a", ready(1));
    let recursive = async {
        poll_fn(|_| Poll::Ready(())).await;
        cache.get_with_by_ref_async("b", inner()).await
    };
    let says = |panic: Option<String>| panic.is_some_and(|text| text.contains("recursive load"));
    assert!(says(panic_of(|| get(&cache, recursive).poll())));
    // The mixture of both kinds, too.
    let mixed = async { cache.get_with_by_ref("a", || 1) };
    assert!(says(panic_of(|| get(&cache, mixed).poll())));
    assert_eq!(
        get(&cache, async { cache.get_with_by_ref_async("b", ready(2)).await }).poll(),
        Some(2)
    );
}

/// Both are polled by one task, and neither within the other.
#[test]
fn two_loads_of_one_key_in_one_task_are_no_recursion() {
    let cache = cache();
    let (result, load) = futures::channel::oneshot::channel();
    let both = block_on(async {
        let mut lead = pin!(cache.get_with_by_ref_async("a", async { load.await.unwrap() }));
        let mut wait = pin!(cache.get_with_by_ref_async("a", pending()));
        let mut result = Some(result);
        let (mut first, mut second) = (None, None);
        poll_fn(|context| {
            for (future, value) in [
                (lead.as_mut() as Pin<&mut dyn Future<Output = u32>>, &mut first),
                (wait.as_mut(), &mut second),
            ] {
                if value.is_none()
                    && let Poll::Ready(ready) = future.poll(context)
                {
                    *value = Some(ready);
                }
            }
            if let Some(result) = result.take() {
                result.send(1).unwrap();
            }
            first.zip(second).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    });
    assert_eq!(both, (1, 1));
}

#[test]
fn a_write_during_a_load_wins() {
    let writes: [fn(&Cache<String, u32>); 5] = [
        |cache| cache.insert("a".to_owned(), 2),
        |cache| cache.insert_many([("a".to_owned(), 2)]),
        |cache| assert!(cache.add("a".to_owned(), 2)),
        |cache| assert!(!cache.invalidate("a")),
        |cache| cache.invalidate_all(),
    ];
    for write in writes {
        let cache = cache();
        let (result, load) = futures::channel::oneshot::channel();
        let mut lead = get(&cache, async { load.await.unwrap() }).waiting();
        let mut waiter = get(&cache, pending()).waiting();
        write(&cache);
        let written = cache.get("a");
        let mut late = get(&cache, ready(3));
        assert_eq!(late.poll(), Some(written.unwrap_or(3)), "it does not wait for the first");
        result.send(1).unwrap();
        assert_eq!((lead.poll(), waiter.poll()), (Some(1), Some(1)));
        assert_eq!(cache.get("a"), Some(written.unwrap_or(3)));
        validate(&cache);
    }
}

/// Who waited for a load that was superseded, and takes it over, gets what is in the cache by then.
#[test]
fn who_takes_over_a_superseded_load_sees_what_was_written() {
    let cache = cache();
    let lead = get(&cache, pending()).waiting();
    let mut waiter = get(&cache, pending()).waiting();
    cache.insert("a".to_owned(), 2);
    drop(lead);
    assert_eq!(waiter.poll(), Some(2));
}

#[test]
fn threads_and_futures_wait_for_each_other() {
    let cache = cache();
    let (result, load) = futures::channel::oneshot::channel();
    thread::scope(|scope| {
        let mut lead = get(&cache, async { load.await.unwrap() }).waiting();
        let follower = scope.spawn(|| cache.get_with_by_ref("a", || unreachable!()));
        while cache.stats().misses < 2 {
            thread::yield_now();
        }
        result.send(1).unwrap();
        assert_eq!(lead.poll(), Some(1));
        assert_eq!(follower.join().unwrap(), 1);

        let (begun, begin) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        let cache = &cache;
        let lead = scope.spawn(move || {
            cache.get_with("b".to_owned(), || {
                begun.send(()).unwrap();
                gone.recv_timeout(PATIENCE).unwrap()
            })
        });
        begin.recv_timeout(PATIENCE).unwrap();
        let waiter = get_key(cache, "b").waiting();
        go.send(2).unwrap();
        assert_eq!(lead.join().unwrap(), 2);
        assert!(waiter.was_woken());
        assert_eq!(block_on(waiter.future), 2);
    });
}

#[test]
fn tokio_tasks_share_loads_and_may_be_aborted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    runtime.block_on(async {
        let cache: Cache<u32, u32> = Cache::new(1_000);
        let loads = Arc::new(AtomicU32::new(0));
        for key in 0..50 {
            // The first leads and never comes to an end; it is aborted when others wait.
            let (begun, begin) = tokio::sync::oneshot::channel();
            let lead = tokio::spawn({
                let cache = cache.clone();
                async move {
                    cache
                        .get_with_async(key, async {
                            begun.send(()).unwrap();
                            pending().await
                        })
                        .await
                }
            });
            begin.await.unwrap();
            let waiters: Vec<_> = (0..20)
                .map(|_| {
                    let (cache, loads) = (cache.clone(), Arc::clone(&loads));
                    tokio::spawn(async move {
                        let load = async {
                            tokio::task::yield_now().await;
                            loads.fetch_add(1, Relaxed);
                            key * 2
                        };
                        cache.get_with_async(key, load).await
                    })
                })
                .collect();
            lead.abort();
            assert!(lead.await.unwrap_err().is_cancelled());
            for waiter in waiters {
                assert_eq!(waiter.await.unwrap(), key * 2);
            }
        }
        assert_eq!((loads.load(Relaxed), cache.stats().loads), (50, 50));
    });
}

#[test]
fn futures_are_send_if_their_parts_are() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    let cache: Cache<String, Arc<u32>> = Cache::new(10);
    let value = || async { Arc::new(1) };
    block_on(async {
        is_send(cache.get_with_async(String::new(), value())).await;
        is_send(cache.get_with_by_ref_async("", value())).await;
        let fallible = || async { Err::<Arc<u32>, _>(String::new()) };
        is_send(cache.try_get_with_async("a".to_owned(), fallible())).await.unwrap_err();
        is_send(cache.try_get_with_by_ref_async("a", fallible())).await.unwrap_err();
        assert!(
            is_send(cache.optionally_get_with_async("a".into(), async { None })).await.is_none()
        );
        assert!(is_send(cache.optionally_get_with_by_ref_async("a", ready(None))).await.is_none());
    });
}
