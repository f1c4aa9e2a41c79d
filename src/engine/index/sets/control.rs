//! The steps on control words: settling, bumping, sealing and forgetting. Why they are right is
//! said in `sets.rs`, "One copy per key" and "Stale control words".

use super::{Departure, Home, Index, Loc};
use crate::{
    engine::index::word::{Control, Kind, NodeId, Word},
    sync::Ordering,
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
};

impl Index {
    /// The control word of a set.
    #[inline(always)]
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn control(&self, set: usize) -> Control {
        self.set(set).control()
    }

    /// The control word of a set, with the insert that it names published (steps 1 and 2).
    #[inline(always)]
    pub(crate) fn settled(&self, home: Home<'_>) -> Control {
        let control = home.control();
        // That of the set's first slot if none is named.
        let slot = control.slot_decided();
        if control.names_next_door() || home.set.word(slot).kind() == Kind::Tentative {
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
        if word.kind() != Kind::Tentative || self.layout.node(word) != node {
            return;
        }
        // See "Stale control words". Acquire of the slot's load keeps this one behind it.
        if home.control() == control || planted(Bug::SettleUnchecked) {
            // Failure: somebody else published it.
            let _ = set.swap(place.slot, word, word.into_member(), Ordering::AcqRel);
        }
    }

    /// Makes every insert that has read the control word of `home`, and has not decided, look
    /// again; what was decided before is published when this returns (`fill.rs`). Returns the word
    /// as it was.
    #[cold]
    pub(crate) fn bump(&self, home: Home<'_>) -> Control {
        let word = &home.set.control;
        loop {
            let unsettled = planted(Bug::BumpUnsettled);
            let control = if unsettled { home.control() } else { self.settled(home) };
            let (old, new) = (control.bits(), control.bump().bits());
            if planted(Bug::SkipBump)
                || word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                return control;
            }
        }
    }

    /// Lets nothing more be decided in the set `home`; what was decided is published when this
    /// returns (`storeys.rs`).
    pub(crate) fn seal(&self, home: Home<'_>) {
        let word = &home.set.control;
        loop {
            let unsettled = planted(Bug::SealUnsettled);
            let control = if unsettled { home.control() } else { self.settled(home) };
            if control.is_sealed() {
                return;
            }
            let (old, new) = (control.bits(), control.seal().bits());
            // Acquire: the seal comes after every decision. Release: who finds the set sealed knows
            // what this thread knows, above all that there is another storey.
            if word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                step(Step::Sealed);
                return;
            }
        }
    }

    /// Has the control word of a set, which was `control`, forget a node that this thread owns, and
    /// returns what the word is then.
    #[inline(always)]
    pub(crate) fn disown(&self, home: Home<'_>, control: Control, node: NodeId) -> Control {
        if control.names(node) { self.disown_stale(home, control, node) } else { control }
    }

    #[cold]
    fn disown_stale(&self, home: Home<'_>, control: Control, node: NodeId) -> Control {
        if planted(Bug::SkipDisown) {
            return control;
        }
        let word = &home.set.control;
        let mut now = control;
        loop {
            let new = now.forget(node, false);
            if new == now {
                // Somebody else was decided: the name is gone, and so is the chance to decide.
                return control;
            }
            // Release: who reads the new word must not miss what this thread saw published.
            match word.compare_exchange(now.bits(), new.bits(), Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return if now == control { new } else { control },
                Err(bits) => now = Control::from_bits(bits),
            }
        }
    }

    /// Makes the control word forget a displaced key that left its slot, or the node of one that
    /// was replaced: to be done before the node is retired.
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
        // Relaxed suffices: the member word was read with Acquire and published after its decision,
        // so this load sees that decision or a later word.
        let mut now = Control::from_bits(control.load(Ordering::Relaxed));
        loop {
            let new = now.forget(node, undisplaced);
            if new == now {
                return;
            }
            // Release: who reads the new word must not miss what this thread saw published.
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
