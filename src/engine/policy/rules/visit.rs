//! What becomes of the members of one set that are due: the rules of the parent module's header.

use super::{
    PROMOTE_USES, Pace, Policy, RIVAL, SPARED_MAX,
    due::{Due, Times, due},
};
use crate::engine::index::{
    hints::{STAMPS, Segment, Standing},
    sets::{Index, Loc, Set},
    word::{SLOTS, Word},
};
use std::sync::atomic::Ordering::Relaxed;

/// A member, most often one that has to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Victim {
    pub(crate) loc: Loc,
    /// What its slot held when it was looked at.
    pub(crate) word: Word,
    pub(crate) standing: Standing,
}

/// When the oldest newcomer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eagerness {
    /// When there is no place for another one.
    IfFull,
    /// At once.
    AtOnce,
}

/// A look at one set.
#[derive(Debug)]
pub(crate) struct Visit<'p> {
    policy: &'p Policy,
    pace: &'p Pace,
    index: &'p Index,
    number: usize,
    set: &'p Set,
    times: Times,
    members: u32,
    due: Due,
    spared: u32,
}

/// What becomes of a member at the end of its stay.
enum Verdict {
    Goes,
    /// It has begun another stay.
    Stays,
    /// The same, and another member goes in its stead.
    Outdid(Victim),
}

impl Policy {
    /// Looks at a set.
    #[inline(always)]
    pub(crate) fn visit<'p>(
        &'p self,
        pace: &'p Pace,
        index: &'p Index,
        number: usize,
    ) -> Visit<'p> {
        let set = index.set(number);
        let times = self.times(pace);
        let members = set.line().members();
        let due = due(&set.hints, members, times);
        Visit { policy: self, pace, index, number, set, times, members, due, spared: 0 }
    }

    /// The oldest of the last newcomers, if it has to go.
    #[inline]
    pub(crate) fn newcomer(
        &self,
        pace: &Pace,
        index: &Index,
        eagerness: Eagerness,
    ) -> Option<Victim> {
        if pace.target.load(Relaxed) >= self.target_small {
            return None;
        }
        // Bounded, whatever other threads do meanwhile.
        for _ in 0..self.newcomers.len() {
            if eagerness == Eagerness::IfFull && !self.newcomers.is_full(&pace.newcomers) {
                break;
            }
            let loc = Loc(self.newcomers.pop(&pace.newcomers)?);
            let standing = index.hints(loc).standing(loc.slot());
            if standing == (Standing { segment: Segment::Probation, uses: 0, merit: 0 }) {
                let word = index.word(loc);
                if word.is_member() {
                    return Some(Victim { loc, word, standing });
                }
            }
        }
        None
    }
}

impl Visit<'_> {
    /// Whether every slot has a member.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.members == (1 << SLOTS) - 1
    }

    /// Slots without a member.
    #[inline(always)]
    pub(crate) fn vacant(&self) -> u32 {
        !self.members & ((1 << SLOTS) - 1)
    }

    /// The next entry that is due and has to go, unless it `stays`.
    #[inline(always)]
    pub(crate) fn next_due(&mut self, stays: &impl Fn(Word) -> bool) -> Option<Victim> {
        while let Some(slot) = self.take_due() {
            let Some(member) = self.member(slot) else { continue };
            let verdict = self.judge(member, stays);
            let victim = self.sentence(member, verdict);
            if victim.is_some() || self.spared >= SPARED_MAX {
                return victim;
            }
        }
        None
    }

    /// What stands in a slot, if it is a member.
    #[inline(always)]
    fn member(&self, slot: usize) -> Option<Victim> {
        let word = self.set.word(slot);
        let standing = self.set.hints.standing(slot);
        word.is_member().then_some(Victim { loc: Loc::new(self.number, slot), word, standing })
    }

    /// Remembers the set if there are more that are due.
    #[inline(always)]
    pub(crate) fn leave_rest(&self) {
        if self.due.probation | self.due.protected != 0 {
            self.policy.note_crowded(self.pace, self.number);
        }
    }

    /// The member that is nearest to its end and has to go, due or not.
    #[cold]
    #[inline(never)]
    pub(crate) fn nearest(&mut self, stays: &dyn Fn(Word) -> bool) -> Option<Victim> {
        let mut left = self.set.line().members();
        while let Some(slot) = self.nearest_of(left) {
            let member = self.member(slot).filter(|member| !stays(member.word));
            let Some(member) = member else {
                left &= !(1 << slot);
                continue;
            };
            let verdict =
                if self.spared < SPARED_MAX { self.judge(member, &stays) } else { Verdict::Goes };
            let victim = self.sentence(member, verdict);
            if victim.is_some() {
                return victim;
            }
        }
        None
    }

    /// One of those that are due, of probation first; it is not due any more.
    #[inline(always)]
    fn take_due(&mut self) -> Option<usize> {
        let slots =
            if self.due.probation != 0 { &mut self.due.probation } else { &mut self.due.protected };
        let slot = (*slots != 0).then(|| slots.trailing_zeros() as usize);
        *slots &= slots.wrapping_sub(1);
        slot
    }

    fn nearest_of(&self, slots: u32) -> Option<usize> {
        let mut best = None;
        for slot in bits(slots) {
            let (done, whole) = self.progress(slot, self.set.hints.standing(slot));
            if best.is_none_or(|(_, d, w)| done * w > d * whole) {
                best = Some((slot, done, whole));
            }
        }
        best.map(|(slot, ..)| slot)
    }

    /// How much of its stay a member has behind it: a fraction.
    fn progress(&self, slot: usize, standing: Standing) -> (u32, u32) {
        let now = self.times.now(standing.segment);
        let age = now.wrapping_sub(self.set.hints.stamp(slot)) % STAMPS;
        let whole = match standing.segment {
            Segment::Probation => 2 * u32::from(self.times.target()),
            Segment::Protected => u32::from(self.times.life()) * (2 + u32::from(standing.merit)),
        };
        (2 * u32::from(age) + 1, whole)
    }

    fn judge(&self, member: Victim, stays: &impl Fn(Word) -> bool) -> Verdict {
        let Standing { segment, uses, .. } = member.standing;
        let merit = member.standing.earned();
        let protected = |uses| Standing { segment: Segment::Protected, uses, merit };
        let (next, verdict) = match segment {
            _ if stays(member.word) => (protected(uses), Verdict::Stays),
            Segment::Probation if uses >= PROMOTE_USES => (protected(0), Verdict::Stays),
            Segment::Probation if merit > 0 => match self.rival(merit, stays) {
                Some(rival) => (protected(0), Verdict::Outdid(rival)),
                None if uses == 0 => return Verdict::Goes,
                None => (Standing { uses: uses - 1, merit, segment }, Verdict::Stays),
            },
            _ if uses == 0 => return Verdict::Goes,
            _ => (Standing { uses: uses - 1, merit, segment }, Verdict::Stays),
        };
        self.policy.spare(self.pace, self.index, member.loc, next);
        verdict
    }

    /// The member of protected that one of probation with so much merit outdoes.
    #[inline(never)]
    fn rival(&self, merit: u8, stays: &impl Fn(Word) -> bool) -> Option<Victim> {
        let mut best: Option<(Victim, u32, u32)> = None;
        for member in bits(self.set.line().members()).filter_map(|slot| self.member(slot)) {
            let Standing { segment, uses, merit: other } = member.standing;
            if segment == Segment::Probation || uses > 0 || other >= merit || stays(member.word) {
                continue;
            }
            let (done, whole) = self.progress(member.loc.slot(), member.standing);
            if 5 * done < RIVAL * whole {
                continue;
            }
            let is_better = |(least, d, w): (Victim, u32, u32)| {
                let least = least.standing.merit;
                other < least || other == least && done * w > d * whole
            };
            if best.is_none_or(is_better) {
                best = Some((member, done, whole));
            }
        }
        best.map(|(rival, ..)| rival)
    }

    /// Who goes, if anybody does.
    #[inline(always)]
    fn sentence(&mut self, member: Victim, verdict: Verdict) -> Option<Victim> {
        match verdict {
            Verdict::Goes => Some(member),
            Verdict::Stays => {
                self.spared += 1;
                None
            }
            Verdict::Outdid(rival) => {
                self.due.protected &= !(1 << rival.loc.slot());
                Some(rival)
            }
        }
    }
}

/// The members of a set.
pub(super) fn bits(mut mask: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let slot = (mask != 0).then(|| mask.trailing_zeros() as usize);
        mask &= mask.wrapping_sub(1);
        slot
    })
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::bits;

    #[test]
    fn bits_are_found_from_the_lowest() {
        assert_eq!(bits(0b1010_0001).collect::<Vec<_>>(), [0, 5, 7]);
        assert_eq!(bits(0).count(), 0);
    }
}
