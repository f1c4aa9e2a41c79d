//! Walks over buckets: for what is to be given up, and for those who want to see everything.

use super::{Found, Index, Loc};
use crate::engine::word::{SLOTS, Word};

impl Index {
    /// The member of a home bucket that was used least, to be given up for a new key; not one that
    /// `pinned` says must stay.
    #[cold]
    pub(crate) fn least_used(
        &self,
        home: usize,
        pinned: impl Fn(Word) -> bool,
    ) -> Option<(Loc, Word)> {
        (0..SLOTS)
            .map(|slot| Loc::new(home, slot))
            .map(|loc| (loc, self.word(loc)))
            .filter(|&(_, word)| word.is_member() && !pinned(word))
            .min_by_key(|(_, word)| word.uses())
    }

    /// Any member, searching from bucket `start` on.
    #[cold]
    pub(crate) fn any_member(
        &self,
        start: usize,
        pinned: impl Fn(Word) -> bool + Copy,
    ) -> Option<(Loc, Word)> {
        let len = self.buckets.len();
        (0..len).find_map(|i| self.least_used((start + i) % len, pinned))
    }

    /// The members of one bucket, as they are now; None behind the last bucket.
    pub(crate) fn members_of(&self, bucket: usize) -> Option<impl Iterator<Item = Found<'_>> + '_> {
        (bucket < self.buckets.len()).then(|| {
            (0..SLOTS).filter_map(move |slot| {
                let loc = Loc::new(bucket, slot);
                let word = self.word(loc);
                word.is_member().then(|| {
                    let node = self.layout.node(word);
                    Found { slot: self.slot(loc), word, node }
                })
            })
        })
    }

    /// Every slot, for the invariant checker.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn words(&self) -> impl Iterator<Item = (Loc, Word)> + '_ {
        (0..self.buckets.len()).flat_map(move |bucket| {
            (0..SLOTS).map(move |slot| {
                let loc = Loc::new(bucket, slot);
                (loc, self.word(loc))
            })
        })
    }
}
