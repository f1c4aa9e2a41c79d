//! The arguments of each command.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use larder::manager::CacheKind;

use super::Common;
use crate::latency;
use crate::load::data::Kind;
use crate::load::workload::Dist;
use crate::parse::{parse_count, parse_seconds, parse_threads};
use crate::replay::{Capacity, Rows};
use crate::summary::headline::Group;
use crate::summary::report::{Effort, Section};
use crate::throughput::{Matrix, Scenario};

#[derive(Clone, Debug, Args)]
pub(super) struct ThroughputArgs {
    /// Scenarios to run [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) only: Vec<Scenario>,
    /// Keys and values
    /// [default: u64,string]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) kinds: Vec<Kind>,
    /// Distributions of the keys
    /// [default: zipf,uniform]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) dist: Vec<Dist>,
    /// Entries that the caches hold; 10M needs some 3 GB
    /// [default: 1k,100k]
    #[arg(long, value_delimiter = ',', value_parser = parse_count)]
    pub(super) entries: Vec<u32>,
    /// Numbers of threads [default: 1, 2, 4 and so on up to the cores]
    #[arg(long, value_delimiter = ',', value_parser = parse_threads)]
    pub(super) threads: Vec<usize>,
    /// Rounds, of which each measures every cache once [default: 7]
    #[arg(long, value_parser = parse_count)]
    pub(super) rounds: Option<u32>,
    /// Operations of each thread in a round [default: 1M]
    #[arg(long, value_parser = parse_count)]
    pub(super) ops: Option<u32>,
    /// A first impression; changes the defaults to u64, zipf, 100k entries, 3 rounds, 200k ops
    #[arg(long)]
    pub(super) quick: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ReplayArgs {
    /// A trace, or a folder with traces that end in .u32; generated traces where there is none
    pub(super) path: Option<PathBuf>,
    /// Capacities, in entries (500, 10k) or in percent of the trace's keys (0.1%)
    #[arg(long, value_delimiter = ',', conflicts_with = "rows")]
    pub(super) capacity: Vec<Capacity>,
    /// How to choose capacities where none are given
    #[arg(long, value_enum, default_value = "auto")]
    pub(super) rows: Rows,
    /// Threads of a second replay that shows what concurrency costs; 1 for none
    #[arg(long, default_value = "1", value_parser = parse_threads)]
    pub(super) threads: usize,
}

#[derive(Clone, Debug, Args)]
pub(super) struct LatencyArgs {
    /// Operations per second and thread
    #[arg(long, default_value = "200k", value_parser = parse_count)]
    pub(super) rate: u32,
    /// Seconds for each cache
    #[arg(long, default_value = "10", value_parser = parse_seconds)]
    pub(super) seconds: Duration,
    /// Threads; each keeps a core busy
    #[arg(long, default_value = "2", value_parser = parse_threads)]
    pub(super) threads: usize,
    /// Entries that fit, a tenth of the keys
    #[arg(long, default_value = "100k", value_parser = parse_count)]
    pub(super) entries: u32,
    /// Percent of the operations that insert
    #[arg(long, default_value = "25", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(super) inserts: u32,
}

#[derive(Clone, Debug, Args)]
pub(super) struct MemoryArgs {
    /// Entries that the caches hold
    #[arg(long, value_delimiter = ',', default_value = "1k,100k,1M", value_parser = parse_count)]
    pub(super) entries: Vec<u32>,
    /// Keys and values
    #[arg(long, value_enum, value_delimiter = ',', default_value = "u64,string")]
    pub(super) kinds: Vec<Kind>,
}

#[derive(Clone, Debug, Args)]
pub(super) struct BoundArgs {
    /// Capacities
    #[arg(long, value_delimiter = ',', default_value = "100,5k,100k", value_parser = parse_count)]
    pub(super) capacity: Vec<u32>,
    /// Threads that insert while a sampler counts
    #[arg(long, default_value = "4", value_parser = parse_threads)]
    pub(super) threads: usize,
    /// Seconds of inserting for each cache and capacity
    #[arg(long, default_value = "1", value_parser = parse_seconds)]
    pub(super) seconds: Duration,
}

#[derive(Clone, Debug, Args)]
pub(super) struct SizesArgs {
    /// Keys
    #[arg(long, default_value = "100k", value_parser = parse_count)]
    pub(super) keys: u32,
    /// Lookups
    #[arg(long, default_value = "2M", value_parser = parse_count)]
    pub(super) lookups: u32,
}

#[derive(Clone, Debug, Args)]
pub(super) struct KindsArgs {
    /// Kinds to run: url, user, analytics, session, general [default: all]
    #[arg(long, value_delimiter = ',')]
    pub(super) only: Vec<CacheKind>,
    /// Threads that use a cache at once when it is timed
    #[arg(long, default_value = "2")]
    pub(super) threads: usize,
    /// Rounds, of which each times every configuration once; 0 for none
    #[arg(long, default_value_t = 7)]
    pub(super) rounds: usize,
    /// Operations of each thread in a round
    #[arg(long, default_value = "100k", value_parser = parse_count)]
    pub(super) ops: u32,
    /// Try the alternatives to the settings, too
    #[arg(long)]
    pub(super) sweep: bool,
}

#[derive(Clone, Debug, Args)]
pub(super) struct MemoArgs {
    /// Rounds, of which the medians are shown
    #[arg(long, default_value = "15", value_parser = parse_count)]
    pub(super) rounds: u32,
    /// Calls in a round
    #[arg(long, default_value = "500k", value_parser = parse_count)]
    pub(super) ops: u32,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ExpiryArgs {
    /// Entries
    #[arg(long, default_value = "1M", value_parser = parse_count)]
    pub(super) entries: u32,
    /// Rounds, of which the medians are shown
    #[arg(long, default_value = "5", value_parser = parse_count)]
    pub(super) rounds: u32,
}

#[derive(Clone, Debug, Args)]
pub(super) struct TelemetryArgs {
    /// Rounds, of which each measures both
    #[arg(long, default_value = "101", value_parser = parse_count)]
    pub(super) rounds: u32,
    /// Operations of each thread in a round
    #[arg(long, default_value = "500k", value_parser = parse_count)]
    pub(super) ops: u32,
    /// Threads
    #[arg(long, default_value = "1", value_parser = parse_threads)]
    pub(super) threads: usize,
}

#[derive(Clone, Debug, Args)]
pub(super) struct GrowthArgs {
    /// Entries in the end; 10M needs some 1 GB
    #[arg(long, default_value = "10M", value_parser = parse_count)]
    pub(super) entries: u32,
    /// Entries that the cache is built for
    #[arg(long, default_value = "1k", value_parser = parse_count)]
    pub(super) estimate: u32,
}

#[derive(Clone, Debug, Args)]
pub(super) struct TenantsArgs {
    /// How many caches
    #[arg(long, value_delimiter = ',', default_value = "5k,20k", value_parser = parse_count)]
    pub(super) caches: Vec<u32>,
    /// Inserts per second, in all of them
    #[arg(long, default_value = "1k", value_parser = parse_count)]
    pub(super) inserts: u32,
    /// How long entries live, in seconds
    #[arg(long, default_value = "10", value_parser = parse_count)]
    pub(super) ttl: u32,
    /// How long to measure, in seconds
    #[arg(long, default_value = "10", value_parser = parse_count)]
    pub(super) time: u32,
}

#[derive(Clone, Debug, Args)]
pub(super) struct HeadlineArgs {
    /// A trace or a folder with traces; generated traces where there is none
    pub(super) traces: Option<PathBuf>,
    /// Groups of numbers [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) only: Vec<Group>,
    /// Rounds of the timed measurements
    #[arg(long, default_value = "7", value_parser = parse_count)]
    pub(super) rounds: u32,
    /// Operations of each thread in a round
    #[arg(long, default_value = "200k", value_parser = parse_count)]
    pub(super) ops: u32,
}

#[derive(Clone, Debug, Args)]
pub(super) struct ReportArgs {
    /// The folder to write to: a new one, an empty one, or one with an earlier report, which goes
    pub(super) folder: PathBuf,
    /// A trace or a folder with traces; generated traces where there is none
    #[arg(long)]
    pub(super) traces: Option<PathBuf>,
    /// Sections [default: all, with --quick those of the README]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) only: Vec<Section>,
    /// Minutes instead of hours: the README's tables, with fewer rounds
    #[arg(long)]
    pub(super) quick: bool,
    /// Run every step, with so few operations that the numbers mean nothing
    #[arg(long, conflicts_with = "quick")]
    pub(super) least: bool,
    /// Print the sections and how long they take, by estimate, and measure nothing
    #[arg(long)]
    pub(super) plan: bool,
}

impl LatencyArgs {
    pub(super) fn plan(&self, common: &Common) -> latency::Plan {
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

impl ReportArgs {
    pub(super) fn effort(&self) -> Effort {
        match (self.quick, self.least) {
            (true, _) => Effort::Quick,
            (_, true) => Effort::Least,
            _ => Effort::Full,
        }
    }
}

impl ThroughputArgs {
    pub(super) fn matrix(&self, common: &Common) -> Matrix {
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
pub(super) fn choose<T: Clone>(default: &mut Vec<T>, given: &[T]) {
    if !given.is_empty() {
        *default = given.to_vec();
    }
}
