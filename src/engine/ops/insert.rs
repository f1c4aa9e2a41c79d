//! Inserting: the one operation that needs all protocols at once.
//!
//! The numbered steps are those of `sets.rs`. What an insert takes on its way (a node, a credit, a
//! claimed slot) is held by an [`Attempt`] (`insert/attempt.rs`), which gives it back if the insert comes to nothing, also
//! when comparing keys panics.

mod attempt;

pub(crate) use attempt::Attempt;

use crate::{
    engine::{
        index::{
            sets::{Claim, Departure, Found, Home, Index, Loc},
            word::{Control, NodeId},
        },
        invalidate::groups::Tags,
        ops::room::Room,
        policy::budget::{Credit, Source},
        reclaim::stock::Stock,
        shards::{scope::WriteScope, shard::Shard, stats::Event, storeys::Spot},
        singleflight::{flight::Flight, flights::Post},
        storage::{extents::OutOfMemory, nodes::Entry, parts::PartSet, weights::Price},
        time::lifetimes::{Life, Span},
    },
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
    types::removal::RemovalCause,
};
use std::time::Duration;

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

/// Where an insert goes, and what it costs. Two words, which travel in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) hash: u64,
    pub(crate) price: Price,
}

/// A load that has brought a value.
#[derive(Debug)]
pub(crate) struct Load<'a, K, V> {
    pub(crate) post: &'a Post<Flight<K, V>>,
    /// The node whose value the new one is to replace, if it is a refresh.
    pub(crate) replaces: Option<Spot>,
    pub(crate) terms: &'a Terms,
    pub(crate) took: Duration,
}

impl<K, V> Load<'_, K, V> {
    /// Whether it is the value in this node that the new one is to replace.
    pub(crate) fn is_to_replace(&self, shard: usize, node: NodeId) -> bool {
        self.replaces == Some(Spot { shard, node })
    }
}

impl<K, V> Clone for Load<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Load<'_, K, V> {}

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
    /// Puts a key in, in a straight line: for a cache in which the thread has found no parts with which an insert
    /// has more to do, when it had pinned. `home` is the key's.
    #[inline(always)]
    pub(crate) fn insert_plain(
        &self,
        cx: &WriteScope<'_, K, V>,
        home: Home<'_>,
        target: Target,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Placed<K, V> {
        let control = self.index.settled(home);
        let found = self.find(cx.guard(), home, target.hash, |key| *key == entry.key);
        let Some(found) = found else {
            return self.add_plain(cx, (home, control), target, entry, if_present);
        };
        if if_present == IfPresent::Keep && self.keeps(cx, found.node) {
            return Placed::Kept(entry);
        }
        let stock = self.stock(cx);
        let node = match self.alloc_from(stock) {
            Some(node) => node,
            None => match self.alloc_beyond_stock(cx) {
                Some(node) => node,
                None => return Placed::Exhausted(entry),
            },
        };
        self.write(node, entry);
        // Asked again, since the node's last owner may have known of more: `parts.rs`.
        if !cx.parts().has_any_of(PartSet::OF_NODES) && self.index.replace(found, node) {
            return Placed::Done(self.updated_from(stock, cx, found, node));
        }
        self.put_again(cx, target, node, if_present)
    }

    /// The same for a key that was not found; `control` was read before.
    #[inline(never)]
    fn add_plain(
        &self,
        cx: &WriteScope<'_, K, V>,
        (home, control): (Home<'_>, Control),
        target: Target,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Placed<K, V> {
        if self.is_closed(cx, control) {
            return Placed::Outgrown(entry);
        }
        let node = match self.fill(cx, entry) {
            Ok(node) => node,
            Err(entry) => return Placed::Exhausted(entry),
        };
        if cx.parts().has_any_of(PartSet::OF_NODES) {
            return self.put_again(cx, target, node, if_present);
        }
        match self.insert_at_home(cx, target, (home, control), node, if_present) {
            Inserted::Outgrown => self.outgrown(cx, target, node, if_present),
            inserted => Placed::Done(inserted),
        }
    }

    /// Whether nothing can be added in a set with this control word.
    #[inline(always)]
    fn is_closed(&self, cx: &WriteScope<'_, K, V>, control: Control) -> bool {
        let unsealed = planted(Bug::SealSkipped) && cx.common().storeys.height() > self.level();
        control.is_sealed() || unsealed
    }

    /// Puts a key in.
    pub(crate) fn insert(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        terms: &Terms,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Placed<K, V> {
        let home = self.index.home(target.hash);
        let control = self.index.settled(home);
        let found = self.find(cx.guard(), home, target.hash, |key| *key == entry.key);
        if if_present == IfPresent::Keep && found.is_some_and(|found| self.keeps(cx, found.node)) {
            return Placed::Kept(entry);
        }
        if found.is_none() && self.is_closed(cx, control) {
            return Placed::Outgrown(entry);
        }
        let life = self.life(cx, target, terms, &entry, found);
        if ends_at_once(cx, life) {
            return self.expire_at_once(cx, target, entry, &|shard, there| {
                if_present == IfPresent::Replace || !shard.keeps(cx, there.node)
            });
        }
        let node = match self.fill(cx, entry) {
            Ok(node) => node,
            Err(entry) => return Placed::Exhausted(entry),
        };
        if self.begin(cx, target, terms, node, life).is_err() {
            return Placed::Done(self.reject_filled(cx, target, node, if_present));
        }
        let Some(found) = found else {
            return match self.insert_absent(cx, target, control, node, if_present) {
                Inserted::Outgrown => self.outgrown(cx, target, node, if_present),
                inserted => Placed::Done(inserted),
            };
        };
        self.place(node, || self.index.loc(found));
        // Where entries weigh differently, credits may have to be had first.
        if self.weights.is_none() && self.index.replace(found, node) {
            return Placed::Done(self.updated(cx, found, node));
        }
        self.update_again(cx, target, node, if_present)
    }

    /// The key was changed since it was found, or the cache has come by parts with which there is more to do.
    #[cold]
    #[inline(never)]
    fn put_again(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        node: NodeId,
        if_present: IfPresent,
    ) -> Placed<K, V> {
        // An entry that is inserted at the moment in which there come to be times lives as the cache's rules say,
        // which are none.
        match self.begin(cx, target, &Terms::BY_RULE, node, None) {
            Ok(()) => self.update_again(cx, target, node, if_present),
            Err(OutOfMemory) => Placed::Done(self.reject_filled(cx, target, node, if_present)),
        }
    }

    /// The key was changed since it was found, or credits have to be had.
    #[cold]
    fn update_again(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        node: NodeId,
        if_present: IfPresent,
    ) -> Placed<K, V> {
        let if_present = if planted(Bug::AddReplaces) { IfPresent::Replace } else { if_present };
        match Attempt::new(self, cx, target, node).run(if_present) {
            Inserted::Outgrown => self.outgrown(cx, target, node, if_present),
            inserted => Placed::Done(inserted),
        }
    }

    /// The insert of an entry that nobody can find: it takes no place but that of what its key had, if that
    /// `goes`.
    #[cold]
    fn expire_at_once(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        entry: Entry<K, V>,
        goes: &dyn Fn(&Self, Spot) -> bool,
    ) -> Placed<K, V> {
        let displaced = cx.common().displace(cx, target.hash, &|key| *key == entry.key, goes);
        Placed::Done(cx.expire_at_once(entry, displaced))
    }

    /// The end of an insert that goes on further up.
    #[cold]
    fn outgrown(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        node: NodeId,
        if_present: IfPresent,
    ) -> Placed<K, V> {
        match self.take_back(cx, node) {
            Some(entry) => Placed::Outgrown(entry),
            None => Placed::Done(self.reject_filled(cx, target, node, if_present)),
        }
    }

    /// Whether what was found is there for an insert that keeps what is there.
    #[inline]
    fn keeps(&self, cx: &WriteScope<'_, K, V>, node: NodeId) -> bool {
        planted(Bug::StaleKept) || self.is_live(cx.common(), cx.watch, node)
    }

    /// [`Shard::insert_at_home`], for who does not know the home.
    #[inline(never)]
    pub(crate) fn insert_absent(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        control: Control,
        node: NodeId,
        if_present: IfPresent,
    ) -> Inserted {
        let home = self.index.home(target.hash);
        self.insert_at_home(cx, target, (home, control), node, if_present)
    }

    /// One attempt in a straight line. It runs no code of the user's, so nothing unwinds, and what it
    /// has taken needs no guard until it has failed.
    #[inline(always)]
    fn insert_at_home(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        (home, control): (Home<'_>, Control),
        node: NodeId,
        if_present: IfPresent,
    ) -> Inserted {
        let control = self.index.disown(home, control, node);
        let Some(room) = self.room(cx, target, home, node) else {
            return Attempt::new(self, cx, target, node).rejected();
        };
        let Room { credit, source, claim, vacant } = room;
        let claim = claim
            .or_else(|| self.index.claim(home, vacant, target.hash, node))
            .map(|claim| claim.at(home));
        if let Some(claim) = &claim {
            self.place(node, || self.index.loc_claimed(claim));
            if Index::decide(home, control, claim) {
                return self.added(cx, target, home, claim, (credit, source));
            }
        }
        let mut attempt = Attempt::new(self, cx, target, node);
        attempt.claim = claim;
        attempt.credit = Some((credit, source));
        attempt.run(if_present)
    }

    /// Takes a node and puts the entry into it.
    #[inline(always)]
    pub(crate) fn fill(
        &self,
        cx: &WriteScope<'_, K, V>,
        entry: Entry<K, V>,
    ) -> Result<NodeId, Entry<K, V>> {
        let node = match self.alloc_from(self.stock(cx)) {
            Some(node) => node,
            None => match self.alloc_beyond_stock(cx) {
                Some(node) => node,
                None => return Err(entry),
            },
        };
        self.write(node, entry);
        Ok(node)
    }

    #[inline(always)]
    fn write(&self, node: NodeId, entry: Entry<K, V>) {
        // SAFETY: just allocated, so owned and empty.
        unsafe { self.nodes.write(node, entry.key, entry.value) };
        step(Step::NodeFilled);
    }

    /// Puts in what `load` has loaded, if the key is absent, or has the value that the load is to
    /// replace; and if the load is not superseded.
    #[cold]
    pub(crate) fn insert_loaded(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        entry: Entry<K, V>,
        load: Load<'_, K, V>,
    ) -> Placed<K, V> {
        let home = self.index.home(target.hash);
        let is_sealed = home.control().is_sealed();
        let found = (is_sealed || load.replaces.is_some())
            .then(|| self.find(cx.guard(), home, target.hash, |key| *key == entry.key))
            .flatten();
        if is_sealed && found.is_none() {
            return Placed::Outgrown(entry);
        }
        let replaced = found.filter(|found| load.is_to_replace(self.id(), found.node));
        let life = self.life(cx, target, load.terms, &entry, replaced);
        if ends_at_once(cx, life) {
            if load.post.is_superseded() {
                return Placed::Kept(entry);
            }
            return self.expire_at_once(cx, target, entry, &|shard, there| {
                load.replaces == Some(there) || !shard.keeps(cx, there.node)
            });
        }
        let is_unchanged = replaced.is_some_and(|old| self.is_unchanged(cx, old.node, &entry));
        let node = match self.fill(cx, entry) {
            Ok(node) => node,
            Err(entry) => return Placed::Exhausted(entry),
        };
        if self.begin(cx, target, load.terms, node, life).is_err() {
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
        cx: &WriteScope<'_, K, V>,
        target: Target,
        key: &K,
        if_present: IfPresent,
    ) -> Inserted {
        cx.count(Event::Rejection);
        if if_present == IfPresent::Replace {
            cx.common().remove_unseen(cx, target.hash, &|other| other == key);
        }
        Inserted::Rejected
    }

    /// The rest of an insert that was decided.
    #[inline(always)]
    fn added(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        home: Home<'_>,
        claim: &Claim<'_>,
        (credit, source): (Credit, Source),
    ) -> Inserted {
        let ghost = home.hints().ghosts().take(self.index.layout().ghost_tag(target.hash));
        let standing = self.policy.admit(self.pace(), ghost);
        self.policy.enter(self.pace(), &self.index, claim, standing);
        self.count_member();
        Index::publish(claim);
        self.give(cx, credit.spend(target.price.weight()));
        cx.count(Event::Insert);
        self.grow_if_crowded(cx, source);
        if cx.parts().has_any_of(PartSet::OF_STANDINGS) {
            self.look_after(cx, self.index.loc_claimed(claim), claim.node());
        }
        Inserted::Added
    }

    /// Has an entry that was published taken out in time, and at once if it was invalidated meanwhile.
    #[inline(never)]
    fn look_after(&self, cx: &WriteScope<'_, K, V>, loc: Loc, node: NodeId) {
        self.schedule(cx.common(), node);
        self.second_look(cx, loc, node);
    }

    /// The rest of a replacement: the node that was replaced.
    #[inline(always)]
    pub(crate) fn updated(
        &self,
        cx: &WriteScope<'_, K, V>,
        found: Found<'_>,
        node: NodeId,
    ) -> Inserted {
        self.updated_from(self.stock(cx), cx, found, node)
    }

    /// The same for a thread that has looked for its stock.
    #[inline(always)]
    fn updated_from(
        &self,
        stock: Option<&Stock>,
        cx: &WriteScope<'_, K, V>,
        found: Found<'_>,
        node: NodeId,
    ) -> Inserted {
        self.index.forget(self.index.loc(found), found.word, Departure::Node);
        // Asked after the swap: what ends then was in time.
        if cx.parts().has_any_of(PartSet::OF_DEPARTURES) {
            return self.updated_with_parts(cx, self.index.loc(found), found.node, node);
        }
        cx.count(Event::Update);
        self.recycler.retire_into(stock, found.node, cx.guard());
        Inserted::Updated
    }

    #[inline(never)]
    fn updated_with_parts(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        old: NodeId,
        node: NodeId,
    ) -> Inserted {
        let cause = self.cause(cx, old, RemovalCause::Replaced);
        cx.count(Event::of_departure(cause));
        self.retire(cx, old, cause);
        self.look_after(cx, loc, node);
        if cause == RemovalCause::Replaced {
            return Inserted::Updated;
        }
        // Its key was absent, for whoever looked.
        cx.count(Event::Insert);
        Inserted::Added
    }

    /// The same where the listener is to hear nothing: the value is as good as the old one.
    #[cold]
    fn renewed(&self, cx: &WriteScope<'_, K, V>, found: Found<'_>, node: NodeId) -> Inserted {
        if self.cause(cx, found.node, RemovalCause::Replaced) != RemovalCause::Replaced {
            return self.updated(cx, found, node);
        }
        self.index.forget(self.index.loc(found), found.word, Departure::Node);
        cx.count(Event::Update);
        self.retire_unseen(cx, found.node);
        self.look_after(cx, self.index.loc(found), node);
        Inserted::Updated
    }

    /// Whether a refresh has brought what there is already, as the user compares values.
    fn is_unchanged(&self, cx: &WriteScope<'_, K, V>, old: NodeId, new: &Entry<K, V>) -> bool {
        let freshness = cx.common().lifetimes.freshness.as_deref();
        freshness.and_then(|freshness| freshness.same.as_ref()).is_some_and(|same| {
            // SAFETY: pinned, and found in the index since.
            unsafe { self.nodes.with(old, |old| same(&old.value, &new.value)) }
        })
    }

    /// There is a node, but no memory for its times or tags: as if there was none.
    #[cold]
    fn reject_filled(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        node: NodeId,
        if_present: IfPresent,
    ) -> Inserted {
        let attempt = Attempt::new(self, cx, target, node);
        if if_present == IfPresent::Replace {
            // SAFETY: this thread owns the node and has written it.
            let own = unsafe { self.nodes.get(node) };
            cx.common().remove_unseen(cx, target.hash, &|key| *key == own.key);
        }
        attempt.rejected()
    }
}

/// Whether nobody can find an entry that begins like this.
#[inline(always)]
pub(crate) fn ends_at_once<K, V>(cx: &WriteScope<'_, K, V>, life: Option<Life>) -> bool {
    // With grace, an error finds it.
    life.is_some_and(Life::ends_at_once) && cx.common().lifetimes.grace == 0
}

impl<K, V> WriteScope<'_, K, V> {
    /// Counts and tells an entry that has expired when it was to be put in; and for what cause another left
    /// its place, if one did.
    pub(crate) fn expire_at_once(
        &self,
        entry: Entry<K, V>,
        displaced: Option<RemovalCause>,
    ) -> Inserted {
        self.count(Event::Expiration);
        self.leaving().keep_unstored(entry, RemovalCause::Expired);
        if displaced == Some(RemovalCause::Replaced) {
            // Counted when the other left.
            return Inserted::Updated;
        }
        self.count(Event::Insert);
        Inserted::Added
    }
}
