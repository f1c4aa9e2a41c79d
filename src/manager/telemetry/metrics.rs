//! The caches' numbers for a recorder of the crate `metrics`, by the names that Micrometer has for
//! caches, as Prometheus writes them.
//!
//! Numbers are taken from the statistics now and then, so an operation costs what it costs without.

use super::Seen;
use crate::{CacheStats, LoadTimes};
use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram,
    gauge, histogram, with_recorder,
};
use std::{collections::HashMap, time::Duration};

const GETS: &str = "cache_gets_total";
const PUTS: &str = "cache_puts_total";
const EVICTIONS: &str = "cache_evictions_total";
const REMOVALS: &str = "cache_removals_total";
const SIZE: &str = "cache_size";
const CAPACITY: &str = "cache_capacity";
const MEMORY: &str = "cache_memory_bytes";
const LOADS: &str = "cache_loads_total";
const LOAD_DURATION: &str = "cache_load_duration_seconds";

/// So many recorders are told apart.
const RECORDERS: usize = 8;

/// The handles of all caches, with each recorder: by where that is in memory. An application may
/// install its recorder after it has built its caches, and have others besides.
#[derive(Debug, Default)]
pub(in super::super) struct Meters(Vec<(usize, HashMap<String, CacheMeters>)>);

impl Meters {
    /// Brings the recorder up to date.
    pub(in super::super) fn publish(&mut self, caches: &[Seen]) {
        let recorder = with_recorder(|recorder| std::ptr::from_ref(recorder).cast::<()>().addr());
        let known = self.0.iter().position(|it| it.0 == recorder);
        let known = known.unwrap_or_else(|| {
            if self.0.len() == RECORDERS {
                self.0.remove(0);
            }
            describe();
            self.0.push((recorder, HashMap::new()));
            self.0.len() - 1
        });
        let meters_of = &mut self.0[known].1;
        for seen @ Seen { name, .. } in caches {
            if !meters_of.contains_key(name) {
                let unit = if seen.cache.is_weighted() { "bytes" } else { "entries" };
                meters_of.insert(name.clone(), CacheMeters::new(name, unit));
            }
            if let Some(meters) = meters_of.get_mut(name) {
                meters.publish(seen);
            }
        }
    }
}

fn describe() {
    describe_counter!(GETS, Unit::Count, "Lookups, by whether they found their key");
    describe_counter!(PUTS, Unit::Count, "Values that were stored, new ones and replacements");
    describe_counter!(EVICTIONS, Unit::Count, "Entries that left by themselves, by the cause");
    describe_counter!(REMOVALS, Unit::Count, "Entries removed by request, by the cause");
    describe_gauge!(SIZE, Unit::Count, "Entries in the cache");
    describe_gauge!(CAPACITY, "The most that the cache may hold: entries, or bytes of values");
    describe_gauge!(MEMORY, Unit::Bytes, "Bytes in use, for the cache's structures and for values");
    describe_counter!(LOADS, Unit::Count, "Loaders that have run, by what came of them");
    describe_histogram!(LOAD_DURATION, Unit::Seconds, "How long loaders took");
}

#[derive(Debug)]
struct CacheMeters {
    hits: Counter,
    misses: Counter,
    puts: Counter,
    evicted: Counter,
    expired: Counter,
    removed: Counter,
    invalidated: Counter,
    size: Gauge,
    capacity: Gauge,
    structures: Gauge,
    values: Gauge,
    loads: Counter,
    load_failures: Counter,
    load_duration: Histogram,
    /// Whose loads the histogram has.
    published: CacheStats,
}

impl CacheMeters {
    /// `unit` is what the cache's capacity counts, which is for life.
    fn new(name: &str, unit: &'static str) -> Self {
        let cache = || name.to_owned();
        Self {
            hits: counter!(GETS, "cache" => cache(), "result" => "hit"),
            misses: counter!(GETS, "cache" => cache(), "result" => "miss"),
            puts: counter!(PUTS, "cache" => cache()),
            evicted: counter!(EVICTIONS, "cache" => cache(), "cause" => "size"),
            expired: counter!(EVICTIONS, "cache" => cache(), "cause" => "expired"),
            removed: counter!(REMOVALS, "cache" => cache(), "cause" => "explicit"),
            invalidated: counter!(REMOVALS, "cache" => cache(), "cause" => "invalidated"),
            size: gauge!(SIZE, "cache" => cache()),
            capacity: gauge!(CAPACITY, "cache" => cache(), "unit" => unit),
            structures: gauge!(MEMORY, "cache" => cache(), "part" => "structures"),
            values: gauge!(MEMORY, "cache" => cache(), "part" => "values"),
            loads: counter!(LOADS, "cache" => cache(), "result" => "success"),
            load_failures: counter!(LOADS, "cache" => cache(), "result" => "failure"),
            load_duration: histogram!(LOAD_DURATION, "cache" => cache()),
            published: CacheStats::default(),
        }
    }

    fn publish(&mut self, Seen { stats, capacity, cache, .. }: &Seen) {
        let memory = cache.memory();
        self.capacity.set(*capacity as f64);
        self.structures.set(memory.structures as f64);
        self.values.set(memory.values as f64);
        self.hits.absolute(stats.hits);
        self.misses.absolute(stats.misses);
        self.puts.absolute(stats.inserts + stats.updates);
        self.evicted.absolute(stats.evictions);
        self.expired.absolute(stats.expirations);
        self.removed.absolute(stats.removals);
        self.invalidated.absolute(stats.invalidations);
        self.size.set(stats.entries as f64);
        self.loads.absolute(stats.loads.saturating_sub(stats.load_failures));
        self.load_failures.absolute(stats.load_failures);
        let since = *stats - self.published;
        for (seconds, loads) in durations(&since.load_times, since.load_time) {
            self.load_duration.record_many(seconds, loads as usize);
        }
        self.published = *stats;
    }
}

/// How long loads took, in seconds, and how many of them took that long.
///
/// Of each load its power of two is known, and of all together how long they took. So they are
/// taken to be at the same place between the bounds of theirs, which is where the sum comes out
/// right.
fn durations(times: &LoadTimes, total: Duration) -> Vec<(f64, u64)> {
    let mut lower = 0.0;
    let buckets: Vec<_> = times
        .iter()
        .map(|(bound, loads)| {
            let from = std::mem::replace(&mut lower, bound.as_secs_f64());
            // The last has no bound, and says the one before.
            let width = if lower > from { lower - from } else { from };
            (from, width, loads)
        })
        .filter(|(_, _, loads)| *loads > 0)
        .collect();
    let sum = |of: fn(&(f64, f64, u64)) -> f64| -> f64 {
        buckets.iter().map(|bucket| of(bucket) * bucket.2 as f64).sum()
    };
    let place = (total.as_secs_f64() - sum(|bucket| bucket.0)) / sum(|bucket| bucket.1);
    // Counters of loads that are just ending may not fit together.
    let place = place.clamp(0.0, 1.0);
    buckets.iter().map(|(from, width, loads)| (from + width * place, *loads)).collect()
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::Cache;

    #[test]
    fn durations_are_between_their_bounds_and_their_sum_is_right() {
        let cache = Cache::new(100);
        for key in 0..40_u64 {
            cache.get_with(key, || std::thread::sleep(Duration::from_micros(50 * (key % 5))));
        }
        let stats = cache.stats();
        let durations = durations(&stats.load_times, stats.load_time);
        let sum: f64 = durations.iter().map(|(seconds, loads)| seconds * *loads as f64).sum();
        assert!((sum / stats.load_time.as_secs_f64() - 1.0).abs() < 1e-6, "{sum} s");
        assert_eq!(durations.iter().map(|(_, loads)| loads).sum::<u64>(), 40);
        let mut lower = Duration::ZERO;
        let mut of_bucket = durations.iter();
        for (bound, loads) in stats.load_times.iter().filter_map(|(bound, loads)| {
            let from = std::mem::replace(&mut lower, bound);
            (loads > 0).then_some((from.as_secs_f64()..=bound.as_secs_f64(), loads))
        }) {
            let (seconds, there) = of_bucket.next().unwrap();
            assert!(bound.contains(seconds), "{seconds} s in {bound:?}");
            assert_eq!(*there, loads);
        }
        assert_eq!(of_bucket.next(), None);
    }

    #[test]
    fn no_loads_have_no_durations() {
        assert_eq!(durations(&LoadTimes::default(), Duration::ZERO), []);
    }
}
