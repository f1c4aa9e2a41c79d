//! Time in a shard's operations: whether an entry lives, and taking out those that do not.
//!
//! The steps are those of `timing.rs`.

use crate::{
    clock::{DEAD, NEVER},
    engine::{
        deadlines::{Block, Change},
        extents::OutOfMemory,
        index::{Found, Loc},
        insert::Target,
        lifetimes::Life,
        nodes::Entry,
        shard::{Common, Context, Shard},
        timing::Timing,
        wheel::Advance,
        word::{NodeId, Word},
    },
    listener::RemovalCause,
};
use std::time::Duration;

impl<K, V> Shard<K, V> {
    /// The shard's times, made if this is the first entry that may expire.
    pub(crate) fn timing_for(&self, common: &Common<K, V>) -> Result<&Timing, OutOfMemory> {
        self.timing.get_or_try_make(|| {
            Timing::new(self.planned_nodes(), self.max_nodes(), common.lifetimes.clock.now())
        })
    }

    /// Whether the entry of a node that was found in the index is not expired. If it is, that is settled.
    #[inline(always)]
    pub(crate) fn is_live(&self, common: &Common<K, V>, node: NodeId) -> bool {
        let clock = &common.lifetimes.clock;
        self.timing.get().is_none_or(|timing| {
            !clock.is_past(timing.deadlines.load(node))
                || !timing.deadlines.settle(node, |seen| clock.is_past(seen))
        })
    }

    /// Why the value of a node leaves: that its time is over counts more than any other cause.
    #[inline(always)]
    pub(crate) fn cause(
        &self,
        common: &Common<K, V>,
        node: NodeId,
        cause: RemovalCause,
    ) -> RemovalCause {
        if self.is_live(common, node) { cause } else { RemovalCause::Expired }
    }

    /// How long an entry that is about to be inserted will live; `found` is what it replaces.
    #[inline(always)]
    pub(super) fn life(
        &self,
        cx: &Context<'_, K, V>,
        target: Target,
        entry: &Entry<K, V>,
        found: Option<Found<'_>>,
    ) -> Option<Life> {
        let timing = self.timing.get()?;
        Some(self.life_by_rule(cx.common, timing, target, entry, found))
    }

    #[inline(never)]
    fn life_by_rule(
        &self,
        common: &Common<K, V>,
        timing: &Timing,
        target: Target,
        entry: &Entry<K, V>,
        found: Option<Found<'_>>,
    ) -> Life {
        let lifetimes = &common.lifetimes;
        let replaced = found
            .filter(|found| self.is_live(common, found.node))
            .map(|found| timing.life(found.node).own);
        lifetimes.begin(entry, target.hash, target.span, replaced)
    }

    /// Gives an owned node its times, if there is such a thing.
    #[inline(always)]
    pub(super) fn begin(&self, node: NodeId, life: Option<Life>) -> Result<(), OutOfMemory> {
        match self.timing.get() {
            None => Ok(()),
            Some(timing) => timing.begin(node, life.unwrap_or(Life::ENDLESS)),
        }
    }

    /// Says where an owned node will be published.
    #[inline(always)]
    pub(super) fn place(&self, node: NodeId, loc: impl FnOnce() -> Loc) {
        if let Some(timing) = self.timing.get() {
            timing.place(node, loc());
        }
    }

    /// Has a node that was published looked at in time.
    #[inline(always)]
    pub(super) fn schedule(&self, common: &Common<K, V>, node: NodeId) {
        if let Some(timing) = self.timing.get() {
            self.schedule_at(common, timing, node, timing.deadlines.load(node));
        }
    }

    #[inline]
    fn schedule_at(&self, common: &Common<K, V>, timing: &Timing, node: NodeId, deadline: u64) {
        if deadline != NEVER {
            timing.wheel.schedule(Block::of(node), deadline);
            if let Some(registration) = common.registration.get() {
                registration.wake_by(deadline);
            }
        }
    }

    /// What a lookup that counts as use makes of an entry's times.
    #[cold]
    #[inline(never)]
    pub(crate) fn heed_read(&self, common: &Common<K, V>, timing: &Timing, found: Found<'_>) {
        let lifetimes = &common.lifetimes;
        let life = timing.life(found.node);
        // SAFETY: pinned, and found in the index since.
        let new = unsafe { self.nodes.with(found.node, |entry| lifetimes.after_read(entry, life)) };
        if let Some(new) = new {
            self.set_life(common, timing, found.node, new);
        }
    }

    /// Gives an entry another life, unless its old one is over.
    fn set_life(&self, common: &Common<K, V>, timing: &Timing, node: NodeId, new: Life) -> Change {
        let clock = &common.lifetimes.clock;
        let change = timing.deadlines.change(node, new.deadline, |seen| clock.is_past(seen));
        if change != Change::TooLate {
            timing.note(node, new);
        }
        // For a later one the mark comes too early, and that will do.
        if change == Change::Earlier {
            self.schedule_at(common, timing, node, new.deadline);
        }
        change
    }

    /// Has an entry live for `duration` from now on.
    pub(crate) fn touch(
        &self,
        common: &Common<K, V>,
        timing: &Timing,
        found: Found<'_>,
        duration: Duration,
    ) -> Change {
        let node = found.node;
        let life = timing.life(node);
        let new = common.lifetimes.touched(life, duration);
        // An entry from before the shard knew of times has not been placed.
        timing.place(node, self.index.loc(found));
        self.set_life(common, timing, node, new)
    }

    /// Takes out what is past, from no more than `budget` blocks.
    pub(crate) fn expire(
        &self,
        cx: &Context<'_, K, V>,
        own: usize,
        now: u64,
        budget: u32,
    ) -> Advance {
        let Some(timing) = self.timing.get() else { return Advance::Done };
        timing.wheel.advance(now, budget, |block| {
            let due = |node, _| self.expire_node(cx, own, timing, node, now);
            // Read after the mark was taken: it covers every node that was scheduled before.
            timing.deadlines.expire(block, self.recycler.fresh(), now, due)
        })
    }

    /// Takes a node's entry out if it is in the index and past.
    fn expire_node(
        &self,
        cx: &Context<'_, K, V>,
        own: usize,
        timing: &Timing,
        node: NodeId,
        now: u64,
    ) {
        let Some(loc) = timing.loc(node) else { return };
        let holds = |word: Word| word.is_member() && self.index.layout().node(word) == node;
        let mut word = self.index.word(loc);
        while holds(word) {
            let deadline = timing.deadlines.load(node);
            if deadline > now {
                return;
            }
            if deadline == DEAD || timing.deadlines.claim(node, deadline) {
                break;
            }
        }
        while holds(word) {
            if self.index.remove(loc, word) {
                return self.depart(cx, own, loc, word, RemovalCause::Expired);
            }
            word = self.index.word(loc);
        }
    }
}
