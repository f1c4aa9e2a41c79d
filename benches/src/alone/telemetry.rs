//! `telemetry`: what it costs that a manager's caches are looked at and a recorder is told. Larder
//! alone.
//!
//! Rounds of the same work on one manager take turns: one without samples, and one in which a
//! thread takes samples meanwhile, a hundred times as often as by default. (Two managers
//! would not do: they lie in memory differently, and differ by more.) What a look takes is timed by
//! itself, too: it is too little to be seen in the other numbers.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use larder::Maintenance;
use larder::manager::{CacheKind, CacheManager, View};
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use serde::Serialize;

use crate::load::workload::{self, Dist};
use crate::output::stats::Spread;
use crate::output::table::Table;

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) ops: usize,
    pub(crate) threads: usize,
    pub(crate) seed: u64,
}

/// Nanoseconds per operation and thread without and with a recorder, and what the recorder takes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Numbers {
    threads: usize,
    off: Spread,
    on: Spread,
    /// What is lost of the throughput, in percent: the median of the rounds.
    lost: Spread,
    /// The same of the fastest rounds, which other load on the machine has disturbed least.
    lost_at_best: f64,
    sample_micros: f64,
}

/// Keeps what it is told in atomics, as exporters do.
struct Atomics;

#[derive(Debug, Default)]
struct Sum(AtomicU64);

impl HistogramFn for Sum {
    fn record(&self, value: f64) {
        metrics::GaugeFn::increment(&self.0, value);
    }

    fn record_many(&self, value: f64, count: usize) {
        metrics::GaugeFn::increment(&self.0, value * count as f64);
    }
}

impl Recorder for Atomics {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(AtomicU64::new(0)))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(AtomicU64::new(0)))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Sum::default()))
    }
}

pub(crate) fn run(plan: Plan) -> Result<Numbers> {
    metrics::set_global_recorder(Atomics).map_err(|_| anyhow!("there is a recorder already"))?;
    let draw = |thread| {
        // Twice as many as the cache holds.
        let keys = 2 * CacheKind::Url.settings().max_entries as u32;
        let mut rng = workload::rng(plan.seed, thread);
        workload::draw(Dist::Zipf, keys, workload::SEQUENCE, &mut rng)
    };
    let sequences: Vec<Vec<u32>> = (0..plan.threads).map(draw).collect();
    let manager = CacheManager::builder().maintenance(Maintenance::Manual).build();
    let mut measured = [Vec::new(), Vec::new()];
    // The first round fills the caches and does not count.
    for round in 0..=plan.rounds {
        let mut times = [0.0; 2];
        for turn in [round % 2, (round + 1) % 2] {
            let look = || {
                if turn == 1 {
                    manager.sample()
                }
            };
            let took = work(&manager, &sequences, plan.ops, look);
            times[turn] = took.as_nanos() as f64 / plan.ops as f64;
        }
        if round > 0 {
            measured[0].push(times[0]);
            measured[1].push(times[1]);
        }
    }
    let [off, on] = measured;
    let lost: Vec<f64> = off.iter().zip(&on).map(|(off, on)| 100.0 * (1.0 - off / on)).collect();
    let (off, on) = (Spread::of(&off), Spread::of(&on));
    Ok(Numbers {
        threads: plan.threads,
        lost: Spread::of(&lost),
        lost_at_best: 100.0 * (1.0 - off.min / on.min),
        sample_micros: sample_micros(&manager),
        off,
        on,
    })
}

/// Cache-aside by each thread, and meanwhile `look`.
fn work(
    manager: &CacheManager,
    sequences: &[Vec<u32>],
    ops: usize,
    look: impl FnOnce(),
) -> Duration {
    let urls: View<u64> = manager.view(CacheKind::Url);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for sequence in sequences {
            let urls = &urls;
            scope.spawn(move || {
                for key in sequence.iter().cycle().take(ops) {
                    std::hint::black_box(urls.get_with(key, || u64::from(*key)));
                }
            });
        }
        look();
    });
    started.elapsed()
}

fn sample_micros(manager: &CacheManager) -> f64 {
    const TIMES: u32 = 1_000;
    let started = Instant::now();
    (0..TIMES).for_each(|_| manager.sample());
    started.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}

pub(crate) fn table(numbers: &Numbers) -> Table {
    let head = ["", "median", "min..max"].map(str::to_owned).to_vec();
    let mut table = Table::new(
        format!("A manager with a recorder for metrics, {} threads", numbers.threads),
        head,
    );
    let mut row = |what: &str, spread: &Spread| {
        let range = format!("{:.1}..{:.1}", spread.min, spread.max);
        table.row(vec![what.to_owned(), format!("{:.1}", spread.median), range]);
    };
    row("nobody looks, ns per operation", &numbers.off);
    row("a look in each round, ns per operation", &numbers.on);
    row("lost of the throughput, %", &numbers.lost);
    table.note(format!(
        "lost of the throughput in the fastest rounds: {:.1} %",
        numbers.lost_at_best
    ));
    table.note(format!(
        "a look at five caches takes {:.1} us, of the ten seconds between two of them",
        numbers.sample_micros,
    ));
    table
}
