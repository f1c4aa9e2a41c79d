//! Runs a pattern: once by the clock of the pattern, for what comes of it, and once as fast as it
//! goes.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use larder::manager::{CacheKind, CacheManager, CacheSettings, View};
use larder::{Maintenance, ManualClock};
use serde::Serialize;

use super::pattern::{self, Act, Op};

/// What comes of a pattern.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Outcome {
    /// Percent of the reads.
    pub(super) hits: f64,
    pub(super) loads: u64,
    /// What all loads took, in seconds.
    pub(super) load_seconds: f64,
    /// The most loads within ten seconds, from half an hour on.
    pub(super) peak_loads: u64,
}

const WINDOW: u64 = 10_000;
const WARM: u64 = 30 * 60 * 1_000;

/// In the pattern's own time, in one thread: the same numbers on every machine, but for hashing.
pub(super) fn simulate(kind: CacheKind, ops: &[Op], settings: &CacheSettings) -> Outcome {
    let clock = ManualClock::new();
    let view = view(kind, settings, &clock);
    let (mut now, mut reads, mut loads, mut load_millis) = (0, 0_u64, 0, 0);
    let (mut window, mut in_window, mut peak_loads) = (0, 0, 0);
    for op in ops {
        if op.at > now {
            clock.advance(Duration::from_millis(op.at - now));
            now = op.at;
        }
        if op.act == Act::Write {
            view.set(&op.key, u64::from(op.key));
            continue;
        }
        reads += 1;
        view.get_with(&op.key, || {
            // A thousandth of what it takes, so that others need not wait for it.
            let cost = pattern::cost(kind, op.key);
            clock.advance(Duration::from_micros(cost));
            load_millis += cost;
            loads += 1;
            if op.at / WINDOW != window {
                (window, in_window) = (op.at / WINDOW, 0);
            }
            in_window += 1;
            if op.at > WARM {
                peak_loads = peak_loads.max(in_window);
            }
            u64::from(op.key)
        });
    }
    let hits = crate::output::stats::percent(reads - loads, reads);
    Outcome { hits, loads, load_seconds: load_millis as f64 / 1e3, peak_loads }
}

fn view(kind: CacheKind, settings: &CacheSettings, clock: &ManualClock) -> View<u64> {
    let builder = CacheManager::builder().clock(clock).maintenance(Maintenance::Manual);
    builder.kind(kind, settings.clone()).build().view(kind)
}

/// Nanoseconds per operation and thread, loads at no cost, no time passing.
pub(super) fn time(
    kind: CacheKind,
    ops: &[Op],
    settings: &CacheSettings,
    threads: usize,
    each: usize,
) -> f64 {
    let manager = CacheManager::builder().kind(kind, settings.clone()).build();
    let view: View<u64> = manager.view(kind);
    ops.iter().take(settings.max_entries as usize * 2).for_each(|op| _ = run(&view, op));
    let barrier = Barrier::new(threads);
    let total: Duration = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|thread| {
                let (view, barrier) = (&view, &barrier);
                scope.spawn(move || {
                    let from = ops.len() / threads * thread;
                    let mine = ops[from..].iter().chain(ops).take(each);
                    barrier.wait();
                    let started = Instant::now();
                    mine.for_each(|op| _ = black_box(run(view, op)));
                    started.elapsed()
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("a thread has panicked")).sum()
    });
    total.as_nanos() as f64 / (threads * each) as f64
}

fn run(view: &View<u64>, op: &Op) -> u64 {
    let value = u64::from(op.key);
    match op.act {
        Act::Read => view.get_with(&op.key, || value),
        Act::Write => {
            view.set(&op.key, value);
            value
        }
    }
}
