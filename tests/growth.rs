//! Caches that come to hold more than they were built for.

mod common;

use common::{Census, Counted, validate};
use larder::{
    Cache, CacheBuilder, CacheStats, Maintenance, ManualClock, ResizeError, ops::compute::Op,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// A cache of entries that weigh 1 each, built for a few.
fn light(capacity: u64, estimate: u64) -> CacheBuilder<u64, u64> {
    Cache::builder().max_capacity(capacity).estimated_entries(estimate).weigher(|_, _| 1)
}

#[test]
fn entries_that_fit_by_weight_are_kept_whatever_the_estimate() {
    for (estimate, shards, entries) in [(1_000, 1, 200_000), (1, 1, 20_000), (64, 16, 20_000)] {
        let cache = light(300_000, estimate).shards(shards).build();
        (0..entries).for_each(|key| cache.insert(key, key));
        assert_eq!((cache.entry_count(), cache.stats().evictions), (entries, 0));
        assert!((0..entries).all(|key| cache.get(&key) == Some(key)));
        assert!((entries..entries + 1_000).all(|key| cache.get(&key).is_none()));
        validate(&cache);
    }
}

#[test]
fn a_grown_cache_keeps_its_bound_and_what_is_used() {
    let cache = light(20_000, 1_000).build();
    let mut rng = SmallRng::seed_from_u64(5);
    for key in 0..120_000 {
        cache.insert(key, key);
        cache.get(&rng.random_range(0..1_000));
        if key % 8 == 0 {
            cache.insert(rng.random_range(0..1_000), 1);
        }
    }
    assert_eq!((cache.entry_count(), cache.weighted_size()), (20_000, 20_000));
    let used = (0..1_000).filter(|key| cache.get(key).is_some()).count();
    assert!(used > 950, "{used} of 1,000 that are in use");
    validate(&cache);
}

/// Each key of the first, small tier is written again and again while others push the cache up.
/// Only an insert that is rejected may take one away: the tier has nodes to spare, but not for as
/// long as an interrupted thread may be pinned.
#[test]
fn keys_that_are_always_there_are_found_by_everybody_with_the_latest_value() {
    const HELD: u64 = 500;
    let cache = light(1_000_000, 100).build();
    (0..HELD).for_each(|key| cache.insert(key, 0));
    let (done, round) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seen = [0; HELD as usize];
                while !done.load(Ordering::Relaxed) {
                    for key in 0..HELD {
                        let Some(value) = cache.get(&key) else {
                            assert!(cache.stats().rejections > 0, "{key} is always there");
                            continue;
                        };
                        let last = &mut seen[key as usize];
                        assert!(*last <= value, "{value} after {last}");
                        *last = value;
                    }
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let value = round.fetch_add(1, Ordering::Relaxed) + 1;
                (0..HELD).for_each(|key| cache.insert(key, value));
            }
        });
        (HELD..60_000).for_each(|key| cache.insert(key, key));
        done.store(true, Ordering::Relaxed);
    });
    let CacheStats { entries, evictions, rejections, .. } = cache.stats();
    assert!(evictions == 0 && entries <= 60_000, "{entries} entries, {evictions} evictions");
    assert!(entries + rejections >= 60_000, "{entries} entries, {rejections} rejections");
    validate(&cache);
}

#[test]
fn threads_that_grow_a_cache_together_lose_nothing() {
    const EACH: u64 = 40_000;
    let cache = light(1_000_000, 100).build();
    thread::scope(|scope| {
        for seed in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                // All of them the same keys, each in an order of its own.
                let mut keys: Vec<_> = (0..EACH).collect();
                let mut rng = SmallRng::seed_from_u64(seed);
                (0..keys.len()).for_each(|i| keys.swap(i, rng.random_range(0..EACH as usize)));
                keys.into_iter().for_each(|key| cache.insert(key, key));
            });
        }
    });
    let CacheStats { entries, inserts, removals, evictions, rejections, .. } = cache.stats();
    let there = (0..EACH).filter(|key| cache.get(key) == Some(*key)).count() as u64;
    assert_eq!((there, evictions), (entries, 0));
    // A key that was there goes with an insert of it that is rejected, and may come again.
    assert_eq!(inserts - removals, entries, "one copy of each");
    assert!(entries == EACH || rejections > 0, "{entries} of {EACH}");
    validate(&cache);
}

#[test]
fn only_one_of_several_adds_succeeds_while_the_cache_grows() {
    let cache = light(1_000_000, 100).build();
    let added = AtomicU64::new(0);
    thread::scope(|scope| {
        for id in 0..3 {
            let (cache, added) = (&cache, &added);
            scope.spawn(move || {
                let count = (0..60_000).filter(|&key| cache.add(key, id)).count();
                added.fetch_add(count as u64, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(added.into_inner(), 60_000);
    validate(&cache);
}

#[test]
fn every_value_is_dropped_once_though_entries_move_on_while_they_are_inserted() {
    let census = Census::default();
    for seed in 0..5 {
        let cache: Cache<u64, Counted> =
            Cache::builder().max_capacity(100_000).estimated_entries(10).weigher(|_, _| 1).build();
        thread::scope(|scope| {
            for id in 0..3 {
                let (cache, census) = (&cache, &census);
                scope.spawn(move || {
                    let mut rng = SmallRng::seed_from_u64(seed * 10 + id);
                    for i in 0..8_000 {
                        let key = rng.random_range(0..2_000 + i / 2);
                        if rng.random_range(0..4) == 0 {
                            drop(cache.remove(&key));
                        } else {
                            cache.insert(key, census.value(key));
                        }
                    }
                });
            }
        });
        validate(&cache);
        drop(cache);
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn a_cache_without_a_weigher_grows_when_it_is_told_to() {
    for shards in [1, 8] {
        let cache = Cache::builder().max_capacity(1_000).shards(shards).build();
        (0..1_000).for_each(|key| cache.insert(key, key));
        cache.set_max_capacity(50_000).unwrap();
        (1_000..50_000).for_each(|key| cache.insert(key, key));
        let present = cache.iter().count() as u64;
        assert!((49_500..=50_000).contains(&present), "{present} of 50,000");
        assert_eq!(present, cache.entry_count());
        validate(&cache);

        (50_000..130_000).for_each(|key| cache.insert(key, key));
        assert!(cache.entry_count() <= 50_000);
        let old = (0..1_000).filter(|key| cache.get(key).is_some()).count();
        assert!(old < 100, "{old} of 1,000 that nobody has used for long");
        validate(&cache);

        cache.set_max_capacity(700).unwrap();
        assert_eq!(cache.entry_count(), 700);
        cache.set_max_capacity(60_000).unwrap();
        (0..60_000).for_each(|key| cache.insert(key, key));
        assert!(cache.entry_count() >= 59_400);
        validate(&cache);
    }
}

#[test]
fn what_no_memory_can_hold_is_refused_and_nothing_has_changed() {
    let large = Cache::<u64, [u64; 1 << 20]>::new(4);
    for max_capacity in [1 << 28, 1 << 31] {
        let refused = large.set_max_capacity(max_capacity);
        assert_eq!(refused, Err(ResizeError::NoRoom { max_capacity, room: 4 }));
    }
    assert_eq!(large.limits().max_capacity(), 4);
    let cache = Cache::new(1_000);
    (0..2_000).for_each(|key: u64| cache.insert(key, key));
    for capacity in (1_000..40_000).step_by(7) {
        cache.set_max_capacity(capacity).unwrap();
    }
    validate(&cache);
}

/// Growing is no cure for keys that all have the same hash.
#[test]
fn keys_that_collide_do_not_make_a_cache_grow() {
    #[derive(Clone, Copy, Debug, Default)]
    struct Same;
    impl std::hash::BuildHasher for Same {
        type Hasher = std::hash::DefaultHasher;
        fn build_hasher(&self) -> Self::Hasher {
            Self::Hasher::new()
        }
    }
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Key(u64);
    impl std::hash::Hash for Key {
        fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
    }
    let cache = Cache::builder()
        .max_capacity(1_000_000)
        .estimated_entries(1_000)
        .weigher(|_: &Key, _: &u64| 1)
        .hasher(Same)
        .build();
    let before = cache.memory_usage();
    (0..10_000).for_each(|i| cache.insert(Key(i), i));
    assert!(cache.entry_count() <= 28, "one pair of sets");
    // More than that is not what other tests' threads make it need for a while.
    assert!(cache.memory_usage() < before + 1_000_000, "{} bytes", cache.memory_usage());
}

#[test]
fn times_tags_and_computations_go_on_across_tiers() {
    let clock = ManualClock::new();
    let cache = light(1_000_000, 100).clock(&clock).maintenance(Maintenance::Manual).build();
    let minute = Duration::from_secs(60);
    for key in 0..20_000_u64 {
        match key % 4 {
            0 => cache.insert(key, key),
            1 => cache.insert_with_ttl(key, key, minute),
            2 => cache.insert_tagged(key, key, ["even"]).unwrap(),
            _ => _ = cache.entry(key).and_compute_with(|_| Op::Put(key)),
        }
    }
    assert_eq!(cache.entry_count(), 20_000);
    // Once more, now that they are in all tiers.
    for key in (3..20_000).step_by(4) {
        cache.entry(key).and_compute_with(|entry| Op::Put(entry.map_or(0, |e| e.value() + 1)));
    }
    assert!((3..20_000).step_by(4).all(|key| cache.get(&key) == Some(key + 1)));
    let (_, version) = cache.get_versioned(&7).unwrap();
    cache.compare_and_swap(&7, version, 70).unwrap();
    assert!(cache.compare_and_swap(&7, version, 71).is_err());

    assert!(cache.set_ttl(&1, 3 * minute));
    clock.advance(2 * minute);
    assert!((5..20_000).step_by(4).all(|key| cache.get(&key).is_none()));
    assert_eq!(cache.get(&1), Some(1));
    cache.run_pending_tasks();
    assert_eq!(cache.entry_count(), 15_001);

    cache.invalidate_tag("even");
    assert!((2..20_000).step_by(4).all(|key| cache.get(&key).is_none()));
    assert_eq!(cache.entry_count(), 10_001);
    cache.run_pending_tasks();
    assert_eq!(cache.iter().count(), 10_001);
    validate(&cache);

    // A tier that comes while stale entries are swept is swept as well.
    cache.invalidate_all();
    (100_000..150_000).for_each(|key| cache.insert(key, key));
    assert_eq!((cache.entry_count(), cache.get(&0)), (50_000, None));
    cache.invalidate_all();
    cache.insert(1, 1);
    cache.run_pending_tasks();
    assert_eq!((cache.entry_count(), cache.iter().collect::<Vec<_>>()), (1, vec![(1, 1)]));
    validate(&cache);
    assert_eq!(cache.drain().count(), 1);
}

#[test]
fn a_load_finds_its_place_in_every_tier_and_a_write_wins_over_it() {
    let cache = light(1_000_000, 100).build();
    (0..30_000).for_each(|key| assert_eq!(cache.get_with(key, || key), key));
    assert_eq!((cache.entry_count(), cache.stats().loads), (30_000, 30_000));
    for key in (0..60_000).step_by(97) {
        cache.invalidate(&key);
        let loaded = cache.get_with(key, || {
            cache.insert(key, 1);
            2
        });
        assert_eq!((loaded, cache.get(&key)), (2, Some(1)));
    }
    validate(&cache);
}

/// A walk that has come to its end stays there.
#[test]
fn walks_are_over_when_they_are_though_the_cache_grows() {
    let cache = Cache::builder().max_capacity(100).shards(1).build();
    (0..100).for_each(|key: u64| cache.insert(key, key));
    let mut iter = cache.iter();
    assert_eq!(iter.by_ref().count(), 100);
    let mut drain = cache.drain();
    assert_eq!(drain.by_ref().count(), 100);
    cache.set_max_capacity(10_000).unwrap();
    (0..10_000).for_each(|key| cache.insert(key, key));
    assert_eq!((iter.next(), drain.next()), (None, None));
}

#[test]
fn writes_take_out_what_has_expired_in_every_tier() {
    let (clock, second) = (ManualClock::new(), Duration::from_secs(1));
    for rule in [true, false] {
        let builder = light(1_000_000, 100).clock(&clock).maintenance(Maintenance::Manual);
        let cache = if rule { builder.time_to_live(second).build() } else { builder.build() };
        for key in 0..20_000 {
            if rule {
                cache.insert(key, key);
            } else {
                cache.insert_with_ttl(key, key, second);
            }
        }
        clock.advance(2 * second);
        (20_000..60_000).for_each(|key| cache.insert(key, key));
        assert_eq!(cache.stats().expirations, 20_000);
        validate(&cache);
    }
}

/// All that can be done with a cache, while it grows, shrinks and grows again: each value that was
/// put in is told once when it leaves.
#[test]
fn every_value_is_told_once_whatever_tier_it_leaves() {
    const THREADS: u64 = 3;
    for seed in 0..12 {
        let told = Arc::new(Mutex::new(HashMap::<u64, u32>::new()));
        let clock = ManualClock::new();
        let hear = Arc::clone(&told);
        let weighted = seed % 2 == 0;
        let builder = Cache::builder()
            .max_capacity(if weighted { 20_000 } else { 40 })
            .shards(1 << (seed % 3))
            .clock(&clock)
            .maintenance(Maintenance::Manual)
            .eviction_listener(move |_: &u64, value: &Arc<u64>, _| {
                *hear.lock().unwrap().entry(**value).or_default() += 1;
            });
        let cache = if weighted {
            builder.estimated_entries(10).weigher(|key, _| (key % 5) as u32).build()
        } else {
            builder.build()
        };
        let (serial, sure) = (AtomicU64::new(0), Mutex::new(HashSet::new()));
        thread::scope(|scope| {
            for id in 0..THREADS {
                let (cache, clock, serial, sure) = (&cache, &clock, &serial, &sure);
                scope.spawn(move || {
                    let mut rng = SmallRng::seed_from_u64(seed * 16 + id);
                    let mut own = Vec::new();
                    let value = || Arc::new(serial.fetch_add(1, Ordering::Relaxed));
                    for i in 0..6_000_u64 {
                        let key = rng.random_range(0..30 + i / 4);
                        match rng.random_range(0..1_000) {
                            0..400 => {
                                let value = value();
                                own.push(*value);
                                cache.insert(key, value);
                            }
                            400..450 => {
                                let value = value();
                                own.push(*value);
                                let ttl = Duration::from_millis(rng.random_range(1..50));
                                cache.insert_with_ttl(key, value, ttl);
                            }
                            450..500 => {
                                let value = value();
                                own.push(*value);
                                cache.insert_tagged(key, value, [key % 3]).unwrap();
                            }
                            500..600 => drop(cache.remove(&key)),
                            600..650 => _ = cache.add(key, value()),
                            650..700 => {
                                cache.entry(key).and_compute_with(|entry| match entry {
                                    Some(_) if i % 3 == 0 => Op::Remove,
                                    _ => Op::Put(value()),
                                });
                            }
                            700..750 => _ = cache.get_with(key, value),
                            750..760 => clock.advance(Duration::from_millis(5)),
                            760..763 => cache.invalidate_tag(&(key % 3)),
                            763 => cache.invalidate_all(),
                            764 if !weighted => {
                                let capacity = rng.random_range(20..(100 + i));
                                cache.set_max_capacity(capacity).unwrap();
                            }
                            765 => drop(cache.drain().take(20).count()),
                            766 => cache.run_pending_tasks(),
                            767..800 => {
                                if let Some((_, version)) = cache.get_versioned(&key) {
                                    let _ = cache.compare_and_swap(&key, version, value());
                                }
                            }
                            _ => _ = cache.get(&key),
                        }
                    }
                    sure.lock().unwrap().extend(own);
                });
            }
        });
        // Beyond every time to live, lest entries be past that are not told yet.
        clock.advance(Duration::from_secs(1));
        cache.run_pending_tasks();
        validate(&cache);
        let told = told.lock().unwrap();
        let twice: Vec<_> = told.iter().filter(|&(_, &times)| times > 1).collect();
        assert!(twice.is_empty(), "seed {seed}: {twice:?}");
        let here: HashSet<_> = cache.iter().map(|(_, value)| *value).collect();
        assert!(here.iter().all(|value| !told.contains_key(value)), "seed {seed}");
        let sure = sure.into_inner().unwrap();
        let lost = sure.iter().filter(|&value| !here.contains(value) && !told.contains_key(value));
        assert_eq!(lost.count(), 0, "seed {seed}: neither there nor told");
    }
}
