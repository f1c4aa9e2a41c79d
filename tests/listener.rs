//! What the eviction listener hears.

mod common;

use common::validate;
use larder::{Cache, RemovalCause};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

type Heard = Vec<(u64, u64, RemovalCause)>;

/// A cache whose listener notes what it hears.
fn noting(capacity: u64) -> (Cache<u64, u64>, Arc<Mutex<Heard>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = heard.clone();
    let cache = Cache::builder()
        .max_capacity(capacity)
        .eviction_listener(move |&key, &value, cause| {
            notes.lock().unwrap().push((key, value, cause))
        })
        .build();
    (cache, heard)
}

fn take(heard: &Mutex<Heard>) -> Heard {
    let mut taken = std::mem::take(&mut *heard.lock().unwrap());
    taken.sort_by_key(|&(key, value, _)| (key, value));
    taken
}

#[test]
fn each_cause_is_told_at_the_moment_the_value_leaves() {
    use RemovalCause::{Explicit, Invalidated, Rejected, Replaced, Size};
    let (cache, heard) = noting(2);
    cache.insert(1, 10);
    assert_eq!(take(&heard), []);
    cache.insert(1, 11);
    assert_eq!(take(&heard), [(1, 10, Replaced)]);
    assert_eq!(cache.remove(&1), Some(11));
    assert_eq!(take(&heard), [(1, 11, Explicit)]);
    assert!(!cache.invalidate(&1));
    assert_eq!(take(&heard), []);
    cache.insert_many([(1, 12), (2, 20), (2, 21), (3, 30)]);
    let told = take(&heard);
    assert!(told.contains(&(2, 20, Replaced)), "{told:?}");
    assert_eq!(told.iter().filter(|(_, _, cause)| *cause == Size).count(), 1, "{told:?}");
    let mut left: Vec<_> = cache.iter().map(|(key, value)| (key, value, Invalidated)).collect();
    left.sort_by_key(|&(key, _, _)| key);
    cache.invalidate_all();
    cache.run_pending_tasks();
    assert_eq!(take(&heard), left);
    validate(&cache);

    let (nothing, heard) = noting(0);
    nothing.insert(1, 10);
    assert_eq!(take(&heard), [(1, 10, Rejected)]);
    validate(&nothing);
}

#[test]
fn a_value_that_add_does_not_store_is_not_told() {
    let (cache, heard) = noting(2);
    assert!(cache.add(1, 10));
    assert!(!cache.add(1, 11));
    assert_eq!(take(&heard), []);
}

#[test]
fn every_value_is_told_once_or_is_still_there() {
    const THREADS: u64 = 4;
    const EACH: u64 = 20_000;
    let (cache, heard) = noting(300);
    thread::scope(|scope| {
        for t in 0..THREADS {
            let cache = &cache;
            scope.spawn(move || {
                for i in 0..EACH {
                    // No value comes twice.
                    let (key, value) = (i * 7 % 1_000, t * EACH + i);
                    match i % 16 {
                        0 => cache.insert_many([(key, value)]),
                        1 => _ = cache.invalidate(&key),
                        2 if i % 4_096 == 2 => cache.invalidate_all(),
                        _ => cache.insert(key, value),
                    }
                }
            });
        }
    });
    let mut times = HashMap::new();
    for (_, value, _) in take(&heard) {
        *times.entry(value).or_insert(0) += 1;
    }
    for (_, value) in cache.iter() {
        *times.entry(value).or_insert(0) += 1;
    }
    let stats = cache.stats();
    assert_eq!(times.len() as u64, stats.inserts + stats.updates + stats.rejections);
    assert!(times.values().all(|&times| times == 1), "a value was told twice");
    validate(&cache);
}

#[test]
fn a_panic_in_the_listener_is_counted_and_goes_no_further() {
    let told = Arc::new(AtomicU64::new(0));
    let count = told.clone();
    let cache = Cache::builder()
        .max_capacity(10)
        .eviction_listener(move |key: &u64, _: &u64, _| {
            count.fetch_add(1, Ordering::Relaxed);
            assert_ne!(key % 2, 0, "even keys are too much for it");
        })
        .build();
    for key in 0..4 {
        cache.insert(key, key);
    }
    for key in 0..4 {
        assert_eq!(cache.remove(&key), Some(key));
    }
    assert_eq!(told.load(Ordering::Relaxed), 4, "it goes on to be told");
    assert_eq!(cache.stats().listener_panics, 2);
    validate(&cache);
}

#[test]
fn the_listener_may_use_the_cache() {
    static CACHE: OnceLock<Cache<u64, u64>> = OnceLock::new();
    let cache = Cache::builder()
        .max_capacity(10)
        .eviction_listener(|&key, &value, cause| {
            let cache = CACHE.get().expect("set below");
            if cause == RemovalCause::Explicit && key < 5 {
                assert_eq!(cache.get(&key), None);
                cache.insert(key + 100, value);
                cache.invalidate(&(key + 100));
            }
        })
        .build();
    CACHE.set(cache.clone()).expect("set once");
    for key in 0..5 {
        cache.insert(key, key);
        cache.invalidate(&key);
    }
    assert_eq!((cache.entry_count(), cache.stats().removals), (0, 10));
    validate(&cache);
}

#[test]
fn a_channel_carries_every_removal_once_and_in_order() {
    const EACH: u64 = 20_000;
    let (builder, mut removals) = Cache::builder().max_capacity(100).removal_channel();
    let cache: Cache<u64, u64> = builder.build();
    let received = thread::scope(|scope| {
        let consumer = scope.spawn(|| std::iter::from_fn(|| removals.recv()).collect::<Vec<_>>());
        thread::scope(|scope| {
            for t in 0..3 {
                let cache = cache.clone();
                scope.spawn(move || (0..EACH).for_each(|i| cache.insert(t, i)));
            }
        });
        drop(cache);
        consumer.join().unwrap()
    });
    for key in 0..3 {
        let values: Vec<_> =
            received.iter().filter(|it| it.key == key).map(|it| it.value).collect();
        // Whether stored or rejected, all but the last have left.
        assert!(values.len() as u64 >= EACH - 1, "{} of key {key}", values.len());
        let distinct: std::collections::HashSet<_> = values.iter().collect();
        assert_eq!(distinct.len(), values.len(), "twice");
        assert!(values.is_sorted(), "out of order");
    }
}

#[test]
fn a_channel_wakes_tasks() {
    let (builder, mut removals) = Cache::builder().max_capacity(1).removal_channel();
    let cache: Cache<u64, u64> = builder.build();
    let producer = thread::spawn(move || {
        (0..10_000).for_each(|key| cache.insert(key, key));
    });
    let count = futures::executor::block_on(async {
        let mut count = 0;
        while removals.recv_async().await.is_some() {
            count += 1;
        }
        count
    });
    producer.join().unwrap();
    assert_eq!(count, 9_999);
}

#[test]
fn a_channel_that_nobody_receives_from_any_more_keeps_nothing() {
    let (builder, mut removals) = Cache::builder().max_capacity(10).removal_channel();
    let cache: Cache<u64, Arc<()>> = builder.build();
    let value = Arc::new(());
    (0..100).for_each(|_| cache.insert(1, value.clone()));
    assert!(removals.try_recv().is_some());
    drop(removals);
    cache.insert(1, value.clone());
    cache.invalidate(&1);
    cache.run_pending_tasks();
    assert_eq!(Arc::strong_count(&value), 1);
}
