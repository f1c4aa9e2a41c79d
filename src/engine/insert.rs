//! Inserting: the one operation that needs all protocols at once.
//!
//! The numbered steps are those of `index.rs`. What an insert takes on its way (a node, a credit, a
//! claimed slot) is held by an [`Attempt`], which gives it back if the insert comes to nothing, also
//! when comparing keys panics.

use crate::{
    engine::{
        budget::{Credit, Source},
        fill::Load,
        groups::Tags,
        hooks::{Step, step},
        index::{Claim, Departure, Found},
        lifetimes::{Life, Span},
        nodes::Entry,
        plant::{Bug, planted},
        shard::{Context, Shard},
        stats::Event,
        storeys::Spot,
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
    /// The key is not on this floor and cannot be added: it belongs further up (`storeys.rs`). The node is
    /// still the caller's.
    Outgrown,
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
    /// The key is not on this floor and cannot be added: it belongs further up.
    Outgrown(Entry<K, V>),
}

impl<K, V> Placed<K, V> {
    /// What became of the insert; the entry, if it was not taken up.
    #[inline(always)]
    pub(crate) fn into_inserted(self) -> Result<Inserted, Entry<K, V>> {
        match self {
            Placed::Done(inserted) => Ok(inserted),
            Placed::Kept(_) => Ok(Inserted::Kept),
            Placed::Exhausted(entry) | Placed::Outgrown(entry) => Err(entry),
        }
    }
}

/// Where an insert goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'t> {
    pub(crate) hash: u64,
    /// By reference: a copy of its words would have to wait until all of them are written.
    pub(crate) terms: &'t Terms,
    pub(crate) price: Price,
}

/// What an entry weighs, and what it would cost to get it again: 1 each, if nobody says. In one word,
/// since a copy of two halves has to wait until both are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Price(u64);

impl Price {
    pub(crate) const UNIT: Price = Price::new(1, 1);

    #[inline(always)]
    pub(crate) const fn new(weight: u32, cost: u32) -> Self {
        Price((cost as u64) << 32 | weight as u64)
    }

    #[inline(always)]
    pub(crate) fn weight(self) -> u64 {
        self.0 & u64::from(u32::MAX)
    }

    #[inline(always)]
    pub(crate) fn word(self) -> u64 {
        self.0
    }
}

/// What whoever inserts an entry says about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// How long it is to live.
    pub(crate) span: Span,
    pub(crate) tags: Tags,
}

impl Terms {
    pub(crate) const BY_RULE: Terms = Terms { span: Span::ByRule, tags: Tags::NONE };
}

impl<K: Eq, V> Shard<K, V> {
    /// Puts a key in.
    #[inline(always)]
    pub(crate) fn insert(
        &self,
        cx: &Context<'_, K, V>,
        target: Target<'_>,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Placed<K, V> {
        let home = self.index.home(target.hash);
        let control = self.index.settled(home);
        let found = self.find(cx.guard, home, target.hash, |key| *key == entry.key);
        if if_present == IfPresent::Keep && found.is_some_and(|found| self.keeps(cx, found.node)) {
            return Placed::Kept(entry);
        }
        let unsealed = planted(Bug::SealSkipped) && cx.common.storeys.height() > self.level();
        if found.is_none() && (control.is_sealed() || unsealed) {
            return Placed::Outgrown(entry);
        }
        let life = self.life(cx, target, &entry, found);
        if ends_at_once(cx, life) {
            return self.expire_at_once(cx, target, entry, &|shard, there| {
                if_present == IfPresent::Replace || !shard.keeps(cx, there.node)
            });
        }
        let node = match self.fill(cx, target, entry) {
            Ok(node) => node,
            Err(entry) => return Placed::Exhausted(entry),
        };
        if self.begin(cx, target, node, life).is_err() {
            return Placed::Done(self.reject_filled(cx, target, node, if_present));
        }
        let inserted = match found {
            None => self.insert_absent(cx, target, control, node, if_present),
            Some(found) => self.update(cx, target, found, node, if_present),
        };
        match inserted {
            Inserted::Outgrown => self.outgrown(cx, target, node, if_present),
            inserted => Placed::Done(inserted),
        }
    }

    /// The insert of an entry that nobody can find: it takes no place but that of what its key had, if that
    /// `goes`.
    #[cold]
    fn expire_at_once(
        &self,
        cx: &Context<'_, K, V>,
        target: Target<'_>,
        entry: Entry<K, V>,
        goes: &dyn Fn(&Self, Spot) -> bool,
    ) -> Placed<K, V> {
        let displaced = cx.common.displace(cx, target.hash, &|key| *key == entry.key, goes);
        Placed::Done(cx.expire_at_once(entry, displaced))
    }

    /// The end of an insert that goes on further up.
    #[cold]
    fn outgrown(
        &self,
        cx: &Context<'_, K, V>,
        target: Target<'_>,
        node: NodeId,
        if_present: IfPresent,
    ) -> Placed<K, V> {
        match self.take_back(cx, node) {
            Some(entry) => Placed::Outgrown(entry),
            None => Placed::Done(self.reject_filled(cx, target, node, if_present)),
        }
    }

    #[inline]
    fn update(
        &self,
        cx: &Context<'_, K, V>,
        target: Target<'_>,
        found: Found<'_>,
        node: NodeId,
        if_present: IfPresent,
    ) -> Inserted {
        self.place(node, || self.index.loc(found));
        // Where entries weigh differently, credits may have to be had first.
        if self.weights.is_none() && self.index.replace(found, node) {
            return self.updated(cx, found, node);
        }
        let if_present = if planted(Bug::AddReplaces) { IfPresent::Replace } else { if_present };
        Attempt::new(self, cx, target, node).run(if_present)
    }

    /// Whether what was found is there for an insert that keeps what is there.
    #[inline]
    fn keeps(&self, cx: &Context<'_, K, V>, node: NodeId) -> bool {
        planted(Bug::StaleKept) || self.is_live(cx.common, cx.watch, node)
    }

    /// One attempt in a straight line. It runs no code of the user's, so nothing unwinds, and what it
    /// has taken needs no guard until it has failed.
    #[inline(never)]
    pub(super) fn insert_absent(
        &self,
        cx: &Context<'_, K, V>,
        target: Target<'_>,
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
    pub(super) fn fill(
        &self,
        cx: &Context<'_, K, V>,
        target: Target<'_>,
        entry: Entry<K, V>,
    ) -> Result<NodeId, Entry<K, V>> {
        let Some(node) = self.alloc(cx) else { return Err(entry) };
        if let Some(weights) = &self.weights {
            weights.begin(node, target.price);
        }
        // SAFETY: just allocated, so owned and empty.
        unsafe { self.nodes.write(node, entry.key, entry.value) };
        if let Some(generations) = self.generations.get() {
            generations.raise(node);
        }
        step(Step::NodeFilled);
        Ok(node)
    }

    /// Puts in what `load` has loaded, if the key is absent, or has the value that the load is to
    /// replace; and if the load is not superseded.
    #[cold]
    pub(crate) fn insert_loaded(
        &self,
        cx: &Context<'_, K, V>,
        target: Target<'_>,
        entry: Entry<K, V>,
        load: Load<'_, K, V>,
    ) -> Placed<K, V> {
        let home = self.index.home(target.hash);
        let is_sealed = self.index.control(home).is_sealed();
        let found = (is_sealed || load.replaces.is_some())
            .then(|| self.find(cx.guard, home, target.hash, |key| *key == entry.key))
            .flatten();
        if is_sealed && found.is_none() {
            return Placed::Outgrown(entry);
        }
        let replaced = found.filter(|found| load.is_to_replace(self.id(), found.node));
        let life = self.life(cx, target, &entry, replaced);
        if ends_at_once(cx, life) {
            if load.post.is_superseded() {
                return Placed::Kept(entry);
            }
            return self.expire_at_once(cx, target, entry, &|shard, there| {
                load.replaces == Some(there) || !shard.keeps(cx, there.node)
            });
        }
        let is_unchanged = replaced.is_some_and(|old| self.is_unchanged(cx, old.node, &entry));
        let node = match self.fill(cx, target, entry) {
            Ok(node) => node,
            Err(entry) => return Placed::Exhausted(entry),
        };
        if self.begin(cx, target, node, life).is_err() {
            return Placed::Done(self.reject_filled(cx, target, node, IfPresent::Keep));
        }
        if let Some(timing) = self.timing.get() {
            timing.note_load(node, load.took);
        }
        let mut attempt = Attempt::new(self, cx, target, node);
        attempt.loaded_by = Some(load);
        attempt.is_unchanged = is_unchanged;
        match attempt.run(IfPresent::Keep) {
            Inserted::Outgrown => self.outgrown(cx, target, node, IfPresent::Keep),
            inserted => Placed::Done(inserted),
        }
    }

    /// There is no node, since some thread has stayed pinned for long. The new value cannot be kept,
    /// and the old one must not be found any more.
    #[cold]
    pub(crate) fn reject(
        &self,
        cx: &Context<'_, K, V>,
        target: Target<'_>,
        key: &K,
        if_present: IfPresent,
    ) -> Inserted {
        cx.count(Event::Rejection);
        if if_present == IfPresent::Replace {
            cx.common.remove_unseen(cx, target.hash, &|other| other == key);
        }
        Inserted::Rejected
    }

    /// The rest of an insert that was decided.
    #[inline(always)]
    fn added(
        &self,
        cx: &Context<'_, K, V>,
        target: Target<'_>,
        claim: &Claim,
        credit: Credit,
        source: Source,
    ) -> Inserted {
        self.index.publish(claim);
        self.give(cx, credit.spend(target.price.weight()));
        cx.count(Event::Insert);
        let segment = self.policy.admit(self.pace(), claim.ghost, source == Source::Unused);
        if !claim.linked {
            let mut sink = |evicted| self.discard(cx, evicted);
            self.policy.link(self.pace(), &self.index, segment, claim.loc, &mut sink);
        }
        self.grow_if_crowded(cx, source);
        self.schedule(cx.common, claim.node());
        self.second_look(cx, claim.loc, claim.node());
        Inserted::Added
    }

    /// The rest of a replacement: the node that was replaced.
    #[inline]
    pub(super) fn updated(
        &self,
        cx: &Context<'_, K, V>,
        found: Found<'_>,
        node: NodeId,
    ) -> Inserted {
        self.index.forget(self.index.loc(found), found.word, Departure::Node);
        let cause = self.cause(cx, found.node, RemovalCause::Replaced);
        cx.count(Event::of_departure(cause));
        self.retire(cx, found.node, cause);
        self.schedule(cx.common, node);
        self.second_look(cx, self.index.loc(found), node);
        if cause == RemovalCause::Replaced {
            return Inserted::Updated;
        }
        // Its key was absent, for whoever looked.
        cx.count(Event::Insert);
        Inserted::Added
    }

    /// The same where the listener is to hear nothing: the value is as good as the old one.
    #[cold]
    fn renewed(&self, cx: &Context<'_, K, V>, found: Found<'_>, node: NodeId) -> Inserted {
        if self.cause(cx, found.node, RemovalCause::Replaced) != RemovalCause::Replaced {
            return self.updated(cx, found, node);
        }
        self.index.forget(self.index.loc(found), found.word, Departure::Node);
        cx.count(Event::Update);
        self.retire_unseen(cx, found.node);
        self.schedule(cx.common, node);
        self.second_look(cx, self.index.loc(found), node);
        Inserted::Updated
    }

    /// Whether a refresh has brought what there is already, as the user compares values.
    fn is_unchanged(&self, cx: &Context<'_, K, V>, old: NodeId, new: &Entry<K, V>) -> bool {
        let freshness = cx.common.lifetimes.freshness.as_deref();
        freshness.and_then(|freshness| freshness.same.as_ref()).is_some_and(|same| {
            // SAFETY: pinned, and found in the index since.
            unsafe { self.nodes.with(old, |old| same(&old.value, &new.value)) }
        })
    }

    /// There is a node, but no memory for its times or tags: as if there was none.
    #[cold]
    fn reject_filled(
        &self,
        cx: &Context<'_, K, V>,
        target: Target<'_>,
        node: NodeId,
        if_present: IfPresent,
    ) -> Inserted {
        let attempt = Attempt::new(self, cx, target, node);
        if if_present == IfPresent::Replace {
            // SAFETY: this thread owns the node and has written it.
            let own = unsafe { self.nodes.get(node) };
            cx.common.remove_unseen(cx, target.hash, &|key| *key == own.key);
        }
        attempt.rejected()
    }
}

/// Whether nobody can find an entry that begins like this.
#[inline(always)]
pub(super) fn ends_at_once<K, V>(cx: &Context<'_, K, V>, life: Option<Life>) -> bool {
    // With grace, an error finds it.
    life.is_some_and(Life::ends_at_once) && cx.common.lifetimes.grace == 0
}

impl<K, V> Context<'_, K, V> {
    /// Counts and tells an entry that has expired when it was to be put in; and for what cause another left
    /// its place, if one did.
    pub(super) fn expire_at_once(
        &self,
        entry: Entry<K, V>,
        displaced: Option<RemovalCause>,
    ) -> Inserted {
        self.count(Event::Expiration);
        self.leaving.keep_unstored(entry, RemovalCause::Expired);
        if displaced == Some(RemovalCause::Replaced) {
            // Counted when the other left.
            return Inserted::Updated;
        }
        self.count(Event::Insert);
        Inserted::Added
    }
}

/// An insert in progress, with all that has to be given back if it comes to nothing.
pub(super) struct Attempt<'a, K, V> {
    shard: &'a Shard<K, V>,
    cx: &'a Context<'a, K, V>,
    target: Target<'a>,
    node: NodeId,
    claim: Option<Claim>,
    credit: Option<(Credit, Source)>,
    /// The load whose value this is, if it is one: `fill.rs`.
    loaded_by: Option<Load<'a, K, V>>,
    /// Whether its value is as good as the one that the load is to replace.
    is_unchanged: bool,
}

impl<'a, K, V> Attempt<'a, K, V> {
    /// For an owned and filled node.
    #[inline(always)]
    pub(super) fn new(
        shard: &'a Shard<K, V>,
        cx: &'a Context<'a, K, V>,
        target: Target<'a>,
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

    pub(super) fn rejected(self) -> Inserted {
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
        let found = self.shard.gather(self.cx, weight, &mut credit);
        if found == Some(Source::Evicted) {
            source = Source::Evicted;
        }
        self.credit = Some((credit, source));
        found.is_some()
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
    fn run(mut self, if_present: IfPresent) -> Inserted {
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
            if self.claim.is_none() {
                let source = self.credit.as_ref().map_or(Source::Evicted, |&(_, source)| source);
                if shard.is_outgrown(cx, hash, source) {
                    return self.outgrown();
                }
                if !shard.make_room(cx, home) {
                    return self.rejected();
                }
            }
        }
    }

    /// Gives the node its birth, after each look for its key: `groups.rs`.
    fn stamp(&self) {
        if let Some(groups) = self.cx.common.groups.get()
            && !planted(Bug::BirthOnce)
            && !planted(Bug::BirthLate)
        {
            groups.stamp(&self.shard.births, self.node);
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
