//! Visits of one set: what the rules in the parent module's header decide of its due members.

use super::{
    PROMOTE_USES, Policy, PolicyState, RIVAL, SPARED_MAX,
    due::{Due, Times, due},
};
use crate::engine::index::{
    hints::{Segment, Standing},
    sets::{Home, Index, Loc, Set},
    word::{SLOTS, Word},
};
use std::{cmp::Reverse, sync::atomic::Ordering::Relaxed};

/// A member; in most cases one that has to go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Victim {
    pub(crate) loc: Loc,
    /// What its slot held when it was looked at.
    pub(crate) word: Word,
    pub(crate) standing: Standing,
}

/// The first member of a set that is due, and the slots of the others that are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FirstDue {
    pub(crate) member: Victim,
    rest: u32,
}

/// A look at one set.
#[derive(Debug)]
pub(crate) struct Visit<'p> {
    policy: &'p Policy,
    state: &'p PolicyState,
    index: &'p Index,
    number: usize,
    set: &'p Set,
    times: Times,
    members: u32,
    /// A bit for each member that this visit has not spared.
    left: u32,
    due: Due,
    spared: u32,
}

/// What the rules decide of a member at the end of its stay.
enum Verdict {
    Goes,
    /// It has begun another stay.
    Stays,
    /// It has begun a stay in protected, and this other member goes in its place.
    Outdid(Victim),
}

impl Policy {
    /// Looks at a set.
    #[inline(always)]
    pub(crate) fn visit<'p>(
        &'p self,
        state: &'p PolicyState,
        index: &'p Index,
        number: usize,
    ) -> Visit<'p> {
        let set = index.set(number);
        let times = self.times(state);
        let members = set.line().members();
        let due = due(&set.hints, members, times);
        let left = members;
        Visit { policy: self, state, index, number, set, times, members, left, due, spared: 0 }
    }

    /// Returns the first of the members of a set that are due, among `members`, a bit per slot.
    #[inline(always)]
    pub(crate) fn first_due(
        &self,
        state: &PolicyState,
        index: &Index,
        home: Home<'_>,
        members: u32,
    ) -> Option<FirstDue> {
        let Due { probation, protected } = due(home.hints(), members, self.times(state));
        let slots = if probation != 0 { probation } else { protected };
        if slots == 0 {
            return None;
        }
        let (set, slot) = (index.number(home), slots.trailing_zeros() as usize);
        let (word, standing) = (home.word(slot), home.hints().standing(slot));
        let rest = (probation | protected) & !(1 << slot);
        let member = Victim { loc: Loc::new(set, slot), word, standing };
        word.is_member().then_some(FirstDue { member, rest })
    }

    /// Takes the newcomer that leaves the ring. `None` also while probation is not small.
    #[inline(always)]
    pub(crate) fn next_newcomer(&self, state: &PolicyState, index: &Index) -> Option<Victim> {
        if state.target.load(Relaxed) >= self.target_small {
            return None;
        }
        let loc = Loc(state.newcomers.take()?);
        let (word, standing) = (index.word(loc), index.hints(loc).standing(loc.slot()));
        let is_newcomer = standing.segment == Segment::Probation && word.is_member();
        is_newcomer.then_some(Victim { loc, word, standing })
    }

    /// Returns the newcomer that leaves the ring, if it has to go, or the rival that goes in its
    /// place. `None` also while probation is not small.
    #[inline]
    pub(crate) fn newcomer(
        &self,
        state: &PolicyState,
        index: &Index,
        stays: &impl Fn(Word) -> bool,
    ) -> Option<Victim> {
        let newcomer = self.next_newcomer(state, index)?;
        if newcomer.standing.is_expendable() && !stays(newcomer.word) {
            Some(newcomer)
        } else {
            self.judge_newcomer(state, index, newcomer, stays)
        }
    }

    /// Judges a newcomer as if it were due. Returns the member that goes, if one does.
    #[inline(never)]
    pub(crate) fn judge_newcomer(
        &self,
        state: &PolicyState,
        index: &Index,
        member: Victim,
        stays: &impl Fn(Word) -> bool,
    ) -> Option<Victim> {
        let mut visit = self.visit(state, index, member.loc.set());
        let verdict = visit.judge(member, stays);
        visit.sentence(member, verdict)
    }
}

impl FirstDue {
    /// Remembers the set as crowded if more of its members are due.
    #[inline(always)]
    pub(crate) fn leave_rest(&self, policy: &Policy, state: &PolicyState) {
        if self.rest != 0 {
            policy.note_crowded(state, self.member.loc.set());
        }
    }
}

impl Visit<'_> {
    /// Returns whether every slot has a member.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.members == (1 << SLOTS) - 1
    }

    /// Returns a bit for each slot without a member.
    #[inline(always)]
    pub(crate) fn vacant(&self) -> u32 {
        !self.members & ((1 << SLOTS) - 1)
    }

    /// Returns the next due entry that has to go. One of which `stays` is true does not.
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

    /// Returns the member in a slot, if there is one.
    #[inline(always)]
    fn member(&self, slot: usize) -> Option<Victim> {
        let word = self.set.word(slot);
        let standing = self.set.hints.standing(slot);
        word.is_member().then_some(Victim { loc: Loc::new(self.number, slot), word, standing })
    }

    /// Remembers the set as crowded if more of its members are due.
    #[inline(always)]
    pub(crate) fn leave_rest(&self) {
        if self.due.probation | self.due.protected != 0 {
            self.policy.note_crowded(self.state, self.number);
        }
    }

    /// Returns the member that is nearest to its end and has to go, due or not. One of which
    /// `stays` is true does not.
    #[cold]
    #[inline(never)]
    pub(crate) fn nearest(&mut self, stays: &dyn Fn(Word) -> bool) -> Option<Victim> {
        loop {
            // Those that were spared may have to go now.
            self.left = self.set.line().members();
            let before = self.spared;
            let victim = self.next_of_all(stays);
            if victim.is_some() || self.spared == before {
                return victim;
            }
        }
    }

    /// Judges the members that this visit has not spared, each once, as if they were due, and
    /// returns the first that has to go. One of which `stays` is true does not.
    pub(crate) fn next_of_all(&mut self, stays: &dyn Fn(Word) -> bool) -> Option<Victim> {
        while let Some(slot) = self.nearest_of(self.left) {
            let member = self.member(slot).filter(|member| !stays(member.word));
            let Some(member) = member else {
                self.left &= !(1 << slot);
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

    /// Counts the members that other visits for the same insert have spared.
    pub(crate) fn having_spared(self, spared: u32) -> Self {
        Self { spared, ..self }
    }

    /// Returns how many members were spared.
    pub(crate) fn spared(&self) -> u32 {
        self.spared
    }

    /// Takes one of the due slots out of `due`, of probation first.
    #[inline(always)]
    fn take_due(&mut self) -> Option<usize> {
        let slots =
            if self.due.probation != 0 { &mut self.due.probation } else { &mut self.due.protected };
        let slot = (*slots != 0).then(|| slots.trailing_zeros() as usize);
        *slots &= slots.wrapping_sub(1);
        slot
    }

    /// Returns the slot to take first: probation before protected, unused before used, then the one
    /// whose stay has been over for longest, or will be over first.
    fn nearest_of(&self, slots: u32) -> Option<usize> {
        bits(slots).max_by_key(|&slot| {
            let standing = self.set.hints.standing(slot);
            let late =
                i16::from(self.age(slot, standing)) - i16::from(self.times.end(standing.segment));
            let is_unused = standing.uses == 0;
            (standing.segment == Segment::Probation, is_unused, late, Reverse(slot))
        })
    }

    fn age(&self, slot: usize, standing: Standing) -> u8 {
        self.times.age(standing.segment, self.set.hints.stamp(slot))
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
            _ if member.standing.is_expendable() => return Verdict::Goes,
            _ => (Standing { uses: uses - 1, merit, segment }, Verdict::Stays),
        };
        self.policy.spare(self.state, self.index, member.loc, member.standing.merit, next);
        verdict
    }

    /// Returns the rival of a member of probation with this merit.
    #[inline(never)]
    fn rival(&self, merit: u8, stays: &impl Fn(Word) -> bool) -> Option<Victim> {
        let age = self.times.end(Segment::Protected) - self.times.life() / RIVAL;
        let is_rival = |member: &Victim| {
            let Standing { segment, uses, merit: other } = member.standing;
            let is_weak = segment == Segment::Protected && uses == 0 && other < merit;
            is_weak && self.age(member.loc.slot(), member.standing) >= age && !stays(member.word)
        };
        let members = bits(self.set.line().members()).filter_map(|slot| self.member(slot));
        members.filter(is_rival).min_by_key(|rival| rival.standing.merit)
    }

    /// Returns the member that goes, if one does.
    #[inline(always)]
    fn sentence(&mut self, member: Victim, verdict: Verdict) -> Option<Victim> {
        match verdict {
            Verdict::Goes => Some(member),
            Verdict::Stays => {
                self.left &= !(1 << member.loc.slot());
                self.spared += 1;
                None
            }
            Verdict::Outdid(rival) => {
                self.left &= !(1 << member.loc.slot());
                self.due.protected &= !(1 << rival.loc.slot());
                Some(rival)
            }
        }
    }
}

/// Returns the numbers of the bits that are set, the lowest first.
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
