//! A bad hash function costs entries and speed. It does not cost the bound, nor any answer.

mod common;

use common::validate;
use larder::Cache;
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher},
};

/// A hasher that is as bad as its function.
#[derive(Clone, Copy)]
struct Weak(fn(u64) -> u64);

struct WeakHasher(fn(u64) -> u64, u64);

impl BuildHasher for Weak {
    type Hasher = WeakHasher;

    fn build_hasher(&self) -> WeakHasher {
        WeakHasher(self.0, 0)
    }
}

impl Hasher for WeakHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.1 = self.1 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.1 = key;
    }

    fn finish(&self) -> u64 {
        (self.0)(self.1)
    }
}

const CONSTANT: Weak = Weak(|_| 0);

/// Two sets of 14 slots each: what fits of keys that all collide.
const COLLIDING: u64 = 28;

const HASHERS: [(&str, Weak); 7] = [
    ("identity", Weak(|key| key)),
    ("constant", CONSTANT),
    ("all ones", Weak(|_| u64::MAX)),
    ("four values", Weak(|key| key % 4)),
    ("high bits only", Weak(|key| key << 56)),
    ("multiples of 2^32", Weak(|key| key << 32)),
    ("negated", Weak(|key| !key)),
];

/// Every answer is compared with a map that knows the last value of each key.
#[test]
fn every_answer_is_right_whatever_the_hash() {
    for (name, hasher) in HASHERS {
        for (capacity, shards) in [(1, 1), (7, 1), (20, 2), (28, 1), (29, 1), (100, 1), (1_000, 4)]
        {
            let which = format!("{name}, capacity {capacity}, {shards} shards");
            let cache =
                Cache::builder().max_capacity(capacity).shards(shards).hasher(hasher).build();
            let mut last = HashMap::new();
            let mut state = 1_u64;
            for step in 0..10_000_u64 {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                let (key, op) = (state >> 33 & 127, state >> 60);
                match op {
                    0..6 => {
                        cache.insert(key, step);
                        last.insert(key, step);
                        assert_eq!(cache.peek(&key), Some(step), "{which}: just inserted");
                    }
                    6..8 => {
                        let present = cache.peek(&key);
                        assert_eq!(cache.add(key, step), present.is_none(), "{which}");
                        if present.is_none() {
                            last.insert(key, step);
                        }
                    }
                    8..10 => {
                        if let Some(value) = cache.remove(&key) {
                            assert_eq!(Some(&value), last.get(&key), "{which}");
                        }
                        last.remove(&key);
                    }
                    _ => match cache.get(&key) {
                        Some(value) => assert_eq!(Some(&value), last.get(&key), "{which}"),
                        None => drop(last.remove(&key)),
                    },
                }
                assert!(cache.entry_count() <= capacity, "{which}");
            }
            let all: HashMap<_, _> = cache.iter().collect();
            assert_eq!(all.len() as u64, cache.entry_count(), "{which}");
            assert!(all.iter().all(|(key, value)| last.get(key) == Some(value)), "{which}");
            let stats = cache.stats();
            assert_eq!(stats.inserts - stats.departures(), stats.entries, "{which}");
            assert_eq!(stats.rejections, 0, "{which}");
            validate(&cache);
        }
    }
}

#[test]
fn colliding_keys_fill_one_pair_of_sets_and_no_more() {
    for capacity in [COLLIDING - 1, COLLIDING, COLLIDING + 1, 1_000] {
        let cache = Cache::builder().max_capacity(capacity).shards(1).hasher(CONSTANT).build();
        for key in 0..500_u64 {
            cache.insert(key, key);
            assert_eq!(cache.get(&key), Some(key));
            let bound = capacity.min(COLLIDING).min(key + 1);
            assert_eq!(cache.entry_count(), bound, "capacity {capacity}");
        }
        assert_eq!(cache.iter().count() as u64, capacity.min(COLLIDING));
        cache.invalidate_all();
        assert_eq!(cache.entry_count(), 0);
        validate(&cache);
    }
}

#[test]
fn sequential_keys_under_the_identity_hash_fit_as_well_as_hashed_ones() {
    let identity = Weak(|key| key);
    for capacity in [100, 5_000, 100_000] {
        let cache = Cache::builder().max_capacity(capacity).hasher(identity).build();
        cache.insert_many((0..capacity).map(|key| (key, ())));
        let present = cache.entry_count();
        assert!(present * 100 >= capacity * 99, "{present} of {capacity} are there");
        validate(&cache);
    }
}
