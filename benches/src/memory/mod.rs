//! `memory`: what an entry costs beyond its key and its value, all heap included.
//!
//! Each cache is measured in a process of its own. Several leave memory behind for a collector when
//! they are dropped; in one process that would be freed, and counted, while the next is measured.
//!
//! [`alloc`] counts what is allocated; [`bound`] counts entries instead of bytes.

pub(crate) mod alloc;
pub(crate) mod bound;

use std::env;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::load::data::{Key, Kind, Value};
use crate::output::progress::{Progress, Work};
use crate::output::table::{Table, thousands};
use crate::parse::parse_count;
use crate::peers::{Peer, PeerId, Visit, hasher, held};

/// What to measure: every combination.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) entries: Vec<u32>,
    pub(crate) peers: Vec<PeerId>,
    pub(crate) seed: u64,
}

/// One cache with one capacity.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Cell {
    pub(crate) kind: Kind,
    pub(crate) capacity: u32,
    pub(crate) peer: PeerId,
    /// Of key and value alone, which the other numbers leave out.
    pub(crate) payload: usize,
    /// The empty cache, in bytes altogether.
    pub(crate) empty: i64,
    /// After as many inserts as fit.
    pub(crate) full: PerEntry,
    /// After four times as many more, so that whatever remembers evicted keys is full too.
    pub(crate) steady: Option<PerEntry>,
}

/// Bytes for each entry that is present.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct PerEntry {
    pub(crate) entries: u64,
    /// Beyond the entry's key and value.
    pub(crate) overhead: f64,
}

/// Measures one cache: the command that [`run`] starts for each, with its arguments in this order
/// after the seed, which every command takes.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Weigh {
    kind: Kind,
    #[arg(value_parser = parse_count)]
    capacity: u32,
    peer: PeerId,
    #[arg(skip)]
    pub(crate) seed: u64,
}

impl Weigh {
    /// In this process.
    pub(crate) fn here(self) -> Cell {
        match self.kind {
            Kind::U64 => self.peer.dispatch::<u64, u64, _>(self),
            Kind::String => self.peer.dispatch::<String, Arc<[u8]>, _>(self),
        }
    }

    /// In a process of its own.
    fn alone(self) -> Result<Cell> {
        let Self { kind, capacity, peer, seed } = self;
        let program = env::current_exe().context("where this program is")?;
        let output = Command::new(program)
            .args(["--seed", &seed.to_string(), "weigh"])
            .args([argument(kind), capacity.to_string(), argument(peer)])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start this program again")?;
        ensure!(output.status.success(), "measuring {peer} ended with {}", output.status);
        serde_json::from_slice(&output.stdout).with_context(|| format!("measuring {peer}"))
    }
}

/// As the command line takes it.
fn argument(value: impl ValueEnum) -> String {
    let possible = value.to_possible_value().expect("none is hidden");
    possible.get_name().to_owned()
}

impl<K: Key, V: Value> Visit<K, V> for Weigh {
    type Output = Cell;

    fn visit<P: Peer<K, V>>(self) -> Cell {
        let Self { kind, capacity, peer, seed } = self;
        let payload = K::BYTES + V::BYTES;
        alloc::live_during(|live| {
            let cache = P::build(capacity as usize, hasher(seed));
            let empty = live();
            let fill = |keys: std::ops::Range<u32>| {
                let end = keys.end;
                for n in keys {
                    cache.insert(K::nth(n), V::nth(n));
                    if n % 1_024 == 0 {
                        cache.settle();
                    }
                }
                // What was removed is freed after a grace period, which later calls notice.
                for _ in 0..16 {
                    cache.settle();
                }
                let bytes = live();
                let entries = held(&cache, end);
                let overhead = bytes as f64 / entries.max(1) as f64 - payload as f64;
                PerEntry { entries, overhead }
            };
            let full = fill(0..capacity);
            let steady = P::TRAITS.cannot_evict(capacity as usize).is_none();
            let steady = steady.then(|| fill(capacity..5 * capacity));
            Cell { kind, capacity, peer, payload, empty, full, steady }
        })
    }
}

impl Matrix {
    /// Returns how much there is to do.
    pub(crate) fn work(&self) -> Work {
        let of_peer: Work = self.entries.iter().map(|&capacity| of_one(capacity)).sum();
        of_peer * (self.kinds.len() * self.peers.len())
    }
}

/// One cache: starting this program, five times as many inserts as fit, counting.
fn of_one(capacity: u32) -> Work {
    Work::step(0.05 + f64::from(capacity) * 4e-6)
}

/// Measures the whole matrix.
pub(crate) fn run(matrix: &Matrix, progress: &Progress) -> Result<Vec<Cell>> {
    let Matrix { kinds, entries, peers, seed } = matrix;
    let mut cells = Vec::new();
    for &kind in kinds {
        for &capacity in entries {
            for &peer in peers {
                let entries = thousands(capacity.into());
                progress.step(of_one(capacity), format!("bytes of {entries} entries: {peer}"));
                cells.push(Weigh { kind, capacity, peer, seed: *seed }.alone()?);
            }
        }
    }
    Ok(cells)
}

/// One table for each kind of keys and values: peers down, capacities across.
pub(crate) fn tables(cells: &[Cell]) -> Vec<Table> {
    cells.chunk_by(|a, b| a.kind == b.kind).map(table).collect()
}

fn table(cells: &[Cell]) -> Table {
    let first = &cells[0];
    let title = format!(
        "Bytes per entry beyond key and value ({} bytes); {}",
        first.payload,
        first.kind.describe()
    );
    let mut capacities: Vec<u32> = cells.iter().map(|cell| cell.capacity).collect();
    capacities.dedup();
    let mut head = vec!["cache".to_owned()];
    for &capacity in &capacities {
        let entries = thousands(u64::from(capacity));
        head.extend([format!("{entries}: full"), "after evictions".to_owned()]);
    }
    let mut table = Table::new(title, head);
    for peer in cells.iter().filter(|cell| cell.capacity == capacities[0]).map(|cell| cell.peer) {
        let mut row = vec![peer.to_string()];
        for cell in cells.iter().filter(|cell| cell.peer == peer) {
            let steady = cell.steady.map_or_else(|| "n/a".to_owned(), |steady| of(&steady));
            row.extend([of(&cell.full), steady]);
        }
        table.row(row);
        for &capacity in &capacities {
            if let Some(why) = peer.traits().cannot_evict(capacity as usize) {
                table.note(format!("{peer}: n/a, {why}"));
            }
        }
        if let Some(note) = peer.traits().note {
            table.note(format!("{peer}: {note}"));
        }
    }
    table.note("requested bytes, before the allocator rounds them up; per entry that is present");
    table
}

fn of(per_entry: &PerEntry) -> String {
    format!("{:.1}", per_entry.overhead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_lru_list_costs_what_its_nodes_take() {
        alloc::tests::alone("memory::tests::weighs_an_lru_list");
    }

    #[test]
    #[ignore = "runs alone, started by the test above"]
    fn weighs_an_lru_list() {
        let weigh = |kind| Weigh { kind, capacity: 10_000, peer: PeerId::MutexLru, seed: 1 }.here();
        let cells = [Kind::U64, Kind::String].map(weigh);
        for cell in &cells {
            let text = serde_json::to_string(cell).unwrap();
            let read: Cell = serde_json::from_str(&text).unwrap();
            assert_eq!(format!("{read:?}"), format!("{cell:?}"), "goes from process to process");
            let (full, steady) = (cell.full, cell.steady.unwrap());
            assert_eq!((full.entries, steady.entries), (10_000, 10_000));
            // Two links in each node; a pointer, a key reference and a control byte in each slot
            // of the table, 16,384 slots of which are for 10,000 entries.
            assert!((32.0..64.0).contains(&full.overhead), "{full:?}");
            // It remembers no evicted key, but its table doubles for the sake of tombstones.
            assert!((32.0..100.0).contains(&steady.overhead), "{steady:?}");
        }
        assert_eq!(tables(&cells).len(), 2);
    }
}
