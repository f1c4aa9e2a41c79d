//! The numbers of [`Group::Speed`](super::Group::Speed).

use serde::Serialize;

use crate::load::data::Kind;
use crate::load::workload::Dist;
use crate::output::machine::load_average;
use crate::output::progress::{Progress, Work};
use crate::output::table::{Table, thousands};
use crate::peers::PeerId;
use crate::throughput::{self, Cell, Matrix, Scenario};

/// The entries of rows that do not name a number.
const ENTRIES: u32 = 100_000;

/// The numbers of threads.
pub(crate) const THREADS: [usize; 2] = [1, 2];

/// So few that they fit into the processor's first cache.
const FEW: u32 = 1_000;

/// A capacity that no cache rounds up.
const POWER_OF_TWO: u32 = 1 << 17;

/// Which rows are measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rows {
    All,
    /// Those that the README shows.
    Readme,
}

impl Rows {
    fn list(self) -> &'static [(&'static [Scenario], u32)] {
        match self {
            Self::All => &ALL,
            Self::Readme => &README,
        }
    }
}

/// Scenarios and their numbers of entries, in the order of the rows.
const ALL: [(&[Scenario], u32); 3] = [
    (&[Scenario::Read], FEW),
    (
        &[
            Scenario::Read,
            Scenario::Hot,
            Scenario::Aside,
            Scenario::Mixed50,
            Scenario::Insert,
            Scenario::InsertNew,
            Scenario::Churn,
        ],
        ENTRIES,
    ),
    (&[Scenario::Aside, Scenario::Mixed50, Scenario::Insert, Scenario::InsertNew], POWER_OF_TWO),
];

const README: [(&[Scenario], u32); 3] = [
    (&[Scenario::Read], FEW),
    (
        &[
            Scenario::Read,
            Scenario::Aside,
            Scenario::Mixed50,
            Scenario::Insert,
            Scenario::InsertNew,
        ],
        ENTRIES,
    ),
    (&[Scenario::Aside], POWER_OF_TWO),
];

/// The peers beside which the ratio of the speeds is shown.
const RATIOS: [PeerId; 2] = [PeerId::QuickCache, PeerId::Scc];

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) rows: Rows,
    pub(crate) peers: Vec<PeerId>,
    pub(crate) rounds: usize,
    pub(crate) ops: usize,
    pub(crate) seed: u64,
}

impl Plan {
    /// Returns how much there is to do.
    pub(crate) fn work(&self) -> Work {
        self.matrices().map(|matrix| matrix.work()).sum()
    }

    fn matrices(&self) -> impl Iterator<Item = Matrix> {
        self.rows.list().iter().map(|&(scenarios, entries)| Matrix {
            scenarios: scenarios.to_vec(),
            kinds: vec![Kind::U64],
            dists: vec![Dist::Zipf],
            entries: vec![entries],
            threads: THREADS.to_vec(),
            peers: self.peers.clone(),
            rounds: self.rounds,
            ops: self.ops,
            seed: self.seed,
        })
    }
}

/// Nanoseconds per operation with u64 keys, Zipf, one thread and two.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Speed {
    pub(crate) cells: Vec<Cell>,
    /// The machine's load average before the first round and after the last one.
    load_average: [Option<f64>; 2],
}

impl Speed {
    pub(crate) fn measure(plan: &Plan, progress: &Progress) -> Self {
        let before = load_average();
        let cells = plan.matrices().flat_map(|matrix| throughput::run(&matrix, progress)).collect();
        Self { cells, load_average: [before, load_average()] }
    }

    /// The times, and how many entries each cache held meanwhile.
    pub(crate) fn tables(&self) -> Vec<Table> {
        let rows: Vec<_> = throughput::groups(&self.cells).map(Row).collect();
        match rows.first() {
            Some(first) => vec![self.times(&rows, first), held(&rows, first)],
            None => vec![Table::new("Nothing measured", Vec::new())],
        }
    }

    /// Scenarios down, peers across, one thread and two in a cell, the fastest in bold.
    fn times(&self, rows: &[Row<'_>], first: &Row<'_>) -> Table {
        let peers: Vec<_> = first.peers().collect();
        let base = peers[0];
        let ratios: Vec<_> = RATIOS.into_iter().filter(|it| peers[1..].contains(it)).collect();
        let mut head = vec!["1 thread / 2 threads".to_owned()];
        head.extend(peers.iter().map(PeerId::to_string));
        head.extend(ratios.iter().map(|peer| format!("{base} : {peer}")));
        let title = "ns per operation and thread; u64, Zipf 0.99, 100,000 entries; medians";
        let mut table = Table::new(title, head);
        for row in rows {
            let mut texts = vec![row.name()];
            texts.extend(peers.iter().map(|&peer| row.time(peer)));
            texts.extend(ratios.iter().map(|&peer| row.ratio(base, peer)));
            table.row(texts);
        }
        if !ratios.is_empty() {
            table.note(format!(
                "{base} : PEER: the speed of {base} divided by that of PEER; below 1, PEER is faster"
            ));
        }
        if rows.iter().any(|row| row.alone().any(|cell| row.unequal(cell).is_some())) {
            table.note("(N): holds N entries, over 1 % more or less than the row asks for");
        }
        let spreads = self.cells.iter().filter_map(|cell| cell.ns);
        let widest = spreads.map(|ns| (ns.max - ns.min) / ns.median).fold(0.0, f64::max);
        let widest = widest * 100.0;
        table.note(format!(
            "slowest and fastest round of a cell differ by up to {widest:.0} % of the median"
        ));
        if let [Some(before), Some(after)] = self.load_average {
            table.note(format!(
                "load average of the machine: {before:.2} before, {after:.2} after; the measurement itself adds 1 to 2"
            ));
        }
        table
    }
}

/// How many entries each cache held at the end of a round with one thread.
fn held(rows: &[Row<'_>], first: &Row<'_>) -> Table {
    let mut head = vec!["entries asked for".to_owned()];
    head.extend(first.peers().map(|peer| peer.to_string()));
    let title = "Entries held at the end of a round with 1 thread, counted";
    let mut table = Table::new(title, head);
    for row in rows {
        let mut texts = vec![format!("{}: {}", row.scenario(), thousands(row.entries().into()))];
        texts.extend(row.alone().map(|cell| {
            let held = cell.held.filter(|_| cell.ns.is_some());
            held.map_or_else(|| "n/a".to_owned(), thousands)
        }));
        table.row(texts);
    }
    table
}

/// The cells of one scenario with one number of entries.
struct Row<'a>(&'a [Cell]);

impl<'a> Row<'a> {
    fn scenario(&self) -> &'static str {
        self.0[0].scenario.describe()
    }

    fn entries(&self) -> u32 {
        self.0[0].entries
    }

    fn name(&self) -> String {
        match self.entries() {
            ENTRIES => self.scenario().to_owned(),
            entries => format!("{}; {} entries", self.scenario(), thousands(entries.into())),
        }
    }

    /// The cells with the fewest threads, one for each peer.
    fn alone(&self) -> impl Iterator<Item = &'a Cell> {
        let threads = self.0[0].threads;
        self.0.iter().take_while(move |cell| cell.threads == threads)
    }

    fn peers(&self) -> impl Iterator<Item = PeerId> {
        self.alone().map(|cell| cell.peer)
    }

    /// The cells of each number of threads.
    fn by_threads(&self) -> impl Iterator<Item = &'a [Cell]> {
        self.0.chunk_by(|a, b| a.threads == b.threads)
    }

    fn time(&self, peer: PeerId) -> String {
        let times = self.by_threads().map(|cells| {
            let fastest = cells.iter().filter_map(median).fold(f64::INFINITY, f64::min);
            match of(cells, peer) {
                None => "n/a".to_owned(),
                Some(ns) if ns == fastest => format!("**{}**", short(ns)),
                Some(ns) => short(ns),
            }
        });
        let times = times.collect::<Vec<_>>().join(" / ");
        match self.alone().find(|cell| cell.peer == peer).and_then(|cell| self.unequal(cell)) {
            Some(held) => format!("{times} ({})", thousands(held)),
            None => times,
        }
    }

    /// How many entries a cache held that does not hold what the row asks for.
    fn unequal(&self, cell: &Cell) -> Option<u64> {
        let asked = u64::from(self.entries());
        cell.held.filter(|held| cell.ns.is_some() && held.abs_diff(asked) * 100 > asked)
    }

    /// How many times as fast as the peer the base is.
    fn ratio(&self, base: PeerId, peer: PeerId) -> String {
        let ratios = self.by_threads().map(|cells| match (of(cells, base), of(cells, peer)) {
            (Some(base), Some(peer)) => format!("{:.2}", peer / base),
            _ => "n/a".to_owned(),
        });
        ratios.collect::<Vec<_>>().join(" / ")
    }
}

fn median(cell: &Cell) -> Option<f64> {
    cell.ns.map(|ns| ns.median)
}

fn of(cells: &[Cell], peer: PeerId) -> Option<f64> {
    cells.iter().find(|cell| cell.peer == peer).and_then(median)
}

/// Three digits, and all of those before the point.
fn short(ns: f64) -> String {
    match ns {
        ..9.995 => format!("{ns:.2}"),
        ..99.95 => format!("{ns:.1}"),
        _ => thousands(ns.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::stats::Spread;

    fn cell(peer: PeerId, threads: usize, ns: Option<f64>, held: u64) -> Cell {
        Cell {
            scenario: Scenario::Aside,
            kind: Kind::U64,
            dist: Dist::Zipf,
            entries: ENTRIES,
            threads,
            peer,
            ns: ns.map(|ns| Spread::of(&[ns])),
            ratio: None,
            hit_ratio: None,
            rejected: 0.0,
            backlog: 0.0,
            held: Some(held),
        }
    }

    #[test]
    fn the_table_marks_the_fastest_and_says_what_is_unequal_or_cannot_be_done() {
        let (one, two, three) = (PeerId::Larder, PeerId::Scc, PeerId::MiniMoka);
        let cells = vec![
            cell(one, 1, Some(20.0), 99_990),
            cell(two, 1, Some(10.0), 131_072),
            cell(three, 1, None, 0),
            cell(one, 2, Some(21.0), 99_980),
            cell(two, 2, Some(123.4), 131_072),
            cell(three, 2, None, 0),
        ];
        let tables = Speed { cells, load_average: [Some(0.5), Some(1.25)] }.tables();
        let [times, held] = &tables[..] else { panic!("{tables:?}") };
        let text = times.markdown();
        for part in [
            " 20.0 / **21.0** ",
            " **10.0** / 123 (131,072) ",
            " n/a / n/a ",
            " larder : scc::HashCache ",
            " 0.50 / 5.88 ",
            "0.50 before, 1.25 after",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        let text = held.markdown();
        for part in [" 99,990 ", " 131,072 ", " n/a "] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([7.126, 17.44, 99.96, 1_234.4].map(short), ["7.13", "17.4", "100", "1,234"]);
    }

    #[test]
    fn scc_holds_as_many_as_asked_for_where_that_is_a_power_of_two_and_a_third_more_where_not() {
        let held = |entries, peer| {
            let matrix = Matrix {
                scenarios: vec![Scenario::InsertNew],
                entries: vec![entries],
                threads: vec![1],
                peers: vec![peer],
                kinds: vec![Kind::U64],
                dists: vec![Dist::Zipf],
                rounds: 1,
                ops: 50_000,
                seed: 1,
            };
            let cells = throughput::run(&matrix, &Progress::hidden());
            cells[0].held.unwrap()
        };
        assert_eq!([held(3_000, PeerId::Scc), held(4_096, PeerId::Scc)], [4_096; 2]);
        // Does not count: each key is looked for.
        assert_eq!(held(3_000, PeerId::TinyUfo), 3_000);
        assert_eq!(held(3_000, PeerId::MutexLru), 3_000);
    }
}
