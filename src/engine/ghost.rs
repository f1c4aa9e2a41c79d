//! Remembered keys: how old a ghost is, and which one to forget.

use super::word::{SLOTS, Segment, Word};

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

    /// The slot of the ghost to forget first: one too old to be of use, or else the oldest. `words`
    /// are a bucket's, as `scan::Line` gives them.
    ///
    /// Written without branches, for vectors: which ghost it will be cannot be predicted.
    #[inline]
    pub(crate) fn least_useful(self, words: [u32; 16]) -> Option<usize> {
        const EXPIRED: u32 = 1 << 20;
        const ANY: u32 = 1 << 21;
        let mut first = 0;
        for (lane, bits) in words.into_iter().enumerate() {
            let word = Word::from_bits(bits);
            let (now, limit) = if word.is_ghost_of_protected() {
                (self.protected, self.young)
            } else {
                (self.probation, self.window)
            };
            let age = u32::from(now).wrapping_sub(word.ghost_stamp()) & 0xFFFF;
            let expired = if age > u32::from(limit) { EXPIRED } else { 0 };
            let rank = ANY | expired | age << 4 | lane as u32;
            first = first.max(if word.is_ghost() { rank } else { 0 });
        }
        (first != 0).then(|| (first & 0xF) as usize - (16 - SLOTS))
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::engine::word::{Flags, Layout};
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

    #[test]
    fn expired_ghosts_go_first_then_the_oldest() {
        let mut rng = SmallRng::seed_from_u64(3);
        let layout = Layout::for_nodes(1000).expect("fits");
        let flags = Flags { displaced: false, linked: false, used: false, merit: 0 };
        for _ in 0..20_000 {
            let now = GhostTime {
                probation: rng.random(),
                protected: rng.random(),
                window: 300,
                young: 40,
            };
            let mut words = [0; 16];
            let mut ghosts = Vec::new();
            for (slot, word) in words.iter_mut().skip(16 - SLOTS).enumerate() {
                let member = layout.tentative(rng.random(), 1 + slot as u32, flags).into_member();
                *word = match rng.random_range(0..4) {
                    0 => Word::EMPTY.bits(),
                    1 => member.bits(),
                    kind => {
                        let (segment, clock) = match kind {
                            2 => (Segment::Probation, now.probation),
                            _ => (Segment::Protected, now.protected),
                        };
                        let age: u16 = rng.random_range(0..400);
                        let limit = if kind == 2 { now.window } else { now.young };
                        ghosts.push((age > limit, age, slot));
                        layout.ghost(member, segment, clock.wrapping_sub(age)).bits()
                    }
                };
            }
            let expected = ghosts.iter().max().map(|&(_, _, slot)| slot);
            assert_eq!(now.least_useful(words), expected);
        }
    }
}
