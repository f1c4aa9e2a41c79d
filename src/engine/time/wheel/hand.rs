//! The blocks that a thread has taken from the wheel, and what it does with them: three steps, in a
//! pipeline.
//!
//! What it means to have a block in hand stands in the header of the wheel.

use super::{Wheel, slots::WORD_BITS};
use crate::{
    clock::DEAD,
    engine::{
        testing::{
            hooks::{Step, step},
            plant::{Bug, planted},
        },
        time::deadlines::{Block, Look},
    },
    sync::{AtomicU64, Ordering, fence_after_swap},
};

/// So many blocks are taken at once, and by as many the steps of a visit are apart (see [`Visit`]).
pub(super) const STEP: u32 = if cfg!(larder_loom) { 1 } else { 8 };

/// What is done with blocks that have come up. Nearly all of the time goes by waiting for cache lines, so
/// it is done in three steps, of different blocks in turn, and each asks for what the next one reads.
pub(crate) trait Visit {
    fn approach(&mut self, block: Block);
    /// Sees what is due.
    fn look(&mut self, block: Block) -> Look;
    /// Has it expired, and returns the earliest deadline that is left in the block.
    fn finish(&mut self, look: Look) -> u64;
}

/// A block that this thread has taken.
#[derive(Clone, Copy)]
struct Taken {
    block: Block,
    look: Look,
}

/// The blocks in the hands of this thread: a queue. Dropping it, also by unwinding, schedules those that
/// were not finished for the next tick.
pub(super) struct Hand<'a, V: Visit> {
    wheel: &'a Wheel,
    visit: V,
    queue: [Taken; 4 * STEP as usize],
    /// How many were finished, looked at and taken.
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

    /// Clears ready bits; those that it has cleared.
    pub(super) fn reach_for(&self, ready: &AtomicU64, bits: u64) -> u64 {
        // Who sees the bits cleared (AcqRel) sees this.
        self.wheel.hands.taken.fetch_add(bits.count_ones().into(), Ordering::Relaxed);
        let taken = ready.fetch_and(!bits, Ordering::AcqRel) & bits;
        self.let_go((bits & !taken).count_ones());
        taken
    }

    /// Takes in up to [`STEP`] blocks whose ready bits were cleared.
    pub(super) fn take(&mut self, column: usize, mut bits: u64) {
        let before = self.taken;
        while bits != 0 {
            let block = Block((column * WORD_BITS) as u32 + bits.trailing_zeros());
            self.at(self.taken).block = block;
            self.taken += 1;
            bits &= bits - 1;
        }
        if !planted(Bug::TakenUnfenced) {
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
            // Release: who does not see them in hand sees what has become of them.
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
