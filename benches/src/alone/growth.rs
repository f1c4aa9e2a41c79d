//! `growth`: what an insert takes while a cache comes to hold thousands of times what it was built
//! for. Larder alone.

use std::time::Instant;

use hdrhistogram::Histogram;
use larder::Cache;
use serde::Serialize;

use crate::output::table::{Table, thousands};

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) entries: u32,
    /// What the cache is built for.
    pub(crate) estimate: u32,
}

/// Nanoseconds of single inserts, the clock's own included.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Times {
    mean: f64,
    p50: u64,
    p99: u64,
    p999: u64,
    p9999: u64,
    max: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Numbers {
    entries: u32,
    present: u64,
    evictions: u64,
    bytes_per_entry: f64,
    insert: Times,
    /// The same in a cache that was built for all of them.
    insert_into_room: Times,
    hit: f64,
    hit_in_room: f64,
    miss: f64,
    miss_in_room: f64,
}

pub(crate) fn run(plan: Plan) -> Numbers {
    let (cache, insert) = fill(plan.entries, plan.estimate);
    let present = (0..plan.entries).filter(|key| cache.contains_key(key)).count() as u64;
    let evictions = cache.stats().evictions;
    let bytes_per_entry = cache.memory_usage() as f64 / f64::from(plan.entries);
    let (hit, miss) = look(&cache, plan.entries);
    drop(cache);
    let (room, insert_into_room) = fill(plan.entries, plan.entries);
    let (hit_in_room, miss_in_room) = look(&room, plan.entries);
    Numbers {
        entries: plan.entries,
        present,
        evictions,
        bytes_per_entry,
        insert,
        insert_into_room,
        hit,
        hit_in_room,
        miss,
        miss_in_room,
    }
}

/// A cache of `entries` entries that weigh 1 each, all of which fit.
fn fill(entries: u32, estimate: u32) -> (Cache<u32, u64>, Times) {
    let cache = Cache::builder()
        .max_capacity(2 * u64::from(entries))
        .estimated_entries(estimate.into())
        .weigher(|_, _| 1)
        .build();
    let mut times =
        Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are valid");
    for key in 0..entries {
        let start = Instant::now();
        cache.insert(key, u64::from(key));
        times.saturating_record(start.elapsed().as_nanos() as u64);
    }
    let at = |quantile| times.value_at_quantile(quantile);
    let times = Times {
        mean: times.mean(),
        p50: at(0.5),
        p99: at(0.99),
        p999: at(0.999),
        p9999: at(0.9999),
        max: times.max(),
    };
    (cache, times)
}

/// Nanoseconds of lookups that find their key, and of those that do not.
fn look(cache: &Cache<u32, u64>, entries: u32) -> (f64, f64) {
    // A prime, so that keys come in no order that the cache has seen.
    let keys = || (0..entries).map(|i| (u64::from(i) * 1_000_003 % u64::from(entries)) as u32);
    let time = |offset: u32| {
        let start = Instant::now();
        let found = keys().filter(|key| cache.get(&(key + offset)).is_some()).count();
        std::hint::black_box(found);
        start.elapsed().as_nanos() as f64 / f64::from(entries)
    };
    (time(0), time(entries))
}

pub(crate) fn table(plan: Plan, numbers: &Numbers) -> Table {
    let title = format!(
        "Nanoseconds per insert, {} entries of u64 that fit by weight",
        thousands(plan.entries.into()),
    );
    let head = ["built for", "mean", "p50", "p99", "p99.9", "p99.99", "max", "hit", "miss"];
    let mut table = Table::new(title, head.map(str::to_owned).to_vec());
    let mut row = |built_for: u32, times: Times, hit: f64, miss: f64| {
        let Times { mean, p50, p99, p999, p9999, max } = times;
        let mut cells = vec![thousands(built_for.into()), thousands(mean.round() as u64)];
        cells.extend([p50, p99, p999, p9999, max].map(thousands));
        cells.extend([hit, miss].map(|nanos| thousands(nanos.round() as u64)));
        table.row(cells);
    };
    row(plan.estimate, numbers.insert, numbers.hit, numbers.miss);
    row(plan.entries, numbers.insert_into_room, numbers.hit_in_room, numbers.miss_in_room);
    table.note(format!(
        "of {} entries {} are there at the end, {} were evicted; {:.0} bytes per entry",
        thousands(numbers.entries.into()),
        thousands(numbers.present),
        thousands(numbers.evictions),
        numbers.bytes_per_entry,
    ));
    table
}
