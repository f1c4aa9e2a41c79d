//! `kinds`: whether the settings of the manager's caches suit how they are used.

mod drive;
mod hit;
mod pattern;

use larder::EvictionPolicy;
use larder::manager::{CacheKind, CacheSettings, ExpiryMode};
use serde::Serialize;

use self::drive::Outcome;
use self::hit::Hit;
use crate::output::stats::median;
use crate::output::table::Table;

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) kinds: Vec<CacheKind>,
    pub(crate) threads: usize,
    pub(crate) rounds: usize,
    /// Operations of each thread in a round.
    pub(crate) ops: usize,
    /// Whether to try the alternatives to the settings, too.
    pub(crate) sweep: bool,
    pub(crate) seed: u64,
}

/// One kind with one configuration.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    kind: &'static str,
    config: String,
    outcome: Outcome,
    /// Nanoseconds per operation and thread.
    nanos: f64,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    kinds: Vec<Cell>,
    hits: Vec<Hit>,
}

/// The same capacity and time to live, and everything else as any cache has it.
fn default_settings(kind: CacheKind) -> CacheSettings {
    let tuned = kind.settings();
    let base = CacheSettings::new(tuned.max_entries);
    tuned.time_to_live.map_or(base.clone(), |time| base.time_to_live(time))
}

fn configs(kind: CacheKind, sweep: bool) -> Vec<(String, CacheSettings)> {
    let base = || default_settings(kind);
    let mut configs = vec![("default".to_owned(), base()), ("tuned".to_owned(), kind.settings())];
    if sweep {
        for share in [0.01, 0.05, 0.1, 0.2, 0.3, 0.6] {
            configs.push((format!("new_key_share {share}"), base().new_key_share(share)));
        }
        for shards in [1, 2, 4, 8, 16] {
            configs.push((format!("shards {shards}"), base().shards(shards)));
        }
        for policy in [EvictionPolicy::Lru, EvictionPolicy::Lfu, EvictionPolicy::CostAware] {
            configs.push((format!("{policy:?}"), base().eviction_policy(policy)));
        }
        for jitter in [0.05, 0.1, 0.2, 0.5] {
            configs.push((format!("jitter {jitter}"), base().jitter(jitter)));
        }
        configs.push(("idle".to_owned(), base().expiry(ExpiryMode::AfterAccess)));
        let idle_lru = base().expiry(ExpiryMode::AfterAccess).eviction_policy(EvictionPolicy::Lru);
        configs.push(("idle, Lru".to_owned(), idle_lru));
        for share in [0.1, 0.3] {
            let idle = base().expiry(ExpiryMode::AfterAccess).new_key_share(share);
            configs.push((format!("idle, new_key_share {share}"), idle));
        }
    }
    configs
}

pub(crate) fn run(plan: &Plan) -> Measured {
    Measured { kinds: run_kinds(plan), hits: hit::run(plan.rounds) }
}

fn run_kinds(plan: &Plan) -> Vec<Cell> {
    let mut cells = Vec::new();
    for &kind in &plan.kinds {
        let ops = pattern::draw(kind, plan.seed);
        let configs = configs(kind, plan.sweep);
        let mut nanos = vec![Vec::new(); configs.len()];
        for _ in 0..plan.rounds {
            for ((_, settings), nanos) in configs.iter().zip(&mut nanos) {
                nanos.push(drive::time(kind, &ops, settings, plan.threads, plan.ops));
            }
        }
        for ((config, settings), nanos) in configs.into_iter().zip(nanos) {
            let outcome = drive::simulate(kind, &ops, &settings);
            let nanos = if nanos.is_empty() { 0.0 } else { median(&nanos) };
            cells.push(Cell { kind: kind.name(), config, outcome, nanos });
        }
    }
    cells
}

/// The measure by which a kind's settings were chosen.
fn measure(kind: CacheKind) -> &'static str {
    match kind {
        CacheKind::Url => "most loads in 10 s, once all that was read in together expires",
        CacheKind::Analytics => "seconds of loading",
        CacheKind::User | CacheKind::Session | CacheKind::General => "hits",
    }
}

pub(crate) fn tables(plan: &Plan, Measured { kinds: cells, hits }: &Measured) -> Vec<Table> {
    let table_of = |&kind: &CacheKind| {
        let title = format!("{kind}: {}", pattern::name(kind));
        let head =
            ["settings", "hits %", "loads", "loading s", "most loads in 10 s", "ns per operation"];
        let mut table = Table::new(title, head.map(str::to_owned).to_vec());
        for cell in cells.iter().filter(|cell| cell.kind == kind.name()) {
            table.row(vec![
                cell.config.clone(),
                format!("{:.2}", cell.outcome.hits),
                cell.outcome.loads.to_string(),
                format!("{:.1}", cell.outcome.load_seconds),
                cell.outcome.peak_loads.to_string(),
                format!("{:.1}", cell.nanos),
            ]);
        }
        table.note(format!("What matters here: {}.", measure(kind)));
        table
    };
    let mut tables: Vec<_> = plan.kinds.iter().map(table_of).collect();
    if !hits.is_empty() {
        tables.push(hit::table(hits));
    }
    tables
}
