//! What the threads do, and the loops that do it.

use std::hint::black_box;

use clap::ValueEnum;
use serde::Serialize;

use super::plan::ThreadPlan;
use crate::load::data::{Key, Value};
use crate::load::workload::COINS;
use crate::peers::{BATCH, Peer};

/// What the threads do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// Get only, every key present.
    Read,
    /// The same with one pin for 64 gets, where a peer has pins.
    Pinned,
    /// Get, and insert on a miss; a tenth of the keys fit.
    Aside,
    /// 95 % get, 5 % insert; a tenth of the keys fit.
    Mixed95,
    /// 75 % get, 25 % insert; a tenth of the keys fit.
    Mixed75,
    /// 50 % get, 50 % insert; a tenth of the keys fit.
    Mixed50,
    /// Insert only; a tenth of the keys fit.
    Insert,
    /// Insert keys that were never there before: every insert evicts.
    InsertNew,
    /// Remove a key and insert it again; all keys fit.
    Churn,
    /// All threads get one key.
    Hot,
}

impl Scenario {
    pub(crate) fn all() -> Vec<Self> {
        Self::value_variants().to_vec()
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Read => "read only, all hits",
            Self::Pinned => "read only, one pin per 64 gets",
            Self::Aside => "cache-aside, 1/10 of the keys fits",
            Self::Mixed95 => "95 % get, 5 % insert, 1/10 of the keys fits",
            Self::Mixed75 => "75 % get, 25 % insert, 1/10 of the keys fits",
            Self::Mixed50 => "50 % get, 50 % insert, 1/10 of the keys fits",
            Self::Insert => "insert only, 1/10 of the keys fits",
            Self::InsertNew => "insert only, new keys, each evicts",
            Self::Churn => "remove and insert",
            Self::Hot => "one hot key",
        }
    }

    /// The share of inserts in percent, for the scenarios that mix.
    pub(crate) fn inserts(self) -> Option<u32> {
        match self {
            Self::Mixed95 => Some(5),
            Self::Mixed75 => Some(25),
            Self::Mixed50 => Some(50),
            _ => None,
        }
    }

    /// More keys than fit: a map without bound has no part in it.
    pub(crate) fn evicts(self) -> bool {
        !matches!(self, Self::Read | Self::Pinned | Self::Churn | Self::Hot)
    }

    /// The distribution makes a difference.
    pub(crate) fn draws(self) -> bool {
        !matches!(self, Self::InsertNew | Self::Hot)
    }

    /// Does `ops` operations of `plan` and says what came of them.
    pub(crate) fn run<K: Key, V: Value, P: Peer<K, V>>(
        self,
        cache: &P,
        plan: &ThreadPlan<K>,
        range: std::ops::Range<usize>,
    ) -> Tally {
        match self {
            Self::Read | Self::Hot => reads(cache, plan, range),
            Self::Pinned => pinned_reads(cache, plan, range),
            Self::Aside => aside(cache, plan, range),
            Self::Mixed95 | Self::Mixed75 | Self::Mixed50 => mixed(cache, plan, range),
            Self::Insert | Self::InsertNew => inserts(cache, plan, range),
            Self::Churn => churn(cache, plan, range),
        }
    }
}

/// What the operations of one thread came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) gets: u64,
    pub(crate) hits: u64,
    pub(crate) inserts: u64,
    /// Inserts that the cache said it dropped.
    pub(crate) rejected: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.gets += other.gets;
        self.hits += other.hits;
        self.inserts += other.inserts;
        self.rejected += other.rejected;
    }
}

/// Calls `op` with each operation's number and key, walking the keys from `range.start` and again
/// from the front when they are used up.
#[inline(always)]
fn each<K>(keys: &[K], range: std::ops::Range<usize>, mut op: impl FnMut(usize, &K)) {
    let mut number = range.start;
    let mut at = range.start % keys.len();
    while number < range.end {
        let run = (keys.len() - at).min(range.end - number);
        for (i, key) in keys[at..at + run].iter().enumerate() {
            op(number + i, key);
        }
        number += run;
        at = 0;
    }
}

fn reads<K: Key, V: Value, P: Peer<K, V>>(
    cache: &P,
    plan: &ThreadPlan<K>,
    range: std::ops::Range<usize>,
) -> Tally {
    let mut tally = Tally { gets: range.len() as u64, ..Tally::default() };
    each(&plan.keys, range, |_, key| {
        tally.hits += u64::from(black_box(cache.get(key)).is_some());
    });
    tally
}

fn pinned_reads<K: Key, V: Value, P: Peer<K, V>>(
    cache: &P,
    plan: &ThreadPlan<K>,
    range: std::ops::Range<usize>,
) -> Tally {
    let mut tally = Tally { gets: range.len() as u64, ..Tally::default() };
    let mut number = range.start;
    while number < range.end {
        let at = number % plan.keys.len();
        let batch = BATCH.min(plan.keys.len() - at).min(range.end - number);
        tally.hits += cache.get_batch(&plan.keys[at..at + batch]) as u64;
        number += batch;
    }
    tally
}

fn aside<K: Key, V: Value, P: Peer<K, V>>(
    cache: &P,
    plan: &ThreadPlan<K>,
    range: std::ops::Range<usize>,
) -> Tally {
    let mut tally = Tally { gets: range.len() as u64, ..Tally::default() };
    each(&plan.keys, range, |number, key| {
        if black_box(cache.get(key)).is_some() {
            tally.hits += 1;
        } else {
            tally.inserts += 1;
            tally.rejected += u64::from(!cache.insert(key.clone(), V::nth(number as u32)));
        }
    });
    tally
}

fn mixed<K: Key, V: Value, P: Peer<K, V>>(
    cache: &P,
    plan: &ThreadPlan<K>,
    range: std::ops::Range<usize>,
) -> Tally {
    let mut tally = Tally::default();
    let coins: &[bool; COINS] = plan.coins[..].try_into().expect("a mix has its coins");
    each(&plan.keys, range, |number, key| {
        if coins[number & (COINS - 1)] {
            tally.inserts += 1;
            tally.rejected += u64::from(!cache.insert(key.clone(), V::nth(number as u32)));
        } else {
            tally.gets += 1;
            tally.hits += u64::from(black_box(cache.get(key)).is_some());
        }
    });
    tally
}

fn inserts<K: Key, V: Value, P: Peer<K, V>>(
    cache: &P,
    plan: &ThreadPlan<K>,
    range: std::ops::Range<usize>,
) -> Tally {
    let mut tally = Tally { inserts: range.len() as u64, ..Tally::default() };
    each(&plan.keys, range, |number, key| {
        tally.rejected += u64::from(!cache.insert(key.clone(), V::nth(number as u32)));
    });
    tally
}

/// One operation is a remove or an insert: a pair counts as two.
fn churn<K: Key, V: Value, P: Peer<K, V>>(
    cache: &P,
    plan: &ThreadPlan<K>,
    range: std::ops::Range<usize>,
) -> Tally {
    let pairs = range.start / 2..range.end / 2;
    let mut tally = Tally { inserts: pairs.len() as u64, ..Tally::default() };
    each(&plan.keys, pairs, |number, key| {
        cache.remove(key);
        tally.rejected += u64::from(!cache.insert(key.clone(), V::nth(number as u32)));
    });
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_walks_in_order_and_wraps() {
        let mut seen = Vec::new();
        each(&[10, 20, 30], 2..9, |number, key| seen.push((number, *key)));
        let expected: Vec<_> = (2..9).map(|number| (number, 10 * (number % 3 + 1))).collect();
        assert_eq!(seen, expected);
    }
}
