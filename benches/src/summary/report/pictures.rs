//! The pictures: one for each table of the README, and the plots of the full report.

use crate::load::trace::Trace;
use crate::memory;
use crate::output::dots::{Dots, Scale, Series};
use crate::output::plot::{Line, Plot};
use crate::output::style::{Mark, Style};
use crate::output::table::thousands;
use crate::peers::PeerId;
use crate::{replay, throughput};

/// The names and styles of the policies that are simulated beside the caches.
const LRU: (&str, Style) = ("LRU", Style::new(0x7f7f7f, Mark::Disc));
const OPTIMUM: (&str, Style) = ("optimum", Style::new(0xd62fb5, Mark::Cross));

/// Nanoseconds per operation with that many threads: scenarios down, a series for each cache.
pub(super) fn speed(cells: &[throughput::Cell], threads: usize) -> Dots {
    let groups: Vec<_> = throughput::groups(cells).collect();
    let row = |group: &&[throughput::Cell]| {
        let first = &group[0];
        format!("{}; {} entries", first.scenario.describe(), thousands(first.entries.into()))
    };
    let of = |group: &[throughput::Cell], peer: PeerId| {
        let cell = group.iter().find(|cell| (cell.peer, cell.threads) == (peer, threads))?;
        cell.ns.map(|ns| ns.median)
    };
    let of_first = groups.first().copied().unwrap_or_default();
    let peers = of_first.iter().filter(|cell| cell.threads == threads).map(|cell| cell.peer);
    let series = peers.map(|peer| Series {
        name: peer.to_string(),
        style: peer.style(),
        values: groups.iter().map(|group| of(group, peer)).collect(),
    });
    Dots {
        title: match threads {
            1 => "Time of an operation, 1 thread".to_owned(),
            threads => format!("Time of an operation, {threads} threads"),
        },
        x: "ns per operation and thread, median (logarithmic; less is better)",
        scale: Scale::Logarithmic,
        rows: groups.iter().map(row).collect(),
        series: series.collect(),
    }
}

/// Hit ratios: traces down and their mean at the end, a series for each cache.
pub(super) fn hits(rows: &[replay::Row]) -> Dots {
    let name = |row: &replay::Row| format!("{}, {}", row.trace, thousands(row.capacity as u64));
    let mut series = ratios(rows);
    for Series { values, .. } in &mut series {
        // None where it is not known of every row: means over different rows do not compare.
        let sum: Option<f64> = values.iter().copied().sum();
        values.push(sum.map(|sum| sum / rows.len() as f64));
    }
    Dots {
        title: "Hit ratio by trace and entries".to_owned(),
        x: "hits, % of all accesses (more is better)",
        scale: Scale::Linear,
        rows: rows.iter().map(name).chain(["mean".to_owned()]).collect(),
        series,
    }
}

/// Bytes per entry: caches down, a series for full caches and one for those that have evicted.
pub(super) fn bytes(cells: &[memory::Cell]) -> Dots {
    let entries = cells.first().map_or(0, |cell| cell.capacity);
    let series = |name: &str, style, of: fn(&memory::Cell) -> Option<f64>| Series {
        name: name.to_owned(),
        style,
        values: cells.iter().map(of).collect(),
    };
    Dots {
        title: format!(
            "Memory of {} u64 entries, without keys and values",
            thousands(entries.into())
        ),
        x: "bytes per entry (less is better)",
        scale: Scale::Linear,
        rows: cells.iter().map(|cell| cell.peer.to_string()).collect(),
        series: vec![
            series("full", Style::new(0x1f77b4, Mark::Square), |cell| Some(cell.full.overhead)),
            series("after evictions", Style::new(0xd62728, Mark::Disc), |cell| {
                cell.steady.map(|steady| steady.overhead)
            }),
        ],
    }
}

/// All threads' operations per second by the number of threads, and the name of its file.
pub(super) fn throughput(cells: &[throughput::Cell]) -> (String, Plot) {
    let throughput::Cell { scenario, kind, dist, entries, .. } = cells[0];
    let mut lines: Vec<Line> = Vec::new();
    for cell in cells {
        let Some(ns) = cell.ns else { continue };
        let point = (cell.threads as f64, cell.threads as f64 * 1e3 / ns.median);
        let name = cell.peer.name();
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => lines.push(Line {
                name: name.to_owned(),
                style: cell.peer.style(),
                points: vec![point],
            }),
        }
    }
    let what = scenario.describe();
    let title = format!("{what}, {} entries, {}", thousands(entries.into()), dist.name());
    let file = format!("throughput-{scenario:?}-{kind:?}-{dist:?}-{entries}");
    let (x, y) = ("threads", "million operations per second, all threads");
    (file, Plot { title, x, y, base: 2.0, lines })
}

/// Hit ratio by capacity.
pub(super) fn hits_by_capacity(trace: &Trace, rows: &[replay::Row]) -> Plot {
    let line = |Series { name, style, values }| {
        let points = rows.iter().zip(values);
        let points = points.filter_map(|(row, value)| Some((row.capacity as f64, value?)));
        Line { name, style, points: points.collect() }
    };
    let lines = ratios(rows).into_iter().map(line).collect();
    let title = format!("{}: hit ratio by capacity", trace.name);
    let (x, y) = ("capacity in entries (logarithmic)", "hits, % of all accesses");
    Plot { title, x, y, base: 10.0, lines }
}

/// The ratios of each cache, of LRU and of the optimum, one for each row.
fn ratios(rows: &[replay::Row]) -> Vec<Series> {
    let peers = rows.first().map(|row| &row.peers[..]).unwrap_or_default();
    // The line of that one is LRU's own.
    let peers = peers.iter().enumerate().filter(|(_, it)| it.peer != PeerId::MutexLru);
    let mut series: Vec<Series> = peers
        .map(|(i, ratio)| Series {
            name: ratio.peer.to_string(),
            style: ratio.peer.style(),
            values: rows.iter().map(|row| row.peers[i].one_thread).collect(),
        })
        .collect();
    for ((name, style), of) in [(LRU, lru as fn(&replay::Row) -> f64), (OPTIMUM, optimum)] {
        let values = rows.iter().map(|row| Some(of(row))).collect();
        series.push(Series { name: name.to_owned(), style, values });
    }
    series
}

fn lru(row: &replay::Row) -> f64 {
    row.lru
}

fn optimum(row: &replay::Row) -> f64 {
    row.optimum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::data::Kind;
    use crate::load::workload::Dist;
    use crate::output::stats::Spread;
    use crate::throughput::Scenario;

    #[test]
    fn a_picture_of_speed_has_a_row_for_each_scenario_and_a_gap_for_what_cannot_be_done() {
        let cell = |scenario, threads, peer, ns: Option<f64>| throughput::Cell {
            scenario,
            kind: Kind::U64,
            dist: Dist::Zipf,
            entries: 1_000,
            threads,
            peer,
            ns: ns.map(|ns| Spread::of(&[ns])),
            ratio: None,
            hit_ratio: None,
            rejected: 0.0,
            backlog: 0.0,
            held: None,
        };
        let (read, insert) = (Scenario::Read, Scenario::Insert);
        let (larder, papaya) = (PeerId::Larder, PeerId::Papaya);
        let cells = [
            cell(read, 1, larder, Some(10.0)),
            cell(read, 1, papaya, Some(20.0)),
            cell(read, 2, larder, Some(11.0)),
            cell(read, 2, papaya, Some(21.0)),
            cell(insert, 1, larder, Some(30.0)),
            cell(insert, 1, papaya, None),
            cell(insert, 2, larder, Some(31.0)),
            cell(insert, 2, papaya, None),
        ];
        let picture = speed(&cells, 2);
        assert_eq!(picture.rows.len(), 2);
        let values: Vec<_> = picture.series.iter().map(|it| it.values.clone()).collect();
        assert_eq!(values, [vec![Some(11.0), Some(31.0)], vec![Some(21.0), None]]);
    }

    #[test]
    fn a_picture_of_hit_ratios_ends_with_the_means_that_are_known() {
        let row = |lru, ratios: [Option<f64>; 3]| {
            let peers = [PeerId::Larder, PeerId::Stretto, PeerId::MutexLru];
            let ratio =
                |(peer, one_thread)| replay::Ratio { peer, one_thread, threads: None, held: None };
            replay::Row {
                trace: "t".to_owned(),
                accesses: 1,
                keys: 1,
                capacity: 1_000,
                lru,
                optimum: 80.0,
                peers: peers.into_iter().zip(ratios).map(ratio).collect(),
            }
        };
        let rows = [
            row(40.0, [Some(50.0), Some(45.0), Some(40.0)]),
            row(50.0, [Some(60.0), None, Some(50.0)]),
        ];
        let picture = hits(&rows);
        assert_eq!(picture.rows.last().unwrap(), "mean");
        let names: Vec<&str> = picture.series.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["larder", "stretto", "LRU", "optimum"]);
        let means: Vec<_> = picture.series.iter().map(|it| *it.values.last().unwrap()).collect();
        assert_eq!(means, [Some(55.0), None, Some(45.0), Some(80.0)]);
    }
}
