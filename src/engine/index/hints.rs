//! What the policy knows of a set: the standing of its members, and which keys have left.
//!
//! All of this is *hints*: plain loads and stores, by any thread at any time. A store that comes
//! late may hit the slot's next member, and of two stores that come at once one is lost. So hints
//! decide nothing except which entry is evicted, among entries that may all be evicted. Hence every
//! access is Relaxed, ABA does no harm, and no function retries: each one is wait-free.
//!
//! In models (`larder_loom`) they are atomics of the standard library, whose interleavings loom
//! does not explore: the protocols have to be right whatever is read here.

use super::{
    ghosts::{GHOSTS, Ghosts},
    word::SLOTS,
};
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering::Relaxed};

/// The maximum of the counter of uses.
pub(crate) const USES_MAX: u8 = 3;
/// The maximum merit.
pub(crate) const MERIT_MAX: u8 = 3;
/// Stamps are the policy's clocks modulo this.
pub(crate) const STAMPS: u8 = 128;

/// The uses are the highest bits, so that the largest numbers are those with [`USES_MAX`] uses.
const USES_SHIFT: u32 = 6;
const PROTECTED: u8 = STAMPS;

/// Which of the two segments an entry is or was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// The segment of new keys.
    Probation,
    /// The segment of keys that have proved worth keeping.
    Protected,
}

/// What the hints say of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) segment: Segment,
    /// Hits since the policy last looked, up to [`USES_MAX`].
    pub(crate) uses: u8,
    /// How often its key has proved itself, up to [`MERIT_MAX`].
    pub(crate) merit: u8,
}

impl Standing {
    /// Returns an estimate of how often the key was used: from 1 to 13.
    #[inline]
    pub(crate) fn frequency(self) -> u64 {
        u64::from(1 + self.uses + 3 * self.merit)
    }

    /// Returns an estimate with a wider range, from 1 to 64, for entries that differ in size. With
    /// a narrow one, a large entry that is always in use is worth less than small ones that are
    /// not.
    #[inline]
    pub(crate) fn wide_frequency(self) -> u64 {
        u64::from(1 + self.uses + 20 * self.merit)
    }

    /// Returns whether a member with this standing goes when its stay is over, whatever the others
    /// in its set are: it was not used, and has no merit that counts.
    #[inline(always)]
    pub(crate) fn is_expendable(self) -> bool {
        self.uses == 0 && (self.merit == 0 || self.segment == Segment::Protected)
    }

    /// Returns the merit, with one more if there were uses since the policy last looked.
    #[inline(always)]
    pub(crate) fn earned(self) -> u8 {
        (self.merit + u8::from(self.uses > 0)).min(MERIT_MAX)
    }
}

/// The second line of a set.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Hints {
    /// Uses and merit: `uu00 00mm`.
    worth: [AtomicU8; SLOTS],
    /// Segment and stamp: `psss ssss`.
    stay: [AtomicU8; SLOTS],
    ghosts: [AtomicU16; GHOSTS],
    left: AtomicU64,
}

impl Hints {
    #[cfg(any(test, larder_loom))]
    pub(crate) fn new() -> Self {
        let zero = || AtomicU8::new(0);
        Self {
            worth: std::array::from_fn(|_| zero()),
            stay: std::array::from_fn(|_| zero()),
            ghosts: std::array::from_fn(|_| AtomicU16::new(0)),
            left: AtomicU64::new(0),
        }
    }

    #[inline(always)]
    fn worth(&self, slot: usize) -> &AtomicU8 {
        debug_assert!(slot < SLOTS);
        // SAFETY: `slot` is less than `SLOTS`, as all slot numbers are (see `Set::slot`).
        unsafe { self.worth.get_unchecked(slot) }
    }

    #[inline(always)]
    fn stay(&self, slot: usize) -> &AtomicU8 {
        debug_assert!(slot < SLOTS);
        // SAFETY: `slot` is less than `SLOTS`, as all slot numbers are (see `Set::slot`).
        unsafe { self.stay.get_unchecked(slot) }
    }

    /// Returns segments and stamps of all slots, each as it was at some moment of the load. The
    /// last two bytes are not of slots.
    #[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
    #[inline(always)]
    pub(crate) fn load_stays(&self) -> std::arch::x86_64::__m128i {
        const { assert!(std::mem::offset_of!(Hints, stay) + 16 <= size_of::<Hints>()) };
        let stay;
        // SAFETY: the 16 bytes are atomics of this struct, within one cache line, as the assertion
        // says. The block only loads; what it returns for a byte is what a Relaxed load of that
        // byte could have returned (`scan.rs`).
        unsafe {
            std::arch::asm!(
                "movdqu {stay}, [{p}]",
                p = in(reg) (&raw const *self).cast::<u8>().add(std::mem::offset_of!(Hints, stay)),
                stay = out(xmm_reg) stay,
                options(nostack, readonly, preserves_flags),
            );
        }
        stay
    }

    /// Returns the ghosts: the keys that have left.
    #[inline(always)]
    pub(crate) fn ghosts(&self) -> Ghosts<'_> {
        Ghosts { words: &self.ghosts, left: &self.left }
    }

    /// Counts a use of a slot's member.
    #[inline(always)]
    pub(crate) fn touch(&self, slot: usize) {
        let worth = self.worth(slot);
        let seen = worth.load(Relaxed);
        if seen < USES_MAX << USES_SHIFT {
            worth.store(seen + (1 << USES_SHIFT), Relaxed);
        }
    }

    #[inline(always)]
    pub(crate) fn standing(&self, slot: usize) -> Standing {
        let (worth, stay) = (self.worth(slot).load(Relaxed), self.stay(slot).load(Relaxed));
        Standing {
            segment: if stay & PROTECTED == 0 { Segment::Probation } else { Segment::Protected },
            uses: worth >> USES_SHIFT,
            merit: worth & MERIT_MAX,
        }
    }

    /// Returns what the segment's clock showed when the member's stay began, plus what the policy
    /// has added.
    #[inline(always)]
    pub(crate) fn stamp(&self, slot: usize) -> u8 {
        self.stay(slot).load(Relaxed) & (STAMPS - 1)
    }

    /// Begins a member's stay in a segment.
    #[inline(always)]
    pub(crate) fn begin(&self, slot: usize, standing: Standing, stamp: u8) {
        let segment = if standing.segment == Segment::Protected { PROTECTED } else { 0 };
        self.worth(slot).store(standing.uses << USES_SHIFT | standing.merit, Relaxed);
        self.stay(slot).store(segment | stamp & (STAMPS - 1), Relaxed);
    }
}
