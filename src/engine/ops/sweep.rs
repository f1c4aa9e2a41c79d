//! Groups in the operations: invalidations, and the removal of invalidated entries.
//!
//! Why no invalidated entry is returned is argued in `groups.rs`.

use crate::{
    engine::{
        Engine,
        index::{sets::Loc, word::NodeId},
        invalidate::{
            groups::{Groups, SweepStep},
            tags::TagSlot,
        },
        reclaim::epoch::pin,
        shards::{
            common::Common,
            scope::{DEAD_PER_WRITE, Dues, WriteScope},
            shard::Shard,
        },
        storage::{chunked::OutOfMemory, nodes::Entry, parts::Part},
        time::wheel::Advance,
    },
    process::fork,
    testing::plant::{Bug, planted},
    types::removal::RemovalCause,
};

/// Makes the collector announce the groups, which must be published, when each thread that is
/// pinned now has unpinned.
fn announce(groups: &Groups) {
    groups.announce(|announcement| {
        let guard = pin().guard;
        guard.defer(move || announcement.everybody_knows());
        // With the flush, other threads can run it: this thread may never pin again.
        guard.flush();
    });
}

impl<K, V> Common<K, V> {
    /// Returns the groups, and makes them if they are missing.
    fn groups_made(&self) -> Result<&Groups, OutOfMemory> {
        // The bit is set first, so that a thread that pins after the grace period finds it.
        let groups = self.parts.make(Part::Groups, &self.groups, || Ok(Groups::new()))?;
        announce(groups);
        Ok(groups)
    }

    /// Makes room for tags. Returns `false` if there is no memory for it.
    pub(crate) fn has_tags(&self) -> bool {
        self.groups_made().and_then(Groups::ensure_tags).is_ok()
    }

    /// Removes invalidated entries, in at most `budget` steps. Subtracts the steps that it has
    /// made.
    pub(crate) fn sweep(&self, budget: &mut u64) -> Advance {
        let Some(groups) = self.groups.get() else { return Advance::Done };
        groups.note_fork(fork::process());
        while groups.is_armed() {
            if *budget == 0 {
                return Advance::More;
            }
            if !self.sweep_some(groups) {
                break;
            }
            *budget -= 1;
        }
        Advance::Done
    }

    /// Makes a step of the sweep. Returns `false` if there is none to be made.
    #[cold]
    pub(crate) fn sweep_some(&self, groups: &Groups) -> bool {
        let early = planted(Bug::PairsCountedEarly).then(|| self.tiers.pairs());
        let mut cx = WriteScope::new(self, Dues::None);
        let Some(step) = groups.next_step() else { return false };
        let pairs = early.unwrap_or_else(|| self.tiers.pairs());
        self.sweep_step(&cx, groups, &step, pairs);
        if let Some((shard, _)) = self.tiers.pair(step.pair()) {
            cx.owe_to(shard, 4 * DEAD_PER_WRITE);
        }
        true
    }

    fn sweep_step(&self, cx: &WriteScope<'_, K, V>, groups: &Groups, step: &SweepStep, pairs: u64) {
        if let Some((shard, first)) = self.tiers.pair(step.pair()) {
            for set in first..first + 2 {
                let Some(members) = shard.index.members_of(set) else { break };
                for found in members {
                    if groups.is_invalidated(&shard.births, found.node) {
                        let loc = shard.index.loc(found);
                        shard.take_out(cx, loc, found.node, RemovalCause::Invalidated);
                    }
                }
            }
        }
        groups.finish(step, pairs);
    }
}

impl<K, V> Engine<K, V> {
    /// Makes a step of the sweep for a write, if the cache is not registered with the maintenance
    /// thread.
    #[inline(always)]
    pub(crate) fn sweep_by_the_way(&self) {
        // In models a step is the whole sweep, and the models call it themselves.
        if !cfg!(larder_loom)
            && let Some(groups) = self.common.groups.get()
            && self.common.registration.get().is_none()
        {
            groups.note_fork(fork::process());
            if groups.is_armed() && !groups.has_swept_all_it_can() {
                self.common.sweep_some(groups);
            }
        }
    }

    /// Invalidates all entries that exist when the call begins, in O(1). If there is no memory for
    /// groups, removes the entries one by one.
    pub(crate) fn invalidate_all(&self) {
        self.supersede_loads();
        match self.common.groups_made() {
            Ok(groups) => {
                groups.invalidate_all();
                self.have_swept();
            }
            Err(OutOfMemory) => {
                self.take_out_where(|_, _| true);
            }
        }
    }

    /// Invalidates all entries that have one of these tags when the call begins, in O(tags).
    pub(crate) fn invalidate_tags(&self, tags: impl IntoIterator<Item = TagSlot>) {
        // Once for all tags: a load that begins after this is no older than the call.
        self.supersede_loads();
        let Some(groups) = self.common.groups.get() else { return };
        let tagged = tags.into_iter().filter(|tag| groups.invalidate_tag(*tag)).count();
        if tagged > 0 {
            self.have_swept();
        }
    }

    fn have_swept(&self) {
        if let Some(registration) = self.common.registration.get() {
            registration.notify();
        }
    }

    /// Supersedes all loads, so that no value that is being loaded now is stored.
    pub(crate) fn supersede_loads(&self) {
        self.supersede_all(&pin());
    }

    /// Removes the entries that exist when the call begins and for which `doomed` returns `true`.
    /// Returns how many it has removed.
    pub(crate) fn invalidate_where(&self, doomed: impl FnMut(&K, &V) -> bool) -> u64 {
        self.supersede_loads();
        self.take_out_where(doomed)
    }

    fn take_out_where(&self, mut doomed: impl FnMut(&K, &V) -> bool) -> u64 {
        let mut taken = 0;
        self.for_each_set(|shard, set| {
            let doomed = |entry: &Entry<K, V>| doomed(&entry.key, &entry.value);
            taken += self.take_out_of_set(shard, set, doomed);
        });
        taken
    }

    /// Removes the entries of a set for which `doomed` returns `true`. Returns how many it has
    /// removed.
    fn take_out_of_set(
        &self,
        shard: &Shard<K, V>,
        set: usize,
        mut doomed: impl FnMut(&Entry<K, V>) -> bool,
    ) -> u64 {
        let dues = Dues::OfShard { id: shard.id(), dead: 8 * DEAD_PER_WRITE };
        let cx = WriteScope::new(&self.common, dues);
        let members = shard.index.members_of(set).into_iter().flatten();
        let has_grace = self.common.lifetimes.grace > 0;
        let taken = members
            // With grace, an expired entry may still be returned instead of an error.
            .filter(|found| has_grace || shard.is_live(&self.common, cx.watch, found.node))
            // SAFETY: this thread is pinned, and has found the node in the index (Acquire) since.
            .filter(|found| unsafe { shard.nodes.with(found.node, &mut doomed) })
            .filter(|&found| {
                let (loc, cause) = (shard.index.loc(found), RemovalCause::Invalidated);
                shard.take_out(&cx, loc, found.node, cause).is_some()
            })
            .count();
        taken as u64
    }

    fn for_each_set(&self, mut f: impl FnMut(&Shard<K, V>, usize)) {
        for shard in self.common.tiers.iter() {
            (0..shard.index.len()).for_each(|set| f(shard, set));
        }
    }
}

impl<K, V> Shard<K, V> {
    /// Removes the entry that this thread has published, if it was invalidated meanwhile.
    #[inline(always)]
    pub(crate) fn second_look(&self, cx: &WriteScope<'_, K, V>, loc: Loc, node: NodeId) {
        if let Some(groups) = cx.common().groups.get() {
            self.second_look_at(cx, groups, loc, node);
        }
    }

    #[inline(never)]
    fn second_look_at(&self, cx: &WriteScope<'_, K, V>, groups: &Groups, loc: Loc, node: NodeId) {
        if !groups.may_stay(&self.births, node) {
            self.take_out(cx, loc, node, RemovalCause::Invalidated);
        }
    }
}
