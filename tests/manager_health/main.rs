//! How a manager's caches do, how well they are, and who is told.
#![cfg(feature = "manager")]

#[cfg(all(feature = "macros", feature = "tracing"))]
mod attributes;
mod health;
#[cfg(feature = "metrics")]
mod metrics;
mod performance;
#[cfg(feature = "serde")]
mod serialized;
#[cfg(feature = "tracing")]
mod tracing;

use larder::{
    Maintenance, ManualClock,
    manager::{
        CacheManager, CacheManagerBuilder,
        memory::{MemoryProbe, MemoryReading},
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Nothing here takes that long, if it comes at all.
const PATIENCE: Duration = Duration::from_secs(120);

/// A container of 100 bytes, and how many of them are used.
#[derive(Debug)]
struct Container(Arc<AtomicU64>);

impl MemoryProbe for Container {
    fn read(&self) -> MemoryReading {
        MemoryReading::default().with_container(100, Some(self.0.load(Relaxed)))
    }
}

/// A manager that does nothing by itself, by a clock that stands still.
fn manual(clock: &ManualClock) -> CacheManagerBuilder {
    CacheManager::builder().clock(clock).maintenance(Maintenance::Manual)
}

/// Lets time go by, with a sample every ten seconds, after what happens in them.
fn live(manager: &CacheManager, clock: &ManualClock, time: Duration, mut work: impl FnMut()) {
    for _ in 0..time.as_secs() / 10 {
        work();
        clock.advance(10 * SECOND);
        manager.sample();
    }
}

/// Until it is so.
fn wait_for(what: &str, mut so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < PATIENCE, "{what}");
        thread::yield_now();
    }
}
