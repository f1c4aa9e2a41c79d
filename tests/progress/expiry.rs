//! A thread stops while it takes out what is expired: the others' entries expire all the same.
//!
//! What it has in hand stays where it is, and nobody gets it; the rest comes and goes.

#[cfg(unix)]
use crate::common::fork::in_a_child;
use crate::stopping::{self, At, Key, PATIENCE, Value, Victim};
use larder::{Cache, CacheBuilder, Maintenance, ManualClock, hooks::Step};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Duration,
};

type TestCache = Cache<Key, Value>;

/// The steps that only what expires comes past.
pub(crate) const STEPS: [Step; 8] = [
    Step::TickClosed,
    Step::SlotsVacated,
    Step::MadeReady,
    Step::MarksCleared,
    Step::SlotsEmptied,
    Step::BlocksTaken,
    Step::Claimed,
    Step::Settled,
];

const TTL: Duration = Duration::from_millis(100);
const KEYS: u64 = 1_000;
const OTHERS: u64 = 2;
const EPOCHS: u64 = 3;
const VICTIM: u64 = 99;
/// A thread has no more entries in hand: `src/engine/time/wheel.rs`.
const HELD: u64 = 384;

fn builder(clock: &ManualClock) -> CacheBuilder<Key, Value> {
    let builder = Cache::builder().max_capacity(2 * KEYS).shards(1).time_to_live(TTL);
    builder.clock(clock).maintenance(Maintenance::Manual)
}

/// Inserts, comes upon what is expired, and takes it out.
fn be_stopped(cache: &TestCache, clock: &ManualClock) {
    for i in 0..200 {
        for key in 0..8 {
            let key = 10 * KEYS + (i * 8 + key) % KEYS;
            cache.get(&Key(key));
            cache.insert(Key(key), Value::new(key, VICTIM));
        }
        clock.advance(TTL / 15);
        // A full lap of the finest level now and then, so that blocks come down from the next.
        clock.advance(if i % 50 == 49 { 4 * TTL } else { Duration::ZERO });
        cache.get(&Key(10 * KEYS + i * 8 % KEYS));
        cache.run_pending_tasks();
    }
}

/// Other threads write all keys anew, again and again, and find nothing that was written before.
fn work(cache: &TestCache, epoch: u64, which: &str) {
    let (finished, finishes) = mpsc::channel();
    for other in 0..OTHERS {
        let (cache, finished) = (cache.clone(), finished.clone());
        thread::spawn(move || {
            for i in 0..10 * KEYS {
                let key = (i * 37 + other) % KEYS;
                match cache.get(&Key(key)) {
                    Some(value) => assert_eq!((value.key(), value.writer()), (key, epoch)),
                    None => cache.insert(Key(key), Value::new(key, epoch)),
                }
            }
            finished.send(()).expect("the test waits");
        });
    }
    for _ in 0..OTHERS {
        let done = finishes.recv_timeout(PATIENCE);
        assert!(done.is_ok(), "{which}: others wait for the stopped thread, or found what is over");
    }
}

#[test]
fn a_thread_stopped_at_any_step_of_expiry_stops_nobody() {
    let _alone = stopping::install();
    for step in STEPS.into_iter().chain([Step::Unlinked, Step::Retired, Step::BatchTaken]) {
        let which = format!("stopped at {step:?}");
        let clock = ManualClock::new();
        let cache = builder(&clock).build();
        let (handle, time) = (cache.clone(), clock.clone());
        let victim = Victim::spawn(At::Step(step), move || be_stopped(&handle, &time));
        let victim = victim.unwrap_or_else(|| panic!("{which}: never came there"));
        for epoch in 1..=EPOCHS {
            work(&cache, epoch, &which);
            let found = (0..KEYS).filter(|key| cache.contains_key(&Key(*key))).count();
            assert!(found > 0, "{which}: nothing can be inserted");
            clock.advance(2 * TTL);
            cache.run_pending_tasks();
            assert_eq!(cache.iter().count(), 0, "{which}: what is over is found");
            let left = cache.entry_count();
            assert!(left <= HELD, "{which}: {left} entries wait for the stopped thread");
        }
        victim.release();
        // What it has put back comes with the next tick, and all of it is usable.
        clock.advance(2 * TTL);
        cache.run_pending_tasks();
        assert_eq!(cache.entry_count(), 0, "{which}");
        work(&cache, EPOCHS + 1, &which);
        assert_eq!(cache.entry_count(), KEYS, "{which}");
        clock.advance(2 * TTL);
        cache.run_pending_tasks();
        assert_eq!(cache.entry_count(), 0, "{which}");
        let stats = cache.stats();
        assert_eq!(stats.inserts, stats.departures(), "{which}: {stats:?}");
        #[cfg(larder_internals)]
        cache.validate();
    }
}

/// A child of `fork` has the cache as it was when the thread stopped, and not the thread.
#[cfg(unix)]
#[test]
fn what_a_stopped_thread_had_in_hand_expires_in_a_child_of_fork() {
    let _alone = stopping::install();
    for step in STEPS.into_iter().chain([Step::Published]) {
        let which = format!("stopped at {step:?}");
        let clock = ManualClock::new();
        let told = Arc::new(AtomicU64::new(0));
        let telling = Arc::clone(&told);
        let listener = move |_: &Key, _: &Value, _| _ = telling.fetch_add(1, Relaxed);
        let cache = builder(&clock).eviction_listener(listener).build();
        let (handle, time) = (cache.clone(), clock.clone());
        let victim = Victim::spawn(At::Step(step), move || be_stopped(&handle, &time));
        let victim = victim.unwrap_or_else(|| panic!("{which}: never came there"));
        in_a_child(|| {
            clock.advance(2 * TTL);
            assert_eq!(cache.entry_count(), 0, "{which}: what is over counts");
            cache.run_pending_tasks();
            assert_eq!(cache.entry_count(), 0, "{which}: what is over stays");
            let (inserts, told) = (cache.stats().inserts, told.load(Relaxed));
            // The thread may have published one that it had yet to count.
            assert!(
                inserts <= told && told <= inserts + 1,
                "{which}: {told} of {inserts} are taken out"
            );
            work(&cache, 1, &which);
            assert_eq!(cache.entry_count(), KEYS, "{which}");
        });
        victim.release();
        #[cfg(larder_internals)]
        cache.validate();
    }
}
