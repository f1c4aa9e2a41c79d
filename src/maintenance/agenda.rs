//! When each task is to be passed, sorted by that: what the timer thread looks at is what is due, however many
//! tasks there are.
//!
//! Everything here is under the lock of the [`Maintainer`](super::Maintainer).

use super::Slot;
use crate::{
    clock::{Clock, NEVER, Until},
    sync::{Arc, Ordering::Relaxed},
};
use std::collections::BTreeMap;

/// A time, and the address of a slot, which tells apart what has the same.
type Key = (u64, usize);

/// The tasks.
#[derive(Debug)]
pub(super) struct Agenda {
    /// One per clock.
    queues: Vec<Queue>,
    /// Those that somebody passes at this moment, by address.
    passing: BTreeMap<usize, Arc<Slot>>,
    /// How many slots were looked at so far.
    pub(super) looks: u64,
}

#[derive(Debug)]
struct Queue {
    clock: Clock,
    slots: BTreeMap<Key, Arc<Slot>>,
}

fn address(slot: &Arc<Slot>) -> usize {
    Arc::as_ptr(slot).addr()
}

impl Agenda {
    pub(super) const fn new() -> Self {
        Self { queues: Vec::new(), passing: BTreeMap::new(), looks: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.passing.is_empty()
    }

    /// Puts a slot in its place, by the time that its alarm says now; or takes it off, if its registration has
    /// ended. One that is being passed stays where it is: who passes it asks for another look.
    pub(super) fn settle(&mut self, slot: Arc<Slot>) {
        self.looks += 1;
        if slot.is_passed() {
            return;
        }
        self.remove(&slot);
        if !slot.has_ended() {
            self.insert(slot);
        }
    }

    fn insert(&mut self, slot: Arc<Slot>) {
        let time = slot.alarm.time();
        slot.scheduled.store(time, Relaxed);
        let place = self.queues.iter().position(|queue| queue.clock.is(&slot.clock));
        let place = place.unwrap_or_else(|| {
            self.queues.push(Queue { clock: slot.clock.clone(), slots: BTreeMap::new() });
            self.queues.len() - 1
        });
        self.queues[place].slots.insert((time, address(&slot)), slot);
    }

    fn remove(&mut self, slot: &Arc<Slot>) {
        if self.passing.remove(&address(slot)).is_some() {
            return;
        }
        let key = (slot.scheduled.load(Relaxed), address(slot));
        let place = self.queues.iter().position(|queue| queue.clock.is(&slot.clock));
        if let Some(place) = place {
            self.queues[place].slots.remove(&key);
            if self.queues[place].slots.is_empty() {
                self.queues.swap_remove(place);
            }
        }
    }

    /// The next slot that is due, to be passed by who gets it.
    pub(super) fn begin_due(&mut self) -> Option<Arc<Slot>> {
        let due = self.queues.iter().find_map(|queue| {
            let (&(time, _), slot) = queue.slots.first_key_value()?;
            (queue.clock.until(time) == Until::Past).then(|| Arc::clone(slot))
        })?;
        self.looks += 1;
        self.remove(&due);
        due.begin_pass();
        self.passing.insert(address(&due), Arc::clone(&due));
        Some(due)
    }

    /// How long it is until the next one is due, if nothing happens but that time goes on.
    pub(super) fn next(&self) -> Until {
        let next = |queue: &Queue| match queue.slots.first_key_value() {
            Some((&(time, _), _)) => match queue.clock.until(time) {
                // Who advances the clock wakes the thread.
                Until::In(_) if !queue.clock.runs() => Until::Never,
                until => until,
            },
            None => Until::Never,
        };
        self.queues.iter().map(next).fold(Until::Never, sooner)
    }

    /// All slots.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.queues.iter().flat_map(|queue| queue.slots.values()).chain(self.passing.values())
    }

    /// Has every slot passed soon, but those that somebody passes.
    pub(super) fn restart(&mut self) {
        let slots: Vec<_> = self.slots().filter(|slot| !slot.is_passed()).cloned().collect();
        for slot in slots {
            slot.alarm.end_pass(crate::clock::DEAD);
            self.settle(slot);
        }
    }
}

fn sooner(one: Until, other: Until) -> Until {
    match (one, other) {
        (Until::Past, _) | (_, Until::Past) => Until::Past,
        (Until::In(one), Until::In(other)) => Until::In(one.min(other)),
        (Until::Never, until) | (until, Until::Never) => until,
    }
}

/// What a slot is scheduled for that is on no queue.
pub(super) const UNSCHEDULED: u64 = NEVER;
