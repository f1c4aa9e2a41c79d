//! One round of one cache.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::plan::Plan;
use super::scenario::Tally;
use crate::load::data::{Key, Value};
use crate::peers::{Peer, Visit, hasher, held};

/// What one round of one cache came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Per operation and thread: the mean of the threads' own times.
    pub(crate) ns: f64,
    /// Work that the cache had put off when the threads were done, as a share of their time.
    pub(crate) backlog: f64,
    pub(crate) tally: Tally,
    /// Entries in the cache at the end.
    pub(crate) held: Option<u64>,
}

/// Builds a cache, fills it, runs the plan and drops the cache: nothing of another cache is alive
/// in the meantime, neither its memory nor its threads.
pub(crate) struct Round<'a, K> {
    pub(crate) plan: &'a Plan<K>,
    /// Seeds the hasher, so that rounds do not share the layout of a table.
    pub(crate) seed: u64,
    /// Whether to count the entries, for which some caches have to be asked for each key.
    pub(crate) count: bool,
}

impl<K: Key, V: Value> Visit<K, V> for Round<'_, K> {
    type Output = Sample;

    fn visit<P: Peer<K, V>>(self) -> Sample {
        let Plan { setting, capacity, threads, .. } = self.plan;
        let cache = P::build(*capacity, hasher(self.seed));
        prefill(&cache, setting.entries);
        let (warm, ops) = self.affordable(&cache);

        let start = Barrier::new(threads.len());
        let results: Vec<(Duration, Tally)> = thread::scope(|scope| {
            let running: Vec<_> = threads
                .iter()
                .map(|plan| {
                    let (cache, start) = (&cache, &start);
                    scope.spawn(move || {
                        setting.scenario.run(cache, plan, PROBE..PROBE + warm);
                        if start.wait().is_leader() {
                            cache.settle();
                        }
                        start.wait();
                        let first = PROBE + warm;
                        let begin = Instant::now();
                        let tally = setting.scenario.run(cache, plan, first..first + ops);
                        (begin.elapsed(), tally)
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let done = Instant::now();
        cache.settle();
        let left = done.elapsed();

        let held = self.count.then(|| held(&cache, self.plan.keys));

        let mut tally = Tally::default();
        let mut time = Duration::ZERO;
        for (elapsed, of_thread) in &results {
            tally += *of_thread;
            time += *elapsed;
        }
        let operations = (ops * results.len()) as f64;
        let backlog = left.as_secs_f64() * results.len() as f64 / time.as_secs_f64();
        Sample { ns: time.as_secs_f64() * 1e9 / operations, backlog, tally, held }
    }
}

/// Operations of the first thread that tell how fast a cache is.
pub(super) const PROBE: usize = 1_000;

/// Time for one round of one cache. Those that would take longer make fewer operations.
const BUDGET: Duration = Duration::from_secs(2);

impl<K: Key> Round<'_, K> {
    /// How many operations each thread makes before the clock starts and after.
    fn affordable<V: Value, P: Peer<K, V>>(&self, cache: &P) -> (usize, usize) {
        let Plan { setting, threads, warm, .. } = self.plan;
        let begin = Instant::now();
        setting.scenario.run(cache, &threads[0], 0..PROBE);
        cache.settle();
        // As if the threads waited for each other all the time: some caches make them.
        let all = begin.elapsed().as_secs_f64() / PROBE as f64
            * ((setting.ops + warm) * threads.len()) as f64;
        let share = (BUDGET.as_secs_f64() / all).min(1.0);
        let part = |ops: usize| ((ops as f64 * share) as usize).max(PROBE.min(ops));
        (part(*warm), part(setting.ops))
    }
}

/// Inserts keys 0 to `entries`, the most frequent last: where the order of insertion is an order
/// of age, they are the young ones.
pub(crate) fn prefill<K: Key, V: Value, P: Peer<K, V>>(cache: &P, entries: u32) {
    for n in (0..entries).rev() {
        cache.insert(K::nth(n), V::nth(n));
        // Caches that buffer their inserts drop some when they are not given the time.
        if n % 4_096 == 0 {
            cache.settle();
        }
    }
}
