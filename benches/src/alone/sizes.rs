//! `sizes`: which eviction policy wins what where entries differ in size and in what they cost to
//! get.

use larder::{Cache, EvictionPolicy};
use serde::Serialize;

use crate::load::workload::{self, Dist};
use crate::output::stats::percent;
use crate::output::table::{Table, thousands};

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) keys: u32,
    pub(crate) lookups: usize,
    pub(crate) seed: u64,
}

/// One policy at one capacity.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    /// Percent of the bytes of all keys that fit.
    fits: f64,
    policy: String,
    /// Percent of the lookups.
    hits: f64,
    /// Percent of the bytes that were looked up.
    byte_hits: f64,
    /// Percent of what it would cost to load each lookup.
    cost_saved: f64,
}

const POLICIES: [(EvictionPolicy, &str); 5] = [
    (EvictionPolicy::SegmentedLru, "SegmentedLru"),
    (EvictionPolicy::Lru, "Lru"),
    (EvictionPolicy::Lfu, "Lfu"),
    (EvictionPolicy::SizeAware, "SizeAware"),
    (EvictionPolicy::CostAware, "CostAware"),
];

const FITS: [f64; 4] = [0.5, 2.0, 5.0, 20.0];

/// A number that depends on the key alone, from 0.0 to 1.0.
fn fraction(key: u32, salt: u64) -> f64 {
    let mixed = (u64::from(key) ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11) as f64
        / (1_u64 << 53) as f64
}

/// Bytes: from 100 to 100,000, as many of each order of magnitude.
fn size(key: u32) -> u32 {
    (100.0 * 1_000_f64.powf(fraction(key, 1))) as u32
}

/// Milliseconds: from 1 to 1,000, likewise, whatever the size.
fn cost(key: u32) -> u32 {
    1_000_f64.powf(fraction(key, 2)) as u32
}

pub(crate) fn run(plan: Plan) -> Vec<Cell> {
    let mut rng = workload::rng(plan.seed, 0);
    let trace = workload::draw(Dist::Zipf, plan.keys, plan.lookups, &mut rng);
    let total: u64 = (0..plan.keys).map(|key| u64::from(size(key))).sum();
    let mut cells = Vec::new();
    for fits in FITS {
        for (policy, name) in POLICIES {
            let capacity = (total as f64 * fits / 100.0) as u64;
            cells.push(replay(&trace, fits, capacity, policy, name));
        }
    }
    cells
}

fn replay(trace: &[u32], fits: f64, capacity: u64, policy: EvictionPolicy, name: &str) -> Cell {
    let cache = Cache::<u32, u32>::builder()
        .max_capacity(capacity)
        // Of the smallest, so that the estimate decides nothing.
        .estimated_entries((capacity / 1_000).max(1_000))
        .weigher(|&key, _| size(key))
        .cost(|&key, _| cost(key))
        .eviction_policy(policy)
        .build();
    let (mut hits, mut bytes, mut saved) = ((0, 0), (0, 0), (0, 0));
    for &key in trace {
        let hit = cache.get(&key).is_some();
        for ((part, whole), amount) in
            [(&mut hits, 1), (&mut bytes, u64::from(size(key))), (&mut saved, u64::from(cost(key)))]
                .map(|(sums, amount)| ((&mut sums.0, &mut sums.1), amount))
        {
            *part += if hit { amount } else { 0 };
            *whole += amount;
        }
        if !hit {
            cache.insert(key, key);
        }
    }
    let share = |(part, whole): (u64, u64)| percent(part, whole);
    Cell {
        fits,
        policy: name.to_owned(),
        hits: share(hits),
        byte_hits: share(bytes),
        cost_saved: share(saved),
    }
}

pub(crate) fn table(plan: Plan, cells: &[Cell]) -> Table {
    let title = format!(
        "Zipf 0.99 over {} keys of 100 B to 100 kB that cost 1 ms to 1 s, {} lookups",
        thousands(plan.keys.into()),
        thousands(plan.lookups as u64)
    );
    let head = ["policy", "bytes that fit %", "hits %", "bytes hit %", "cost saved %"];
    let mut table = Table::new(title, head.map(str::to_owned).to_vec());
    for cell in cells {
        table.row(vec![
            cell.policy.clone(),
            format!("{:.1}", cell.fits),
            format!("{:.2}", cell.hits),
            format!("{:.2}", cell.byte_hits),
            format!("{:.2}", cell.cost_saved),
        ]);
    }
    table
}
