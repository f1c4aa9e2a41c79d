//! The conditions that a key has to meet for a write to be done.

use super::IfPresent;
use crate::{
    engine::{
        index::{sets::Found, word::NodeId},
        ops::insert::Load,
        shards::{scope::WriteScope, shard::Shard},
        storage::nodes::Entry,
    },
    testing::plant::{Bug, planted},
};

/// The condition that a key has to meet at the moment at which its entry is written. An entry that
/// is expired or invalidated counts as absent.
#[derive(Debug)]
pub(crate) enum Precondition<'a, K, V> {
    /// None: the write is done in any case.
    Any,
    /// The key is absent.
    Absent,
    /// The key has the live entry that was seen in this node of the shard: `compute.rs`.
    Node(NodeId),
    /// No write of the key has superseded the load (`fill.rs`), and the key is absent, or has the
    /// entry that the load replaces.
    Load(&'a Load<'a, K, V>),
}

impl<K, V> Clone for Precondition<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Precondition<'_, K, V> {}

impl<K, V> From<IfPresent> for Precondition<'_, K, V> {
    #[inline(always)]
    fn from(if_present: IfPresent) -> Self {
        match if_present {
            IfPresent::Replace => Precondition::Any,
            IfPresent::Keep => Precondition::Absent,
        }
    }
}

impl<K, V> Precondition<'_, K, V> {
    /// Returns whether the condition is met by what was found. For a load, the last check has to
    /// come after the node has its birth: `groups.rs`.
    #[inline(always)]
    pub(super) fn holds(
        self,
        shard: &Shard<K, V>,
        cx: &WriteScope<'_, K, V>,
        found: Option<Found<'_>>,
    ) -> bool {
        match (self, found) {
            (Precondition::Any, _) | (Precondition::Absent, None) => true,
            (Precondition::Absent, Some(found)) => !shard.keeps(cx, found.node),
            (Precondition::Node(_), None) => false,
            (Precondition::Node(seen), Some(found)) => shard.is_as_seen(cx, seen, found.node),
            (Precondition::Load(load), found) => load.may_be_stored(shard, cx, found),
        }
    }

    pub(super) fn is_absent(self) -> bool {
        matches!(self, Precondition::Absent)
    }

    /// Returns whether this is a load that replaces the entry that was found.
    pub(super) fn is_to_replace(self, shard: &Shard<K, V>, found: Found<'_>) -> bool {
        matches!(self, Precondition::Load(load) if load.is_to_replace(shard, found))
    }

    /// Returns whether a load has brought the value that it replaces, as the user compares values.
    #[inline(always)]
    pub(super) fn is_unchanged(
        self,
        shard: &Shard<K, V>,
        cx: &WriteScope<'_, K, V>,
        found: Option<Found<'_>>,
        entry: &Entry<K, V>,
    ) -> bool {
        match (self, found) {
            (Precondition::Load(load), Some(found)) => {
                load.is_to_replace(shard, found) && shard.is_unchanged(cx, found.node, entry)
            }
            _ => false,
        }
    }

    /// Gives an owned node, which has its birth, what depends on the origin of its entry: a
    /// computation's birth, or the time that a load took.
    #[inline(always)]
    pub(super) fn begin(self, shard: &Shard<K, V>, node: NodeId) {
        match self {
            Precondition::Any | Precondition::Absent => {}
            Precondition::Node(seen) if planted(Bug::ComputeLookedOnce) => _ = seen,
            Precondition::Node(seen) => shard.births.inherit(seen, node),
            Precondition::Load(load) => {
                if let Some(timing) = shard.timing.get() {
                    timing.note_load(node, load.took);
                }
            }
        }
    }
}

impl<K, V> Load<'_, K, V> {
    #[cold]
    fn may_be_stored(
        &self,
        shard: &Shard<K, V>,
        cx: &WriteScope<'_, K, V>,
        found: Option<Found<'_>>,
    ) -> bool {
        let unchecked = planted(Bug::RefreshUnchecked) && self.replaces.is_some();
        if self.post.is_superseded() && !unchecked {
            return false;
        }
        found.is_none_or(|found| {
            let blind = planted(Bug::RefreshBlind) && self.replaces.is_some();
            self.is_to_replace(shard, found) || blind || !shard.keeps(cx, found.node)
        })
    }

    /// Returns whether the new value replaces the entry that was found.
    fn is_to_replace(&self, shard: &Shard<K, V>, found: Found<'_>) -> bool {
        self.replaces == Some(shard.node_ref(found.node))
    }
}

impl<K, V> Shard<K, V> {
    /// Returns whether the entry that was found counts as present.
    #[inline]
    fn keeps(&self, cx: &WriteScope<'_, K, V>, node: NodeId) -> bool {
        planted(Bug::InvalidatedKept) || self.is_live(cx.common(), cx.watch, node)
    }

    /// Returns whether a node has the entry that was seen, and the entry is still live.
    #[inline(never)]
    fn is_as_seen(&self, cx: &WriteScope<'_, K, V>, seen: NodeId, node: NodeId) -> bool {
        // Read anew, since entries may have been invalidated since `cx.watch` was read.
        let watch = if planted(Bug::ComputeLookedOnce) { cx.watch } else { cx.common().watch() };
        let is_same = node == seen || planted(Bug::ReplaceUnseen);
        is_same && self.is_live(cx.common(), watch, node)
    }

    fn is_unchanged(&self, cx: &WriteScope<'_, K, V>, old: NodeId, new: &Entry<K, V>) -> bool {
        let refresh_rules = cx.common().lifetimes.refresh_rules.as_deref();
        refresh_rules.and_then(|refresh_rules| refresh_rules.same.as_ref()).is_some_and(|same| {
            // SAFETY: this thread is pinned, and has found the node in the index (Acquire) since.
            unsafe { self.nodes.with(old, |old| same(&old.value, &new.value)) }
        })
    }
}
