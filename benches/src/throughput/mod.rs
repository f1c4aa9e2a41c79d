//! `throughput`: nanoseconds per operation and thread, round by round in turn over the caches.

mod measure;
mod plan;
mod scenario;

use std::sync::Arc;
use std::thread::available_parallelism;

use serde::Serialize;

pub(crate) use self::measure::prefill;
pub(crate) use self::scenario::Scenario;

use self::measure::{Round, Sample};
use self::plan::{Plan, Setting};
use self::scenario::Tally;
use crate::load::data::{Key, Kind, Value};
use crate::load::workload::Dist;
use crate::output::progress::{Progress, Work};
use crate::output::stats::{Spread, percent};
use crate::output::table::{Table, thousands};
use crate::peers::PeerId;

/// What to measure: every combination.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) dists: Vec<Dist>,
    pub(crate) entries: Vec<u32>,
    pub(crate) threads: Vec<usize>,
    pub(crate) peers: Vec<PeerId>,
    pub(crate) rounds: usize,
    pub(crate) ops: usize,
    pub(crate) seed: u64,
}

/// One cache under one setting.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    pub(crate) scenario: Scenario,
    pub(crate) kind: Kind,
    pub(crate) dist: Dist,
    pub(crate) entries: u32,
    pub(crate) threads: usize,
    pub(crate) peer: PeerId,
    /// Nanoseconds per operation and thread over the rounds; none where the peer cannot do it.
    pub(crate) ns: Option<Spread>,
    /// The first peer's median divided by this one's: above 1 is faster than the first.
    pub(crate) ratio: Option<f64>,
    /// Percent of the gets, none without gets.
    pub(crate) hit_ratio: Option<f64>,
    /// Percent of the inserts that the cache said it dropped.
    pub(crate) rejected: f64,
    /// Work put off beyond the end of the round, in percent of the time that `ns` tells.
    pub(crate) backlog: f64,
    /// Entries in the cache at the end of the first round.
    pub(crate) held: Option<u64>,
}

impl Matrix {
    /// Everything, or what gives a first impression.
    pub(crate) fn new(peers: Vec<PeerId>, seed: u64, quick: bool) -> Self {
        let all = Self {
            scenarios: Scenario::all(),
            kinds: vec![Kind::U64, Kind::String],
            dists: vec![Dist::Zipf, Dist::Uniform],
            entries: vec![1_000, 100_000],
            threads: thread_counts(),
            peers,
            rounds: 7,
            ops: 1_000_000,
            seed,
        };
        if !quick {
            return all;
        }
        Self {
            kinds: vec![Kind::U64],
            dists: vec![Dist::Zipf],
            entries: vec![100_000],
            rounds: 3,
            ops: 200_000,
            ..all
        }
    }

    /// Returns the same for very many entries, with one kind of keys, one distribution and few
    /// rounds: each begins with filling the caches, which takes seconds for each of them.
    pub(crate) fn large(self, entries: u32) -> Self {
        Self {
            kinds: vec![Kind::U64],
            dists: vec![Dist::Zipf],
            entries: vec![entries],
            rounds: self.rounds.min(3),
            ..self
        }
    }

    /// Returns how much there is to do.
    pub(crate) fn work(&self) -> Work {
        let settings = self.settings();
        let once: Work = settings.iter().map(|(kind, setting)| setting.work(*kind)).sum();
        once * (self.rounds * self.peers.len())
    }

    /// The settings in the order of the tables, threads innermost.
    fn settings(&self) -> Vec<(Kind, Setting)> {
        let mut settings = Vec::new();
        for &kind in &self.kinds {
            for &entries in &self.entries {
                for (nth, &dist) in self.dists.iter().enumerate() {
                    for &scenario in &self.scenarios {
                        if nth > 0 && !scenario.draws() {
                            continue;
                        }
                        for &threads in &self.threads {
                            let (ops, seed) = (self.ops, self.seed);
                            let setting = Setting { scenario, dist, entries, threads, ops, seed };
                            settings.push((kind, setting));
                        }
                    }
                }
            }
        }
        settings
    }
}

/// 1, 2, 4 and so on up to the number of cores, and at least 2.
fn thread_counts() -> Vec<usize> {
    let cores = available_parallelism().map_or(2, usize::from).max(2);
    std::iter::successors(Some(1), |threads| Some(threads * 2))
        .take_while(|&threads| threads <= cores)
        .collect()
}

/// Measures the whole matrix.
pub(crate) fn run(matrix: &Matrix, progress: &Progress) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (kind, setting) in matrix.settings() {
        let step = |peer: PeerId| {
            let Setting { scenario, entries, threads, .. } = setting;
            let (what, entries) = (scenario.describe(), thousands(entries.into()));
            let threads =
                if threads == 1 { "1 thread".into() } else { format!("{threads} threads") };
            let what = format!("{what}, {entries} entries, {threads}: {peer}");
            progress.step(setting.work(kind), what);
        };
        let samples = match kind {
            Kind::U64 => rounds::<u64, u64>(matrix, setting, step),
            Kind::String => rounds::<String, Arc<[u8]>>(matrix, setting, step),
        };
        cells.extend(summarize(matrix, kind, setting, &samples));
    }
    cells
}

/// The samples of each peer in the order of `matrix.peers`. Each round begins with another peer.
fn rounds<K: Key, V: Value>(
    matrix: &Matrix,
    setting: Setting,
    step: impl Fn(PeerId),
) -> Vec<Vec<Sample>> {
    let plan: Plan<K> = Plan::new(setting);
    let peers = &matrix.peers;
    let mut samples = vec![Vec::new(); peers.len()];
    for round in 0..matrix.rounds {
        for turn in 0..peers.len() {
            let index = (round + turn) % peers.len();
            let peer = peers[index];
            step(peer);
            let entries = setting.entries as usize;
            if setting.scenario.evicts() && peer.traits().cannot_evict(entries).is_some() {
                continue;
            }
            let seed = matrix.seed.wrapping_add(round as u64);
            samples[index].push(peer.dispatch::<K, V, _>(Round {
                plan: &plan,
                seed,
                count: round == 0,
            }));
        }
    }
    samples
}

fn summarize(
    matrix: &Matrix,
    kind: Kind,
    setting: Setting,
    samples: &[Vec<Sample>],
) -> impl Iterator<Item = Cell> {
    let Setting { scenario, dist, entries, threads, .. } = setting;
    let spread = |samples: &[Sample]| {
        let ns: Vec<f64> = samples.iter().map(|sample| sample.ns).collect();
        (!ns.is_empty()).then(|| Spread::of(&ns))
    };
    let base = samples.first().and_then(|samples| spread(samples));
    matrix.peers.iter().zip(samples).map(move |(&peer, samples)| {
        let ns = spread(samples);
        let mut tally = Tally::default();
        for sample in samples {
            tally += sample.tally;
        }
        Cell {
            scenario,
            kind,
            dist,
            entries,
            threads,
            peer,
            ns,
            ratio: base.zip(ns).map(|(base, ns)| base.median / ns.median),
            hit_ratio: (tally.gets > 0).then(|| percent(tally.hits, tally.gets)),
            rejected: percent(tally.rejected, tally.inserts),
            backlog: 100.0 * samples.iter().map(|sample| sample.backlog).fold(0.0, f64::max),
            held: samples.iter().find_map(|sample| sample.held),
        }
    })
}

/// The cells that belong into one table: same scenario, keys, distribution and size.
pub(crate) fn groups(cells: &[Cell]) -> impl Iterator<Item = &[Cell]> {
    let same = |a: &Cell, b: &Cell| {
        (a.scenario, a.kind, a.dist, a.entries) == (b.scenario, b.kind, b.dist, b.entries)
    };
    cells.chunk_by(same)
}

/// A table for each group.
pub(crate) fn tables(cells: &[Cell]) -> Vec<Table> {
    groups(cells).map(table).collect()
}

/// The table of one group: peers down, threads across.
pub(crate) fn table(cells: &[Cell]) -> Table {
    let first = &cells[0];
    let drawn = if first.scenario.draws() { first.dist.name() } else { "no distribution" };
    let title = format!(
        "{}; {}, {} entries, {drawn}; ns per operation and thread",
        first.scenario.describe(),
        first.kind.describe(),
        thousands(u64::from(first.entries)),
    );
    let mut threads: Vec<usize> = cells.iter().map(|cell| cell.threads).collect();
    threads.dedup();
    let mut head = vec!["cache".to_owned()];
    for count in &threads {
        head.push(if *count == 1 { "1 thread".to_owned() } else { format!("{count} threads") });
        head.push("min..max".to_owned());
        head.push(format!("x {}", first.peer));
    }
    head.push("hits %".to_owned());

    let mut table = Table::new(title, head);
    table.note(format!("x {}: the speed relative to it, above 1 is faster", first.peer));
    let of_one = cells.iter().filter(|cell| cell.threads == threads[0]);
    for peer in of_one.map(|cell| cell.peer) {
        let row: Vec<&Cell> = cells.iter().filter(|cell| cell.peer == peer).collect();
        let mut texts = vec![peer.to_string()];
        for cell in &row {
            texts.extend(numbers(cell));
        }
        texts.push(hits(&row));
        table.row(texts);
        notes(&mut table, peer, &row);
    }
    table
}

/// Median, range and ratio as text.
pub(crate) fn numbers(cell: &Cell) -> [String; 3] {
    match (cell.ns, cell.ratio) {
        (Some(ns), ratio) => [
            format!("{:.1}", ns.median),
            format!("{:.1}..{:.1}", ns.min, ns.max),
            ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")),
        ],
        (None, _) => ["n/a".to_owned(), String::new(), String::new()],
    }
}

/// The hit ratio, or its range over the numbers of threads where it depends on them.
fn hits(row: &[&Cell]) -> String {
    let ratios: Vec<f64> = row.iter().filter_map(|cell| cell.hit_ratio).collect();
    if ratios.is_empty() {
        return "-".to_owned();
    }
    let Spread { min, max, .. } = Spread::of(&ratios);
    if max - min < 0.1 { format!("{max:.1}") } else { format!("{min:.1}..{max:.1}") }
}

fn notes(table: &mut Table, peer: PeerId, row: &[&Cell]) {
    let scenario = row[0].scenario;
    let traits = peer.traits();
    if row[0].ns.is_none() {
        let why = traits.cannot_evict(row[0].entries as usize).unwrap_or_default();
        table.note(format!("{peer}: n/a, {why}"));
    } else if let Some(note) = traits.note {
        table.note(format!("{peer}: {note}"));
    }
    if scenario == Scenario::Pinned && !traits.pins {
        table.note(format!("{peer}: has no pin, plain gets"));
    }
    let rejected = row.iter().map(|cell| cell.rejected).fold(0.0, f64::max);
    if rejected > 0.0 {
        table.note(format!("{peer}: dropped up to {rejected:.1} % of its inserts"));
    }
    let backlog = row.iter().map(|cell| cell.backlog).fold(0.0, f64::max);
    if backlog > 10.0 {
        table.note(format!(
            "{peer}: put off work, which took up to {:.1} times as long as what is shown",
            backlog / 100.0
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_runs_with_every_peer() {
        let matrix = Matrix {
            kinds: vec![Kind::U64, Kind::String],
            entries: vec![200],
            threads: vec![1, 2],
            rounds: 1,
            ops: 400,
            ..Matrix::new(PeerId::all(), 1, true)
        };
        let progress = Progress::hidden();
        let cells = run(&matrix, &progress);
        assert_eq!(progress.begun(), matrix.work().steps);
        assert_eq!(cells.len(), 10 * 2 * 2 * PeerId::all().len());
        for cell in &cells {
            let unbounded = cell.scenario.evicts() && !cell.peer.traits().bounded;
            assert_eq!(cell.ns.is_none(), unbounded, "{cell:?}");
            let complete = cell.peer != PeerId::Scc && cell.peer.traits().evicts_up_to.is_none();
            if !cell.scenario.evicts() && cell.scenario != Scenario::Churn && complete {
                assert_eq!(cell.hit_ratio, Some(100.0), "{cell:?}");
            }
        }
        let tables = tables(&cells);
        assert_eq!(tables.len(), 10 * 2);
        assert!(tables[0].markdown().contains("quick_cache"));
    }
}
