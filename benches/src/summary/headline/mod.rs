//! `headline`: the few numbers that the project promises something about, and nothing else.

mod speed;

use std::time::Duration;

use clap::ValueEnum;

pub(crate) use self::speed::{Plan as SpeedPlan, Rows, Speed, THREADS};
use crate::load::data::Kind;
use crate::memory::{self, bound};
use crate::output::table::{Table, thousands};
use crate::peers::PeerId;

/// A group of the numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Group {
    /// Nanoseconds per operation, and how many entries each cache holds meanwhile.
    Speed,
    /// The fourteen rows of hit ratios, and what four threads lose.
    Hits,
    /// Bytes per entry, and entries above and below the capacity.
    Memory,
}

/// The caches that the numbers are compared with: all that are bounded, take a value per key at a
/// time and are made for several threads.
pub(crate) const PEERS: [PeerId; 7] = [
    PeerId::Larder,
    PeerId::QuickCache,
    PeerId::Scc,
    PeerId::Moka,
    PeerId::Foyer,
    PeerId::TinyUfo,
    PeerId::MiniMoka,
];

/// Those of them whose speed the README shows.
pub(crate) const FASTEST: [PeerId; 5] =
    [PeerId::Larder, PeerId::QuickCache, PeerId::Scc, PeerId::Moka, PeerId::Foyer];

/// Bytes and counts in one table, peers down.
pub(crate) fn memory_table(bytes: &[memory::Cell], counts: &[bound::Cell]) -> Table {
    let kept = |capacity: u32| format!("kept of {}", thousands(capacity.into()));
    let mut head =
        vec!["cache".to_owned(), "bytes per entry".to_owned(), "after evictions".to_owned()];
    head.extend(CAPACITIES.map(kept));
    head.push(format!("most above {}", thousands(STORM.into())));
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
            of_peer(capacity).map_or_else(|| "n/a".to_owned(), |it| thousands(it.kept))
        }));
        let above =
            of_peer(STORM).and_then(|it| it.storm).map(|storm| storm.most_above.max(0) as u64);
        texts.push(above.map_or_else(|| "n/a".to_owned(), thousands));
        table.row(texts);
        if let Some(note) = peer.traits().note {
            table.note(format!("{peer}: {note}"));
        }
    }
    table
}

/// Memory at 100,000 entries.
pub(crate) fn memory(peers: &[PeerId], seed: u64) -> memory::Matrix {
    memory::Matrix { kinds: vec![Kind::U64], entries: vec![100_000], peers: peers.to_vec(), seed }
}

/// The capacities for which entries are counted.
const CAPACITIES: [u32; 3] = [5_000, 100_000, 1_000_000];

/// The one whose storm is shown.
const STORM: u32 = 100_000;

/// The bound at these capacities, with a storm of four threads.
pub(crate) fn bound(peers: &[PeerId], duration: Duration, seed: u64) -> bound::Plan {
    bound::Plan {
        peers: peers.to_vec(),
        capacities: CAPACITIES.to_vec(),
        threads: 4,
        duration,
        seed,
    }
}
