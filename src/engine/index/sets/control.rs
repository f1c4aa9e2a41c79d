//! The steps on control words: settling, deciding, bumping, sealing and forgetting. The reasons why
//! they are right are in the header of `sets.rs`, "One copy per key" and "Stale control words".

use super::{Claim, Departure, Home, Index, Loc};
use crate::{
    engine::index::word::{Control, DecidedSlot, NodeId, Word, WordKind},
    sync::Ordering,
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};
use std::ptr;

impl Index {
    /// Returns the control word of a set.
    #[inline(always)]
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn control(&self, set: usize) -> Control {
        self.set(set).control()
    }

    /// Returns the control word of a set, after the insert that it names was published (steps 1 and
    /// 2).
    #[inline(always)]
    pub(crate) fn settled(&self, home: Home<'_>) -> Control {
        let control = home.control();
        // If no insert is named, this is slot 0.
        let slot = control.slot_decided();
        if control.names_next_door() || home.set.word(slot).kind() == WordKind::Tentative {
            self.settle(home, control);
        }
        control
    }

    #[cold]
    #[inline(never)]
    fn settle(&self, home: Home<'_>, control: Control) {
        if planted(Bug::SkipSettle) {
            return;
        }
        let Some((node, place)) = control.decided() else { return };
        let set = if place.displaced { self.neighbour(home.set) } else { home.set };
        let word = set.word(place.slot);
        if word.kind() != WordKind::Tentative || self.layout.node(word) != node {
            return;
        }
        // See "Stale control words". The Acquire load of the slot above pairs with the Release of
        // the claim, and keeps this load of the control word behind it.
        if home.control() == control || planted(Bug::SettleUnchecked) {
            // AcqRel: pairs with the Acquire in `Set::word`; the node's content is visible.
            // Failure: another thread has published it.
            let _ = set.swap(place.slot, word, word.into_member(), Ordering::AcqRel);
        }
    }

    /// Decides an insert (step 5) that found its key absent after it had read `control`. Returns
    /// `false` if the control word has changed since.
    #[inline(always)]
    #[must_use]
    pub(crate) fn decide(home: Home<'_>, control: Control, claim: &Claim<'_>) -> bool {
        if planted(Bug::SkipDecide) {
            return true;
        }
        debug_assert!(!control.is_sealed(), "a decision in a sealed set");
        let displaced = !ptr::eq(claim.set, home.set) && !planted(Bug::DisplacedUncounted);
        let decided = control.decide(claim.node, DecidedSlot { slot: claim.slot, displaced });
        let (old, new) = (control.bits(), decided.bits());
        let word = &home.set.control;
        // AcqRel: pairs with the Acquire in `Set::control`; what this thread has seen published,
        // and its own claim, are visible with the decision.
        // Failure, Relaxed: the insert reads the word again.
        let decided = word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        if decided {
            step(Step::Decided);
        }
        decided
    }

    /// Makes every insert that has read the control word of `home`, and has not decided, look
    /// again. When this returns, every insert that was decided before is published (`fill.rs`).
    /// Returns the word as it was.
    #[cold]
    pub(crate) fn bump(&self, home: Home<'_>) -> Control {
        let word = &home.set.control;
        loop {
            let unsettled = planted(Bug::BumpUnsettled);
            let control = if unsettled { home.control() } else { self.settled(home) };
            let (old, new) = (control.bits(), control.bump().bits());
            // AcqRel: pairs with the Acquire in `Set::control`; an insert that has read an earlier
            // word cannot decide, and one that reads this word sees what this thread did before.
            // Failure, Relaxed: the loop reads the word again.
            if planted(Bug::SkipBump)
                || word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                return control;
            }
        }
    }

    /// Ends all decisions in the set `home`. The last insert that was decided there may not be
    /// published yet: the sealed word names it, so a write settles it before it looks (`tiers.rs`).
    pub(crate) fn seal(home: Home<'_>) {
        let word = &home.set.control;
        loop {
            let control = home.control();
            if control.is_sealed() {
                return;
            }
            let (old, new) = (control.bits(), control.seal().bits());
            // AcqRel. Acquire: pairs with the AcqRel in `Index::decide`; the seal comes after every
            // decision. Release: pairs with the Acquire in `Set::control`; a thread that finds the
            // set sealed sees what this thread has seen, above all that there is another tier.
            // Failure, Relaxed: the loop reads the word again.
            if word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                step(Step::Sealed);
                return;
            }
        }
    }

    /// Makes the control word of a set, which was `control`, forget a node that this thread owns.
    /// Returns the word after that, or `control` if another thread has changed it.
    #[inline(always)]
    pub(crate) fn clear_name(&self, home: Home<'_>, control: Control, node: NodeId) -> Control {
        if control.names(node) { self.clear_stale_name(home, control, node) } else { control }
    }

    #[cold]
    fn clear_stale_name(&self, home: Home<'_>, control: Control, node: NodeId) -> Control {
        if planted(Bug::SkipDisown) {
            return control;
        }
        let word = &home.set.control;
        let mut now = control;
        loop {
            let new = now.forget(node, false);
            if new == now {
                // The word has changed and does not name the node. A decision that expects
                // `control` fails now.
                return control;
            }
            // AcqRel: pairs with the Acquire in `Set::control`; a thread that reads the new word
            // sees what this thread has seen published.
            // Failure, Relaxed: the word is only compared again.
            match word.compare_exchange(now.bits(), new.bits(), Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return if now == control { new } else { control },
                Err(bits) => now = Control::from_bits(bits),
            }
        }
    }

    /// Makes the control word forget a displaced key that left its slot, or the node of one that
    /// was replaced. Call before the node is retired.
    #[inline(always)]
    pub(crate) fn forget(&self, loc: Loc, word: Word, departure: Departure) {
        if word.is_displaced() {
            self.forget_displaced(loc, word, departure);
        }
    }

    #[cold]
    fn forget_displaced(&self, loc: Loc, word: Word, departure: Departure) {
        let undisplaced = departure == Departure::Key;
        let node = self.layout.node(word);
        let control = &self.set(loc.home(word)).control;
        // Relaxed: the member word was read with Acquire and published after its decision, so this
        // load sees that decision or a later word.
        let mut now = Control::from_bits(control.load(Ordering::Relaxed));
        loop {
            let new = now.forget(node, undisplaced);
            if new == now {
                return;
            }
            // AcqRel: pairs with the Acquire in `Set::control`; a thread that reads the new word
            // sees what this thread has seen published, and that the key has left its slot.
            // Failure, Relaxed: the word is only compared again.
            match control.compare_exchange(
                now.bits(),
                new.bits(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(bits) => now = Control::from_bits(bits),
            }
        }
    }
}
