//! Storing what was loaded, unless a write of the key came in between.
//!
//! # The argument
//!
//! A *fill* is an insert of a key that must be absent. It takes the steps of `sets.rs`, and one
//! more: after it has read the control word and has not found the key, and before it decides, it
//! checks whether its load is superseded. A *writer* of the key is any operation that inserts,
//! replaces or removes it. Before its work in the index, a writer looks for a load of its hash
//! (`flights.rs`). If there is one, the writer
//!
//! 1. sets the post's flag, which says that the load is superseded,
//! 2. *bumps* the control word of the key's home set: raises the version by compare-and-swap, from
//!    a word that it has settled,
//! 3. ends the post, so that no thread joins the load any more.
//!
//! The outcome depends on the place of the bump in the modification order of that control word:
//!
//! - Before the fill's read: the read is an Acquire and sees the bump or a later change. All
//!   changes are read-modify-writes, so the fill sees the flag and gives up.
//! - Between the fill's read and its decision: the decision fails, and the fill reads again.
//! - After the fill's decision: the bump replaces a word that its writer has settled. So the loaded
//!   entry is published when the bump is done, and the writer's work in the index, which comes
//!   later, finds the entry and replaces or removes it.
//!
//! In no case does the loaded value outlast the write. A writer that finds no post is ordered
//! before the load, which then sees what was written to the source before; or it is ordered after
//! the end of the post. The post is ended either by the load, after its fill, whose entry the
//! writer then finds; or by another writer's step 3, which comes after that writer's bump. (If the
//! post were ended before the bump, a second writer could do its work between the two, and the fill
//! could be decided after that.)
//!
//! A fill that finds its key present leaves it as it is. The value there was written since the load
//! began, or by a writer that began earlier and published late. Either way it is not older than the
//! loaded one.
//!
//! # Refreshes
//!
//! A load may be meant to *replace* the value that is there when it begins (`refresh.rs`): the node
//! that is found in the index after the post is visible. If the fill of such a load finds the key
//! in that very node, it checks whether the load is superseded, and then exchanges the node in its
//! slot by compare-and-swap, without the control word. A writer, after its steps 1 to 3, works on
//! that same slot:
//!
//! - If the fill's swap comes before the writer's, the writer finds the new node and replaces or
//!   removes it.
//! - If the fill's swap comes after the writer's, it fails, since the node has left the slot. The
//!   fill then looks again, at the control word first, and the argument above holds. If it finds
//!   the key, the key has another node and is left as it is.
//!
//! So the flag decides nothing while the old value is there. When the old value is gone, by removal
//! or eviction, the fill is the insert of an absent key, and the flag decides.
//!
//! If the number of the node is the same, the entry is the same. A thread that puts the key into
//! another node, and does not supersede this load, was pinned before the load was posted: it is a
//! writer that found no post, or the fill of an earlier load that was superseded but had not seen
//! the flag. The old node was in the index after that pin, so it is not handed out to such a thread
//! before the pin ends (`recycle.rs`). With its next pin the thread sees the post, or the flag.
//! (The fences of the pin and of the post order the two; see "Orderings" in `flights.rs`.)
//!
//! # Progress
//!
//! A writer's bump is lock-free: it fails only if another thread has changed the control word. A
//! fill looks again only if its decision or its swap failed, or if no slot of its home was free. No
//! writer waits for a load, nor for a thread that waits for a load.

use crate::{
    engine::{
        Engine,
        ops::insert::{Inserted, Load, Precondition, Written},
        reclaim::epoch::{Pin, pin},
        shards::{
            common::Common,
            scope::{DEAD_PER_WRITE, Dues, WriteScope},
            stats::Event,
        },
        singleflight::{
            flight::Flight,
            flights::Boarded,
            load_times::{BUCKETS, LoadTimeHistogram},
            outbox::Hold,
        },
        storage::{nodes::Entry, parts::Part},
    },
    process::{
        clock::{Clock, Reading},
        fork,
    },
    testing::plant::{Bug, planted},
};
use crossbeam_epoch::Guard;
use std::time::{Duration, Instant};

/// The outcome of a fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Stored,
    /// A write of the key came in between, or the key was present.
    Superseded,
    /// There was no room for the value.
    Rejected,
}

/// What is dropped when the loads of a thread have landed. Destructors are user code.
pub(crate) struct Unused<K, V> {
    pub(crate) entries: Vec<Entry<K, V>>,
    pub(crate) values: Vec<V>,
}

impl<K, V> Common<K, V> {
    /// Supersedes the loads of a hash. Each write calls it between its pin and its work in the
    /// index.
    #[inline(always)]
    pub(crate) fn supersede(&self, pinned: &Guard, hash: u64) {
        if !self.flights.is_quiet(hash, pinned) {
            self.flights.supersede(hash, pinned, &|hash| self.bump(hash));
        }
    }
}

impl<K, V> Engine<K, V> {
    pub(crate) fn supersede_all(&self, pin: &Pin) {
        self.common.flights.supersede_all(&pin.guard, &|hash| self.common.bump(hash));
    }

    /// Returns the load of the key that `eq` accepts: the one that is under way, or a new one,
    /// which the caller leads.
    #[cold]
    pub(crate) fn post(
        &self,
        hash: u64,
        eq: &dyn Fn(&K) -> bool,
        key: &dyn Fn() -> K,
    ) -> Boarded<Flight<K, V>> {
        let pin = pin();
        if fork::process() != 0 {
            let bump = |hash| self.common.bump(hash);
            self.common.flights.supersede_strangers(hash, &pin.guard, &bump);
        }
        let joins = |flight: &Flight<K, V>| eq(flight.key());
        let make = |post| Flight::new(key(), post);
        // Before the post, so that a writer that has to see the post also sees the bit.
        self.common.parts.announce(Part::Loads);
        self.common.flights.board(hash, &pin.guard, &joins, &make)
    }

    /// Runs `land`, which stores loaded values and lands their flights. User code that follows from
    /// that runs after `land` has returned: listeners, and the destructors of dead entries and of
    /// what `land` leaves in its argument. Until `land` has returned, other threads may be waiting
    /// for this one.
    pub(crate) fn conclude<R>(
        &self,
        hashes: impl IntoIterator<Item = u64>,
        land: impl FnOnce(&mut Unused<K, V>) -> R,
    ) -> R {
        let hold = (!planted(Bug::ToldTooSoon)).then(Hold::new);
        let mut unused = Unused { entries: Vec::new(), values: Vec::new() };
        let landed = land(&mut unused);
        drop(hold);
        drop(unused);
        self.common.pay_if_owing();
        for hash in hashes {
            self.common.drop_dead(hash, DEAD_PER_WRITE);
        }
        landed
    }

    /// Stores a loaded value. Called within [`conclude`](Engine::conclude), which drops what
    /// this function leaves in `unused`.
    pub(crate) fn fill(
        &self,
        hash: u64,
        entry: Entry<K, V>,
        load: Load<'_, K, V>,
        unused: &mut Unused<K, V>,
    ) -> Filled
    where
        K: Eq,
    {
        let target = self.target_of(hash, &entry);
        if self.is_too_heavy(target) {
            return self.reject_loaded(entry, unused);
        }
        let mut unstored = None;
        let mut attempt = |entry| {
            let cx = WriteScope::new(&self.common, Dues::None);
            let written =
                self.write_in(&cx, target, load.options, entry, Precondition::Load(&load));
            unstored = cx.take_unstored();
            drop(cx);
            if let Written::Refused(entry) = written {
                unstored = Some(entry);
                return Ok(Inserted::Kept);
            }
            written.into_inserted()
        };
        let filled = attempt(entry).or_else(|entry| {
            self.retry_exhausted(hash, entry, &mut |dead| unused.entries.push(dead), &mut attempt)
        });
        unused.entries.extend(unstored);
        match filled {
            Ok(Inserted::Added | Inserted::Updated) => Filled::Stored,
            Ok(Inserted::Rejected) => Filled::Rejected,
            Ok(Inserted::Kept) => Filled::Superseded,
            Err(entry) => self.reject_loaded(entry, unused),
        }
    }

    /// Rejects a loaded entry. If the key is present, another thread has written it, and it stays.
    fn reject_loaded(&self, entry: Entry<K, V>, unused: &mut Unused<K, V>) -> Filled {
        self.common.counters.count(pin().number, Event::Rejection);
        unused.entries.extend(self.common.tell_rejected(entry));
        Filled::Rejected
    }

    /// Removes a key of which a load has found that it has no value any more. Called within
    /// [`conclude`](Engine::conclude).
    #[cfg(feature = "macros")]
    pub(crate) fn remove_loaded(&self, hash: u64, eq: impl FnMut(&K) -> bool) {
        let cx = WriteScope::new(&self.common, Dues::None);
        cx.supersede(hash);
        self.common.remove(&cx, hash, eq, |_| ());
    }

    pub(crate) fn load_times(&self) -> [u64; BUCKETS] {
        self.common.load_times.get().map_or([0; BUCKETS], LoadTimeHistogram::counts)
    }

    /// Starts a stopwatch for a loader.
    pub(crate) fn time_load(&self) -> Stopwatch<'_, K, V> {
        self.resume(self.start_timer())
    }

    /// Returns a stopwatch for a loader that began when the timer was started.
    pub(crate) fn resume(&self, timer: LoadTimer) -> Stopwatch<'_, K, V> {
        Stopwatch { engine: self, timer }
    }

    /// Starts a timer for a loader that may outlive the cache.
    pub(crate) fn start_timer(&self) -> LoadTimer {
        LoadTimer::start(&self.common.lifetimes.clock)
    }

    pub(crate) fn count_load(&self, took: Duration, failed: bool) {
        let counters = &self.common.counters;
        // A nanosecond count of 64 bits is enough for 584 years.
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let number = pin().number;
        counters.count(number, Event::Load);
        counters.add(number, Event::LoadNanos, nanos);
        if failed {
            counters.count(number, Event::LoadFailure);
        }
        let times = self.common.load_times.get_or_make(LoadTimeHistogram::new);
        times.record(took);
    }
}

/// Times a loader.
#[derive(Debug)]
pub(crate) struct LoadTimer {
    clock: Clock,
    started: Instant,
    from: Reading,
}

/// How long a loader took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    /// In real time.
    pub(crate) wall: Duration,
    /// By the cache's clock: equal to `wall` unless that clock is a manual one.
    pub(crate) by_clock: Duration,
}

impl LoadTimer {
    pub(crate) fn start(clock: &Clock) -> Self {
        Self { clock: clock.clone(), started: Instant::now(), from: clock.read() }
    }

    pub(crate) fn stop(&self) -> Took {
        let wall = self.started.elapsed();
        if self.clock.runs() {
            return Took { wall, by_clock: wall };
        }
        let nanos = self.clock.read().nanos().saturating_sub(self.from.nanos());
        Took { wall, by_clock: Duration::from_nanos(nanos) }
    }
}

/// Times a loader while borrowing the cache. A load that is dropped before its end is not counted.
#[derive(Debug)]
pub(crate) struct Stopwatch<'e, K, V> {
    engine: &'e Engine<K, V>,
    timer: LoadTimer,
}

impl<K, V> Stopwatch<'_, K, V> {
    /// Returns the timer, for a loader that is polled again later.
    pub(crate) fn pause(self) -> LoadTimer {
        self.timer
    }

    /// Runs the loader's code. A panic counts as a failed load.
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

    /// Counts a load whose loader has ended, and returns how long it took by the cache's clock.
    pub(crate) fn stop(&self, failed: bool) -> Duration {
        let Took { wall, by_clock } = self.timer.stop();
        self.engine.count_load(wall, failed);
        by_clock
    }
}
