//! Policies that compare what entries are worth, or when they were used: of a few that the key's
//! sets and the hand's have, the one goes that is worth least.

use super::{Pace, Policy, visit::Victim};
use crate::{
    engine::index::{
        hints::{STAMPS, Segment, Standing},
        sets::{Index, Loc},
        word::{SLOTS, Word},
    },
    types::eviction::EvictionPolicy,
};

/// One in so many evictions takes an entry that was not used.
const AGING: u32 = 3;

/// Entries that are compared, at least, and pairs of sets that are looked at for them, at most.
const CANDIDATES: usize = if cfg!(larder_loom) { 2 } else { 16 };
const PAIRS: usize = 64;

/// What an entry is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    /// To be compared with others'.
    Points(u64),
    /// It must stay.
    Priceless,
}

impl Policy {
    /// Of the members of a pair of sets, and of more if these are few, the one that is worth least.
    #[cold]
    pub(crate) fn least_worthy(
        &self,
        pace: &Pace,
        index: &Index,
        home: usize,
        worth: &dyn Fn(Word, Standing) -> Worth,
    ) -> Option<Victim> {
        // Now and then an unused one has to go, whatever it is worth: or those that are worth much
        // and never used again would come to fill the cache.
        let by_age = self.evictions(pace).is_multiple_of(AGING);
        let mut least = None;
        let (mut pairs, mut looked_at) = ([home; PAIRS], 0);
        let mut candidates = 0;
        while looked_at < PAIRS.min(index.len() / 2) && candidates < CANDIDATES {
            if looked_at > 0 {
                // Two on, or it would be the same pair every other time.
                let _ = self.next_set(pace, index);
                pairs[looked_at] = self.next_set(pace, index);
            }
            let pair = pairs[looked_at];
            looked_at += 1;
            for member in members(index, pair) {
                let Worth::Points(points) = worth(member.word, member.standing) else { continue };
                candidates += 1;
                let rank = match self.rules {
                    EvictionPolicy::Lru => (true, self.recency(pace, index, member)),
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
                    wear_off(index, other);
                });
            }
        }
        Some(victim)
    }

    /// How lately a member was used: what was, since the last look, was used now.
    fn recency(&self, pace: &Pace, index: &Index, member: Victim) -> u64 {
        if member.standing.uses > 0 {
            self.spare(pace, index, member.loc, 0, Standing { uses: 0, ..member.standing });
            return STAMPS.into();
        }
        let stamp = index.hints(member.loc).stamp(member.loc.slot());
        let age = self.times(pace).age(Segment::Protected, stamp);
        u64::from(STAMPS - 1 - age)
    }
}

/// Lowers a member's counter of uses by one.
fn wear_off(index: &Index, Victim { loc, standing, .. }: Victim) {
    let uses = standing.uses.saturating_sub(1);
    let next = Standing { uses, merit: standing.earned(), ..standing };
    let hints = index.hints(loc);
    hints.begin(loc.slot(), next, hints.stamp(loc.slot()));
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
