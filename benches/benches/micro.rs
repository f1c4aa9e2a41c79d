//! Single operations under criterion: larder beside quick_cache.
//!
//! `cargo bench -p larder-bench` runs all of them; a name such as `get_hit` after `--` chooses. The
//! caches hold 100,000 entries of u64 and get the same hasher. Keys come from an array that is
//! walked from front to back and drawn with Zipf 0.99 where it matters.

use std::hint::black_box;
use std::time::Duration;

use ahash::RandomState;
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use quick_cache::UnitWeighter;
use quick_cache::sync::DefaultLifecycle;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand_distr::{Distribution, Zipf};

/// Entries that a cache holds.
const ENTRIES: u64 = 100_000;

/// Gets that share a pin.
const BATCH: usize = 64;

/// What the benchmarks need of a cache.
trait Cache {
    const NAME: &'static str;

    fn build(capacity: u64) -> Self;
    fn get(&self, key: u64) -> Option<u64>;
    /// Gets all the keys, under one pin where there is one, and returns the hits.
    fn get_batch(&self, keys: &[u64]) -> usize;
    fn insert(&self, key: u64, value: u64);
    fn remove(&self, key: u64);
}

struct Larder(larder::Cache<u64, u64, RandomState>);

impl Cache for Larder {
    const NAME: &'static str = "larder";

    fn build(capacity: u64) -> Self {
        Self(larder::Cache::builder().max_capacity(capacity).hasher(hasher()).build())
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }

    #[inline]
    fn get_batch(&self, keys: &[u64]) -> usize {
        let pinned = self.0.pin();
        keys.iter().filter(|key| black_box(pinned.get(*key)).is_some()).count()
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        self.0.insert(key, value);
    }

    #[inline]
    fn remove(&self, key: u64) {
        self.0.remove(&key);
    }
}

struct QuickCache(quick_cache::sync::Cache<u64, u64, UnitWeighter, RandomState>);

impl Cache for QuickCache {
    const NAME: &'static str = "quick_cache";

    fn build(capacity: u64) -> Self {
        let (entries, lifecycle) = (capacity as usize, DefaultLifecycle::default());
        Self(quick_cache::sync::Cache::with(entries, capacity, UnitWeighter, hasher(), lifecycle))
    }

    #[inline]
    fn get(&self, key: u64) -> Option<u64> {
        self.0.get(&key)
    }

    /// Has no pin: single gets.
    #[inline]
    fn get_batch(&self, keys: &[u64]) -> usize {
        keys.iter().filter(|key| black_box(self.0.get(*key)).is_some()).count()
    }

    #[inline]
    fn insert(&self, key: u64, value: u64) {
        self.0.insert(key, value);
    }

    #[inline]
    fn remove(&self, key: u64) {
        self.0.remove(&key);
    }
}

fn hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

/// Zipf 0.99 over `0..ENTRIES`.
fn zipf() -> Vec<u64> {
    let mut rng = SmallRng::seed_from_u64(1);
    let zipf = Zipf::new(ENTRIES as f64, 0.99).expect("valid parameters");
    (0..1 << 20).map(|_| zipf.sample(&mut rng) as u64 - 1).collect()
}

/// A cache that holds `0..ENTRIES`, with room to spare.
fn filled<C: Cache>() -> C {
    let cache = C::build(ENTRIES + ENTRIES / 4);
    for key in 0..ENTRIES {
        cache.insert(key, key);
    }
    cache
}

/// Walks an array for ever.
struct Walk<'a> {
    keys: &'a [u64],
    at: usize,
}

impl Walk<'_> {
    #[inline]
    fn next(&mut self) -> u64 {
        let key = self.keys[self.at];
        self.at = (self.at + 1) & (self.keys.len() - 1);
        key
    }

    /// The length of the array is a multiple of the batch.
    #[inline]
    fn batch(&mut self) -> &[u64] {
        let batch = &self.keys[self.at..self.at + BATCH];
        self.at = (self.at + BATCH) & (self.keys.len() - 1);
        batch
    }
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn get_hit<C: Cache>(group: &mut Group<'_>, keys: &[u64]) {
    let (cache, mut walk) = (filled::<C>(), Walk { keys, at: 0 });
    group.bench_function(BenchmarkId::from_parameter(C::NAME), |b| {
        b.iter(|| cache.get(walk.next()));
    });
}

fn get_miss<C: Cache>(group: &mut Group<'_>, keys: &[u64]) {
    let (cache, mut walk) = (filled::<C>(), Walk { keys, at: 0 });
    group.bench_function(BenchmarkId::from_parameter(C::NAME), |b| {
        b.iter(|| cache.get(walk.next() + ENTRIES));
    });
}

fn insert_evicting<C: Cache>(group: &mut Group<'_>, _keys: &[u64]) {
    let cache = C::build(ENTRIES);
    let mut key = 0;
    let mut insert = || {
        cache.insert(key, key);
        key += 1;
    };
    (0..2 * ENTRIES).for_each(|_| insert());
    group.bench_function(BenchmarkId::from_parameter(C::NAME), |b| b.iter(&mut insert));
}

fn remove<C: Cache>(group: &mut Group<'_>, _keys: &[u64]) {
    let cache = filled::<C>();
    let mut at = 0;
    group.bench_function(BenchmarkId::from_parameter(C::NAME), |b| {
        // What one iteration removes is put back outside the clock, before the next one.
        let setup = || {
            let first = at;
            at = (at + BATCH as u64) % (ENTRIES - BATCH as u64);
            (first..first + BATCH as u64).for_each(|key| cache.insert(key, key));
            first
        };
        let work = |first: u64| (first..first + BATCH as u64).for_each(|key| cache.remove(key));
        b.iter_batched(setup, work, BatchSize::PerIteration);
    });
}

fn get_pinned<C: Cache>(group: &mut Group<'_>, keys: &[u64]) {
    let (cache, mut walk) = (filled::<C>(), Walk { keys, at: 0 });
    group.bench_function(BenchmarkId::from_parameter(C::NAME), |b| {
        b.iter(|| cache.get_batch(walk.batch()));
    });
}

fn benches(criterion: &mut Criterion) {
    let keys = zipf();
    let mut both = |name: &str, operations: usize, functions: [fn(&mut Group<'_>, &[u64]); 2]| {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(operations as u64));
        for function in functions {
            function(&mut group, &keys);
        }
        group.finish();
    };
    both("get_hit", 1, [get_hit::<Larder>, get_hit::<QuickCache>]);
    both("get_miss", 1, [get_miss::<Larder>, get_miss::<QuickCache>]);
    both("insert_evicting", 1, [insert_evicting::<Larder>, insert_evicting::<QuickCache>]);
    both("remove_64", BATCH, [remove::<Larder>, remove::<QuickCache>]);
    both("get_pinned_64", BATCH, [get_pinned::<Larder>, get_pinned::<QuickCache>]);
}

criterion_group! {
    name = micro;
    config = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = benches
}
criterion_main!(micro);
