//! Making room: where the credit of a new entry comes from, and its slot.
//!
//! While the cache fills up, credits come from the budget and slots are free. When it is full, an
//! insert evicts the oldest newcomer if that has to go early (`rules.rs`), and looks at its own set
//! otherwise: an entry that is due there is *ousted*, which evicts it, hands its credit over and
//! claims its slot by one exchange.

use crate::{
    engine::{
        index::{
            hints::Standing,
            sets::{Claim, Home},
            word::{NodeId, Word},
        },
        ops::insert::Target,
        policy::{
            budget::{Credit, Source},
            rules::{HAND, Victim, Visit, Worth},
        },
        shards::{scope::WriteScope, shard::Shard, storeys::FACTOR},
    },
    types::{eviction::EvictionPolicy, removal::RemovalCause},
};

/// What an insert has got for its entry.
#[derive(Debug)]
pub(crate) struct Room<'i> {
    pub(crate) credit: Credit,
    pub(crate) source: Source,
    /// A slot, if its entry has made room.
    pub(crate) claim: Option<Claim<'i>>,
    /// Slots of the home that had no member, as far as was looked at.
    pub(crate) vacant: u32,
}

impl<'i> Room<'i> {
    #[inline(always)]
    fn unused(credit: Credit) -> Self {
        Room { credit, source: Source::Unused, claim: None, vacant: 0 }
    }

    #[inline(always)]
    fn evicted(credit: Credit, claim: Option<Claim<'i>>, vacant: u32) -> Self {
        Room { credit, source: Source::Evicted, claim, vacant }
    }

    /// The same, but not where a call out of line has put it: then no other need be in memory.
    #[inline(always)]
    fn apart(self) -> Self {
        let Room { credit, source, claim, vacant } = self;
        Room { credit, source, claim, vacant }
    }
}

/// Entries that are given up at once where nodes run out although there is weight left.
const RELIEF: u32 = 16;

/// One in so many evictions is from below the top floor.
const EMPTYING: u32 = 4;

impl<K, V> Shard<K, V> {
    /// Finds credit for one more entry, of a key that is absent, and perhaps a slot. None if there
    /// is nothing that could be evicted.
    #[inline(always)]
    pub(crate) fn room<'i>(
        &'i self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        home: Home<'i>,
        node: NodeId,
    ) -> Option<Room<'i>> {
        if self.weights.is_none() {
            if !cx.budget().is_dry(self.credits()) {
                let credit = self.take(cx, 1);
                if credit.amount() > 0 {
                    return Some(Room::unused(credit));
                }
            }
            if !self.compares() && !cx.common().storeys.has_grown() {
                return self.evict_for(cx, target, home, node);
            }
        }
        self.room_by_weight(cx, target).map(Room::apart)
    }

    /// Whether the policy compares entries.
    #[inline(always)]
    fn compares(&self) -> bool {
        self.rules != EvictionPolicy::SegmentedLru
    }

    /// The same in a full cache: evicts.
    #[inline(always)]
    fn evict_for<'i>(
        &'i self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        home: Home<'i>,
        node: NodeId,
    ) -> Option<Room<'i>> {
        // Where no slot is free, one of the set has to go.
        let vacant = home.vacant();
        if vacant != 0
            && let Some(credit) = self.evict_newcomer(cx)
        {
            return Some(Room::evicted(credit, None, vacant));
        }
        let stays = |word| self.is_pinned(word);
        let mut visit = self.policy.visit(self.pace(), &self.index, self.index.number(home));
        while let Some(victim) = visit.next_due(&stays) {
            if let Some(claim) = self.oust(home, &victim, target.hash, node) {
                visit.leave_rest();
                let credit = self.depart_evicted(cx, victim);
                return Some(Room::evicted(credit, Some(claim), 0));
            }
        }
        self.evict_elsewhere(cx, target, (home, visit), node).map(Room::apart)
    }

    #[inline(always)]
    fn oust<'i>(
        &self,
        home: Home<'i>,
        victim: &Victim,
        hash: u64,
        node: NodeId,
    ) -> Option<Claim<'i>> {
        self.index.oust(home, victim.loc, victim.word, hash, node)
    }

    #[inline(never)]
    fn evict_elsewhere<'i>(
        &'i self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        (home, mut visit): (Home<'i>, Visit<'_>),
        node: NodeId,
    ) -> Option<Room<'i>> {
        if !visit.is_full() {
            if let Some(credit) = self.evict_due_elsewhere(cx) {
                return Some(Room::evicted(credit, None, visit.vacant()));
            }
            self.policy.shorten(self.pace());
        }
        while let Some(victim) = visit.nearest(&|word| self.is_pinned(word)) {
            if let Some(claim) = self.oust(home, &victim, target.hash, node) {
                let credit = self.depart_evicted(cx, victim);
                return Some(Room::evicted(credit, Some(claim), 0));
            }
        }
        self.room_by_weight(cx, target)
    }

    /// Evicts the oldest of the last newcomers, if it has to go; its credit.
    #[inline]
    fn evict_newcomer(&self, cx: &WriteScope<'_, K, V>) -> Option<Credit> {
        let stays = |word| self.is_pinned(word);
        let victim = self.policy.newcomer(self.pace(), &self.index, &stays)?;
        self.evict(cx, victim)
    }

    /// Evicts an entry that is due in one of the sets where there may be some; its credit.
    fn evict_due_elsewhere(&self, cx: &WriteScope<'_, K, V>) -> Option<Credit> {
        let (policy, pace) = (&self.policy, self.pace());
        if let Some(credit) = policy.crowded(pace).find_map(|set| self.evict_due(cx, set)) {
            return Some(credit);
        }
        (0..HAND).find_map(|_| self.evict_due(cx, policy.next_set(pace, &self.index)))
    }

    /// Evicts an entry of a set that is due; its credit.
    fn evict_due(&self, cx: &WriteScope<'_, K, V>, set: usize) -> Option<Credit> {
        let mut visit = self.policy.visit(self.pace(), &self.index, set);
        while let Some(victim) = visit.next_due(&|word| self.is_pinned(word)) {
            if let Some(credit) = self.evict(cx, victim) {
                visit.leave_rest();
                return Some(credit);
            }
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn room_by_weight(&self, cx: &WriteScope<'_, K, V>, target: Target) -> Option<Room<'_>> {
        let mut credit = Credit::NONE;
        match self.gather(cx, target.hash, target.price.weight(), &mut credit) {
            Some(source) => Some(Room { credit, source, claim: None, vacant: 0 }),
            None => {
                self.give(cx, credit);
                None
            }
        }
    }

    /// Adds to `credit` until there are `weight` credits, by eviction if it must be. None if
    /// nothing is left that could be evicted.
    #[cold]
    #[inline(never)]
    pub(crate) fn gather(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        weight: u64,
        credit: &mut Credit,
    ) -> Option<Source> {
        let shards = cx.common().storeys.count();
        // What is heavy beside a shard is to be made room for by all of them.
        let is_heavy = weight > cx.budget().capacity() / (8 * shards as u64);
        let mut source = Source::Unused;
        for turn in 0.. {
            if credit.amount() < weight {
                credit.add(self.take(cx, weight - credit.amount()));
            }
            if credit.amount() >= weight {
                break;
            }
            let first = if is_heavy { (self.id() + turn) % shards } else { self.giver(cx, turn) };
            // Later turns look elsewhere, or one set would have to make all the room.
            let own = || self.index.number(self.index.home(hash));
            let home = (turn == 0 && first == self.id()).then(own);
            credit.add(Self::evict_from(cx, first, shards, home)?);
            source = Source::Evicted;
        }
        Some(source)
    }

    /// The shard that gives an entry for one that is inserted here: the one with more entries, of
    /// this and another. Where entries weigh differently, one that is evicted frees more or less
    /// than is needed, so shards that only evicted their own would drift apart, and those with
    /// fewer entries, which have more misses, lose ever more.
    ///
    /// In a cache that has grown, one in [`EMPTYING`] comes from below the top: entries there are
    /// as old as they are few, and the sooner they are gone the better.
    #[inline]
    fn giver(&self, cx: &WriteScope<'_, K, V>, turn: usize) -> usize {
        let storeys = &cx.common().storeys;
        let (below, shards) = (storeys.below_top(), storeys.count());
        let entries = |i: usize| storeys.get(i).map_or(0, Shard::entries);
        if below > 0 {
            let tick = self.tick();
            let old = (tick / EMPTYING) as usize % below;
            if tick.is_multiple_of(EMPTYING)
                && storeys.get(old).is_some_and(|shard| !shard.is_drained())
            {
                return old;
            }
        }
        let on_top = shards - below;
        if on_top == 1 || below == 0 && self.weights.is_none() {
            return self.id();
        }
        let step = self.policy.evictions(self.pace()).wrapping_add(turn as u32) as usize;
        let other = below + (self.id() + 1 + step % (on_top - 1)) % on_top;
        if entries(other) > self.entries() { other } else { self.id() }
    }

    /// Both sets of a key that is to be added are full, although there is weight left: whether it
    /// goes to the floor above, which may come to be for it (`storeys.rs`).
    #[cold]
    pub(crate) fn is_outgrown(&self, cx: &WriteScope<'_, K, V>, hash: u64, source: Source) -> bool {
        let crowded = self.entries() >= self.outgrown_at() / 2 && source == Source::Unused;
        let is_top = cx.common().storeys.height() == self.level();
        if is_top && !(crowded && self.grow(cx)) {
            return false;
        }
        cx.common().has_above(self.level(), hash)
    }

    /// Adds a storey if there are more entries than was estimated, and there were credits for the
    /// last one all the same.
    #[inline]
    pub(crate) fn grow_if_crowded(&self, cx: &WriteScope<'_, K, V>, source: Source) {
        if source == Source::Unused
            && self.entries() > self.outgrown_at()
            && cx.common().storeys.height() == self.level()
        {
            self.grow_if_outgrown(cx);
        }
    }

    #[cold]
    fn grow_if_outgrown(&self, cx: &WriteScope<'_, K, V>) {
        if cx.common().is_outgrown() {
            // If there is no memory for it: it will be tried again, by and by.
            let _ = self.grow(cx);
        }
    }

    #[cold]
    fn grow(&self, cx: &WriteScope<'_, K, V>) -> bool {
        let entries = cx.common().storeys.plan().entries;
        cx.common().grow_patiently(self.level(), entries.saturating_mul(FACTOR)).is_ok()
    }

    /// Gives a few entries up if they hold nearly all nodes that there can be: nobody else would
    /// free one.
    #[cold]
    pub(crate) fn relieve(&self, cx: &WriteScope<'_, K, V>) {
        let fresh = self.recycler.fresh();
        let is_last = fresh as usize == self.max_nodes() || self.ensure(fresh as usize).is_err();
        if !is_last || self.entries() < fresh / 16 * 15 {
            return;
        }
        for _ in 0..RELIEF {
            let Some(credit) = self.evict_some(cx, None) else { break };
            self.give(cx, credit);
        }
    }

    /// Evicts an entry; its credit. None if its word has changed.
    #[inline(always)]
    fn evict(&self, cx: &WriteScope<'_, K, V>, victim: Victim) -> Option<Credit> {
        if self.index.remove(victim.loc, victim.word) {
            Some(self.depart_evicted(cx, victim))
        } else {
            None
        }
    }

    #[inline(always)]
    fn depart_evicted(&self, cx: &WriteScope<'_, K, V>, victim: Victim) -> Credit {
        self.policy.leave(self.pace(), &self.index, victim);
        self.depart_with_credit(cx, victim.loc, victim.word, RemovalCause::Size).0
    }

    /// Evicts the entry that this shard can best do without, beginning at the set `home`; its
    /// credit.
    fn evict_some(&self, cx: &WriteScope<'_, K, V>, home: Option<usize>) -> Option<Credit> {
        if self.is_drained() {
            return None;
        }
        if self.compares() {
            return self.evict_least_worthy(cx, home);
        }
        if let Some(home) = home {
            let found = self
                .evict_newcomer(cx)
                .or_else(|| self.evict_due(cx, home))
                .or_else(|| self.evict_due_elsewhere(cx));
            if found.is_some() {
                return found;
            }
            self.policy.shorten(self.pace());
        }
        self.sweep_sets(cx, home, |set| {
            let mut visit = self.policy.visit(self.pace(), &self.index, set);
            let stays = |word| self.is_pinned(word);
            visit.next_due(&stays).or_else(|| visit.nearest(&stays))
        })
    }

    #[cold]
    fn evict_least_worthy(&self, cx: &WriteScope<'_, K, V>, home: Option<usize>) -> Option<Credit> {
        let worth = |word, standing| self.worth(word, standing);
        self.sweep_sets(cx, home, |set| {
            self.policy.least_worthy(self.pace(), &self.index, set, &worth)
        })
    }

    /// Evicts the first entry that `choose` finds, in the set `home` or wherever the hand comes.
    fn sweep_sets(
        &self,
        cx: &WriteScope<'_, K, V>,
        mut home: Option<usize>,
        mut choose: impl FnMut(usize) -> Option<Victim>,
    ) -> Option<Credit> {
        for _ in 0..=self.index.len() {
            let next = || self.policy.next_set(self.pace(), &self.index);
            let set = home.take().unwrap_or_else(next);
            while let Some(victim) = choose(set) {
                if let Some(credit) = self.evict(cx, victim) {
                    return Some(credit);
                }
            }
        }
        if cx.common().storeys.height() > self.level() {
            self.note_drained();
        }
        None
    }

    /// Evicts an entry of any of the `shards`, if there is one, beginning with that of the number
    /// `first`.
    fn evict_from(
        cx: &WriteScope<'_, K, V>,
        first: usize,
        shards: usize,
        mut home: Option<usize>,
    ) -> Option<Credit> {
        for i in 0..shards {
            let Some(shard) = cx.common().storeys.get((first + i) % shards) else { continue };
            let evicted = shard.evict_some(cx, home.take());
            if evicted.is_some() {
                return evicted;
            }
        }
        None
    }

    /// No slot of a key's home is free, and there is no other place for it: takes that of an entry
    /// there that is evicted.
    #[cold]
    pub(crate) fn oust_nearest<'i>(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        home: Home<'i>,
        node: NodeId,
    ) -> Option<Claim<'i>> {
        let mut visit = self.policy.visit(self.pace(), &self.index, self.index.number(home));
        while let Some(victim) = visit.nearest(&|word| self.is_pinned(word)) {
            if let Some(claim) = self.oust(home, &victim, target.hash, node) {
                let credit = self.depart_evicted(cx, victim);
                self.give(cx, credit);
                return Some(claim);
            }
        }
        None
    }

    /// What a member is worth to policies that compare.
    #[inline]
    fn worth(&self, word: Word, standing: Standing) -> Worth {
        if self.is_pinned(word) {
            return Worth::Priceless;
        }
        let Some(weights) = &self.weights else { return Worth::Points(standing.frequency()) };
        let node = self.index.layout().node(word);
        // At most 13, so that it and a cost of 32 bits leave room for a shift.
        let frequency = standing.frequency();
        let weight = u64::from(weights.of(node).max(1));
        Worth::Points(match self.rules {
            EvictionPolicy::SizeAware => (frequency << 32) / weight,
            EvictionPolicy::CostAware => {
                ((frequency * u64::from(weights.cost(node))) << 20) / weight
            }
            _ => frequency,
        })
    }
}
