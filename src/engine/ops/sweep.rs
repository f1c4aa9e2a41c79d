//! Groups in the cache's operations: births of what is inserted, and taking out what is stale.
//!
//! The argument is that of `groups.rs`.

use crate::{
    engine::{
        Engine,
        index::{
            sets::Loc,
            word::{NodeId, Word},
        },
        invalidate::groups::{Groups, Place, Step, Tags, Watch},
        reclaim::epoch::pin,
        shards::{
            scope::{DEAD_PER_WRITE, Dues, WriteScope},
            shard::{Common, Shard},
        },
        storage::{extents::OutOfMemory, nodes::Entry, parts::Part},
        time::wheel::Advance,
    },
    process::fork,
    testing::plant::{Bug, planted},
    types::removal::RemovalCause,
};

/// To be done once the groups are published: everybody knows of them who pins from now on.
fn announce(groups: &Groups) {
    groups.announce(|announcement| {
        let guard = pin().guard;
        guard.defer(move || announcement.everybody_knows());
        // Others may collect it, too: this thread may never come again.
        guard.flush();
    });
}

impl<K, V> Common<K, V> {
    /// The groups, if there may be stale entries: to be asked before the index is looked at.
    #[inline(always)]
    pub(crate) fn watch(&self) -> Watch<'_> {
        self.groups.get().filter(|groups| groups.is_armed())
    }

    /// The groups, made if this is the first time that they are needed.
    fn groups_made(&self) -> Result<&Groups, OutOfMemory> {
        // Announced to lookups first: who pins when the grace period is over knows of the groups by
        // the bit.
        let groups = self.parts.make(Part::Groups, &self.groups, || Ok(Groups::new()))?;
        announce(groups);
        Ok(groups)
    }

    /// Makes room for tags; false if there is no memory for it.
    pub(crate) fn has_tags(&self) -> bool {
        self.groups_made().and_then(Groups::ensure_tags).is_ok()
    }

    /// Takes stale entries out, in no more than `budget` steps.
    pub(crate) fn sweep(&self, budget: &mut u64) -> Advance {
        let Some(groups) = self.groups.get() else { return Advance::Done };
        groups.heed_fork(fork::process());
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

    /// A step of the sweep; false if there is none to be done.
    #[cold]
    pub(crate) fn sweep_some(&self, groups: &Groups) -> bool {
        let early = planted(Bug::PairsCountedEarly).then(|| self.storeys.pairs());
        let mut cx = WriteScope::new(self, Dues::None);
        let Some(step) = groups.next_step() else { return false };
        let pairs = early.unwrap_or_else(|| self.storeys.pairs());
        self.sweep_step(&cx, groups, &step, pairs);
        if let Some((shard, _)) = self.storeys.pair(step.pair()) {
            cx.owe_to(shard, 4 * DEAD_PER_WRITE);
        }
        true
    }

    fn sweep_step(&self, cx: &WriteScope<'_, K, V>, groups: &Groups, step: &Step, pairs: u64) {
        if let Some((shard, first)) = self.storeys.pair(step.pair()) {
            for set in first..first + 2 {
                let Some(members) = shard.index.members_of(set) else { break };
                for found in members {
                    if groups.is_stale(&shard.births, found.node) {
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
    /// What every write does about stale entries, if there is no thread for it.
    #[inline(always)]
    pub(crate) fn sweep_by_the_way(&self) {
        // In models a step is the whole sweep: they say themselves when it comes.
        if !cfg!(larder_loom)
            && let Some(groups) = self.common.groups.get()
            && self.common.registration.get().is_none()
        {
            groups.heed_fork(fork::process());
            if groups.is_armed() && !groups.has_swept_all_it_can() {
                self.common.sweep_some(groups);
            }
        }
    }

    /// Makes everything that is there when the call begins invalid, O(1).
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

    /// Makes everything invalid that has one of these tags when the call begins, O(tags).
    pub(crate) fn invalidate_tags(&self, tags: impl IntoIterator<Item = Place>) {
        // Once for all of them: what begins to load from here on is no older than the call.
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

    /// Sees to it that nothing is stored that is being loaded now.
    pub(crate) fn supersede_loads(&self) {
        self.supersede_all(&pin());
    }

    /// Removes the entries for which `doomed` holds, of those that are there when the call begins;
    /// says how many they were.
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

    /// Takes the entries out of a set for which `doomed` holds; says how many they were.
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
            // What is expired may still come up instead of an error.
            .filter(|found| has_grace || shard.is_live(&self.common, cx.watch, found.node))
            // SAFETY: pinned, and found in the index since.
            .filter(|found| unsafe { shard.nodes.with(found.node, &mut doomed) })
            .filter(|&found| {
                let (loc, cause) = (shard.index.loc(found), RemovalCause::Invalidated);
                shard.take_out(&cx, loc, found.node, cause).is_some()
            })
            .count();
        taken as u64
    }

    fn for_each_set(&self, mut f: impl FnMut(&Shard<K, V>, usize)) {
        for shard in self.common.storeys.iter() {
            (0..shard.index.len()).for_each(|set| f(shard, set));
        }
    }
}

impl<K, V> Shard<K, V> {
    /// Gives an owned node its birth and its tags, after the look for its key.
    #[inline(always)]
    pub(crate) fn bear(
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

    /// Takes back what this thread has published, if it was invalidated meanwhile.
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

    /// Takes a node's entry out of the index, if it is still there; for what cause. (A use alone
    /// must not save it.)
    pub(crate) fn take_out(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        node: NodeId,
        cause: RemovalCause,
    ) -> Option<RemovalCause> {
        let holds = |word: Word| word.is_member() && self.index.layout().node(word) == node;
        let mut word = self.index.word(loc);
        while holds(word) {
            if self.index.remove(loc, word) {
                return Some(self.depart(cx, loc, word, cause));
            }
            word = self.index.word(loc);
        }
        None
    }
}
