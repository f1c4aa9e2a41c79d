//! What is due, for who only looks.

use super::{
    Wheel,
    slots::{WORD_BITS, bits_of, came, for_each_word},
};
use crate::{engine::time::deadlines::Block, sync::Ordering};

impl Wheel {
    /// Blocks that were taken and let go so far. If it is, before a look, what [`Wheel::taken`] is after it, then
    /// no thread had blocks in its hands meanwhile.
    pub(crate) fn let_go(&self) -> u64 {
        // Acquire: what was let go has been taken out, or scheduled.
        self.hands.let_go.load(Ordering::Acquire)
    }

    /// Blocks that were taken so far.
    pub(crate) fn taken(&self) -> u64 {
        // Who has cleared a bit that a look did not find, an Acquire load, has counted it before.
        self.hands.taken.load(Ordering::Relaxed)
    }

    /// Calls `f` with each block in which something may be due by `now`, and leaves it to whoever advances.
    pub(crate) fn for_each_due(&self, now: u64, mut f: impl FnMut(Block)) {
        let hands = &*self.hands;
        let done = hands.done.load(Ordering::Acquire);
        // A tick that has begun is due in part.
        let tick = hands.scale.tick_of(now).max(done);
        let came = came(done, tick);
        let mut is_occupied = false;
        for (occupied, slots) in hands.occupied.iter().zip(&came) {
            is_occupied |= occupied.load(Ordering::Acquire) & bits_of(slots) != 0;
        }
        let is_occupied = is_occupied || hands.earliest.load(Ordering::Acquire) <= tick;
        // As for `next_due`, and in this order: while somebody empties slots the bits are not to be relied on.
        let may_have_marks = is_occupied || hands.closed.load(Ordering::Relaxed) != done;
        for (column, ready) in self.ready().iter().enumerate() {
            let mut blocks = 0;
            if may_have_marks && self.is_small() {
                blocks = self.used[column].load(Ordering::Acquire);
            } else if may_have_marks && let Some(marks) = self.columns[column].0.get() {
                for_each_word(marks, &came, |word| blocks |= word.load(Ordering::Acquire));
            }
            // After the marks: blocks are made ready before their marks are cleared.
            blocks |= ready.load(Ordering::Acquire);
            while blocks != 0 {
                f(Block((column * WORD_BITS) as u32 + blocks.trailing_zeros()));
                blocks &= blocks - 1;
            }
        }
    }
}
