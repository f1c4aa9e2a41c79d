//! Storing what was loaded, unless a write of the key came in between.
//!
//! # The argument
//!
//! A *fill* is an insert (the steps are those of `sets.rs`) of a key that must be absent, with one
//! step more: after it has read the control word and not found the key, and before it decides, it
//! looks whether its load is superseded. A *writer* of the key (insert, add, remove, all of their
//! kin), before it does its work in the index, looks for a load of its hash (`flights.rs`), and if
//! there is one
//!
//! 1. sets the flag that says superseded,
//! 2. *bumps* the control word of the key's home set: raises the version by compare-and-swap, from
//!    a word that it has settled,
//! 3. ends the post, so that nobody joins the load any more.
//!
//! Where the bump comes in the order of that control word's changes decides everything:
//!
//! - Before the fill's read of it: the read, Acquire, sees the bump or a later change, all of them
//!   read-modify-writes, so the fill sees the flag and gives up.
//! - Between the fill's read and its decision: the decision fails, and the fill reads again.
//! - After the fill's decision: the word that the bump replaced had been settled since it was read,
//!   so when the bump is done the loaded entry is published, and the writer's work in the index,
//!   which comes after, finds it and replaces or removes it.
//!
//! In no case does the loaded value outlast the write. A writer that finds no post is ordered
//! before the load (then the load sees what was written to the source before), or after the end of
//! the post. That is the end of the load, hence of its fill, whose entry the writer then finds; or
//! another writer's step 3, which comes after that one's bump. (Were the post ended before the
//! bump, a second writer could pass between the two, and the fill be decided after it.)
//!
//! A fill that finds its key present leaves it as it is: somebody has written it since the load
//! began, or is a writer from before whose insert took its time. Either way that value is not
//! older.
//!
//! # Refreshes
//!
//! A load may be to *replace* the value that is there when it begins (`refresh.rs`): the node that
//! is found in the index after the post is visible. Its fill, if it finds the key with that very
//! node, looks whether the load is superseded and swaps the node in its slot, by compare-and-swap,
//! without the control word. A writer, after its steps 1 to 3, works on that same slot:
//!
//! - If the swap comes before the writer's, the writer finds the new node and replaces or removes
//!   that.
//! - If it comes after, it fails, since the node has left the slot. The fill then looks again, at
//!   the control word first, and the argument above holds. A key that it finds has another node,
//!   and is left as it is.
//!
//! So the flag decides nothing while the old value is there, and everything when it is gone, by
//! removal or eviction: then the fill is the insert of an absent key.
//!
//! That the node's number is the same means that it is the same entry. Who puts the key into
//! another node, and does not supersede this load, was pinned before the load was posted: a writer
//! that found no post, or the fill of an earlier load that was superseded but had not seen it. The
//! old node was in the index after that, so it is not handed out to such a thread before its pin
//! ends (`recycle.rs`), and with the next pin it sees the post, or the flag. (The fences of pin and
//! post order the two; see "Orderings" in `flights.rs`.)
//!
//! # Progress
//!
//! A writer's bump is lock-free: it fails only if another insert was decided, or another writer
//! bumped. A fill looks again only then. No writer waits for a load or for those who wait for it.

use crate::{
    engine::{
        Engine,
        ops::insert::{Inserted, Load, Precondition, Written},
        reclaim::epoch::{Pin, pin},
        shards::{
            scope::{DEAD_PER_WRITE, Dues, WriteScope},
            shard::Common,
            stats::Event,
        },
        singleflight::{
            flight::{Boarding, Flight, Leader, Waiter},
            flights::Boarded,
            leading,
            load_times::{BUCKETS, LoadTimes},
            outbox::Hold,
        },
        storage::{nodes::Entry, parts::Part},
    },
    process::{
        clock::{Clock, Reading},
        fork,
    },
    sync::Arc,
    testing::plant::{Bug, planted},
};
use crossbeam_epoch::Guard;
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

impl<K, V> Common<K, V> {
    /// What every write does between its pin and its work.
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

    /// A place in the load of the key that `eq` accepts: that which is under way, or a new one.
    ///
    /// # Panics
    ///
    /// If this thread is running that very load.
    #[cold]
    pub(crate) fn board(
        &self,
        hash: u64,
        eq: &dyn Fn(&K) -> bool,
        key: &dyn Fn() -> K,
    ) -> Boarding<'_, K, V> {
        match self.post(hash, eq, key) {
            Boarded::Posted(flight) => Boarding::Lead(Leader::new(&self.common.flights, flight)),
            Boarded::Joined(flight) => {
                assert!(
                    !leading::leads(Arc::as_ptr(&flight).cast()),
                    "recursive load: the loader of a key asked the cache to load the same key, \
                     and would have waited for itself"
                );
                Boarding::Wait(Waiter::new(&self.common.flights, flight))
            }
        }
    }

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
        self.common.parts.announce(Part::Loads);
        self.common.flights.board(hash, &pin.guard, &joins, &make)
    }

    /// Runs `land`, which stores what loads have brought and lands them. Whatever user code follows
    /// from that runs when it has returned: listeners, and destructors of what is dead and of the
    /// entries that `land` leaves in its argument. Until then others may wait for this thread, and
    /// these are not to be asked for anything.
    pub(crate) fn conclude<R>(
        &self,
        hashes: impl IntoIterator<Item = u64>,
        land: impl FnOnce(&mut Vec<Entry<K, V>>) -> R,
    ) -> R {
        let hold = (!planted(Bug::ToldTooSoon)).then(Hold::new);
        let mut unused = Vec::new();
        let landed = land(&mut unused);
        drop(hold);
        drop(unused);
        self.common.pay_if_owing();
        for hash in hashes {
            self.common.drop_dead(hash, DEAD_PER_WRITE);
        }
        landed
    }

    /// Stores what a load has brought; within [`conclude`](Engine::conclude), to which it leaves in
    /// `unused` what is to be dropped.
    pub(crate) fn fill(
        &self,
        hash: u64,
        entry: Entry<K, V>,
        load: Load<'_, K, V>,
        unused: &mut Vec<Entry<K, V>>,
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
            let written = self.write_in(&cx, target, load.terms, entry, Precondition::Load(&load));
            unstored = cx.take_unstored();
            drop(cx);
            if let Written::Refused(entry) = written {
                unstored = Some(entry);
                return Ok(Inserted::Kept);
            }
            written.into_inserted()
        };
        let filled = attempt(entry).or_else(|entry| {
            self.retry_exhausted(hash, entry, &mut |dead| unused.push(dead), &mut attempt)
        });
        unused.extend(unstored);
        match filled {
            Ok(Inserted::Added | Inserted::Updated) => Filled::Stored,
            Ok(Inserted::Rejected) => Filled::Rejected,
            Ok(Inserted::Kept) => Filled::Superseded,
            Err(entry) => self.reject_loaded(entry, unused),
        }
    }

    /// If the key is there somebody has written it, and that stays.
    fn reject_loaded(&self, entry: Entry<K, V>, unused: &mut Vec<Entry<K, V>>) -> Filled {
        self.common.counters.count(pin().number, Event::Rejection);
        unused.extend(self.common.tell_rejected(entry));
        Filled::Rejected
    }

    /// Removes what a load has found to be no more; within [`conclude`](Engine::conclude).
    #[cfg(feature = "macros")]
    pub(crate) fn remove_loaded(&self, hash: u64, eq: impl FnMut(&K) -> bool) {
        let cx = WriteScope::new(&self.common, Dues::None);
        cx.supersede(hash);
        self.common.remove(&cx, hash, eq, |_| ());
    }

    pub(crate) fn load_times(&self) -> [u64; BUCKETS] {
        self.common.load_times.get().map_or([0; BUCKETS], LoadTimes::counts)
    }

    /// Starts the clock for a loader.
    pub(crate) fn time_load(&self) -> Stopwatch<'_, K, V> {
        Stopwatch { engine: self, timer: self.start_timer() }
    }

    /// The same for whom the cache may not stay.
    pub(crate) fn start_timer(&self) -> Timer {
        Timer::start(&self.common.lifetimes.clock)
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
        let times = self.common.load_times.get_or_make(LoadTimes::new);
        times.record(took);
    }
}

/// Times a loader.
#[derive(Debug)]
pub(crate) struct Timer {
    clock: Clock,
    started: Instant,
    from: Reading,
}

/// How long a loader took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    /// As everybody sees it.
    pub(crate) wall: Duration,
    /// By the cache's clock: the same, unless that is a manual one.
    pub(crate) by_clock: Duration,
}

impl Timer {
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

/// Times a loader for whom the cache stays. A load that is dropped before its end is not counted.
#[derive(Debug)]
pub(crate) struct Stopwatch<'e, K, V> {
    engine: &'e Engine<K, V>,
    timer: Timer,
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

    /// The loader has come to its end; what it took.
    pub(crate) fn stop(&self, failed: bool) -> Duration {
        let Took { wall, by_clock } = self.timer.stop();
        self.engine.count_load(wall, failed);
        by_clock
    }
}
