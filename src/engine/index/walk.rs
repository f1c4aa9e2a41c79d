//! Walks over buckets: for what is to be given up, and for those who want to see everything.

use super::{Found, Index, Loc};
use crate::engine::word::{SLOTS, Word};

/// The members of one bucket.
pub(crate) struct Members<'i> {
    index: &'i Index,
    bucket: usize,
    slot: usize,
}

impl<'i> Iterator for Members<'i> {
    type Item = Found<'i>;

    fn next(&mut self) -> Option<Found<'i>> {
        while self.slot < SLOTS {
            let loc = Loc::new(self.bucket, self.slot);
            self.slot += 1;
            let word = self.index.word(loc);
            if word.is_member() {
                let node = self.index.layout.node(word);
                return Some(Found { slot: self.index.slot(loc), word, node });
            }
        }
        None
    }
}

impl Index {
    /// The member of a home bucket that was used least, to be given up for a new key; not one that
    /// `pinned` says must stay.
    #[cold]
    pub(crate) fn least_used(
        &self,
        home: usize,
        pinned: &dyn Fn(Word) -> bool,
    ) -> Option<(Loc, Word)> {
        let mut least: Option<(Loc, Word)> = None;
        for slot in 0..SLOTS {
            let loc = Loc::new(home, slot);
            let word = self.word(loc);
            if word.is_member()
                && !pinned(word)
                && least.is_none_or(|(_, least)| word.uses() < least.uses())
            {
                least = Some((loc, word));
            }
        }
        least
    }

    /// Any member, searching from bucket `start` on.
    #[cold]
    pub(crate) fn any_member(
        &self,
        start: usize,
        pinned: &dyn Fn(Word) -> bool,
    ) -> Option<(Loc, Word)> {
        let len = self.buckets.len();
        for i in 0..len {
            let found = self.least_used((start + i) % len, pinned);
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// The members of one bucket, as they are now; None behind the last bucket.
    pub(crate) fn members_of(&self, bucket: usize) -> Option<Members<'_>> {
        (bucket < self.buckets.len()).then_some(Members { index: self, bucket, slot: 0 })
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
