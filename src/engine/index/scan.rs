//! Which slots of a set match: the innermost step of every lookup.
//!
//! In Rust's terms a scan is one Relaxed load per slot, a mask and a compare; the portable version
//! is written like that. Compilers do not merge atomic loads, so it takes about a hundred
//! instructions for a set. On x86-64 four vector loads, written as assembly, fetch the line in
//! 16-byte pieces, and the whole takes about twenty.
//!
//! # Why the assembly is one Relaxed load per slot
//!
//! The block only loads; what it returns for a slot is what one aligned 4-byte load of that slot
//! could have returned. Intel and AMD guarantee that for processors with AVX, on which aligned
//! 16-byte loads are atomic as a whole; on older processors each aligned 4-byte part is still read
//! in one piece, since it lies within one cache line. No order between the slots is promised, and
//! the caller needs none. The compiler cannot see into the block, tear it, or repeat it. The block
//! uses no ordinary (non-atomic) access of Rust's, for which a race with a compare-and-swap would
//! be undefined behaviour.

use super::word::{Probe, SLOTS};
use crate::sync::AtomicU32;

#[cfg(not(all(target_arch = "x86_64", not(miri), not(larder_loom))))]
pub(crate) use portable::Line;
#[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
pub(crate) use vector::Line;

#[cfg(any(test, miri, larder_loom, not(target_arch = "x86_64")))]
mod portable {
    use super::{AtomicU32, Probe, SLOTS};
    use crate::sync::Ordering;

    /// The words of a set's slots, each as it was at some moment of the load.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Line([u32; SLOTS]);

    impl Line {
        #[inline(always)]
        pub(crate) fn load(slots: &[AtomicU32; SLOTS]) -> Self {
            // Relaxed: chooses the slots to look at; a slot that matches is read again, Acquire
            // (`Set::word`).
            Line(std::array::from_fn(|i| slots[i].load(Ordering::Relaxed)))
        }

        /// Returns one bit per slot with a member, slot 0 lowest.
        #[inline(always)]
        pub(crate) fn members(self) -> u32 {
            self.matches(Probe { mask: &[1 << 31; 4], want: 1 << 31 })
        }

        /// Returns one bit per slot whose word matches, slot 0 lowest.
        #[inline(always)]
        pub(crate) fn matches(self, probe: Probe<'_>) -> u32 {
            (0..SLOTS).map(|i| u32::from(self.0[i] & probe.mask[0] == probe.want) << i).sum()
        }
    }
}

#[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
mod vector {
    use super::{AtomicU32, Probe, SLOTS};
    use std::arch::{asm, x86_64::*};

    // The loads below cover the 64 bytes that end with the last slot.
    const BEFORE: usize = 16 - SLOTS;

    /// The words of a set's slots, each as it was at some moment of the load.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Line([__m128i; 4]);

    impl Line {
        #[inline(always)]
        pub(crate) fn load(slots: &[AtomicU32; SLOTS]) -> Self {
            let (a, b, c, d): (__m128i, __m128i, __m128i, __m128i);
            // SAFETY: the slots end an aligned cache line of a set, and the `BEFORE` words in front
            // of them belong to that line: so all 64 bytes are readable and 16-byte aligned. The
            // block writes nothing. Its race with writers is defined as that of Relaxed loads is,
            // see the header.
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

        /// Returns one bit per slot with a member, slot 0 lowest: the signs of the words.
        #[inline(always)]
        pub(crate) fn members(self) -> u32 {
            // SAFETY: these intrinsics need SSE2, which is part of x86-64.
            let words = unsafe {
                let [a, b, c, d] = self.0;
                let (low, high) = (_mm_packs_epi32(a, b), _mm_packs_epi32(c, d));
                _mm_movemask_epi8(_mm_packs_epi16(low, high)) as u32
            };
            words >> BEFORE
        }

        /// Returns one bit per slot whose word matches, slot 0 lowest.
        #[inline(always)]
        pub(crate) fn matches(self, probe: Probe<'_>) -> u32 {
            // SAFETY: these intrinsics need SSE2, which is part of x86-64; the mask is 16 bytes.
            let bytes = unsafe {
                let mask = _mm_loadu_si128(probe.mask.as_ptr().cast());
                let want = _mm_set1_epi32(probe.want as i32);
                let [a, b, c, d] = self.0;
                let equal = |words| _mm_cmpeq_epi32(_mm_and_si128(words, mask), want);
                let low = _mm_packs_epi32(equal(a), equal(b));
                let high = _mm_packs_epi32(equal(c), equal(d));
                let signs: u32;
                // Not the intrinsic, of which the compiler extends the 16 bits once more.
                asm!(
                    "pmovmskb {signs:e}, {bytes}",
                    bytes = in(xmm_reg) _mm_packs_epi16(low, high),
                    signs = lateout(reg) signs,
                    options(pure, nomem, nostack, preserves_flags),
                );
                signs
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
    struct Set {
        before: [AtomicU32; 16 - SLOTS],
        slots: [AtomicU32; SLOTS],
    }

    #[test]
    fn all_versions_agree() {
        let mut rng = SmallRng::seed_from_u64(7);
        let zero = || AtomicU32::new(0);
        let set =
            Set { before: std::array::from_fn(|_| zero()), slots: std::array::from_fn(|_| zero()) };
        for _ in 0..100_000 {
            // Few distinct values, so that many match; the words in front must never count.
            let probe = Probe { mask: &[0xFFFF_0000; 4], want: 0x0003_0000 };
            for word in set.before.iter().chain(&set.slots) {
                word.store(rng.random_range(0..0x0006_0000), Ordering::Relaxed);
            }
            let naive = (0..SLOTS)
                .filter(|&i| set.slots[i].load(Ordering::Relaxed) >> 16 == 3)
                .map(|i| 1 << i)
                .sum::<u32>();
            assert_eq!(Line::load(&set.slots).matches(probe), naive);
            assert_eq!(portable::Line::load(&set.slots).matches(probe), naive);
            let sign = rng.random_range(0..SLOTS);
            set.slots[sign].fetch_or(1 << 31, Ordering::Relaxed);
            assert_eq!(Line::load(&set.slots).members(), 1 << sign);
            assert_eq!(portable::Line::load(&set.slots).members(), 1 << sign);
        }
    }
}
