//! Where the last newcomers to probation are: a FIFO queue of slots.
//!
//! A hint like all of the policy. A slot may have been given to another newcomer meanwhile: that one goes
//! early. Of two that are remembered at once one may be forgotten: its set finds it due, later.

use super::SHARE_MIN;
use crate::engine::{
    extents::{OutOfMemory, zeroed},
    index::Loc,
};
use crate::sync::AtomicU32 as Place;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many newcomers are remembered, at least.
const LEAST: u32 = 8;

/// Both ends of the queue: positions that only grow.
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

impl Ends {
    pub(super) fn get(&self) -> (u32, u32) {
        (self.oldest.load(Relaxed), self.next.load(Relaxed))
    }

    pub(super) fn set_next(&self, next: u32) {
        self.next.store(next, Relaxed);
    }

    pub(super) fn set_first(&self, first: u32) {
        self.oldest.store(first, Relaxed);
    }
}

/// The queue.
#[derive(Debug)]
pub(super) struct Newcomers(Box<[Place]>);

impl Newcomers {
    pub(super) fn new(capacity: u32) -> Result<Self, OutOfMemory> {
        let len = ((f64::from(capacity) * SHARE_MIN) as u32).max(LEAST).next_power_of_two();
        zeroed(len as usize).map(Self)
    }

    fn len(&self) -> u32 {
        self.0.len() as u32
    }

    #[inline(always)]
    fn place(&self, position: u32) -> &Place {
        // The length is a power of two.
        &self.0[(position & (self.len() - 1)) as usize]
    }

    /// Remembers one more; where there is no place left, the oldest is forgotten.
    #[inline(always)]
    pub(super) fn remember(&self, ends: &Ends, loc: Loc) {
        let next = ends.next.load(Relaxed);
        self.place(next).store(loc.0, Relaxed);
        ends.next.store(next.wrapping_add(1), Relaxed);
    }

    /// Whether there is no place left.
    #[inline(always)]
    pub(super) fn is_full(&self, ends: &Ends) -> bool {
        ends.next.load(Relaxed).wrapping_sub(ends.oldest.load(Relaxed)) >= self.len()
    }

    /// Takes the oldest out.
    #[inline(always)]
    pub(super) fn pop(&self, ends: &Ends) -> Option<Loc> {
        let (mut oldest, next) = (ends.oldest.load(Relaxed), ends.next.load(Relaxed));
        let len = next.wrapping_sub(oldest);
        if len == 0 {
            return None;
        }
        if len > self.len() {
            oldest = next.wrapping_sub(self.len());
        }
        ends.oldest.store(oldest.wrapping_add(1), Relaxed);
        Some(Loc(self.place(oldest).load(Relaxed)))
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}
