//! The times at which tasks are due, sorted, so that the timer examines only tasks that are due.
//!
//! Everything here is under the lock of the [`Maintainer`](super::Maintainer).

use super::Slot;
use crate::{
    process::clock::{Clock, NEVER, Until},
    sync::{Arc, Ordering::Relaxed},
};

/// The tasks.
#[derive(Debug)]
pub(super) struct Agenda {
    /// One per clock.
    queues: Vec<Queue>,
    /// The slots that are passed at this moment.
    passing: Vec<Arc<Slot>>,
    /// How many slots have been examined, for tests.
    pub(super) looks: u64,
}

/// The slots of one clock: a binary heap in which each slot knows its place, so that it can be
/// removed from the middle. (A `BTreeMap` takes a fifth as long to compile as the rest of the
/// crate.)
#[derive(Debug)]
struct Queue {
    clock: Clock,
    heap: Vec<Arc<Slot>>,
}

impl Queue {
    /// Returns what the heap is ordered by: the time, and the address for slots of the same time.
    fn rank(&self, place: usize) -> (u64, usize) {
        let slot = &self.heap[place];
        (slot.scheduled.load(Relaxed), Arc::as_ptr(slot).addr())
    }

    /// Returns the slot with the earliest time, and that time.
    fn first(&self) -> Option<(u64, &Arc<Slot>)> {
        self.heap.first().map(|slot| (slot.scheduled.load(Relaxed), slot))
    }

    fn insert(&mut self, slot: Arc<Slot>, time: u64) {
        slot.scheduled.store(time, Relaxed);
        let place = self.heap.len();
        slot.place.store(place as u64, Relaxed);
        self.heap.push(slot);
        self.rise(place);
    }

    /// Removes a slot, if it is in this queue.
    fn remove(&mut self, slot: &Arc<Slot>) {
        let place = slot.place.load(Relaxed) as usize;
        if !self.heap.get(place).is_some_and(|there| Arc::ptr_eq(there, slot)) {
            return;
        }
        self.swap(place, self.heap.len() - 1);
        self.heap.pop();
        slot.place.store(UNSCHEDULED, Relaxed);
        if place < self.heap.len() {
            self.rise(place);
            self.sink(place);
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        self.heap[one].place.store(one as u64, Relaxed);
        self.heap[other].place.store(other as u64, Relaxed);
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let above = (place - 1) / 2;
            if self.rank(above) <= self.rank(place) {
                break;
            }
            self.swap(place, above);
            place = above;
        }
    }

    fn sink(&mut self, mut place: usize) {
        loop {
            let mut earliest = place;
            for below in [2 * place + 1, 2 * place + 2] {
                if below < self.heap.len() && self.rank(below) < self.rank(earliest) {
                    earliest = below;
                }
            }
            if earliest == place {
                break;
            }
            self.swap(place, earliest);
            place = earliest;
        }
    }
}

impl Agenda {
    pub(super) const fn new() -> Self {
        Self { queues: Vec::new(), passing: Vec::new(), looks: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty() && self.passing.is_empty()
    }

    /// Puts a slot into its place, by the current time of its alarm, or removes it, if its
    /// registration has ended. A slot that is being passed stays where it is: the passing thread
    /// requests it again at the end.
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
        let place = self.queue_of(&slot).unwrap_or_else(|| {
            self.queues.push(Queue { clock: slot.clock.clone(), heap: Vec::new() });
            self.queues.len() - 1
        });
        self.queues[place].insert(slot, time);
    }

    fn queue_of(&self, slot: &Slot) -> Option<usize> {
        self.queues.iter().position(|queue| queue.clock.is(&slot.clock))
    }

    fn remove(&mut self, slot: &Arc<Slot>) {
        if let Some(place) = self.passing.iter().position(|passed| Arc::ptr_eq(passed, slot)) {
            self.passing.swap_remove(place);
            return;
        }
        if let Some(place) = self.queue_of(slot) {
            self.queues[place].remove(slot);
            if self.queues[place].heap.is_empty() {
                self.queues.swap_remove(place);
            }
        }
    }

    /// Returns the next slot that is due, and begins its pass.
    pub(super) fn begin_due(&mut self) -> Option<Arc<Slot>> {
        let due = self.queues.iter().find_map(|queue| {
            let (time, slot) = queue.first()?;
            (queue.clock.until(time) == Until::Past).then(|| Arc::clone(slot))
        })?;
        self.looks += 1;
        self.remove(&due);
        due.begin_pass();
        self.passing.push(Arc::clone(&due));
        Some(due)
    }

    /// Returns how long it is until the next slot is due by the passing of time alone.
    pub(super) fn next(&self) -> Until {
        let next = |queue: &Queue| match queue.first() {
            Some((time, _)) => match queue.clock.until(time) {
                // A thread that advances a manual clock wakes the timer.
                Until::In(_) if !queue.clock.runs() => Until::Never,
                until => until,
            },
            None => Until::Never,
        };
        self.queues.iter().map(next).fold(Until::Never, sooner)
    }

    /// Visits all slots.
    pub(super) fn for_each(&self, visit: &mut dyn FnMut(&Arc<Slot>)) {
        for queue in &self.queues {
            for slot in &queue.heap {
                visit(slot);
            }
        }
        for slot in &self.passing {
            visit(slot);
        }
    }

    /// Makes every slot due, except those that a worker passes.
    pub(super) fn restart(&mut self) {
        let mut slots = Vec::new();
        self.for_each(&mut |slot| {
            if !slot.is_passed() {
                slots.push(Arc::clone(slot));
            }
        });
        for slot in slots {
            slot.alarm.end_pass(crate::process::clock::DEAD);
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

/// The scheduled time of a slot that is in no queue.
pub(super) const UNSCHEDULED: u64 = NEVER;

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::process::maintenance::{Code, Next, Task};
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
    use std::{collections::BTreeSet, sync::Weak};

    struct IdleTask;

    impl Task for IdleTask {
        fn pass(&self) -> Next {
            Next::Idle
        }
    }

    #[test]
    fn the_first_slot_of_a_queue_is_the_least_whatever_comes_and_goes() {
        let clock = Clock::default();
        let slots: Vec<_> = (0..50)
            .map(|_| Slot::new(Weak::<IdleTask>::new(), clock.clone(), Code::Own))
            .map(Arc::new)
            .collect();
        let mut queue = Queue { clock, heap: Vec::new() };
        let mut expected = BTreeSet::new();
        let mut rng = SmallRng::seed_from_u64(1);
        for _ in 0..20_000 {
            let i = rng.random_range(0..slots.len());
            let time = rng.random_range(0..100);
            let (slot, address) = (&slots[i], Arc::as_ptr(&slots[i]).addr());
            queue.remove(slot);
            if !expected.remove(&(slot.scheduled.load(Relaxed), address)) {
                queue.insert(Arc::clone(slot), time);
                expected.insert((time, address));
            }
            assert_eq!(queue.heap.len(), expected.len());
            let first = queue.first().map(|(time, slot)| (time, Arc::as_ptr(slot).addr()));
            assert_eq!(first, expected.first().copied());
        }
    }
}
