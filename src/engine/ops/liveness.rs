//! Whether an entry that was found in the index is live, and what a read does to its deadline.
//!
//! An entry is live unless its deadline has come (`timing.rs`) or it was invalidated together with
//! others (`groups.rs`). An operation asks in this order: before the look at the index, whether
//! there may be invalidated entries ([`Common::watch`]); of an entry that it has found, how that
//! counts ([`Liveness`]). A read may then postpone the deadline ([`Shard::on_read`]), and a removal
//! tells for which cause the value leaves ([`Shard::cause`]).

use crate::{
    engine::{
        index::word::NodeId,
        invalidate::groups::Watch,
        shards::{common::Common, scope::WriteScope, shard::Shard},
        storage::parts::PartSet,
        time::{
            extend::{Extended, IfLost},
            lifetimes::OnRead,
            timing::Timing,
        },
    },
    process::clock::{DeadlineState, Reading},
    types::removal::RemovalCause,
};

/// How a member of the index counts for operations that look for its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liveness {
    Live,
    /// The deadline has come, and the entry counts as absent.
    Expired,
    /// The entry is invalidated (`groups.rs`), and counts as absent.
    Invalidated,
}

impl<K, V> Common<K, V> {
    /// Returns the groups, if there may be invalidated entries. Call before the look at the index.
    #[inline(always)]
    pub(crate) fn watch(&self) -> Watch<'_> {
        self.groups.get().filter(|groups| groups.is_armed())
    }
}

impl<K, V> Shard<K, V> {
    /// Returns how the entry of a node counts that was found in the index. If it is expired, that
    /// is marked past.
    #[inline(always)]
    fn liveness(&self, common: &Common<K, V>, watch: Watch<'_>, node: NodeId) -> Liveness {
        self.judge(common, watch, node).0
    }

    /// Like [`Shard::liveness`], and returns the reading of the clock, if it was read.
    #[inline(always)]
    pub(crate) fn judge(
        &self,
        common: &Common<K, V>,
        watch: Watch<'_>,
        node: NodeId,
    ) -> (Liveness, Option<Reading>) {
        if watch.is_some_and(|groups| groups.is_invalidated(&self.births, node)) {
            return (Liveness::Invalidated, None);
        }
        let Some(timing) = self.timing.get() else { return (Liveness::Live, None) };
        let clock = &common.lifetimes.clock;
        match timing.judge(clock, node) {
            DeadlineState::Live(reading) => (Liveness::Live, reading),
            // If it cannot be marked past, the entry has got another deadline, which has not come.
            // This thread has no reading for that one.
            DeadlineState::Past => {
                let is_past = |seen| clock.is_past(seen);
                let marked = timing.mark_past(node, common.lifetimes.grace, is_past);
                (if marked { Liveness::Expired } else { Liveness::Live }, None)
            }
        }
    }

    /// Returns whether this thread knows, without asking the clock, that the deadline of a node
    /// that was found in the index has not come. For caches whose clock gives leases.
    #[inline(always)]
    pub(crate) fn surely_lives(&self, node: NodeId) -> bool {
        self.timing.get().is_none_or(|timing| timing.surely_lives(node))
    }

    /// Returns whether the entry of a node that was found in the index is neither expired nor
    /// invalidated. If it is expired, its deadline is marked past.
    #[inline(always)]
    pub(crate) fn is_live(&self, common: &Common<K, V>, watch: Watch<'_>, node: NodeId) -> bool {
        self.liveness(common, watch, node) == Liveness::Live
    }

    /// Returns the cause for which the value of a node leaves: `cause`, unless it was expired or
    /// invalidated.
    #[inline(always)]
    pub(crate) fn cause(
        &self,
        cx: &WriteScope<'_, K, V>,
        node: NodeId,
        cause: RemovalCause,
    ) -> RemovalCause {
        if cx.parts().has_any_of(PartSet::OF_STANDINGS) {
            self.cause_by_liveness(cx, node, cause)
        } else {
            cause
        }
    }

    #[inline(never)]
    fn cause_by_liveness(
        &self,
        cx: &WriteScope<'_, K, V>,
        node: NodeId,
        cause: RemovalCause,
    ) -> RemovalCause {
        match self.liveness(cx.common(), cx.watch, node) {
            Liveness::Live => cause,
            Liveness::Expired => RemovalCause::Expired,
            Liveness::Invalidated => RemovalCause::Invalidated,
        }
    }

    /// Applies the rules for reads to the times of an entry. `reading` is the reading of the clock
    /// with which the lookup judged the entry, if there is one, so that the clock is read once.
    #[inline]
    pub(crate) fn on_read(
        &self,
        common: &Common<K, V>,
        timing: &Timing,
        node: NodeId,
        reading: Option<Reading>,
    ) {
        let seen = timing.deadlines.load_to_move(node);
        let ask = match common.lifetimes.on_read_at(seen, reading) {
            OnRead::Nothing => return,
            OnRead::Move(deadline) => timing.extend(node, seen, deadline),
            OnRead::Ask => Extended::Ask,
        };
        if ask == Extended::Ask {
            self.on_read_by_rule(common, timing, node);
        }
    }

    #[cold]
    #[inline(never)]
    fn on_read_by_rule(&self, common: &Common<K, V>, timing: &Timing, node: NodeId) {
        // SAFETY: this thread is pinned, and has found the node in the index (Acquire) since.
        let rule = |life| unsafe {
            self.nodes.with(node, |entry| common.lifetimes.after_read(entry, life))
        };
        if let Some(deadline) = timing.amend(node, IfLost::Leave, rule) {
            self.schedule_at(common, timing, node, deadline);
        }
    }
}
