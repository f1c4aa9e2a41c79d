//! Advancing a wheel: making blocks ready whose slots have come, and visiting ready blocks.
//!
//! The steps are those of the header of `wheel.rs`.

use super::{
    Advance, Wheel,
    hand::{Hand, STEP, Visit},
    slots::{Came, bits_of, came, for_each_word, lowest},
};
use crate::{
    engine::time::deadlines::Block,
    process::{clock::NEVER, fork},
    sync::{AtomicU64, Ordering, fence},
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};

impl Wheel {
    /// Lets `visit` deal with the blocks that have come up by `now`, at most `budget` of them, and
    /// reduces `budget` by their number.
    ///
    /// If `visit` panics, the blocks that it has not finished are ready again.
    #[inline]
    pub(crate) fn advance(&self, now: u64, budget: &mut u32, visit: impl Visit) -> Advance {
        // Acquire: pairs with the AcqRel in `turn`; what was made ready up to `done` is visible.
        let (tick, done) = (now >> self.hands.scale.tick, self.hands.done.load(Ordering::Acquire));
        if tick > done {
            self.turn(done, tick);
        }
        if self.nothing_ready() { Advance::Done } else { self.visit_ready(budget, visit) }
    }

    /// Makes the blocks ready that are marked in slots after `done` and up to `tick`.
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
            // SeqCst, Y: pairs with the second fence of `schedule`, in `mark`. If that comes first,
            // the looks below see the mark; otherwise the scheduler sees the slot closed and
            // vacated.
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
        // AcqRel: pairs with the Acquires of `done`; what was made ready is visible.
        self.hands.done.fetch_max(tick, Ordering::AcqRel);
    }

    /// Like [`Wheel::turn`], for small shards, after the tick is closed.
    fn turn_small(&self, tick: u64) {
        let earliest = &self.hands.earliest;
        if !planted(Bug::TurnUnfenced) {
            // SeqCst: pairs with the second fence of `schedule`, in `lower`. If that comes first,
            // the word is seen lowered; otherwise the scheduler sees the tick closed.
            fence(Ordering::SeqCst);
        }
        // Relaxed: ordered by the fence.
        if earliest.load(Ordering::Relaxed) <= tick {
            // AcqRel: pairs with the Acquires in `next_due` and `for_each_due`; `closed` is visible
            // to a thread that sees the word raised.
            earliest.swap(NEVER, Ordering::AcqRel);
            if !planted(Bug::TurnUnfenced) {
                // SeqCst: pairs with the second fence of `schedule`, in `lower`, for a scheduler
                // that has found the word low enough. If that comes first, its mark is seen below;
                // otherwise it sees the tick closed.
                fence(Ordering::SeqCst);
            }
            step(Step::SlotsVacated);
            for column in 0..self.reach() {
                // Acquire: the fence above already orders it.
                let used = self.used[column].load(Ordering::Acquire);
                // AcqRel: pairs with the AcqRel in `Hand::reach_for`.
                self.ready[column].fetch_or(used, Ordering::AcqRel);
            }
            step(Step::SlotsEmptied);
        }
        // AcqRel: pairs with the Acquires of `done`; what was made ready is visible.
        self.hands.done.fetch_max(tick, Ordering::AcqRel);
    }

    /// Raises `closed` to `tick`.
    pub(crate) fn close(&self, tick: u64) {
        // AcqRel: pairs with the looks at `closed` in `schedule` through the fences of the turn,
        // and in `next_due` through `vacate` and `turn_small`.
        self.hands.closed.fetch_max(tick, Ordering::AcqRel);
        if planted(Bug::DoneTooSoon) {
            self.hands.done.fetch_max(tick, Ordering::AcqRel);
        }
        step(Step::TickClosed);
    }

    /// Clears the occupied bits of the slots that came.
    fn vacate(&self, came: &Came) {
        for (occupied, slots) in self.hands.occupied.iter().zip(came) {
            let bits = bits_of(slots);
            if bits != 0 {
                // Release: pairs with the Acquires in `next_due` and `for_each_due`; `closed` is
                // visible to a thread that sees the bits cleared.
                occupied.fetch_and(!bits, Ordering::Release);
            }
        }
    }

    /// Makes the blocks of a column ready that have marks in slots that came. First reads all slots
    /// and then writes once: most words are zero.
    fn empty(&self, column: usize, came: &Came) {
        let Some(marks) = self.columns[column].0.get() else { return };
        let words = marks;
        let mut marks = 0;
        // Acquire: pairs with the AcqRel below, in another thread; a cleared mark's block is ready.
        for_each_word(words, came, |word| marks |= word.load(Ordering::Acquire));
        if marks == 0 {
            return;
        }
        let ready = &self.ready[column];
        // AcqRel: pairs with the AcqRel in `Hand::reach_for`, and comes before the marks are
        // cleared.
        ready.fetch_or(marks, Ordering::AcqRel);
        step(Step::MadeReady);
        // Relaxed: saves the write where there is nothing to clear.
        // AcqRel: pairs with the Acquire above, and in `for_each_due`; keeps the second `fetch_or`
        // behind it.
        let clear = |word: &AtomicU64| match word.load(Ordering::Relaxed) & marks {
            0 => 0,
            _ => word.fetch_and(!marks, Ordering::AcqRel) & marks,
        };
        let mut cleared = 0;
        for_each_word(words, came, |word| cleared |= clear(word));
        step(Step::MarksCleared);
        if !planted(Bug::ReadyOnce) {
            // AcqRel: as above; marks of the next lap may have been cleared with the others.
            ready.fetch_or(cleared, Ordering::AcqRel);
        }
    }

    /// Returns whether this is a child of `fork` in which no thread has inherited the wheel yet.
    #[inline]
    pub(crate) fn is_inherited(&self) -> bool {
        // Relaxed: a thread that reads an old value inherits once more; one that skips `inherit`
        // may miss blocks for now, which stay ready for a later advance.
        self.hands.process.load(Ordering::Relaxed) != fork::process()
    }

    /// Makes the first `blocks` blocks ready, in a child of `fork` before its first advance, and
    /// counts none as in the hands of threads that the child does not have.
    ///
    /// Several threads may do so at once. None of them advances before one has set the process, so
    /// that one has seen what the parent left.
    pub(crate) fn inherit(&self, blocks: usize) {
        let hands = &*self.hands;
        // Relaxed: checked by the compare-exchange below.
        let (parent, child) = (hands.process.load(Ordering::Relaxed), fork::process());
        let let_go = self.let_go();
        let lost = self.taken() - let_go;
        for block in 0..blocks {
            self.make_ready(Block(block as u32));
        }
        // AcqRel: chooses the one thread that corrects the count. Failure, Relaxed: another has.
        let swapped =
            hands.process.compare_exchange(parent, child, Ordering::AcqRel, Ordering::Relaxed);
        if parent != child && swapped.is_ok() {
            // Release: pairs with the Acquire in `Wheel::let_go`; the blocks were made ready
            // before.
            hands.let_go.fetch_add(lost, Ordering::Release);
        }
    }

    /// Returns whether no block is ready.
    #[inline]
    pub(super) fn nothing_ready(&self) -> bool {
        for word in self.ready() {
            // Acquire: pairs with the AcqRel in `Hand::reach_for`; a cleared bit's block was taken.
            if word.load(Ordering::Acquire) != 0 {
                return false;
            }
        }
        true
    }

    /// Visits ready blocks, at most `budget` of them.
    #[cold]
    fn visit_ready(&self, budget: &mut u32, visit: impl Visit) -> Advance {
        let mut hand = Hand::of(self, visit);
        for (column, word) in self.ready().iter().enumerate() {
            // Acquire: only a first look; `Hand::reach_for` takes the blocks.
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
