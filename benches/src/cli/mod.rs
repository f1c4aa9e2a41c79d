//! The command line.

mod args;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use larder::manager::CacheKind;
use serde::Serialize;

use self::args::{
    BoundArgs, ExpiryArgs, GrowthArgs, HeadlineArgs, KindsArgs, LatencyArgs, MemoArgs, MemoryArgs,
    ReplayArgs, ReportArgs, SizesArgs, TelemetryArgs, TenantsArgs, ThroughputArgs, choose,
};
use crate::alone::{expiry, growth, kinds, memo, sizes, telemetry, tenants};
use crate::load::trace::{self, Trace};
use crate::memory::{self, bound};
use crate::output::progress::Progress;
use crate::output::table::Table;
use crate::output::versions;
use crate::peers::PeerId;
use crate::replay::{self, Rows};
use crate::summary::headline::{self, Group, Speed};
use crate::summary::report;
use crate::{latency, throughput};

/// Measures larder beside its peers.
#[derive(Debug, Parser)]
#[command(name = "larder-bench", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every measurement understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    json: bool,
    /// Print tables for a Markdown file
    #[arg(long, global = true, conflicts_with = "json")]
    markdown: bool,
    /// Caches to measure, separated by commas; the first is what the others are compared with
    /// [default: all]
    #[arg(long, global = true, value_enum, value_delimiter = ',')]
    peers: Vec<PeerId>,
    /// Seed of key sequences and hashers
    #[arg(long, global = true, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Nanoseconds per operation and thread
    Throughput(ThroughputArgs),
    /// Percentiles of single operations under a mixed load at a fixed rate
    Latency(LatencyArgs),
    /// Hit ratios on traces of little-endian u32 keys
    Replay(ReplayArgs),
    /// Bytes per entry beyond key and value
    Memory(MemoryArgs),
    /// Entries held against the capacity asked for
    Bound(BoundArgs),
    /// Which eviction policy wins what where entries differ in size and cost
    Sizes(SizesArgs),
    /// Whether the settings of the manager's five caches suit how they are used
    Kinds(KindsArgs),
    /// What a hit of a cached function costs
    Memo(MemoArgs),
    /// What deadlines cost, and how punctual they are
    Expiry(ExpiryArgs),
    /// What it costs that a manager tells a recorder of metrics
    Telemetry(TelemetryArgs),
    /// What inserts take while a cache comes to hold far more than it was built for
    Growth(GrowthArgs),
    /// What many small caches cost together
    Tenants(TenantsArgs),
    /// The few numbers that larder promises something about, beside its peers
    Headline(HeadlineArgs),
    /// One cache's memory, for `memory`, which starts this once for each
    #[command(hide = true)]
    Weigh(memory::Weigh),
    /// A page with tables and pictures, and the numbers as JSON: the README's, or all there are
    Report(ReportArgs),
}

impl Cli {
    pub(crate) fn run(self) -> Result<()> {
        let Self { common, command } = self;
        match command {
            Command::Throughput(args) => {
                let matrix = args.matrix(&common);
                let cells = throughput::run(&matrix, &Progress::new(matrix.work()));
                common.show(&cells, &throughput::tables(&cells))
            }
            Command::Sizes(SizesArgs { keys, lookups }) => {
                let plan = sizes::Plan { keys, lookups: lookups as usize, seed: common.seed };
                let cells = sizes::run(plan);
                common.show(&cells, &[sizes::table(plan, &cells)])
            }
            Command::Kinds(args) => {
                let mut kinds = CacheKind::ALL.to_vec();
                choose(&mut kinds, &args.only);
                let KindsArgs { threads, rounds, ops, sweep, .. } = args;
                let (ops, seed) = (ops as usize, common.seed);
                let plan = kinds::Plan { kinds, threads, rounds, ops, sweep, seed };
                let cells = kinds::run(&plan);
                common.show(&cells, &kinds::tables(&plan, &cells))
            }
            Command::Memo(MemoArgs { rounds, ops }) => {
                let rows = memo::run(memo::Plan { rounds: rounds as usize, ops: ops as usize });
                common.show(&rows, &[memo::table(&rows)])
            }
            Command::Expiry(ExpiryArgs { entries, rounds }) => {
                let plan = expiry::Plan { entries, rounds: rounds as usize, seed: common.seed };
                let numbers = expiry::run(plan);
                common.show(&numbers, &[expiry::table(&numbers)])
            }
            Command::Telemetry(TelemetryArgs { rounds, ops, threads }) => {
                let (rounds, ops) = (rounds as usize, ops as usize);
                let plan = telemetry::Plan { rounds, ops, threads, seed: common.seed };
                let numbers = telemetry::run(plan)?;
                common.show(&numbers, &[telemetry::table(&numbers)])
            }
            Command::Growth(GrowthArgs { entries, estimate }) => {
                let plan = growth::Plan { entries, estimate };
                let numbers = growth::run(plan);
                common.show(&numbers, &[growth::table(plan, &numbers)])
            }
            Command::Tenants(TenantsArgs { caches, inserts, ttl, time }) => {
                let seconds = |seconds: u32| Duration::from_secs(seconds.into());
                let (ttl, time, seed) = (seconds(ttl), seconds(time), common.seed);
                let plan = tenants::Plan { caches, inserts, ttl, time, seed };
                let numbers = tenants::run(&plan);
                common.show(&numbers, &[tenants::table(&plan, &numbers)])
            }
            Command::Latency(args) => {
                let plan = args.plan(&common);
                let cells = latency::run(&plan, &Progress::new(plan.work()));
                common.show(&cells, &latency::tables(&cells, &plan))
            }
            Command::Replay(args) => replay(&common, &args),
            Command::Memory(args) => {
                let (peers, seed) = (common.peers(), common.seed);
                let MemoryArgs { entries, kinds } = args;
                let matrix = memory::Matrix { kinds, entries, peers, seed };
                let cells = memory::run(&matrix, &Progress::new(matrix.work()))?;
                common.show(&cells, &memory::tables(&cells))
            }
            Command::Bound(args) => {
                let plan = bound::Plan {
                    peers: common.peers(),
                    capacities: args.capacity,
                    threads: args.threads,
                    duration: args.seconds,
                    seed: common.seed,
                };
                let cells = bound::run(&plan, &Progress::new(plan.work()));
                common.show(&cells, &bound::tables(&cells, &plan))
            }
            Command::Headline(args) => headline(&common, &args),
            Command::Weigh(mut weigh) => {
                weigh.seed = common.seed;
                println!("{}", serde_json::to_string(&weigh.here())?);
                Ok(())
            }
            Command::Report(args) => {
                let plan = report::Plan {
                    effort: args.effort(),
                    folder: args.folder,
                    traces: args.traces,
                    sections: args.only,
                    peers: common.chosen(),
                    seed: common.seed,
                };
                if args.plan {
                    print!("{}", report::outline(&plan)?.terminal());
                } else {
                    println!("{}", report::run(&plan)?.display());
                }
                Ok(())
            }
        }
    }
}

fn headline(common: &Common, args: &HeadlineArgs) -> Result<()> {
    let mut groups = Group::value_variants().to_vec();
    choose(&mut groups, &args.only);
    let mut common = common.clone();
    if common.peers.is_empty() {
        common.peers = headline::PEERS.to_vec();
    }
    let (peers, seed) = (common.peers(), common.seed);
    let mut numbers = serde_json::Map::new();
    let mut tables = Vec::new();
    let mut add = |name: &str, value: serde_json::Value, of_group: Vec<Table>| {
        numbers.insert(name.to_owned(), value);
        tables.extend(of_group);
    };
    for group in groups {
        match group {
            Group::Speed => {
                let plan = headline::SpeedPlan {
                    rows: headline::Rows::All,
                    peers: peers.clone(),
                    rounds: args.rounds as usize,
                    ops: args.ops as usize,
                    seed,
                };
                let speed = Speed::measure(&plan, &Progress::new(plan.work()));
                add("speed", serde_json::to_value(&speed)?, speed.tables());
            }
            Group::Hits => {
                let plan = replay::Plan {
                    peers: peers.clone(),
                    capacities: Vec::new(),
                    rows: Rows::Auto,
                    threads: Some(4),
                    seed,
                };
                let traces = load(args.traces.as_deref(), seed)?;
                let rows = replay::run(&plan, &traces, &Progress::new(plan.work(&traces)));
                add("hits", serde_json::to_value(&rows)?, replay::tables(&rows, plan.threads));
            }
            Group::Memory => {
                let matrix = headline::memory(&peers, seed);
                let plan = headline::bound(&peers, Duration::from_secs(1), seed);
                let progress = Progress::new(matrix.work() + plan.work());
                let bytes = memory::run(&matrix, &progress)?;
                let counts = bound::run(&plan, &progress);
                drop(progress);
                let value = serde_json::json!({ "bytes": bytes, "counts": counts });
                add("memory", value, vec![headline::memory_table(&bytes, &counts)]);
            }
        }
    }
    common.show(&numbers, &tables)
}

/// The traces; says so where a generated one stands in.
fn load(path: Option<&Path>, seed: u64) -> Result<Vec<Trace>> {
    let (traces, stand_in) = trace::load(path, seed)?;
    if let Some(why) = stand_in {
        eprintln!("{why}");
    }
    Ok(traces)
}

fn replay(common: &Common, args: &ReplayArgs) -> Result<()> {
    let traces = load(args.path.as_deref(), common.seed)?;
    let threads = (args.threads > 1).then_some(args.threads);
    let plan = replay::Plan {
        peers: common.peers(),
        capacities: args.capacity.clone(),
        rows: args.rows,
        threads,
        seed: common.seed,
    };
    let rows = replay::run(&plan, &traces, &Progress::new(plan.work(&traces)));
    anyhow::ensure!(!rows.is_empty(), "none of the traces belongs to the chosen rows");
    common.show(&rows, &replay::tables(&rows, threads))?;
    if !common.json {
        for line in replay::verdict(&rows) {
            println!("{line}");
        }
        if traces.iter().any(Trace::is_generated) {
            println!("\n{}", trace::REAL_TRACES);
        }
    }
    Ok(())
}

impl Common {
    /// The chosen peers, or all.
    fn peers(&self) -> Vec<PeerId> {
        let chosen = self.chosen();
        if chosen.is_empty() { PeerId::all() } else { chosen }
    }

    /// The chosen peers, none twice.
    fn chosen(&self) -> Vec<PeerId> {
        let mut chosen = Vec::new();
        for &peer in &self.peers {
            if !chosen.contains(&peer) {
                chosen.push(peer);
            }
        }
        chosen
    }

    fn show(&self, results: &impl Serialize, tables: &[Table]) -> Result<()> {
        if self.json {
            let document = Document { peers: self.versions(), seed: self.seed, results };
            println!("{}", serde_json::to_string_pretty(&document)?);
            return Ok(());
        }
        let versions = self.versions();
        let versions = versions.iter().map(|peer| format!("{} {}", peer.package, peer.version));
        println!("{}\n", versions.collect::<Vec<_>>().join(", "));
        for table in tables {
            println!("{}", if self.markdown { table.markdown() } else { table.terminal() });
        }
        Ok(())
    }

    fn versions(&self) -> Vec<Version> {
        let version = |peer: PeerId| Version {
            peer,
            package: peer.package(),
            version: versions::of(peer.package()),
        };
        self.peers().into_iter().map(version).collect()
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a, T> {
    peers: Vec<Version>,
    seed: u64,
    results: &'a T,
}

#[derive(Serialize)]
struct Version {
    peer: PeerId,
    package: &'static str,
    version: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn bad_input_is_explained() {
        let error = |arguments: &[&str]| {
            let line = ["larder-bench"].iter().chain(arguments);
            Cli::try_parse_from(line).unwrap_err().to_string()
        };
        let text = error(&["throughput", "--peers", "memcached"]);
        assert!(text.contains("memcached") && text.contains("quick-cache"), "{text}");
        let text = error(&["throughput", "--threads", "0"]);
        assert!(text.contains("between 1 and 1024"), "{text}");
        let text = error(&["replay", "--capacity", "0%"]);
        assert!(text.contains("above 0"), "{text}");
        let text = error(&["latency", "--seconds", "-1"]);
        assert!(text.contains("-1"), "{text}");
    }
}
