//! Reads that postpone a deadline, against calls that set another end.
//!
//! Where entries have a time to idle, a read moves the deadline. Another thread may set, at the
//! same moment, an end that no read may postpone: `touch`, or rules that change. The deadline is
//! one word and the end another (`timing.rs`), so they are not written in one step. The word of the
//! end also says where it comes from. If that is a caller, the deadline is the end, and no read and
//! no rule moves it.
//!
//! # Steps
//!
//! ```text
//! set an end   announce that there are ends; note the end; change the deadline
//!              (`Deadlines::change`); if it is beyond the end that is there: amend
//! amend        read the deadline, then the end; swap the end for one that is not later, or for
//!              itself; swap the deadline that was read (`Deadlines::swap`); read the end again
//! put off      if there are no ends: read the deadline; swap it for a later one; look whether
//!              there are ends now
//! hand on      read the life of an entry; give it to the node of the one that takes its place;
//!              replace the node in the index; read the life again, and if its end is another,
//!              amend
//! ```
//!
//! Rules that change amend, and so do reads where there may be ends. Any thread may do each of the
//! first three, for an entry that it has found in the index while it is pinned. A thread whose last
//! read of the end finds another one than it has gone by, or one of another origin, starts again,
//! or brings the deadline to it. The announcement that there are ends is never taken back.
//!
//! # The deadline goes by the end
//!
//! All steps write the deadline by read-modify-write operations, so they are ordered. The later one
//! has read what the earlier one wrote, or something later. It is an Acquire, the other a Release,
//! so the second look at the end finds what had been noted before that, or a later one. That the
//! value that it swapped *equals* the one that it had read proves nothing: a change may write the
//! deadline that is there already, as a touch does in the millisecond in which the entry was used.
//! This is why a change writes even then.
//!
//! A deadline that was put off beyond its end, or moved before a caller's end, stays there between
//! the swap and the correction. A lookup in between goes by it: the correction is a few
//! instructions away, and if its thread is stopped there, the next read that counts as use corrects
//! it.
//!
//! # No end is lost
//!
//! Who amends a life derives an end from the one that is there. A touch may set another one
//! meanwhile that does not depend on it; therefore they swap. So entries live as if one had been
//! before the other. What is noted or swapped is Relaxed: the change or swap of the deadline comes
//! after it and is the Release.
//!
//! A write that keeps its entry's time (`Ttl::Kept`) puts the value into another node, which gets
//! the times that the old node had a moment before. A touch of the old node in between is not lost,
//! since
//!
//! - the touch changes the old deadline, and then looks whether the index still names the node; if
//!   it does not, it starts again with the new one;
//! - the write replaces the node in the index, and then looks at the old life again.
//!
//! With a SeqCst fence between the two steps of each, one of them sees what the other did. The
//! write hands the end on only if the new node still has the end that it was given: one that was
//! set there since is later.
//!
//! # Progress
//!
//! Lock-free. Each step starts again only if another thread has set an end or moved the deadline
//! meanwhile.

use crate::{
    engine::{
        index::word::NodeId,
        time::{
            deadlines::Change,
            lifetimes::{By, Life},
            timing::Timing,
        },
    },
    sync::{Ordering::SeqCst, fence},
    testing::plant::{Bug, planted},
};

/// The result of [`Timing::extend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extended {
    /// The deadline was put off, or another thread has changed it meanwhile.
    Done,
    /// The entry may have an end: the caller has to look at its whole life.
    Ask,
}

/// What [`Timing::amend`] does if another thread has changed the deadline meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfLost {
    /// It starts again.
    Again,
    /// It leaves the deadline to that thread.
    Leave,
}

impl Timing {
    /// Puts the deadline of a node off from `seen` to `deadline`, if no entry has an end besides
    /// its deadline. The wheel needs no new mark: the old one comes up early, and the block is
    /// scheduled again.
    #[inline]
    pub(crate) fn extend(&self, node: NodeId, seen: u64, deadline: u64) -> Extended {
        if self.has_ends() {
            return Extended::Ask;
        }
        // Only from `seen`: another thread's touch must not be undone.
        let swapped = self.deadlines.swap(node, seen, deadline);
        if swapped && self.has_ends() && !planted(Bug::EndUnasked) {
            Extended::Ask
        } else {
            Extended::Done
        }
    }

    /// Gives a node another end, and with it the deadline, unless `has_come` is true of the
    /// deadline that is there. Returns what the change was, and the deadline; if that is earlier
    /// than before, the wheel needs a mark for it.
    pub(crate) fn set_end(
        &self,
        node: NodeId,
        new: Life,
        has_come: impl Fn(u64) -> bool,
    ) -> (Change, u64) {
        self.note_anew(node, new);
        let change = self.deadlines.change(node, new.deadline, has_come);
        if change == Change::TooLate || planted(Bug::SetUnasked) {
            return (change, new.deadline);
        }
        let no_later = |life: Life| if life.deadline > life.end { life.at_its_end() } else { None };
        match self.amend(node, IfLost::Again, no_later) {
            Some(deadline) => (Change::Earlier, deadline),
            None => (change, new.deadline),
        }
    }

    /// Gives `node` the end of `old`, which it has replaced, if `old` got one since it had `kept`,
    /// and `node` did not. Returns the deadline if it is earlier than before: the wheel needs a
    /// mark for it.
    pub(crate) fn hand_on(&self, old: NodeId, kept: Life, node: NodeId) -> Option<u64> {
        if !planted(Bug::HandOnUnfenced) {
            // SeqCst: pairs with the fence in `Engine::touch`. If this fence comes first, the touch
            // sees the node replaced, and starts again; otherwise the look below sees its end.
            fence(SeqCst);
        }
        let last = self.life(old);
        if last.is_over() || last.ends_as(kept) || planted(Bug::HandOnUnasked) {
            return None;
        }
        // A node that was filled before the shard had times may have no storage for them.
        self.deadlines.ensure(node).ok()?;
        let deadline = if last.by == By::Caller { last.end } else { last.deadline };
        self.amend(node, IfLost::Again, |life| {
            if life.ends_as(last) {
                return if last.by == By::Caller { life.at_its_end() } else { None };
            }
            life.ends_as(kept).then_some(Life { deadline, end: last.end, by: last.by, ..life })
        })
    }

    /// Gives a node the life that `rule` makes of its own; `None` leaves that as it is. Returns the
    /// deadline if it is earlier than before: the wheel needs a mark for it.
    pub(crate) fn amend(
        &self,
        node: NodeId,
        if_lost: IfLost,
        mut rule: impl FnMut(Life) -> Option<Life>,
    ) -> Option<u64> {
        let mut earlier = None;
        loop {
            let life = self.life(node);
            if life.is_over() {
                return earlier;
            }
            let Some(new) = rule(life) else { return earlier };
            // Only from what was read: another thread's touch must not be undone. Also if the end
            // stays: the one that was read may not be the last, and no rule makes up for a deadline
            // that was too early.
            if !self.swap_end(node, life, new) {
                continue;
            }
            if !self.deadlines.swap(node, life.deadline, new.deadline) {
                match if_lost {
                    IfLost::Again => continue,
                    IfLost::Leave => return earlier,
                }
            }
            if new.own != life.own {
                self.note_own(node, new.own);
            }
            if new.deadline < life.deadline {
                earlier = Some(new.deadline);
            }
            let now = self.life(node);
            let ends_as = match planted(Bug::CallerUnasked) {
                true => now.end == new.end,
                false => now.ends_as(new),
            };
            if ends_as || planted(Bug::EndUnasked) {
                return earlier;
            }
        }
    }
}
