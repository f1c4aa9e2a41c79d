//! One replay of one trace through one cache.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::peers::{Peer, Visit, hasher, held};

/// Accesses that each thread makes in one step. Small: what is lost in a replay by threads shall be
/// what their concurrency costs, and not what a reordered trace does.
const STEP: usize = 16;

/// Replays a trace as a service would use a cache: get, and insert on a miss.
pub(crate) struct Drive<'a> {
    pub(crate) accesses: &'a [u32],
    /// How many different keys there are, numbered from 0.
    pub(crate) keys: usize,
    pub(crate) capacity: usize,
    pub(crate) threads: usize,
    pub(crate) seed: u64,
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Driven {
    pub(crate) hits: u64,
    /// Entries in the cache at the end.
    pub(crate) held: u64,
}

impl Visit<u64, u64> for Drive<'_> {
    type Output = Driven;

    fn visit<P: Peer<u64, u64>>(self) -> Driven {
        let cache = P::build(self.capacity, hasher(self.seed));
        let hits = self.hits(&cache);
        let keys = u32::try_from(self.keys).expect("keys are numbers of 32 bits");
        Driven { hits, held: held(&cache, keys) }
    }
}

impl Drive<'_> {
    fn hits<P: Peer<u64, u64>>(&self, cache: &P) -> u64 {
        if self.threads == 1 {
            let parts = self.accesses.chunks(4 * STEP);
            return parts.map(|part| accesses(cache, part.iter())).sum();
        }
        let steps = Lockstep { threads: self.threads, done: AtomicUsize::new(0) };
        thread::scope(|scope| {
            let running: Vec<_> = (0..self.threads)
                .map(|thread| {
                    let steps = &steps;
                    scope.spawn(move || steps.replay(cache, self.accesses, thread))
                })
                .collect();
            running.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        })
    }
}

/// Makes some accesses and returns the hits.
fn accesses<'a, P: Peer<u64, u64>>(cache: &P, keys: impl Iterator<Item = &'a u32>) -> u64 {
    let hits = keys.map(|&key| access(cache, key)).sum();
    if P::TRAITS.deferred {
        cache.settle();
    }
    hits
}

#[inline]
fn access<P: Peer<u64, u64>>(cache: &P, key: u32) -> u64 {
    let key = u64::from(key);
    match cache.get(&key) {
        Some(_) => 1,
        None => {
            cache.insert(key, key);
            0
        }
    }
}

/// Threads that divide a trace access by access and wait for each other after each step, so that
/// the order of the trace is kept up to a step of all of them.
struct Lockstep {
    threads: usize,
    /// Steps finished, summed over the threads.
    done: AtomicUsize,
}

impl Lockstep {
    /// Makes accesses `thread`, `thread + threads`, and so on.
    fn replay<P: Peer<u64, u64>>(&self, cache: &P, trace: &[u32], thread: usize) -> u64 {
        let mut hits = 0;
        for (step, part) in trace.chunks(STEP * self.threads).enumerate() {
            // Relaxed: the counter paces the threads and publishes nothing.
            while self.done.load(Ordering::Relaxed) < step * self.threads {
                thread::yield_now();
            }
            hits += accesses(cache, part.iter().skip(thread).step_by(self.threads));
            self.done.fetch_add(1, Ordering::Relaxed);
        }
        hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::trace::Trace;
    use crate::peers::PeerId;
    use crate::replay::lru;

    #[test]
    fn the_lru_peer_agrees_with_the_simulated_one() {
        let trace = Trace::short(20_000);
        let accesses = &trace.accesses[..];
        for capacity in [10, 1_000] {
            let drive = Drive { accesses, keys: trace.keys, capacity, threads: 1, seed: 1 };
            let hits = lru::hits(accesses, trace.keys, capacity);
            let held = capacity.min(trace.keys) as u64;
            assert_eq!(PeerId::MutexLru.dispatch(drive), Driven { hits, held });
        }
    }

    #[test]
    fn threads_make_every_access_once() {
        let trace = Trace::short(10_007);
        // Not a multiple of a step. With room for all keys the misses are the first uses, and a
        // key that two threads miss at the same time.
        let accesses = &trace.accesses[..];
        let with = |threads| {
            let drive = Drive { accesses, keys: trace.keys, capacity: 1 << 20, threads, seed: 1 };
            PeerId::MutexLru.dispatch(drive).hits
        };
        let (alone, together) = (with(1), with(4));
        assert!(together <= alone && together > alone - 1_000, "{together} of {alone}");
    }
}
