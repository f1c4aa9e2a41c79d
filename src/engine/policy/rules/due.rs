//! Which members of a set are due: the one step that every insert into a full cache takes.

use crate::engine::index::hints::{Hints, STAMPS, Segment};

/// The longest life of protected in steps, without merit.
pub(super) const LIFE_MAX: u8 = 24;

/// The steps that are added to protected's clock, so that no stamp is ahead of it: with three
/// merits, the maximum, a stamp is one and a half lives later than the clock was.
const AHEAD: u8 = 40;
const _: () = assert!(LIFE_MAX / 2 * 3 <= AHEAD && AHEAD + LIFE_MAX < STAMPS);

/// The clocks at one moment, and the ages at which stays are over, in steps: a byte each, so that
/// one load gets them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times(u32);

impl Times {
    /// Packs the clocks and the lengths of stays. `life` is for a stay in protected without merit.
    pub(super) fn new(now: [u8; 2], target: u8, life: u8) -> Self {
        // The vector compare is "greater", so the ends are one less. The bytes for protected hold
        // the exclusive or with those for probation.
        let now = [now[0] % STAMPS, (now[1] + AHEAD) % STAMPS];
        let end = [target - 1, life + AHEAD - 1];
        Self(u32::from_le_bytes([now[0], now[0] ^ now[1], end[0], end[0] ^ end[1]]))
    }

    #[inline(always)]
    pub(super) fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// Returns the age of a stay in a segment, in the steps that [`Times::end`] has, too.
    #[inline(always)]
    pub(super) fn age(self, segment: Segment, stamp: u8) -> u8 {
        let [now, other, ..] = self.0.to_le_bytes();
        let now = if segment == Segment::Probation { now } else { now ^ other };
        now.wrapping_sub(stamp) % STAMPS
    }

    /// Returns the age at which a stay is over.
    #[inline(always)]
    pub(super) fn end(self, segment: Segment) -> u8 {
        let [.., end, other] = self.0.to_le_bytes();
        1 + if segment == Segment::Probation { end } else { end ^ other }
    }

    #[inline(always)]
    pub(super) fn life(self) -> u8 {
        self.end(Segment::Protected) - AHEAD
    }

    /// Returns by how much merit makes a stay in protected longer: half a life for each.
    #[inline(always)]
    pub(super) fn bonus(self, merit: u8) -> u8 {
        let life = self.life();
        (merit & 1) * (life / 2) + (merit >> 1) * life
    }
}

/// The slots of a set whose members are due, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) probation: u32,
    pub(super) protected: u32,
}

#[cfg(any(test, not(all(target_arch = "x86_64", not(miri), not(larder_loom)))))]
mod portable {
    use super::{Due, Hints, Segment, Times};
    use crate::engine::index::word::SLOTS;

    /// Returns which of `members`, a bit per slot, are due.
    pub(in super::super) fn due(hints: &Hints, members: u32, times: Times) -> Due {
        let mut due = Due { probation: 0, protected: 0 };
        for slot in (0..SLOTS).filter(|slot| members >> slot & 1 != 0) {
            let standing = hints.standing(slot);
            let age = times.age(standing.segment, hints.stamp(slot));
            let slots = match standing.segment {
                Segment::Probation => &mut due.probation,
                Segment::Protected => &mut due.protected,
            };
            *slots |= u32::from(age >= times.end(standing.segment)) << slot;
        }
        due
    }
}

#[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
mod vector {
    use super::{Due, Hints, STAMPS, Times};
    use std::arch::x86_64::*;

    /// Returns which of `members`, a bit per slot, are due.
    #[inline(always)]
    pub(in super::super) fn due(hints: &Hints, members: u32, times: Times) -> Due {
        let stay = hints.load_stays();
        // SAFETY: these intrinsics need SSE2, which is part of x86-64.
        unsafe {
            // Repeats each byte of the times four times, then spreads one of them to all lanes.
            let times = _mm_cvtsi32_si128(times.bits() as i32);
            let times = _mm_unpacklo_epi8(times, times);
            let times = _mm_unpacklo_epi16(times, times);
            let protected = _mm_cmpgt_epi8(_mm_setzero_si128(), stay);
            let of_segment = |one, other| _mm_xor_si128(one, _mm_and_si128(protected, other));
            let now = of_segment(
                _mm_shuffle_epi32::<0b00_00_00_00>(times),
                _mm_shuffle_epi32::<0b01_01_01_01>(times),
            );
            let end = of_segment(
                _mm_shuffle_epi32::<0b10_10_10_10>(times),
                _mm_shuffle_epi32::<0b11_11_11_11>(times),
            );
            let steps = _mm_set1_epi8((STAMPS - 1) as i8);
            let age = _mm_and_si128(_mm_sub_epi8(now, stay), steps);
            let due = _mm_movemask_epi8(_mm_cmpgt_epi8(age, end)) as u32 & members;
            let protected = _mm_movemask_epi8(stay) as u32;
            Due { probation: due & !protected, protected: due & protected }
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(larder_loom))))]
pub(super) use portable::due;
#[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
pub(super) use vector::due;

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::engine::index::{
        hints::{MERIT_MAX, Standing, USES_MAX},
        word::SLOTS,
    };
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

    #[test]
    fn all_versions_agree() {
        let mut rng = SmallRng::seed_from_u64(7);
        let hints: Hints = Hints::new();
        for _ in 0..100_000 {
            for slot in 0..SLOTS {
                let segment = if rng.random() { Segment::Probation } else { Segment::Protected };
                let (uses, merit) =
                    (rng.random_range(0..=USES_MAX), rng.random_range(0..=MERIT_MAX));
                hints.begin(slot, Standing { segment, uses, merit }, rng.random_range(0..STAMPS));
            }
            let (target, life) = (rng.random_range(1..=100), rng.random_range(1..=LIFE_MAX));
            let times = Times::new(
                [rng.random_range(0..STAMPS), rng.random_range(0..STAMPS)],
                target,
                life,
            );
            let members = rng.random_range(0..1 << SLOTS);
            assert_eq!(due(&hints, members, times), portable::due(&hints, members, times));
        }
    }
}
