//! Time in a shard's operations: touches, changed rules, and the removal of expired entries.
//!
//! The steps of an expiry, and why they are right, are in `timing.rs`.

#[cfg(feature = "manager")]
use crate::engine::time::extend::IfLost;
use crate::{
    engine::{
        Engine, Located,
        index::{
            sets::Found,
            word::{NodeId, Word},
        },
        reclaim::epoch::pin,
        shards::{common::Common, scope::WriteScope, shard::Shard},
        storage::{chunked::OutOfMemory, parts::Part},
        time::{
            deadlines::{Block, Change, Look},
            lifetimes::Life,
            options::TimeOptions,
            timing::Timing,
            wheel::{Advance, Visit},
        },
    },
    process::clock::{DEAD, NEVER, PAST},
    sync::{Ordering::SeqCst, fence},
    types::removal::RemovalCause,
};

impl<K, V> Engine<K, V> {
    /// Returns the times of a key's entry. The lookup does not count as a use.
    pub(crate) fn life(&self, hash: u64, eq: impl FnMut(&K) -> bool) -> Option<Life> {
        let pin = pin();
        let Located { shard, found, .. } = self.find_live(&pin, hash, eq)?;
        Some(shard.timing.get().map_or(Life::ENDLESS, |timing| timing.life(found.node)))
    }

    /// Gives a key's entry the time of `options` from now on. Returns `false` if the key is absent,
    /// or there is no memory for the time.
    pub(crate) fn touch(
        &self,
        hash: u64,
        mut eq: impl FnMut(&K) -> bool,
        options: &TimeOptions,
    ) -> bool {
        let pin = pin();
        loop {
            let located = self.find_live(&pin, hash, &mut eq);
            let Some(Located { shard, found, .. }) = located else { return false };
            let Ok(timing) = shard.timing_for(&self.common) else { return false };
            let touched = shard.touch(&self.common, timing, found, hash, options);
            // SeqCst: pairs with the fence in `Timing::hand_on`. If this fence comes first, the
            // write that replaces the node sees its new end; otherwise the look below sees the node
            // replaced.
            fence(SeqCst);
            // A replacement may have taken over the times from before the touch: then touch it.
            if touched != Change::TooLate && shard.index.still_names(found) {
                return true;
            }
        }
    }

    /// Applies changed rules to all entries, except those whose end a caller gave. No life gets
    /// longer. An entry that is inserted meanwhile may live by the old rules. For caches with
    /// `Rules::Changing`, which note all times of their entries. O(capacity).
    #[cfg(feature = "manager")]
    pub(crate) fn shorten_lives(&self) {
        debug_assert_eq!(
            self.common.lifetimes.rules,
            crate::engine::time::lifetimes::Rules::Changing
        );
        for shard in self.common.tiers.iter() {
            let Some(timing) = shard.timing.get() else { continue };
            for set in 0.. {
                let _pin = pin();
                let watch = self.common.watch();
                let Some(members) = shard.index.members_of(set) else { break };
                for found in members {
                    if shard.is_live(&self.common, watch, found.node) {
                        shard.shorten(&self.common, timing, found);
                    }
                }
            }
        }
    }
}

impl<K, V> Shard<K, V> {
    /// Returns the shard's times, for entries that live by the cache's rules. Makes them if they
    /// are missing.
    pub(crate) fn timing_by_rule(&self, common: &Common<K, V>) -> Result<&Timing, OutOfMemory> {
        let lifetimes = &common.lifetimes;
        let timing = common.parts.make(Part::Times, &self.timing, || {
            // Before Times, so that a lookup that finds the bit of Times finds this one.
            if !lifetimes.clock.gives_leases() {
                common.parts.announce(Part::Clocked);
            }
            let (planned, max) = (self.planned_nodes(), self.max_nodes());
            let (clock, span) = (&lifetimes.clock, lifetimes.span());
            Timing::new(planned, max, clock, span, lifetimes.extent())
        })?;
        if !lifetimes.are_plain() {
            timing.ensure_details()?;
        }
        Ok(timing)
    }

    /// Returns the shard's times, for an entry that gets an end of its own. Makes what is missing.
    pub(crate) fn timing_for(&self, common: &Common<K, V>) -> Result<&Timing, OutOfMemory> {
        let timing = self.timing_by_rule(common)?;
        timing.ensure_details()?;
        timing.announce_ends();
        Ok(timing)
    }

    /// Marks a node that was published in the timer wheel, if it has a deadline.
    #[inline(always)]
    pub(crate) fn schedule(&self, common: &Common<K, V>, node: NodeId) {
        if let Some(timing) = self.timing.get() {
            self.schedule_at(common, timing, node, timing.deadlines.load(node));
        }
    }

    #[inline]
    pub(super) fn schedule_at(
        &self,
        common: &Common<K, V>,
        timing: &Timing,
        node: NodeId,
        deadline: u64,
    ) {
        if deadline != NEVER {
            let due = deadline.saturating_add(common.lifetimes.grace);
            timing.wheel.schedule(Block::of(node), due);
            if let Some(registration) = common.registration.get() {
                registration.wake_by(due);
            }
        }
    }

    /// Gives an entry the time of `options` from now on, unless its deadline has come.
    pub(crate) fn touch(
        &self,
        common: &Common<K, V>,
        timing: &Timing,
        found: Found<'_>,
        hash: u64,
        options: &TimeOptions,
    ) -> Change {
        let node = found.node;
        let life = timing.life(node);
        let new = common.lifetimes.touched(hash, life, options);
        // An entry that was published before the shard had times has no place yet.
        timing.deadlines.place(node, self.index.loc(found));
        let clock = &common.lifetimes.clock;
        let (change, deadline) = timing.set_end(node, new, |seen| clock.is_past(seen));
        if change == Change::Earlier {
            self.schedule_at(common, timing, node, deadline);
        }
        change
    }

    /// Gives `node`, which has replaced `old` with the times `kept`, the end that a touch has given
    /// to `old` meanwhile: see `extend.rs`.
    pub(crate) fn hand_on(
        &self,
        common: &Common<K, V>,
        old: Found<'_>,
        kept: Option<Life>,
        node: NodeId,
    ) {
        let Some(timing) = self.timing.get() else { return };
        timing.deadlines.place(node, self.index.loc(old));
        if let Some(deadline) = timing.hand_on(old.node, kept.unwrap_or(Life::ENDLESS), node) {
            self.schedule_at(common, timing, node, deadline);
        }
    }

    /// Applies the cache's rules to an entry that began under others.
    #[cfg(feature = "manager")]
    fn shorten(&self, common: &Common<K, V>, timing: &Timing, found: Found<'_>) {
        let node = found.node;
        timing.deadlines.place(node, self.index.loc(found));
        let rule = |life| common.lifetimes.shortened(life);
        if let Some(deadline) = timing.amend(node, IfLost::Again, rule) {
            self.schedule_at(common, timing, node, deadline);
        }
    }

    /// Removes the entries whose deadline and grace are past, from at most `budget` blocks.
    /// Subtracts from the budget the blocks that it has looked at.
    pub(crate) fn expire(&self, cx: &WriteScope<'_, K, V>, now: u64, budget: &mut u32) -> Advance {
        let Some(timing) = self.timing.get() else { return Advance::Done };
        if timing.wheel.is_inherited() {
            self.inherit(timing);
        }
        let grace = cx.common().lifetimes.grace;
        let past = now.saturating_sub(grace);
        timing.wheel.advance(now, budget, Expiring { shard: self, cx, timing, past, grace })
    }

    /// Takes over, in a child of `fork` before its first advance of the wheel, the entries that the
    /// parent's other threads were about to remove or to schedule. Call when pinned.
    #[cold]
    fn inherit(&self, timing: &Timing) {
        let fresh = self.recycler.fresh();
        for node in (1..=fresh).filter(|&node| timing.is_claimed(node)) {
            if self.is_there(timing, node) {
                // If a thread of the child has claimed it meanwhile, one of the two removes it.
                timing.deadlines.disclaim(node);
            }
        }
        timing.wheel.inherit(Block::count(fresh as usize));
    }

    /// Removes a node's entry if it is in the index and its deadline is not after `past`.
    fn expire_node(&self, cx: &WriteScope<'_, K, V>, timing: &Timing, node: NodeId, past: u64) {
        let Some(loc) = timing.deadlines.loc(node) else { return };
        let holds = |word: Word| word.is_member() && self.index.layout().node(word) == node;
        // Read before the deadline, which then is that of the entry that is seen here, or a later
        // one. An entry that is not published yet is not judged.
        if !holds(self.index.word(loc)) {
            return;
        }
        loop {
            let deadline = timing.deadlines.load(node);
            if deadline > past {
                return;
            }
            let grace = cx.common().lifetimes.grace;
            if deadline == PAST && grace > 0 && timing.expiry(node) > past {
                // The deadline is marked past, and the grace is not over.
                let due = timing.expiry(node).saturating_add(grace);
                return timing.wheel.schedule(Block::of(node), due);
            }
            if deadline == DEAD || timing.deadlines.claim(node, deadline) {
                break;
            }
        }
        self.take_out(cx, loc, node, RemovalCause::Expired);
    }
}

/// An advance of a shard's wheel.
struct Expiring<'a, K, V> {
    shard: &'a Shard<K, V>,
    cx: &'a WriteScope<'a, K, V>,
    timing: &'a Timing,
    past: u64,
    grace: u64,
}

impl<K, V> Visit for Expiring<'_, K, V> {
    fn approach(&mut self, block: Block) {
        self.timing.deadlines.prefetch_block(block);
    }

    fn look(&mut self, block: Block) -> Look {
        // Read after the mark was taken, so that it covers every node that was scheduled before.
        let fresh = self.shard.recycler.fresh();
        let look = self.timing.deadlines.look(block, fresh, self.past);
        for loc in look.due().filter_map(|node| self.timing.deadlines.loc(node)) {
            self.shard.index.prefetch_loc(loc);
        }
        look
    }

    fn finish(&mut self, look: Look) -> u64 {
        let Self { shard, cx, timing, past, grace } = *self;
        let due = |node, _| shard.expire_node(cx, timing, node, past);
        timing.deadlines.expire(look, past, due).saturating_add(grace)
    }
}
