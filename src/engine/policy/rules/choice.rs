//! Policies that compare what entries are worth, or when they were used: among the entries of the
//! key's pair of sets, and of the hand's if these are few, the one goes that is worth least.

use super::{Policy, PolicyState, step_of, visit::Victim};
use crate::{
    engine::index::{
        hints::{STAMPS, Segment, Standing},
        sets::{Index, Loc},
        word::{SLOTS, Word},
    },
    types::eviction::EvictionPolicy,
};
use std::sync::atomic::Ordering::Relaxed;

/// One in this many evictions takes an entry that was not used, if there is one.
const AGING: u32 = 3;

/// [`EvictionPolicy::SizeAware`] divides what an entry is worth by the time for which it was not
/// used, plus this number of steps. Otherwise small entries that were used once stay for ever.
const YOUNG: u64 = 2;

/// The least number of entries to compare, and the maximum number of pairs of sets to look at for
/// them.
const CANDIDATES: usize = if cfg!(larder_loom) { 2 } else { 16 };
const PAIRS: usize = 64;

/// What an entry is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    /// More points are worth more.
    Points(u64),
    /// It must stay.
    Priceless,
}

impl Policy {
    /// Returns the least worthy of the members of a pair of sets, and of more pairs if these are
    /// few.
    #[cold]
    pub(crate) fn least_worthy(
        &self,
        state: &PolicyState,
        index: &Index,
        home: usize,
        worth: &dyn Fn(Word, Standing) -> Worth,
    ) -> Option<Victim> {
        // At times an unused entry goes, whatever it is worth. Otherwise entries that are worth
        // much and are never used again would fill the cache.
        let by_age = self.evictions(state).is_multiple_of(AGING);
        let mut least = None;
        let (mut pairs, mut looked_at) = ([home; PAIRS], 0);
        let mut candidates = 0;
        while looked_at < PAIRS.min(index.len() / 2) && candidates < CANDIDATES {
            if looked_at > 0 {
                // Two sets on, since the next one may be of the same pair.
                let _ = self.next_set(state, index);
                pairs[looked_at] = self.next_set(state, index);
            }
            let pair = pairs[looked_at];
            looked_at += 1;
            for member in members(index, pair) {
                let Worth::Points(points) = worth(member.word, member.standing) else { continue };
                candidates += 1;
                let points = match self.rules {
                    EvictionPolicy::SizeAware => points / (self.idle(state, index, member) + YOUNG),
                    _ => points,
                };
                let rank = match self.rules {
                    EvictionPolicy::Lru => (true, self.recency(state, index, member)),
                    _ => (!(by_age && member.standing.uses == 0), points),
                };
                if least.is_none_or(|(_, other)| rank < other) {
                    least = Some((member, rank));
                }
            }
        }
        let (victim, _) = least?;
        if self.rules != EvictionPolicy::Lru {
            for &pair in &pairs[..looked_at] {
                members(index, pair).filter(|other| other.loc != victim.loc).for_each(|other| {
                    self.wear_off(state, index, other);
                });
            }
        }
        Some(victim)
    }

    /// Returns how recently a member was used; a higher number is more recent. A member that was
    /// used since the last look counts as used now.
    fn recency(&self, state: &PolicyState, index: &Index, member: Victim) -> u64 {
        if member.standing.uses > 0 {
            self.spare(state, index, member.loc, 0, Standing { uses: 0, ..member.standing });
            return STAMPS.into();
        }
        let stamp = index.hints(member.loc).stamp(member.loc.slot());
        let age = self.times(state).age(Segment::Protected, stamp);
        u64::from(STAMPS - 1 - age)
    }

    /// Returns for how long a member was not used, in steps of protected's clock.
    fn idle(
        &self,
        state: &PolicyState,
        index: &Index,
        Victim { loc, standing, .. }: Victim,
    ) -> u64 {
        if standing.uses > 0 {
            return 0;
        }
        let now = step_of(state.pushes[1].load(Relaxed));
        (now.wrapping_sub(index.hints(loc).stamp(loc.slot())) % STAMPS).into()
    }

    /// Lowers a member's counter of uses by one, after its uses have earned their merit. A member
    /// that was used is stamped with the time of this look.
    fn wear_off(&self, state: &PolicyState, index: &Index, Victim { loc, standing, .. }: Victim) {
        let hints = index.hints(loc);
        let stamp = match standing.uses {
            0 => hints.stamp(loc.slot()),
            _ => step_of(state.pushes[1].load(Relaxed)),
        };
        let uses = standing.uses.saturating_sub(1);
        let next = Standing { uses, merit: standing.earned(), ..standing };
        hints.begin(loc.slot(), next, stamp);
    }
}

fn members(index: &Index, home: usize) -> impl Iterator<Item = Victim> {
    [home, home ^ 1].into_iter().flat_map(move |number| {
        let set = index.set(number);
        (0..SLOTS).filter_map(move |slot| {
            let (loc, word) = (Loc::new(number, slot), set.word(slot));
            let standing = set.hints.standing(slot);
            word.is_member().then_some(Victim { loc, word, standing })
        })
    })
}
