//! Reads that put a deadline off, against whoever sets another end.
//!
//! Where entries have a time to idle, a read moves the deadline. Another thread may set, at the same moment,
//! an end that no read may put off: `touch`, or rules that change. The deadline is one word and the end
//! another (`timing.rs`), so they are not written in one step.
//!
//! # Steps
//!
//! ```text
//! set an end   announce that there are ends; note the end; change the deadline (`Deadlines::change`)
//! put off      read the deadline, then the end if there are any; swap the deadline that was read for a
//!              later one (`Deadlines::swap`); read the end again
//! ```
//!
//! Any thread may do either, for an entry that it has found in the index while it is pinned. An end stays,
//! or gets earlier or later by another setting; that there are ends is never taken back.
//!
//! # No deadline lies behind its end
//!
//! Change and swap are read-modify-write operations on one word, so one is before the other. If the swap is
//! first, the change sees what it wrote, and replaces it. If the change is first, the swap has read a value
//! that it wrote, or that a later one did: it is an Acquire, the change a Release, so the second look at the
//! end finds the one that was noted before, or a later one; and if that is before the deadline, the read
//! starts again, and brings it down. That the value it swapped was *the same* as the one it had read says
//! nothing: a change may write the deadline that is there already, as a touch does in the millisecond in
//! which the entry was used. This is why a change writes even then.
//!
//! A deadline that was put off beyond its end stands there between the swap and the correction. A lookup
//! in between may return the entry until then: the correction is a few instructions away, and if its thread
//! is stopped there, the next read that counts as use corrects it.
//!
//! # Progress
//!
//! Lock-free. A read starts again only if somebody has set an end meanwhile.

use crate::engine::{
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
