//! Advancing a wheel: making ready what has come, and visiting what is ready.
//!
//! The steps are those of the wheel's header.

use super::{
    Advance, Wheel,
    hand::{Hand, STEP, Visit},
    slots::{Came, bits_of, came, for_each_word, lowest},
};
use crate::{
    clock::NEVER,
    engine::{
        testing::{
            hooks::{Step, step},
            plant::{Bug, planted},
        },
        time::deadlines::Block,
    },
    fork,
    sync::{AtomicU64, Ordering, fence},
};

impl Wheel {
    /// Has `visit` deal with the blocks that have come up by `now`, `budget` of them at most, which are
    /// taken off that.
    ///
    /// If it panics the blocks that it has not finished come up again with the next tick.
    #[inline]
    pub(crate) fn advance(&self, now: u64, budget: &mut u32, visit: impl Visit) -> Advance {
        let (tick, done) = (now >> self.hands.scale.tick, self.hands.done.load(Ordering::Acquire));
        if tick > done {
            self.turn(done, tick);
        }
        if self.nothing_ready() { Advance::Done } else { self.visit_ready(budget, visit) }
    }

    /// Makes ready what comes after `done` and up to `tick`.
    #[cold]
    fn turn(&self, done: u64, tick: u64) {
        self.close(tick);
        if self.is_small() {
            return self.turn_small(tick);
        }
        let came = came(done, tick);
        if !planted(Bug::VacatedLate) {
            self.vacate(&came);
        }
        if !planted(Bug::TurnUnfenced) {
            fence(Ordering::SeqCst);
        }
        step(Step::SlotsVacated);
        for column in 0..self.reach() {
            self.empty(column, &came);
        }
        if planted(Bug::VacatedLate) {
            self.vacate(&came);
        }
        step(Step::SlotsEmptied);
        self.hands.done.fetch_max(tick, Ordering::AcqRel);
    }

    fn turn_small(&self, tick: u64) {
        let earliest = &self.hands.earliest;
        if !planted(Bug::TurnUnfenced) {
            fence(Ordering::SeqCst);
        }
        if earliest.load(Ordering::Relaxed) <= tick {
            earliest.swap(NEVER, Ordering::AcqRel);
            if !planted(Bug::TurnUnfenced) {
                fence(Ordering::SeqCst);
            }
            step(Step::SlotsVacated);
            for column in 0..self.reach() {
                let used = self.used[column].load(Ordering::Acquire);
                self.ready[column].fetch_or(used, Ordering::AcqRel);
            }
            step(Step::SlotsEmptied);
        }
        self.hands.done.fetch_max(tick, Ordering::AcqRel);
    }

    pub(crate) fn close(&self, tick: u64) {
        self.hands.closed.fetch_max(tick, Ordering::AcqRel);
        if planted(Bug::DoneTooSoon) {
            self.hands.done.fetch_max(tick, Ordering::AcqRel);
        }
        step(Step::TickClosed);
    }

    /// Clears the bits that say that there are marks.
    fn vacate(&self, came: &Came) {
        for (occupied, slots) in self.hands.occupied.iter().zip(came) {
            let bits = bits_of(slots);
            if bits != 0 {
                occupied.fetch_and(!bits, Ordering::Release);
            }
        }
    }

    /// Makes the blocks of a column ready that have marks in slots that came. From slot to slot, not
    /// slot by slot: most words are zero, and what is to be written can be put together.
    fn empty(&self, column: usize, came: &Came) {
        let Some(marks) = self.columns[column].0.get() else { return };
        let words = marks;
        let mut marks = 0;
        for_each_word(words, came, |word| marks |= word.load(Ordering::Acquire));
        if marks == 0 {
            return;
        }
        let ready = &self.ready[column];
        ready.fetch_or(marks, Ordering::AcqRel);
        step(Step::MadeReady);
        let clear = |word: &AtomicU64| match word.load(Ordering::Relaxed) & marks {
            0 => 0,
            _ => word.fetch_and(!marks, Ordering::AcqRel) & marks,
        };
        let mut cleared = 0;
        for_each_word(words, came, |word| cleared |= clear(word));
        step(Step::MarksCleared);
        if !planted(Bug::ReadyOnce) {
            ready.fetch_or(cleared, Ordering::AcqRel);
        }
    }

    /// Whether this is a child of `fork`, and no thread of it has advanced the wheel yet.
    #[inline]
    pub(crate) fn is_inherited(&self) -> bool {
        self.hands.process.load(Ordering::Relaxed) != fork::process()
    }

    /// In a child of `fork`, before its first advance: has all of the first `blocks` blocks looked at, and counts
    /// none as in the hands of threads that are no more.
    ///
    /// Several threads may do so at once. None of them advances before one has said that it is done, so that one
    /// has seen what the parent left.
    pub(crate) fn inherit(&self, blocks: usize) {
        let hands = &*self.hands;
        let (parent, child) = (hands.process.load(Ordering::Relaxed), fork::process());
        let let_go = self.let_go();
        let lost = self.taken() - let_go;
        for block in 0..blocks {
            self.make_ready(Block(block as u32));
        }
        let swapped =
            hands.process.compare_exchange(parent, child, Ordering::AcqRel, Ordering::Relaxed);
        if parent != child && swapped.is_ok() {
            hands.let_go.fetch_add(lost, Ordering::Release);
        }
    }

    #[inline]
    pub(super) fn nothing_ready(&self) -> bool {
        for word in self.ready() {
            if word.load(Ordering::Acquire) != 0 {
                return false;
            }
        }
        true
    }

    #[cold]
    fn visit_ready(&self, budget: &mut u32, visit: impl Visit) -> Advance {
        let mut hand = Hand::of(self, visit);
        for (column, word) in self.ready().iter().enumerate() {
            let mut blocks = word.load(Ordering::Acquire);
            while blocks != 0 {
                if *budget == 0 {
                    hand.finish_but(0);
                    return Advance::More;
                }
                let bits = lowest(blocks, STEP.min(*budget));
                blocks ^= bits;
                let taken = hand.reach_for(word, bits);
                *budget -= taken.count_ones();
                hand.take(column, taken);
            }
        }
        hand.finish_but(0);
        Advance::Done
    }
}
