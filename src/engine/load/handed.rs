//! A lead without a lifetime: handed to a task, which its leader does not wait for, or to the
//! caller, in a guard.
//!
//! It knows the cache weakly, as a refresh job does (`refresh_job.rs`): a cache ends with its last
//! handle. One that is dropped before it was taken up again abandons the flight (`flight.rs`), to
//! all waiters. A guard passes its lead on instead, to one of them, as a leader that is dropped
//! does.
//!
//! The thread that takes it up got it from the thread that has posted the flight. So what it looks
//! at happens after the fence of the posting, as if that thread looked (`flights.rs`, "Orderings").

use crate::{
    engine::{
        Engine,
        invalidate::tags::Tags,
        load::{
            fill::{Filled, Timer},
            refresh::Refresh,
        },
        ops::insert::{EntryOptions, Load},
        shards::{common::Common, tiers::NodeRef},
        singleflight::{
            flight::{Flight, Leader, Outcome},
            reentrancy::Leading,
        },
        storage::nodes::Entry,
    },
    sync::{Arc, Weak},
};
use std::{fmt, time::Duration};

/// The lead of a load, without a lifetime.
pub(crate) struct HandedLead<K, V> {
    cache: Weak<Common<K, V>>,
    flight: Arc<Flight<K, V>>,
    hash: u64,
    /// The entry to be replaced and the tags of the new one, if it is a refresh.
    replaces: Option<(NodeRef, Tags)>,
    taken_up: bool,
    holder: Holder,
}

/// The owner of a handed lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// A task, whose work on the cache is background work (`background.rs`).
    Task,
    /// A caller, which holds it in a guard.
    Caller,
}

/// A handed lead that was taken up again.
#[derive(Debug)]
pub(crate) enum TakenUp<'e, K, V> {
    Absent(Leader<'e, K, V>),
    Old(Refresh<'e, K, V>),
}

impl<K, V> HandedLead<K, V> {
    pub(crate) fn new(
        engine: &Engine<K, V>,
        lead: Leader<'_, K, V>,
        hash: u64,
        replaces: Option<(NodeRef, Tags)>,
    ) -> Self {
        let cache = Arc::downgrade(&engine.common);
        Self {
            cache,
            flight: lead.hand_over(),
            hash,
            replaces,
            taken_up: false,
            holder: Holder::Task,
        }
    }

    pub(crate) fn of_absent(engine: &Engine<K, V>, lead: Leader<'_, K, V>, hash: u64) -> Self {
        Self::new(engine, lead, hash, None)
    }

    /// Makes a lead that replaces the entry at `node_ref` with one that has tags of its own.
    pub(crate) fn of_present(
        engine: &Engine<K, V>,
        lead: Leader<'_, K, V>,
        hash: u64,
        node_ref: NodeRef,
    ) -> Self {
        Self::new(engine, lead, hash, Some((node_ref, Tags::NONE)))
    }

    /// Makes the lead that of a guard.
    pub(crate) fn in_guard(mut self) -> Self {
        self.holder = Holder::Caller;
        self
    }

    pub(crate) fn key(&self) -> &K {
        self.flight.key()
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Returns whether a write of the key has superseded the load.
    pub(crate) fn is_superseded(&self) -> bool {
        self.flight.is_superseded()
    }

    /// Leaves the lead to the next waiter.
    pub(crate) fn pass_on(self) {
        self.take_up(|_, lead| drop(lead));
    }

    /// Starts to measure the loader's time. Returns `None` if the cache no longer exists.
    pub(crate) fn timer(&self) -> Option<Timer> {
        let engine = Engine::engine_of(&self.cache)?;
        Some(Timer::start(&engine.common.lifetimes.clock))
    }

    /// Notes that this thread leads the flight. The caller keeps the result while the loader runs.
    pub(crate) fn leading(&self) -> Leading {
        Leading::new(Arc::as_ptr(&self.flight).cast())
    }

    /// Counts a loader that has panicked.
    pub(crate) fn count_failure(&self, took: Duration) {
        if let Some(engine) = Engine::engine_of(&self.cache) {
            engine.count_load(took, true);
        }
    }

    /// Calls `f` with the lead. Returns `None` if the cache no longer exists.
    pub(crate) fn take_up<R>(
        mut self,
        f: impl FnOnce(&Engine<K, V>, TakenUp<'_, K, V>) -> R,
    ) -> Option<R> {
        let engine = Engine::engine_of(&self.cache)?;
        let _work = (self.holder == Holder::Task).then(|| engine.common.background.work());
        self.taken_up = true;
        let leader = Leader::new(&engine.common.flights, Arc::clone(&self.flight));
        let lead = match self.replaces {
            None => TakenUp::Absent(leader),
            Some((node_ref, tags)) => {
                TakenUp::Old(Refresh::new(&engine, leader, self.hash, node_ref, tags))
            }
        };
        Some(f(&engine, lead))
    }
}

impl<K, V> TakenUp<'_, K, V> {
    /// Stores a value with these options, hands it to the waiters, and returns it. Call within
    /// [`conclude`](Engine::conclude).
    pub(crate) fn land(
        self,
        engine: &Engine<K, V>,
        (hash, entry): (u64, Entry<K, V>),
        options: &EntryOptions,
        took: Duration,
        unused: &mut Vec<Entry<K, V>>,
    ) -> (Filled, Outcome<V>)
    where
        K: Eq,
        V: Clone,
    {
        let value = entry.value.clone();
        let (post, replaces) = match &self {
            TakenUp::Absent(leader) => (leader.post(), None),
            TakenUp::Old(refresh) => (refresh.post(), Some(refresh.node_ref())),
        };
        let filled = match post.is_superseded() {
            true => {
                unused.push(entry);
                Filled::Superseded
            }
            false => engine.fill(hash, entry, Load { post, replaces, options, took }, unused),
        };
        let outcome = Outcome::Value(value);
        let landed = match self {
            TakenUp::Absent(leader) => leader.land(outcome),
            TakenUp::Old(refresh) => refresh.end(outcome, false),
        };
        (filled, landed)
    }
}

impl<K, V> Drop for HandedLead<K, V> {
    fn drop(&mut self) {
        if self.taken_up {
            return;
        }
        // Without a cache there are no waiters and no counters left.
        let Some(engine) = Engine::engine_of(&self.cache) else { return };
        let _work = (self.holder == Holder::Task).then(|| engine.common.background.work());
        if let Some((node_ref, _)) = self.replaces {
            engine.count_refresh(node_ref, true);
        }
        self.flight.abandon_to_all(&engine.common.flights);
    }
}

impl<K, V> fmt::Debug for HandedLead<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandedLead").field("flight", &self.flight).finish_non_exhaustive()
    }
}
