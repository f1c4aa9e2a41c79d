//! Who stays: what eviction is good for, as hit ratios beside an exact LRU of the same capacity.

use crate::Cache;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::collections::{BTreeMap, HashMap};

/// The plain thing: whoever was used least recently goes.
struct Lru {
    capacity: usize,
    now: u64,
    last_use: HashMap<u64, u64>,
    by_use: BTreeMap<u64, u64>,
}

impl Lru {
    fn new(capacity: u64) -> Self {
        let capacity = capacity as usize;
        Self { capacity, now: 0, last_use: HashMap::new(), by_use: BTreeMap::new() }
    }

    /// Looks a key up, and inserts it if it is not there; whether it was.
    fn access(&mut self, key: u64) -> bool {
        self.now += 1;
        let before = self.last_use.insert(key, self.now);
        self.by_use.insert(self.now, key);
        if let Some(before) = before {
            self.by_use.remove(&before);
        } else if self.last_use.len() > self.capacity {
            let (_, oldest) = self.by_use.pop_first().expect("there are more than none");
            self.last_use.remove(&oldest);
        }
        before.is_some()
    }
}

fn cache(capacity: u64) -> Cache<u64, u64> {
    Cache::builder().max_capacity(capacity).shards(1).build()
}

/// As [`Lru::access`].
fn access(cache: &Cache<u64, u64>, key: u64) -> bool {
    let hit = cache.get(&key).is_some();
    if !hit {
        cache.insert(key, key);
    }
    hit
}

/// The hit ratios of a cache and of LRU over the same keys.
fn hit_ratios(capacity: u64, keys: impl IntoIterator<Item = u64>) -> (f64, f64) {
    let (cache, mut lru) = (cache(capacity), Lru::new(capacity));
    let (mut hits, mut lru_hits, mut n) = (0, 0, 0);
    for key in keys {
        hits += u32::from(access(&cache, key));
        lru_hits += u32::from(lru.access(key));
        n += 1;
    }
    cache.validate();
    assert_eq!(cache.entry_count(), capacity, "not even full");
    (f64::from(hits) / f64::from(n), f64::from(lru_hits) / f64::from(n))
}

/// Keys of which a few are very frequent: of `keys` of them, key k with a chance like 1/(k+1).
fn skewed(keys: u64, seed: u64) -> impl Iterator<Item = u64> {
    let mut rng = SmallRng::seed_from_u64(seed);
    // The inverse of the harmonic sum, nearly: exp of a uniform number.
    std::iter::repeat_with(move || ((keys as f64).powf(rng.random::<f64>()) - 1.0) as u64)
}

const CAPACITY: u64 = 1_000;

#[test]
fn a_scan_does_not_push_out_what_is_in_use() {
    let cache = cache(CAPACITY);
    let hot = 0..CAPACITY / 2;
    for _ in 0..5 {
        hot.clone().for_each(|key| _ = access(&cache, key));
    }
    for key in 0..20 * CAPACITY {
        access(&cache, 1_000_000 + key);
    }
    let left = hot.clone().filter(|key| cache.contains_key(key)).count() as u64;
    assert!(left * 100 >= hot.end * 95, "{left} of {} are left", hot.end);
    cache.validate();
}

#[test]
fn a_loop_that_does_not_quite_fit_is_kept_in_part() {
    // LRU always throws out the key that comes next, and has not a single hit.
    let rounds = (0..30).flat_map(|_| 0..CAPACITY * 5 / 4);
    let (ratio, lru) = hit_ratios(CAPACITY, rounds);
    assert_eq!(lru, 0.0);
    assert!(ratio > 0.5, "{ratio:.3}");
}

#[test]
fn frequent_keys_are_kept_at_least_as_well_as_by_lru() {
    let (ratio, lru) = hit_ratios(CAPACITY, skewed(100_000, 1).take(300_000));
    assert!(ratio > lru + 0.01, "{ratio:.3}, LRU {lru:.3}");
}

#[test]
fn frequent_keys_are_kept_through_scans() {
    let mut next = 10_000_000;
    let mut skewed = skewed(50_000, 2);
    let keys = (0..300_000).map(|i| {
        // Every other two thousand keys are never seen again.
        if i / 2_000 % 2 == 0 {
            return skewed.next().expect("endless");
        }
        next += 1;
        next
    });
    let (ratio, lru) = hit_ratios(CAPACITY, keys);
    assert!(ratio > lru + 0.03, "{ratio:.3}, LRU {lru:.3}");
}

#[test]
fn recent_keys_are_kept_where_only_those_come_back() {
    // Each key is used a few times soon after it appeared, and then never again.
    let mut rng = SmallRng::seed_from_u64(3);
    let keys = (0..300_000_u64).map(|i| i / 4 - rng.random_range(0..CAPACITY / 2).min(i / 4));
    let (ratio, lru) = hit_ratios(CAPACITY, keys);
    assert!(ratio > lru - 0.05, "{ratio:.3}, LRU {lru:.3}");
}

#[test]
fn a_new_set_of_keys_takes_the_place_of_the_old_one() {
    let cache = cache(CAPACITY);
    for era in 0..5 {
        let keys = era * 1_000_000..era * 1_000_000 + CAPACITY * 7 / 10;
        let mut hits = 0;
        for round in 0..20 {
            let now = keys.clone().filter(|key| access(&cache, *key)).count() as u64;
            hits = if round < 10 { 0 } else { hits + now };
        }
        let most = 10 * (keys.end - keys.start);
        assert!(hits * 100 > most * 80, "era {era}: {hits} hits of {most}");
    }
    cache.validate();
}

#[test]
fn what_is_only_peeked_at_is_not_in_use() {
    let cache = cache(CAPACITY);
    (0..CAPACITY * 3 / 4).for_each(|key| cache.insert(key, key));
    let (peeked, used) = (0..CAPACITY / 4, CAPACITY / 4..CAPACITY / 2);
    for _ in 0..10 {
        peeked.clone().for_each(|key| assert!(cache.peek(&key).is_some()));
        used.clone().for_each(|key| assert!(cache.get(&key).is_some()));
    }
    // New keys that are in use, too, so that somebody has to go.
    for key in CAPACITY..2 * CAPACITY {
        (0..5).for_each(|_| _ = access(&cache, key));
    }
    let left = |keys: std::ops::Range<u64>| keys.filter(|key| cache.contains_key(key)).count();
    let (peeked, used) = (left(peeked), left(used));
    assert!(used >= peeked, "{used} that are used are left, {peeked} that are not");
}
