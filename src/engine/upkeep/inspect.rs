//! Properties of entries besides keys and values, and removing entries one by one.

#[cfg(feature = "manager")]
use crate::engine::invalidate::tags::TagSlot;
use crate::{
    engine::{
        Engine, Located,
        index::{
            hints::{MERIT_MAX, Segment, Standing, USES_MAX},
            sets::Found,
        },
        invalidate::tags::Tags,
        reclaim::epoch::pin,
        shards::scope::{DEAD_PER_WRITE, Dues, WriteScope},
        storage::nodes::Entry,
        time::lifetimes::Life,
    },
    types::removal::RemovalCause,
};
use std::ops::ControlFlow;

/// The rank of an entry in the policy: the higher, the later it is evicted. Ordered by segment,
/// then by uses, then by merit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank(u8);

impl Rank {
    /// The number of ranks.
    pub(crate) const COUNT: usize = 2 * (USES_MAX as usize + 1) * (MERIT_MAX as usize + 1);

    fn new(found: Found<'_>) -> Self {
        let Standing { segment, uses, merit } = found.standing();
        let before = if segment == Segment::Protected { USES_MAX + 1 } else { 0 };
        Rank((before + uses) * (MERIT_MAX + 1) + merit)
    }

    pub(crate) fn number(self) -> usize {
        self.0.into()
    }
}

/// The properties of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) uses: u32,
    /// `None` if the shard has no times.
    pub(crate) life: Option<Life>,
    pub(crate) tags: Tags,
    pub(crate) weight: u64,
}

impl<K, V> Engine<K, V> {
    /// Returns the number of a shard's sets.
    pub(crate) fn sets(&self, shard: usize) -> usize {
        self.common.tiers.get(shard).map_or(0, |shard| shard.index.len())
    }

    /// Returns the properties of a key's entry. Does not count as use.
    pub(crate) fn facts(&self, hash: u64, eq: impl FnMut(&K) -> bool) -> Option<Facts> {
        let pin = pin();
        let Located { shard, found, .. } = self.find_live(&pin, hash, eq)?;
        Some(Facts {
            uses: found.standing().uses.into(),
            life: shard.timing.get().map(|timing| timing.life(found.node)),
            tags: shard.births.tags(found.node),
            weight: shard.weight_of(found.node),
        })
    }

    /// Calls `f` with each entry and its rank.
    pub(crate) fn rank_all(&self, mut f: impl FnMut(Rank, &Entry<K, V>)) {
        self.try_rank_all(|rank, entry| {
            f(rank, entry);
            ControlFlow::Continue(())
        });
    }

    /// Calls `f` with each entry and its rank, until it returns `Break`.
    pub(crate) fn try_rank_all(&self, mut f: impl FnMut(Rank, &Entry<K, V>) -> ControlFlow<()>) {
        for shard in self.common.tiers.iter() {
            for set in 0..shard.index.len() {
                let _pin = pin();
                let watch = self.common.watch();
                for found in shard.index.members_of(set).into_iter().flatten() {
                    if shard.is_live(&self.common, watch, found.node) {
                        let rank = Rank::new(found);
                        // SAFETY: this thread is pinned, and has found the node in the index
                        // (Acquire) since.
                        let more = unsafe { shard.nodes.with(found.node, |entry| f(rank, entry)) };
                        if more.is_break() {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// Counts the entries that have a tag with this slot.
    #[cfg(feature = "manager")]
    pub(crate) fn count_tagged(&self, tag: TagSlot) -> u64 {
        let mut count = 0;
        for shard in self.common.tiers.iter() {
            for set in 0..shard.index.len() {
                let _pin = pin();
                let watch = self.common.watch();
                let members = shard.index.members_of(set).into_iter().flatten();
                count += members
                    .filter(|found| shard.is_live(&self.common, watch, found.node))
                    .filter(|found| shard.births.tags(found.node).has(tag))
                    .count() as u64;
            }
        }
        count
    }

    /// Removes the first entry of a set that is at `slot` or behind it, and moves `slot` behind it.
    /// Returns what `copy` made of it before.
    pub(crate) fn take_next<T>(
        &self,
        shard: usize,
        set: usize,
        slot: &mut usize,
        copy: impl Fn(&Entry<K, V>) -> T,
    ) -> Option<T> {
        let shard = self.common.tiers.get(shard)?;
        let dues = Dues::OfShard { id: shard.id(), dead: DEAD_PER_WRITE };
        let cx = WriteScope::new(&self.common, dues);
        shard.index.members_of(set)?.find_map(|found| {
            let loc = shard.index.loc(found);
            if loc.slot() < *slot || !shard.is_live(&self.common, cx.watch, found.node) {
                return None;
            }
            *slot = loc.slot() + 1;
            // SAFETY: this thread is pinned, and has found the node in the index (Acquire) since.
            let copy = unsafe { shard.nodes.with(found.node, &copy) };
            shard.take_out(&cx, loc, found.node, RemovalCause::Explicit).map(|_| copy)
        })
    }
}
