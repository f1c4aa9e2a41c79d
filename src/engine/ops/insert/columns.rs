//! The columns of a new entry: its weight, generation, times and birth, and where it is published.

use crate::engine::{
    index::{
        sets::{Found, Loc},
        word::NodeId,
    },
    invalidate::tags::Tags,
    ops::insert::{EntryOptions, Target},
    shards::{scope::WriteScope, shard::Shard},
    storage::{chunked::OutOfMemory, nodes::Entry, parts::PartSet},
    time::{lifetimes::Life, options::Ttl, timing::Timing},
};

impl<K, V> Shard<K, V> {
    /// Returns the life of an entry that is about to be inserted, if the shard has times. `found`
    /// is the entry that it replaces.
    #[inline(always)]
    pub(super) fn life(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        options: &EntryOptions,
        entry: &Entry<K, V>,
        found: Option<Found<'_>>,
    ) -> Option<Life> {
        let timing = self.timing.get()?;
        if let Some(found) = found {
            // Its deadline is read when it has been replaced.
            timing.deadlines.prefetch(found.node);
        }
        Some(self.life_by_rule(cx, timing, target, options, entry, found))
    }

    #[inline(never)]
    fn life_by_rule(
        &self,
        cx: &WriteScope<'_, K, V>,
        timing: &Timing,
        target: Target,
        options: &EntryOptions,
        entry: &Entry<K, V>,
        found: Option<Found<'_>>,
    ) -> Life {
        let lifetimes = &cx.common().lifetimes;
        if let (Ttl::Kept, Some(found)) = (options.time.ttl, found) {
            return lifetimes.kept(entry, timing.life(found.node));
        }
        // Only the user's `Expiry` needs the old life.
        let replaced = found
            .filter(|found| {
                lifetimes.expiry.is_some() && self.is_live(cx.common(), cx.watch, found.node)
            })
            .map(|found| timing.life(found.node));
        lifetimes.begin(entry, target.hash, &options.time, replaced)
    }

    /// Gives an owned and filled node its weight, its generation, its times and its birth, as far
    /// as the shard has these columns. Called after the look for the key.
    #[inline(always)]
    pub(super) fn begin(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        options: &EntryOptions,
        node: NodeId,
        life: Option<Life>,
    ) -> Result<(), OutOfMemory> {
        if cx.parts().has_any_of(PartSet::OF_NODES) {
            self.begin_with_parts(cx, target, options, node, life)
        } else {
            Ok(())
        }
    }

    #[inline(never)]
    fn begin_with_parts(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        options: &EntryOptions,
        node: NodeId,
        life: Option<Life>,
    ) -> Result<(), OutOfMemory> {
        if let Some(weights) = &self.weights {
            weights.begin(node, target.price);
        }
        if let Some(generations) = self.generations.get() {
            generations.raise(node);
        }
        if let Some(timing) = self.timing.get() {
            timing.begin(node, life.unwrap_or(Life::ENDLESS))?;
            // This thread's next insert into this shard will need it.
            if let Some(next) = self.recycler.next_free(cx.number()) {
                timing.prefetch(next);
            }
        }
        self.stamp_birth(cx, node, options.tags)
    }

    /// Notes where an owned node will be published.
    #[inline(always)]
    pub(super) fn place(&self, node: NodeId, loc: impl FnOnce() -> Loc) {
        if let Some(timing) = self.timing.get() {
            timing.deadlines.place(node, loc());
        }
    }

    /// Gives an owned node its birth and its tags. Called after the look for its key.
    #[inline(always)]
    fn stamp_birth(
        &self,
        cx: &WriteScope<'_, K, V>,
        node: NodeId,
        tags: Tags,
    ) -> Result<(), OutOfMemory> {
        match cx.common().groups.get() {
            None => Ok(()),
            Some(groups) => groups.begin(&self.births, node, tags),
        }
    }
}
