//! `report`: everything at once, as a Markdown file with plots beside it and the numbers as JSON.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::latency;
use crate::load::data::Kind;
use crate::load::trace::{self, Trace};
use crate::memory::{self, bound};
use crate::output::plot::{Line, Plot};
use crate::output::table::{Table, thousands};
use crate::output::versions;
use crate::peers::PeerId;
use crate::replay::{self, Rows};
use crate::throughput::{self, Matrix};

/// A part of the report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Section {
    Throughput,
    Latency,
    /// Hit ratios on traces.
    Hits,
    Memory,
    Bound,
}

/// What to report, and where.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) folder: PathBuf,
    pub(crate) traces: Option<PathBuf>,
    pub(crate) sections: Vec<Section>,
    pub(crate) peers: Vec<PeerId>,
    pub(crate) seed: u64,
    /// Minutes instead of hours.
    pub(crate) quick: bool,
}

/// Traces that a quick report replays have at most this many accesses.
const QUICK_ACCESSES: usize = 200_000;

/// Runs everything and returns the path of the Markdown file.
pub(crate) fn run(plan: &Plan) -> Result<PathBuf> {
    let folder = &plan.folder;
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let mut report = Report::new(plan);
    for &section in &plan.sections {
        match section {
            Section::Throughput => report.throughput(plan)?,
            Section::Latency => report.latency(plan)?,
            Section::Hits => report.hits(plan)?,
            Section::Memory => report.memory(plan)?,
            Section::Bound => report.bound(plan)?,
        }
        // After each section: a report that is interrupted keeps what it has.
        report.write(folder)?;
    }
    Ok(folder.join(MARKDOWN))
}

const MARKDOWN: &str = "report.md";
const JSON: &str = "results.json";

/// What has been measured so far.
struct Report {
    text: String,
    json: Map<String, Value>,
}

impl Report {
    fn new(plan: &Plan) -> Self {
        let mut text = "# larder beside its peers\n\n".to_owned();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let versions: Vec<String> = plan
            .peers
            .iter()
            .map(|peer| format!("{} {}", peer.package(), versions::of(peer.package())))
            .collect();
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let _ = writeln!(text, "Measured on {cores} cores, {os} {arch}; seed {}.\n", plan.seed);
        let _ = writeln!(text, "Versions: {}.\n", versions.join(", "));
        let mut json = Map::new();
        json.insert("cores".to_owned(), cores.into());
        json.insert("seed".to_owned(), plan.seed.into());
        json.insert("versions".to_owned(), versions.into());
        Self { text, json }
    }

    fn section(&mut self, title: &str) {
        let _ = writeln!(self.text, "## {title}\n");
    }

    fn tables(&mut self, tables: &[Table]) {
        for table in tables {
            self.text += &table.markdown();
        }
    }

    fn plot(&mut self, folder: &Path, file: &str, plot: &Plot) -> Result<()> {
        plot.write(&folder.join(file))?;
        let _ = writeln!(self.text, "![{}]({file})\n", plot.title);
        Ok(())
    }

    fn numbers(&mut self, name: &str, results: &impl Serialize) -> Result<()> {
        self.json.insert(name.to_owned(), serde_json::to_value(results)?);
        Ok(())
    }

    fn write(&self, folder: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(&self.json)?;
        for (name, text) in [(MARKDOWN, &self.text), (JSON, &json)] {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    fn throughput(&mut self, plan: &Plan) -> Result<()> {
        let matrix = Matrix::new(plan.peers.clone(), plan.seed, plan.quick);
        let mut cells = throughput::run(&matrix);
        if !plan.quick {
            cells.extend(throughput::run(&matrix.large()));
        }
        self.section("Throughput");
        for group in throughput::groups(&cells) {
            self.tables(&[throughput::table(group)]);
            let (file, plot) = throughput_plot(group);
            self.plot(&plan.folder, &file, &plot)?;
        }
        self.numbers("throughput", &cells)
    }

    fn latency(&mut self, plan: &Plan) -> Result<()> {
        let plan = latency::Plan {
            peers: plan.peers.clone(),
            entries: 100_000,
            threads: 2,
            rate: 200_000,
            inserts: 25,
            duration: Duration::from_secs(if plan.quick { 1 } else { 10 }),
            seed: plan.seed,
        };
        let cells = latency::run(&plan);
        self.section("Latency");
        self.tables(&latency::tables(&cells, &plan));
        self.numbers("latency", &cells)
    }

    fn hits(&mut self, plan: &Plan) -> Result<()> {
        let (mut traces, stand_in) = trace::load(plan.traces.as_deref(), plan.seed)?;
        self.section("Hit ratio");
        if let Some(why) = stand_in {
            eprintln!("{why}");
            let _ = writeln!(self.text, "{why}.\n");
        }
        if plan.quick {
            for trace in &mut traces {
                trace.shorten(QUICK_ACCESSES);
            }
            let most = thousands(QUICK_ACCESSES as u64);
            let _ = writeln!(self.text, "The first {most} accesses of each trace.\n");
        }
        let threads = Some(4);
        let replays = replay::Plan {
            peers: plan.peers.clone(),
            capacities: Vec::new(),
            rows: Rows::Auto,
            threads,
            seed: plan.seed,
        };
        let rows = replay::run(&replays, &traces);
        self.tables(&replay::tables(&rows, threads));
        for line in replay::verdict(&rows) {
            let _ = writeln!(self.text, "{line}");
        }
        self.text.push('\n');
        self.numbers("hits", &rows)?;

        let curves = replay::Plan { rows: Rows::Percent, threads: None, ..replays };
        let mut all = Vec::new();
        for trace in &traces {
            let rows = replay::run(&curves, std::slice::from_ref(trace));
            let file = format!("hits-{}.svg", slug(&trace.name));
            self.plot(&plan.folder, &file, &hits_plot(trace, &rows))?;
            all.extend(rows);
        }
        self.numbers("hits_by_capacity", &all)
    }

    fn memory(&mut self, plan: &Plan) -> Result<()> {
        let sizes: &[u32] =
            if plan.quick { &[1_000, 100_000] } else { &[1_000, 100_000, 1_000_000] };
        let matrix = memory::Matrix {
            kinds: vec![Kind::U64, Kind::String],
            entries: sizes.to_vec(),
            peers: plan.peers.clone(),
            seed: plan.seed,
        };
        let cells = memory::run(&matrix)?;
        self.section("Memory");
        self.tables(&memory::tables(&cells));
        self.numbers("memory", &cells)
    }

    fn bound(&mut self, plan: &Plan) -> Result<()> {
        let plan = bound::Plan {
            peers: plan.peers.clone(),
            capacities: vec![100, 5_000, 100_000],
            threads: 4,
            duration: Duration::from_millis(if plan.quick { 200 } else { 1_000 }),
            seed: plan.seed,
        };
        let cells = bound::run(&plan);
        self.section("Bound");
        self.tables(&bound::tables(&cells, &plan));
        self.numbers("bound", &cells)
    }
}

/// All threads' operations per second by the number of threads.
fn throughput_plot(cells: &[throughput::Cell]) -> (String, Plot) {
    let first = &cells[0];
    let mut lines: Vec<Line> = Vec::new();
    for cell in cells {
        let Some(ns) = cell.ns else { continue };
        let point = (cell.threads as f64, cell.threads as f64 * 1e3 / ns.median);
        let name = cell.peer.name();
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => lines.push(Line { name: name.to_owned(), points: vec![point] }),
        }
    }
    let title = format!(
        "{}, {} entries, {}",
        first.scenario.describe(),
        thousands(u64::from(first.entries)),
        first.dist.name()
    );
    let file = format!(
        "throughput-{:?}-{:?}-{:?}-{}.svg",
        first.scenario, first.kind, first.dist, first.entries
    );
    let plot = Plot { title, x: "threads", y: "M operations/s, all threads", base: 2.0, lines };
    (slug(&file), plot)
}

/// Hit ratio by capacity.
fn hits_plot(trace: &Trace, rows: &[replay::Row]) -> Plot {
    let mut lines: Vec<Line> = Vec::new();
    let mut line = |name: &str, of: &dyn Fn(&replay::Row) -> Option<f64>| {
        let points = rows.iter().filter_map(|row| Some((row.capacity as f64, of(row)?)));
        lines.push(Line { name: name.to_owned(), points: points.collect() });
    };
    let peers = rows.first().map(|row| &row.peers[..]).unwrap_or_default();
    for (i, ratio) in peers.iter().enumerate() {
        // That line is LRU's own.
        if ratio.peer != PeerId::MutexLru {
            line(ratio.peer.name(), &|row| row.peers[i].one_thread);
        }
    }
    line("LRU", &|row| Some(row.lru));
    line("optimum", &|row| Some(row.optimum));
    let title = format!("{}: hit ratio by capacity", trace.name);
    Plot { title, x: "entries", y: "hit ratio, %", base: 10.0, lines }
}

/// A file name without surprises.
fn slug(name: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    name.chars().map(|c| if keep(c) { c.to_ascii_lowercase() } else { '-' }).collect()
}
