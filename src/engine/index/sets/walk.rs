//! Walks over sets: for the sweep, and for all that has to see every entry.

use super::{Found, Index};
#[cfg(any(test, fuzzing, larder_internals, larder_loom))]
use super::{Loc, Word};
use crate::engine::index::word::SLOTS;

/// The members of one set.
pub(crate) struct Members<'i> {
    index: &'i Index,
    set: usize,
    slot: usize,
}

impl<'i> Iterator for Members<'i> {
    type Item = Found<'i>;

    fn next(&mut self) -> Option<Found<'i>> {
        while self.slot < SLOTS {
            let (set, slot) = (self.index.set(self.set), self.slot);
            self.slot += 1;
            let word = set.word(slot);
            if word.is_member() {
                return Some(Found { set, slot, word, node: self.index.layout.node(word) });
            }
        }
        None
    }
}

impl Index {
    /// Returns the members of one set, each as it is when the iterator comes to it. `None` if there
    /// is no such set.
    pub(crate) fn members_of(&self, set: usize) -> Option<Members<'_>> {
        (set < self.sets.len()).then_some(Members { index: self, set, slot: 0 })
    }

    /// Returns what every slot holds, for the checker of invariants.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn words(&self) -> impl Iterator<Item = (Loc, Word)> + '_ {
        (0..self.sets.len()).flat_map(move |set| {
            (0..SLOTS).map(move |slot| (Loc::new(set, slot), self.set(set).word(slot)))
        })
    }
}
