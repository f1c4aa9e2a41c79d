//! Blocks that are due, for callers that only look.

use super::{
    Wheel,
    slots::{WORD_BITS, bits_of, came, for_each_word},
};
use crate::{engine::time::deadlines::Block, sync::Ordering};

impl Wheel {
    /// Returns the number of blocks that were taken and let go so far. If it equals, before a look,
    /// what [`Wheel::taken`] returns after it, no thread had blocks in its hands meanwhile.
    pub(crate) fn let_go(&self) -> u64 {
        // Acquire: pairs with the Release in `Hand::let_go`; the entries of these blocks are
        // removed, or scheduled.
        self.hands.let_go.load(Ordering::Acquire)
    }

    /// Returns the number of blocks that were taken so far.
    pub(crate) fn taken(&self) -> u64 {
        // Relaxed: a look that found a ready bit cleared (Acquire) sees that the block was counted
        // before, in `Hand::reach_for`.
        self.hands.taken.load(Ordering::Relaxed)
    }

    /// Calls `f` with each block in which something may be due by `now`. The blocks stay due.
    pub(crate) fn for_each_due(&self, now: u64, mut f: impl FnMut(Block)) {
        let hands = &*self.hands;
        // Acquire: pairs with the AcqRel in `turn`; what was made ready up to `done` is visible.
        let done = hands.done.load(Ordering::Acquire);
        // A tick that has begun is due in part.
        let tick = hands.scale.tick_of(now).max(done);
        let came = came(done, tick);
        let mut is_occupied = false;
        for (occupied, slots) in hands.occupied.iter().zip(&came) {
            // Acquire: pairs with the Release in `vacate`, as in `next_due`.
            is_occupied |= occupied.load(Ordering::Acquire) & bits_of(slots) != 0;
        }
        // Acquire: pairs with the AcqRel in `turn_small`, as in `next_due`.
        let is_occupied = is_occupied || hands.earliest.load(Ordering::Acquire) <= tick;
        // Relaxed: after the looks above, as in `next_due`. While a thread empties slots, occupied
        // bits do not count.
        let may_have_marks = is_occupied || hands.closed.load(Ordering::Relaxed) != done;
        for (column, ready) in self.ready().iter().enumerate() {
            let mut blocks = 0;
            if may_have_marks && self.is_small() {
                // Acquire: as for the marks below, though bits are never cleared here.
                blocks = self.used[column].load(Ordering::Acquire);
            } else if may_have_marks && let Some(marks) = self.columns[column].0.get() {
                // Acquire: pairs with the AcqRel that clears a mark in `empty`; its block was made
                // ready before.
                for_each_word(marks, &came, |word| blocks |= word.load(Ordering::Acquire));
            }
            // Acquire: pairs with the AcqRel in `Hand::reach_for`, see `taken`. It comes after the
            // marks: blocks are made ready before their marks are cleared.
            blocks |= ready.load(Ordering::Acquire);
            while blocks != 0 {
                f(Block((column * WORD_BITS) as u32 + blocks.trailing_zeros()));
                blocks &= blocks - 1;
            }
        }
    }
}
