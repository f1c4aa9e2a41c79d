//! Storing what was loaded, unless a write of the key came in between.
//!
//! # The argument
//!
//! A *fill* is an insert (the steps are those of `index.rs`) of a key that must be absent, with one
//! step more: after it has read the control word and not found the key, and before it decides, it
//! looks whether its load is superseded. A *writer* of the key (insert, add, remove, all of their kin),
//! before it does its work in the index, looks for a load of its hash (`flights.rs`), and if there
//! is one
//!
//! 1. sets the flag that says superseded,
//! 2. *bumps* the control word of the key's home bucket: raises the version by compare-and-swap, from
//!    a word that it has settled,
//! 3. ends the post, so that nobody joins the load any more.
//!
//! Where the bump comes in the order of that control word's changes decides everything:
//!
//! - Before the fill's read of it: the read, Acquire, sees the bump or a later change, all of them
//!   read-modify-writes, so the fill sees the flag and gives up.
//! - Between the fill's read and its decision: the decision fails, and the fill reads again.
//! - After the fill's decision: the word that the bump replaced had been settled since it was read, so
//!   when the bump is done the loaded entry is published, and the writer's work in the index, which
//!   comes after, finds it and replaces or removes it.
//!
//! In no case does the loaded value outlast the write. A writer that finds no post is ordered before
//! the load (then the load sees what was written to the source before), or after the end of the post.
//! That is the end of the load, hence of its fill, whose entry the writer then finds; or another writer's
//! step 3, which comes after that one's bump. (Were the post ended before the bump, a second writer could
//! pass between the two, and the fill be decided after it.)
//!
//! A fill that finds its key present leaves it as it is: somebody has written it since the load began,
//! or is a writer from before whose insert took its time. Either way that value is not older.
//!
//! # Progress
//!
//! A writer's bump is lock-free: it fails only if another insert was decided, or another writer
//! bumped. A fill looks again only then. No writer waits for a load or for those who wait for it.

use crate::{
    engine::{
        Engine,
        epoch::{Pin, pin},
        flight::{Boarding, Flight, Leader, Waiter},
        flights::{Boarded, Post},
        insert::{IfPresent, Inserted, Placed, Target, Terms},
        leading,
        leaving::Leaving,
        load_times::LoadTimes,
        nodes::Entry,
        shard::DEAD_PER_WRITE,
        stats::Event,
    },
    listener::RemovalCause,
    sync::Arc,
};
use std::time::{Duration, Instant};

/// What became of a loaded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Stored,
    /// A write came in between.
    Superseded,
    /// There was no room for it.
    Rejected,
}

impl<K, V> Engine<K, V> {
    /// What every write does between its pin and its work.
    #[inline(always)]
    pub(super) fn supersede(&self, pin: &Pin, hash: u64) {
        if !self.common.flights.is_quiet(hash, &pin.guard) {
            self.common.flights.supersede(hash, &pin.guard, |hash| self.bump(hash));
        }
    }

    pub(super) fn supersede_all(&self, pin: &Pin) {
        self.common.flights.supersede_all(&pin.guard, |hash| self.bump(hash));
    }

    fn bump(&self, hash: u64) {
        let (_, shard) = self.shard_of(hash);
        shard.index.bump(shard.index.home(hash));
    }

    /// A place in the load of the key that `eq` accepts: that which is under way, or a new one.
    ///
    /// # Panics
    ///
    /// If this thread is running that very load.
    #[cold]
    pub(crate) fn board(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        key: impl FnOnce() -> K,
    ) -> Boarding<'_, K, V> {
        let boarded = {
            let pin = pin();
            let joins = |flight: &Flight<K, V>| eq(flight.key());
            let make = |post| Flight::new(key(), post);
            self.common.flights.board(hash, &pin.guard, joins, make)
        };
        match boarded {
            Boarded::Posted(flight) => Boarding::Lead(Leader::new(self, flight)),
            Boarded::Joined(flight) => {
                assert!(
                    !leading::leads(Arc::as_ptr(&flight).cast()),
                    "recursive load: the loader of a key asked the cache to load the same key, \
                     and would have waited for itself"
                );
                Boarding::Wait(Waiter::new(self, flight))
            }
        }
    }

    /// Stores what a load has brought.
    pub(crate) fn fill(&self, hash: u64, entry: Entry<K, V>, load: &Post<Flight<K, V>>) -> Filled
    where
        K: Eq,
    {
        let target = self.target_of(hash, Terms::BY_RULE, &entry);
        if self.is_too_heavy(target) {
            // If the key is there somebody has written it, and that stays.
            self.reject(target, &entry, IfPresent::Keep);
            return Filled::Rejected;
        }
        let attempt = |entry| self.try_fill(target, entry, load);
        let filled = attempt(entry).or_else(|entry| self.retry_exhausted(hash, entry, attempt));
        match filled {
            Ok(Inserted::Added) => Filled::Stored,
            Ok(Inserted::Rejected) => Filled::Rejected,
            Ok(Inserted::Kept | Inserted::Updated | Inserted::Superseded) => Filled::Superseded,
            Err(entry) => {
                self.common.counters.count(pin().number, Event::Rejection);
                self.common.tell(&entry.key, &entry.value, RemovalCause::Rejected);
                Filled::Rejected
            }
        }
    }

    fn try_fill(
        &self,
        target: Target,
        entry: Entry<K, V>,
        load: &Post<Flight<K, V>>,
    ) -> Result<Inserted, Entry<K, V>>
    where
        K: Eq,
    {
        let (_, shard) = self.shard_of(target.hash);
        let leaving = Leaving::new(&self.common);
        let placed = {
            let pin = pin();
            shard.insert_loaded(&self.context(&pin, &leaving), target, entry, load)
        };
        shard.drop_dead(DEAD_PER_WRITE);
        match placed {
            Placed::Done(inserted) => Ok(inserted),
            Placed::Kept(_) => Ok(Inserted::Kept),
            Placed::Exhausted(entry) => Err(entry),
        }
    }

    /// Ends the post of a load that is over.
    pub(super) fn end(&self, post: &Post<Flight<K, V>>) {
        self.common.flights.end(post, &pin().guard);
    }

    pub(crate) fn load_times(&self) -> &LoadTimes {
        &self.common.load_times
    }

    /// Starts the clock for a loader.
    pub(crate) fn time_load(&self) -> Stopwatch<'_, K, V> {
        Stopwatch { engine: self, started: Instant::now() }
    }

    fn count_load(&self, took: Duration, failed: bool) {
        let counters = &self.common.counters;
        // A nanosecond count of 64 bits is enough for 584 years.
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let number = pin().number;
        counters.count(number, Event::Load);
        counters.add(number, Event::LoadNanos, nanos);
        if failed {
            counters.count(number, Event::LoadFailure);
        }
        self.common.load_times.record(took);
    }
}

/// Times a loader. A load that is dropped before its end is not counted.
#[derive(Debug)]
pub(crate) struct Stopwatch<'e, K, V> {
    engine: &'e Engine<K, V>,
    started: Instant,
}

impl<K, V> Stopwatch<'_, K, V> {
    /// Runs the loader's code. If it panics, that counts as a failed load.
    pub(crate) fn watch<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Unwinding<'s, 'e, K, V>(&'s Stopwatch<'e, K, V>);

        impl<K, V> Drop for Unwinding<'_, '_, K, V> {
            fn drop(&mut self) {
                self.0.stop(true);
            }
        }

        let unwinding = Unwinding(self);
        let result = f();
        std::mem::forget(unwinding);
        result
    }

    /// The loader has come to its end.
    pub(crate) fn stop(&self, failed: bool) {
        self.engine.count_load(self.started.elapsed(), failed);
    }
}
