//! FIFO queues of what the policy remembers: where the last newcomers are, and which sets are crowded.
//!
//! Hints like all of the policy, written by plain stores. So of two entries that are pushed at once one is
//! lost, one that is popped may be popped by another thread, too, and a store that comes late may move an end back or
//! ahead. Whatever the ends say, no more than the queue's length is taken for what is in it: an
//! end that is ahead makes the queue look full, of old entries, until these are popped. What an entry names may be
//! something else by now: whoever pops it looks.

use crate::{
    engine::storage::extents::{OutOfMemory, zeroed},
    sync::AtomicU32 as Place,
};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Both ends of a queue: positions that wrap.
#[derive(Debug)]
pub(super) struct Ends {
    oldest: AtomicU32,
    next: AtomicU32,
}

impl Ends {
    pub(super) fn new() -> Self {
        Self { oldest: AtomicU32::new(0), next: AtomicU32::new(0) }
    }
}

/// The places of a queue.
#[derive(Debug)]
pub(super) struct Queue(Box<[Place]>);

impl Queue {
    /// A queue of that length, rounded up to a power of two.
    pub(super) fn new(len: u32) -> Result<Self, OutOfMemory> {
        zeroed(len.next_power_of_two() as usize).map(Self)
    }

    /// How many entries there may be.
    #[inline(always)]
    pub(super) fn len(&self) -> u32 {
        self.0.len() as u32
    }

    #[inline(always)]
    fn place(&self, position: u32) -> &Place {
        &self.0[(position & (self.len() - 1)) as usize]
    }

    /// Puts one in; where there is no place left, the oldest is lost.
    #[inline(always)]
    pub(super) fn push(&self, ends: &Ends, entry: u32) {
        let next = ends.next.load(Relaxed);
        self.place(next).store(entry, Relaxed);
        ends.next.store(next.wrapping_add(1), Relaxed);
    }

    /// Whether there is no place left.
    #[inline(always)]
    pub(super) fn is_full(&self, ends: &Ends) -> bool {
        ends.next.load(Relaxed).wrapping_sub(ends.oldest.load(Relaxed)) >= self.len()
    }

    /// Takes the oldest out.
    #[inline(always)]
    pub(super) fn pop(&self, ends: &Ends) -> Option<u32> {
        let next = ends.next.load(Relaxed);
        let entries = next.wrapping_sub(ends.oldest.load(Relaxed)).min(self.len());
        if entries == 0 {
            return None;
        }
        let oldest = next.wrapping_sub(entries);
        ends.oldest.store(oldest.wrapping_add(1), Relaxed);
        Some(self.place(oldest).load(Relaxed))
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn new(len: u32) -> (Queue, Ends) {
        (Queue::new(len).expect("memory"), Ends::new())
    }

    #[test]
    fn the_last_come_out_in_their_order() {
        let (queue, ends) = new(5);
        assert_eq!((queue.len(), queue.pop(&ends)), (8, None));
        (1..=20).for_each(|entry| queue.push(&ends, entry));
        assert!(queue.is_full(&ends));
        for entry in 13..=20 {
            assert_eq!(queue.pop(&ends), Some(entry));
            assert!(!queue.is_full(&ends));
        }
        assert_eq!(queue.pop(&ends), None);
    }

    #[test]
    fn an_end_that_a_late_store_has_moved_costs_no_more_than_the_length() {
        let (queue, ends) = new(8);
        for (oldest, next) in [(7_u32, 6), (u32::MAX, u32::MAX - 3), (3, u32::MAX), (100, 5)] {
            ends.oldest.store(oldest, Relaxed);
            ends.next.store(next, Relaxed);
            let popped = (0..20).take_while(|_| queue.pop(&ends).is_some()).count();
            assert!(popped <= 8, "{popped} entries between {oldest} and {next}");
            queue.push(&ends, 42);
            assert!(!queue.is_full(&ends));
            assert_eq!((queue.pop(&ends), queue.pop(&ends)), (Some(42), None));
        }
    }
}
