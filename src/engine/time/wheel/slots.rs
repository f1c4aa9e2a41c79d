//! The slots of a wheel: which one a tick lies in, and which come between two ticks. Plain computation.

use crate::{clock::scale::LEVELS_MAX, engine::time::deadlines::Block, sync::AtomicU64};
use std::ops::Range;

/// Slots per level, as a power of two.
const BITS: u32 = if cfg!(larder_loom) { 2 } else { 6 };
pub(super) const SLOTS: u64 = 1 << BITS;
pub(super) const WORD_BITS: usize = u64::BITS as usize;

/// A slot, as a number that does not begin again with each lap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) level: usize,
    pub(super) number: u64,
}

impl Slot {
    /// Where a mark for `tick` goes while `closed` is closed; `tick > closed`.
    #[inline]
    pub(super) fn of(tick: u64, closed: u64, levels: usize) -> Self {
        for level in 0..levels {
            let number = Self::number_at(level, tick);
            // Not the present one: if it were the level below would have done.
            if number - Self::number_at(level, closed) < SLOTS {
                return Slot { level, number };
            }
        }
        let level = levels - 1;
        Slot { level, number: Self::number_at(level, closed) + SLOTS - 1 }
    }

    /// The number of the slot of this level that `tick` lies in.
    #[inline]
    pub(super) fn number_at(level: usize, tick: u64) -> u64 {
        tick >> (level as u32 * BITS)
    }

    /// The tick with which it comes.
    #[inline]
    pub(super) fn first_tick(self) -> u64 {
        self.number << (self.level as u32 * BITS)
    }

    /// Its place within the lap.
    #[inline]
    pub(super) fn index(self) -> u64 {
        self.number % SLOTS
    }
}

/// The slots of each level that came: places within the lap, up to its end and from its beginning.
pub(super) type Came = [[Range<usize>; 2]; LEVELS_MAX];

/// The slots of a level that come after `done` and up to `tick`: a lap is all there is.
fn slots_after(level: usize, done: u64, tick: u64) -> [Range<usize>; 2] {
    let (before, last) = (Slot::number_at(level, done), Slot::number_at(level, tick));
    let first = ((before + 1) % SLOTS) as usize;
    let count = (last - before).min(SLOTS) as usize;
    let end = (first + count).min(SLOTS as usize);
    [first..end, 0..first + count - end]
}

/// The slots that come after `done` and up to `tick`.
pub(super) fn came(done: u64, tick: u64) -> Came {
    let mut came = [const { [0..0, 0..0] }; LEVELS_MAX];
    for (level, slots) in came.iter_mut().enumerate() {
        *slots = slots_after(level, done, tick);
    }
    came
}

/// A bit for each of the slots of a level that came.
pub(super) fn bits_of(slots: &[Range<usize>; 2]) -> u64 {
    let mut bits = 0;
    for range in slots {
        for slot in range.clone() {
            bits |= 1_u64 << slot;
        }
    }
    bits
}

/// Visits the words of a column's slots that came.
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

/// The number of the first slot after `present` whose bit is set.
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

/// Where the word of a slot is in its column.
#[inline]
pub(super) fn place_of(slot: Slot) -> usize {
    slot.level * SLOTS as usize + slot.index() as usize
}

/// The word of a slot that a block's mark is in, and the mark.
#[inline]
pub(super) fn column_of(block: Block) -> (usize, u64) {
    let block = block.0 as usize;
    (block / WORD_BITS, 1 << (block % WORD_BITS))
}

/// The lowest bits of a word, `most` of them.
pub(super) fn lowest(mut word: u64, most: u32) -> u64 {
    let all = word;
    for _ in 0..most {
        word &= word.saturating_sub(1);
    }
    all ^ word
}
