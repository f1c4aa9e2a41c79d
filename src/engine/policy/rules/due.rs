//! Which members of a set are due: the one step that every insert into a full cache takes.

use crate::engine::index::hints::{Hints, STAMPS, Segment};

/// The longest stays, in steps: with three merits a life is two and a half times as long.
pub(super) const TARGET_MAX: u8 = 120;
pub(super) const LIFE_MAX: u8 = 48;

/// The clocks at one moment, and when stays are over, in steps: a byte each, so that all are loaded at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times(u64);

impl Times {
    /// `life` is the length of a stay in protected without merit; with two merits it is twice as long.
    pub(super) fn new(now: [u8; 2], target: u8, life: u8) -> Self {
        let [probation, protected] = now;
        // What is compared with "greater" is one less.
        Self(u64::from_le_bytes([
            probation % STAMPS,
            protected % STAMPS,
            target - 1,
            life - 1,
            life / 2,
            life,
            0,
            0,
        ]))
    }

    #[inline(always)]
    pub(super) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline(always)]
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// What a segment's clock shows.
    #[inline(always)]
    pub(super) fn now(self, segment: Segment) -> u8 {
        (self.0 >> (8 * segment as u32)) as u8
    }

    /// The same with another time on one clock.
    pub(super) fn with_now(self, segment: Segment, now: u8) -> Self {
        let shift = 8 * segment as u32;
        Self(self.0 & !(0xFF << shift) | u64::from(now) << shift)
    }

    pub(super) fn target(self) -> u8 {
        (self.0 >> 16) as u8 + 1
    }

    pub(super) fn life(self) -> u8 {
        (self.0 >> 40) as u8
    }
}

/// Slots of a set whose members are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) probation: u32,
    pub(super) protected: u32,
}

#[cfg(any(test, not(all(target_arch = "x86_64", not(miri), not(larder_loom)))))]
mod portable {
    use super::{Due, Hints, STAMPS, Segment, Times};
    use crate::engine::index::word::SLOTS;

    /// Those of `members` that are due.
    pub(in super::super) fn due(hints: &Hints, members: u32, times: Times) -> Due {
        let mut due = Due { probation: 0, protected: 0 };
        for slot in (0..SLOTS).filter(|slot| members >> slot & 1 != 0) {
            let standing = hints.standing(slot);
            let now = times.now(standing.segment);
            let age = now.wrapping_sub(hints.stamp(slot)) % STAMPS;
            let (end, slots) = match standing.segment {
                Segment::Probation => (times.target(), &mut due.probation),
                Segment::Protected => {
                    let (life, half) = (times.life(), times.life() / 2);
                    let more = (standing.merit & 1) * half + (standing.merit >> 1) * life;
                    (life + more, &mut due.protected)
                }
            };
            *slots |= u32::from(age >= end) << slot;
        }
        due
    }
}

#[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
mod vector {
    use super::{Due, Hints, STAMPS, Times};
    use std::arch::x86_64::*;

    /// Those of `members` that are due.
    #[inline(always)]
    pub(in super::super) fn due(hints: &Hints, members: u32, times: Times) -> Due {
        let (worth, stay) = hints.load();
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            // Each byte of the times in a word of its own, twice; then one of them in all lanes.
            let times = _mm_cvtsi64_si128(times.bits() as i64);
            let times = _mm_unpacklo_epi8(times, times);
            let low = |words| _mm_shuffle_epi32::<0>(words);
            let now_probation = low(_mm_shufflelo_epi16::<0b00_00_00_00>(times));
            let now_protected = low(_mm_shufflelo_epi16::<0b01_01_01_01>(times));
            let target = low(_mm_shufflelo_epi16::<0b10_10_10_10>(times));
            let life = low(_mm_shufflelo_epi16::<0b11_11_11_11>(times));
            let high = |words| _mm_shuffle_epi32::<0b10_10_10_10>(words);
            let one_merit = high(_mm_shufflehi_epi16::<0b00_00_00_00>(times));
            let two_merits = high(_mm_shufflehi_epi16::<0b01_01_01_01>(times));

            let all = |byte: u8| _mm_set1_epi8(byte as i8);
            let protected = _mm_cmpgt_epi8(_mm_setzero_si128(), stay);
            let of_segment = |probation, protected_one| {
                let chosen = _mm_and_si128(protected, protected_one);
                _mm_or_si128(chosen, _mm_andnot_si128(protected, probation))
            };
            let now = of_segment(now_probation, now_protected);
            let age = _mm_and_si128(_mm_sub_epi8(now, stay), all(STAMPS - 1));
            let merit = |bit: u8, more| {
                _mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(worth, all(bit)), all(bit)), more)
            };
            let more = _mm_add_epi8(merit(0b0100, one_merit), merit(0b1000, two_merits));
            let is_due = _mm_cmpgt_epi8(age, of_segment(target, _mm_add_epi8(life, more)));
            let (due, protected) =
                (_mm_movemask_epi8(is_due) as u32 & members, _mm_movemask_epi8(stay) as u32);
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
            let (target, life) = (rng.random_range(1..=TARGET_MAX), rng.random_range(1..=LIFE_MAX));
            let times = Times::new(rng.random(), target, life);
            let members = rng.random_range(0..1 << SLOTS);
            assert_eq!(due(&hints, members, times), portable::due(&hints, members, times));
        }
    }
}
