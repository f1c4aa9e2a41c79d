//! Versions in the operations: the version of an entry, and writes that depend on it.
//!
//! Why no two entries have the same version is argued in `generations.rs`.

use crate::{
    engine::{
        Engine, Located,
        index::word::NodeId,
        ops::compute::{Computed, Decision},
        shards::{shard::Shard, tiers::NodeRef},
        storage::{
            generations::Generations,
            nodes::Entry,
            parts::{Part, Parts},
        },
    },
    types::version::Version,
};

impl<K, V> Shard<K, V> {
    /// Returns the version of an entry whose node has been in the index during this pin, or
    /// [`Version::NONE`] if there is no memory for versions.
    fn version(&self, parts: &Parts, node: NodeId) -> Version {
        let make = || Generations::new(self.planned_nodes(), self.max_nodes());
        parts
            .make(Part::Generations, &self.generations, make)
            .and_then(|generations| generations.of(node))
            .map_or(Version::NONE, |generation| Version::new(self.id(), node, generation))
    }

    /// Returns the version of an entry that this thread has just inserted, or [`Version::NONE`] if
    /// the shard has no versions yet.
    #[inline]
    pub(crate) fn version_if_any(&self, parts: &Parts, node: NodeId) -> Version {
        match self.generations.get() {
            None => Version::NONE,
            Some(_) => self.version(parts, node),
        }
    }
}

impl<K, V> Located<'_, K, V> {
    fn version(&self, parts: &Parts) -> Version {
        self.shard.version(parts, self.found.node)
    }
}

/// The outcome of [`Engine::compare_and_swap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swapped {
    /// The value was swapped. The version of the new one.
    Yes(Version),
    /// The key was absent.
    Absent,
    /// The key had another version.
    Changed,
}

impl<K, V> Engine<K, V> {
    /// [`Engine::get`] with the version.
    pub(crate) fn get_versioned<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<(R, Version)> {
        let pin = crate::engine::reclaim::epoch::pin();
        let parts = &self.common.parts;
        self.find(&pin, hash, eq).map(|located| (located.with(f), located.version(parts)))
    }

    /// [`Engine::peek`] with the version.
    pub(crate) fn peek_versioned<R>(
        &self,
        hash: u64,
        eq: impl FnMut(&K) -> bool,
        f: impl FnOnce(&Entry<K, V>) -> R,
    ) -> Option<(R, Version)> {
        let pin = crate::engine::reclaim::epoch::pin();
        let parts = &self.common.parts;
        self.find_live(&pin, hash, eq).map(|located| (located.with(f), located.version(parts)))
    }

    /// [`Engine::compute`] if the key still has the version that was seen, or is still absent if
    /// none was. Returns `false` otherwise, and leaves the key as it is.
    pub(crate) fn compute_as_seen(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        seen: Option<Version>,
        mut f: impl FnMut(Option<&Entry<K, V>>) -> Decision<K, V>,
    ) -> bool
    where
        K: Eq,
    {
        let (tiers, parts) = (&self.common.tiers, &self.common.parts);
        let mut as_seen = false;
        self.compute_by_node(hash, eq, |found| {
            let version = |NodeRef { shard, node }| tiers.shard(shard).version(parts, node);
            let now = found.map(|(_, node_ref)| version(node_ref));
            as_seen = now == seen;
            if as_seen { f(found.map(|(entry, _)| entry)) } else { Decision::Keep }
        });
        as_seen
    }

    /// Replaces the entry whose version is `expected` by the one that `put` returns.
    pub(crate) fn compare_and_swap(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        expected: Version,
        put: impl Fn(&Entry<K, V>) -> Decision<K, V>,
    ) -> Swapped
    where
        K: Eq,
    {
        let mut was = Swapped::Absent;
        let computed = self.compute_by_node(hash, eq, |found| {
            let Some((entry, NodeRef { shard, node })) = found else {
                was = Swapped::Absent;
                return Decision::Keep;
            };
            let shard = self.common.tiers.shard(shard);
            let version = || shard.version(&self.common.parts, node);
            if expected == Version::NONE || version() != expected {
                was = Swapped::Changed;
                return Decision::Keep;
            }
            put(entry)
        });
        match computed {
            Computed::Put(version) => Swapped::Yes(version),
            Computed::Kept | Computed::Removed => was,
        }
    }
}
