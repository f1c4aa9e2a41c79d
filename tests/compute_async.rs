//! Computing in futures: what is put replaces what was seen, and nothing else.

mod common;

use common::validate;
use futures::executor::block_on;
use larder::{
    Cache, Entry,
    ops::compute::{CompResult, Op},
};
use std::{cell::Cell, convert::Infallible, future::pending, sync::Arc};

type Old = Option<Entry<&'static str, u32>>;

fn number(old: &Old) -> Option<u32> {
    old.as_ref().map(|old| *old.value())
}

#[test]
fn a_value_is_put_removed_or_left() {
    let cache = Cache::new(100);
    block_on(async {
        let put = async |_| Op::Put(1);
        let inserted = cache.entry("a").and_compute_with_async(put).await;
        assert!(matches!(inserted, CompResult::Inserted(entry) if entry.is_fresh()));
        let replaced = cache.entry("a").and_compute_with_async(put).await;
        assert!(matches!(replaced, CompResult::ReplacedWith(e) if e.is_old_value_replaced()));
        let left = cache.entry("a").and_compute_with_async(async |_| Op::Nop).await;
        assert!(matches!(left, CompResult::Unchanged(entry) if *entry.value() == 1));
        let removed = cache.entry("a").and_compute_with_async(async |_| Op::Remove).await;
        assert!(matches!(removed, CompResult::Removed(entry) if *entry.value() == 1));
        let none = cache.entry("a").and_compute_with_async(async |_| Op::Remove).await;
        assert!(matches!(none, CompResult::StillNone("a")));
    });
    validate(&cache);
}

#[test]
fn a_write_while_the_future_waits_has_it_run_again() {
    let cache: Cache<&str, u32> = Cache::new(100);
    let writes: [fn(&Cache<&'static str, u32>); 4] = [
        |cache| cache.insert("a", 10),
        // The same value is another write even so.
        |cache| cache.insert("a", 10),
        |cache| assert!(cache.invalidate("a")),
        |cache| cache.insert("a", 10),
    ];
    let mut writes = writes.iter();
    let mut seen = Vec::new();
    let entry = block_on(cache.entry("a").and_upsert_with_async(|old: Old| {
        seen.push(number(&old));
        let (cache, write) = (&cache, writes.next());
        async move {
            if let Some(write) = write {
                write(cache);
            }
            number(&old).unwrap_or(0) + 1
        }
    }));
    assert_eq!(seen, [None, Some(10), Some(10), None, Some(10)]);
    assert_eq!((entry.into_value(), cache.get("a")), (11, Some(11)));
    validate(&cache);
}

#[test]
fn an_error_and_a_dropped_future_change_nothing() {
    let cache = Cache::new(100);
    cache.insert("a", 1);
    let error = block_on(cache.entry("a").and_try_compute_with_async(async |_| Err("no")));
    assert_eq!(error.err(), Some("no"));
    let mut endless = Box::pin(cache.entry("a").and_try_compute_with_async(async |_| {
        pending::<()>().await;
        Ok::<_, Infallible>(Op::Put(2))
    }));
    assert!(futures::FutureExt::now_or_never(endless.as_mut()).is_none());
    drop(endless);
    assert_eq!(cache.get("a"), Some(1));
    validate(&cache);
}

#[test]
fn who_inserts_if_absent_shares_the_load() {
    let cache = Cache::new(100);
    block_on(async {
        let polled = Cell::new(0);
        let init = || async {
            polled.set(polled.get() + 1);
            7
        };
        assert!(cache.entry("a").or_insert_with_async(init()).await.is_fresh());
        assert!(!cache.entry("a").or_insert_with_async(init()).await.is_fresh());
        assert_eq!(polled.get(), 1);
        let bad = cache.entry("b").or_try_insert_with_async(async { Err::<i32, _>("bad") }).await;
        assert_eq!(bad.err(), Some(Arc::new("bad")));
        assert!(cache.entry("b").or_optionally_insert_with_async(async { None }).await.is_none());
        assert!(!cache.contains_key("b"));
    });
    validate(&cache);
}

#[test]
fn no_increment_of_many_tasks_is_lost() {
    const TASKS: u64 = 8;
    const EACH: u64 = 2_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let cache: Cache<u64, u64> = Cache::builder().max_capacity(100_000).shards(1).build();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let cache = cache.clone();
                tokio::spawn(async move {
                    for i in 0..EACH {
                        let more = async |old: Option<Entry<u64, u64>>| {
                            tokio::task::yield_now().await;
                            old.map_or(1, |old| old.value() + 1)
                        };
                        cache.entry(i % 3).and_upsert_with_async(more).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let sum: u64 = (0..3).filter_map(|key| cache.get(&key)).sum();
    assert_eq!((sum, cache.stats().rejections), (TASKS * EACH, 0));
    validate(&cache);
}
