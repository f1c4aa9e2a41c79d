//! `drops`: builds and drops many caches in several threads, and counts keys and values.
//!
//! Made for AddressSanitizer with leak detection: what is dropped twice, or read after, or never
//! dropped, is reported by it; the counts, which are checked in every build, say the same of keys
//! and values. Every cache that is dropped has entries, removed entries that wait for the
//! collector, and dead ones; meanwhile other threads hold pins of another cache, so that nothing of
//! it could be recycled; handles pass from thread to thread, and the last one is dropped by whoever
//! has it, also by a thread that is about to end. Exit code 0: all is well. 1: it is not. 2: wrong
//! arguments.

use larder_stress::{
    census::{Census, Number},
    die,
    hashing::Hashing,
    jitter, now_at, panics_are_fatal,
    record::TestCache,
};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use std::{
    cell::RefCell,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

const USAGE: &str = "\
drops [--rounds N] [--threads N] [--seed N]

  --rounds N     caches that each thread builds, 400 by default
  --threads N    at work at a time, 4 by default
  --seed N       chooses what they do, 1 by default";

const KEYS: u32 = 300;

struct Arguments {
    rounds: u64,
    threads: u64,
    seed: u64,
}

fn arguments() -> Result<Arguments, lexopt::Error> {
    use lexopt::{Arg::Long, ValueExt as _};
    let mut arguments = Arguments { rounds: 400, threads: 4, seed: 1 };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rounds") => arguments.rounds = parser.value()?.parse()?,
            Long("threads") => arguments.threads = parser.value()?.parse()?,
            Long("seed") => arguments.seed = parser.value()?.parse()?,
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(arguments)
}

fn build(rng: &mut SmallRng) -> TestCache {
    let hashing = if rng.random_range(0..4) == 0 { Hashing::Four } else { Hashing::Spread };
    larder::Cache::builder()
        .max_capacity(rng.random_range(0..100))
        .shards(1 << rng.random_range(0..3))
        .hasher(hashing)
        .build()
}

/// Leaves a cache with entries, and with all kinds of former entries.
fn churn(cache: &TestCache, census: &Census, rng: &mut SmallRng) {
    for id in 0..rng.random_range(0..1_000) {
        let number = rng.random_range(0..KEYS);
        match rng.random_range(0..10) {
            0..5 => cache.insert(census.key(number), census.value(number, id)),
            5 => _ = cache.add(census.key(number), census.value(number, id)),
            6 => _ = cache.remove(&Number(number)).map(|value| value.id(number)),
            7 => _ = cache.invalidate(&Number(number)),
            _ => _ = cache.get(&Number(number)).map(|value| value.id(number)),
        }
    }
    match rng.random_range(0..8) {
        0 => cache.invalidate_all(),
        1 => cache.run_pending_tasks(),
        2 => _ = cache.iter().count(),
        _ => {}
    }
}

/// What the threads share.
struct Common {
    /// The cache whose values are looked at while others are dropped. Its entries change, too.
    anchor: TestCache,
    census: Census,
    /// Handles on their way from thread to thread.
    passed_on: Mutex<Vec<TestCache>>,
    dropped: AtomicU64,
}

impl Common {
    fn pass_on(&self, cache: TestCache) -> Option<TestCache> {
        let mut waiting = self.passed_on.lock().expect("nobody panics with it");
        waiting.push(cache);
        (waiting.len() > 3).then(|| waiting.swap_remove(0))
    }

    /// One cache from its making to its end.
    fn round(&self, rng: &mut SmallRng) {
        let number = rng.random_range(0..KEYS);
        let pinned = self.anchor.pin();
        let held = pinned.get(&Number(number));
        let id = held.map(|value| value.id(number));

        // Nobody else has this one: all of it is gone at once.
        let own = Census::default();
        let cache = build(rng);
        churn(&cache, &own, rng);
        drop(cache);
        self.dropped.fetch_add(1, Ordering::Relaxed);
        if own.alive() != 0 {
            die(&format!("{} keys and values outlive their cache", own.alive()));
        }

        if held.map(|value| value.id(number)) != id {
            die("a value changed while it was looked at");
        }
        drop(pinned);

        let cache = build(rng);
        churn(&cache, &self.census, rng);
        if let Some(other) = self.pass_on(cache) {
            churn(&other, &self.census, rng);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        churn(&self.anchor, &self.census, rng);
    }
}

/// Uses a cache, and then drops the last handle, when its thread has nearly ended.
struct AtTheEnd {
    cache: TestCache,
    census: Census,
}

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        churn(&self.cache, &self.census, &mut SmallRng::seed_from_u64(7));
    }
}

thread_local! {
    /// Touched before the thread first uses a cache, so destroyed after what the engine keeps for
    /// this thread.
    static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
}

fn one_thread(common: &Common, seed: u64, rounds: u64) {
    LAST.set(None);
    jitter::seed(seed);
    let mut rng = SmallRng::seed_from_u64(seed);
    let (cache, census) = (build(&mut rng), common.census.clone());
    churn(&cache, &census, &mut rng);
    LAST.set(Some(AtTheEnd { cache, census }));
    for _ in 0..rounds {
        common.round(&mut rng);
    }
}

fn run(arguments: &Arguments) -> u64 {
    let mut rng = SmallRng::seed_from_u64(arguments.seed);
    let anchor = larder::Cache::builder().max_capacity(200).hasher(Hashing::Spread).build();
    let common = Common {
        anchor,
        census: Census::default(),
        passed_on: Mutex::default(),
        dropped: AtomicU64::new(0),
    };
    churn(&common.anchor, &common.census, &mut rng);
    // In ten generations, so that threads come and go.
    for generation in 0..10 {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..arguments.threads)
                .map(|thread| {
                    let (common, seed) =
                        (&common, arguments.seed << 32 | generation << 16 | thread);
                    scope.spawn(move || one_thread(common, seed, arguments.rounds.div_ceil(10)))
                })
                .collect();
            // Unlike the end of the scope, this waits for thread-local values to be dropped.
            threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        });
    }
    let Common { anchor, census, passed_on, dropped } = common;
    drop(passed_on);
    drop(anchor);
    if census.alive() != 0 {
        die(&format!("{} keys and values outlive their caches", census.alive()));
    }
    dropped.into_inner()
}

fn main() -> ExitCode {
    match arguments() {
        Ok(arguments) => {
            jitter::install();
            panics_are_fatal();
            now_at(format!("with seed {}", arguments.seed));
            let dropped = run(&arguments);
            println!("drops: {dropped} caches were dropped, and everything that was in them");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("drops: {error}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}
