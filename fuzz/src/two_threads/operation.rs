//! What the threads do, as the input's bytes say.

use super::KEYS;
use crate::Tags;
use crate::tags::TAGS;

#[derive(Debug)]
pub(super) enum Operation {
    Get(u8),
    GetRef(u8),
    ContainsKey(u8),
    Insert(u8),
    Add(u8),
    Remove(u8),
    Invalidate(u8),
    InvalidateAll,
    /// For so many milliseconds.
    InsertFor(u8, u8),
    Touch(u8, u8),
    /// With these tags.
    InsertTagged(u8, Tags),
    InvalidateTag(u8),
    /// Nothing, a removal or a new value.
    Compute(u8, u8),
    /// So many entries at most.
    Drain(u8),
    /// After so many turns of the other thread.
    Load(u8, u8),
    LoadInVain(u8, u8),
    Advance(u8),
    Resize(u8),
    /// Pushes others out.
    InsertAll,
    /// Lets the other thread go on: by chance the two would seldom meet.
    Pause(u8),
    RunPendingTasks,
}

/// See [`Operation::new`].
const FIRST_LATER: u8 = 80;

impl Operation {
    /// The top bit says which thread; bytes from [`FIRST_LATER`] on are of what was added later,
    /// the others mean what they did.
    pub(super) fn new(operation: u8, operand: u8) -> Self {
        let (key, more) = (operand % KEYS as u8, operand / KEYS as u8);
        match (operation % 128).checked_sub(FIRST_LATER) {
            None => {}
            Some(0..=23) => return Self::InsertTagged(key, Tags::new(more)),
            Some(24..=34) => return Self::InvalidateTag(operand % TAGS),
            Some(35..=44) => return Self::Compute(key, more),
            Some(_) => return Self::Drain(operand % 16),
        }
        match operation % 32 {
            0 | 1 => Self::Get(key),
            2 => Self::GetRef(key),
            3 => Self::ContainsKey(key),
            4..=7 => Self::Insert(key),
            8 => Self::Add(key),
            9 | 10 => Self::Remove(key),
            11 => Self::Invalidate(key),
            12 => Self::InsertAll,
            13 => Self::RunPendingTasks,
            14 => Self::Pause(operand % 16),
            15 if operand.is_multiple_of(4) => Self::InvalidateAll,
            15 => Self::Insert(key),
            16..=20 => Self::Load(key, more),
            21 => Self::LoadInVain(key, more),
            22 | 23 => Self::InsertFor(key, more),
            24 => Self::Touch(key, more),
            25 | 26 => Self::Advance(more),
            27 => Self::Resize(operand),
            28 => Self::Invalidate(key),
            _ => Self::Get(key),
        }
    }
}
