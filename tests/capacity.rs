//! The bound, seen by one thread: exact after every operation, for the smallest caches too.

mod common;

use common::validate;
use larder::{BuildError, Cache};
use std::time::{Duration, Instant};

/// Two sets of 14. Up to so many keys fit exactly, however they are hashed; with more, one may find
/// its pair full before the cache is.
const SLOTS_OF_A_PAIR: u64 = 28;

#[test]
fn capacity_zero_stores_nothing_and_counts_it() {
    for shards in [1, 4] {
        let cache = Cache::builder().max_capacity(0).shards(shards).build();
        for key in 0..1_000 {
            cache.insert(key, key);
            assert!(!cache.add(key, key));
            assert_eq!((cache.get(&key), cache.entry_count()), (None, 0));
        }
        cache.insert_many([(1, 1), (2, 2)]);
        cache.run_pending_tasks();
        let stats = cache.stats();
        assert_eq!((stats.rejections, stats.inserts, stats.evictions), (2_002, 0, 0));
        assert_eq!((cache.remove(&1), cache.iter().count()), (None, 0));
        validate(&cache);
    }
}

#[test]
fn small_caches_hold_exactly_their_capacity() {
    for capacity in [1, 2, 3, 7] {
        for shards in [1, 2, 8] {
            let cache = Cache::builder().max_capacity(capacity).shards(shards).build();
            let which = format!("capacity {capacity}, {shards} shards");
            for key in 0..1_000 {
                cache.insert(key, key);
                assert_eq!(cache.entry_count(), capacity.min(key + 1), "{which}, key {key}");
                assert_eq!(cache.get(&key), Some(key), "{which}: what was just inserted");
            }
            assert_eq!(cache.iter().count() as u64, capacity, "{which}");
            let stats = cache.stats();
            assert_eq!((stats.evictions, stats.rejections), (1_000 - capacity, 0), "{which}");
            validate(&cache);
        }
    }
}

#[test]
fn the_bound_is_exact_through_every_mix_of_operations() {
    for capacity in [1, 2, 3, 7] {
        let cache = Cache::new(capacity);
        let mut state = 1_u64;
        // Fewer writes than there are spare nodes: another test's thread may be interrupted while
        // it is pinned, and keep all of them back.
        for step in 0..10_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let (key, op) = (state >> 33 & 15, state >> 60);
            let before = cache.entry_count();
            match op {
                0..8 => {
                    let present = cache.contains_key(&key);
                    cache.insert(key, step);
                    let now = if present { before } else { (before + 1).min(capacity) };
                    assert_eq!((cache.entry_count(), cache.peek(&key)), (now, Some(step)));
                }
                8..11 => {
                    let present = cache.contains_key(&key);
                    assert_eq!(cache.add(key, step), !present);
                    let now = if present { before } else { (before + 1).min(capacity) };
                    assert_eq!((cache.entry_count(), cache.contains_key(&key)), (now, true));
                }
                11..13 => {
                    let removed = cache.remove(&key).is_some();
                    assert_eq!(cache.entry_count(), before - u64::from(removed));
                }
                13 if step % 64 == 0 => {
                    cache.invalidate_all();
                    assert_eq!(cache.entry_count(), 0);
                }
                _ => {
                    let found = cache.get(&key).is_some();
                    assert_eq!(found, cache.contains_key(&key));
                    assert_eq!(cache.entry_count(), before);
                }
            }
            assert_eq!(cache.iter().count() as u64, cache.entry_count(), "counted one by one");
        }
        assert_eq!(cache.stats().rejections, 0);
        validate(&cache);
    }
}

#[test]
fn updating_a_full_cache_evicts_nobody() {
    for capacity in [1, 2, 3, 7, SLOTS_OF_A_PAIR] {
        let cache = Cache::new(capacity);
        cache.insert_many((0..capacity).map(|key| (key, 0)));
        for round in 1..20 {
            for key in 0..capacity {
                cache.insert(key, round);
            }
        }
        assert!((0..capacity).all(|key| cache.get(&key) == Some(19)), "capacity {capacity}");
        assert_eq!((cache.stats().evictions, cache.entry_count()), (0, capacity));
        validate(&cache);
    }
}

#[test]
fn removing_makes_room_for_others() {
    for capacity in [1, 2, 3, 7, SLOTS_OF_A_PAIR] {
        let cache = Cache::new(capacity);
        cache.insert_many((0..capacity).map(|key| (key, ())));
        for key in 0..capacity {
            assert!(cache.invalidate(&key));
            cache.insert(key + capacity, ());
        }
        assert!((capacity..2 * capacity).all(|key| cache.contains_key(&key)));
        assert_eq!((cache.stats().evictions, cache.entry_count()), (0, capacity));
        validate(&cache);
    }
}

#[test]
fn as_many_keys_as_the_capacity_fit() {
    for (capacity, shards) in [(100, None), (5_000, None), (100_000, None), (100_000, Some(64))] {
        let mut builder = Cache::builder().max_capacity(capacity);
        if let Some(shards) = shards {
            builder = builder.shards(shards);
        }
        let cache = builder.build();
        for key in 0..capacity {
            cache.insert(key, key);
        }
        let present = (0..capacity).filter(|key| cache.contains_key(key)).count() as u64;
        assert_eq!(present, cache.entry_count());
        assert!(present * 100 >= capacity * 99, "{present} of {capacity} are there");
        validate(&cache);
    }
}

#[test]
fn room_that_one_shard_leaves_is_used_by_another_before_anything_is_evicted() {
    // A fixed hash: with others, now and then a set is full.
    let hasher = larder::RandomState::with_seeds(1, 2, 3, 4);
    let cache = Cache::builder().max_capacity(1_000).shards(8).hasher(hasher).build();
    for era in 0..5 {
        // Leaves the room of each shard with that shard, in other parts than the next keys need.
        cache.invalidate_all();
        for key in 0..1_000 {
            cache.insert(era * 1_000 + key, ());
        }
        let stats = cache.stats();
        assert_eq!((stats.evictions, stats.entries), (0, 1_000), "era {era}");
    }
    validate(&cache);
}

#[test]
fn memory_that_cannot_be_had_is_an_error_and_comes_at_once() {
    let begin = Instant::now();
    for estimated_entries in [u64::MAX, u64::MAX / 2, 1 << 62, 1 << 48, 1 << 44] {
        let builder = Cache::<u64, u64>::builder().max_capacity(u64::MAX);
        let refused = builder.estimated_entries(estimated_entries).try_build();
        assert_eq!(refused.err(), Some(BuildError::EstimateOutOfMemory { estimated_entries }));
    }
    // Large entries reach the limit with fewer of them.
    let refused = Cache::<u64, [u64; 1 << 20]>::builder().max_capacity(1 << 28).try_build();
    let error = refused.expect_err("petabytes");
    assert_eq!(
        error.to_string(),
        "max_capacity: the memory for 268435456 entries cannot be had; ask for fewer"
    );
    assert!(begin.elapsed() < Duration::from_secs(10), "took {:?}", begin.elapsed());
}
