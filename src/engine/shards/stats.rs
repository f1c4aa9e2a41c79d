//! Counting events without a cache line that all threads write.
//!
//! Each thread counts in its own counters (`per_thread.rs`), by a plain load and a plain store. The
//! count is exact, since no other thread writes there, and the counters' next owner acquires it
//! with the number. Threads without a number share one array and use read-modify-writes. A snapshot
//! adds all of them up. While threads count, a snapshot may include one of two events that happened
//! together, and not the other.
//!
//! All accesses are Relaxed: no other memory is read on the strength of a counter.

use crate::{
    engine::{
        reclaim::{epoch::Number, per_thread::PerThread},
        storage::chunked::Element,
    },
    sync::{AtomicU64, Ordering, array_of},
    types::removal::RemovalCause,
};
use crossbeam_utils::CachePadded;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Event {
    Hit,
    Miss,
    Insert,
    Update,
    Removal,
    Eviction,
    Rejection,
    Expiration,
    Invalidation,
    ListenerPanic,
    /// A loader has ended.
    Load,
    /// A loader has ended with an error or a panic.
    LoadFailure,
    /// A loader has taken a nanosecond.
    LoadNanos,
    /// A refresh has ended.
    Refresh,
    /// A refresh has brought no value.
    RefreshFailure,
}

impl Event {
    /// Returns the event that is counted when a value leaves for this cause.
    #[inline(always)]
    pub(crate) fn of_departure(cause: RemovalCause) -> Event {
        match cause {
            RemovalCause::Size => Event::Eviction,
            RemovalCause::Expired => Event::Expiration,
            RemovalCause::Explicit => Event::Removal,
            RemovalCause::Replaced => Event::Update,
            RemovalCause::Invalidated => Event::Invalidation,
            RemovalCause::Rejected => Event::Rejection,
        }
    }
}

/// The number of [`Event`]s.
pub(crate) const EVENTS: usize = 15;

#[derive(Debug)]
struct Counts(CachePadded<[AtomicU64; EVENTS]>);

impl Counts {
    #[inline(always)]
    fn add(&self, event: Event, n: u64) {
        let counter = &self.0[event as usize];
        // Relaxed, not a read-modify-write: only the owner of this number writes here, and owners
        // hand the number on by Release and Acquire.
        counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }
}

// SAFETY: an array of atomic integers, and padding; all zeros are a valid value.
unsafe impl Element for Counts {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Counts(CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

/// The counters of one cache.
#[derive(Debug)]
pub(crate) struct Counters {
    per_thread: PerThread<Counts>,
    /// The counters of threads without a number, and of those for whose counters there is no
    /// memory.
    shared: CachePadded<[AtomicU64; EVENTS]>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            per_thread: PerThread::new(),
            shared: CachePadded::new(array_of![AtomicU64::new(0); EVENTS]),
        }
    }

    /// Counts one event for the thread of this number.
    #[inline(always)]
    pub(crate) fn count(&self, number: Number, event: Event) {
        self.add(number, event, 1);
    }

    /// Counts `n` events for the thread of this number.
    #[inline(always)]
    pub(crate) fn add(&self, number: Number, event: Event, n: u64) {
        match self.per_thread.found(number) {
            Some(counts) => counts.add(event, n),
            None => self.add_seldom(number, event, n),
        }
    }

    /// Counts for a thread that has not counted before, or that has no counters of its own.
    #[cold]
    #[inline(never)]
    fn add_seldom(&self, number: Number, event: Event, n: u64) {
        match self.per_thread.of(number) {
            Some(counts) => counts.add(event, n),
            None => self.add_shared(event, n),
        }
    }

    fn add_shared(&self, event: Event, n: u64) {
        // Relaxed: several threads count here, and the read-modify-write loses none.
        self.shared[event as usize].fetch_add(n, Ordering::Relaxed);
    }

    /// Returns the sum of each counter over all threads.
    pub(crate) fn totals(&self) -> [u64; EVENTS] {
        let mut totals = [0; EVENTS];
        let mut add = |counters: &[AtomicU64; EVENTS]| {
            for (total, counter) in totals.iter_mut().zip(counters) {
                // Relaxed: a snapshot; threads may be counting.
                *total += counter.load(Ordering::Relaxed);
            }
        };
        add(&self.shared);
        for counts in self.per_thread.iter() {
            add(&counts.0);
        }
        totals
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.per_thread.allocated_bytes()
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_every_thread_is_counted() {
        let counters = Counters::new();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let number = crate::engine::reclaim::epoch::pin().number;
                    for _ in 0..1000 {
                        counters.count(number, Event::Hit);
                    }
                    counters.add(number, Event::Eviction, 3);
                });
            }
        });
        counters.add_shared(Event::Hit, 5);
        let totals = counters.totals();
        assert_eq!(totals[Event::Hit as usize], 20_005);
        assert_eq!(totals[Event::Eviction as usize], 60);
    }
}
