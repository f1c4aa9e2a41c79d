//! The slots of a wheel: which one a tick lies in, and which come between two ticks. Pure
//! functions.

use crate::{engine::time::deadlines::Block, process::clock::scale::LEVELS_MAX, sync::AtomicU64};
use std::ops::Range;

/// The binary logarithm of the number of slots per level.
const BITS: u32 = if cfg!(larder_loom) { 2 } else { 6 };
pub(super) const SLOTS: u64 = 1 << BITS;
pub(super) const WORD_BITS: usize = u64::BITS as usize;

/// A slot, by a number that does not begin again with each lap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) level: usize,
    pub(super) number: u64,
}

impl Slot {
    /// Returns the slot of a mark for `tick` while `closed` is closed; `tick > closed`.
    #[inline]
    pub(super) fn of(tick: u64, closed: u64, levels: usize) -> Self {
        for level in 0..levels {
            let number = Self::number_at(level, tick);
            // This is not the present slot: then the level below would have done.
            if number - Self::number_at(level, closed) < SLOTS {
                return Slot { level, number };
            }
        }
        let level = levels - 1;
        Slot { level, number: Self::number_at(level, closed) + SLOTS - 1 }
    }

    /// Returns the number of the slot of this level that `tick` lies in.
    #[inline]
    pub(super) fn number_at(level: usize, tick: u64) -> u64 {
        tick >> (level as u32 * BITS)
    }

    /// Returns the tick with which it comes.
    #[inline]
    pub(super) fn first_tick(self) -> u64 {
        self.number << (self.level as u32 * BITS)
    }

    /// Returns its place within the lap.
    #[inline]
    pub(super) fn index(self) -> u64 {
        self.number % SLOTS
    }
}

/// The slots of each level that came, as two ranges of places within the lap: one up to its end,
/// one from its beginning.
pub(super) type Came = [[Range<usize>; 2]; LEVELS_MAX];

/// Returns the slots of a level that come after `done` and up to `tick`, at most one lap.
fn slots_after(level: usize, done: u64, tick: u64) -> [Range<usize>; 2] {
    let (before, last) = (Slot::number_at(level, done), Slot::number_at(level, tick));
    let first = ((before + 1) % SLOTS) as usize;
    let count = (last - before).min(SLOTS) as usize;
    let end = (first + count).min(SLOTS as usize);
    [first..end, 0..first + count - end]
}

/// Returns the slots of all levels that come after `done` and up to `tick`.
pub(super) fn came(done: u64, tick: u64) -> Came {
    let mut came = [const { [0..0, 0..0] }; LEVELS_MAX];
    for (level, slots) in came.iter_mut().enumerate() {
        *slots = slots_after(level, done, tick);
    }
    came
}

/// Returns a word with a bit for each of the slots of a level that came.
pub(super) fn bits_of(slots: &[Range<usize>; 2]) -> u64 {
    let mut bits = 0;
    for range in slots {
        for slot in range.clone() {
            bits |= 1_u64 << slot;
        }
    }
    bits
}

/// Calls `visit` with the words of a column's slots that came.
#[inline]
pub(super) fn for_each_word(marks: &[AtomicU64], came: &Came, mut visit: impl FnMut(&AtomicU64)) {
    for (words, slots) in marks.chunks_exact(SLOTS as usize).zip(came) {
        for range in slots {
            for word in &words[range.clone()] {
                visit(word);
            }
        }
    }
}

/// Returns the number of the first slot after `present` whose bit is set.
pub(super) fn first_after(present: u64, occupied: u64) -> Option<u64> {
    let (lap, index) = (present - present % SLOTS, present % SLOTS);
    let to_come = occupied & (u64::MAX << index << 1);
    if to_come != 0 {
        Some(lap + u64::from(to_come.trailing_zeros()))
    } else if occupied != 0 {
        Some(lap + SLOTS + u64::from(occupied.trailing_zeros()))
    } else {
        None
    }
}

pub(super) fn columns(max_nodes: usize) -> usize {
    Block::count(max_nodes).div_ceil(WORD_BITS)
}

/// Returns the place of a slot's word in its column.
#[inline]
pub(super) fn place_of(slot: Slot) -> usize {
    slot.level * SLOTS as usize + slot.index() as usize
}

/// Returns a block's column, and its bit in the words there.
#[inline]
pub(super) fn column_of(block: Block) -> (usize, u64) {
    let block = block.0 as usize;
    (block / WORD_BITS, 1 << (block % WORD_BITS))
}

/// Returns the lowest `most` bits that are set in a word.
pub(super) fn lowest(mut word: u64, most: u32) -> u64 {
    let all = word;
    for _ in 0..most {
        word &= word.saturating_sub(1);
    }
    all ^ word
}
