//! Values that are counted while they live, and how to wait for the end of the dead ones.
#![allow(dead_code, reason = "no test file needs all of it")]

#[cfg(unix)]
pub(crate) mod fork;

use larder::Cache;
use std::{
    collections::HashSet,
    hash::{BuildHasher, Hash},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, ScopedJoinHandle, ThreadId},
    time::Duration,
};

/// Nothing here takes that long. For channels, so that a test that hangs fails instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Knows which values live, and who dropped the others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census(Arc<Mutex<Registers>>);

#[derive(Debug, Default)]
struct Registers {
    made: u64,
    living: HashSet<u64>,
    droppers: HashSet<ThreadId>,
}

impl Census {
    fn registers(&self) -> MutexGuard<'_, Registers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new value that knows its number.
    pub(crate) fn value(&self, id: u64) -> Counted {
        self.make(id, true)
    }

    fn make(&self, id: u64, original: bool) -> Counted {
        let mut registers = self.registers();
        registers.made += 1;
        let serial = registers.made;
        registers.living.insert(serial);
        Counted { id: Box::new(id), serial, original, census: self.clone() }
    }

    /// Values that live, clones included.
    pub(crate) fn alive(&self) -> u64 {
        self.registers().living.len() as u64
    }

    /// Whether the value of this serial number lives.
    pub(crate) fn is_alive(&self, serial: u64) -> bool {
        self.registers().living.contains(&serial)
    }

    /// The threads that dropped values other than clones.
    pub(crate) fn droppers(&self) -> HashSet<ThreadId> {
        self.registers().droppers.clone()
    }
}

/// A value that is counted. What it knows lies on the heap, for the sanitizers to watch.
#[derive(Debug)]
pub(crate) struct Counted {
    id: Box<u64>,
    serial: u64,
    original: bool,
    census: Census,
}

impl Counted {
    pub(crate) fn id(&self) -> u64 {
        *self.id
    }

    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.census.make(self.id(), false)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut registers = self.census.registers();
        let lived = registers.living.remove(&self.serial);
        if self.original {
            registers.droppers.insert(thread::current().id());
        }
        drop(registers);
        assert!(lived, "value {} was dropped twice", self.id);
    }
}

/// Whether `f` panics, and what it says then.
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(f)).err()?;
    let text = payload.downcast_ref::<String>().cloned();
    Some(text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap())
}

/// All caches of a process share one collector, so a thread that stays pinned in one test keeps
/// back what another test waits for: tests in which either matters hold this.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for the end of threads. Unlike the end of their scope this waits for thread-local values
/// to be dropped, too: a thread that drops them is pinned once more, and what is pinned keeps
/// others' nodes back.
pub(crate) fn join<'s, T: 's>(threads: impl IntoIterator<Item = ScopedJoinHandle<'s, T>>) {
    for thread in threads {
        thread.join().unwrap_or_else(|panic| resume_unwind(panic));
    }
}

/// Checks a cache's insides while nobody uses it, in a build that opens them:
/// `cargo xtask test --only progress`.
pub(crate) fn validate<K: Hash + Eq, V, S: BuildHasher>(cache: &Cache<K, V, S>) {
    #[cfg(larder_internals)]
    cache.validate();
    #[cfg(not(larder_internals))]
    let _ = cache;
}

/// Runs maintenance until the values that live are those of the entries, which at rest it must come
/// to. Panics if it does not.
pub(crate) fn settle<K: Hash + Eq>(cache: &Cache<K, Counted>, census: &Census) {
    // A pass gets a bounded number of batches back from the collector, so after a stall there is
    // work for several.
    const PASSES: usize = 1_000;
    for _ in 0..PASSES {
        cache.run_pending_tasks();
        if census.alive() == cache.entry_count() {
            return validate(cache);
        }
    }
    panic!("{} values live, {} entries", census.alive(), cache.entry_count());
}
