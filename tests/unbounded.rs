//! Caches without a bound, and with one that is larger than what is set aside for them.

mod common;

use common::validate;
use larder::{Cache, CacheStats, EvictionPolicy, Maintenance, ManualClock, RemovalCause};
use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// More entries than can be set aside for any cache.
const LARGE: [u64; 8] =
    [u64::MAX, u64::MAX - 1, u64::MAX / 2, 1 << 62, 1 << 60, 1 << 40, 1 << 32, u32::MAX as u64];

#[test]
fn a_quarter_of_a_million_entries_are_all_there() {
    const ENTRIES: u64 = 250_000;
    let cache = Cache::unbounded();
    assert_eq!(cache.limits().max_capacity(), u64::MAX);
    (0..ENTRIES).for_each(|key| cache.insert(key, key));
    let CacheStats { entries, evictions, rejections, .. } = cache.stats();
    assert_eq!((entries, evictions, rejections), (ENTRIES, 0, 0));
    assert!((0..ENTRIES).all(|key| cache.get(&key) == Some(key)));
    assert_eq!((cache.entry_count(), cache.weighted_size()), (ENTRIES, ENTRIES));
    assert_eq!(cache.iter().count() as u64, ENTRIES);
    validate(&cache);
}

#[test]
fn a_capacity_that_no_memory_can_be_set_aside_for_is_grown_into() {
    for max_capacity in LARGE {
        for weigher in [false, true] {
            let builder = Cache::builder().max_capacity(max_capacity);
            let cache = if weigher { builder.weigher(|_, _| 1).build() } else { builder.build() };
            assert_eq!(cache.limits().max_capacity(), max_capacity);
            (0..20_000_u64).for_each(|key| cache.insert(key, key));
            assert_eq!((cache.entry_count(), cache.stats().evictions), (20_000, 0));
            assert!((0..20_000).all(|key| cache.get(&key) == Some(key)));
            validate(&cache);
        }
    }
}

#[test]
fn the_heaviest_entries_fit_as_well() {
    for max_capacity in LARGE {
        let cache = Cache::builder().max_capacity(max_capacity).weigher(|_, _| u32::MAX).build();
        let most = (max_capacity / u64::from(u32::MAX)).min(50_000);
        (0..most).for_each(|key| cache.insert(key, key));
        assert_eq!(cache.stats().evictions, 0);
        assert_eq!(cache.weighted_size(), most * u64::from(u32::MAX));
        // What is replaced and removed gives back what it weighed.
        (0..most).step_by(2).for_each(|key| cache.insert(key, 1));
        (0..most).step_by(2).for_each(|key| assert_eq!(cache.remove(&key), Some(1)));
        assert_eq!(cache.weighted_size(), most / 2 * u64::from(u32::MAX));
        validate(&cache);
    }
}

#[test]
fn threads_that_insert_at_once_lose_nothing() {
    const THREADS: u64 = 8;
    const EACH: u64 = 12_000;
    for shards in [None, Some(1), Some(64)] {
        let builder = Cache::builder().max_capacity(u64::MAX);
        let cache = match shards {
            Some(shards) => builder.shards(shards).build(),
            None => builder.build(),
        };
        let begin = Barrier::new(THREADS as usize);
        thread::scope(|scope| {
            for id in 0..THREADS {
                let (cache, begin) = (&cache, &begin);
                scope.spawn(move || {
                    begin.wait();
                    (0..EACH).for_each(|key| cache.insert(id * EACH + key, id));
                });
            }
        });
        let CacheStats { entries, evictions, rejections, .. } = cache.stats();
        assert_eq!((entries, evictions, rejections), (THREADS * EACH, 0, 0));
        let found = (0..THREADS * EACH).all(|key| cache.get(&key) == Some(key / EACH));
        assert!(found, "each with the value of the thread that inserted it");
        validate(&cache);
    }
}

#[test]
fn nothing_is_evicted_whatever_the_policy() {
    let policies = [
        EvictionPolicy::SegmentedLru,
        EvictionPolicy::Lru,
        EvictionPolicy::Lfu,
        EvictionPolicy::SizeAware,
        EvictionPolicy::CostAware,
    ];
    for policy in policies {
        let evicted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&evicted);
        let cache = Cache::builder()
            .max_capacity(u64::MAX)
            .eviction_policy(policy)
            .cost(|_: &u64, &value: &u64| value as u32)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build();
        for key in 0..60_000 {
            cache.insert(key, key);
            if key % 3 == 0 {
                cache.get(&(key / 2));
                cache.insert(key / 2, key / 2);
            }
        }
        assert_eq!((cache.entry_count(), evicted.load(Ordering::Relaxed)), (60_000, 0));
        validate(&cache);
    }
}

#[test]
fn an_empty_cache_takes_little_memory() {
    let unbounded = Cache::<u64, u64>::unbounded();
    let small = Cache::<u64, u64>::new(10_000);
    assert!(
        unbounded.memory_usage() < small.memory_usage(),
        "{} bytes, {} for 10,000 entries",
        unbounded.memory_usage(),
        small.memory_usage()
    );
}

#[test]
fn a_bound_may_come_and_go() {
    let cache = Cache::unbounded();
    (0..30_000).for_each(|key: u64| cache.insert(key, key));
    cache.set_max_capacity(1_000).unwrap();
    assert_eq!((cache.entry_count(), cache.limits().max_capacity()), (1_000, 1_000));
    (30_000..60_000).for_each(|key| cache.insert(key, key));
    assert_eq!(cache.entry_count(), 1_000);
    validate(&cache);
    for capacity in LARGE {
        cache.set_max_capacity(capacity).unwrap();
        assert_eq!(cache.limits().max_capacity(), capacity);
    }
    (60_000..100_000).for_each(|key| cache.insert(key, key));
    assert_eq!(cache.entry_count(), 41_000);
    validate(&cache);
    cache.set_max_capacity(0).unwrap();
    assert_eq!(cache.entry_count(), 0);
    cache.insert(1, 1);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn a_bounded_cache_may_lose_its_bound() {
    for weigher in [false, true] {
        for shards in [1, 8] {
            let builder = Cache::builder().max_capacity(1_000).shards(shards);
            let cache = if weigher { builder.weigher(|_, _| 1).build() } else { builder.build() };
            (0..2_000_u64).for_each(|key| cache.insert(key, key));
            assert_eq!(cache.entry_count(), 1_000);
            let before = cache.stats().evictions;
            cache.set_max_capacity(u64::MAX).unwrap();
            (10_000..60_000).for_each(|key| cache.insert(key, key));
            assert_eq!((cache.entry_count(), cache.stats().evictions - before), (51_000, 0));
            assert!((10_000..60_000).all(|key| cache.get(&key) == Some(key)));
            validate(&cache);
        }
    }
}

/// Two words say what the bound is and what of it is unused.
#[test]
fn bounds_that_change_at_once_leave_no_credit_too_many_or_too_few() {
    const ROUNDS: u64 = 300;
    let cache = Cache::unbounded();
    let begin = Barrier::new(3);
    thread::scope(|scope| {
        for (id, capacities) in [[0, u64::MAX], [u64::MAX, 10], [1 << 40, 1]].iter().enumerate() {
            let (cache, begin) = (&cache, &begin);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    begin.wait();
                    cache.set_max_capacity(capacities[(round % 2) as usize]).unwrap();
                    cache.insert(id as u64 * ROUNDS + round, round);
                }
            });
        }
    });
    cache.set_max_capacity(100).unwrap();
    (0..1_000).for_each(|key| cache.insert(key, key));
    assert_eq!(cache.entry_count(), 100);
    validate(&cache);
    cache.set_max_capacity(u64::MAX).unwrap();
    (10_000..40_000).for_each(|key| cache.insert(key, key));
    assert_eq!(cache.entry_count(), 30_100);
    validate(&cache);
}

#[test]
fn what_was_estimated_is_set_aside_and_the_rest_is_grown_into() {
    let estimated = Cache::builder().max_capacity(100_000).estimated_entries(1_000).build();
    let planned = Cache::builder().max_capacity(100_000).build();
    let (first, whole) = (estimated.memory_usage(), planned.memory_usage());
    assert!(first * 10 < whole, "{first} bytes, {whole} for all");
    for cache in [&estimated, &planned] {
        // Now and then both sets of a key are full before the cache is, and the key takes the place
        // of another.
        (0..90_000_u64).for_each(|key| cache.insert(key, key));
        let (entries, evictions) = (cache.entry_count(), cache.stats().evictions);
        assert_eq!(entries + evictions, 90_000);
        assert!(evictions <= 90, "{evictions} evictions");
        (90_000..150_000).for_each(|key| cache.insert(key, key));
        assert!((99_900..=100_000).contains(&cache.entry_count()), "{}", cache.entry_count());
        validate(cache);
    }
    let large = Cache::<u64, u64>::builder().max_capacity(u64::MAX).estimated_entries(1 << 60);
    assert!(large.try_build().is_err(), "what was asked for cannot be set aside");
}

#[test]
fn times_tags_and_loads_need_no_bound() {
    let clock = ManualClock::new();
    let minute = Duration::from_secs(60);
    let cache = Cache::builder()
        .max_capacity(u64::MAX)
        .time_to_live(minute)
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .build();
    for key in 0..30_000_u64 {
        match key % 3 {
            0 => cache.insert(key, key),
            1 => cache.insert_tagged(key, key, ["tag"]).unwrap(),
            _ => assert_eq!(cache.get_with(key, || key), key),
        }
    }
    cache.invalidate_tag("tag");
    cache.run_pending_tasks();
    assert_eq!(cache.entry_count(), 20_000);
    clock.advance(2 * minute);
    cache.run_pending_tasks();
    assert_eq!((cache.entry_count(), cache.stats().expirations), (0, 20_000));
    validate(&cache);
}

#[test]
fn what_has_left_makes_room_for_what_comes() {
    let clock = ManualClock::new();
    let minute = Duration::from_secs(60);
    for weigher in [false, true] {
        let builder = Cache::builder()
            .max_capacity(u64::MAX)
            .time_to_live(minute)
            .clock(&clock)
            .maintenance(Maintenance::Manual);
        let cache = if weigher { builder.weigher(|_, _| 1).build() } else { builder.build() };
        let mut memory = 0;
        for round in 0..20 {
            let keys = round * 100_000..round * 100_000 + 8_000_u64;
            keys.clone().for_each(|key| cache.insert(key, key));
            assert_eq!((cache.entry_count(), cache.stats().evictions), (8_000, 0));
            if round % 2 == 0 {
                keys.for_each(|key| cache.invalidate(&key).then_some(()).expect("it is there"));
            } else {
                clock.advance(2 * minute);
                cache.run_pending_tasks();
            }
            // They may come to need one more tier, of four times the room: when too many keys meet.
            match round {
                0 => memory = cache.memory_usage(),
                _ => assert!(cache.memory_usage() < 6 * memory, "in round {round}"),
            }
        }
        validate(&cache);
    }
}
