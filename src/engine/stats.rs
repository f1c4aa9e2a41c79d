//! Counting what happens without a line that all threads write.
//!
//! Each thread counts on a line of its own (a *stripe*, found by the number that `epoch.rs` gave
//! it), by a plain load and a plain store. That is exact, since nobody else writes there: numbers
//! have one owner at a time, and handing a number on is a Release/Acquire pair. Threads without a
//! number share one line and use locked instructions. A snapshot adds the lines up; while others
//! count, it may see one of two events that happened together.

use crate::{
    engine::{
        epoch::{CHUNKS, FIRST_CHUNK, Number},
        extents::{Element, zeroed},
    },
    sync::{AtomicPtr, AtomicU64, Ordering},
};
use crossbeam_utils::CachePadded;
use std::ptr::{self, NonNull};

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
}

/// The number of [`Event`]s.
pub(crate) const EVENTS: usize = 7;

#[derive(Debug)]
struct Stripe(CachePadded<[AtomicU64; EVENTS]>);

// SAFETY: an array of atomic integers, and padding.
unsafe impl Element for Stripe {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Stripe(CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

/// The counters of one cache.
#[derive(Debug)]
pub(crate) struct Counters {
    /// The last one is never filled: see [`Number`].
    chunks: [AtomicPtr<Stripe>; CHUNKS + 1],
    /// For threads without a number, and for want of memory.
    shared: CachePadded<[AtomicU64; EVENTS]>,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            chunks: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
            shared: CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0))),
        }
    }

    fn chunk_len(chunk: usize) -> usize {
        FIRST_CHUNK << chunk
    }

    /// Counts one event for the thread of this number.
    #[inline(always)]
    pub(crate) fn count(&self, number: Number, event: Event) {
        self.add(number, event, 1);
    }

    /// Counts `n` events for the thread of this number.
    #[inline(always)]
    pub(crate) fn add(&self, number: Number, event: Event, n: u64) {
        let Some(stripe) = self.stripe(number) else { return self.add_shared(event, n) };
        let counter = &stripe.0[event as usize];
        counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }

    #[inline(always)]
    fn stripe(&self, number: Number) -> Option<&Stripe> {
        let (chunk, place) = number.place();
        let start = NonNull::new(self.chunks[chunk].load(Ordering::Acquire))
            .or_else(|| self.add_chunk(chunk))?;
        // SAFETY: a published chunk has `chunk_len` stripes and stays as long as `self`; places of
        // a number are below that.
        Some(unsafe { start.add(place).as_ref() })
    }

    #[cold]
    fn add_chunk(&self, chunk: usize) -> Option<NonNull<Stripe>> {
        if chunk == CHUNKS {
            return None;
        }
        let mut new = zeroed::<Stripe>(Self::chunk_len(chunk)).ok()?;
        let start = new.as_mut_ptr();
        match self.chunks[chunk].compare_exchange(
            ptr::null_mut(),
            start,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            Ok(_) => {
                std::mem::forget(new);
                NonNull::new(start)
            }
            Err(theirs) => NonNull::new(theirs),
        }
    }

    #[cold]
    fn add_shared(&self, event: Event, n: u64) {
        self.shared[event as usize].fetch_add(n, Ordering::Relaxed);
    }

    /// The sums over all threads.
    pub(crate) fn totals(&self) -> [u64; EVENTS] {
        let mut totals = std::array::from_fn(|i| self.shared[i].load(Ordering::Relaxed));
        for stripe in self.all().flatten() {
            for (total, counter) in totals.iter_mut().zip(stripe.0.iter()) {
                *total += counter.load(Ordering::Relaxed);
            }
        }
        totals
    }

    fn all(&self) -> impl Iterator<Item = &[Stripe]> {
        self.chunks.iter().enumerate().filter_map(|(chunk, start)| {
            let start = NonNull::new(start.load(Ordering::Acquire))?;
            // SAFETY: as in `stripe`.
            Some(unsafe { std::slice::from_raw_parts(start.as_ptr(), Self::chunk_len(chunk)) })
        })
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.all().map(size_of_val).sum::<usize>()
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        for (chunk, start) in self.chunks.iter().enumerate() {
            let start = start.load(Ordering::Acquire);
            if !start.is_null() {
                let chunk = ptr::slice_from_raw_parts_mut(start, Self::chunk_len(chunk));
                // SAFETY: it was a boxed slice of this length when `add_chunk` published it.
                drop(unsafe { Box::from_raw(chunk) });
            }
        }
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
                    crate::engine::epoch::with_local(|local| {
                        for _ in 0..1000 {
                            counters.count(local.number(), Event::Hit);
                        }
                        counters.add(local.number(), Event::Eviction, 3);
                    });
                });
            }
        });
        counters.add_shared(Event::Hit, 5);
        let totals = counters.totals();
        assert_eq!(totals[Event::Hit as usize], 20_005);
        assert_eq!(totals[Event::Eviction as usize], 60);
    }
}
