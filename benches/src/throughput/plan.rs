//! Everything that is drawn and decided before the clock starts.

use super::measure::PROBE;
use super::scenario::Scenario;
use crate::load::data::{Key, Kind};
use crate::load::workload::{self, Dist, SEQUENCE};
use crate::output::progress::Work;

/// Which measurement, apart from the caches that it compares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) scenario: Scenario,
    pub(crate) dist: Dist,
    /// Entries that the cache holds.
    pub(crate) entries: u32,
    pub(crate) threads: usize,
    /// Operations of each thread in one round.
    pub(crate) ops: usize,
    pub(crate) seed: u64,
}

impl Setting {
    /// One round of one cache, for a mean of all caches.
    pub(super) fn work(&self, kind: Kind) -> Work {
        let operations = f64::from(self.entries) + (self.ops + self.warm()) as f64;
        let of_one = match kind {
            Kind::U64 => 300e-9,
            Kind::String => 450e-9,
        };
        // Each operation misses the processor's caches several times.
        let far = if self.entries > 1_000_000 { 4.0 } else { 1.0 };
        Work::step(operations * of_one * far + 0.002)
    }

    /// Operations of each thread before the clock starts.
    ///
    /// What is measured is a cache that has been at work for a while. Where keys come and go, the
    /// policies sort out what to keep besides the most frequent ones, which the prefill left. Where
    /// all stay, each has been used before: caches that count uses up to a limit write less then.
    fn warm(&self) -> usize {
        if self.scenario.evicts() { (self.ops / 4).max(1_000) } else { self.ops }
    }
}

/// The keys of one thread.
pub(crate) struct ThreadPlan<K> {
    /// In the order of use, cyclic.
    pub(crate) keys: Vec<K>,
    /// Whether the nth operation inserts, cyclic; empty unless the scenario mixes.
    pub(crate) coins: Vec<bool>,
}

/// A measurement ready to run, the same for each cache and each round.
pub(crate) struct Plan<K> {
    pub(crate) setting: Setting,
    pub(crate) capacity: usize,
    /// All keys that are inserted are among so many first ones.
    pub(crate) keys: u32,
    pub(crate) threads: Vec<ThreadPlan<K>>,
    /// Operations of each thread before the clock starts.
    pub(crate) warm: usize,
}

impl<K: Key> Plan<K> {
    pub(crate) fn new(setting: Setting) -> Self {
        let Setting { scenario, entries, ops, .. } = setting;
        // Where every key is to be present, caches that divide their capacity among shards get
        // room for an uneven division; all caches get the same.
        let capacity = if scenario.evicts() {
            entries as usize
        } else {
            entries as usize + entries as usize / 4 + 256
        };
        let warm = setting.warm();
        let total = PROBE + warm + ops;
        let threads =
            (0..setting.threads).map(|thread| Self::thread(&setting, thread, total)).collect();
        let keys = match scenario {
            Scenario::InsertNew => new_keys(&setting, setting.threads, total).start,
            _ if scenario.evicts() => entries.saturating_mul(10),
            _ => entries,
        };
        Self { setting, capacity, keys, threads, warm }
    }

    fn thread(setting: &Setting, thread: usize, total: usize) -> ThreadPlan<K> {
        let Setting { scenario, dist, entries, seed, .. } = *setting;
        let mut rng = workload::rng(seed, thread);
        let numbers = match scenario {
            Scenario::Hot => vec![0; 64],
            Scenario::InsertNew => new_keys(setting, thread, total).collect(),
            _ => {
                let keys =
                    if scenario.evicts() { entries.saturating_mul(10) } else { entries.max(1) };
                workload::draw(dist, keys, total.min(SEQUENCE), &mut rng)
            }
        };
        let coins = match scenario.inserts() {
            Some(percent) => workload::coins(percent, &mut rng),
            None => Vec::new(),
        };
        ThreadPlan { keys: workload::keys(&numbers), coins }
    }
}

/// The keys of one thread that no other one inserts: behind the prefilled keys and those of the
/// threads before it.
fn new_keys(setting: &Setting, thread: usize, total: usize) -> std::ops::Range<u32> {
    let number = |n: usize| u32::try_from(n).expect("key numbers fit 32 bits");
    let first = setting.entries as usize + thread * total;
    number(first)..number(first + total)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn setting(scenario: Scenario) -> Setting {
        Setting { scenario, dist: Dist::Zipf, entries: 100, threads: 3, ops: 5_000, seed: 1 }
    }

    #[test]
    fn new_keys_are_new() {
        let plan: Plan<u64> = Plan::new(setting(Scenario::InsertNew));
        let keys: Vec<u64> = plan.threads.iter().flat_map(|thread| thread.keys.clone()).collect();
        assert_eq!(keys.len(), 3 * (PROBE + plan.warm + 5_000));
        assert!(keys.iter().all(|&key| key >= 100), "none is prefilled");
        assert_eq!(keys.iter().max(), Some(&(u64::from(plan.keys) - 1)));
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn reads_have_room_and_evictions_have_none() {
        let read: Plan<u64> = Plan::new(setting(Scenario::Read));
        assert!(read.capacity > 100);
        assert!(read.threads.iter().all(|thread| thread.keys.iter().all(|&key| key < 100)));
        let aside: Plan<u64> = Plan::new(setting(Scenario::Aside));
        assert_eq!(aside.capacity, 100);
        assert!(aside.threads.iter().any(|thread| thread.keys.iter().any(|&key| key >= 900)));
    }
}
