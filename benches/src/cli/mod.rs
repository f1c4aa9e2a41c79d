//! The command line.

mod parse;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use larder::manager::CacheKind;
use serde::Serialize;

pub(crate) use self::parse::parse_count;

use self::parse::{parse_seconds, parse_threads};
use crate::data::Kind;
use crate::headline::{self, Group};
use crate::peers::PeerId;
use crate::replay::{self, Capacity, Rows};
use crate::report::{self, Section};
use crate::table::Table;
use crate::tenants;
use crate::throughput::{self, Matrix, Scenario};
use crate::trace::Trace;
use crate::workload::Dist;
use crate::{
    bound, expiry, growth, kinds, latency, memo, memory, sizes, telemetry, trace, versions,
};

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
    /// The few numbers that larder promises something about, beside quick_cache
    Headline(HeadlineArgs),
    /// One cache's memory, for `memory`, which starts this once for each
    #[command(hide = true)]
    Weigh(memory::Weigh),
    /// Everything: a Markdown file with tables and plots, and the numbers as JSON
    Report(ReportArgs),
}

#[derive(Clone, Debug, Args)]
struct ThroughputArgs {
    /// Scenarios to run [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Scenario>,
    /// Keys and values
    /// [default: u64,string]
    #[arg(long, value_enum, value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// Distributions of the keys
    /// [default: zipf,uniform]
    #[arg(long, value_enum, value_delimiter = ',')]
    dist: Vec<Dist>,
    /// Entries that the caches hold; 10M needs some 3 GB
    /// [default: 1k,100k]
    #[arg(long, value_delimiter = ',', value_parser = parse_count)]
    entries: Vec<u32>,
    /// Numbers of threads [default: 1, 2, 4 and so on up to the cores]
    #[arg(long, value_delimiter = ',', value_parser = parse_threads)]
    threads: Vec<usize>,
    /// Rounds, of which each measures every cache once [default: 7]
    #[arg(long, value_parser = parse_count)]
    rounds: Option<u32>,
    /// Operations of each thread in a round [default: 1M]
    #[arg(long, value_parser = parse_count)]
    ops: Option<u32>,
    /// A first impression; changes the defaults to u64, zipf, 100k entries, 3 rounds, 200k ops
    #[arg(long)]
    quick: bool,
}

#[derive(Clone, Debug, Args)]
struct ReplayArgs {
    /// A trace, or a folder with traces that end in .u32; generated traces where there is none
    path: Option<PathBuf>,
    /// Capacities, in entries (500, 10k) or in percent of the trace's keys (0.1%)
    #[arg(long, value_delimiter = ',', conflicts_with = "rows")]
    capacity: Vec<Capacity>,
    /// How to choose capacities where none are given
    #[arg(long, value_enum, default_value = "auto")]
    rows: Rows,
    /// Threads of a second replay that shows what concurrency costs; 1 for none
    #[arg(long, default_value = "1", value_parser = parse_threads)]
    threads: usize,
}

#[derive(Clone, Debug, Args)]
struct LatencyArgs {
    /// Operations per second and thread
    #[arg(long, default_value = "200k", value_parser = parse_count)]
    rate: u32,
    /// Seconds for each cache
    #[arg(long, default_value = "10", value_parser = parse_seconds)]
    seconds: Duration,
    /// Threads; each keeps a core busy
    #[arg(long, default_value = "2", value_parser = parse_threads)]
    threads: usize,
    /// Entries that fit, a tenth of the keys
    #[arg(long, default_value = "100k", value_parser = parse_count)]
    entries: u32,
    /// Percent of the operations that insert
    #[arg(long, default_value = "25", value_parser = clap::value_parser!(u32).range(0..=100))]
    inserts: u32,
}

#[derive(Clone, Debug, Args)]
struct MemoryArgs {
    /// Entries that the caches hold
    #[arg(long, value_delimiter = ',', default_value = "1k,100k,1M", value_parser = parse_count)]
    entries: Vec<u32>,
    /// Keys and values
    #[arg(long, value_enum, value_delimiter = ',', default_value = "u64,string")]
    kinds: Vec<Kind>,
}

#[derive(Clone, Debug, Args)]
struct BoundArgs {
    /// Capacities
    #[arg(long, value_delimiter = ',', default_value = "100,5k,100k", value_parser = parse_count)]
    capacity: Vec<u32>,
    /// Threads that insert while a sampler counts
    #[arg(long, default_value = "4", value_parser = parse_threads)]
    threads: usize,
    /// Seconds of inserting for each cache and capacity
    #[arg(long, default_value = "1", value_parser = parse_seconds)]
    seconds: Duration,
}

#[derive(Clone, Debug, Args)]
struct SizesArgs {
    /// Keys
    #[arg(long, default_value = "100k", value_parser = parse_count)]
    keys: u32,
    /// Lookups
    #[arg(long, default_value = "2M", value_parser = parse_count)]
    lookups: u32,
}

#[derive(Clone, Debug, Args)]
struct KindsArgs {
    /// Kinds to run: url, user, analytics, session, general [default: all]
    #[arg(long, value_delimiter = ',')]
    only: Vec<CacheKind>,
    /// Threads that use a cache at once when it is timed
    #[arg(long, default_value = "2")]
    threads: usize,
    /// Rounds, of which each times every configuration once; 0 for none
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Operations of each thread in a round
    #[arg(long, default_value = "100k", value_parser = parse_count)]
    ops: u32,
    /// Try the alternatives to the settings, too
    #[arg(long)]
    sweep: bool,
}

#[derive(Clone, Debug, Args)]
struct MemoArgs {
    /// Rounds, of which the medians are shown
    #[arg(long, default_value = "15", value_parser = parse_count)]
    rounds: u32,
    /// Calls in a round
    #[arg(long, default_value = "500k", value_parser = parse_count)]
    ops: u32,
}

#[derive(Clone, Debug, Args)]
struct ExpiryArgs {
    /// Entries
    #[arg(long, default_value = "1M", value_parser = parse_count)]
    entries: u32,
    /// Rounds, of which the medians are shown
    #[arg(long, default_value = "5", value_parser = parse_count)]
    rounds: u32,
}

#[derive(Clone, Debug, Args)]
struct TelemetryArgs {
    /// Rounds, of which each measures both
    #[arg(long, default_value = "101", value_parser = parse_count)]
    rounds: u32,
    /// Operations of each thread in a round
    #[arg(long, default_value = "500k", value_parser = parse_count)]
    ops: u32,
    /// Threads
    #[arg(long, default_value = "1", value_parser = parse_threads)]
    threads: usize,
}

#[derive(Clone, Debug, Args)]
struct GrowthArgs {
    /// Entries in the end; 10M needs some 1 GB
    #[arg(long, default_value = "10M", value_parser = parse_count)]
    entries: u32,
    /// Entries that the cache is built for
    #[arg(long, default_value = "1k", value_parser = parse_count)]
    estimate: u32,
}

#[derive(Clone, Debug, Args)]
struct TenantsArgs {
    /// How many caches
    #[arg(long, value_delimiter = ',', default_value = "5k,20k", value_parser = parse_count)]
    caches: Vec<u32>,
    /// Inserts per second, in all of them
    #[arg(long, default_value = "1k", value_parser = parse_count)]
    inserts: u32,
    /// How long entries live, in seconds
    #[arg(long, default_value = "10", value_parser = parse_count)]
    ttl: u32,
    /// How long to measure, in seconds
    #[arg(long, default_value = "10", value_parser = parse_count)]
    time: u32,
}

#[derive(Clone, Debug, Args)]
struct HeadlineArgs {
    /// A folder with traces; a generated trace where there is none
    traces: Option<PathBuf>,
    /// Groups of numbers [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Group>,
    /// Rounds of the timed measurements
    #[arg(long, default_value = "7", value_parser = parse_count)]
    rounds: u32,
    /// Operations of each thread in a round
    #[arg(long, default_value = "200k", value_parser = parse_count)]
    ops: u32,
}

#[derive(Clone, Debug, Args)]
struct ReportArgs {
    /// The folder to write to
    folder: PathBuf,
    /// A folder with traces; a generated trace where there is none
    #[arg(long)]
    traces: Option<PathBuf>,
    /// Sections [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
    /// Minutes instead of hours: smaller matrix, shorter traces
    #[arg(long)]
    quick: bool,
}

impl Cli {
    pub(crate) fn run(self) -> Result<()> {
        let Self { common, command } = self;
        match command {
            Command::Throughput(args) => {
                let cells = throughput::run(&args.matrix(&common));
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
                let cells = latency::run(&plan);
                common.show(&cells, &latency::tables(&cells, &plan))
            }
            Command::Replay(args) => replay(&common, &args),
            Command::Memory(args) => {
                let (peers, seed) = (common.peers(), common.seed);
                let MemoryArgs { entries, kinds } = args;
                let cells = memory::run(&memory::Matrix { kinds, entries, peers, seed })?;
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
                let cells = bound::run(&plan);
                common.show(&cells, &bound::tables(&cells, &plan))
            }
            Command::Headline(args) => headline(&common, &args),
            Command::Weigh(mut weigh) => {
                weigh.seed = common.seed;
                println!("{}", serde_json::to_string(&weigh.here())?);
                Ok(())
            }
            Command::Report(args) => {
                let mut sections = Section::value_variants().to_vec();
                choose(&mut sections, &args.only);
                let plan = report::Plan {
                    folder: args.folder,
                    traces: args.traces,
                    sections,
                    peers: common.peers(),
                    seed: common.seed,
                    quick: args.quick,
                };
                println!("{}", report::run(&plan)?.display());
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
                let cells = headline::speed(&peers, args.rounds as usize, args.ops as usize, seed);
                add("speed", serde_json::to_value(&cells)?, vec![headline::speed_table(&cells)]);
            }
            Group::Hits => {
                let plan = replay::Plan {
                    peers: peers.clone(),
                    capacities: Vec::new(),
                    rows: Rows::Auto,
                    threads: Some(4),
                    seed,
                };
                let rows = replay::run(&plan, &load(args.traces.as_deref(), seed)?);
                add("hits", serde_json::to_value(&rows)?, replay::tables(&rows, plan.threads));
            }
            Group::Memory => {
                let bytes = memory::run(&headline::memory(&peers, seed))?;
                let counts = bound::run(&headline::bound(&peers, seed));
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
    let rows = replay::run(&plan, &traces);
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
    /// The chosen peers, none twice.
    fn peers(&self) -> Vec<PeerId> {
        if self.peers.is_empty() {
            return PeerId::all();
        }
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

impl LatencyArgs {
    fn plan(&self, common: &Common) -> latency::Plan {
        latency::Plan {
            peers: common.peers(),
            entries: self.entries,
            threads: self.threads,
            rate: self.rate,
            inserts: self.inserts,
            duration: self.seconds,
            seed: common.seed,
        }
    }
}

impl ThroughputArgs {
    fn matrix(&self, common: &Common) -> Matrix {
        let mut matrix = Matrix::new(common.peers(), common.seed, self.quick);
        choose(&mut matrix.scenarios, &self.only);
        choose(&mut matrix.kinds, &self.kinds);
        choose(&mut matrix.dists, &self.dist);
        choose(&mut matrix.entries, &self.entries);
        choose(&mut matrix.threads, &self.threads);
        if let Some(rounds) = self.rounds {
            matrix.rounds = rounds as usize;
        }
        if let Some(ops) = self.ops {
            matrix.ops = ops as usize;
        }
        matrix
    }
}

/// A list from the command line replaces the default.
fn choose<T: Clone>(default: &mut Vec<T>, given: &[T]) {
    if !given.is_empty() {
        *default = given.to_vec();
    }
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
