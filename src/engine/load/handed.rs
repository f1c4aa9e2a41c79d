//! A lead without a lifetime: handed to a task, which its leader does not wait for, or to the
//! caller, in a guard; or that of a refresh job.
//!
//! It knows the cache weakly, and holds it neither while it waits nor while a loader runs: a cache
//! ends with its last handle. One that is dropped before it was taken up again ends the load as its
//! [`Holder`] says.
//!
//! The thread that takes it up got it from the thread that has posted the flight. So what it looks
//! at happens after the fence of the posting, as if that thread looked (`flights.rs`, "Orderings").

use crate::{
    engine::{
        Engine,
        load::{
            fill::LoadTimer,
            lead::{Lead, Replaced},
        },
        shards::common::Common,
        singleflight::{
            flight::{Flight, Leader},
            reentrancy::Leading,
        },
    },
    sync::{Arc, Weak},
};
use std::{fmt, time::Duration};

/// The lead of a load, without a lifetime.
pub(crate) struct HandedLead<K, V> {
    cache: Weak<Common<K, V>>,
    flight: Arc<Flight<K, V>>,
    replaces: Option<Replaced>,
    taken_up: bool,
    holder: Holder,
    // Dropped after the flight is left.
    old: Option<V>,
}

/// The owner of a handed lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A task, whose work on the cache is background work (`background.rs`). If it is dropped, it
    /// abandons the flight to all waiters, so that one that is not polled any more keeps no other
    /// waiting.
    Task,
    /// A caller, which holds it in a guard. If it is dropped, it passes the lead on to a waiter.
    Caller,
    /// A refresh job that has not begun. The lead is vacant: the refresh job has to take it, and a
    /// waiter may come first. If it is dropped, it declines the lead.
    RefreshJob,
}

impl<K, V> HandedLead<K, V> {
    pub(crate) fn new(
        cache: Weak<Common<K, V>>,
        flight: Arc<Flight<K, V>>,
        replaces: Option<Replaced>,
        old: Option<V>,
        holder: Holder,
    ) -> Self {
        Self { cache, flight, replaces, taken_up: false, holder, old }
    }

    pub(crate) fn key(&self) -> &K {
        self.flight.key()
    }

    /// Returns the value that is to be replaced, if there is one.
    pub(crate) fn old(&self) -> Option<&V> {
        self.old.as_ref()
    }

    /// Returns whether a write of the key has superseded the load.
    pub(crate) fn is_superseded(&self) -> bool {
        self.flight.is_superseded()
    }

    /// Starts to measure the loader's time. Returns `None` if the cache no longer exists.
    pub(crate) fn timer(&self) -> Option<LoadTimer> {
        Some(Engine::engine_of(&self.cache)?.start_timer())
    }

    /// Takes the lead for a refresh job, and starts to measure its time. Returns `None` if there is
    /// nothing to do.
    pub(crate) fn begin(&mut self) -> Option<LoadTimer> {
        let timer = self.timer()?;
        if self.flight.take_lead() {
            self.holder = Holder::Task;
            Some(timer)
        } else {
            self.taken_up = true;
            None
        }
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
    pub(crate) fn take_up<R>(mut self, f: impl FnOnce(Lead<'_, K, V>) -> R) -> Option<R> {
        let engine = Engine::engine_of(&self.cache)?;
        let _work = (self.holder == Holder::Task).then(|| engine.common.background.work());
        self.taken_up = true;
        let leader = Leader::new(&engine.common.flights, Arc::clone(&self.flight));
        Some(f(Lead::new(&engine, leader, self.replaces, self.old.take())))
    }
}

impl<K, V> Drop for HandedLead<K, V> {
    fn drop(&mut self) {
        if self.taken_up {
            return;
        }
        // Without a cache there are no waiters and no counters left.
        let Some(engine) = Engine::engine_of(&self.cache) else { return };
        let _work = (self.holder != Holder::Caller).then(|| engine.common.background.work());
        if let Some(replaced) = self.replaces.filter(|replaced| replaced.counts) {
            engine.count_refresh(replaced.node_ref, true);
        }
        let flights = &engine.common.flights;
        match self.holder {
            Holder::Task => self.flight.abandon_to_all(flights),
            Holder::Caller => drop(Leader::new(flights, Arc::clone(&self.flight))),
            Holder::RefreshJob => self.flight.decline(flights),
        }
    }
}

impl<K, V> fmt::Debug for HandedLead<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandedLead").field("holder", &self.holder).finish_non_exhaustive()
    }
}
