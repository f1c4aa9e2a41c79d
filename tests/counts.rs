//! What counts as an entry: what can be found, whether somebody has taken the rest out or not.

mod common;

use common::validate;
use larder::{Cache, CacheBuilder, Maintenance, ManualClock, RemovalCause};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

type Numbers = Cache<u64, u64>;

const SECOND: Duration = Duration::from_secs(1);

fn manual(clock: &ManualClock) -> CacheBuilder<u64, u64> {
    Cache::builder().max_capacity(1_000).clock(clock).maintenance(Maintenance::Manual)
}

/// All the numbers of entries that a cache gives.
fn counts(cache: &Numbers) -> [u64; 4] {
    let stats = cache.stats();
    let left = stats.inserts - stats.departures();
    [cache.entry_count(), stats.entries, left, cache.iter().count() as u64]
}

#[test]
fn expired_entries_do_not_count() {
    let clock = ManualClock::new();
    let cache = manual(&clock).time_to_live(SECOND).build();
    (0..100).for_each(|key| cache.insert(key, key));
    clock.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(counts(&cache), [100; 4]);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(counts(&cache), [0; 4]);
    assert_eq!((cache.weighted_size(), cache.stats().expirations), (0, 100));
    cache.insert(1, 1);
    assert_eq!((counts(&cache), cache.weighted_size()), ([1; 4], 1));
    cache.run_pending_tasks();
    assert_eq!((counts(&cache), cache.weighted_size()), ([1; 4], 1));
    assert_eq!(cache.stats().expirations, 100, "counted once");
    validate(&cache);
}

#[test]
fn nor_by_the_clock_of_the_system() {
    let told = Arc::new(Mutex::new(0));
    let note = told.clone();
    let builder = Cache::builder().max_capacity(100).maintenance(Maintenance::Manual);
    for cache in [
        builder.build(),
        Cache::builder()
            .max_capacity(100)
            .maintenance(Maintenance::Manual)
            .eviction_listener(move |_, _, _| *note.lock().unwrap() += 1)
            .build(),
    ] {
        (0..50).for_each(|key: u64| cache.insert_with_ttl(key, key, Duration::from_millis(1)));
        (50..80).for_each(|key| cache.insert_with_ttl(key, key, 1_000 * SECOND));
        while (0..50).any(|key| cache.contains_key(&key)) {
            thread::yield_now();
        }
        assert_eq!((counts(&cache), cache.weighted_size()), ([30; 4], 30));
        assert_eq!(*told.lock().unwrap(), 0, "to count is not to take out");
        validate(&cache);
    }
}

#[test]
fn a_cache_that_the_thread_tends_counts_as_well_before_the_thread_comes() {
    let clock = ManualClock::new();
    let cache: Numbers = Cache::builder().max_capacity(10_000).clock(&clock).build();
    for round in 1..=50 {
        (0..500).for_each(|key| cache.insert_with_ttl(key, round, SECOND));
        (500..510).for_each(|key| cache.insert_with_ttl(key, round, 100 * SECOND));
        clock.advance(SECOND);
        // The thread may be at it at any of these moments.
        for _ in 0..100 {
            assert_eq!((cache.entry_count(), cache.weighted_size()), (10, 10));
            let stats = cache.stats();
            assert_eq!((stats.entries, stats.inserts - stats.departures()), (10, 10));
        }
    }
    validate(&cache);
}

#[test]
fn whatever_ends_an_entry() {
    let clock = ManualClock::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let note = told.clone();
    let cache = manual(&clock)
        .time_to_idle(10 * SECOND)
        .eviction_listener(move |&key, _, cause| note.lock().unwrap().push((key, cause)))
        .build();
    (0..10).for_each(|key| cache.insert(key, key));
    assert!(cache.set_ttl(&0, Duration::ZERO), "ends at once");
    assert_eq!(counts(&cache), [9; 4]);
    clock.advance(5 * SECOND);
    (1..5).for_each(|key| _ = cache.get(&key));
    assert!(cache.set_ttl(&5, 100 * SECOND));
    clock.advance(5 * SECOND);
    assert_eq!(counts(&cache), [5; 4]);
    assert!(cache.set_ttl(&5, SECOND));
    clock.advance(SECOND);
    assert_eq!(counts(&cache), [4; 4]);
    cache.invalidate(&1);
    assert_eq!(counts(&cache), [3; 4]);
    cache.insert_tagged(20, 20, ["tag"]).unwrap();
    cache.invalidate_tag("tag");
    assert_eq!((counts(&cache), cache.weighted_size()), ([3; 4], 3));
    clock.advance(10 * SECOND);
    assert_eq!((counts(&cache), cache.weighted_size()), ([0; 4], 0));
    let stats = cache.stats();
    assert_eq!((stats.expirations, stats.invalidations, stats.removals), (9, 1, 1));
    cache.run_pending_tasks();
    let after = cache.stats();
    assert_eq!((after.expirations, after.invalidations, after.removals), (9, 1, 1));
    let expired = |&&(_, cause): &&(u64, RemovalCause)| cause == RemovalCause::Expired;
    assert_eq!(told.lock().unwrap().iter().filter(expired).count(), 9);
    validate(&cache);
}

#[test]
fn what_is_kept_for_want_of_better_counts() {
    let clock = ManualClock::new();
    let cache = manual(&clock).time_to_live(SECOND).stale_if_error(SECOND).build();
    cache.insert(1, 1);
    clock.advance(SECOND);
    assert_eq!((cache.get(&1), cache.entry_count(), cache.weighted_size()), (None, 1, 1));
    assert_eq!(cache.try_get_with(1, || Err(())), Ok(1));
    clock.advance(SECOND);
    assert_eq!(counts(&cache), [0; 4]);
    validate(&cache);
}

#[test]
fn at_any_time_what_counts_is_what_can_be_found() {
    for seed in 0..20 {
        let mut random = StdRng::seed_from_u64(seed);
        let clock = ManualClock::new();
        let weighted = seed % 2 == 0;
        let mut builder = manual(&clock).max_capacity(200).time_to_live(3_600 * SECOND);
        if weighted {
            builder = builder.weigher(|_, &value| (value % 5) as u32);
        }
        let cache = builder.build();
        for step in 0..2_000_u64 {
            let key = random.random_range(0..300);
            // Of all magnitudes, so that all levels of the wheel are used.
            let time = Duration::from_nanos(1 << random.random_range(0..45));
            match random.random_range(0..20) {
                0..8 => cache.insert_with_ttl(key, step, time),
                8..10 => cache.insert(key, step),
                10 => _ = cache.set_ttl(&key, time),
                11 => _ = cache.invalidate(&key),
                12 if random.random_range(0..50) == 0 => cache.invalidate_all(),
                13 if random.random_range(0..20) == 0 => cache.run_pending_tasks(),
                14 if step == 1_000 => cache.set_max_capacity(2_000).unwrap(),
                15..18 => clock.advance(Duration::from_nanos(1 << random.random_range(0..40))),
                _ => _ = cache.get(&key),
            }
            if step % 16 == 0 {
                let counts = counts(&cache);
                assert_eq!(counts, [counts[3]; 4], "seed {seed}, step {step}");
                let weight = |(_, value)| if weighted { value % 5 } else { 1 };
                let weight: u64 = cache.iter().map(weight).sum();
                assert_eq!(cache.weighted_size(), weight, "seed {seed}, step {step}");
            }
        }
        validate(&cache);
    }
}

#[test]
fn the_bound_holds_for_whoever_counts_beside_others() {
    let clock = ManualClock::new();
    let cache: Numbers = Cache::builder().max_capacity(100).clock(&clock).build();
    thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|own| {
                let (cache, clock) = (&cache, &clock);
                scope.spawn(move || {
                    for i in 0..20_000_u64 {
                        cache.insert_with_ttl(i % 300, own, Duration::from_nanos(1 + i % 64));
                        if i % 16 == 0 {
                            clock.advance(Duration::from_nanos(8));
                        }
                    }
                })
            })
            .collect();
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            let stats = cache.stats();
            assert!(cache.entry_count() <= 100 && cache.weighted_size() <= 100);
            assert!(stats.entries <= 100);
        }
    });
    clock.advance(SECOND);
    cache.run_pending_tasks();
    assert_eq!(counts(&cache), [0; 4]);
    validate(&cache);
}
