//! Values whose time is over when they are stored: nobody can find them, so they take nothing's
//! place but that of their key's old value.

mod common;

use common::validate;
use futures::executor::block_on;
use larder::{
    Cache, CacheBuilder, CasError, Expiry, Maintenance, ManualClock, RandomState, RemovalCause,
    ops::compute::Op,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

type Numbers = Cache<u64, u64>;
type Told = Arc<Mutex<Vec<(u64, u64, RemovalCause)>>>;

const SECOND: Duration = Duration::from_secs(1);
const HOT: u64 = 100;
/// Values from here on have no time.
const NONE: u64 = 1_000;

/// Values from [`NONE`] on are over at once.
struct ByValue;

impl Expiry<u64, u64> for ByValue {
    fn expire_after_create(&self, _: &u64, value: &u64, _: Instant) -> Option<Duration> {
        (*value >= NONE).then_some(Duration::ZERO)
    }

    fn expire_after_update(
        &self,
        _: &u64,
        value: &u64,
        _: Instant,
        remaining: Option<Duration>,
    ) -> Option<Duration> {
        if *value >= NONE { Some(Duration::ZERO) } else { remaining }
    }
}

fn manual() -> CacheBuilder<u64, u64> {
    // The same hashes in each run: which keys share a set is no matter of luck.
    let hasher = RandomState::with_seeds(1, 2, 3, 4);
    Cache::builder().max_capacity(HOT).hasher(hasher).maintenance(Maintenance::Manual)
}

fn telling(builder: CacheBuilder<u64, u64>) -> (Numbers, Told) {
    let told = Told::default();
    let note = told.clone();
    let listener = move |&key: &u64, &value: &u64, cause| {
        note.lock().unwrap().push((key, value, cause));
    };
    (builder.eviction_listener(listener).build(), told)
}

fn take(told: &Told) -> Vec<(u64, u64, RemovalCause)> {
    std::mem::take(&mut *told.lock().unwrap())
}

type Store = fn(&Numbers, u64, u64);

/// Every way to set a value that has no time, by an [`Expiry`] or by its caller.
const WRITES: [(&str, Store); 8] = [
    ("insert_with_ttl", |c, key, value| c.insert_with_ttl(key, value, Duration::ZERO)),
    ("insert", |c, key, value| c.insert(key, value)),
    ("insert_many", |c, key, value| c.insert_many([(key, value)])),
    ("insert_tagged", |c, key, value| c.insert_tagged(key, value, ["tag"]).unwrap()),
    ("and_upsert_with", |c, key, value| _ = c.entry(key).and_upsert_with(|_| value)),
    ("and_compute_with", |c, key, value| _ = c.entry(key).and_compute_with(|_| Op::Put(value))),
    ("and_compute_with_async", |c, key, value| {
        let put = c.entry(key).and_compute_with_async(async |_| Op::Put(value));
        block_on(put);
    }),
    ("and_upsert_with_async", |c, key, value| {
        let put = c.entry_by_ref(&key).and_upsert_with_async(async |_| value);
        assert_eq!(block_on(put).into_value(), value);
    }),
];

/// Every way to store one under a key that is absent.
const ADDITIONS: [(&str, Store); 8] = [
    ("add", |c, key, value| assert!(c.add(key, value))),
    ("get_with", |c, key, value| assert_eq!(c.get_with(key, || value), value)),
    ("try_get_with", |c, key, value| {
        assert_eq!(c.try_get_with(key, || Ok::<_, ()>(value)), Ok(value))
    }),
    ("optionally_get_with", |c, key, value| {
        assert_eq!(c.optionally_get_with_by_ref(&key, || Some(value)), Some(value));
    }),
    ("get_with_async", |c, key, value| {
        assert_eq!(block_on(c.get_with_async(key, async { value })), value);
    }),
    ("get_many_with", |c, key, value| {
        assert_eq!(c.get_many_with([key], |_| [(key, value)]), [Some(value)]);
    }),
    ("or_insert", |c, key, value| assert_eq!(c.entry(key).or_insert(value).into_value(), value)),
    ("or_insert_with_async", |c, key, value| {
        assert!(block_on(c.entry(key).or_insert_with_async(async { value })).is_fresh());
    }),
];

/// By the system's clock, by a manual one, and by the exact one that a cache with a listener has.
fn caches() -> [(Numbers, Option<Told>); 4] {
    let by_value = || manual().expire_after(ByValue);
    let (listening, told) = telling(by_value());
    let (timed, told_timed) = telling(by_value().clock(ManualClock::new()).weigher(|_, _| 1));
    [
        (by_value().build(), None),
        (by_value().clock(ManualClock::new()).build(), None),
        (listening, Some(told)),
        (timed, Some(told_timed)),
    ]
}

fn hot(cache: &Numbers) {
    (0..HOT).for_each(|key| cache.insert(key, key));
    (0..HOT).for_each(|key| assert_eq!(cache.get(&key), Some(key)));
}

#[test]
fn a_thousand_of_them_evict_nothing() {
    for (name, store) in WRITES.into_iter().chain(ADDITIONS) {
        for (cache, told) in caches() {
            hot(&cache);
            for key in HOT..HOT + 1_000 {
                store(&cache, key, NONE + key);
                assert_eq!(cache.get(&key), None, "{name}");
            }
            let found = (0..HOT).filter(|key| cache.get(key) == Some(*key)).count();
            let stats = cache.stats();
            assert_eq!((found as u64, stats.evictions), (HOT, 0), "{name}");
            assert_eq!((cache.entry_count(), cache.weighted_size()), (HOT, HOT), "{name}");
            assert_eq!((stats.expirations, stats.inserts), (1_000, HOT + 1_000), "{name}");
            if let Some(told) = told {
                let told = take(&told);
                let expected: Vec<_> = (HOT..HOT + 1_000)
                    .map(|key| (key, NONE + key, RemovalCause::Expired))
                    .collect();
                assert!(told == expected, "{name}: each is told, once");
            }
            validate(&cache);
        }
    }
}

#[test]
fn they_replace_what_their_key_had() {
    for (name, store) in WRITES {
        for (cache, told) in caches() {
            cache.insert(1, 10);
            cache.insert(2, 20);
            store(&cache, 1, NONE);
            assert_eq!((cache.get(&1), cache.get(&2)), (None, Some(20)), "{name}");
            assert_eq!(cache.iter().collect::<Vec<_>>(), [(2, 20)], "{name}");
            let stats = cache.stats();
            assert_eq!((stats.inserts, stats.updates, stats.expirations), (2, 1, 1), "{name}");
            assert_eq!((cache.entry_count(), cache.weighted_size()), (1, 1), "{name}");
            if let Some(told) = told {
                let expected = [(1, 10, RemovalCause::Replaced), (1, NONE, RemovalCause::Expired)];
                assert_eq!(take(&told), expected, "{name}");
            }
            cache.insert(1, 11);
            assert_eq!(cache.get(&1), Some(11), "{name}");
            validate(&cache);
        }
    }
}

#[test]
fn what_had_expired_itself_is_told_as_that() {
    let clock = ManualClock::new();
    let (cache, told) = telling(manual().clock(&clock).time_to_live(SECOND));
    cache.insert(1, 10);
    clock.advance(SECOND);
    cache.insert_with_ttl(1, 11, Duration::ZERO);
    assert_eq!(take(&told), [(1, 10, RemovalCause::Expired), (1, 11, RemovalCause::Expired)]);
    let stats = cache.stats();
    assert_eq!((stats.inserts, stats.updates, stats.expirations), (2, 0, 2));
    cache.insert(1, 12);
    cache.invalidate_all();
    cache.insert_with_ttl(1, 13, Duration::ZERO);
    assert_eq!(take(&told), [(1, 12, RemovalCause::Invalidated), (1, 13, RemovalCause::Expired)]);
    assert_eq!(cache.entry_count(), 0);
    validate(&cache);
}

#[test]
fn an_addition_takes_what_has_expired_along() {
    for (name, store) in ADDITIONS {
        let clock = ManualClock::new();
        let (cache, told) =
            telling(manual().clock(&clock).time_to_live(SECOND).expire_after(ByValue));
        cache.insert(1, 10);
        clock.advance(SECOND);
        store(&cache, 1, NONE);
        let expected = [(1, 10, RemovalCause::Expired), (1, NONE, RemovalCause::Expired)];
        assert_eq!(take(&told), expected, "{name}");
        let stats = cache.stats();
        assert_eq!((stats.inserts, stats.updates, stats.expirations), (2, 0, 2), "{name}");
        assert_eq!(cache.entry_count(), 0, "{name}");
        validate(&cache);
    }
}

#[test]
fn rules_may_give_every_entry_no_time() {
    for rule in [
        (|builder| builder.time_to_live(Duration::ZERO)) as fn(CacheBuilder<u64, u64>) -> _,
        |builder| builder.time_to_idle(Duration::ZERO),
        |builder| builder.time_to_live(SECOND).time_to_idle(Duration::ZERO),
        |builder| builder.time_to_live(Duration::ZERO).jitter(0.5),
    ] {
        let (cache, told) = telling(rule(manual()));
        cache.insert_many((0..10).map(|key| (key, key)));
        assert_eq!(cache.get_with(10, || 10), 10);
        assert!(cache.add(11, 11));
        let expected: Vec<_> = (0..12).map(|key| (key, key, RemovalCause::Expired)).collect();
        assert_eq!(take(&told), expected);
        // What its caller gives a time has it.
        cache.insert_with_ttl(1, 1, 60 * SECOND);
        assert_eq!((cache.get(&1), cache.entry_count()), (Some(1), 1));
        cache.insert(1, 2);
        assert_eq!((cache.get(&1), cache.entry_count()), (None, 0));
        validate(&cache);
    }
}

#[test]
fn a_refresh_may_bring_one() {
    let clock = ManualClock::new();
    let refreshing =
        manual().clock(&clock).expire_after(ByValue).refresh_after(SECOND, |key| Some(NONE + key));
    let (cache, told) = telling(refreshing.refresh_executor(|job| job()));
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!(cache.get_with(1, || unreachable!()), 1, "the old one");
    assert_eq!((cache.get(&1), cache.entry_count()), (None, 0));
    let expected = [(1, 1, RemovalCause::Replaced), (1, NONE + 1, RemovalCause::Expired)];
    assert_eq!(take(&told), expected);
    let stats = cache.stats();
    assert_eq!((stats.refreshes, stats.updates, stats.expirations), (1, 1, 1));
    validate(&cache);
}

#[test]
fn one_that_is_heavy_evicts_nothing() {
    let cache = manual().weigher(|_, &value| if value >= NONE { 50 } else { 1 }).build();
    hot(&cache);
    for key in 0..10 {
        cache.insert_with_ttl(HOT + key, NONE, Duration::ZERO);
    }
    assert_eq!((cache.entry_count(), cache.weighted_size()), (HOT, HOT));
    cache.insert_with_ttl(0, NONE, Duration::ZERO);
    assert_eq!((cache.entry_count(), cache.weighted_size()), (HOT - 1, HOT - 1));
    validate(&cache);
}

#[test]
fn in_a_cache_that_has_grown_as_well() {
    let (cache, told) = telling(manual());
    hot(&cache);
    cache.set_max_capacity(10_000).unwrap();
    (HOT..5_000).for_each(|key| cache.insert(key, key));
    take(&told);
    let before = cache.entry_count();
    for key in [0, 50, 3_000, 4_999] {
        cache.insert_with_ttl(key, NONE, Duration::ZERO);
        assert_eq!(cache.get(&key), None);
        let expected = [(key, key, RemovalCause::Replaced), (key, NONE, RemovalCause::Expired)];
        assert_eq!(take(&told), expected);
    }
    (6_000..7_000).for_each(|key| cache.insert_with_ttl(key, NONE, Duration::ZERO));
    assert_eq!((cache.entry_count(), cache.stats().evictions), (before - 4, 0));
    validate(&cache);
}

#[test]
fn versions_and_swaps_know_of_it() {
    let (cache, told) = telling(manual().expire_after(ByValue));
    cache.insert(1, 1);
    let (_, version) = cache.get_versioned(&1).unwrap();
    assert!(cache.compare_and_swap(&1, version, NONE).is_ok());
    assert_eq!(cache.get(&1), None);
    assert_eq!(take(&told), [(1, 1, RemovalCause::Replaced), (1, NONE, RemovalCause::Expired)]);
    assert_eq!(cache.compare_and_swap(&1, version, 2), Err(CasError::Absent));
    cache.insert(1, 1);
    let (_, version) = cache.get_versioned(&1).unwrap();
    cache.insert_with_ttl(1, 2, Duration::ZERO);
    assert_eq!(cache.compare_and_swap(&1, version, 3), Err(CasError::Absent));
    cache.insert(1, 4);
    assert_eq!(cache.replace(&1, NONE), Some(4));
    assert_eq!((cache.get(&1), cache.entry_count()), (None, 0));
    validate(&cache);
}

#[test]
fn an_add_leaves_what_is_there() {
    let (cache, told) = telling(manual().expire_after(ByValue));
    cache.insert(1, 1);
    assert!(!cache.add(1, NONE));
    assert_eq!((cache.get(&1), take(&told)), (Some(1), vec![]));
    validate(&cache);
}

#[test]
fn one_wins_over_a_load_that_is_under_way() {
    let (cache, _) = telling(manual());
    let loaded = cache.get_with(1, || {
        cache.insert_with_ttl(1, 2, Duration::ZERO);
        1
    });
    assert_eq!((loaded, cache.get(&1), cache.entry_count()), (1, None, 0));
    // The load is the one that brings it.
    let (cache, told) = telling(manual().expire_after(ByValue));
    let loaded = cache.get_with(1, || {
        cache.insert(1, 2);
        NONE
    });
    assert_eq!((loaded, cache.get(&1)), (NONE, Some(2)));
    assert_eq!(take(&told), []);
    validate(&cache);
}

#[test]
fn what_is_kept_for_want_of_better_is_stored() {
    let clock = ManualClock::new();
    let cache = manual().clock(&clock).stale_if_error(SECOND).build();
    cache.insert_with_ttl(1, 1, Duration::ZERO);
    assert_eq!(cache.get(&1), None);
    assert_eq!(cache.try_get_with(1, || Err("no")), Ok(1));
    clock.advance(SECOND);
    assert_eq!(cache.try_get_with(1, || Err("no")), Err(Arc::new("no")));
    validate(&cache);
}

#[test]
fn each_value_is_told_once_whatever_other_threads_do() {
    const THREADS: u64 = 4;
    const EACH: u64 = 5_000;
    let (cache, told) = telling(manual().weigher(|_, &value| 1 + (value % 3) as u32));
    thread::scope(|scope| {
        for own in 0..THREADS {
            let cache = &cache;
            scope.spawn(move || {
                for i in 0..EACH {
                    let (key, value) = (i * 7 % 50, own * EACH + i);
                    match i % 4 {
                        0 => cache.insert_with_ttl(key, value, Duration::ZERO),
                        1 => {
                            cache.entry(key).and_upsert_with(|_| value);
                        }
                        _ => cache.insert(key, value),
                    }
                }
            });
        }
    });
    let mut times: HashMap<u64, u32> = HashMap::new();
    let left = cache.iter().map(|(_, value)| value);
    take(&told).into_iter().map(|(_, value, _)| value).chain(left).for_each(|value| {
        *times.entry(value).or_default() += 1;
    });
    assert!(times.values().all(|&times| times == 1), "twice");
    assert_eq!(times.len() as u64, THREADS * EACH);
    let stats = cache.stats();
    assert_eq!(stats.inserts + stats.updates + stats.rejections, THREADS * EACH);
    assert_eq!(cache.entry_count(), cache.iter().count() as u64);
    validate(&cache);
}
