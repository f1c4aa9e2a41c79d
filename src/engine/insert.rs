//! Inserting: the one operation that needs all protocols at once.
//!
//! The numbered steps are those of `index.rs`. What an insert takes on its way (a node, a credit, a
//! claimed slot) is held by an [`Attempt`], which gives it back if the insert comes to nothing, also
//! when comparing keys panics.

use crate::{
    engine::{
        budget::{Credit, Source},
        flight::Flight,
        flights::Post,
        hooks::{Step, step},
        index::{Claim, Departure, Found},
        lifetimes::Span,
        nodes::Entry,
        shard::{Context, Shard},
        stats::Event,
        word::{Control, NodeId},
    },
    listener::RemovalCause,
};
use std::mem::ManuallyDrop;

/// What to do if the key is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfPresent {
    /// Put the new value in its place.
    Replace,
    /// Leave the old one.
    Keep,
}

/// What became of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// The key was absent.
    Added,
    /// The key was present and has the new value.
    Updated,
    /// The key was present and has the old value.
    Kept,
    /// There was no room: the key is absent.
    Rejected,
    /// A write came before what was loaded could be stored: it is not.
    Superseded,
}

/// How far one attempt to insert came.
#[derive(Debug)]
pub(crate) enum Placed<K, V> {
    /// It is over; the entry has been taken up.
    Done(Inserted),
    /// The key was present and was to be kept; the entry is to be dropped when no longer pinned.
    Kept(Entry<K, V>),
    /// There was no node for it.
    Exhausted(Entry<K, V>),
}

/// Where an insert goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The number of the shard.
    pub(crate) own: usize,
    pub(crate) hash: u64,
    /// How long the entry is to live.
    pub(crate) span: Span,
    /// What the entry weighs: 1 in a cache without a weigher.
    pub(crate) weight: u32,
}

impl<K: Eq, V> Shard<K, V> {
    /// Puts a key in.
    #[inline(always)]
    pub(crate) fn insert(
        &self,
        cx: &Context<'_, K, V>,
        target: Target,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Placed<K, V> {
        let home = self.index.home(target.hash);
        let control = self.index.settled(home);
        let found = self.find(cx.guard, home, target.hash, |key| *key == entry.key);
        if if_present == IfPresent::Keep
            && found.is_some_and(|found| self.is_live(cx.common, found.node))
        {
            return Placed::Kept(entry);
        }
        let life = self.life(cx, target, &entry, found);
        let node = match self.fill(cx, target, entry) {
            Ok(node) => node,
            Err(entry) => return Placed::Exhausted(entry),
        };
        if self.begin(node, life).is_err() {
            return Placed::Done(self.reject_filled(cx, target, node, if_present));
        }
        Placed::Done(match found {
            None => self.insert_absent(cx, target, control, node, if_present),
            Some(found) => self.update(cx, target, found, node, if_present),
        })
    }

    #[inline]
    fn update(
        &self,
        cx: &Context<'_, K, V>,
        target: Target,
        found: Found<'_>,
        node: NodeId,
        if_present: IfPresent,
    ) -> Inserted {
        self.place(node, || self.index.loc(found));
        // Where entries weigh differently, credits may have to be had first.
        if self.weights.is_none() && self.index.replace(found, node) {
            return self.updated(cx, target.own, found, node);
        }
        Attempt::new(self, cx, target, node).run(if_present)
    }

    /// One attempt in a straight line. It runs no code of the user's, so nothing unwinds, and what it
    /// has taken needs no guard until it has failed.
    #[inline(never)]
    fn insert_absent(
        &self,
        cx: &Context<'_, K, V>,
        target: Target,
        control: Control,
        node: NodeId,
        if_present: IfPresent,
    ) -> Inserted {
        let Some((credit, source)) = self.credit(cx, target) else {
            return Attempt::new(self, cx, target, node).rejected();
        };
        let home = self.index.home(target.hash);
        let control = self.index.disown(home, control, node);
        let now = self.policy.now(self.pace());
        let claim = self.index.claim(home, target.hash, node, now);
        if let Some(claim) = &claim {
            self.place(node, || claim.loc);
        }
        if let Some(claim) = &claim
            && self.index.decide(home, control, claim)
        {
            return self.added(cx, target, claim, credit, source);
        }
        let mut attempt = Attempt::new(self, cx, target, node);
        attempt.claim = claim;
        attempt.credit = Some((credit, source));
        attempt.run(if_present)
    }

    /// Takes a node and puts the entry into it.
    #[inline(always)]
    fn fill(
        &self,
        cx: &Context<'_, K, V>,
        target: Target,
        entry: Entry<K, V>,
    ) -> Result<NodeId, Entry<K, V>> {
        let Some(node) = self.alloc(cx) else { return Err(entry) };
        if let Some(weights) = &self.weights {
            weights.begin(node, target.weight);
        }
        // SAFETY: just allocated, so owned and empty.
        unsafe { self.nodes.write(node, entry.key, entry.value) };
        step(Step::NodeFilled);
        Ok(node)
    }

    /// Puts in what `load` has loaded, if the key is absent and the load is not superseded.
    #[cold]
    pub(crate) fn insert_loaded(
        &self,
        cx: &Context<'_, K, V>,
        target: Target,
        entry: Entry<K, V>,
        load: &Post<Flight<K, V>>,
    ) -> Placed<K, V> {
        let life = self.life(cx, target, &entry, None);
        let node = match self.fill(cx, target, entry) {
            Ok(node) => node,
            Err(entry) => return Placed::Exhausted(entry),
        };
        if self.begin(node, life).is_err() {
            return Placed::Done(self.reject_filled(cx, target, node, IfPresent::Keep));
        }
        let mut attempt = Attempt::new(self, cx, target, node);
        attempt.loaded_by = Some(load);
        Placed::Done(attempt.run(IfPresent::Keep))
    }

    /// There is no node, since some thread has stayed pinned for long. The new value cannot be kept,
    /// and the old one must not be found any more.
    #[cold]
    pub(crate) fn reject(
        &self,
        cx: &Context<'_, K, V>,
        target: Target,
        key: &K,
        if_present: IfPresent,
    ) -> Inserted {
        cx.count(Event::Rejection);
        if if_present == IfPresent::Replace {
            self.remove(cx, target.own, target.hash, |other| other == key, |_| ());
        }
        Inserted::Rejected
    }

    /// The rest of an insert that was decided.
    #[inline(always)]
    fn added(
        &self,
        cx: &Context<'_, K, V>,
        target: Target,
        claim: &Claim,
        credit: Credit,
        source: Source,
    ) -> Inserted {
        let own = target.own;
        self.index.publish(claim);
        cx.budget().give(own, self.credits(), credit.spend(target.weight.into()));
        cx.count(Event::Insert);
        let segment = self.policy.admit(self.pace(), claim.ghost, source == Source::Unused);
        if !claim.linked {
            let mut sink = |evicted| self.discard(cx, own, evicted);
            self.policy.link(self.pace(), &self.index, segment, claim.loc, &mut sink);
        }
        self.schedule(cx.common, claim.node());
        Inserted::Added
    }

    /// The rest of a replacement: the node that was replaced.
    #[inline]
    fn updated(
        &self,
        cx: &Context<'_, K, V>,
        own: usize,
        found: Found<'_>,
        node: NodeId,
    ) -> Inserted {
        self.index.forget(self.index.loc(found), found.word, Departure::Node);
        let cause = self.cause(cx.common, found.node, RemovalCause::Replaced);
        cx.count(Event::of_departure(cause));
        self.retire(cx, own, found.node, cause);
        self.schedule(cx.common, node);
        if cause == RemovalCause::Replaced {
            return Inserted::Updated;
        }
        // Its key was absent, for whoever looked.
        cx.count(Event::Insert);
        Inserted::Added
    }

    /// There is a node, but no memory for its times: as if there was none.
    #[cold]
    fn reject_filled(
        &self,
        cx: &Context<'_, K, V>,
        target: Target,
        node: NodeId,
        if_present: IfPresent,
    ) -> Inserted {
        let attempt = Attempt::new(self, cx, target, node);
        if if_present == IfPresent::Replace {
            // SAFETY: this thread owns the node and has written it.
            let own = unsafe { self.nodes.get(node) };
            self.remove(cx, target.own, target.hash, |key| *key == own.key, |_| ());
        }
        attempt.rejected()
    }
}

/// An insert in progress, with all that has to be given back if it comes to nothing.
struct Attempt<'a, K, V> {
    shard: &'a Shard<K, V>,
    cx: &'a Context<'a, K, V>,
    target: Target,
    node: NodeId,
    claim: Option<Claim>,
    credit: Option<(Credit, Source)>,
    /// The load whose value this is, if it is one: `fill.rs`.
    loaded_by: Option<&'a Post<Flight<K, V>>>,
}

impl<'a, K, V> Attempt<'a, K, V> {
    /// For an owned and filled node.
    #[inline(always)]
    fn new(
        shard: &'a Shard<K, V>,
        cx: &'a Context<'a, K, V>,
        target: Target,
        node: NodeId,
    ) -> Self {
        Self { shard, cx, target, node, claim: None, credit: None, loaded_by: None }
    }

    fn rejected(self) -> Inserted {
        let mut this = ManuallyDrop::new(self);
        this.abort_claim();
        this.give_back_credit();
        this.cx.count(Event::Rejection);
        this.shard.retire(this.cx, this.target.own, this.node, RemovalCause::Rejected);
        Inserted::Rejected
    }

    fn updated(self, found: Found<'_>) -> Inserted
    where
        K: Eq,
    {
        let this = &mut *ManuallyDrop::new(self);
        // The credits of the value that was replaced are those of this one.
        let (mut credit, _) = this.credit.take().unwrap_or((Credit::NONE, Source::Unused));
        credit.add(Credit::of_removed_entry(this.shard.weight_of(found.node)));
        let rest = credit.spend(this.target.weight.into());
        this.cx.budget().give(this.target.own, this.shard.credits(), rest);
        this.shard.updated(this.cx, this.target.own, found, this.node)
    }

    fn added(self, claim: &Claim, credit: Credit, source: Source) -> Inserted
    where
        K: Eq,
    {
        let this = ManuallyDrop::new(self);
        this.shard.added(this.cx, this.target, claim, credit, source)
    }

    fn abort_claim(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.shard.index.abort(&claim);
        }
    }

    /// Sees to it that at least `weight` credits are in hand; false if that cannot be.
    fn top_up(&mut self, weight: u64) -> bool {
        let (mut credit, mut source) = self.credit.take().unwrap_or((Credit::NONE, Source::Unused));
        let found = self.shard.gather(self.cx, self.target.own, weight, &mut credit);
        if found == Some(Source::Evicted) {
            source = Source::Evicted;
        }
        self.credit = Some((credit, source));
        found.is_some()
    }

    fn give_back_credit(&mut self) {
        if let Some((credit, _)) = self.credit.take() {
            self.cx.budget().give(self.target.own, self.shard.credits(), credit);
        }
    }
}

impl<'a, K: Eq, V> Attempt<'a, K, V> {
    /// Goes on until it is decided.
    #[cold]
    #[inline(never)]
    fn run(mut self, if_present: IfPresent) -> Inserted {
        let (shard, cx) = (self.shard, self.cx);
        let Target { own, hash, weight, .. } = self.target;
        let weight = u64::from(weight);
        let index = &shard.index;
        let home = index.home(hash);
        loop {
            let control = index.settled(home);
            if let Some(found) = self.find(home, hash) {
                if if_present == IfPresent::Keep && shard.is_live(cx.common, found.node) {
                    return Inserted::Kept;
                }
                if self.loaded_by.is_some_and(Post::is_superseded) {
                    return Inserted::Superseded;
                }
                let more = weight.saturating_sub(shard.weight_of(found.node));
                if more > 0 && !self.top_up(more) {
                    shard.remove_found(cx, own, found, RemovalCause::Explicit);
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
            if self.loaded_by.is_some_and(Post::is_superseded) {
                return Inserted::Superseded;
            }
            if !self.top_up(weight) {
                return self.rejected();
            }
            let control = index.disown(home, control, self.node);
            if self.claim.is_none() {
                let now = shard.policy.now(shard.pace());
                self.claim = index.claim(home, hash, self.node, now);
                if let Some(claim) = &self.claim {
                    shard.place(self.node, || claim.loc);
                }
            }
            if let Some(claim) = self.claim
                && index.decide(home, control, &claim)
            {
                let (credit, source) = self.credit.take().expect("topped up above");
                return self.added(&claim, credit, source);
            }
            if self.claim.is_none() && !shard.make_room(cx, own, home) {
                return self.rejected();
            }
        }
    }

    #[inline]
    fn find(&self, home: usize, hash: u64) -> Option<Found<'a>> {
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
        self.shard.recycler.retire(self.node, self.cx.number, self.cx.guard);
    }
}
