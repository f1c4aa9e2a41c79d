//! The cache with the names of `moka::future`, beside what its documentation shows and a port of a
//! program tries (`benches/tests/moka_future`).

mod common;

use common::{PATIENCE, validate};
use futures::executor::block_on;
use larder::{RandomState, RemovalCause, future::Cache};
use std::{
    future::{Future, pending, ready},
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Waker},
    thread,
};

#[test]
fn both_handles_are_of_one_cache_and_share_loads() {
    let cache: Cache<u32, u32> = Cache::new(10);
    let threads: larder::Cache<u32, u32> = cache.clone().into();
    threads.insert(1, 10);
    assert_eq!(block_on(cache.get(&1)), Some(10));

    let (result, load) = futures::channel::oneshot::channel();
    let mut lead = pin!(cache.get_with(2, async { load.await.unwrap() }));
    assert!(lead.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| threads.get_with(2, || unreachable!("one load per key")));
        while threads.stats().misses < 2 {
            thread::yield_now();
        }
        result.send(20).unwrap();
        assert_eq!(block_on(lead), 20);
        assert_eq!(waiter.join().unwrap(), 20);
    });
    let back = Cache::from(threads);
    assert_eq!(back.entry_count(), 2);
    validate(back.as_sync());
}

#[test]
fn a_future_that_is_not_polled_does_nothing() {
    let cache: Cache<u32, u32> = Cache::new(10);
    drop(cache.insert(1, 1));
    drop(cache.get_with(2, ready(2)));
    drop(cache.entry(3).or_insert(3));
    assert_eq!((cache.entry_count(), cache.as_sync().stats().misses), (0, 0));
    block_on(cache.insert(1, 1));
    drop(cache.remove(&1));
    drop(cache.invalidate(&1));
    assert_eq!(block_on(cache.get_with(1, pending())), 1);
}

#[test]
fn futures_can_be_sent() {
    fn sent<F: Future + Send>(future: F) -> F {
        future
    }
    let cache: Cache<String, Arc<str>> = Cache::new(10);
    let value = || ready(Arc::from("value"));
    block_on(async {
        sent(cache.insert("a".to_owned(), Arc::from("a"))).await;
        sent(cache.get("a")).await;
        sent(cache.get_with_by_ref("b", value())).await;
        sent(cache.try_get_with("c".to_owned(), async { Err::<Arc<str>, _>(1) }))
            .await
            .unwrap_err();
        sent(cache.entry_by_ref("d").or_insert_with(value())).await;
        sent(cache.entry_by_ref("d").and_upsert_with(|_| value())).await;
        sent(cache.run_pending_tasks()).await;
    });
}

#[test]
fn without_a_capacity_there_is_no_bound() {
    let cache = Cache::builder().initial_capacity(2).build_with_hasher(RandomState::new());
    block_on(async {
        for key in 0..10_000 {
            cache.insert(key, key).await;
        }
    });
    assert_eq!(cache.entry_count(), 10_000);
}

#[test]
fn an_asynchronous_listener_hears_of_all_in_order_and_ends_with_the_cache() {
    let (told, hears) = mpsc::channel();
    let (ended, ends) = mpsc::channel();
    let listener = move |key: Arc<u32>, value: String, cause| {
        let told = told.clone();
        let future = async move {
            let mut polls = 0;
            std::future::poll_fn(|context| {
                polls += 1;
                context.waker().wake_by_ref();
                if polls < 3 { std::task::Poll::Pending } else { std::task::Poll::Ready(()) }
            })
            .await;
            told.send((*key, value, cause)).unwrap();
        };
        Box::pin(future) as larder::future::ListenerFuture
    };
    let cache = Cache::builder()
        .max_capacity(100)
        .async_eviction_listener(listener, move |task| {
            thread::spawn(move || {
                block_on(task);
                ended.send(()).unwrap();
            });
        })
        .build();
    block_on(async {
        for round in 0..50 {
            cache.insert(1, format!("{round}")).await;
        }
        cache.invalidate(&1).await;
    });
    drop(cache);
    ends.recv_timeout(PATIENCE).unwrap();
    let heard: Vec<_> = hears.try_iter().collect();
    assert_eq!(heard.len(), 50);
    for (round, (key, value, cause)) in heard.into_iter().enumerate() {
        let expected = if round < 49 { RemovalCause::Replaced } else { RemovalCause::Explicit };
        assert_eq!((key, value, cause), (1, round.to_string(), expected));
    }
}
