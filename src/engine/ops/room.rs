//! Making room: the credit and the slot of a new entry.
//!
//! While the cache fills up, credits come from the budget and slots are free. When the cache is
//! full, an insert evicts the oldest newcomer if the policy says so (`rules.rs`), and otherwise
//! looks at its own set. An entry that is due there is *ousted*: one compare-and-swap evicts it and
//! claims its slot, and its credit goes to the insert.

mod anywhere;

use crate::{
    engine::{
        index::{
            sets::{Claim, Home, Loc},
            word::{NodeId, SLOTS, Word},
        },
        ops::insert::Target,
        policy::{
            budget::{Credit, CreditSource},
            rules::{HAND, Victim},
        },
        reclaim::thread_cache::ThreadCache,
        shards::{scope::WriteScope, shard::Shard, tiers::FACTOR},
    },
    types::removal::RemovalCause,
};

/// The credit, and perhaps the slot, that an insert has for its entry.
#[derive(Debug)]
pub(crate) struct Room<'i> {
    pub(crate) credit: Credit,
    pub(crate) source: CreditSource,
    /// A slot, if one was claimed.
    pub(crate) claim: Option<Claim<'i>>,
    /// The slots of the home that were seen without a member, as a bit mask.
    pub(crate) vacant: u32,
}

impl<'i> Room<'i> {
    #[inline(always)]
    fn unused(credit: Credit) -> Self {
        Room { credit, source: CreditSource::Unused, claim: None, vacant: 0 }
    }

    #[inline(always)]
    fn evicted(credit: Credit, claim: Option<Claim<'i>>, vacant: u32) -> Self {
        Room { credit, source: CreditSource::Evicted, claim, vacant }
    }

    /// Returns a copy. For the result of a call out of line, which is in memory: the copy, and with
    /// it the results of the inlined paths, can be kept in registers.
    #[inline(always)]
    fn apart(self) -> Self {
        let Room { credit, source, claim, vacant } = self;
        Room { credit, source, claim, vacant }
    }
}

/// The number of entries that are evicted at once where nodes run out although there are credits
/// left.
const RELIEF: u32 = 16;

/// One in this many evictions is from below the top tier.
const EMPTYING: u32 = 4;

impl<K, V> Shard<K, V> {
    /// Finds the credit for an entry whose key is absent, and perhaps a slot. Returns `None` if
    /// there is nothing that could be evicted.
    #[inline(always)]
    pub(crate) fn room<'i>(
        &'i self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        home: Home<'i>,
        node: NodeId,
        cache: Option<&ThreadCache>,
    ) -> Option<Room<'i>> {
        if self.evicts_what_is_due() {
            if !cx.budget().is_dry(self.credits()) {
                let credit = self.take(cx, 1);
                if credit.amount() > 0 {
                    return Some(Room::unused(credit));
                }
            }
            if !cx.common().tiers.has_grown() {
                return self.evict_for(cx, target, home, node, cache);
            }
        }
        self.room_by_weight(cx, target).map(Room::apart)
    }

    /// Evicts an entry for a new one, in a full cache whose entries have no weights.
    #[inline(always)]
    fn evict_for<'i>(
        &'i self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        home: Home<'i>,
        node: NodeId,
        cache: Option<&ThreadCache>,
    ) -> Option<Room<'i>> {
        let (policy, state, index) = (&self.policy, self.policy_state(), &self.index);
        let members = home.members();
        let vacant = !members & ((1 << SLOTS) - 1);
        // One place for what follows an eviction, since it is inlined.
        let (victim, claim, vacant) = 'evicted: {
            // If no slot of the home is free, a member of the home has to go.
            if vacant != 0
                && let Some(newcomer) = policy.next_newcomer(state, index)
            {
                if !newcomer.standing.is_expendable() {
                    let (loc, word) = (newcomer.loc, newcomer.word);
                    if let Some(credit) = self.evict_newcomer_or_rival(cx, loc, word) {
                        return Some(Room::evicted(credit, None, vacant));
                    }
                } else if index.remove(newcomer.loc, newcomer.word) {
                    break 'evicted (newcomer, None, vacant);
                }
            }
            if let Some(first) = policy.first_due(state, index, home, members)
                && first.member.standing.is_expendable()
                && let Some(claim) = self.oust(home, &first.member, target.hash, node)
            {
                first.leave_rest(policy, state);
                break 'evicted (first.member, Some(claim), 0);
            }
            return self.evict_by_visit(cx, target, home, node).map(Room::apart);
        };
        let credit = self.finish_eviction(cx, victim, cache);
        Some(Room::evicted(credit, claim, vacant))
    }

    /// Evicts a newcomer or its rival, if one of them has to go. Returns its credit.
    #[inline(never)]
    fn evict_newcomer_or_rival(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        word: Word,
    ) -> Option<Credit> {
        let stays = |word| self.is_pinned(word);
        let state = self.policy_state();
        let newcomer = Victim { loc, word, standing: self.index.hints(loc).standing(loc.slot()) };
        let victim = self.policy.judge_newcomer(state, &self.index, newcomer, &stays)?;
        self.evict(cx, victim)
    }

    /// Evicts an entry as [`Shard::evict_for`] does, where more than one member is looked at.
    #[inline(never)]
    fn evict_by_visit<'i>(
        &'i self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        home: Home<'i>,
        node: NodeId,
    ) -> Option<Room<'i>> {
        let stays = |word| self.is_pinned(word);
        let mut visit =
            self.policy.visit(self.policy_state(), &self.index, self.index.number(home));
        while let Some(victim) = visit.next_due(&stays) {
            if let Some(claim) = self.oust(home, &victim, target.hash, node) {
                visit.leave_rest();
                let credit = self.depart_evicted(cx, victim);
                return Some(Room::evicted(credit, Some(claim), 0));
            }
        }
        if !visit.is_full() {
            if let Some(credit) = self.evict_due_elsewhere(cx) {
                return Some(Room::evicted(credit, None, visit.vacant()));
            }
            self.policy.shorten(self.policy_state());
        }
        while let Some(victim) = visit.nearest(&stays) {
            if let Some(claim) = self.oust(home, &victim, target.hash, node) {
                let credit = self.depart_evicted(cx, victim);
                return Some(Room::evicted(credit, Some(claim), 0));
            }
        }
        self.room_by_weight(cx, target)
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

    /// Evicts the oldest of the last newcomers, if the policy says so. Returns its credit.
    #[inline]
    fn evict_newcomer(&self, cx: &WriteScope<'_, K, V>) -> Option<Credit> {
        let stays = |word| self.is_pinned(word);
        let victim = self.policy.newcomer(self.policy_state(), &self.index, &stays)?;
        self.evict(cx, victim)
    }

    /// Evicts an entry that is due, in a crowded set or in the next sets of the hand. Returns its
    /// credit.
    fn evict_due_elsewhere(&self, cx: &WriteScope<'_, K, V>) -> Option<Credit> {
        let (policy, state) = (&self.policy, self.policy_state());
        if let Some(credit) = policy.crowded(state).find_map(|set| self.evict_due(cx, set)) {
            return Some(credit);
        }
        (0..HAND).find_map(|_| self.evict_due(cx, policy.next_set(state, &self.index)))
    }

    /// Evicts an entry of a set that is due. Returns its credit.
    fn evict_due(&self, cx: &WriteScope<'_, K, V>, set: usize) -> Option<Credit> {
        let mut visit = self.policy.visit(self.policy_state(), &self.index, set);
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

    /// Adds to `credit` until there are `weight` credits, by eviction if no unused ones are left.
    /// Returns where they came from, or `None` if there is nothing left that could be evicted.
    #[cold]
    #[inline(never)]
    pub(crate) fn gather(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        weight: u64,
        credit: &mut Credit,
    ) -> Option<CreditSource> {
        let shards = cx.common().tiers.count();
        // All shards make room for an entry that is heavy compared with the capacity of one.
        let is_heavy = weight > cx.budget().capacity() / (8 * shards as u64);
        let mut source = CreditSource::Unused;
        for turn in 0.. {
            if credit.amount() < weight {
                credit.add(self.take(cx, weight - credit.amount()));
            }
            if credit.amount() >= weight {
                break;
            }
            let first =
                if is_heavy { (self.id() + turn) % shards } else { self.victim_shard(cx, turn) };
            // Later turns look elsewhere, so that one set need not make all the room.
            let number = || self.index.number(self.index.home(hash));
            let home = (turn == 0 && first == self.id()).then(number);
            credit.add(Self::evict_from(cx, first, shards, home)?);
            source = CreditSource::Evicted;
        }
        Some(source)
    }

    /// Returns the number of the shard that evicts an entry for one that is inserted here: of this
    /// shard and another one, that with more entries. Where entries have weights of their own, an
    /// eviction frees more or less than is needed. So the sizes of shards that evict only their own
    /// entries would drift apart, and those with fewer entries have more misses and lose even more.
    ///
    /// In a cache that has grown, one in [`EMPTYING`] evictions is from below the top tier, where
    /// entries are old and few, so that the lower tiers become empty.
    #[inline]
    fn victim_shard(&self, cx: &WriteScope<'_, K, V>, turn: usize) -> usize {
        let tiers = &cx.common().tiers;
        let (below, shards) = (tiers.below_top(), tiers.count());
        let entries = |i: usize| tiers.get(i).map_or(0, Shard::entries);
        if below > 0 {
            let tick = self.tick();
            let old = (tick / EMPTYING) as usize % below;
            if tick.is_multiple_of(EMPTYING)
                && tiers.get(old).is_some_and(|shard| !shard.is_drained())
            {
                return old;
            }
        }
        let on_top = shards - below;
        if on_top == 1 || below == 0 && self.weights.is_none() {
            return self.id();
        }
        let step = self.policy.evictions(self.policy_state()).wrapping_add(turn as u32) as usize;
        let other = below + (self.id() + 1 + step % (on_top - 1)) % on_top;
        if entries(other) > self.entries() { other } else { self.id() }
    }

    /// Returns whether a key goes to the tier above, since no slot of its home or next door is
    /// free. Adds that tier if unused credits are left and the shard has half of the entries with
    /// which it is outgrown (`tiers.rs`).
    #[cold]
    pub(crate) fn is_outgrown(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        source: CreditSource,
    ) -> bool {
        let crowded = self.entries() >= self.outgrown_at() / 2 && source == CreditSource::Unused;
        let is_top = cx.common().tiers.height() == self.level();
        if is_top && !(crowded && self.grow(cx)) {
            return false;
        }
        cx.common().has_above(self.level(), hash)
    }

    /// Adds a tier if there are more entries than estimated, and unused credits were left for the
    /// last one.
    #[inline(always)]
    pub(crate) fn grow_if_crowded(&self, cx: &WriteScope<'_, K, V>, source: CreditSource) {
        if source == CreditSource::Unused
            && self.entries() > self.outgrown_at()
            && cx.common().tiers.height() == self.level()
        {
            self.grow_if_outgrown(cx);
        }
    }

    #[cold]
    fn grow_if_outgrown(&self, cx: &WriteScope<'_, K, V>) {
        if cx.common().is_outgrown() {
            // If there is no memory for it, a later insert tries again.
            let _ = self.grow(cx);
        }
    }

    #[cold]
    fn grow(&self, cx: &WriteScope<'_, K, V>) -> bool {
        let entries = cx.common().tiers.plan().entries;
        cx.common().grow_patiently(self.level(), entries.saturating_mul(FACTOR)).is_ok()
    }

    /// Evicts a few entries if entries hold nearly all nodes that there can be, since then nothing
    /// else frees a node.
    #[cold]
    pub(crate) fn shed(&self, cx: &WriteScope<'_, K, V>) {
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

    /// Evicts an entry. Returns its credit, or `None` if its word has changed.
    #[inline(always)]
    fn evict(&self, cx: &WriteScope<'_, K, V>, victim: Victim) -> Option<Credit> {
        if self.index.remove(victim.loc, victim.word) {
            Some(self.depart_evicted(cx, victim))
        } else {
            None
        }
    }

    fn depart_evicted(&self, cx: &WriteScope<'_, K, V>, victim: Victim) -> Credit {
        self.finish_eviction(cx, victim, self.thread_cache(cx))
    }

    /// Finishes the eviction of an entry that has left its slot. Returns its credit. `own` is this
    /// thread's cache of nodes.
    #[inline(always)]
    fn finish_eviction(
        &self,
        cx: &WriteScope<'_, K, V>,
        victim: Victim,
        cache: Option<&ThreadCache>,
    ) -> Credit {
        self.policy.leave(self.policy_state(), &self.index, victim);
        self.finish_removal_with_credit(cx, victim.loc, victim.word, RemovalCause::Size, cache).0
    }

    /// Evicts an entry of a key's home and claims its slot, where no slot is free for the key.
    #[cold]
    pub(crate) fn oust_nearest<'i>(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        home: Home<'i>,
        node: NodeId,
    ) -> Option<Claim<'i>> {
        let mut visit =
            self.policy.visit(self.policy_state(), &self.index, self.index.number(home));
        while let Some(victim) = visit.nearest(&|word| self.is_pinned(word)) {
            if let Some(claim) = self.oust(home, &victim, target.hash, node) {
                let credit = self.depart_evicted(cx, victim);
                self.give(cx, credit);
                return Some(claim);
            }
        }
        None
    }
}
