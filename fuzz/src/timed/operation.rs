//! What is done, as the input's bytes say.

use super::KEYS;

/// What to do with a key; the last byte says what each means by it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operation {
    pub(super) what: What,
    pub(super) key: u8,
    /// A time, a weight, a capacity, tags.
    pub(super) much: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Get,
    GetRef,
    Peek,
    ContainsKey,
    GetMany,
    Ttl,
    Insert,
    InsertHeavy,
    InsertFor,
    InsertMany,
    InsertTagged,
    InsertTaggedFor,
    Add,
    Remove,
    Invalidate,
    InvalidateAll,
    InvalidateTag,
    InvalidateIf,
    Drain,
    Touch,
    Load,
    LoadInVain,
    LoadEntry,
    LoadMany,
    LoadByHand,
    Refresh,
    DropRefresh,
    Compute,
    Upsert,
    Replace,
    /// Of 16 keys in a row.
    GetVersions,
    Swap,
    Advance,
    Resize,
    Iterate,
    RunPendingTasks,
}

impl Operation {
    pub(super) fn new([what, key, much]: [u8; 3]) -> Self {
        let what = match what.checked_sub(FIRST_LATER) {
            None => What::new(what, much),
            Some(later) => What::later(later, much),
        };
        Self { what, key: key % KEYS, much }
    }
}

/// The first of the bytes that mean what was added later: the others mean what they did.
const FIRST_LATER: u8 = 160;

impl What {
    fn new(byte: u8, much: u8) -> Self {
        match byte % 32 {
            0..3 => Self::Get,
            3 => Self::GetRef,
            4 => Self::Peek,
            5 => Self::ContainsKey,
            6 => Self::GetMany,
            7 => Self::Ttl,
            8..12 => Self::Insert,
            12 => Self::InsertHeavy,
            13 | 14 => Self::InsertFor,
            15 => Self::InsertMany,
            16 | 17 => Self::Add,
            18 | 19 => Self::Remove,
            20 => Self::Invalidate,
            21 | 22 => Self::Touch,
            23..26 => Self::Load,
            26 => Self::LoadInVain,
            27..29 => Self::Advance,
            29 => Self::Resize,
            30 => Self::RunPendingTasks,
            _ if much.is_multiple_of(4) => Self::InvalidateAll,
            _ => Self::Iterate,
        }
    }

    fn later(byte: u8, much: u8) -> Self {
        match byte % 24 {
            0..4 => Self::InsertTagged,
            4 => Self::GetVersions,
            5 => Self::InsertTaggedFor,
            6..9 => Self::InvalidateTag,
            9 => Self::InvalidateIf,
            10 if much.is_multiple_of(2) => Self::Drain,
            10 => Self::Peek,
            11 => Self::LoadEntry,
            12 | 13 => Self::LoadMany,
            14..16 => Self::Refresh,
            16 if much.is_multiple_of(2) => Self::DropRefresh,
            16 => Self::LoadInVain,
            17 | 18 => Self::Compute,
            19 => Self::Upsert,
            20 => Self::Replace,
            21 => Self::GetVersions,
            22 => Self::Swap,
            _ => Self::LoadByHand,
        }
    }
}

/// Some keys, one of them twice.
pub(super) fn group(key: u8) -> [u8; 5] {
    [key, key + 1, key, key + 9, key / 2].map(|key| key % KEYS)
}
