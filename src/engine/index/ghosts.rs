//! The ghosts of a set: keys that were evicted from it, the latest first.
//!
//! Each ghost is 16 bits: a part of the hash, the segment that the key left, and its merit. The
//! time at which it left is four bits of that segment's clock of evictions. Ghosts are hints like
//! everything in `hints.rs`, hence every access is Relaxed: two keys that leave at once may leave
//! one ghost, or one ghost twice, or a ghost with the other's time.
//!
//! On x86-64 ghosts are read and moved in 16-byte pieces, by assembly that loads and stores memory
//! within one cache line. As in `scan.rs`, each aligned part is read and written in one piece, so
//! the block does no more than Relaxed loads and stores of the words could do.

use super::hints::{MERIT_MAX, Segment};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};

/// The number of ghosts of one set.
pub(crate) const GHOSTS: usize = 14;
/// Ages of ghosts are steps modulo this.
pub(crate) const STEPS: u32 = 16;

const PROTECTED: u16 = 1 << 15;
const MERIT_SHIFT: u32 = 13;
/// The mask of the tag. Where the tag is zero there is no ghost.
const TAG: u16 = (1 << MERIT_SHIFT) - 1;

/// The ghost of a key that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ghost {
    /// The segment it was evicted from.
    pub(crate) segment: Segment,
    /// Its merit then.
    pub(crate) merit: u8,
    /// Whether the set remembers no key that has left the same segment later.
    pub(crate) is_latest: bool,
    /// The step of the segment's clock of evictions then.
    left: u8,
}

impl Ghost {
    /// Returns how many steps ago the key was evicted, modulo [`STEPS`]. `now` is what its
    /// segment's clock of evictions shows.
    #[inline(always)]
    pub(crate) fn age(self, now: u32) -> u8 {
        step_of(now).wrapping_sub(self.left) % STEPS as u8
    }
}

/// Returns the step that a clock shows: its upper four bits.
#[inline(always)]
fn step_of(clock: u32) -> u8 {
    (clock >> 28) as u8
}

/// The ghosts of one set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ghosts<'h> {
    /// `pmmt tttt tttt tttt`: protected, merit, tag.
    pub(super) words: &'h [AtomicU16; GHOSTS],
    /// Four bits for each word, the latest lowest: the step of the clock when the key left.
    pub(super) left: &'h AtomicU64,
}

/// What one look found, with a bit per place.
#[derive(Debug, PartialEq, Eq)]
struct MatchingGhosts {
    ghosts: u32,
    protected: u32,
}

/// Returns what a ghost keeps of a tag, which is not zero.
#[inline(always)]
fn shown(tag: u16) -> u16 {
    (tag & TAG).max(1)
}

impl Ghosts<'_> {
    /// Returns whether there is a ghost with this tag.
    #[inline(always)]
    pub(crate) fn has(self, tag: u16) -> bool {
        self.matching(shown(tag)) != 0
    }

    /// Forgets the latest ghost with this tag, and returns it.
    pub(crate) fn take(self, tag: u16) -> Option<Ghost> {
        let matching = self.matching(shown(tag));
        if matching == 0 { None } else { Some(self.take_at(matching)) }
    }

    fn take_at(self, matching: u32) -> Ghost {
        let at = matching.trailing_zeros() as usize % GHOSTS;
        let word = self.words[at].load(Relaxed);
        let MatchingGhosts { ghosts, protected } = self.look();
        self.words[at].store(0, Relaxed);
        let is_protected = word & PROTECTED != 0;
        let same = ghosts & if is_protected { protected } else { !protected };
        Ghost {
            segment: if is_protected { Segment::Protected } else { Segment::Probation },
            merit: (word >> MERIT_SHIFT) as u8 & MERIT_MAX,
            is_latest: same & ((1 << at) - 1) == 0,
            left: (self.left.load(Relaxed) >> (4 * at)) as u8 % STEPS as u8,
        }
    }

    /// Remembers a key that leaves a segment whose clock of evictions shows `now`, in the place of
    /// the oldest ghost.
    #[inline(always)]
    pub(crate) fn leave(&self, tag: u16, segment: Segment, merit: u8, now: u32) {
        let segment = (segment as u16) << 15;
        self.push(segment | u16::from(merit) << MERIT_SHIFT | shown(tag), step_of(now));
    }
}

#[cfg(any(test, not(all(target_arch = "x86_64", not(miri), not(larder_loom)))))]
#[cfg_attr(all(target_arch = "x86_64", not(miri), not(larder_loom)), allow(dead_code))]
impl Ghosts<'_> {
    fn bits(&self, is_one: impl Fn(u16) -> bool) -> u32 {
        let bit = |(at, word): (usize, &AtomicU16)| u32::from(is_one(word.load(Relaxed))) << at;
        self.words.iter().enumerate().map(bit).sum()
    }

    fn matching_portable(&self, tag: u16) -> u32 {
        self.bits(|word| word & TAG == tag)
    }

    fn look_portable(&self) -> MatchingGhosts {
        MatchingGhosts {
            ghosts: self.bits(|word| word & TAG != 0),
            protected: self.bits(|word| word & PROTECTED != 0),
        }
    }

    fn push_portable(&self, word: u16, left: u8) {
        for at in (1..GHOSTS).rev() {
            self.words[at].store(self.words[at - 1].load(Relaxed), Relaxed);
        }
        self.words[0].store(word, Relaxed);
        self.left.store(self.left.load(Relaxed) << 4 | u64::from(left), Relaxed);
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(larder_loom))))]
impl Ghosts<'_> {
    fn matching(&self, tag: u16) -> u32 {
        self.matching_portable(tag)
    }

    fn look(&self) -> MatchingGhosts {
        self.look_portable()
    }

    fn push(&self, word: u16, left: u8) {
        self.push_portable(word, left);
    }
}

#[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
impl Ghosts<'_> {
    /// Returns the words, in two pieces that have two words in common.
    #[inline(always)]
    fn load(&self) -> [std::arch::x86_64::__m128i; 2] {
        let (low, high);
        // SAFETY: the block reads the 28 bytes of the words only, which are atomics within one
        // cache line; its race with writers is defined as that of Relaxed loads is, see the header.
        unsafe {
            std::arch::asm!(
                "movdqu {low}, [{p}]",
                "movdqu {high}, [{p} + 12]",
                p = in(reg) self.words.as_ptr(),
                low = out(xmm_reg) low,
                high = lateout(xmm_reg) high,
                options(nostack, readonly, preserves_flags),
            );
        }
        [low, high]
    }

    /// Returns one bit per word, the sign of the word, from the two pieces.
    #[inline(always)]
    fn join(low: std::arch::x86_64::__m128i, high: std::arch::x86_64::__m128i) -> u32 {
        use std::arch::x86_64::*;
        // SAFETY: these intrinsics need SSE2, which is part of x86-64.
        let both = unsafe { _mm_movemask_epi8(_mm_packs_epi16(low, high)) as u32 };
        both & 0xFF | both >> 8 << 6
    }

    #[inline(always)]
    fn matching(&self, tag: u16) -> u32 {
        use std::arch::x86_64::*;
        let [low, high] = self.load();
        // SAFETY: these intrinsics need SSE2, which is part of x86-64.
        unsafe {
            let (mask, want) = (_mm_set1_epi16(TAG as i16), _mm_set1_epi16(tag as i16));
            let equal = |words| _mm_cmpeq_epi16(_mm_and_si128(words, mask), want);
            Self::join(equal(low), equal(high))
        }
    }

    #[inline(always)]
    fn look(&self) -> MatchingGhosts {
        let [low, high] = self.load();
        MatchingGhosts {
            ghosts: !self.matching(0) & ((1 << GHOSTS) - 1),
            protected: Self::join(low, high),
        }
    }

    #[inline(always)]
    fn push(&self, word: u16, left: u8) {
        // SAFETY: the block reads and writes the 28 bytes of the words only, which are atomics
        // within one cache line; its races are defined as those of Relaxed accesses are, see the
        // header.
        unsafe {
            std::arch::asm!(
                "movdqu {low}, [{p}]",
                "movdqu {high}, [{p} + 10]",
                "movdqu [{p} + 2], {low}",
                "movdqu [{p} + 12], {high}",
                p = in(reg) self.words.as_ptr(),
                low = out(xmm_reg) _,
                high = out(xmm_reg) _,
                options(nostack, preserves_flags),
            );
        }
        self.words[0].store(word, Relaxed);
        self.left.store(self.left.load(Relaxed) << 4 | u64::from(left), Relaxed);
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::engine::index::hints::Hints;
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

    #[test]
    fn the_latest_are_remembered_and_each_is_met_once() {
        let hints = Hints::new();
        let ghosts = hints.ghosts();
        let merit = |n: u16| (n % 4) as u8;
        for n in 1..=30 {
            ghosts.leave(n, Segment::Probation, merit(n), 0);
        }
        let oldest = 30 - GHOSTS as u16;
        for n in (1..=30).rev() {
            let (segment, is_latest) = (Segment::Probation, true);
            let ghost = Ghost { segment, merit: merit(n), is_latest, left: 0 };
            assert_eq!(ghosts.take(n), (n > oldest).then_some(ghost), "ghost {n}");
            assert_eq!(ghosts.take(n), None, "ghost {n} again");
        }
    }

    #[test]
    fn the_latest_is_told_by_segment() {
        let hints = Hints::new();
        let ghosts = hints.ghosts();
        for (tag, segment) in
            [(2, Segment::Protected), (4, Segment::Probation), (6, Segment::Protected)]
        {
            ghosts.leave(tag, segment, 0, 0);
        }
        let is_latest = |tag| ghosts.take(tag).map(|ghost| ghost.is_latest);
        assert_eq!((is_latest(4), is_latest(2)), (Some(true), Some(false)));
        ghosts.leave(2, Segment::Protected, 0, 0);
        assert_eq!((is_latest(6), is_latest(2), is_latest(6)), (Some(false), Some(true), None));
    }

    #[test]
    fn ages_are_told_up_to_fifteen_steps() {
        let hints = Hints::new();
        let ghosts = hints.ghosts();
        let at = |step: u32| step.wrapping_mul(1 << 28);
        for n in 0..GHOSTS as u32 {
            ghosts.leave(n as u16 + 1, Segment::Probation, 0, at(n + 5));
        }
        for n in 0..GHOSTS as u32 {
            let ghost = ghosts.take(n as u16 + 1).expect("a ghost");
            assert_eq!(u32::from(ghost.age(at(n + 5))), 0);
            assert_eq!(u32::from(ghost.age(at(20))), 15 - n);
        }
    }

    #[test]
    fn all_versions_agree() {
        let mut rng = SmallRng::seed_from_u64(5);
        let (hints, others) = (Hints::new(), Hints::new());
        let (ghosts, portable) = (hints.ghosts(), others.ghosts());
        for _ in 0..10_000 {
            let word = rng.random_range(0..u16::MAX) & !0b1_1111_1100_0000;
            let left = rng.random_range(0..STEPS as u8);
            ghosts.push(word, left);
            portable.push_portable(word, left);
            let all = |ghosts: Ghosts<'_>| {
                (ghosts.words.each_ref().map(|word| word.load(Relaxed)), ghosts.left.load(Relaxed))
            };
            assert_eq!(all(ghosts), all(portable));
            assert_eq!(ghosts.matching(word & TAG), portable.matching_portable(word & TAG));
            assert_eq!(ghosts.look(), portable.look_portable());
        }
    }
}
