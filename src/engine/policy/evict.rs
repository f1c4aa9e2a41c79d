//! Who goes: the oldest entries, one by one, and what becomes of each.
//!
//! The rules are those of the parent module's header. Who takes a location out of a ring owns that
//! slot's link until it has ended it or put it into a ring again.

use super::{AGING, CANDIDATES, PROMOTE_USES, Pace, Policy, SPARED_MAX};
use crate::{
    engine::{
        index::{Index, Loc},
        ring::Ring,
        word::{Kind, Segment, Word},
    },
    eviction::EvictionPolicy,
    sync::Ordering,
};

/// An entry that the policy has taken out of the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evicted {
    pub(crate) loc: Loc,
    pub(crate) word: Word,
}

/// What an entry is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    /// To be compared with others'.
    Points(u64),
    /// It must stay.
    Priceless,
}

/// Where an eviction looks for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// At the heads of the rings.
    Heads,
    /// If there is nothing, at every position.
    Everywhere,
}

enum Verdict {
    /// Taken out of the index; the caller has its credit and its node.
    Evicted(Evicted),
    /// It was used: it got another turn.
    Spared,
    /// It moved to protected, whose oldest entry has to go in its stead.
    Outdid,
    /// Nobody was there: the ring entry is gone.
    Unlinked,
}

impl Policy {
    /// Evicts a slot whose link this thread owns; the link ends. False if the word changed.
    #[inline]
    pub(super) fn evict_slot(
        &self,
        pace: &Pace,
        index: &Index,
        segment: Segment,
        loc: Loc,
        word: Word,
    ) -> bool {
        let now = self.now(pace);
        let (clock, now) = match segment {
            Segment::Probation => (&pace.clocks[0], now.probation),
            Segment::Protected => (&pace.clocks[1], now.protected),
        };
        let evicted = index.evict(loc, word, segment, now);
        if evicted {
            // A lost tick does not matter, a locked instruction would.
            clock.store(clock.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
        evicted
    }

    /// Evicts one entry, not one that `pinned` says must stay; None if no ring has one to give. Should more have to go (see
    /// [`Policy::link`]), they go to `sink`.
    pub(crate) fn evict(
        &self,
        pace: &Pace,
        index: &Index,
        search: Search,
        worth: &impl Fn(Word) -> Worth,
        sink: &mut dyn FnMut(Evicted),
    ) -> Option<Evicted> {
        if matches!(
            self.rules,
            EvictionPolicy::Lfu | EvictionPolicy::SizeAware | EvictionPolicy::CostAware
        ) {
            return self.evict_least_worthy(pace, index, search, worth, sink);
        }
        let pinned = &|word| worth(word) == Worth::Priceless;
        let mut spared = 0;
        let mut from = None;
        // Twice: half as many again without a single member. Perhaps all that is left are claims of
        // inserts that are stopped, and those are not waited for.
        while spared < 2 * SPARED_MAX {
            let oldest = self.oldest(pace, from.take(), search)?;
            let must_go = spared >= SPARED_MAX;
            match self.judge(pace, index, oldest, must_go, pinned, sink) {
                Verdict::Evicted(evicted) => return Some(evicted),
                Verdict::Spared => spared += 1,
                Verdict::Outdid => {
                    spared += 1;
                    from = Some(Segment::Protected);
                }
                Verdict::Unlinked => {}
            }
        }
        None
    }

    /// Of the few oldest entries evicts the one that is worth least, and gives the others another turn
    /// with their counters one lower.
    #[cold]
    fn evict_least_worthy(
        &self,
        pace: &Pace,
        index: &Index,
        search: Search,
        worth: &dyn Fn(Word) -> Worth,
        sink: &mut dyn FnMut(Evicted),
    ) -> Option<Evicted> {
        // Slots whose links this thread owns.
        let mut held: [Option<(Loc, Word, Worth)>; CANDIDATES] = [None; CANDIDATES];
        let (mut count, mut seen) = (0, 0);
        while count < CANDIDATES && seen < 2 * SPARED_MAX {
            let Some((_, loc)) = self.oldest(pace, Some(Segment::Protected), search) else { break };
            seen += 1;
            let word = index.word(loc);
            match word.kind() {
                Kind::Member { .. } => {
                    held[count] = Some((loc, word, worth(word)));
                    count += 1;
                }
                Kind::Vacant if index.unlink(loc) => {}
                // Claimed by an insert that counts on this ring entry, or changed meanwhile.
                _ => self.link(pace, index, Segment::Protected, loc, sink),
            }
        }
        let mut evicted = None;
        // Now and then an unused one has to go, whatever it is worth: or those that are worth much and
        // never used again would come to fill the cache.
        let by_age = pace.clocks[1].load(Ordering::Relaxed).is_multiple_of(AGING);
        loop {
            let mut least = None;
            for (i, candidate) in held.iter().enumerate() {
                if let &Some((_, word, worth @ Worth::Points(_))) = candidate {
                    let rank = (!(by_age && word.uses() == 0), worth);
                    if least.is_none_or(|(_, other)| rank < other) {
                        least = Some((i, rank));
                    }
                }
            }
            let Some((least, _)) = least else { break };
            let (loc, word, _) = held[least].take()?;
            if self.evict_slot(pace, index, Segment::Protected, loc, word) {
                evicted = Some(Evicted { loc, word });
                break;
            }
            // It was used, replaced or removed at this moment.
            self.link(pace, index, Segment::Protected, loc, sink);
        }
        for &(loc, word, _) in held.iter().flatten() {
            // If the word has changed somebody is at work on the entry: let it be.
            let _ = index.spare(loc, word, word.uses().saturating_sub(1));
            self.link(pace, index, Segment::Protected, loc, sink);
        }
        evicted
    }

    /// Takes the oldest entry of the segment that has to give one, or of `from`.
    fn oldest(&self, pace: &Pace, from: Option<Segment>, search: Search) -> Option<(Segment, Loc)> {
        let order = match from.unwrap_or_else(|| self.giver(pace)) {
            Segment::Probation => [Segment::Probation, Segment::Protected],
            Segment::Protected => [Segment::Protected, Segment::Probation],
        };
        let take = |segment| {
            let (ring, ends) = self.segment(pace, segment);
            ring.pop(ends).map(|loc| (segment, loc))
        };
        let found = take(order[0]).or_else(|| take(order[1]));
        if search == Search::Heads { found } else { found.or_else(|| self.stranded()) }
    }

    #[cold]
    fn stranded(&self) -> Option<(Segment, Loc)> {
        let sweep = |segment, ring: &Ring| ring.sweep().map(|loc| (segment, loc));
        sweep(Segment::Probation, &self.probation)
            .or_else(|| sweep(Segment::Protected, &self.protected))
    }

    /// What becomes of a slot whose link this thread owns. Afterwards it does not own it any more.
    fn judge(
        &self,
        pace: &Pace,
        index: &Index,
        (segment, loc): (Segment, Loc),
        must_go: bool,
        pinned: &impl Fn(Word) -> bool,
        sink: &mut dyn FnMut(Evicted),
    ) -> Verdict {
        loop {
            let word = index.word(loc);
            match word.kind() {
                Kind::Member { uses } => {
                    let spared = match segment {
                        _ if pinned(word) => Some((Segment::Protected, uses, Verdict::Spared)),
                        _ if must_go => None,
                        _ if self.rules == EvictionPolicy::Lru && uses > 0 => {
                            Some((Segment::Protected, 0, Verdict::Spared))
                        }
                        Segment::Probation if uses >= PROMOTE_USES => {
                            Some((Segment::Protected, 0, Verdict::Spared))
                        }
                        Segment::Probation if self.outdoes_protected(pace, index, word) => {
                            Some((Segment::Protected, 0, Verdict::Outdid))
                        }
                        _ if uses == 0 => None,
                        // Used once: a second lap. Or used, in protected: a second chance.
                        _ => Some((segment, uses - 1, Verdict::Spared)),
                    };
                    match spared {
                        Some((next, uses, verdict)) if index.spare(loc, word, uses) => {
                            self.link(pace, index, next, loc, sink);
                            return verdict;
                        }
                        None if self.evict_slot(pace, index, segment, loc, word) => {
                            return Verdict::Evicted(Evicted { loc, word });
                        }
                        // The word changed: look again.
                        _ => {}
                    }
                }
                Kind::Vacant => {
                    if index.unlink(loc) {
                        return Verdict::Unlinked;
                    }
                }
                // Claimed while it was Vacant, by an insert that counts on this ring entry.
                Kind::Tentative { linked } => {
                    debug_assert!(linked, "an unlinked slot in a ring");
                    self.link(pace, index, Segment::Probation, loc, sink);
                    return Verdict::Spared;
                }
                Kind::Empty | Kind::Ghost { .. } => {
                    debug_assert!(false, "a free slot in a ring: {word:?} at {loc:?}");
                    return Verdict::Unlinked;
                }
            }
        }
    }

    /// Whether a member at the head of probation has more merit than the one at the head of
    /// protected, which was not used. A look, no more: that entry may be gone when its turn comes.
    #[inline]
    fn outdoes_protected(&self, pace: &Pace, index: &Index, word: Word) -> bool {
        let merit = if word.uses() > 0 { word.with_more_merit() } else { word }.merit();
        merit > 0
            && self.protected.peek(&pace.protected, 0).is_some_and(|loc| {
                let other = index.word(loc);
                other.is_member() && other.uses() == 0 && other.merit() < merit
            })
    }
}
