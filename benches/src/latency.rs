//! `latency`: how long single operations take under a mixed load, without coordinated omission.
//!
//! Each thread has a timetable: operation n is due at n divided by the rate, whatever happened to
//! the ones before it. Its latency counts from then, so that an operation which stalls delays all
//! that were due in the meantime, and all of them show it. A loop that starts the next operation
//! when the last one is done would show one slow operation instead.

use std::hint::{black_box, spin_loop};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::load::workload::{self, COINS, Dist, SEQUENCE};
use crate::output::progress::{Progress, Work};
use crate::output::table::{Table, thousands};
use crate::peers::{Peer, PeerId, Visit, hasher};
use crate::throughput::prefill;

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) peers: Vec<PeerId>,
    /// Entries that fit, a tenth of the keys.
    pub(crate) entries: u32,
    pub(crate) threads: usize,
    /// Operations per second and thread.
    pub(crate) rate: u32,
    /// Percent of the operations that insert.
    pub(crate) inserts: u32,
    pub(crate) duration: Duration,
    pub(crate) seed: u64,
}

/// One cache. Times in nanoseconds from when an operation was due.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) peer: PeerId,
    pub(crate) get: Quantiles,
    pub(crate) insert: Quantiles,
    /// Operations per second and thread that were made; less than asked for means overload.
    pub(crate) achieved: f64,
}

/// Of one kind of operation.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) p9999: u64,
    pub(crate) max: u64,
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            p9999: at(0.9999),
            max: histogram.max(),
        }
    }
}

/// What one thread saw.
struct Observed {
    gets: Histogram<u64>,
    inserts: Histogram<u64>,
    rate: f64,
}

/// One thread's keys, and which operations insert.
struct Load {
    keys: Vec<u64>,
    coins: Vec<bool>,
}

struct Watch<'a> {
    plan: &'a Plan,
    peer: PeerId,
    loads: &'a [Load],
}

impl Visit<u64, u64> for Watch<'_> {
    type Output = Cell;

    fn visit<P: Peer<u64, u64>>(self) -> Cell {
        let Self { plan, peer, loads } = self;
        let cache = P::build(plan.entries as usize, hasher(plan.seed));
        prefill(&cache, plan.entries);
        let start = Barrier::new(loads.len());
        let observed: Vec<Observed> = thread::scope(|scope| {
            let running: Vec<_> = loads
                .iter()
                .map(|load| {
                    let (cache, start) = (&cache, &start);
                    scope.spawn(move || {
                        // A tenth of the time to warm up, unseen.
                        observe(cache, load, plan.rate, plan.duration / 10);
                        start.wait();
                        observe(cache, load, plan.rate, plan.duration)
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });

        let (mut gets, mut inserts) = (histogram(), histogram());
        for thread in &observed {
            gets += &thread.gets;
            inserts += &thread.inserts;
        }
        Cell {
            peer,
            get: Quantiles::of(&gets),
            insert: Quantiles::of(&inserts),
            achieved: observed.iter().map(|thread| thread.rate).sum::<f64>() / loads.len() as f64,
        }
    }
}

/// Three digits, from a nanosecond to two hours, twice as long as a measurement lasts.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 7_200_000_000_000, 3).expect("the bounds are valid")
}

/// Works off the timetable of `duration`. A cache that cannot keep up works at its own speed, for
/// no more than twice the time.
fn observe<P: Peer<u64, u64>>(cache: &P, load: &Load, rate: u32, duration: Duration) -> Observed {
    let (mut gets, mut inserts) = (histogram(), histogram());
    let interval = 1e9 / f64::from(rate);
    let operations = (duration.as_secs_f64() * f64::from(rate)) as usize;
    let limit = 2 * duration.as_nanos() as u64;
    let begin = Instant::now();
    let elapsed = || begin.elapsed().as_nanos() as u64;
    let mut done = 0;
    for operation in 0..operations {
        let due = (operation as f64 * interval) as u64;
        while elapsed() < due {
            spin_loop();
        }
        let key = load.keys[operation % load.keys.len()];
        let insert = load.coins[operation & (COINS - 1)];
        if insert {
            cache.insert(key, key);
        } else {
            black_box(cache.get(&key));
        }
        let now = elapsed();
        let seen = if insert { &mut inserts } else { &mut gets };
        seen.saturating_record((now - due).max(1));
        done = operation + 1;
        if now > limit {
            break;
        }
    }
    Observed { gets, inserts, rate: done as f64 / begin.elapsed().as_secs_f64() }
}

impl Plan {
    fn bounded(&self) -> impl Iterator<Item = PeerId> {
        self.peers.iter().copied().filter(|peer| peer.traits().bounded)
    }

    /// Returns how much there is to do.
    pub(crate) fn work(&self) -> Work {
        self.of_one() * self.bounded().count()
    }

    /// One cache: filling it, warming up, and the timetable.
    fn of_one(&self) -> Work {
        Work::step(f64::from(self.entries) * 400e-9 + 1.1 * self.duration.as_secs_f64())
    }
}

/// Measures every peer that has a bound.
pub(crate) fn run(plan: &Plan, progress: &Progress) -> Vec<Cell> {
    let loads: Vec<Load> = (0..plan.threads)
        .map(|thread| {
            let mut rng = workload::rng(plan.seed, thread);
            let keys = plan.entries.saturating_mul(10);
            let numbers = workload::draw(Dist::Zipf, keys, SEQUENCE, &mut rng);
            let coins = workload::coins(plan.inserts, &mut rng);
            Load { keys: workload::keys(&numbers), coins }
        })
        .collect();
    let measure = |peer: PeerId| {
        progress.step(plan.of_one(), peer);
        peer.dispatch(Watch { plan, peer, loads: &loads })
    };
    plan.bounded().map(measure).collect()
}

/// Gets and inserts.
pub(crate) fn tables(cells: &[Cell], plan: &Plan) -> Vec<Table> {
    let of = |what: &str, quantiles: fn(&Cell) -> Quantiles| {
        let title = format!(
            "Latency of {what} in us from when it was due; {} % inserts, {} of {} keys, {} \
             threads, {} operations/s each",
            plan.inserts,
            thousands(u64::from(plan.entries)),
            thousands(u64::from(plan.entries) * 10),
            plan.threads,
            thousands(u64::from(plan.rate)),
        );
        let head = ["cache", "p50", "p99", "p99.9", "p99.99", "max", "achieved/s"];
        let mut table = Table::new(title, head.map(str::to_owned).to_vec());
        for cell in cells {
            let Quantiles { p50, p99, p999, p9999, max } = quantiles(cell);
            let mut row = vec![cell.peer.to_string()];
            row.extend([p50, p99, p999, p9999, max].map(micros));
            row.push(thousands(cell.achieved as u64));
            table.row(row);
            if cell.achieved < 0.99 * f64::from(plan.rate) {
                table.note(format!("{}: could not keep up with the rate", cell.peer));
            }
        }
        table
    };
    vec![of("a get", |cell| cell.get), of("an insert", |cell| cell.insert)]
}

fn micros(nanos: u64) -> String {
    let micros = nanos as f64 / 1e3;
    if micros < 1e3 { format!("{micros:.2}") } else { thousands(micros.round() as u64) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::peers::{Hasher, Traits};

    /// Stalls once, for a tenth of a second.
    struct Stall(AtomicUsize);

    impl Peer<u64, u64> for Stall {
        const TRAITS: Traits = Traits::CACHE;
        fn build(_: usize, _: Hasher) -> Self {
            Self(AtomicUsize::new(0))
        }
        fn get(&self, _: &u64) -> Option<u64> {
            if self.0.fetch_add(1, Ordering::Relaxed) == 500 {
                thread::sleep(Duration::from_millis(100));
            }
            None
        }
        fn insert(&self, _: u64, _: u64) -> bool {
            true
        }
        fn remove(&self, _: &u64) {}
        fn count(&self) -> Option<u64> {
            None
        }
    }

    #[test]
    fn one_stall_delays_all_that_were_due() {
        let load = Load { keys: vec![1], coins: vec![false; COINS] };
        let cache = Stall::build(1, hasher(1));
        let seen = observe(&cache, &load, 10_000, Duration::from_millis(500));
        // 1,000 operations were due during the stall; half of them waited longer than half of it.
        let late = seen.gets.len() - seen.gets.count_between(0, 50_000_000);
        assert!(late >= 450, "{late}");
        assert!(seen.gets.max() >= 100_000_000);
    }

    #[test]
    fn a_cache_is_measured_at_the_rate_asked_for() {
        let plan = Plan {
            peers: vec![PeerId::QuickCache],
            entries: 1_000,
            threads: 1,
            rate: 20_000,
            inserts: 25,
            duration: Duration::from_millis(200),
            seed: 1,
        };
        let cells = run(&plan, &Progress::hidden());
        // The upper end is exact; a machine that runs other tests may fall behind.
        assert!(cells[0].achieved <= 20_200.0, "{}", cells[0].achieved);
        assert!(cells[0].get.p50 <= cells[0].get.max && cells[0].insert.max > 0);
        assert_eq!(tables(&cells, &plan).len(), 2);
    }
}
