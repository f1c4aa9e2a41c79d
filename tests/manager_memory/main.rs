//! The manager's looks at the memory, and what it does when that runs short.
#![cfg(feature = "manager")]

#[path = "../common/mod.rs"]
mod common;

mod cgroups;
mod pressure;
mod sampling;

use larder::manager::memory::{MemoryProbe, MemoryReading};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// The container of the simulations.
const LIMIT: u64 = 1000 << 20;

/// A container that uses as much as it is told, in percent.
#[derive(Clone, Debug, Default)]
struct Dial(Arc<AtomicU64>);

impl Dial {
    fn turn_to(&self, percent: u64) {
        self.0.store(percent, Relaxed);
    }
}

impl MemoryProbe for Dial {
    fn read(&self) -> MemoryReading {
        MemoryReading::default().with_container(LIMIT, Some(LIMIT / 100 * self.0.load(Relaxed)))
    }
}
