//! `headline`: the few numbers that the project promises something about, and nothing else.

use std::time::Duration;

use clap::ValueEnum;

use crate::data::Kind;
use crate::peers::PeerId;
use crate::table::Table;
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
    /// Bytes per entry at 100 000 entries.
    Memory,
    /// Entries above and below the capacity.
    Bound,
}

/// The scenarios, each with the numbers of threads that count.
const SPEED: [(Scenario, &[usize]); 6] = [
    (Scenario::Read, &[1, 2]),
    (Scenario::Pinned, &[1]),
    (Scenario::Aside, &[1, 2]),
    (Scenario::Mixed50, &[1, 2]),
    (Scenario::Insert, &[1, 2]),
    (Scenario::InsertNew, &[1, 2]),
];

/// Speed with u64 keys, Zipf, 100 000 entries.
pub(crate) fn speed(peers: &[PeerId], rounds: usize, ops: usize, seed: u64) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (scenario, threads) in SPEED {
        let matrix = Matrix {
            scenarios: vec![scenario],
            kinds: vec![Kind::U64],
            dists: vec![Dist::Zipf],
            entries: vec![100_000],
            threads: threads.to_vec(),
            peers: peers.to_vec(),
            rounds,
            ops,
            seed,
        };
        cells.extend(throughput::run(&matrix));
    }
    cells
}

/// All of them in one table: scenarios down, peers across.
pub(crate) fn speed_table(cells: &[Cell]) -> Table {
    let Some(first) = cells.first() else {
        return Table::new("Nothing measured", Vec::new());
    };
    let peers: Vec<PeerId> = cells
        .iter()
        .take_while(|cell| (cell.scenario, cell.threads) == (first.scenario, first.threads))
        .map(|cell| cell.peer)
        .collect();
    let mut head = vec!["u64, Zipf 0.99, 100 000 entries".to_owned(), "threads".to_owned()];
    for peer in &peers {
        head.extend([peer.to_string(), "min..max".to_owned()]);
        if *peer != first.peer {
            head.push(format!("x {}", first.peer));
        }
    }
    let mut table = Table::new("ns per operation and thread (medians)", head);
    for row in cells.chunks(peers.len()) {
        let mut texts = vec![row[0].scenario.describe().to_owned(), row[0].threads.to_string()];
        for cell in row {
            let [median, spread, ratio] = throughput::numbers(cell);
            texts.extend([median, spread]);
            if cell.peer != first.peer {
                texts.push(ratio);
            }
        }
        table.row(texts);
    }
    table.note(format!("x {}: the speed relative to it, above 1 is faster", first.peer));
    for peer in &peers {
        if !peer.traits().pins {
            table.note(format!("{peer}: has no pin, plain gets"));
        }
    }
    table
}

/// Memory at 100 000 entries.
pub(crate) fn memory(peers: &[PeerId], seed: u64) -> memory::Matrix {
    memory::Matrix { kinds: vec![Kind::U64], entries: vec![100_000], peers: peers.to_vec(), seed }
}

/// The bound at the three capacities, with a storm of four threads.
pub(crate) fn bound(peers: &[PeerId], seed: u64) -> bound::Plan {
    bound::Plan {
        peers: peers.to_vec(),
        capacities: vec![100, 5_000, 100_000],
        threads: 4,
        duration: Duration::from_secs(1),
        seed,
    }
}
