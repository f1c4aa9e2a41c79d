//! `bound`: how many entries a cache holds, against how many it was asked to hold.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::output::progress::{Progress, Work};
use crate::output::table::{Table, thousands};
use crate::peers::{Peer, PeerId, Visit, hasher, present};

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) peers: Vec<PeerId>,
    pub(crate) capacities: Vec<u32>,
    /// Threads that insert in the storm.
    pub(crate) threads: usize,
    /// How long the storm lasts.
    pub(crate) duration: Duration,
    pub(crate) seed: u64,
}

/// One cache with one capacity.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) peer: PeerId,
    pub(crate) capacity: u32,
    /// Found again after inserting exactly as many distinct keys as the capacity says.
    pub(crate) kept: u64,
    /// None where the cache does not count or cannot evict.
    pub(crate) storm: Option<Storm>,
}

/// Counts that a sampler saw while several threads inserted new keys.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Storm {
    pub(crate) samples: u64,
    /// The highest count less the capacity.
    pub(crate) most_above: i64,
    /// The count after the storm, at rest, less the capacity.
    pub(crate) rest_above: i64,
    pub(crate) inserts: u64,
}

struct Probe<'a> {
    plan: &'a Plan,
    peer: PeerId,
    capacity: u32,
}

impl Visit<u64, u64> for Probe<'_> {
    type Output = Cell;

    fn visit<P: Peer<u64, u64>>(self) -> Cell {
        let Self { plan, peer, capacity } = self;
        let cache = P::build(capacity as usize, hasher(plan.seed));
        for key in 0..u64::from(capacity) {
            cache.insert(key, key);
            // Caches that buffer their inserts drop some when they are not given the time.
            if key % 64 == 0 {
                cache.settle();
            }
        }
        cache.settle();
        let kept = present(&cache, capacity);
        let counts = cache.count().is_some() && P::TRAITS.cannot_evict(capacity as usize).is_none();
        let storm = counts.then(|| storm(&cache, plan, capacity));
        Cell { peer, capacity, kept, storm }
    }
}

/// Inserts new keys into a full cache from all threads, and counts all the while.
fn storm<P: Peer<u64, u64>>(cache: &P, plan: &Plan, capacity: u32) -> Storm {
    let above = || cache.count().expect("it counted before") as i64 - i64::from(capacity);
    let running = AtomicUsize::new(plan.threads);
    let start = Barrier::new(plan.threads + 1);
    let (samples, most_above, inserts) = thread::scope(|scope| {
        let inserting: Vec<_> = (0..plan.threads as u64)
            .map(|thread| {
                let (start, running) = (&start, &running);
                scope.spawn(move || {
                    start.wait();
                    let end = Instant::now() + plan.duration;
                    let mut inserts = 0;
                    while Instant::now() < end {
                        for _ in 0..64 {
                            let key = (thread + 1) << 48 | inserts;
                            cache.insert(key, key);
                            inserts += 1;
                        }
                    }
                    running.fetch_sub(1, Ordering::Relaxed);
                    inserts
                })
            })
            .collect();
        start.wait();
        let (mut samples, mut most) = (0, i64::MIN);
        while running.load(Ordering::Relaxed) > 0 {
            most = most.max(above());
            samples += 1;
            // Let the storm go on where there are fewer cores than threads.
            if samples % 64 == 0 {
                thread::yield_now();
            }
        }
        let inserts: u64 =
            inserting.into_iter().map(|thread| thread.join().expect("no panic")).sum();
        (samples, most, inserts)
    });
    cache.settle();
    Storm { samples, most_above, rest_above: above(), inserts }
}

impl Plan {
    fn bounded(&self) -> impl Iterator<Item = PeerId> {
        self.peers.iter().copied().filter(|peer| peer.traits().bounded)
    }

    /// Returns how much there is to do.
    pub(crate) fn work(&self) -> Work {
        let of_peer: Work = self.capacities.iter().map(|&capacity| self.of_one(capacity)).sum();
        of_peer * self.bounded().count()
    }

    /// One cache: filling it and looking each key up, the storm, which most have.
    fn of_one(&self, capacity: u32) -> Work {
        Work::step(f64::from(capacity) * 1e-6 + self.duration.as_secs_f64())
    }
}

/// Measures every peer that has a bound.
pub(crate) fn run(plan: &Plan, progress: &Progress) -> Vec<Cell> {
    let mut cells = Vec::new();
    for &capacity in &plan.capacities {
        for peer in plan.bounded() {
            let entries = thousands(capacity.into());
            progress.step(plan.of_one(capacity), format!("bound of {entries} entries: {peer}"));
            cells.push(peer.dispatch(Probe { plan, peer, capacity }));
        }
    }
    cells
}

/// What is kept, and what was seen above the capacity.
pub(crate) fn tables(cells: &[Cell], plan: &Plan) -> Vec<Table> {
    if cells.is_empty() {
        return Vec::new();
    }
    let head = || {
        let capacities = plan.capacities.iter().map(|&n| thousands(u64::from(n)));
        std::iter::once("cache".to_owned()).chain(capacities).collect()
    };
    let mut kept =
        Table::new("Entries present after inserting as many distinct keys as the capacity", head());
    let title = format!(
        "Entries above the capacity while {} threads insert for {} ms: most seen, at rest",
        plan.threads,
        plan.duration.as_millis()
    );
    let mut above = Table::new(title, head());
    for peer in cells.iter().filter(|c| c.capacity == plan.capacities[0]).map(|c| c.peer) {
        let of_peer: Vec<&Cell> = cells.iter().filter(|cell| cell.peer == peer).collect();
        let mut row = vec![peer.to_string()];
        row.extend(of_peer.iter().map(|cell| thousands(cell.kept)));
        kept.row(row);
        let mut row = vec![peer.to_string()];
        row.extend(of_peer.iter().map(|cell| match cell.storm {
            Some(storm) => format!("{:+}, {:+}", storm.most_above, storm.rest_above),
            None => "n/a".to_owned(),
        }));
        above.row(row);
        if let Some(note) = peer.traits().note {
            above.note(format!("{peer}: {note}"));
        }
    }
    vec![kept, above]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_cache_keeps_all_and_never_exceeds() {
        let plan = Plan {
            peers: vec![PeerId::MutexLru, PeerId::TinyUfo, PeerId::Papaya],
            capacities: vec![100, 5_000],
            threads: 3,
            duration: Duration::from_millis(20),
            seed: 1,
        };
        let cells = run(&plan, &Progress::hidden());
        assert_eq!(cells.len(), 4, "the map has no bound");
        for cell in cells.iter().filter(|cell| cell.peer == PeerId::MutexLru) {
            assert_eq!(cell.kept, u64::from(cell.capacity));
            let storm = cell.storm.unwrap();
            assert_eq!((storm.most_above, storm.rest_above), (0, 0));
            assert!(storm.samples > 0 && storm.inserts > 0);
        }
        assert!(cells.iter().any(|cell| cell.storm.is_none()), "TinyUFO does not count");
        assert_eq!(tables(&cells, &plan).len(), 2);
    }
}
