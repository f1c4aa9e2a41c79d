//! Values that are counted while they live, and how to wait for the end of the dead ones.
#![allow(dead_code, reason = "no test file needs all of it")]

use larder::Cache;
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
    time::Duration,
};

/// Nothing here takes that long. For channels, so that a test that hangs fails instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Counts values: how many were made, how many dropped, and by whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    made: AtomicU64,
    dropped: AtomicU64,
    droppers: Mutex<HashSet<ThreadId>>,
}

impl Census {
    /// A new value that knows its number.
    pub(crate) fn value(&self, id: u64) -> Counted {
        self.make(id, true)
    }

    fn make(&self, id: u64, original: bool) -> Counted {
        self.0.made.fetch_add(1, Ordering::SeqCst);
        Counted { id: Box::new(id), original, census: self.clone() }
    }

    /// Values that live, clones included.
    pub(crate) fn alive(&self) -> u64 {
        // Dropped first: what is made and dropped in between must not show as negative.
        let dropped = self.0.dropped.load(Ordering::SeqCst);
        self.0.made.load(Ordering::SeqCst) - dropped
    }

    /// The threads that dropped values other than clones.
    pub(crate) fn droppers(&self) -> HashSet<ThreadId> {
        self.0.droppers.lock().expect("nobody panics with it").clone()
    }
}

/// A value that is counted. What it knows lies on the heap, for the sanitizers to watch.
#[derive(Debug)]
pub(crate) struct Counted {
    id: Box<u64>,
    original: bool,
    census: Census,
}

impl Counted {
    pub(crate) fn id(&self) -> u64 {
        *self.id
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.census.make(self.id(), false)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if self.original {
            let droppers = &self.census.0.droppers;
            droppers.lock().unwrap_or_else(PoisonError::into_inner).insert(thread::current().id());
        }
        self.census.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

/// All caches of a process share one collector, so a thread that stays pinned in one test keeps
/// back what another test waits for: tests in which either matters hold this.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs maintenance until the values that live are those of the entries, which at rest it must come
/// to. Panics if it does not.
pub(crate) fn settle<K>(cache: &Cache<K, Counted>, census: &Census) {
    // A pass gets a bounded number of batches back from the collector, so after a stall there is
    // work for several.
    const PASSES: usize = 1_000;
    for _ in 0..PASSES {
        cache.run_pending_tasks();
        if census.alive() == cache.entry_count() {
            return;
        }
    }
    panic!("{} values live, {} entries", census.alive(), cache.entry_count());
}
