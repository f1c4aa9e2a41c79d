//! Policies other than the default, each where it is meant to win.

mod common;

use common::validate;
use larder::{Cache, EvictionPolicy};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

/// Sizes between 1 and 1,000, most of them small, by key.
fn size(key: u64) -> u32 {
    let spread = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54;
    1 + (spread * spread / 1_050) as u32
}

/// Milliseconds that it takes to load a key: few, or a thousand.
fn cost(key: u64) -> u32 {
    if key % 16 == 3 { 1_000 } else { 5 }
}

/// Keys whose popularity falls with their number's rank.
fn skewed(seed: u64, keys: f64, count: usize) -> impl Iterator<Item = u64> {
    let mut rng = SmallRng::seed_from_u64(seed);
    (0..count).map(move |_| keys.powf(rng.random::<f64>()) as u64)
}

struct Result {
    hits: u64,
    /// What the misses cost.
    cost: u64,
}

fn replay(
    policy: EvictionPolicy,
    capacity: u64,
    weigh: fn(u64) -> u32,
    trace: impl Iterator<Item = u64>,
) -> Result {
    let cache = Cache::builder()
        .max_capacity(capacity)
        .estimated_entries(2_000)
        .weigher(move |&key: &u64, _: &()| weigh(key))
        .cost(|&key, _| cost(key))
        .eviction_policy(policy)
        .build();
    let mut result = Result { hits: 0, cost: 0 };
    for key in trace {
        if cache.get(&key).is_some() {
            result.hits += 1;
        } else {
            result.cost += u64::from(cost(key));
            cache.insert(key, ());
        }
    }
    assert!(cache.weighted_size() <= capacity);
    validate(&cache);
    result
}

#[test]
fn size_aware_has_more_hits_where_sizes_differ() {
    const LOOKUPS: u32 = 300_000;
    let hits = |policy| {
        let hits = replay(policy, 100_000, size, skewed(1, 20_000.0, LOOKUPS as usize)).hits;
        hits as f64 / f64::from(LOOKUPS)
    };
    let segmented = hits(EvictionPolicy::SegmentedLru);
    // Every cache, whatever its hashes are: a few large keys are in use all the time, and none of
    // them may be the worst of its set for ever.
    for _ in 0..4 {
        let aware = hits(EvictionPolicy::SizeAware);
        assert!(
            aware > 0.58 && aware > 1.1 * segmented,
            "{aware} hits, and {segmented} by default"
        );
    }
}

#[test]
fn cost_aware_has_cheaper_misses_where_costs_differ() {
    let costs = |policy| replay(policy, 100_000, size, skewed(2, 20_000.0, 300_000)).cost as f64;
    let (aware, segmented) =
        (costs(EvictionPolicy::CostAware), costs(EvictionPolicy::SegmentedLru));
    assert!(aware < 0.7 * segmented, "{aware} spent, and {segmented} by default");
    assert!(aware < 0.95 * costs(EvictionPolicy::SizeAware));
}

#[test]
fn least_recently_used_follows_what_is_used_now() {
    // Groups of keys that are used for a while, each a few times, and never again.
    let trace = || {
        let mut rng = SmallRng::seed_from_u64(3);
        (0..300_000_u64).map(move |i| i / 30 + rng.random_range(0..900))
    };
    let hits = |policy| replay(policy, 1_000, |_| 1, trace()).hits;
    let (lru, lfu) = (hits(EvictionPolicy::Lru), hits(EvictionPolicy::Lfu));
    assert!(lru > lfu, "{lru} hits, and {lfu} by frequency");
    assert!(lru > 280_000, "{lru}");
}

#[test]
fn least_frequently_used_keeps_what_is_used_always() {
    // Half of all lookups come from a scan.
    let trace = || skewed(4, 20_000.0, 150_000).zip(1_000_000..).flat_map(|(a, b)| [a, b]);
    let hits = |policy| replay(policy, 1_000, |_| 1, trace()).hits as f64;
    let (lfu, lru) = (hits(EvictionPolicy::Lfu), hits(EvictionPolicy::Lru));
    assert!(lfu > 1.03 * lru, "{lfu} hits, and {lru} by recency");
}

#[test]
fn every_policy_keeps_to_the_bound_and_the_rules() {
    for policy in [
        EvictionPolicy::SegmentedLru,
        EvictionPolicy::Lru,
        EvictionPolicy::Lfu,
        EvictionPolicy::SizeAware,
        EvictionPolicy::CostAware,
    ] {
        for shards in [1, 4] {
            let builder = Cache::builder().max_capacity(500).shards(shards).eviction_policy(policy);
            let cache: Cache<u64, u64> = builder.build();
            let mut rng = SmallRng::seed_from_u64(5);
            for i in 0..50_000 {
                let key = rng.random_range(0..2_000);
                match i % 8 {
                    0 => _ = cache.remove(&key),
                    1..4 => _ = cache.get(&key),
                    _ => cache.insert(key, i),
                }
                assert!(cache.entry_count() <= 500);
            }
            (0..5_000).for_each(|key| cache.insert(10_000 + key, key));
            assert_eq!(cache.entry_count(), 500, "{policy:?}");
            validate(&cache);
        }
    }
}
