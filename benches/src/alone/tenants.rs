//! `tenants`: what many small caches cost together, one for each tenant of a service, say. Larder
//! alone.

use std::thread;
use std::time::{Duration, Instant};

use larder::Cache;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

use crate::memory::alloc;
use crate::output::table::{Table, thousands};

/// Entries that each cache holds when it is full.
const ENTRIES: u64 = 100;
const PER_BURST: u32 = 10;

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) caches: Vec<u32>,
    /// In all caches together, per second.
    pub(crate) inserts: u32,
    pub(crate) ttl: Duration,
    pub(crate) time: Duration,
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Numbers {
    caches: u32,
    /// Bytes of a cache without entries, and of one that was filled.
    empty_bytes: f64,
    full_bytes: f64,
    /// Shares of one core.
    inserting: f64,
    background: f64,
    expired: u64,
}

pub(crate) fn run(plan: &Plan) -> Vec<Numbers> {
    plan.caches.iter().map(|&caches| measure(plan, caches)).collect()
}

fn measure(plan: &Plan, count: u32) -> Numbers {
    let build =
        || Cache::<u64, u64>::builder().max_capacity(ENTRIES).time_to_live(plan.ttl).build();
    // What there is once for the process.
    build().insert(1, 1);
    let (empty_bytes, full_bytes) = alloc::live_during(|live| {
        let caches: Vec<_> = (0..count).map(|_| build()).collect();
        let empty = live() as f64 / f64::from(count);
        for cache in &caches {
            (0..ENTRIES).for_each(|key| cache.insert(key, key));
        }
        (empty, live() as f64 / f64::from(count))
    });
    let caches: Vec<_> = (0..count).map(|_| build()).collect();
    let mut rng = SmallRng::seed_from_u64(plan.seed);
    let mut insert = |time: Duration| {
        let started = Instant::now();
        let mut due = Duration::ZERO;
        while due < time {
            for _ in 0..PER_BURST {
                let cache = &caches[rng.random_range(0..caches.len())];
                cache.insert(rng.random_range(0..ENTRIES), 1);
            }
            due += Duration::from_secs(1) * PER_BURST / plan.inserts;
            thread::sleep(due.saturating_sub(started.elapsed()));
        }
        started.elapsed()
    };
    // Until as many expire as are inserted.
    insert(plan.ttl + Duration::from_secs(1));
    let expired = || caches.iter().map(|cache| cache.stats().expirations).sum::<u64>();
    let (before, own, all) = (expired(), cpu(libc::CLOCK_THREAD_CPUTIME_ID), process_cpu());
    let took = insert(plan.time).as_secs_f64();
    let (own, all) = (cpu(libc::CLOCK_THREAD_CPUTIME_ID) - own, process_cpu() - all);
    Numbers {
        caches: count,
        empty_bytes,
        full_bytes,
        inserting: own.as_secs_f64() / took,
        background: all.saturating_sub(own).as_secs_f64() / took,
        expired: expired() - before,
    }
}

fn process_cpu() -> Duration {
    cpu(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn cpu(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the timespec is this function's own.
    let failed = unsafe { libc::clock_gettime(clock, &raw mut time) } != 0;
    assert!(!failed, "the system has clocks of processor time");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

pub(crate) fn table(plan: &Plan, numbers: &[Numbers]) -> Table {
    let title = format!(
        "Caches of {ENTRIES} entries with a time to live of {:?}, {} inserts per second in all",
        plan.ttl,
        thousands(plan.inserts.into()),
    );
    let head =
        ["caches", "bytes each, empty", "full", "CPU, inserting", "in the background", "expired"];
    let mut table = Table::new(title, head.map(str::to_owned).to_vec());
    for row in numbers {
        let percent = |share: f64| format!("{:.2} %", 100.0 * share);
        table.row(vec![
            thousands(row.caches.into()),
            thousands(row.empty_bytes as u64),
            thousands(row.full_bytes as u64),
            percent(row.inserting),
            percent(row.background),
            thousands(row.expired),
        ]);
    }
    table.note("CPU: processor time as a share of one core".to_owned());
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inserted_expires() {
        let plan = Plan {
            caches: vec![50],
            inserts: 1_000,
            ttl: Duration::from_millis(50),
            time: Duration::from_millis(200),
            seed: 1,
        };
        let numbers = run(&plan);
        assert!(numbers[0].expired > 0, "{numbers:?}");
        assert!(numbers[0].full_bytes >= numbers[0].empty_bytes, "{numbers:?}");
    }
}
