//! `headline`: the few numbers that the project promises something about, and nothing else.

use std::time::Duration;

use clap::ValueEnum;

use crate::data::Kind;
use crate::peers::PeerId;
use crate::table::{Table, thousands};
use crate::throughput::{self, Cell, Matrix, Scenario};
use crate::workload::Dist;
use crate::{bound, memory};

/// A group of the numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Group {
    /// Nanoseconds per operation at 100 000 entries.
    Speed,
    /// The fourteen rows of hit ratios, and what four threads lose.
    Hits,
    /// Bytes per entry, and entries above and below the capacity.
    Memory,
}

/// The caches that the numbers are compared with: all that are bounded, take a value per key at a time and
/// are made for several threads.
pub(crate) const PEERS: [PeerId; 7] = [
    PeerId::Larder,
    PeerId::QuickCache,
    PeerId::Scc,
    PeerId::Moka,
    PeerId::Foyer,
    PeerId::TinyUfo,
    PeerId::MiniMoka,
];

const SPEED: [Scenario; 6] = [
    Scenario::Read,
    Scenario::Hot,
    Scenario::Aside,
    Scenario::Insert,
    Scenario::InsertNew,
    Scenario::Churn,
];

/// Speed with u64 keys, Zipf, 100 000 entries, one thread and two.
pub(crate) fn speed(peers: &[PeerId], rounds: usize, ops: usize, seed: u64) -> Vec<Cell> {
    throughput::run(&Matrix {
        scenarios: SPEED.to_vec(),
        kinds: vec![Kind::U64],
        dists: vec![Dist::Zipf],
        entries: vec![100_000],
        threads: vec![1, 2],
        peers: peers.to_vec(),
        rounds,
        ops,
        seed,
    })
}

/// All of them in one table: scenarios down, peers across, one thread and two in a cell, the fastest in bold.
pub(crate) fn speed_table(cells: &[Cell]) -> Table {
    let rows: Vec<_> = cells.chunk_by(|a, b| a.scenario == b.scenario).collect();
    let Some(first) = rows.first() else {
        return Table::new("Nothing measured", Vec::new());
    };
    let peers: Vec<_> = first
        .iter()
        .take_while(|cell| cell.threads == first[0].threads)
        .map(|cell| cell.peer)
        .collect();
    let mut head = vec!["1 thread / 2 threads".to_owned()];
    head.extend(peers.iter().map(PeerId::to_string));
    let mut table =
        Table::new("ns per operation and thread; u64, Zipf 0.99, 100,000 entries; medians", head);
    let median = |cell: &Cell| cell.ns.map_or(f64::INFINITY, |ns| ns.median);
    for row in &rows {
        let by_threads: Vec<_> = row.chunks(peers.len()).collect();
        let mut texts = vec![row[0].scenario.describe().to_owned()];
        texts.extend((0..peers.len()).map(|peer| {
            let of_peer = by_threads.iter().map(|cells| {
                let fastest = cells.iter().map(median).fold(f64::INFINITY, f64::min);
                match median(&cells[peer]) {
                    ns if ns == f64::INFINITY => "n/a".to_owned(),
                    ns if ns == fastest => format!("**{}**", short(ns)),
                    ns => short(ns),
                }
            });
            of_peer.collect::<Vec<_>>().join(" / ")
        }));
        table.row(texts);
    }
    let spreads = cells.iter().filter_map(|cell| cell.ns);
    let widest = spreads.map(|ns| (ns.max - ns.min) / ns.median).fold(0.0, f64::max);
    table.note(format!(
        "slowest and fastest round of a cell differ by up to {:.0} %",
        widest * 100.0
    ));
    table
}

/// Bytes and counts in one table, peers down.
pub(crate) fn memory_table(bytes: &[memory::Cell], counts: &[bound::Cell]) -> Table {
    let kept = |capacity: u32| format!("kept of {}", grouped(capacity.into()));
    let mut head =
        vec!["cache".to_owned(), "bytes per entry".to_owned(), "after evictions".to_owned()];
    head.extend(CAPACITIES.map(kept));
    head.push(format!("most above {}", grouped(STORM.into())));
    let mut table = Table::new(
        "Bytes beyond key and value of 100,000 u64 entries; entries kept of as many keys as fit, and most seen above the \
         capacity in a storm of 4 threads",
        head,
    );
    for cell in bytes {
        let peer = cell.peer;
        let steady =
            cell.steady.map_or_else(|| "n/a".to_owned(), |it| format!("{:.1}", it.overhead));
        let mut texts = vec![peer.to_string(), format!("{:.1}", cell.full.overhead), steady];
        let of_peer =
            |capacity: u32| counts.iter().find(|it| (it.peer, it.capacity) == (peer, capacity));
        texts.extend(CAPACITIES.map(|capacity| {
            of_peer(capacity).map_or_else(|| "n/a".to_owned(), |it| grouped(it.kept))
        }));
        let above =
            of_peer(STORM).and_then(|it| it.storm).map(|storm| storm.most_above.max(0) as u64);
        texts.push(above.map_or_else(|| "n/a".to_owned(), grouped));
        table.row(texts);
        if let Some(note) = peer.traits().note {
            table.note(format!("{peer}: {note}"));
        }
    }
    table
}

fn grouped(n: u64) -> String {
    thousands(n).replace(' ', ",")
}

/// Three digits.
fn short(ns: f64) -> String {
    match ns {
        ..9.995 => format!("{ns:.2}"),
        ..99.95 => format!("{ns:.1}"),
        _ => format!("{ns:.0}"),
    }
}

/// Memory at 100 000 entries.
pub(crate) fn memory(peers: &[PeerId], seed: u64) -> memory::Matrix {
    memory::Matrix { kinds: vec![Kind::U64], entries: vec![100_000], peers: peers.to_vec(), seed }
}

/// The capacities for which entries are counted.
const CAPACITIES: [u32; 3] = [5_000, 100_000, 1_000_000];

/// The one whose storm is shown.
const STORM: u32 = 100_000;

/// The bound at these capacities, with a storm of four threads.
pub(crate) fn bound(peers: &[PeerId], seed: u64) -> bound::Plan {
    bound::Plan {
        peers: peers.to_vec(),
        capacities: CAPACITIES.to_vec(),
        threads: 4,
        duration: Duration::from_secs(1),
        seed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Spread;

    #[test]
    fn the_fastest_of_each_row_is_marked_and_what_cannot_be_done_is_said() {
        let cell = |peer, threads, ns: Option<f64>| Cell {
            scenario: Scenario::Read,
            kind: Kind::U64,
            dist: Dist::Zipf,
            entries: 100_000,
            threads,
            peer,
            ns: ns.map(|ns| Spread::of(&[ns])),
            ratio: None,
            hit_ratio: None,
            rejected: 0.0,
            backlog: 0.0,
        };
        let (one, two, three) = (PeerId::Larder, PeerId::Scc, PeerId::MiniMoka);
        let cells = [
            cell(one, 1, Some(20.0)),
            cell(two, 1, Some(10.0)),
            cell(three, 1, None),
            cell(one, 2, Some(21.0)),
            cell(two, 2, Some(123.4)),
            cell(three, 2, None),
        ];
        let text = speed_table(&cells).markdown();
        for texts in ["20.0 / **21.0**", "**10.0** / 123", "n/a / n/a"] {
            assert!(text.contains(texts), "{texts} in\n{text}");
        }
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([7.126, 17.44, 99.96, 1_234.4].map(short), ["7.13", "17.4", "100", "1234"]);
    }
}
