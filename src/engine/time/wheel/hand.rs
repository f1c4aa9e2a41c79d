//! The blocks that a thread has taken from the wheel, visited in three steps, as a pipeline.
//!
//! The header of the wheel (`wheel.rs`) explains what it means to have a block in hand.

use super::{Wheel, slots::WORD_BITS};
use crate::{
    engine::time::deadlines::{Block, Look},
    process::clock::DEAD,
    sync::{AtomicU64, Ordering, fence_after_swap},
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};

/// The number of blocks that are taken at once, and between the steps of a visit (see [`Visit`]).
pub(super) const STEP: u32 = if cfg!(larder_loom) { 1 } else { 8 };

/// Deals with blocks that have come up, in three steps.
///
/// Nearly all of the time is spent waiting for cache lines, so steps of different blocks alternate,
/// and each prefetches what the next one reads.
pub(crate) trait Visit {
    /// Prefetches the block's deadlines.
    fn approach(&mut self, block: Block);
    /// Finds the entries that are due.
    fn look(&mut self, block: Block) -> Look;
    /// Expires these, and returns the earliest deadline that is left in the block.
    fn finish(&mut self, look: Look) -> u64;
}

/// A block that this thread has taken.
#[derive(Clone, Copy)]
struct Taken {
    block: Block,
    look: Look,
}

/// The blocks in the hands of this thread: a queue. Dropping it, also by unwinding, makes those
/// that were not finished ready again.
pub(super) struct Hand<'a, V: Visit> {
    wheel: &'a Wheel,
    visit: V,
    queue: [Taken; 4 * STEP as usize],
    /// The numbers of blocks that were finished, looked at and taken.
    finished: u32,
    looked: u32,
    taken: u32,
}

impl<'a, V: Visit> Hand<'a, V> {
    pub(super) fn of(wheel: &'a Wheel, visit: V) -> Self {
        let nothing = Taken { block: Block(0), look: Look::NONE };
        let queue = [nothing; 4 * STEP as usize];
        Self { wheel, visit, queue, finished: 0, looked: 0, taken: 0 }
    }

    fn at(&mut self, number: u32) -> &mut Taken {
        &mut self.queue[number as usize % (4 * STEP as usize)]
    }

    /// Clears ready bits. Returns those that this thread has cleared.
    pub(super) fn reach_for(&self, ready: &AtomicU64, bits: u64) -> u64 {
        // Relaxed: a thread that sees the bits cleared, below, sees this.
        self.wheel.hands.taken.fetch_add(bits.count_ones().into(), Ordering::Relaxed);
        // AcqRel: pairs with the AcqRel of `empty` and `make_ready`, after which the look at the
        // block comes, and with the Acquire in `for_each_due`.
        let taken = ready.fetch_and(!bits, Ordering::AcqRel) & bits;
        self.let_go((bits & !taken).count_ones());
        taken
    }

    /// Takes up to [`STEP`] blocks whose ready bits this thread has cleared.
    pub(super) fn take(&mut self, column: usize, mut bits: u64) {
        let before = self.taken;
        while bits != 0 {
            let block = Block((column * WORD_BITS) as u32 + bits.trailing_zeros());
            self.at(self.taken).block = block;
            self.taken += 1;
            bits &= bits - 1;
        }
        if !planted(Bug::TakenUnfenced) {
            // SeqCst, Y: pairs with the first fence in `schedule`. If that comes first, the look at
            // the block sees the deadline; otherwise the scheduler finds the bits cleared. The swap
            // is the one that cleared the ready bits.
            fence_after_swap();
        }
        step(Step::BlocksTaken);
        for number in before..self.taken {
            let block = self.at(number).block;
            self.visit.approach(block);
        }
        self.look_at_all_but(STEP);
        self.finish_but(2 * STEP);
    }

    fn look_at_all_but(&mut self, most: u32) {
        while self.taken - self.looked > most {
            let block = self.at(self.looked).block;
            let look = self.visit.look(block);
            self.wheel.prefetch(block, look.earliest());
            self.at(self.looked).look = look;
            self.looked += 1;
        }
    }

    pub(super) fn finish_but(&mut self, most: u32) {
        self.look_at_all_but(most);
        let before = self.finished;
        while self.taken - self.finished > most {
            let Taken { block, look } = *self.at(self.finished);
            let left = self.visit.finish(look);
            self.finished += 1;
            if !planted(Bug::RestForgotten) {
                self.wheel.schedule(block, left);
            }
        }
        self.let_go(self.finished - before);
    }

    fn let_go(&self, blocks: u32) {
        if blocks > 0 {
            // Release: pairs with the Acquire in `Wheel::let_go`; what was removed or scheduled is
            // visible to a thread that counts these blocks as let go.
            self.wheel.hands.let_go.fetch_add(blocks.into(), Ordering::Release);
        }
    }
}

impl<V: Visit> Drop for Hand<'_, V> {
    fn drop(&mut self) {
        while self.finished < self.taken {
            let block = self.at(self.finished).block;
            self.finished += 1;
            self.wheel.schedule(block, DEAD);
            self.let_go(1);
        }
    }
}
