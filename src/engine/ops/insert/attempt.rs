//! An insert that goes on until it is decided, however often it is met by others.

use super::{IfPresent, Inserted, Target};
use crate::{
    engine::{
        index::{
            sets::{Claim, Found, Home, Index},
            word::NodeId,
        },
        ops::insert::Load,
        policy::budget::{Credit, Source},
        shards::{scope::WriteScope, shard::Shard, stats::Event},
    },
    testing::plant::{Bug, planted},
    types::removal::RemovalCause,
};
use std::mem::ManuallyDrop;

/// An insert in progress, with all that has to be given back if it comes to nothing.
pub(crate) struct Attempt<'a, K, V> {
    shard: &'a Shard<K, V>,
    cx: &'a WriteScope<'a, K, V>,
    target: Target,
    node: NodeId,
    pub(super) claim: Option<Claim<'a>>,
    pub(super) credit: Option<(Credit, Source)>,
    /// The load whose value this is, if it is one: `fill.rs`.
    pub(super) loaded_by: Option<Load<'a, K, V>>,
    /// Whether its value is as good as the one that the load is to replace.
    pub(super) is_unchanged: bool,
}

impl<'a, K, V> Attempt<'a, K, V> {
    /// For an owned and filled node.
    #[inline(always)]
    pub(crate) fn new(
        shard: &'a Shard<K, V>,
        cx: &'a WriteScope<'a, K, V>,
        target: Target,
        node: NodeId,
    ) -> Self {
        let (claim, credit, loaded_by) = (None, None, None);
        Self { shard, cx, target, node, claim, credit, loaded_by, is_unchanged: false }
    }

    fn is_to_replace(&self, found: Found<'_>) -> bool {
        self.loaded_by.is_some_and(|load| {
            load.is_to_replace(self.shard.id(), found.node)
                || load.replaces.is_some() && planted(Bug::RefreshBlind)
        })
    }

    fn is_superseded(&self) -> bool {
        self.loaded_by.is_some_and(|load| {
            let unchecked = planted(Bug::RefreshUnchecked) && load.replaces.is_some();
            load.post.is_superseded() && !unchecked
        })
    }

    pub(crate) fn rejected(self) -> Inserted {
        let mut this = ManuallyDrop::new(self);
        this.abort_claim();
        this.give_back_credit();
        this.cx.count(Event::Rejection);
        this.shard.retire(this.cx, this.node, RemovalCause::Rejected);
        Inserted::Rejected
    }

    /// Leaves the node to the caller, who takes it further up.
    fn outgrown(self) -> Inserted {
        let mut this = ManuallyDrop::new(self);
        if !planted(Bug::ClaimLeft) {
            this.abort_claim();
        }
        this.give_back_credit();
        Inserted::Outgrown
    }

    fn updated(self, found: Found<'_>) -> Inserted
    where
        K: Eq,
    {
        let this = &mut *ManuallyDrop::new(self);
        // The credits of the value that was replaced are those of this one.
        let (mut credit, _) = this.credit.take().unwrap_or((Credit::NONE, Source::Unused));
        credit.add(Credit::of_removed_entry(this.shard.weight_of(found.node)));
        let rest = credit.spend(this.target.price.weight());
        this.shard.give(this.cx, rest);
        if this.is_unchanged && this.is_to_replace(found) {
            return this.shard.renewed(this.cx, found, this.node);
        }
        this.shard.updated(this.cx, found, this.node)
    }

    fn added(self, home: Home<'a>, claim: &Claim<'a>, credit: (Credit, Source)) -> Inserted
    where
        K: Eq,
    {
        let this = ManuallyDrop::new(self);
        this.shard.added(this.cx, this.target, home, claim, credit)
    }

    fn abort_claim(&mut self) {
        if let Some(claim) = self.claim.take() {
            Index::abort(&claim);
        }
    }

    /// Sees to it that at least `weight` credits are in hand; false if that cannot be.
    fn top_up(&mut self, weight: u64) -> bool {
        let (mut credit, mut source) = self.credit.take().unwrap_or((Credit::NONE, Source::Unused));
        let found = self.shard.gather(self.cx, self.target.hash, weight, &mut credit);
        if found == Some(Source::Evicted) {
            source = Source::Evicted;
        }
        self.credit = Some((credit, source));
        found.is_some()
    }

    /// A slot where none of the home is free: next door, or that of an entry.
    fn find_claim(&self, home: Home<'a>) -> Option<Claim<'a>> {
        let (shard, hash) = (self.shard, self.target.hash);
        let next_door = shard.index.claim_next_door(home, hash, self.node);
        next_door.or_else(|| shard.oust_nearest(self.cx, self.target, home, self.node))
    }

    fn give_back_credit(&mut self) {
        if let Some((credit, _)) = self.credit.take() {
            self.shard.give(self.cx, credit);
        }
    }
}

impl<'a, K: Eq, V> Attempt<'a, K, V> {
    /// Goes on until it is decided.
    #[cold]
    #[inline(never)]
    pub(super) fn run(mut self, if_present: IfPresent) -> Inserted {
        let (shard, cx) = (self.shard, self.cx);
        let Target { hash, price, .. } = self.target;
        let weight = price.weight();
        let index = &shard.index;
        let home = index.home(hash);
        loop {
            let control = index.settled(home);
            let found = self.find(home, hash);
            self.stamp();
            if let Some(found) = found {
                if if_present == IfPresent::Keep
                    && !self.is_to_replace(found)
                    && shard.keeps(cx, found.node)
                {
                    return Inserted::Kept;
                }
                if self.is_superseded() {
                    return Inserted::Superseded;
                }
                let more = weight.saturating_sub(shard.weight_of(found.node));
                if more > 0 && !self.top_up(more) {
                    let loc = index.loc(found);
                    shard.take_out(cx, loc, found.node, RemovalCause::Explicit);
                    return self.rejected();
                }
                // The node goes into the other slot; this one is not needed any more.
                self.abort_claim();
                shard.place(self.node, || index.loc(found));
                if index.replace(found, self.node) {
                    return self.updated(found);
                }
                continue;
            }
            if self.is_superseded() {
                return Inserted::Superseded;
            }
            if control.is_sealed() {
                return self.outgrown();
            }
            if !self.top_up(weight) {
                return self.rejected();
            }
            let control = index.disown(home, control, self.node);
            if self.claim.is_none() {
                self.claim = index.claim(home, 0, hash, self.node);
                if let Some(claim) = &self.claim {
                    shard.place(self.node, || index.loc_claimed(claim));
                }
            }
            if let Some(claim) = self.claim
                && Index::decide(home, control, &claim)
            {
                let credit = self.credit.take().expect("topped up above");
                return self.added(home, &claim, credit);
            }
            if self.claim.is_none() {
                let source = self.credit.as_ref().map_or(Source::Evicted, |&(_, source)| source);
                if shard.is_outgrown(cx, hash, source) {
                    return self.outgrown();
                }
                self.claim = self.find_claim(home);
                let Some(claim) = &self.claim else { return self.rejected() };
                shard.place(self.node, || index.loc_claimed(claim));
            }
        }
    }

    /// Gives the node its birth, after each look for its key: `groups.rs`.
    fn stamp(&self) {
        if let Some(groups) = self.cx.common().groups.get()
            && !planted(Bug::BirthOnce)
            && !planted(Bug::BirthLate)
        {
            groups.stamp(&self.shard.births, self.node);
        }
    }

    #[inline]
    fn find(&self, home: Home<'a>, hash: u64) -> Option<Found<'a>> {
        let nodes = &self.shard.nodes;
        // SAFETY: this thread owns the node and has written it.
        let own = unsafe { nodes.get(self.node) };
        self.shard.index.find(home, hash, |node| {
            // SAFETY: pinned, and the index read `node` from a member word with Acquire.
            unsafe { nodes.with(node, |entry| entry.key == own.key) }
        })
    }
}

impl<K, V> Drop for Attempt<'_, K, V> {
    fn drop(&mut self) {
        self.abort_claim();
        self.give_back_credit();
        self.shard.recycler.retire(self.node, self.cx.number(), self.cx.guard());
    }
}
