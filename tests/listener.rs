//! What the eviction listener hears.

mod common;

use common::validate;
use larder::{Cache, RemovalCause};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
        mpsc,
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

/// The recipe in the documentation of `eviction_listener`: a channel of the application's.
#[test]
fn a_std_channel_hears_every_removal_exactly_once() {
    const THREADS: u64 = 3;
    const EACH: u64 = 20_000;
    const CAPACITY: u64 = 64;
    let (sender, removals) = mpsc::channel();
    let cache: Cache<u64, u64> = Cache::builder()
        .max_capacity(CAPACITY)
        .eviction_listener(move |key, value, cause| sender.send((*key, *value, cause)).unwrap())
        .build();
    let consumer = thread::spawn(move || removals.iter().collect::<Vec<_>>());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let cache = &cache;
            // Each value is inserted once. The keys of different threads are the same.
            scope.spawn(move || {
                for i in 0..EACH {
                    let key = i % (2 * CAPACITY);
                    cache.insert(key, thread * EACH + i);
                    if i % 5 == 0 {
                        cache.invalidate(&(key + 1));
                    }
                }
            });
        }
    });
    let kept: Vec<_> = cache.iter().map(|(_, value)| value).collect();
    drop(cache);
    let removed = consumer.join().unwrap();
    let causes: HashSet<_> = removed.iter().map(|(_, _, cause)| *cause).collect();
    for cause in [RemovalCause::Size, RemovalCause::Replaced, RemovalCause::Explicit] {
        assert!(causes.contains(&cause), "no removal by {cause:?}");
    }
    // Each value is removed once, or is still there when the cache is dropped.
    let mut values: Vec<_> = removed.iter().map(|(_, value, _)| *value).chain(kept).collect();
    values.sort_unstable();
    assert!(values.into_iter().eq(0..THREADS * EACH));
    assert!(removed.iter().all(|(key, value, _)| value % EACH % (2 * CAPACITY) == *key));
}

#[test]
fn a_channel_that_its_receiver_has_left_keeps_nothing() {
    let (sender, removals) = mpsc::channel();
    let cache: Cache<u64, Arc<()>> = Cache::builder()
        .max_capacity(10)
        .eviction_listener(move |_, value: &Arc<()>, _| drop(sender.send(value.clone())))
        .build();
    let value = Arc::new(());
    (0..100).for_each(|_| cache.insert(1, value.clone()));
    assert!(removals.try_recv().is_ok());
    drop(removals);
    cache.insert(1, value.clone());
    cache.invalidate(&1);
    cache.run_pending_tasks();
    assert_eq!((Arc::strong_count(&value), cache.stats().listener_panics), (1, 0));
}
