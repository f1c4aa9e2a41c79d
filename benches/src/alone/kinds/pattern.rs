//! How the five kinds of caches are used: what an application of some thousand users does in four
//! hours.

use larder::manager::CacheKind;
use rand::RngExt;
use rand::rngs::SmallRng;

use crate::load::workload::{self, Dist};

/// One thing that somebody does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    /// When, in milliseconds.
    pub(super) at: u64,
    pub(super) key: u32,
    pub(super) act: Act,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Act {
    /// Reads, and loads what is absent.
    Read,
    Write,
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOURS: u64 = 4 * 60 * MINUTE;

/// What the application does with the cache of a kind, in the order of time.
pub(super) fn draw(kind: CacheKind, seed: u64) -> Vec<Op> {
    let mut rng = workload::rng(seed, kind as usize);
    let mut ops = match kind {
        CacheKind::Url => redirects(&mut rng),
        CacheKind::User => profiles(&mut rng),
        CacheKind::Analytics => reports(&mut rng),
        CacheKind::Session => sessions(&mut rng),
        CacheKind::General => mixed(&mut rng),
    };
    ops.sort_by_key(|op| op.at);
    ops
}

pub(super) fn name(kind: CacheKind) -> &'static str {
    match kind {
        CacheKind::Url => "redirects, Zipf-hot, read-only, warmed at once",
        CacheKind::User => "profiles, visits of some minutes, 5 % writes",
        CacheKind::Analytics => "reports, few, 10 ms to 10 s each, asked for by four at once",
        CacheKind::Session => "sessions of 2 to 40 minutes, as many writes as reads",
        CacheKind::General => "Zipf with writes, and walks over everything",
    }
}

/// What it takes to load a key, in milliseconds.
pub(super) fn cost(kind: CacheKind, key: u32) -> u64 {
    match kind {
        CacheKind::Analytics => {
            let mixed = u64::from(key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let fraction = (mixed >> 11) as f64 / (1_u64 << 53) as f64;
            (10.0 * 1_000_f64.powf(fraction)) as u64
        }
        _ => 2,
    }
}

/// The targets of short links: the hottest are read in when the application starts.
fn redirects(rng: &mut SmallRng) -> Vec<Op> {
    const READS: usize = 600_000;
    let warm = (0..4_000).map(|key| Op { at: u64::from(key), key, act: Act::Read });
    let keys = workload::draw(Dist::Zipf, 30_000, READS, rng);
    let reads = keys.into_iter().enumerate().map(|(i, key)| Op {
        at: 4 * SECOND + i as u64 * HOURS / READS as u64,
        key,
        act: Act::Read,
    });
    warm.chain(reads).collect()
}

/// Users who come for a while, the regular ones more often, and read their profile with each
/// request.
fn profiles(rng: &mut SmallRng) -> Vec<Op> {
    const VISITS: usize = 20_000;
    let users = workload::draw(Dist::Zipf, 10_000, VISITS, rng);
    let mut ops = Vec::new();
    for user in users {
        let mut at = rng.random_range(0..HOURS);
        for _ in 0..rng.random_range(1..30) {
            let act = if rng.random_range(0..20) == 0 { Act::Write } else { Act::Read };
            ops.push(Op { at, key: user, act });
            at += rng.random_range(1..60) * SECOND;
        }
    }
    ops
}

/// Dashboards: four clients ask for the same report at the same moment.
fn reports(rng: &mut SmallRng) -> Vec<Op> {
    let keys = workload::draw(Dist::Zipf, 3_000, 15_000, rng);
    let ops = keys.into_iter().flat_map(|key| {
        let at = rng.random_range(0..HOURS);
        [Op { at, key, act: Act::Read }; 4]
    });
    ops.collect()
}

/// Sessions that are read, and most often written, with each request, and then never again.
fn sessions(rng: &mut SmallRng) -> Vec<Op> {
    let mut ops = Vec::new();
    for key in 0..12_000 {
        let mut at = rng.random_range(0..HOURS);
        let end = at + rng.random_range(2 * MINUTE..40 * MINUTE);
        ops.push(Op { at, key, act: Act::Write });
        while at < end {
            // Some read on for a while: three minutes in the mean of one in four.
            let pause = if rng.random_range(0..4) == 0 { 6 * MINUTE } else { 40 * SECOND };
            at += rng.random_range(1..pause);
            ops.push(Op { at, key, act: Act::Read });
            if rng.random_range(0..10) < 7 {
                ops.push(Op { at: at + 1, key, act: Act::Write });
            }
        }
    }
    ops
}

/// Everything else, and jobs that walk over all keys once.
fn mixed(rng: &mut SmallRng) -> Vec<Op> {
    const OPS: usize = 300_000;
    let keys = workload::draw(Dist::Zipf, 8_000, OPS, rng);
    let mut ops: Vec<_> = keys
        .into_iter()
        .map(|key| {
            let act = if rng.random_range(0..10) == 0 { Act::Write } else { Act::Read };
            Op { at: rng.random_range(0..HOURS), key, act }
        })
        .collect();
    for walk in 1..=8 {
        let start = walk * HOURS / 9;
        let steps = (0..8_000).map(|key| (start + u64::from(key) * 20, key));
        ops.extend(steps.map(|(at, key)| Op { at, key, act: Act::Read }));
    }
    ops
}
