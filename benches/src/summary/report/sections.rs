//! The sections: what is measured, and how much of it.

use std::time::Duration;

use anyhow::Result;

use super::page::Outcome;
use super::{Effort, Plan, Section, pictures, shown};
use crate::latency;
use crate::load::data::Kind;
use crate::load::trace::{self, Trace};
use crate::memory::{self, bound};
use crate::output::progress::{Progress, Work};
use crate::output::table::thousands;
use crate::peers::PeerId;
use crate::replay;
use crate::summary::headline::{self, Rows, Speed, THREADS};
use crate::throughput::{self, Matrix};

/// A section that is ready to be measured.
pub(super) trait Part {
    fn title(&self) -> &'static str;

    /// What is measured, in a sentence.
    fn what(&self) -> String;

    /// The command that measures this alone, with its defaults.
    fn command(&self) -> String;

    fn work(&self) -> Work;

    fn run(&self, progress: &Progress) -> Result<Outcome>;
}

/// The sections of a plan in order, none twice.
pub(super) fn parts(plan: &Plan) -> Result<Vec<Box<dyn Part>>> {
    let mut chosen = Vec::new();
    for section in plan.sections() {
        if !chosen.contains(&section) {
            chosen.push(section);
        }
    }
    let part = |section: Section| -> Result<Box<dyn Part>> {
        Ok(match section {
            Section::Speed => Box::new(SpeedPart::new(plan)),
            Section::Hits => Box::new(HitsPart::new(plan)?),
            Section::Memory => Box::new(MemoryPart::new(plan)),
            Section::Throughput => Box::new(ThroughputPart::new(plan)),
            Section::Latency => Box::new(LatencyPart(latency_plan(plan))),
        })
    };
    chosen.into_iter().map(part).collect()
}

/// The README's table of speed.
struct SpeedPart(headline::SpeedPlan);

impl SpeedPart {
    fn new(plan: &Plan) -> Self {
        let (rows, rounds, ops) = match plan.effort {
            Effort::Full => (Rows::All, 7, 200_000),
            Effort::Quick => (Rows::Readme, 3, 200_000),
            Effort::Least => (Rows::All, 1, 1_000),
        };
        let peers = match plan.effort {
            Effort::Quick => plan.peers(headline::FASTEST),
            _ => plan.peers(headline::PEERS),
        };
        Self(headline::SpeedPlan { rows, peers, rounds, ops, seed: plan.seed })
    }
}

impl Part for SpeedPart {
    fn title(&self) -> &'static str {
        "Speed"
    }

    fn what(&self) -> String {
        let (rounds, ops) = (self.0.rounds, thousands(self.0.ops as u64));
        format!("Rounds: {rounds}, in each of which each thread makes up to {ops} operations.")
    }

    fn command(&self) -> String {
        "headline --only speed".to_owned()
    }

    fn work(&self) -> Work {
        self.0.work()
    }

    fn run(&self, progress: &Progress) -> Result<Outcome> {
        let speed = Speed::measure(&self.0, progress);
        let mut outcome = Outcome::default();
        for threads in THREADS {
            let picture = pictures::speed(&speed.cells, threads);
            outcome.picture(&format!("speed-{threads}"), &picture.title, picture.svg()?);
        }
        outcome.tables(&speed.tables());
        outcome.numbers("speed", &speed)?;
        Ok(outcome)
    }
}

/// Hit ratios, and how they depend on the capacity.
struct HitsPart {
    plan: replay::Plan,
    /// By capacity, in full.
    curves: Option<replay::Plan>,
    traces: Vec<Trace>,
    /// What the traces are where they are not those of a folder as they are.
    notes: Vec<String>,
    path: Option<String>,
}

/// The most accesses of a trace at the least effort.
const LEAST_ACCESSES: usize = 2_000;

impl HitsPart {
    fn new(plan: &Plan) -> Result<Self> {
        let (mut traces, stand_in) = trace::load(plan.traces.as_deref(), plan.seed)?;
        let mut notes: Vec<String> = stand_in.into_iter().collect();
        for why in &notes {
            eprintln!("{why}");
        }
        if plan.effort == Effort::Least {
            for trace in &mut traces {
                trace.shorten(LEAST_ACCESSES);
            }
            let most = thousands(LEAST_ACCESSES as u64);
            notes.push(format!("the first {most} accesses of each"));
        }
        let quick = plan.effort == Effort::Quick;
        let replays = replay::Plan {
            peers: if quick { plan.peers(headline::PEERS) } else { plan.peers(PeerId::all()) },
            capacities: Vec::new(),
            rows: replay::Rows::Auto,
            threads: (!quick).then_some(4),
            seed: plan.seed,
        };
        let by_capacity =
            replay::Plan { rows: replay::Rows::Percent, threads: None, ..replays.clone() };
        let curves = (!quick).then_some(by_capacity);
        let path = plan.traces.as_deref().map(shown);
        Ok(Self { plan: replays, curves, traces, notes, path })
    }
}

impl Part for HitsPart {
    fn title(&self) -> &'static str {
        "Hit ratio"
    }

    fn what(&self) -> String {
        let accesses: usize = self.traces.iter().map(|trace| trace.accesses.len()).sum();
        let (traces, accesses) = (self.traces.len(), thousands(accesses as u64));
        let text = format!("Traces: {traces}, {accesses} accesses together");
        self.notes.iter().fold(text, |text, note| format!("{text}; {note}")) + "."
    }

    fn command(&self) -> String {
        match &self.path {
            Some(path) => format!("replay {path}"),
            None => "replay".to_owned(),
        }
    }

    fn work(&self) -> Work {
        let plans = [Some(&self.plan), self.curves.as_ref()];
        plans.into_iter().flatten().map(|plan| plan.work(&self.traces)).sum()
    }

    fn run(&self, progress: &Progress) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let rows = replay::run(&self.plan, &self.traces, progress);
        let picture = pictures::hits(&rows);
        outcome.picture("hits", &picture.title, picture.svg()?);
        outcome.tables(&replay::tables(&rows, self.plan.threads));
        outcome.paragraph(&replay::verdict(&rows).join("\n"));
        outcome.numbers("hits", &rows)?;

        let Some(curves) = &self.curves else { return Ok(outcome) };
        let mut all = Vec::new();
        for trace in &self.traces {
            let rows = replay::run(curves, std::slice::from_ref(trace), progress);
            let plot = pictures::hits_by_capacity(trace, &rows);
            outcome.picture(&format!("hits-{}", trace.name), &plot.title, plot.svg()?);
            all.extend(rows);
        }
        outcome.numbers("hits_by_capacity", &all)?;
        Ok(outcome)
    }
}

/// The README's table of bytes and counts, in full for more sizes and caches.
struct MemoryPart {
    bytes: memory::Matrix,
    counts: bound::Plan,
    all: Option<(memory::Matrix, bound::Plan)>,
}

impl MemoryPart {
    fn new(plan: &Plan) -> Self {
        let (peers, seed) = (plan.peers(headline::PEERS), plan.seed);
        let (storm, sizes): (_, &[u32]) = match plan.effort {
            Effort::Full => (Duration::from_secs(1), &[1_000, 100_000, 1_000_000]),
            Effort::Quick => (Duration::from_millis(250), &[]),
            Effort::Least => (Duration::from_millis(5), &[1_000]),
        };
        let (bytes, counts) =
            (headline::memory(&peers, seed), headline::bound(&peers, storm, seed));
        let peers = plan.peers(PeerId::all());
        let all = (!sizes.is_empty()).then(|| {
            let kinds = vec![Kind::U64, Kind::String];
            let matrix =
                memory::Matrix { kinds, entries: sizes.to_vec(), peers: peers.clone(), seed };
            let capacities = vec![100, 5_000, 100_000];
            (matrix, bound::Plan { capacities, peers, ..counts.clone() })
        });
        Self { bytes, counts, all }
    }
}

impl Part for MemoryPart {
    fn title(&self) -> &'static str {
        "Memory and the bound"
    }

    fn what(&self) -> String {
        "Each cache is measured in a process of its own.".to_owned()
    }

    fn command(&self) -> String {
        "headline --only memory".to_owned()
    }

    fn work(&self) -> Work {
        let all = self.all.iter().map(|(matrix, plan)| matrix.work() + plan.work()).sum();
        self.bytes.work() + self.counts.work() + all
    }

    fn run(&self, progress: &Progress) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let bytes = memory::run(&self.bytes, progress)?;
        let counts = bound::run(&self.counts, progress);
        let picture = pictures::bytes(&bytes);
        outcome.picture("memory", &picture.title, picture.svg()?);
        outcome.tables(&[headline::memory_table(&bytes, &counts)]);
        outcome.numbers("memory", &serde_json::json!({ "bytes": bytes, "counts": counts }))?;

        let Some((matrix, plan)) = &self.all else { return Ok(outcome) };
        let cells = memory::run(matrix, progress)?;
        outcome.tables(&memory::tables(&cells));
        outcome.numbers("memory_by_size", &cells)?;
        let cells = bound::run(plan, progress);
        outcome.tables(&bound::tables(&cells, plan));
        outcome.numbers("bound", &cells)?;
        Ok(outcome)
    }
}

/// The matrix of `throughput`, and a part of it with very many entries.
struct ThroughputPart(Vec<Matrix>);

impl ThroughputPart {
    fn new(plan: &Plan) -> Self {
        let quick = plan.effort == Effort::Quick;
        let mut matrix = Matrix::new(plan.peers(PeerId::all()), plan.seed, quick);
        let large = match plan.effort {
            Effort::Full => Some(10_000_000),
            Effort::Quick => None,
            Effort::Least => {
                matrix = Matrix { entries: vec![200], rounds: 1, ops: 400, ..matrix };
                Some(1_000)
            }
        };
        let large = large.map(|entries| matrix.clone().large(entries));
        Self([Some(matrix), large].into_iter().flatten().collect())
    }
}

impl Part for ThroughputPart {
    fn title(&self) -> &'static str {
        "Throughput"
    }

    fn what(&self) -> String {
        let (rounds, ops) = (self.0[0].rounds, thousands(self.0[0].ops as u64));
        format!(
            "Rounds: up to {rounds}, in each of which each thread makes up to {ops} operations."
        )
    }

    fn command(&self) -> String {
        "throughput".to_owned()
    }

    fn work(&self) -> Work {
        self.0.iter().map(Matrix::work).sum()
    }

    fn run(&self, progress: &Progress) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let cells: Vec<_> =
            self.0.iter().flat_map(|matrix| throughput::run(matrix, progress)).collect();
        for group in throughput::groups(&cells) {
            outcome.tables(&[throughput::table(group)]);
            let (file, plot) = pictures::throughput(group);
            outcome.picture(&file, &plot.title, plot.svg()?);
        }
        outcome.numbers("throughput", &cells)?;
        Ok(outcome)
    }
}

/// Percentiles.
struct LatencyPart(latency::Plan);

fn latency_plan(plan: &Plan) -> latency::Plan {
    latency::Plan {
        peers: plan.peers(PeerId::all()),
        entries: if plan.effort == Effort::Least { 1_000 } else { 100_000 },
        threads: 2,
        rate: 200_000,
        inserts: 25,
        duration: match plan.effort {
            Effort::Full => Duration::from_secs(10),
            Effort::Quick => Duration::from_secs(1),
            Effort::Least => Duration::from_millis(10),
        },
        seed: plan.seed,
    }
}

impl Part for LatencyPart {
    fn title(&self) -> &'static str {
        "Latency"
    }

    fn what(&self) -> String {
        format!("{} ms for each cache.", thousands(self.0.duration.as_millis() as u64))
    }

    fn command(&self) -> String {
        "latency".to_owned()
    }

    fn work(&self) -> Work {
        self.0.work()
    }

    fn run(&self, progress: &Progress) -> Result<Outcome> {
        let cells = latency::run(&self.0, progress);
        let mut outcome = Outcome::default();
        outcome.tables(&latency::tables(&cells, &self.0));
        outcome.numbers("latency", &cells)?;
        Ok(outcome)
    }
}
