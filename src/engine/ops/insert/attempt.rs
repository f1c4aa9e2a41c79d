//! The loop of a write that tries again until it is done, however often other writes interfere.

use super::{Adding, Displaced, Inserted, Precondition, Target, Written};
use crate::{
    engine::{
        index::{
            sets::{Departure, Found, Home, Index},
            word::NodeId,
        },
        ops::room::Room,
        policy::budget::{Credit, CreditSource},
        shards::{scope::WriteScope, shard::Shard, stats::Event},
    },
    testing::plant::{Bug, planted},
    types::removal::RemovalCause,
};

/// A write in progress. It owns what has to be given back if the write is not done.
pub(super) struct Attempt<'a, K, V> {
    shard: &'a Shard<K, V>,
    cx: &'a WriteScope<'a, K, V>,
    target: Target,
    node: NodeId,
    condition: Precondition<'a, K, V>,
    /// The credit and the claim that were taken to add the key.
    pub(super) room: Option<Room<'a>>,
    /// Whether the value equals the one that it replaces.
    pub(super) is_unchanged: bool,
}

impl<'a, K, V> Attempt<'a, K, V> {
    /// Takes over a node that this thread owns and has filled.
    #[inline(always)]
    pub(super) fn new(
        shard: &'a Shard<K, V>,
        cx: &'a WriteScope<'a, K, V>,
        target: Target,
        node: NodeId,
        condition: Precondition<'a, K, V>,
    ) -> Self {
        Self { shard, cx, target, node, condition, room: None, is_unchanged: false }
    }

    pub(super) fn rejected(mut self) -> Written<K, V> {
        self.give_up_room();
        self.cx.count(Event::Rejection);
        self.shard.retire(self.cx, self.node, RemovalCause::Rejected);
        std::mem::forget(self);
        Written::REJECTED
    }

    fn give_up_room(&mut self) {
        if let Some(room) = self.room.take() {
            self.shard.give_up(self.cx, room);
        }
    }

    fn abort_claim(&mut self) {
        if let Some(claim) = self.room.as_mut().and_then(|room| room.claim.take()) {
            Index::abort(&claim);
        }
    }
}

impl<'a, K: Eq, V> Attempt<'a, K, V> {
    /// Tries until the write is done or refused.
    #[cold]
    #[inline(never)]
    pub(super) fn run(mut self) -> Written<K, V> {
        let (shard, cx, target) = (self.shard, self.cx, self.target);
        let (index, weight) = (&shard.index, target.price.weight());
        let home = index.home(target.hash);
        if planted(Bug::AddReplaces) && self.room.is_none() && self.condition.is_absent() {
            self.condition = Precondition::Any;
        }
        loop {
            let control = index.settled(home);
            let found = self.find(home);
            self.stamp();
            if !self.condition.holds(shard, cx, found) {
                return Written::REFUSED;
            }
            if let Some(found) = found {
                let loc = index.loc(found);
                let more = weight.saturating_sub(shard.weight_of(found.node));
                if more > 0 && !self.top_up(more) {
                    match shard.take_out(cx, loc, found.node, RemovalCause::Explicit) {
                        Some(_) => return self.rejected(),
                        // The key was changed.
                        None => continue,
                    }
                }
                // The node goes into the slot of the entry, so the claimed slot is not needed.
                self.abort_claim();
                shard.place(self.node, || loc);
                if index.replace(found, self.node) {
                    return self.updated(found);
                }
                continue;
            }
            if shard.is_closed(cx.common(), control) {
                return self.sealed();
            }
            match shard.add(
                cx,
                target,
                self.node,
                (home, control),
                shard.thread_cache(cx),
                self.room.take(),
            ) {
                Adding::Done => {
                    let node = self.node;
                    std::mem::forget(self);
                    return Written::Done(Inserted::Added, node);
                }
                Adding::NoRoom => return self.rejected(),
                Adding::Lost(room) => {
                    let (claim, source) = (room.claim, room.source);
                    let room = self.room.insert(room);
                    if claim.is_none() {
                        room.claim = index.claim_next_door(home, target.hash, self.node);
                    }
                    if room.claim.is_none() {
                        if shard.is_outgrown(cx, target.hash, source) {
                            return self.sealed();
                        }
                        room.claim = shard.oust_nearest(cx, target, home, self.node);
                        if room.claim.is_none() {
                            return self.rejected();
                        }
                    }
                }
            }
        }
    }

    /// Returns the entry to the caller, which takes it further up.
    fn sealed(mut self) -> Written<K, V> {
        if planted(Bug::ClaimLeft) {
            _ = self.room.as_mut().and_then(|room| room.claim.take());
        }
        self.give_up_room();
        match self.shard.take_back(self.cx, self.node) {
            Some(entry) => {
                std::mem::forget(self);
                Written::Sealed(entry)
            }
            None => self.reject_unfinished(),
        }
    }

    /// Rejects the write for lack of memory for the node's columns, or for a moved-out node. The
    /// old entry of the key is removed where the write would have replaced it.
    #[cold]
    pub(super) fn reject_unfinished(self) -> Written<K, V> {
        let (shard, cx, hash) = (self.shard, self.cx, self.target.hash);
        // SAFETY: this thread has filled the node and owns it, so no other thread writes or drops
        // its entry.
        let own = unsafe { shard.nodes.get(self.node) };
        let eq = |key: &K| *key == own.key;
        match self.condition {
            Precondition::Any => cx.common().remove_unseen(cx, hash, &eq),
            Precondition::Node(_) => {
                let cause = RemovalCause::Explicit;
                if shard.displace(cx, hash, eq, self.condition, cause) == Displaced::Refused {
                    return Written::REFUSED;
                }
            }
            Precondition::Absent | Precondition::Load(_) => {}
        }
        self.rejected()
    }

    fn updated(mut self, found: Found<'_>) -> Written<K, V> {
        let (shard, cx, node) = (self.shard, self.cx, self.node);
        // The credits of the entry that was replaced pay for this one.
        let mut credit = self.room.take().map_or(Credit::NONE, |room| room.credit);
        credit.add(Credit::of_removed_entry(shard.weight_of(found.node)));
        shard.give(cx, credit.spend(self.target.price.weight()));
        let is_renewed = self.is_unchanged && self.condition.is_to_replace(shard, found);
        std::mem::forget(self);
        if !is_renewed {
            return shard.updated(cx, (shard.index.loc(found), found.word), node);
        }
        let loc = shard.index.loc(found);
        shard.index.forget(loc, found.word, Departure::Node);
        shard.updated_with_parts(cx, loc, found.node, node, true)
    }

    /// Makes sure that at least `weight` credits are in hand. Returns `false`, with none in hand,
    /// if there is nothing left that could be evicted.
    fn top_up(&mut self, weight: u64) -> bool {
        let (credit, source) = (Credit::NONE, CreditSource::Unused);
        let none = Room { credit, source, claim: None, vacant: 0 };
        let room = self.room.take().unwrap_or(none);
        self.room = self.shard.enlarge(self.cx, self.target, room, weight);
        self.room.is_some()
    }

    /// Gives the node its birth, after each look for its key: `groups.rs`.
    fn stamp(&self) {
        if let Some(groups) = self.cx.common().groups.get()
            && !planted(Bug::BirthOnce)
            && !planted(Bug::BirthLate)
        {
            groups.stamp(&self.shard.births, self.node);
        }
        self.condition.begin(self.shard, self.node);
    }

    #[inline]
    fn find(&self, home: Home<'a>) -> Option<Found<'a>> {
        let nodes = &self.shard.nodes;
        // SAFETY: this thread has filled the node and owns it, so no other thread writes or drops
        // its entry.
        let own = unsafe { nodes.get(self.node) };
        let planned = || nodes.planned();
        self.shard.index.find_among(home, self.target.hash, planned, |node| {
            // SAFETY: the index read `node` from a member word with Acquire under this pin, so its
            // entry is initialised, and is not written or dropped before the pin ends.
            unsafe { nodes.with(node, |entry| entry.key == own.key) }
        })
    }
}

impl<K, V> Drop for Attempt<'_, K, V> {
    fn drop(&mut self) {
        self.give_up_room();
        self.shard.recycler.retire(self.node, self.cx.number(), self.cx.guard());
    }
}

impl<K, V> Shard<K, V> {
    /// Adds to the credit of a room until it is enough for `weight`. Gives the room up, and returns
    /// `None`, if there is nothing left that could be evicted.
    #[cold]
    pub(super) fn enlarge<'i>(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        mut room: Room<'i>,
        weight: u64,
    ) -> Option<Room<'i>> {
        match self.gather(cx, target.hash, weight, &mut room.credit) {
            None => {
                self.give_up(cx, room);
                return None;
            }
            Some(CreditSource::Evicted) => room.source = CreditSource::Evicted,
            Some(CreditSource::Unused) => {}
        }
        Some(room)
    }

    #[cold]
    fn give_up(&self, cx: &WriteScope<'_, K, V>, room: Room<'_>) {
        if let Some(claim) = &room.claim {
            Index::abort(claim);
        }
        self.give(cx, room.credit);
    }
}
