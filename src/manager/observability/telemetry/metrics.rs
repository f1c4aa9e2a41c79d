//! Publishes the caches' numbers to a recorder of the crate `metrics`, under Micrometer's names for
//! caches, as Prometheus writes them.
//!
//! The numbers are taken from the statistics at intervals, so they add nothing to the cost of an
//! operation.

use crate::{CacheStats, LoadTimes, manager::observability::observed::CacheSample};
use metrics::{
    Counter, Gauge, Histogram, Label, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, histogram, with_recorder,
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

/// The maximum number of recorders whose handles are kept.
const RECORDERS: usize = 8;

/// The handles of all caches with each recorder, by the recorder's address. An application may
/// install its recorder after it has built its caches, and may have several.
#[derive(Debug, Default)]
pub(crate) struct Meters(Vec<(usize, HashMap<String, CacheMeters>)>);

impl Meters {
    /// Updates the current recorder.
    pub(crate) fn publish(&mut self, caches: &[CacheSample]) {
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
        for observed @ CacheSample { name, .. } in caches {
            if !meters_of.contains_key(name) {
                let unit = if observed.cache.is_weighted() { "bytes" } else { "entries" };
                meters_of.insert(name.clone(), CacheMeters::new(name, unit));
            }
            if let Some(meters) = meters_of.get_mut(name) {
                meters.publish(observed);
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

/// A counter: its name, its label, and its value in the statistics.
type CounterOf = (&'static str, Option<(&'static str, &'static str)>, fn(&CacheStats) -> u64);

const COUNTERS: [CounterOf; 9] = [
    (GETS, Some(("result", "hit")), |stats| stats.hits),
    (GETS, Some(("result", "miss")), |stats| stats.misses),
    (PUTS, None, |stats| stats.inserts + stats.updates),
    (EVICTIONS, Some(("cause", "size")), |stats| stats.evictions),
    (EVICTIONS, Some(("cause", "expired")), |stats| stats.expirations),
    (REMOVALS, Some(("cause", "explicit")), |stats| stats.removals),
    (REMOVALS, Some(("cause", "invalidated")), |stats| stats.invalidations),
    (LOADS, Some(("result", "success")), |stats| stats.loads.saturating_sub(stats.load_failures)),
    (LOADS, Some(("result", "failure")), |stats| stats.load_failures),
];

#[derive(Debug)]
struct CacheMeters {
    counters: [Counter; COUNTERS.len()],
    size: Gauge,
    capacity: Gauge,
    structures: Gauge,
    values: Gauge,
    load_duration: Histogram,
    /// The statistics whose loads the histogram has.
    published: CacheStats,
}

impl CacheMeters {
    /// `unit` is what the cache's capacity counts, which does not change while the cache lives.
    fn new(name: &str, unit: &'static str) -> Self {
        let labels = |label: Option<(&'static str, &'static str)>| -> Vec<Label> {
            let cache = Label::new("cache", name.to_owned());
            [cache].into_iter().chain(label.map(|(key, value)| Label::new(key, value))).collect()
        };
        Self {
            counters: COUNTERS.map(|(name, label, _)| counter!(name, labels(label))),
            size: gauge!(SIZE, labels(None)),
            capacity: gauge!(CAPACITY, labels(Some(("unit", unit)))),
            structures: gauge!(MEMORY, labels(Some(("part", "structures")))),
            values: gauge!(MEMORY, labels(Some(("part", "values")))),
            load_duration: histogram!(LOAD_DURATION, labels(None)),
            published: CacheStats::default(),
        }
    }

    fn publish(&mut self, CacheSample { stats, capacity, cache, .. }: &CacheSample) {
        let memory = cache.memory();
        self.capacity.set(*capacity as f64);
        self.structures.set(memory.structures as f64);
        self.values.set(memory.values as f64);
        for (counter, (.., value)) in self.counters.iter().zip(COUNTERS) {
            counter.absolute(value(stats));
        }
        self.size.set(stats.entries as f64);
        let since = *stats - self.published;
        for (seconds, loads) in durations(&since.load_times, since.load_time) {
            self.load_duration.record_many(seconds, loads as usize);
        }
        self.published = *stats;
    }
}

/// Returns durations of loads in seconds, and the number of loads for each.
///
/// The statistics have each load's bucket, a power of two, and the sum of all durations. So every
/// load is assumed at the same relative place between the bounds of its bucket: the place for which
/// the sum is right.
fn durations(times: &LoadTimes, total: Duration) -> Vec<(f64, u64)> {
    let mut lower = 0.0;
    let buckets: Vec<_> = times
        .iter()
        .map(|(bound, loads)| {
            let from = std::mem::replace(&mut lower, bound.as_secs_f64());
            // The last bucket is open-ended, and repeats the bound of the one before.
            let width = if lower > from { lower - from } else { from };
            (from, width, loads)
        })
        .filter(|(_, _, loads)| *loads > 0)
        .collect();
    let sum = |of: fn(&(f64, f64, u64)) -> f64| -> f64 {
        buckets.iter().map(|bucket| of(bucket) * bucket.2 as f64).sum()
    };
    let place = (total.as_secs_f64() - sum(|bucket| bucket.0)) / sum(|bucket| bucket.1);
    // The counters may disagree while a load ends.
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
            let (seconds, counted) = of_bucket.next().unwrap();
            assert!(bound.contains(seconds), "{seconds} s in {bound:?}");
            assert_eq!(*counted, loads);
        }
        assert_eq!(of_bucket.next(), None);
    }

    #[test]
    fn no_loads_have_no_durations() {
        assert_eq!(durations(&LoadTimes::default(), Duration::ZERO), []);
    }
}
