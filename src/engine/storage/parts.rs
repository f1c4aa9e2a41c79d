//! Which optional parts a cache has, in one word.
//!
//! Most of what an operation could have to do belongs to parts that most caches never have:
//! deadlines, groups, a listener, weights, more than one tier. An operation reads this word and
//! leaves out, with one test, all that belongs to missing parts. A lookup reads it once; so a plain
//! hit pays for no part.
//!
//! # When a bit is set
//!
//! A bit is set once and never cleared. It says that the part may be in use, not that it is: a
//! thread that finds the bit goes on as if this word did not exist, and looks at the part itself.
//!
//! ```text
//! Times        a shard has deadlines       by rule, when the cache is built; or by the first entry
//!                                          that gets an end, before it gets it (`expire.rs`)
//! Reads        reads move deadlines        with the cache; or before the first such rule is set
//! Clocked      lookups ask the clock,      before Times (`expire.rs`)
//!              since it gives no leases
//! Groups       births and tags             before they are announced (`sweep.rs`, `groups.rs`)
//! Generations  a shard counts them         before one is read to be handed out (`generations.rs`)
//! Grown        more than the first tier  before the height is raised (`tiers.rs`)
//! Loads        a load was posted           before the first post (`fill.rs`)
//! Resized      the capacity was changed    before it is: a debt has no other cause (`budget.rs`)
//! Listener     removals are told           with the cache
//! Weights      weights, or costs           with the cache
//! ```
//!
//! *Each thread that is about to use a part makes sure of its bit*, and not only the thread that
//! has made the part: that one may be stopped in between. [`Parts::make`] does so for a [`OnceBox`]
//! part.
//!
//! # Why a thread that has not seen a bit is right
//!
//! The bit is set by a read-modify-write (AcqRel) before the first use of the part, and read with
//! Acquire. So a thread that learns of that use, by any Acquire that reads what the user of the
//! part released (a slot, the end of a grace period, the caller's own means), and reads the word
//! after that, finds the bit. And a thread that finds the bit finds the part.
//!
//! *A lookup* reads the word before it looks at the index. If a bit is not set, nothing of that
//! part was in use when the lookup began, and the lookup may be ordered before any use that has
//! begun since:
//!
//! - *Times.* The entry that it finds had no deadline when the lookup began, or was not there yet.
//!   If it was, the lookup is ordered before the touch. If not, the lookup is ordered right after
//!   the insert, whose entry has its whole time before it at that moment. (An entry that has no
//!   time left is never published.)
//! - *Groups.* The lookup is ordered before the first invalidation, like one that finds no groups:
//!   see `groups.rs`, which requires that the look whether the cache is armed comes before the look
//!   at the index. A thread that has learned of the invalidation, or of a thread that has taken the
//!   entry for invalidated, does not miss the bit.
//! - *Grown.* No key was above the first tier when the lookup began. If it does not find its key in
//!   the first tier, the key was absent then, or was removed from the first tier since; keys do not
//!   change tiers. So there was a moment without it.
//! - *Reads.* A rule holds for operations that begin after it was set.
//! - *Clocked.* Whatever a lease says of a deadline that the lookup meets nevertheless, the entry
//!   counts as live by the argument for *Times*, or the clock is asked.
//!
//! *A writer* may work on what other threads have made since it began: an entry that it finds, a
//! node that it is given. Therefore it reads the word more than once:
//!
//! - after its pin, for Loads (the SeqCst fence of the pin pairs with that of the post,
//!   `flights.rs`: if the bit is not seen, the load sees what was written before), and for Groups
//!   and Grown as a lookup does;
//! - after it was given its node, for Times, Generations and Groups: the node's last owner may have
//!   known of a column, and then so does this one, through the grace period that ended in between.
//!   For Groups this also serves the second look: a thread that does not see the bit then was
//!   pinned before the groups were announced;
//! - after it has unpinned, for Resized;
//! - after the swap, if the cause for which the old value leaves is to be exact to the moment.
//!
//! A bit without its part does no harm: it costs the longer path.
//!
//! # Progress
//!
//! Wait-free.

use crate::{
    engine::storage::once_box::OnceBox,
    sync::{AtomicU32, Ordering},
    testing::plant::{Bug, planted},
};

/// A part that a cache may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Part {
    /// Entries may have deadlines.
    Times = 1 << 0,
    /// Lookups may move deadlines.
    Reads = 1 << 1,
    /// Entries may have births and tags.
    Groups = 1 << 2,
    /// There may be more than the first tier.
    Grown = 1 << 3,
    /// Nodes may have generations.
    Generations = 1 << 4,
    /// Loads may be under way.
    Loads = 1 << 5,
    /// There may be a debt of credits.
    Resized = 1 << 6,
    /// A listener is told of removals.
    Listener = 1 << 7,
    /// Entries have weights, or costs.
    Weights = 1 << 8,
    /// Lookups compare deadlines with the clock itself, not with a lease.
    Clocked = 1 << 9,
}

/// A set of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartSet(u32);

impl PartSet {
    /// Parts that may change what a lookup finds.
    pub(crate) const OF_LOOKUPS: PartSet =
        PartSet(Part::Times as u32 | Part::Groups as u32 | Part::Grown as u32);

    /// Parts for which a lookup in a cache with deadlines has to do more than to compare that of
    /// what it finds with its thread's lease.
    pub(crate) const OF_DETOURS: PartSet = PartSet(
        Part::Groups as u32 | Part::Grown as u32 | Part::Reads as u32 | Part::Clocked as u32,
    );

    /// Parts for which work may be due when a write begins.
    pub(crate) const OF_UPKEEP: PartSet = Self::OF_LOOKUPS;

    /// Parts that may make an entry that is in the index count as absent.
    pub(crate) const OF_STANDINGS: PartSet = PartSet(Part::Times as u32 | Part::Groups as u32);

    /// Parts that keep something about each node, or look at an entry again after it is published.
    pub(crate) const OF_NODES: PartSet =
        PartSet(Self::OF_STANDINGS.0 | Part::Generations as u32 | Part::Weights as u32);

    /// Parts for which more than a node and a slot is to be dealt with when an entry leaves.
    pub(crate) const OF_DEPARTURES: PartSet =
        PartSet(Self::OF_STANDINGS.0 | Part::Weights as u32 | Part::Listener as u32);

    /// Parts that the straight-line path of a write does not handle.
    pub(crate) const OF_WRITES: PartSet =
        PartSet(Self::OF_NODES.0 | Self::OF_DEPARTURES.0 | Part::Grown as u32);

    #[inline(always)]
    pub(crate) const fn and(self, part: Part) -> Self {
        Self(self.0 | part as u32)
    }

    #[inline(always)]
    pub(crate) fn has(self, part: Part) -> bool {
        self.0 & part as u32 != 0
    }

    /// Returns whether any of `parts` is in the set.
    #[inline(always)]
    pub(crate) fn has_any_of(self, parts: PartSet) -> bool {
        self.0 & parts.0 != 0
    }
}

/// The parts of one cache.
#[derive(Debug)]
pub(crate) struct Parts(AtomicU32);

impl Parts {
    /// Sets the bits of the parts that the cache is built with.
    pub(crate) fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        Self(AtomicU32::new(parts.into_iter().fold(0, |all, part| all | part as u32)))
    }

    /// Returns the parts that may be in use now.
    #[inline(always)]
    pub(crate) fn now(&self) -> PartSet {
        // Acquire: pairs with the AcqRel in `announce`; keeps the look at the index after it.
        PartSet(self.0.load(Ordering::Acquire))
    }

    /// Announces that a part may be in use. Call before the first use.
    #[inline]
    pub(crate) fn announce(&self, part: Part) {
        if !self.now().has(part) {
            // AcqRel: pairs with the Acquire in `now`; the part is visible with its bit.
            self.0.fetch_or(part as u32, Ordering::AcqRel);
        }
    }

    /// Returns a part, which `make` makes if it is missing, and announces it.
    pub(crate) fn make<'l, T, E>(
        &self,
        part: Part,
        cell: &'l OnceBox<T>,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&'l T, E> {
        let left_to_maker = planted(Bug::PartLeftToMaker) && cell.get().is_some();
        let made = cell.get_or_try_make(make)?;
        if !left_to_maker {
            self.announce(part);
        }
        Ok(made)
    }
}
