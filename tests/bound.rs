//! The bound while threads insert: entries never exceed the capacity, not for a moment.

mod common;

use common::{join, validate};
use larder::{Cache, Maintenance};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

const THREADS: u32 = 4;
const ROUNDS: u64 = 20;
/// Of each thread, in each round.
const OPERATIONS: u64 = 500;

/// One thread's part of a storm over `keys` keys.
type Storm = fn(cache: &Cache<u64, u64>, rng: &mut SmallRng, keys: u64);

fn inserts(cache: &Cache<u64, u64>, rng: &mut SmallRng, keys: u64) {
    cache.insert(rng.random_range(0..keys), 1);
}

fn inserts_and_removals(cache: &Cache<u64, u64>, rng: &mut SmallRng, keys: u64) {
    let key = rng.random_range(0..keys);
    match rng.random_range(0..64) {
        0 => cache.invalidate_all(),
        1 => cache.insert_many((key..key + 10).map(|key| (key, 2))),
        2..22 => _ = cache.remove(&key),
        22..32 => _ = cache.add(key, 3),
        _ => cache.insert(key, 4),
    }
}

/// Storms a cache while one thread looks at the number of entries as fast as it can.
fn storm(cache: &Cache<u64, u64>, keys: u64, round: u64, storm: Storm) {
    let capacity = cache.limits().max_capacity();
    let running = AtomicU32::new(THREADS);
    let start = Barrier::new(THREADS as usize + 1);
    thread::scope(|scope| {
        let spawn = |thread| {
            let (start, running) = (&start, &running);
            scope.spawn(move || {
                let mut rng = SmallRng::seed_from_u64(round << 8 | u64::from(thread));
                start.wait();
                for _ in 0..OPERATIONS {
                    storm(cache, &mut rng, keys);
                }
                running.fetch_sub(1, Ordering::Relaxed);
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        start.wait();
        while running.load(Ordering::Relaxed) > 0 {
            let entries = cache.entry_count();
            assert!(entries <= capacity, "{entries} entries, {capacity} allowed");
        }
        join(threads);
    });
}

/// The sampler believes what the cache says of itself. So the storm pauses often, and then entries
/// are counted one by one; `tests/progress` does so while a thread is stopped within an insert.
#[test]
fn entries_never_exceed_the_capacity_and_are_counted_exactly_at_rest() {
    for (capacity, shards) in [(1, 1), (3, 1), (7, 4), (100, 1), (1_000, 4)] {
        for (name, f) in [("inserts", inserts as Storm), ("mixed", inserts_and_removals)] {
            let which = format!("capacity {capacity}, {shards} shards, {name}");
            let cache = Cache::builder().max_capacity(capacity).shards(shards).build();
            for round in 0..ROUNDS {
                storm(&cache, capacity * 3, round, f);
                let entries = cache.entry_count();
                assert_eq!(cache.iter().count() as u64, entries, "{which}: at rest");
                assert!(entries <= capacity, "{which}: {entries} entries");
                let stats = cache.stats();
                assert_eq!(stats.inserts - stats.departures(), entries, "{which}");
            }
            // Nothing was lost on the way: the whole capacity can still be used.
            for key in 0..20 * capacity {
                cache.insert(key, 0);
            }
            let entries = cache.entry_count();
            assert!(entries <= capacity && entries * 100 >= capacity * 97, "{which}: {entries}");
            validate(&cache);
        }
    }
}

/// One thread takes out what was invalidated while another counts.
#[test]
fn what_is_swept_meanwhile_makes_no_difference_to_who_counts() {
    const ROUNDS: u32 = 300;
    for weighed in [false, true] {
        let builder = Cache::builder().max_capacity(1_000).maintenance(Maintenance::Manual);
        let builder = if weighed { builder.weigher(|_, _| 2) } else { builder };
        let cache: Cache<u32, u32> = builder.build();
        thread::scope(|scope| {
            let counting = scope.spawn(|| {
                for round in 0..ROUNDS {
                    cache.insert_many((0..400).map(|key| (key, round)));
                    cache.invalidate_all();
                    for _ in 0..3 {
                        let stats = cache.stats();
                        assert_eq!((cache.entry_count(), cache.weighted_size()), (0, 0));
                        assert_eq!((stats.entries, stats.inserts - stats.departures()), (0, 0));
                    }
                }
            });
            while !counting.is_finished() {
                cache.run_pending_tasks();
            }
            join([counting]);
        });
        // Who sweeps may be interrupted while it is pinned, for longer than there are spare nodes:
        // then inserts are rejected. None is lost, though, and those of the first rounds find nodes
        // that were never used.
        let stats = cache.stats();
        assert_eq!(stats.inserts + stats.rejections, u64::from(ROUNDS) * 400, "{stats:?}");
        assert!(stats.inserts >= 20 * 400, "{stats:?}");
        validate(&cache);
    }
}
