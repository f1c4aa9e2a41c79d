//! Versions: how to tell that a key has been written since, even if it has its old value again.
//!
//! A *version* is a shard, a node number and the *generation* of that node: how often the node has been
//! filled since anybody asked for a version. Every write of a key gives it another node, so a version
//! holds until the next one. Node numbers come back; with the next generation.
//!
//! # States
//!
//! ```text
//! raise   g -> g + 1    the owner of a node, when it has filled it, before it publishes it; if there is
//!                       a place for the node's generation
//! read    g             anyone who is pinned and has found the node in the index
//! ```
//!
//! The column, and the extents it consists of, appear when a version of one of their nodes is first asked
//! for. Until then plain inserts pay one load of a pointer. Fresh memory says generation 0.
//!
//! # Why no two writes have the same version
//!
//! Somebody hands out the version (n, g). It was pinned, then made sure that n has a place here, and has
//! read g; and n stood in the index during that pin.
//!
//! - While n stays in the index nobody raises its generation. Who filled it did so before it published
//!   it (Release; finding it is Acquire), or did not know of the column and leaves it alone.
//! - Who fills n next got it after a grace period that began when n had left the index, so it ended after
//!   that pin did (`recycle.rs`). What was done during the pin happens before that, in particular the
//!   appearing of column and extent: so n's next owner finds n's place, and raises its generation.
//!
//! Hence g is never n's generation again: 2^64 of them do not come to an end.
//!
//! For want of memory there may be no place for a node. Then its version is [`Version::NONE`], which is
//! that of no entry: whoever compares it finds that the key has changed.
//!
//! # Progress
//!
//! Wait-free, but for the column, whose appearance is lock-free.

use crate::{
    engine::{
        Engine, Sighted,
        index::word::NodeId,
        ops::compute::{Computed, Decision},
        shards::{shard::Shard, storeys::Spot},
        storage::{
            extents::{Extents, OutOfMemory},
            nodes::Entry,
            parts::{Part, Parts},
        },
        testing::plant::{Bug, planted},
    },
    sync::{AtomicU64, Ordering},
    version::Version,
};

/// How often each node of a shard has been filled.
#[derive(Debug)]
pub(crate) struct Generations(Extents<AtomicU64>);

impl Generations {
    fn new(planned: usize, max_nodes: usize) -> Result<Self, OutOfMemory> {
        Extents::new(planned, max_nodes).map(Self)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.0.allocated_bytes()
    }

    #[inline(always)]
    fn word(&self, node: NodeId) -> Option<&AtomicU64> {
        // SAFETY: elements are atomic integers, which nobody moves or frees before `self`.
        self.0.find(node as usize - 1).map(|word| unsafe { word.as_ref() })
    }

    /// Begins the next generation of an owned node.
    #[inline]
    pub(crate) fn raise(&self, node: NodeId) {
        if let Some(word) = self.word(node) {
            // Only its owner writes it. Publishing the node is what makes it visible.
            let more = u64::from(!planted(Bug::SameGeneration));
            word.store(word.load(Ordering::Relaxed) + more, Ordering::Relaxed);
        }
    }

    /// The generation of a node that has been in the index during this pin.
    fn of(&self, node: NodeId) -> Result<u64, OutOfMemory> {
        self.0.ensure(node as usize - 1)?;
        self.word(node).map(|word| word.load(Ordering::Relaxed)).ok_or(OutOfMemory)
    }
}

impl<K, V> Shard<K, V> {
    /// The version of an entry whose node has been in the index during this pin.
    fn version(&self, parts: &Parts, node: NodeId) -> Version {
        let make = || Generations::new(self.planned_nodes(), self.max_nodes());
        parts
            .make(Part::Generations, &self.generations, make)
            .and_then(|generations| generations.of(node))
            .map_or(Version::NONE, |generation| Version::new(self.id(), node, generation))
    }

    /// The version of an entry that this thread has just inserted, if there are versions at all.
    #[inline]
    pub(crate) fn version_if_any(&self, parts: &Parts, node: NodeId) -> Version {
        match self.generations.get() {
            None => Version::NONE,
            Some(_) => self.version(parts, node),
        }
    }
}

impl<K, V> Sighted<'_, K, V> {
    fn version(&self, parts: &Parts) -> Version {
        self.shard.version(parts, self.found.node)
    }
}

/// Whether a value was swapped for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swapped {
    /// It was. The version of the new one.
    Yes(Version),
    /// There was none.
    Absent,
    /// There was another.
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
        self.find(&pin, hash, eq).map(|sighted| (sighted.with(f), sighted.version(parts)))
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
        self.find_live(&pin, hash, eq).map(|sighted| (sighted.with(f), sighted.version(parts)))
    }

    /// [`Engine::compute`] if the key still has the version that was seen, or is absent if none was.
    /// False if it is not: nothing is decided then.
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
        let (storeys, parts) = (&self.common.storeys, &self.common.parts);
        let mut as_seen = false;
        self.compute_by_node(hash, eq, |found| {
            let version = |Spot { shard, node }| storeys.shard(shard).version(parts, node);
            let now = found.map(|(_, spot)| version(spot));
            as_seen = now == seen;
            if as_seen { f(found.map(|(entry, _)| entry)) } else { Decision::Keep }
        });
        as_seen
    }

    /// Does what `put` says with the entry whose version is `expected`: puts another in its place.
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
            let Some((entry, Spot { shard, node })) = found else {
                was = Swapped::Absent;
                return Decision::Keep;
            };
            let shard = self.common.storeys.shard(shard);
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
