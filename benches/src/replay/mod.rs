//! `replay`: hit ratios on traces, beside LRU and the optimum.

mod belady;
mod drive;
pub(crate) mod lru;
mod rows;

use serde::Serialize;

pub(crate) use self::rows::{Capacity, Rows};

use self::drive::Drive;
use crate::load::trace::{self, Trace};
use crate::output::progress::{Progress, Work};
use crate::output::stats::percent;
use crate::output::table::{Table, thousands};
use crate::peers::PeerId;

/// What to replay.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) peers: Vec<PeerId>,
    /// Chosen capacities; `rows` where there are none.
    pub(crate) capacities: Vec<Capacity>,
    pub(crate) rows: Rows,
    /// The second replay's threads; none to replay with one thread only.
    pub(crate) threads: Option<usize>,
    pub(crate) seed: u64,
}

/// One trace with one capacity. Ratios in percent.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) trace: String,
    pub(crate) accesses: usize,
    pub(crate) keys: usize,
    pub(crate) capacity: usize,
    pub(crate) lru: f64,
    pub(crate) optimum: f64,
    pub(crate) peers: Vec<Ratio>,
}

/// The hit ratios of one cache in percent.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ratio {
    pub(crate) peer: PeerId,
    /// None where the peer was left out.
    pub(crate) one_thread: Option<f64>,
    pub(crate) threads: Option<f64>,
    /// Entries in the cache at the end of the replay with one thread.
    pub(crate) held: Option<u64>,
}

impl Row {
    /// The peers with the highest ratio among those that hold the capacity and no more: several
    /// where they have as many hits.
    fn best(&self) -> Vec<PeerId> {
        let ratios = self.peers.iter().filter(|ratio| !ratio.exceeds(self.capacity));
        let known: Vec<_> =
            ratios.filter_map(|ratio| Some((ratio.peer, ratio.one_thread?))).collect();
        let most = known.iter().map(|(_, ratio)| *ratio).fold(0.0, f64::max);
        known.iter().filter(|(_, ratio)| *ratio == most).map(|(peer, _)| *peer).collect()
    }

    fn beats_optimum(&self) -> bool {
        self.peers.iter().filter_map(|ratio| ratio.one_thread).any(|ratio| ratio > self.optimum)
    }
}

impl Ratio {
    /// Percentage points lost by the second replay.
    pub(crate) fn lost(&self) -> Option<f64> {
        Some(self.one_thread? - self.threads?)
    }

    /// Whether the cache holds over 1 % more entries than it was asked for: many round up to a
    /// multiple of their shards.
    fn exceeds(&self, capacity: usize) -> bool {
        self.held.is_some_and(|held| held * 100 > capacity as u64 * 101)
    }

    /// The ratio, and how many entries it is of where they are more than asked for.
    fn text(&self, capacity: usize) -> String {
        let ratio = number(self.one_thread);
        match self.held {
            Some(held) if self.exceeds(capacity) => format!("{ratio} of {}", thousands(held)),
            _ => ratio,
        }
    }
}

/// Replays every trace with every capacity through every peer.
pub(crate) fn run(plan: &Plan, traces: &[Trace], progress: &Progress) -> Vec<Row> {
    let capacities: Vec<Vec<usize>> = traces.iter().map(|trace| plan.capacities(trace)).collect();
    let peers: Vec<PeerId> = plan.bounded().collect();
    let mut table = Vec::new();
    for (trace, capacities) in traces.iter().zip(&capacities) {
        let accesses = &trace.accesses[..];
        let total = accesses.len() as u64;
        let next = belady::next_uses(accesses, trace.keys);
        for &capacity in capacities {
            let step = |work: Work, what: &str| {
                let capacity = thousands(capacity as u64);
                progress.step(work, format!("{} @{capacity}: {what}", trace.name));
            };
            step(simulation(trace), "LRU");
            let lru = percent(lru::hits(accesses, trace.keys, capacity), total);
            step(simulation(trace), "optimum");
            let optimum = percent(belady::hits(accesses, trace.keys, &next, capacity), total);
            let ratios = peers.iter().map(|&peer| {
                step(plan.of_one(trace), peer.name());
                if peer.traits().cannot_evict(capacity).is_some() {
                    return Ratio { peer, one_thread: None, threads: None, held: None };
                }
                let with = |threads| {
                    let (keys, seed) = (trace.keys, plan.seed);
                    peer.dispatch(Drive { accesses, keys, capacity, threads, seed })
                };
                let one = with(1);
                Ratio {
                    peer,
                    one_thread: Some(percent(one.hits, total)),
                    threads: plan.threads.map(|threads| percent(with(threads).hits, total)),
                    held: Some(one.held),
                }
            });
            table.push(Row {
                trace: trace.name.clone(),
                accesses: accesses.len(),
                keys: trace.keys,
                capacity,
                lru,
                optimum,
                peers: ratios.collect(),
            });
        }
    }
    table
}

/// LRU, or the optimum.
fn simulation(trace: &Trace) -> Work {
    Work::step(trace.accesses.len() as f64 * 100e-9)
}

impl Plan {
    fn bounded(&self) -> impl Iterator<Item = PeerId> {
        self.peers.iter().copied().filter(|peer| peer.traits().bounded)
    }

    /// Returns how much there is to do.
    pub(crate) fn work(&self, traces: &[Trace]) -> Work {
        let peers = self.bounded().count();
        let of_trace = |trace: &Trace| {
            let row = simulation(trace) * 2 + self.of_one(trace) * peers;
            row * self.capacities(trace).len()
        };
        traces.iter().map(of_trace).sum()
    }

    /// One cache: the replay with one thread, and the one with several.
    fn of_one(&self, trace: &Trace) -> Work {
        let access = if self.threads.is_some() { 1_500e-9 } else { 300e-9 };
        Work::step(trace.accesses.len() as f64 * access)
    }

    fn capacities(&self, trace: &Trace) -> Vec<usize> {
        if self.capacities.is_empty() {
            return self.rows.capacities(trace);
        }
        let entries = self.capacities.iter().map(|capacity| capacity.entries(trace));
        rows::distinct(entries.collect())
    }
}

/// The hit ratios, and the loss by threads if there was a second replay.
pub(crate) fn tables(rows: &[Row], threads: Option<usize>) -> Vec<Table> {
    if rows.is_empty() {
        return Vec::new();
    }
    let mut tables = vec![ratios(rows)];
    tables.extend(threads.map(|threads| losses(rows, threads)));
    tables
}

fn head(rows: &[Row]) -> Vec<String> {
    let mut head = vec!["trace @ entries".to_owned()];
    head.extend(rows[0].peers.iter().map(|ratio| ratio.peer.to_string()));
    head
}

fn name(row: &Row) -> String {
    format!("{} @{}", row.trace, thousands(row.capacity as u64))
}

fn ratios(rows: &[Row]) -> Table {
    let mut head = head(rows);
    head.extend(["LRU".to_owned(), "optimum".to_owned()]);
    let mut table = Table::new("Hit ratio, % (* the best of a row)", head);
    for row in rows {
        let best = row.best();
        let mut cells = vec![name(row)];
        for ratio in &row.peers {
            let star = if best.contains(&ratio.peer) { "*" } else { "" };
            cells.push(star.to_owned() + &ratio.text(row.capacity));
        }
        cells.extend([format!("{:.2}", row.lru), format!("{:.2}", row.optimum)]);
        table.row(cells);
    }
    table.row(means(rows));
    for ratio in &rows[0].peers {
        if let Some(note) = ratio.peer.traits().note {
            table.note(format!("{}: {note}", ratio.peer));
        }
    }
    for row in rows {
        for Ratio { peer, .. } in row.peers.iter().filter(|ratio| ratio.one_thread.is_none()) {
            let why = peer.traits().cannot_evict(row.capacity).unwrap_or_default();
            table.note(format!("{peer}: n/a, {why}"));
        }
    }
    if rows.iter().any(|row| row.peers.iter().any(|ratio| ratio.exceeds(row.capacity))) {
        table.note("of N: that cache held N entries at the end, over 1 % more than its capacity");
    }
    if rows.iter().any(Row::beats_optimum) {
        table.note("more than the optimum: that cache held more entries than its capacity");
    }
    if rows.iter().any(|row| row.trace.starts_with("arc_")) {
        table.note("arc_*: traces of Megiddo and Modha, ARC, FAST 2003");
    }
    let mut described = None;
    for row in rows {
        if let Some(what) = trace::what(&row.trace)
            && described.replace(&row.trace) != Some(&row.trace)
        {
            table.note(format!("{}: {what}", row.trace));
        }
    }
    table
}

fn means(rows: &[Row]) -> Vec<String> {
    let mut cells = vec!["mean".to_owned()];
    for i in 0..rows[0].peers.len() {
        cells.push(number(mean(rows, |row| row.peers[i].one_thread)));
    }
    cells.push(number(mean(rows, |row| Some(row.lru))));
    cells.push(number(mean(rows, |row| Some(row.optimum))));
    cells
}

/// None where it is not known of every row: means over different rows do not compare.
fn mean(rows: &[Row], of: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
    rows.iter().map(of).sum::<Option<f64>>().map(|sum| sum / rows.len() as f64)
}

fn number(ratio: Option<f64>) -> String {
    // Rounded first, and no negative zero.
    let rounded = |ratio: f64| (ratio * 100.0).round() / 100.0 + 0.0;
    ratio.map_or_else(|| "n/a".to_owned(), |ratio| format!("{:.2}", rounded(ratio)))
}

fn losses(rows: &[Row], threads: usize) -> Table {
    let title = format!("Hit ratio lost by replaying with {threads} threads, percentage points");
    let mut table = Table::new(title, head(rows));
    for row in rows {
        let mut cells = vec![name(row)];
        cells.extend(row.peers.iter().map(|ratio| number(ratio.lost())));
        table.row(cells);
    }
    let mut cells = vec!["mean".to_owned()];
    for i in 0..rows[0].peers.len() {
        cells.push(number(mean(rows, |row| row.peers[i].lost())));
    }
    table.row(cells);
    table
}

/// Who wins, in sentences.
pub(crate) fn verdict(rows: &[Row]) -> Vec<String> {
    let Some(first) = rows.first() else { return Vec::new() };
    let mut standings: Vec<(PeerId, f64, usize, usize)> = Vec::new();
    for (i, Ratio { peer, .. }) in first.peers.iter().enumerate() {
        let won = rows.iter().filter(|row| row.best().contains(peer)).count();
        let larger = rows.iter().filter(|row| row.peers[i].exceeds(row.capacity)).count();
        if let Some(mean) = mean(rows, |row| row.peers[i].one_thread) {
            standings.push((*peer, mean, won, larger));
        }
    }
    standings.sort_by(|a, b| b.1.total_cmp(&a.1));
    let place = |(at, (peer, mean, won, larger)): (usize, &(PeerId, f64, usize, usize))| {
        let larger = match larger {
            0 => String::new(),
            larger => format!(" (in {larger} with more entries than asked for)"),
        };
        let of = rows.len();
        format!("{}. {peer}: mean {mean:.2} %, best in {won} of {of} rows{larger}", at + 1)
    };
    standings.iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_ties_wins_too_and_who_holds_more_than_asked_does_not() {
        let ratio = |peer, ratio, held| Ratio {
            peer,
            one_thread: Some(ratio),
            threads: Some(ratio + 0.001),
            held: Some(held),
        };
        let row = Row {
            trace: "t".to_owned(),
            accesses: 1,
            keys: 1,
            capacity: 1_000,
            lru: 50.0,
            optimum: 70.0,
            peers: vec![
                ratio(PeerId::Larder, 60.0, 1_000),
                ratio(PeerId::Moka, 59.0, 1_000),
                ratio(PeerId::Foyer, 60.0, 990),
                ratio(PeerId::Scc, 61.0, 1_024),
            ],
        };
        assert_eq!(row.best(), [PeerId::Larder, PeerId::Foyer]);
        assert_eq!(number(row.peers[0].lost()), "0.00", "not negative");
        let text = ratios(std::slice::from_ref(&row)).markdown();
        assert!(text.contains("| *60.00 |") && text.contains("| 61.00 of 1,024 |"), "{text}");
        assert!(verdict(&[row])[0].ends_with("(in 1 with more entries than asked for)"));
    }

    #[test]
    fn a_replay_fills_every_cell_and_nobody_beats_the_optimum() {
        // Short: threads wait for each other every few accesses, and there may be no core for one.
        let trace = Trace::short(2_000);
        let plan = Plan {
            peers: PeerId::all(),
            capacities: vec![Capacity::Entries(64), Capacity::Percent(25.0)],
            rows: Rows::Auto,
            threads: Some(2),
            seed: 1,
        };
        let (traces, progress) = ([trace], Progress::hidden());
        let rows = run(&plan, &traces, &progress);
        assert_eq!(progress.begun(), plan.work(&traces).steps);
        assert_eq!(rows.len(), 2);
        for row in &rows {
            assert!(row.lru <= row.optimum);
            assert_eq!(row.peers.len(), PeerId::all().len() - 1, "all but the map");
            for ratio in row.peers.iter().filter(|ratio| ratio.peer == PeerId::MutexLru) {
                assert_eq!(ratio.one_thread, Some(row.lru));
            }
            // They round up to a power of two, or to a multiple of their shards; stretto evicts
            // late.
            let loose = [PeerId::Scc, PeerId::QuickCache, PeerId::Stretto];
            let optimum = row.optimum;
            for ratio in &row.peers {
                let exceeds = ratio.exceeds(row.capacity);
                assert!(!exceeds || loose.contains(&ratio.peer), "{ratio:?} @{}", row.capacity);
                assert!(exceeds || ratio.one_thread.unwrap() <= optimum, "{ratio:?} {optimum}");
            }
            let scc = row.peers.iter().find(|ratio| ratio.peer == PeerId::Scc).unwrap();
            let most = row.capacity.next_power_of_two() as u64;
            assert!(scc.held.is_some_and(|held| held <= most && held > most * 9 / 10), "{scc:?}");
        }
        assert_eq!(tables(&rows, plan.threads).len(), 2);
        assert_eq!(verdict(&rows).len(), PeerId::all().len() - 1);
    }
}
