//! Reads that put a deadline off, against whoever sets another end.
//!
//! Where entries have a time to idle, a read moves the deadline. Another thread may set, at the same moment,
//! an end that no read may put off: `touch`, or rules that change. The deadline is one word and the end
//! another (`timing.rs`), so they are not written in one step.
//!
//! # Steps
//!
//! ```text
//! set an end   announce that there are ends; note the end; change the deadline (`Deadlines::change`);
//!              read the end again
//! shorten      read the deadline, then the end; swap the end for one that is not later; swap the deadline
//!              that was read (`Deadlines::swap`); read the end again
//! put off      read the deadline, then the end if there are any; swap the deadline that was read for a
//!              later one; read the end again
//! ```
//!
//! Any thread may do each, for an entry that it has found in the index while it is pinned. Whoever reads
//! another end at last than it has gone by starts again, or brings the deadline down to it. That there are
//! ends is never taken back.
//!
//! # No deadline lies behind its end
//!
//! All of them write the deadline by read-modify-write operations, so one is before the other. The later
//! one has read what the earlier one wrote, or something later: it is an Acquire, the other a Release, so
//! the second look at the end finds what had been noted before that, or a later one. That the value it
//! swapped was *the same* as the one it had read says nothing: a change may write the deadline that is
//! there already, as a touch does in the millisecond in which the entry was used. This is why a change
//! writes even then.
//!
//! A deadline that was put off beyond its end stands there between the swap and the correction. A lookup
//! in between may return the entry until then: the correction is a few instructions away, and if its thread
//! is stopped there, the next read that counts as use corrects it.
//!
//! # No end is lost
//!
//! Rules that change make an end of the one that is there. A touch may set one meanwhile that has nothing
//! to do with that; therefore they swap. So entries live as if one had been before the other. What is
//! noted or swapped is Relaxed: the change or swap of the deadline comes after it and is the Release.
//!
//! # Progress
//!
//! Lock-free. Each starts again only if somebody has set an end or moved the deadline meanwhile.

use crate::engine::{
    deadlines::Change,
    lifetimes::Life,
    plant::{Bug, planted},
    timing::Timing,
    word::NodeId,
};

/// Whether a deadline was put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutOff {
    /// It was, or somebody has changed it meanwhile.
    Done,
    /// Its entry may have an end: all that is known of it has to be looked at.
    Ask,
}

impl Timing {
    /// Puts the deadline of a node off from `seen` to `deadline`, if no entry has an end that its deadline
    /// does not say. The mark of the wheel comes too early then, and that will do.
    #[inline]
    pub(crate) fn put_off(&self, node: NodeId, seen: u64, deadline: u64) -> PutOff {
        if self.has_ends() {
            return PutOff::Ask;
        }
        // Only from what it was: somebody's touch is not to be undone.
        let swapped = self.deadlines.swap(node, seen, deadline);
        if swapped && self.has_ends() && !planted(Bug::EndUnasked) {
            PutOff::Ask
        } else {
            PutOff::Done
        }
    }

    /// Gives a node another end, and with it the deadline, unless `has_come` says so of the one that is
    /// there. If that is earlier than before, the wheel needs a mark for it.
    pub(crate) fn set_end(
        &self,
        node: NodeId,
        new: Life,
        has_come: impl Fn(u64) -> bool,
    ) -> (Change, u64) {
        self.note_anew(node, new);
        let mut change = self.deadlines.change(node, new.deadline, has_come);
        let mut deadline = new.deadline;
        while change != Change::TooLate && !planted(Bug::SetUnasked) {
            let life = self.life(node);
            if life.is_over() || life.deadline <= life.end {
                break;
            }
            if self.deadlines.swap(node, life.deadline, life.end) {
                (change, deadline) = (Change::Earlier, life.end);
            }
        }
        (change, deadline)
    }

    /// Gives a node the life that `rule` makes of its own, no longer than that. Returns a deadline that is
    /// earlier than before, for which the wheel needs a mark.
    #[cfg(feature = "manager")]
    pub(crate) fn shorten(&self, node: NodeId, rule: impl Fn(Life) -> Life) -> Option<u64> {
        let mut earlier = None;
        loop {
            let life = self.life(node);
            if life.is_over() {
                return earlier;
            }
            let new = rule(life);
            if !self.swap_end(node, life.end, new.end)
                || !self.deadlines.swap(node, life.deadline, new.deadline)
            {
                continue;
            }
            if new.deadline < life.deadline {
                earlier = Some(new.deadline);
            }
            if self.life(node).end == new.end || planted(Bug::ShortenUnasked) {
                return earlier;
            }
        }
    }

    /// Gives a node the deadline that `rule` makes of its life, if it makes another; returns one that is
    /// earlier than that before, for which the wheel needs a mark.
    pub(crate) fn put_off_by(
        &self,
        node: NodeId,
        mut rule: impl FnMut(Life) -> Option<Life>,
    ) -> Option<u64> {
        let mut earlier = None;
        loop {
            let life = self.life(node);
            if life.is_over() {
                return earlier;
            }
            let Some(new) = rule(life) else { return earlier };
            // As above.
            if !self.deadlines.swap(node, life.deadline, new.deadline) {
                return earlier;
            }
            self.note_own(node, new.own);
            if new.deadline < life.deadline {
                earlier = Some(new.deadline);
            }
            if new.deadline <= self.life(node).end || planted(Bug::EndUnasked) {
                return earlier;
            }
        }
    }
}
