//! The ghosts of a set: keys that were evicted from it, the latest first.
//!
//! Each is 16 bits: a part of the hash, the segment that it left, and its merit. When it left is told by its
//! place: where sets fare alike, a ghost with n later ones of its segment in its set is as old as a list of
//! n ghosts per set would be long. They are hints like everything in `hints.rs`: two that leave at once may
//! leave one ghost, or one twice.
//!
//! On x86-64 they are read and shifted in 16-byte pieces, by assembly that loads and stores aligned memory
//! within one cache line. As in `scan.rs`, each aligned part is read and written in one piece, so
//! the block does no more than Relaxed loads and stores of the words could do.

use super::hints::{MERIT_MAX, Segment};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// Ghosts of one set.
pub(crate) const GHOSTS: usize = 16;

const PROTECTED: u16 = 1 << 15;
const MERIT_SHIFT: u32 = 13;
/// A tag's lowest bit says that there is a ghost.
const TAG: u16 = (1 << MERIT_SHIFT) - 1;

/// The ghost of a key that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ghost {
    /// The segment it was evicted from.
    pub(crate) segment: Segment,
    /// Its merit then.
    pub(crate) merit: u8,
    /// How many keys have left that segment and this set since, as far as is remembered.
    pub(crate) rank: u32,
}

/// Those of one set.
#[derive(Debug)]
#[repr(C, align(32))]
pub(crate) struct Ghosts([AtomicU16; GHOSTS]);

impl Ghosts {
    #[cfg(any(test, larder_loom))]
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU16::new(0)))
    }

    /// Forgets the latest ghost with this tag, and returns it.
    #[inline(always)]
    pub(crate) fn take(&self, tag: u16) -> Option<Ghost> {
        let matching = self.matching((tag | 1) & TAG);
        if matching == 0 { None } else { Some(self.take_first(matching)) }
    }

    #[inline(never)]
    fn take_first(&self, matching: u32) -> Ghost {
        let protected = self.protected();
        let at = matching.trailing_zeros() as usize % GHOSTS;
        let word = self.0[at].load(Relaxed);
        // Its place stays taken, so that the others' ranks do not change.
        self.0[at].store(word & !TAG, Relaxed);
        let segment = if word & PROTECTED == 0 { Segment::Probation } else { Segment::Protected };
        let later = (1 << at) - 1;
        let same = if word & PROTECTED == 0 { !protected } else { protected };
        let merit = (word >> MERIT_SHIFT) as u8 & MERIT_MAX;
        Ghost { segment, merit, rank: (same & later).count_ones() }
    }

    /// Remembers a key that leaves a segment, and forgets the oldest ghost for it.
    #[inline(always)]
    pub(crate) fn leave(&self, tag: u16, segment: Segment, merit: u8) {
        let segment = (segment as u16) << 15;
        self.push(segment | u16::from(merit) << MERIT_SHIFT | (tag | 1) & TAG);
    }
}

#[cfg(any(test, not(all(target_arch = "x86_64", not(miri), not(larder_loom)))))]
#[cfg_attr(all(target_arch = "x86_64", not(miri), not(larder_loom)), allow(dead_code))]
impl Ghosts {
    fn matching_portable(&self, tag: u16) -> u32 {
        self.bits(|word| word & TAG == tag)
    }

    fn protected_portable(&self) -> u32 {
        self.bits(|word| word & PROTECTED != 0)
    }

    fn bits(&self, is_one: impl Fn(u16) -> bool) -> u32 {
        let bit = |(at, word): (usize, &AtomicU16)| u32::from(is_one(word.load(Relaxed))) << at;
        self.0.iter().enumerate().map(bit).sum()
    }

    fn push_portable(&self, word: u16) {
        for at in (1..GHOSTS).rev() {
            self.0[at].store(self.0[at - 1].load(Relaxed), Relaxed);
        }
        self.0[0].store(word, Relaxed);
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(larder_loom))))]
impl Ghosts {
    fn matching(&self, tag: u16) -> u32 {
        self.matching_portable(tag)
    }

    fn protected(&self) -> u32 {
        self.protected_portable()
    }

    fn push(&self, word: u16) {
        self.push_portable(word);
    }
}

#[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
impl Ghosts {
    #[inline(always)]
    fn load(&self) -> [std::arch::x86_64::__m128i; 2] {
        let (low, high);
        // SAFETY: reads 32 aligned bytes of atomics; see the header.
        unsafe {
            std::arch::asm!(
                "movdqa {low}, [{p}]",
                "movdqa {high}, [{p} + 16]",
                p = in(reg) &raw const self.0,
                low = out(xmm_reg) low,
                high = lateout(xmm_reg) high,
                options(nostack, readonly, preserves_flags),
            );
        }
        [low, high]
    }

    /// The places of ghosts with this tag: a bit each.
    #[inline(always)]
    fn matching(&self, tag: u16) -> u32 {
        use std::arch::x86_64::*;
        let [low, high] = self.load();
        // SAFETY: SSE2 is part of x86-64.
        unsafe {
            let (mask, want) = (_mm_set1_epi16(TAG as i16), _mm_set1_epi16(tag as i16));
            let equal = |words| _mm_cmpeq_epi16(_mm_and_si128(words, mask), want);
            _mm_movemask_epi8(_mm_packs_epi16(equal(low), equal(high))) as u32
        }
    }

    /// The places of ghosts that left protected: a bit each.
    fn protected(&self) -> u32 {
        use std::arch::x86_64::*;
        let [low, high] = self.load();
        // SAFETY: SSE2 is part of x86-64.
        unsafe { _mm_movemask_epi8(_mm_packs_epi16(low, high)) as u32 }
    }

    #[inline(always)]
    fn push(&self, word: u16) {
        use std::arch::x86_64::*;
        let [low, high] = self.load();
        // SAFETY: SSE2 is part of x86-64. Writes 32 aligned bytes of atomics; see the header.
        unsafe {
            let carried = _mm_srli_si128::<14>(low);
            let high = _mm_or_si128(_mm_slli_si128::<2>(high), carried);
            let low = _mm_or_si128(_mm_slli_si128::<2>(low), _mm_cvtsi32_si128(word.into()));
            std::arch::asm!(
                "movdqa [{p}], {low}",
                "movdqa [{p} + 16], {high}",
                p = in(reg) &raw const self.0,
                low = in(xmm_reg) low,
                high = in(xmm_reg) high,
                options(nostack, preserves_flags),
            );
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

    #[test]
    fn the_latest_are_remembered_and_each_is_met_once() {
        let ghosts = Ghosts::new();
        let tag = |n: u16| n << 1;
        let merit = |n: u16| (n % 4) as u8;
        for n in 1..=30 {
            ghosts.leave(tag(n), Segment::Probation, merit(n));
        }
        let oldest = 30 - GHOSTS as u16;
        for n in (1..=30).rev() {
            let (segment, rank) = (Segment::Probation, u32::from(30 - n));
            let ghost = Ghost { segment, merit: merit(n), rank };
            assert_eq!(ghosts.take(tag(n)), (n > oldest).then_some(ghost), "ghost {n}");
            assert_eq!(ghosts.take(tag(n)), None, "ghost {n} again");
        }
    }

    #[test]
    fn ranks_count_the_same_segment_only() {
        let ghosts = Ghosts::new();
        for (tag, segment) in [
            (2, Segment::Protected),
            (4, Segment::Probation),
            (6, Segment::Protected),
            (8, Segment::Protected),
        ] {
            ghosts.leave(tag, segment, 0);
        }
        let rank = |tag| ghosts.take(tag).map(|ghost| ghost.rank);
        assert_eq!((rank(4), rank(2), rank(8)), (Some(0), Some(2), Some(0)));
    }

    #[test]
    fn all_versions_agree() {
        let mut rng = SmallRng::seed_from_u64(5);
        let (ghosts, portable) = (Ghosts::new(), Ghosts::new());
        for _ in 0..10_000 {
            let word = rng.random_range(0..u16::MAX) & !0b1_1111_1100_0000;
            ghosts.push(word);
            portable.push_portable(word);
            let all = |ghosts: &Ghosts| ghosts.0.each_ref().map(|word| word.load(Relaxed));
            assert_eq!(all(&ghosts), all(&portable));
            let tag = word & TAG;
            assert_eq!(ghosts.matching(tag), portable.matching_portable(tag));
            assert_eq!(ghosts.protected(), portable.protected_portable());
        }
    }
}
