//! Listeners that write: what leaves a cache inside a listener is told, in order and once, when the
//! listener has returned.

mod common;

use common::{Census, Counted, alone, settle, validate};
use larder::{Cache, CacheBuilder, Maintenance, ManualClock, RemovalCause, ops::compute::Op};
use std::{
    cell::Cell,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

type Numbers = Cache<u64, u64>;
type Told = Vec<(u64, u64, RemovalCause)>;

/// More than a test's stack has room for, were each a call inside the last.
const MANY: u64 = 20_000;

thread_local! {
    static LISTENS: Cell<bool> = const { Cell::new(false) };
}

/// Runs a listener's code; it must not run inside another's.
fn listening<R>(f: impl FnOnce() -> R) -> R {
    assert!(!LISTENS.replace(true), "a listener was called inside a listener");
    struct Over;
    impl Drop for Over {
        fn drop(&mut self) {
            LISTENS.set(false);
        }
    }
    let _over = Over;
    f()
}

fn small(capacity: u64) -> CacheBuilder<u64, u64> {
    Cache::builder().max_capacity(capacity).maintenance(Maintenance::Manual)
}

/// A cache whose listener notes what it hears and runs `reply`.
fn replying(
    builder: CacheBuilder<u64, u64>,
    reply: impl Fn(&Numbers, u64, u64) + Send + Sync + 'static,
) -> (Numbers, Arc<Mutex<Told>>) {
    let (own, told) = (Arc::new(OnceLock::<Numbers>::new()), Arc::new(Mutex::new(Vec::new())));
    let cache = builder
        .eviction_listener({
            let (own, told) = (own.clone(), told.clone());
            move |&key, &value, cause| {
                listening(|| {
                    told.lock().unwrap().push((key, value, cause));
                    reply(own.get().expect("set below"), key, value);
                });
            }
        })
        .build();
    own.set(cache.clone()).expect("set once");
    (cache, told)
}

#[test]
fn a_listener_may_put_back_what_it_hears_of() {
    type Put = fn(&Numbers, u64, u64);
    let puts: [(&str, Put); 7] = [
        ("insert", |c, key, value| c.insert(key, value)),
        ("insert_many", |c, key, value| c.insert_many([(key, value)])),
        ("insert_with_ttl", |c, key, value| c.insert_with_ttl(key, value, Duration::from_secs(9))),
        ("get_with", |c, key, value| _ = c.get_with(key, || value)),
        ("get_many_with", |c, key, value| _ = c.get_many_with([key], |_| [(key, value)])),
        ("or_insert", |c, key, value| _ = c.entry(key).or_insert(value)),
        ("and_compute_with", |c, key, value| {
            c.entry(key).and_compute_with(|_| Op::Put(value));
        }),
    ];
    for capacity in [0, 1, 2] {
        for (name, put) in puts {
            // Each value comes once: numbers go up.
            let next = AtomicU64::new(1_000);
            let (cache, told) = replying(small(capacity), move |cache, key, _| {
                let value = next.fetch_add(1, SeqCst);
                if value < 1_000 + 3_000 {
                    put(cache, key, value);
                }
            });
            (0..=capacity).for_each(|key| cache.insert(key, key));
            let told = told.lock().unwrap();
            let mut values: Vec<_> = told.iter().map(|&(_, value, _)| value).collect();
            values.sort();
            values.dedup();
            assert_eq!(values.len(), told.len(), "{name}: none twice");
            assert_eq!(told.len() as u64, 3_000 + 1, "{name}");
            assert_eq!(cache.entry_count() + told.len() as u64, 3_000 + capacity + 1, "{name}");
            assert_eq!(cache.stats().listener_panics, 0);
            validate(&cache);
        }
    }
}

#[test]
fn as_often_as_it_likes() {
    let left = AtomicU64::new(MANY);
    let (cache, told) = replying(small(1), move |cache, key, value| {
        if left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            cache.insert(key, value + 2);
        }
    });
    cache.insert(0, 0);
    cache.insert(1, 1);
    let told = told.lock().unwrap();
    let expected: Vec<_> = (0..=MANY).map(|value| (value % 2, value, RemovalCause::Size)).collect();
    assert!(*told == expected, "one after the other, the oldest first");
    validate(&cache);
}

#[test]
fn a_listener_may_go_on_replacing_and_removing() {
    let (cache, told) = replying(small(10), |cache, key, value| {
        if value < MANY {
            cache.insert(key, value + 2);
        }
    });
    cache.insert(1, 0);
    cache.insert(1, 1);
    let expected: Vec<_> = (0..=MANY).map(|value| (1, value, RemovalCause::Replaced)).collect();
    assert!(*told.lock().unwrap() == expected);
    drop(told);
    let (cache2, told) = replying(small(10), |cache, key, value| {
        if value < MANY {
            cache.insert(key, value + 1);
            assert!(cache.invalidate(&key));
        }
    });
    cache2.insert(1, 0);
    cache2.invalidate(&1);
    let expected: Vec<_> = (0..=MANY).map(|value| (1, value, RemovalCause::Explicit)).collect();
    assert!(*told.lock().unwrap() == expected);
    validate(&cache);
    validate(&cache2);
}

#[test]
fn listeners_of_many_caches_may_keep_each_other_busy() {
    for caches in [2, 1_000] {
        let ring: Arc<OnceLock<Vec<Numbers>>> = Arc::default();
        let count = Arc::new(AtomicU64::new(0));
        let cache = |own: usize| {
            let (ring, count) = (ring.clone(), count.clone());
            let listener = move |&key: &u64, &value: &u64, _| {
                listening(|| {
                    if count.fetch_add(1, SeqCst) < MANY {
                        let ring = ring.get().expect("set below");
                        ring[(own + 1) % ring.len()].insert(key + 1, value);
                    }
                });
            };
            small(1).eviction_listener(listener).build()
        };
        let all: Vec<_> = (0..caches).map(cache).collect();
        all.iter().for_each(|cache| cache.insert(0, 0));
        let first = all[0].clone();
        assert!(ring.set(all).is_ok());
        first.insert(1, 1);
        assert_eq!(count.load(SeqCst), MANY + 1);
        let stats = ring.get().unwrap().iter().map(Cache::stats);
        let (left, panics) = stats.fold((0, 0), |(left, panics), stats| {
            (left + stats.evictions + stats.updates, panics + stats.listener_panics)
        });
        assert_eq!((left, panics), (MANY + 1, 0));
        ring.get().unwrap().iter().for_each(validate);
    }
}

#[test]
fn what_leaves_inside_is_told_in_order_and_behind_what_left_before() {
    let (cache, told) = replying(small(10), |cache, key, _| {
        if key < 10 {
            // Not told yet: the listener is running.
            cache.insert(key + 10, 0);
            cache.insert(key + 10, 1);
            cache.invalidate(&(key + 10));
        }
    });
    cache.insert_many([(1, 0), (2, 0)]);
    assert_eq!(cache.drain().count(), 2);
    use RemovalCause::{Explicit, Replaced};
    let inside = |key| [(key + 10, 0, Replaced), (key + 10, 1, Explicit)];
    let told = std::mem::take(&mut *told.lock().unwrap());
    let [first, second] = [told[0].0, told[3].0];
    let expected = [
        vec![(first, 0, Explicit)],
        inside(first).to_vec(),
        vec![(second, 0, Explicit)],
        inside(second).to_vec(),
    ];
    assert_eq!(told, expected.concat());

    // Several that left in one operation come before what leaves inside the first of them.
    let (cache, told) = replying(small(10), |cache, key, _| {
        cache.invalidate(&(key + 10));
    });
    cache.insert_many([(1, 1), (2, 2), (11, 1), (12, 2)]);
    cache.insert_many([(1, 3), (2, 4)]);
    let keys: Vec<_> = told.lock().unwrap().iter().map(|&(key, ..)| key).collect();
    assert_eq!(keys, [1, 2, 11, 12]);
    validate(&cache);
}

#[test]
fn expired_and_invalidated_values_are_no_different() {
    let clock = ManualClock::new();
    let timed = small(100).clock(&clock).time_to_live(Duration::from_secs(1));
    let (cache, told) = replying(timed, |cache, key, value| {
        if value < 1_000 {
            cache.insert(key, value + 1);
            cache.invalidate_all();
            cache.run_pending_tasks();
        }
    });
    cache.insert(1, 0);
    clock.advance(Duration::from_secs(2));
    cache.run_pending_tasks();
    let told = told.lock().unwrap();
    let mut expected = vec![(1, 0, RemovalCause::Expired)];
    expected.extend((1..=1_000).map(|value| (1, value, RemovalCause::Invalidated)));
    assert_eq!(*told, expected);
    validate(&cache);
}

#[test]
fn a_panic_in_a_listener_keeps_nothing_from_being_told() {
    let (cache, told) = replying(small(1), |cache, key, value| {
        if value < 100 {
            cache.insert(key, value + 2);
        }
        panic!("of a listener");
    });
    cache.insert(0, 0);
    cache.insert(1, 1);
    let count = told.lock().unwrap().len() as u64;
    assert_eq!((count, cache.stats().listener_panics), (101, 101));
    // The thread holds nothing back.
    cache.insert(5, 5_000);
    assert_eq!(told.lock().unwrap().len(), 102);
    validate(&cache);
}

#[test]
fn a_cache_that_ends_inside_a_listener_is_told_of_all_the_same() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = told.clone();
    let (cache, _) = replying(small(1), move |_, _, _| {
        let note = note.clone();
        let inner =
            small(1).eviction_listener(move |&key, _, _| note.lock().unwrap().push(key)).build();
        (10..15).for_each(|key| inner.insert(key, key));
    });
    cache.insert(0, 0);
    cache.insert(1, 1);
    assert_eq!(*told.lock().unwrap(), [10, 11, 12, 13]);
}

#[test]
fn what_waits_to_be_told_is_dropped_once_and_afterwards() {
    let _alone = alone();
    let census = Census::default();
    let own: Arc<OnceLock<Cache<u64, Counted>>> = Arc::default();
    let cache = Cache::builder()
        .max_capacity(10)
        .maintenance(Maintenance::Manual)
        .eviction_listener({
            let (own, census) = (own.clone(), census.clone());
            move |&key: &u64, value: &Counted, _| {
                listening(|| {
                    assert!(census.is_alive(value.serial()));
                    if value.id() < 10 {
                        let cache = own.get().expect("set below");
                        (0..2)
                            .for_each(|i| cache.insert(key + 1, census.value(value.id() + i + 1)));
                        cache.invalidate(&(key + 1));
                    }
                });
            }
        })
        .build();
    assert!(own.set(cache.clone()).is_ok());
    thread::scope(|scope| {
        for start in [0, 1_000, 2_000] {
            let (cache, census) = (&cache, &census);
            common::join([scope.spawn(move || {
                cache.insert(start, census.value(0));
                cache.invalidate(&start);
            })]);
        }
    });
    assert_eq!(cache.stats().listener_panics, 0);
    settle(&cache, &census);
}
