//! Which slots of a bucket match: the innermost step of every lookup.
//!
//! In Rust's terms it is one Relaxed load per slot, a mask and a compare, and that is what the
//! portable version says. Compilers do not merge atomic loads, so it comes to about a hundred
//! instructions for a bucket. On x86-64 four vector loads, written as assembly, fetch the line in
//! 16-byte pieces, and the whole takes twenty.
//!
//! # Why the assembly is one Relaxed load per slot
//!
//! The block only loads; what it returns for a slot is what one aligned 4-byte load of that slot
//! could have returned. Intel and AMD guarantee that for processors with AVX, on which aligned
//! 16-byte loads are atomic as a whole; on older ones each aligned 4-byte part is still read in one
//! piece, as it lies within one cache line. No order between the slots is promised, nor does the
//! caller need one. The compiler cannot see into the block, tear it, or repeat it. It uses no
//! ordinary (non-atomic) access of Rust's, for which racing with a compare-and-swap would be
//! undefined.

use super::word::{Probe, SLOTS};
use crate::sync::AtomicU32;

#[cfg(not(all(target_arch = "x86_64", not(miri), not(larder_loom))))]
pub(crate) use portable::Line;
#[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
pub(crate) use vector::Line;

#[cfg(any(test, miri, larder_loom, not(target_arch = "x86_64")))]
mod portable {
    use super::{AtomicU32, Probe, SLOTS};
    use crate::{
        engine::word::{Kind, Segment, Word},
        sync::Ordering,
    };

    /// The words of a bucket's slots, each as it was at some moment of the load.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Line([u32; SLOTS]);

    impl Line {
        #[inline(always)]
        pub(crate) fn load(slots: &[AtomicU32; SLOTS]) -> Self {
            Line(std::array::from_fn(|i| slots[i].load(Ordering::Relaxed)))
        }

        /// The slot of a ghost older than its limit, or else of the oldest ghost; `now` and `limits`
        /// are of probation's ghosts and of protected's.
        #[inline(always)]
        pub(crate) fn oldest_ghost(self, now: [u16; 2], limits: [u16; 2]) -> Option<usize> {
            let ghosts = self.0.iter().enumerate().filter_map(|(slot, &bits)| {
                let Kind::Ghost { segment, stamp, .. } = Word::from_bits(bits).kind() else {
                    return None;
                };
                let segment = usize::from(segment == Segment::Protected);
                let age = now[segment].wrapping_sub(stamp);
                Some((if age > limits[segment] { u16::MAX } else { age }, slot))
            });
            ghosts.max().map(|(_, slot)| slot)
        }

        /// One bit per slot whose word matches, slot 0 lowest.
        #[inline(always)]
        pub(crate) fn matches(self, probe: Probe) -> u32 {
            (0..SLOTS).map(|i| u32::from(self.0[i] & probe.mask == probe.want) << i).sum()
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
mod vector {
    use super::{AtomicU32, Probe, SLOTS};
    use crate::engine::word::{GHOST, GHOST_SEGMENT, GHOST_STAMP_SHIFT, KIND};
    use std::arch::{asm, x86_64::*};

    // The loads below cover the 64 bytes that end with the last slot.
    const BEFORE: usize = 16 - SLOTS;

    /// The words of a bucket's slots, each as it was at some moment of the load.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Line([__m128i; 4]);

    impl Line {
        #[inline(always)]
        pub(crate) fn load(slots: &[AtomicU32; SLOTS]) -> Self {
            let (a, b, c, d): (__m128i, __m128i, __m128i, __m128i);
            // SAFETY: slots are the end of a bucket, which is one aligned cache line: `BEFORE` words
            // in front of them belong to it, so all 64 bytes are readable and 16-byte aligned. The
            // block writes nothing. See the header for why racing with writers is as defined as it
            // is for Relaxed loads.
            unsafe {
                asm!(
                    "movdqa {a}, [{p}]",
                    "movdqa {b}, [{p} + 16]",
                    "movdqa {c}, [{p} + 32]",
                    "movdqa {d}, [{p} + 48]",
                    p = in(reg) slots.as_ptr().sub(BEFORE),
                    a = out(xmm_reg) a,
                    b = out(xmm_reg) b,
                    c = out(xmm_reg) c,
                    d = lateout(xmm_reg) d,
                    options(nostack, readonly, preserves_flags),
                );
            }
            Line([a, b, c, d])
        }

        /// The slot of a ghost older than its limit, or else of the oldest ghost; `now` and `limits`
        /// are of probation's ghosts and of protected's.
        ///
        /// Without branches: which ghost it will be cannot be predicted. Ages are 16 bits wide, so
        /// two vectors hold those of a bucket.
        #[inline(always)]
        pub(crate) fn oldest_ghost(self, now: [u16; 2], limits: [u16; 2]) -> Option<usize> {
            // SAFETY: SSE2 is part of x86-64.
            let (lanes, any) = unsafe {
                // Makes halves of words of which every bit is the sign, or whose high half is theirs.
                let halves = |words: [__m128i; 4]| {
                    let [a, b, c, d] = words;
                    [_mm_packs_epi32(a, b), _mm_packs_epi32(c, d)]
                };
                let [a, b, c, d] = self.0;
                let is_ghost = |words| {
                    let kind = _mm_and_si128(words, _mm_set1_epi32(KIND as i32));
                    _mm_cmpeq_epi32(kind, _mm_set1_epi32(GHOST as i32))
                };
                let is_ghost = halves([is_ghost(a), is_ghost(b), is_ghost(c), is_ghost(d)]);
                let segment = |words| {
                    let segment = GHOST_SEGMENT.leading_zeros() as i32;
                    _mm_srai_epi32::<31>(_mm_sll_epi32(words, _mm_cvtsi32_si128(segment)))
                };
                let of_protected = halves([segment(a), segment(b), segment(c), segment(d)]);
                let stamp = |words| {
                    let above = 16 - GHOST_STAMP_SHIFT as i32;
                    _mm_srai_epi32::<16>(_mm_sll_epi32(words, _mm_cvtsi32_si128(above)))
                };
                let stamp = halves([stamp(a), stamp(b), stamp(c), stamp(d)]);
                let rank = |half: usize| {
                    let of_segment = |[probation, protected]: [u16; 2]| {
                        let probation = _mm_set1_epi16(probation as i16);
                        let protected = _mm_set1_epi16(protected as i16);
                        let chosen = _mm_and_si128(of_protected[half], protected);
                        _mm_or_si128(chosen, _mm_andnot_si128(of_protected[half], probation))
                    };
                    let age = _mm_sub_epi16(of_segment(now), stamp[half]);
                    let beyond = _mm_subs_epu16(age, of_segment(limits));
                    let in_time = _mm_cmpeq_epi16(beyond, _mm_setzero_si128());
                    // From 1 for the youngest; as high as can be for one that is too old.
                    let aged = _mm_add_epi16(age, _mm_set1_epi16(1));
                    let too_old = _mm_andnot_si128(in_time, _mm_set1_epi16(i16::MAX));
                    let rank = _mm_or_si128(_mm_and_si128(in_time, aged), too_old);
                    _mm_and_si128(rank, is_ghost[half])
                };
                // What lies in front of slot 0 is no slot.
                let slots = _mm_slli_si128::<{ 2 * BEFORE as i32 }>(_mm_set1_epi16(-1));
                let (low, high) = (_mm_and_si128(rank(0), slots), rank(1));
                let mut max = _mm_max_epi16(low, high);
                max = _mm_max_epi16(max, _mm_shuffle_epi32::<0b01_00_11_10>(max));
                max = _mm_max_epi16(max, _mm_shuffle_epi32::<0b10_11_00_01>(max));
                max = _mm_max_epi16(max, _mm_shufflelo_epi16::<0b10_11_00_01>(max));
                let any = _mm_cvtsi128_si32(max) as u16;
                let max = _mm_set1_epi16(any as i16);
                let equal = _mm_packs_epi16(_mm_cmpeq_epi16(low, max), _mm_cmpeq_epi16(high, max));
                (_mm_movemask_epi8(equal) as u32, any)
            };
            // The last of several that are equally old.
            (any != 0).then(|| lanes.ilog2() as usize - BEFORE)
        }

        /// One bit per slot whose word matches, slot 0 lowest.
        #[inline(always)]
        pub(crate) fn matches(self, probe: Probe) -> u32 {
            // SAFETY: SSE2 is part of x86-64.
            let bytes = unsafe {
                let mask = _mm_set1_epi32(probe.mask as i32);
                let want = _mm_set1_epi32(probe.want as i32);
                let [a, b, c, d] = self.0;
                let equal = |words| _mm_cmpeq_epi32(_mm_and_si128(words, mask), want);
                let low = _mm_packs_epi32(equal(a), equal(b));
                let high = _mm_packs_epi32(equal(c), equal(d));
                _mm_movemask_epi8(_mm_packs_epi16(low, high)) as u32
            };
            bytes >> BEFORE
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
    use std::sync::atomic::Ordering;

    #[repr(C, align(64))]
    struct Bucket {
        before: [AtomicU32; 16 - SLOTS],
        slots: [AtomicU32; SLOTS],
    }

    #[test]
    fn all_versions_agree() {
        let mut rng = SmallRng::seed_from_u64(7);
        let zero = || AtomicU32::new(0);
        let bucket = Bucket {
            before: std::array::from_fn(|_| zero()),
            slots: std::array::from_fn(|_| zero()),
        };
        for _ in 0..100_000 {
            // Few distinct values, so that many match; the words in front must never count.
            let probe = Probe { mask: 0xFFFF_0000, want: 0x0003_0000 };
            for word in bucket.before.iter().chain(&bucket.slots) {
                word.store(rng.random_range(0..0x0006_0000), Ordering::Relaxed);
            }
            let naive = (0..SLOTS)
                .filter(|&i| bucket.slots[i].load(Ordering::Relaxed) >> 16 == 3)
                .map(|i| 1 << i)
                .sum::<u32>();
            assert_eq!(Line::load(&bucket.slots).matches(probe), naive);
            assert_eq!(portable::Line::load(&bucket.slots).matches(probe), naive);
        }
    }

    #[test]
    fn all_versions_agree_on_the_oldest_ghost() {
        let mut rng = SmallRng::seed_from_u64(8);
        let zero = || AtomicU32::new(0);
        let bucket = Bucket {
            before: std::array::from_fn(|_| zero()),
            slots: std::array::from_fn(|_| zero()),
        };
        for _ in 0..100_000 {
            let (now, limits) =
                (rng.random::<[u16; 2]>(), rng.random::<[u16; 2]>().map(|limit| limit >> 4));
            // Sometimes hardly any ghost, sometimes all of them; some just inside their limit.
            let ghosts = rng.random_range(0..=16);
            for word in bucket.before.iter().chain(&bucket.slots) {
                let mut bits: u32 = rng.random::<u32>() | 1 << 31;
                if rng.random_range(0..16) < ghosts {
                    let segment = usize::from(rng.random::<bool>());
                    let age = rng.random_range(0..=2 * limits[segment]);
                    let stamp = u32::from(now[segment].wrapping_sub(age));
                    bits = 1 << 30 | (segment as u32) << 29 | bits & 0x1800_07FF | stamp << 11;
                }
                word.store(bits, Ordering::Relaxed);
            }
            let vector = Line::load(&bucket.slots).oldest_ghost(now, limits);
            let portable = portable::Line::load(&bucket.slots).oldest_ghost(now, limits);
            // All that are too old are of the same rank: the last one.
            assert_eq!(vector, portable);
        }
    }
}
