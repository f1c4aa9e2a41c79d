//! Which optional parts a cache has, in one word.
//!
//! Most of what an operation could have to do belongs to a part that most caches never get: deadlines, groups,
//! a listener, weights, more than one floor. An operation reads this word and leaves out, with one test, all
//! that belongs to parts that are not there. A lookup reads it once; so a plain hit pays for no part.
//!
//! # Who sets a bit, and when
//!
//! A bit is set once and never cleared. It says that the part may be in use, not that it is: whoever finds the
//! bit goes on as if there was no such word, and looks at the part itself.
//!
//! ```text
//! Times        a shard has deadlines       by rule, when the cache is built; or by the first entry that is told
//!                                          when it ends, before it is told (`expire.rs`)
//! Reads        reads move deadlines        with the cache, or with the first such rule, before the rule is set
//! Groups       births and tags             before the making of them is announced (`sweep.rs`, `groups.rs`)
//! Generations  a shard counts them         before one is read that is handed out (`generations.rs`)
//! Grown        more than the ground floor  before the height is raised (`storeys.rs`)
//! Loads        a load was posted           before the first post (`fill.rs`)
//! Resized      the capacity was set anew   before it is: a debt comes from nothing else (`budget.rs`)
//! Listener     somebody hears of removals  with the cache
//! Weights      entries are weighed, or have costs   with the cache
//! ```
//!
//! *Everybody who is about to use a part sees to its bit*, and not only the thread that has made the part: that
//! one may be stopped in between. [`Parts::make`] does so for what is a [`Late`].
//!
//! # Why who has not seen a bit is right
//!
//! The bit is set by a read-modify-write (AcqRel) before the first use of the part, and read with Acquire. So
//! whoever learns of that use, by whatever Acquire that reads what the user of the part released (a slot, the
//! end of a grace period, the caller's own means), and reads the word after that, finds the bit. And who finds
//! the bit finds the part.
//!
//! *A lookup* reads the word before it looks at the index. If a bit is not set, nothing of
//! that part was in use when the lookup began, and it may come before whatever has begun to use it since:
//!
//! - *Times.* The entry that it finds had no deadline when the lookup began, or was not there yet. If it was,
//!   the lookup comes before the touch. If not, the lookup comes right after the insert, whose entry has its
//!   whole time before it at that moment. (An entry that has no time at all is never published.)
//! - *Groups.* The lookup comes before the first invalidation, as one does that finds no groups: see
//!   `groups.rs`, which asks that the look whether the cache is armed comes before the look at the index. Nobody
//!   who has learned of the invalidation, or of somebody who has taken the entry for stale, misses the bit.
//! - *Grown.* No key was above the ground floor when the lookup began. If it does not find its key on the ground,
//!   the key was absent then, or was removed from the ground since; keys do not change floors. So there was a
//!   moment without it.
//! - *Reads.* A rule holds for what begins after it was set.
//!
//! *A writer* may come to work on what others have made since it began: an entry that it finds, a node that it is
//! given. Therefore it reads the word more than once:
//!
//! - after its pin, for Loads (the SeqCst fence of the pin pairs with that of the post, `flights.rs`: if the bit
//!   is not seen, the load sees what was written before) and for Groups, Grown as a lookup does;
//! - after it was given its node, for Times, Generations and Groups: the node's last owner may have known of a
//!   column, and then so does this one, through the grace period that ended in between. For Groups this serves
//!   the second look, too: who does not see the bit then was pinned before the groups were announced;
//! - after it has unpinned, for Resized;
//! - after the swap, if the cause for which the old value leaves is to be exact to the moment.
//!
//! Late knowledge is never wrong in the other direction: a bit without its part costs the way around.
//!
//! # Progress
//!
//! Wait-free.

use crate::{
    engine::{
        storage::late::Late,
        testing::plant::{Bug, planted},
    },
    sync::{AtomicU32, Ordering},
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
    /// There may be more than the ground floor.
    Grown = 1 << 3,
    /// Nodes may have generations.
    Generations = 1 << 4,
    /// Loads may be in flight.
    Loads = 1 << 5,
    /// There may be credits to be taken back.
    Resized = 1 << 6,
    /// Somebody hears of what leaves.
    Listener = 1 << 7,
    /// Entries have weights, or costs.
    Weights = 1 << 8,
}

/// Some parts: those that a thread has found, for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartSet(u32);

impl PartSet {
    /// Those that may change what a lookup finds.
    pub(crate) const OF_LOOKUPS: PartSet =
        PartSet(Part::Times as u32 | Part::Groups as u32 | Part::Grown as u32);

    /// Those for which a lookup has to do more than to look at the deadline of what it finds.
    pub(crate) const OF_DETOURS: PartSet =
        PartSet(Part::Reads as u32 | Part::Groups as u32 | Part::Grown as u32);

    /// Those for which something is due when a write begins.
    pub(crate) const OF_UPKEEP: PartSet = Self::OF_LOOKUPS;

    /// Those that may change what the entry of a node counts for that was found in the index.
    pub(crate) const OF_STANDINGS: PartSet = PartSet(Part::Times as u32 | Part::Groups as u32);

    /// Those that keep something about each node, and look at an entry again when it has been published.
    pub(crate) const OF_NODES: PartSet =
        PartSet(Self::OF_STANDINGS.0 | Part::Generations as u32 | Part::Weights as u32);

    /// Those for which an entry that leaves is more than a node and a place.
    pub(crate) const OF_DEPARTURES: PartSet =
        PartSet(Self::OF_STANDINGS.0 | Part::Weights as u32 | Part::Listener as u32);

    /// Those that a write in a straight line does not know of.
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

    /// Whether there is any of `parts`.
    #[inline(always)]
    pub(crate) fn has_any_of(self, parts: PartSet) -> bool {
        self.0 & parts.0 != 0
    }
}

/// The parts of one cache.
#[derive(Debug)]
pub(crate) struct Parts(AtomicU32);

impl Parts {
    /// None, but for those that the cache is built with.
    pub(crate) fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        Self(AtomicU32::new(parts.into_iter().fold(0, |all, part| all | part as u32)))
    }

    /// The parts that there are now.
    #[inline(always)]
    pub(crate) fn now(&self) -> PartSet {
        PartSet(self.0.load(Ordering::Acquire))
    }

    /// Says that a part may be in use; before it is.
    #[inline]
    pub(crate) fn announce(&self, part: Part) {
        if !self.now().has(part) {
            self.0.fetch_or(part as u32, Ordering::AcqRel);
        }
    }

    /// A part that was made, by `make` if it was not there, and announced.
    pub(crate) fn make<'l, T, E>(
        &self,
        part: Part,
        late: &'l Late<T>,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<&'l T, E> {
        let left_to_maker = planted(Bug::PartLeftToMaker) && late.get().is_some();
        let made = late.get_or_try_make(make)?;
        if !left_to_maker {
            self.announce(part);
        }
        Ok(made)
    }
}
