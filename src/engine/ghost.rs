//! Remembered keys: how old a ghost is, and which one to forget.

use super::{scan::Line, word::Segment};

/// The ghost of a key that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ghost {
    /// The segment it was evicted from.
    pub(crate) segment: Segment,
    /// How long ago, on that segment's clock.
    pub(crate) age: u16,
    /// Its merit then.
    pub(crate) merit: u32,
}

impl Ghost {
    /// Whether the key that came back begins with one use: see `policy.rs`.
    pub(crate) fn begins_used(self, now: GhostTime) -> bool {
        self.segment == Segment::Protected && self.age <= now.window
    }
}

/// The segments' clocks at one moment, and how long ghosts are of use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GhostTime {
    pub(crate) probation: u16,
    pub(crate) protected: u16,
    /// Probation's ghosts count up to this age.
    pub(crate) window: u16,
    /// Protected's ghosts move the share up to this age.
    pub(crate) young: u16,
}

impl GhostTime {
    /// The age of a ghost that was stamped when its segment's clock showed `stamp`.
    #[inline]
    pub(crate) fn age(self, segment: Segment, stamp: u16) -> u16 {
        let now = match segment {
            Segment::Probation => self.probation,
            Segment::Protected => self.protected,
        };
        now.wrapping_sub(stamp)
    }

    /// The slot of the ghost to forget first: one too old to be of use, or else the oldest.
    #[inline(always)]
    pub(crate) fn least_useful(self, line: Line) -> Option<usize> {
        line.oldest_ghost([self.probation, self.protected], [self.window, self.young])
    }
}
