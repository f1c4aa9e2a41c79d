//! A lead that was handed to a task, which its leader does not wait for.
//!
//! It knows the cache weakly, as an errand does (`errand.rs`): a cache ends with its last handle. One that is
//! dropped before it was taken up again has abandoned the flight (`flight.rs`), to all who wait.

use crate::{
    engine::{
        Engine,
        fill::Timer,
        flight::{Flight, Leader},
        groups::Tags,
        leading::Leading,
        refresh::Refresh,
        shard::Common,
        storeys::Spot,
    },
    sync::{Arc, Weak},
};
use std::{fmt, time::Duration};

/// The lead of a load, without a lifetime.
pub(crate) struct HandedLead<K, V> {
    cache: Weak<Common<K, V>>,
    flight: Arc<Flight<K, V>>,
    hash: u64,
    /// What is to be replaced, if it is a refresh.
    replaces: Option<(Spot, Tags)>,
    taken_up: bool,
}

/// A handed lead as its leader had it.
#[derive(Debug)]
pub(crate) enum TakenUp<'e, K, V> {
    Absent(Leader<'e, K, V>),
    Old(Refresh<'e, K, V>),
}

impl<K, V> HandedLead<K, V> {
    pub(super) fn new(
        engine: &Engine<K, V>,
        lead: Leader<'_, K, V>,
        hash: u64,
        replaces: Option<(Spot, Tags)>,
    ) -> Self {
        let cache = Arc::downgrade(&engine.common);
        Self { cache, flight: lead.hand_over(), hash, replaces, taken_up: false }
    }

    pub(crate) fn of_absent(engine: &Engine<K, V>, lead: Leader<'_, K, V>, hash: u64) -> Self {
        Self::new(engine, lead, hash, None)
    }

    /// Starts the clock for the loader. None if there is no cache any more.
    pub(crate) fn timer(&self) -> Option<Timer> {
        let engine = Engine::engine_of(&self.cache)?;
        Some(Timer::start(&engine.common.lifetimes.clock))
    }

    /// To be kept while the loader's code runs.
    pub(crate) fn leading(&self) -> Leading {
        Leading::new(Arc::as_ptr(&self.flight).cast())
    }

    /// Counts a loader that has panicked.
    pub(crate) fn count_failure(&self, took: Duration) {
        if let Some(engine) = Engine::engine_of(&self.cache) {
            engine.count_load(took, true);
        }
    }

    /// Goes on as the leader. Does nothing if there is no cache any more.
    pub(crate) fn take_up(mut self, f: impl FnOnce(&Engine<K, V>, TakenUp<'_, K, V>)) {
        let Some(engine) = Engine::engine_of(&self.cache) else { return };
        let _work = engine.common.background.work();
        self.taken_up = true;
        let leader = Leader::new(&engine, Arc::clone(&self.flight));
        let lead = match self.replaces {
            None => TakenUp::Absent(leader),
            Some((spot, tags)) => {
                TakenUp::Old(Refresh::new(&engine, leader, self.hash, spot, tags))
            }
        };
        f(&engine, lead);
    }
}

impl<K, V> Drop for HandedLead<K, V> {
    fn drop(&mut self) {
        if self.taken_up {
            return;
        }
        // Without a cache there is nobody left whom it concerns.
        let Some(engine) = Engine::engine_of(&self.cache) else { return };
        let _work = engine.common.background.work();
        if let Some((spot, _)) = self.replaces {
            engine.count_refresh(spot, true);
        }
        self.flight.abandon_to_all(&engine);
    }
}

impl<K, V> fmt::Debug for HandedLead<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandedLead").field("flight", &self.flight).finish_non_exhaustive()
    }
}
