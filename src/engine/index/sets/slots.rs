//! The steps on slots: replacing, claiming, ousting, publishing and removing. The reasons why they
//! are right are in the header of `sets.rs`.

use super::{Claim, Found, Home, Index, Loc, Set};
use crate::{
    engine::index::word::{NodeId, Probe, Word},
    sync::Ordering,
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};

impl Index {
    /// Replaces a member's node, which counts as a use. Returns `false` if the word has changed.
    #[inline(always)]
    #[must_use]
    pub(crate) fn replace(&self, found: Found<'_>, node: NodeId) -> bool {
        let new = self.layout.with_node(found.word, node);
        // AcqRel. Release: pairs with the Acquire in `Set::word`; the new node's content is
        // visible. Acquire: pairs with the Release by which the old node came here; its content is
        // visible to this thread, which retires it.
        let order = acq_rel_unless(Bug::ReplaceRelaxed);
        let replaced = found.set.swap(found.slot, found.word, new, order);
        if replaced {
            Self::touch(found);
            step(Step::Replaced);
        }
        replaced
    }

    /// Claims a free slot of the set `home` for an insert that found its key absent (step 4).
    /// Returns `None` if no slot is free. `vacant` has a bit for each slot that was seen without a
    /// member.
    #[inline(always)]
    pub(crate) fn claim<'i>(
        &self,
        home: Home<'i>,
        vacant: u32,
        hash: u64,
        node: NodeId,
    ) -> Option<Claim<'i>> {
        let word = self.layout.tentative(hash, node, false);
        if vacant != 0 {
            let slot = vacant.trailing_zeros() as usize;
            if Self::try_claim(home.set, slot, Word::FREE, word) {
                return Some(Claim { set: home.set, slot, word, node });
            }
        }
        let slot = Self::claim_any(home.set, word)?;
        Some(Claim { set: home.set, slot, word, node })
    }

    /// Claims a free slot of the neighbour of `home`, as [`Index::claim`] does at home. Returns
    /// `None` also if the count of displaced keys is at its maximum.
    #[cold]
    #[inline(never)]
    pub(crate) fn claim_next_door<'i>(
        &'i self,
        home: Home<'i>,
        hash: u64,
        node: NodeId,
    ) -> Option<Claim<'i>> {
        if !home.control().can_displace() {
            return None;
        }
        let set = self.neighbour(home.set);
        let next = Home { set };
        self.clear_name(next, next.control(), node);
        let word = self.layout.tentative(hash, node, true);
        let slot = Self::claim_any(set, word)?;
        Some(Claim { set, slot, word, node })
    }

    /// Claims any free slot of a set, and returns its number.
    #[inline(never)]
    fn claim_any(set: &Set, word: Word) -> Option<usize> {
        let mut free = set.line().matches(Probe::FREE);
        while free != 0 {
            let slot = free.trailing_zeros() as usize;
            if Self::try_claim(set, slot, Word::FREE, word) {
                return Some(slot);
            }
            free &= free - 1;
        }
        None
    }

    /// Claims the slot of a member of the home set, which evicts the member's entry. Returns `None`
    /// if the slot's word is not `old` any more.
    #[inline(always)]
    pub(crate) fn oust<'i>(
        &self,
        home: Home<'i>,
        loc: Loc,
        old: Word,
        hash: u64,
        node: NodeId,
    ) -> Option<Claim<'i>> {
        debug_assert_eq!(self.number(home), loc.set(), "a member of another set");
        let (set, slot) = (home.set, loc.slot());
        let word = self.layout.tentative(hash, node, false);
        if Self::try_claim(set, slot, old, word) {
            step(Step::Ousted);
            Some(Claim { set, slot, word, node })
        } else {
            None
        }
    }

    #[inline(always)]
    fn try_claim(set: &Set, slot: usize, old: Word, word: Word) -> bool {
        if planted(Bug::OustBlind) && old != Word::FREE {
            set.slot(slot).store(word.bits(), Ordering::Release);
            return true;
        }
        // AcqRel. Release: pairs with the Acquire in `Set::word`; the node's content is visible,
        // whichever thread publishes the word. Acquire: pairs with the Release by which an ousted
        // node came here; its content is visible to this thread, which retires it.
        let claimed = set.swap(slot, old, word, acq_rel_unless(Bug::PublishRelaxed));
        if claimed {
            step(Step::SlotClaimed);
        }
        claimed
    }

    /// Makes a decided insert visible (step 6).
    #[inline(always)]
    pub(crate) fn publish(claim: &Claim<'_>) {
        // AcqRel: pairs with the Acquire in `Set::word`; the node's content is visible.
        // Failure: another thread has settled it.
        let _ = claim.swap(claim.word.into_member(), acq_rel_unless(Bug::PublishRelaxed));
        step(Step::Published);
    }

    /// Takes back a claim that was not decided.
    pub(crate) fn abort(claim: &Claim<'_>) {
        // AcqRel, like every change of a slot; no thread relies on what the abort publishes.
        let aborted = claim.swap(Word::FREE, Ordering::AcqRel);
        debug_assert!(aborted, "only its owner touches an undecided claim");
    }

    /// Takes a member out of its slot: a removal, or an eviction. Returns `false` if the slot's
    /// word is not `word` any more.
    #[inline]
    #[must_use]
    pub(crate) fn remove(&self, loc: Loc, word: Word) -> bool {
        Self::remove_from(self.set(loc.set()), loc.slot(), word)
    }

    /// Takes a member that was found out of its slot, like [`Index::remove`].
    #[inline]
    #[must_use]
    pub(crate) fn remove_found(found: Found<'_>) -> bool {
        Self::remove_from(found.set, found.slot, found.word)
    }

    #[inline(always)]
    fn remove_from(set: &Set, slot: usize, word: Word) -> bool {
        if planted(Bug::RemoveBlind) {
            set.slot(slot).store(Word::FREE.bits(), Ordering::Release);
            return true;
        }
        // AcqRel. Acquire: pairs with the Release by which the node came here; its content is
        // visible to this thread, which retires it. Release: pairs with the Acquire in `Set::word`
        // and of the next claim; what this thread did before is visible with the free slot.
        let removed = set.swap(slot, word, Word::FREE, Ordering::AcqRel);
        if removed {
            step(Step::Unlinked);
        }
        removed
    }
}

#[inline(always)]
fn acq_rel_unless(bug: Bug) -> Ordering {
    if planted(bug) { Ordering::Relaxed } else { Ordering::AcqRel }
}
