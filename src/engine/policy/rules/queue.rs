//! What the policy remembers of other sets: where the last newcomers are, and which sets are
//! crowded.
//!
//! These are hints like all of the policy, written by plain Relaxed stores. So of two entries that
//! are put in at once one may be lost, two threads may take the same entry out, and a store that
//! comes late may move an end back or ahead. Whatever the ends of a queue say, the queue has at
//! most its length of entries: an end that is ahead makes it look full of old entries until these
//! are popped. The slot or set of an entry may have changed meanwhile: a thread that takes an entry
//! out looks at it again.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A queue of up to `LEN` entries: the positions of both ends, which wrap, and its places.
#[derive(Debug)]
pub(super) struct Queue<const LEN: usize> {
    oldest: AtomicU32,
    next: AtomicU32,
    places: [AtomicU32; LEN],
}

impl<const LEN: usize> Queue<LEN> {
    pub(super) fn new() -> Self {
        Self {
            oldest: AtomicU32::new(0),
            next: AtomicU32::new(0),
            places: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    #[inline(always)]
    fn place(&self, position: u32) -> &AtomicU32 {
        &self.places[position as usize % LEN]
    }

    /// Puts an entry in. If there is no place left, the oldest is lost.
    #[inline(always)]
    pub(super) fn push(&self, entry: u32) {
        let next = self.next.load(Relaxed);
        self.place(next).store(entry, Relaxed);
        self.next.store(next.wrapping_add(1), Relaxed);
    }

    /// Returns whether there is no place left.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.next.load(Relaxed).wrapping_sub(self.oldest.load(Relaxed)) >= LEN as u32
    }

    /// Takes the oldest entry out.
    #[inline(always)]
    pub(super) fn pop(&self) -> Option<u32> {
        let next = self.next.load(Relaxed);
        let entries = next.wrapping_sub(self.oldest.load(Relaxed)).min(LEN as u32);
        if entries == 0 {
            return None;
        }
        let oldest = next.wrapping_sub(entries);
        self.oldest.store(oldest.wrapping_add(1), Relaxed);
        Some(self.place(oldest).load(Relaxed))
    }
}

/// The number of places of a ring.
const PLACES: usize = 64;
/// What a place without an entry holds.
const NONE: u32 = u32::MAX;

/// The last entries. Each stays until as many others have come as there are places in use.
#[derive(Debug)]
pub(super) struct Ring {
    next: AtomicU32,
    /// The number of places in use, less one.
    mask: u32,
    places: [AtomicU32; PLACES],
}

impl Ring {
    /// Makes a ring of `len` entries, rounded up to a power of two; at most [`PLACES`].
    pub(super) fn new(len: u32) -> Self {
        Self {
            next: AtomicU32::new(0),
            mask: len.min(PLACES as u32).next_power_of_two() - 1,
            places: std::array::from_fn(|_| AtomicU32::new(NONE)),
        }
    }

    #[inline(always)]
    fn place(&self, position: u32) -> &AtomicU32 {
        &self.places[(position & self.mask) as usize % PLACES]
    }

    /// Puts an entry in, in the place of the oldest.
    #[inline(always)]
    pub(super) fn push(&self, entry: u32) {
        let next = self.next.load(Relaxed);
        self.place(next).store(entry, Relaxed);
        self.next.store(next.wrapping_add(1), Relaxed);
    }

    /// Takes the oldest entry out, whose place the next one gets.
    #[inline(always)]
    pub(super) fn take(&self) -> Option<u32> {
        let place = self.place(self.next.load(Relaxed));
        let entry = place.load(Relaxed);
        if entry == NONE {
            return None;
        }
        place.store(NONE, Relaxed);
        Some(entry)
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_come_out_in_their_order() {
        let queue = Queue::<8>::new();
        assert_eq!(queue.pop(), None);
        (1..=20).for_each(|entry| queue.push(entry));
        assert!(queue.is_full());
        for entry in 13..=20 {
            assert_eq!(queue.pop(), Some(entry));
            assert!(!queue.is_full());
        }
        assert_eq!(queue.pop(), None);
    }

    #[test]
    fn an_entry_of_a_ring_waits_until_as_many_others_have_come() {
        for (len, places) in [(5, 8), (8, 8), (9, 16), (64, 64), (1_000, 64)] {
            let ring = Ring::new(len);
            for entry in 0..200 {
                let before = (entry >= places).then(|| entry - places);
                assert_eq!(ring.take(), before, "of {places} places, before entry {entry}");
                assert_eq!(ring.take(), None, "it is taken once");
                ring.push(entry);
            }
        }
    }

    #[test]
    fn an_end_that_a_late_store_has_moved_costs_no_more_than_the_length() {
        let queue = Queue::<8>::new();
        for (oldest, next) in [(7_u32, 6), (u32::MAX, u32::MAX - 3), (3, u32::MAX), (100, 5)] {
            queue.oldest.store(oldest, Relaxed);
            queue.next.store(next, Relaxed);
            let popped = (0..20).take_while(|_| queue.pop().is_some()).count();
            assert!(popped <= 8, "{popped} entries between {oldest} and {next}");
            queue.push(42);
            assert!(!queue.is_full());
            assert_eq!((queue.pop(), queue.pop()), (Some(42), None));
        }
    }
}
