//! Models of the lock-free protocols of `larder`, run on the engine itself; see `tests/`.
//!
//! A model is a setup, two or three threads that do an operation or two each, and a check of what
//! came out. [`model`] runs the threads in every order that matters and with every value that a
//! load may return (loom, after CDSChecker: Norris and Demsky, OOPSLA'13), up to a number of
//! preemptions. Setup and check run in one thread and cost nothing to speak of.
//!
//! Each test names the planted bug (`src/engine/plant.rs`) that it finds; the binary `plants`
//! lists the pairs. `cargo xtask loom` runs both: all models, which have to pass, and each model
//! with its bug awake, which has to fail.
#![cfg(larder_loom)]

use larder::{Cache, doors};
use std::{
    hash::{BuildHasher, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

/// Runs `setup`, then `threads` at once, then `check` with what they returned: for every
/// interleaving with at most `preemptions` switches away from a thread that could have gone on
/// (`LOOM_MAX_PREEMPTIONS` may lower that number).
///
/// Only the threads' functions are explored. What surrounds them (starting, registering with the
/// collector, ending) is done in one fixed order: it is crossbeam-epoch's and loom's business, and
/// has more steps than most operations.
pub fn model<C: 'static, R: 'static, const N: usize>(
    preemptions: usize,
    setup: fn() -> C,
    threads: [fn(&C) -> R; N],
    check: fn(C, [R; N]),
) {
    let iterations = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&iterations);
    let started = Instant::now();
    let mut builder = loom::model::Builder::new();
    let allowed = builder.preemption_bound.unwrap_or(preemptions);
    builder.preemption_bound = Some(preemptions.min(allowed));
    builder.max_branches = 5_000;
    builder.expect_explicit_explore = true;
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        once(setup, threads, check);
    });
    let name = std::thread::current().name().unwrap_or("model").to_owned();
    eprintln!("{name}: {} executions in {:.1?}", iterations.load(Relaxed), started.elapsed());
}

/// One execution. Threads meet by parking, which loom does not take for an operation that others
/// could see, so it adds nothing to explore. (The counters are no part of the model, hence std's.)
fn once<C: 'static, R: 'static, const N: usize>(
    setup: fn() -> C,
    threads: [fn(&C) -> R; N],
    check: fn(C, [R; N]),
) {
    let shared = Arc::new((setup(), AtomicUsize::new(0)));
    let main = loom::thread::current();
    let handles = threads.map(|body| {
        let (shared, main) = (Arc::clone(&shared), main.clone());
        let before = shared.1.load(Relaxed);
        let handle = loom::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let (context, passed) = &*shared;
                doors::register();
                passed.fetch_add(1, Relaxed);
                main.unpark();
                loom::thread::park();
                let result = body(context);
                if passed.fetch_add(1, Relaxed) + 1 == 2 * N {
                    main.unpark();
                }
                loom::thread::park();
                drop(shared);
                result
            }
        });
        while shared.1.load(Relaxed) == before {
            loom::thread::park();
        }
        handle
    });
    for handle in &handles {
        handle.thread().unpark();
    }
    loom::explore();
    while shared.1.load(Relaxed) < 2 * N {
        loom::thread::park();
    }
    loom::stop_exploring();
    let results = handles.map(|handle| {
        handle.thread().unpark();
        handle.join().expect("a panic ends the model before")
    });
    let (context, _) = Arc::into_inner(shared).expect("all threads have ended");
    check(context, results);
}

/// The cache of most models: 32-bit keys whose place is known, see [`key`].
pub type TinyCache<V = u32> = Cache<u32, V, Placed>;

/// A key whose home is bucket `home`, 0 or 1, of two.
pub const fn key(home: u32, id: u32) -> u32 {
    id << 1 | home
}

/// Hashes [`key`]s so that they come to stand where they say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Placed;

impl BuildHasher for Placed {
    type Hasher = PlacedHasher;

    fn build_hasher(&self) -> PlacedHasher {
        PlacedHasher(0)
    }
}

/// See [`Placed`].
#[derive(Debug)]
pub struct PlacedHasher(u64);

/// What the cache multiplies hashes with, and its inverse modulo 2^64.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
const INVERSE: u64 = {
    // Newton's iteration doubles the number of right bits: 3, 6, .. 96.
    let mut inverse = FACTOR;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(FACTOR.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
};
const _: () = assert!(FACTOR.wrapping_mul(INVERSE) == 1);

impl Hasher for PlacedHasher {
    fn write(&mut self, _: &[u8]) {
        unimplemented!("keys are u32")
    }

    fn write_u32(&mut self, key: u32) {
        // The bucket comes from the top of bits 16 to 47, the tag from the low bits.
        let hash = u64::from(key & 1) << 47 | u64::from(key >> 1);
        self.0 = hash.wrapping_mul(INVERSE);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
