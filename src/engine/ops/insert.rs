//! Inserting: the one operation that needs all protocols at once, and the one way in which an entry
//! is written.
//!
//! Every write of an entry is *conditional*: an insert, an insert of what is absent, a load's, a
//! refresh's and a computation's differ in what has to hold of the key ([`Precondition`]), and in
//! nothing else. One floor of a shard does
//!
//! 1. look for the key (`sets.rs`, steps 1 to 3),
//! 2. look whether the precondition holds of what was found,
//! 3. take a node, and fill it with the entry and what belongs to it,
//! 4. put the node into the index, in such a way that this fails if the key was changed since 1:
//!    present, by a swap of the node in its slot; absent, with a credit and a slot (`room.rs`), by
//!    a decision in the control word (`sets.rs`, steps 4 to 6),
//! 5. begin again at 1, with the node in hand, if it has failed.
//!
//! The first time is a straight line ([`Shard::put`]), with half of its steps left out where the
//! cache has no parts that they are for. All further times are a loop (`insert/attempt.rs`), in
//! which an [`Attempt`] holds what was taken on the way (a node, a credit, a claimed slot), and
//! gives it back if the write comes to nothing, also when comparing keys panics.
//!
//! If the key is not on this floor and cannot be added there, the write goes on further up
//! (`storeys.rs`).

mod attempt;
mod precondition;

use precondition::Condition;
pub(crate) use precondition::Precondition;

use crate::{
    engine::{
        index::{
            sets::{Departure, Found, Home, Index, Loc},
            word::{Control, NodeId},
        },
        invalidate::groups::Tags,
        ops::room::Room,
        reclaim::stock::Stock,
        shards::{
            scope::WriteScope,
            shard::{Common, Shard},
            stats::Event,
            storeys::Spot,
        },
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
use attempt::Attempt;
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
}

/// What became of a conditional write on one floor.
#[derive(Debug)]
pub(crate) enum Written<K, V> {
    /// It is over, and the entry has been taken up: by this node, if it is there, or else 0, which
    /// is no node's number.
    Done(Inserted, NodeId),
    /// The precondition does not hold. The entry is to be dropped when no longer pinned.
    Refused(Entry<K, V>),
    /// There is no node for it. Nothing has changed.
    Exhausted(Entry<K, V>),
    /// The key is not on this floor and cannot be added: it belongs further up (`storeys.rs`).
    Sealed(Entry<K, V>),
}

impl<K, V> Written<K, V> {
    /// The precondition does not hold; the node that had taken the entry up is retired.
    const REFUSED: Self = Written::Done(Inserted::Kept, 0);
    const REJECTED: Self = Written::Done(Inserted::Rejected, 0);

    /// What became of the insert; the entry, if nothing did.
    #[inline(always)]
    pub(crate) fn into_inserted(self) -> Result<Inserted, Entry<K, V>> {
        match self {
            Written::Done(inserted, _) => Ok(inserted),
            Written::Refused(_) => Ok(Inserted::Kept),
            Written::Exhausted(entry) | Written::Sealed(entry) => Err(entry),
        }
    }
}

/// What came of one try to add a key.
enum Adding<'i> {
    Done,
    /// Another insert was decided in between; or there is no slot, if none was claimed. With what
    /// was taken.
    Lost(Room<'i>),
    /// There is nothing that could be evicted.
    NoRoom,
}

/// What became of the entry that stands in the way of a value which is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Displaced {
    /// It stays, since the precondition does not hold of it, or not any more.
    Refused,
    /// There was none.
    Absent,
    /// It has left, for this cause.
    For(RemovalCause),
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
    /// Writes an entry in a straight line: for a cache in which the thread has found no parts with
    /// which a write has more to do, when it had pinned. `home` is the key's.
    #[inline(always)]
    pub(crate) fn write_plain(
        &self,
        cx: &WriteScope<'_, K, V>,
        home: Home<'_>,
        target: Target,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Written<K, V> {
        let control = self.index.settled(home);
        let found = self.find(cx.guard(), home, target.hash, |key| *key == entry.key);
        if found.is_none() {
            return self.add_plain(cx, (home, control), target, entry, if_present);
        }
        self.put(cx, target, &Terms::BY_RULE, entry, if_present, (home, control, found))
    }

    /// The same for a key that was not found.
    #[inline(never)]
    fn add_plain(
        &self,
        cx: &WriteScope<'_, K, V>,
        (home, control): (Home<'_>, Control),
        target: Target,
        entry: Entry<K, V>,
        if_present: IfPresent,
    ) -> Written<K, V> {
        self.put(cx, target, &Terms::BY_RULE, entry, if_present, (home, control, None))
    }

    /// Writes an entry.
    pub(crate) fn write(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        terms: &Terms,
        entry: Entry<K, V>,
        condition: Precondition<'_, K, V>,
    ) -> Written<K, V> {
        let home = self.index.home(target.hash);
        let control = self.index.settled(home);
        let found = self.find(cx.guard(), home, target.hash, |key| *key == entry.key);
        self.put(cx, target, terms, entry, condition, (home, control, found))
    }

    /// The first attempt, where the key was looked for: with what was found after the control word
    /// was read.
    #[inline(always)]
    pub(crate) fn put<C: Condition<K, V>>(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        terms: &Terms,
        entry: Entry<K, V>,
        condition: C,
        (home, control, found): (Home<'_>, Control, Option<Found<'_>>),
    ) -> Written<K, V> {
        if !condition.full().holds(self, cx, found) {
            return Written::Refused(entry);
        }
        if found.is_none() && self.is_closed(cx, control) {
            return Written::Sealed(entry);
        }
        if !C::IS_PLAIN && !self.can_keep(cx.common(), terms) {
            return Written::Exhausted(entry);
        }
        let life = if C::IS_PLAIN { None } else { self.life(cx, target, terms, &entry, found) };
        if !C::IS_PLAIN && ends_at_once(cx, terms, life) {
            return self.expire_at_once(cx, target, entry, condition.full());
        }
        let is_unchanged = !C::IS_PLAIN && condition.full().is_unchanged(self, cx, found, &entry);
        let stock = self.stock(cx);
        let node = match self.fill(stock, cx, entry) {
            Ok(node) => node,
            Err(entry) => return Written::Exhausted(entry),
        };
        let attempt = || {
            let mut attempt = Attempt::new(self, cx, target, node, condition.full());
            attempt.is_unchanged = is_unchanged;
            attempt
        };
        // Asked again, since the node's last owner may have known of more: `parts.rs`.
        if cx.parts().has_any_of(PartSet::OF_NODES) {
            if C::IS_PLAIN {
                return self.put_again(cx, target, node, condition.full());
            }
            if self.begin(cx, target, terms, node, life).is_err() {
                return attempt().reject_unfinished();
            }
            condition.full().begin(self, node);
            // Once more, as late as can be, and after the node's birth.
            if !condition.full().holds(self, cx, found) {
                drop(attempt());
                return Written::REFUSED;
            }
        }
        let Some(found) = found else {
            return self.add_first(cx, target, node, condition, (home, control));
        };
        if C::IS_PLAIN {
            if self.index.replace(found, node) {
                return self.updated(stock, cx, found, node);
            }
            return self.put_again(cx, target, node, condition.full());
        }
        self.place(node, || self.index.loc(found));
        // Where entries weigh differently, credits may have to be had first.
        let is_even = self.weights.is_none() && !is_unchanged;
        let written = if is_even && self.index.replace(found, node) {
            self.updated(stock, cx, found, node)
        } else {
            attempt().run()
        };
        if let (Span::Kept, Written::Done(Inserted::Updated, 1..)) = (terms.span, &written) {
            self.hand_on(cx.common(), found, life, node);
        }
        written
    }

    /// Whether there is memory for what is said about an entry.
    #[inline(always)]
    fn can_keep(&self, common: &Common<K, V>, Terms { span, tags }: &Terms) -> bool {
        let timed = !matches!(span, Span::For(_)) || self.timing_for(common).is_ok();
        timed && (tags.is_empty() || common.has_tags())
    }

    /// The key was changed since it was found, or the cache has come by parts with which there is
    /// more to do.
    #[cold]
    #[inline(never)]
    fn put_again(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        node: NodeId,
        condition: Precondition<'_, K, V>,
    ) -> Written<K, V> {
        // An entry that is inserted at the moment in which there come to be times lives as the
        // cache's rules say, which are none.
        let attempt = Attempt::new(self, cx, target, node, condition);
        match self.begin(cx, target, &Terms::BY_RULE, node, None) {
            Ok(()) => attempt.run(),
            Err(OutOfMemory) => attempt.reject_unfinished(),
        }
    }

    /// Whether nothing can be added in a set with this control word.
    #[inline(always)]
    fn is_closed(&self, cx: &WriteScope<'_, K, V>, control: Control) -> bool {
        let unsealed = planted(Bug::SealSkipped) && cx.common().storeys.height() > self.level();
        control.is_sealed() || unsealed
    }

    /// Takes a node and puts the entry into it.
    #[inline(always)]
    fn fill(
        &self,
        stock: Option<&Stock>,
        cx: &WriteScope<'_, K, V>,
        entry: Entry<K, V>,
    ) -> Result<NodeId, Entry<K, V>> {
        let node = match self.alloc_from(stock) {
            Some(node) => node,
            None => match self.alloc_beyond_stock(cx) {
                Some(node) => node,
                None => return Err(entry),
            },
        };
        // SAFETY: just allocated, so owned and empty.
        unsafe { self.nodes.write(node, entry.key, entry.value) };
        step(Step::NodeFilled);
        Ok(node)
    }

    /// Adds a key that was not found, for the first time.
    #[inline(always)]
    fn add_first<C: Condition<K, V>>(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        node: NodeId,
        condition: C,
        seen: (Home<'_>, Control),
    ) -> Written<K, V> {
        let room = match self.add(cx, target, node, seen, None) {
            Adding::Done => return Written::Done(Inserted::Added, node),
            Adding::NoRoom => None,
            Adding::Lost(room) => Some(room),
        };
        let mut attempt = Attempt::new(self, cx, target, node, condition.full());
        attempt.room = room;
        if attempt.room.is_some() { attempt.run() } else { attempt.rejected() }
    }

    /// Tries to add a key that was not found after `control` was read, with the room that is in
    /// hand, if any. It runs no code of the user's, so nothing unwinds, and what it has taken needs
    /// no guard.
    #[inline(always)]
    fn add<'i>(
        &'i self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        node: NodeId,
        (home, control): (Home<'i>, Control),
        in_hand: Option<Room<'i>>,
    ) -> Adding<'i> {
        let control = self.index.disown(home, control, node);
        let is_first = in_hand.is_none();
        let room = match in_hand {
            None => self.room(cx, target, home, node),
            Some(room) => self.enlarge(cx, target, room, target.price.weight()),
        };
        let Some(Room { credit, source, claim, vacant }) = room else { return Adding::NoRoom };
        let claim = claim.or_else(|| self.index.claim(home, vacant, target.hash, node));
        // One that was in hand may be next door.
        let claim = if is_first { claim.map(|claim| claim.at(home)) } else { claim };
        if let Some(claim) = &claim {
            self.place(node, || self.index.loc_claimed(claim));
            if Index::decide(home, control, claim) {
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
                return Adding::Done;
            }
        }
        Adding::Lost(Room { credit, source, claim, vacant: 0 })
    }

    /// Has an entry that was published taken out in time, and at once if it was invalidated
    /// meanwhile.
    #[inline(never)]
    fn look_after(&self, cx: &WriteScope<'_, K, V>, loc: Loc, node: NodeId) {
        self.schedule(cx.common(), node);
        self.second_look(cx, loc, node);
    }

    /// The rest of a replacement: the node that was replaced.
    #[inline(always)]
    fn updated(
        &self,
        stock: Option<&Stock>,
        cx: &WriteScope<'_, K, V>,
        found: Found<'_>,
        node: NodeId,
    ) -> Written<K, V> {
        self.index.forget(self.index.loc(found), found.word, Departure::Node);
        // Asked after the swap: what ends then was in time.
        if cx.parts().has_any_of(PartSet::OF_DEPARTURES) {
            return self.updated_with_parts(cx, self.index.loc(found), found.node, node, false);
        }
        cx.count(Event::Update);
        self.recycler.retire_into(stock, found.node, cx.guard());
        Written::Done(Inserted::Updated, node)
    }

    /// The same where the old value is more than a node. The listener does not hear of it if it
    /// `is_renewed`: the new one is as good.
    #[inline(never)]
    fn updated_with_parts(
        &self,
        cx: &WriteScope<'_, K, V>,
        loc: Loc,
        old: NodeId,
        node: NodeId,
        is_renewed: bool,
    ) -> Written<K, V> {
        let cause = self.cause(cx, old, RemovalCause::Replaced);
        cx.count(Event::of_departure(cause));
        if is_renewed && cause == RemovalCause::Replaced {
            self.recycler.retire(old, cx.number(), cx.guard());
        } else {
            self.retire(cx, old, cause);
        }
        self.look_after(cx, loc, node);
        if cause == RemovalCause::Replaced {
            return Written::Done(Inserted::Updated, node);
        }
        // Its key was absent, for whoever looked.
        cx.count(Event::Insert);
        Written::Done(Inserted::Added, node)
    }

    /// The write of an entry that nobody can find: it takes no place but that of what its key had.
    /// Counted and told as expired.
    #[cold]
    fn expire_at_once(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        entry: Entry<K, V>,
        condition: Precondition<'_, K, V>,
    ) -> Written<K, V> {
        let (eq, cause) = (|key: &K| *key == entry.key, RemovalCause::Replaced);
        let displaced = self.displace(cx, target.hash, eq, condition, cause);
        if displaced == Displaced::Refused {
            return Written::Refused(entry);
        }
        cx.count(Event::Expiration);
        cx.leaving().keep_unstored(entry, RemovalCause::Expired);
        if displaced == Displaced::For(RemovalCause::Replaced) {
            // Counted when the other left.
            return Written::Done(Inserted::Updated, 0);
        }
        cx.count(Event::Insert);
        Written::Done(Inserted::Added, 0)
    }
}

impl<K, V> Shard<K, V> {
    /// Takes a key out of this shard for a value that is not stored, or for none, if the
    /// precondition holds.
    #[cold]
    pub(crate) fn displace(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        condition: Precondition<'_, K, V>,
        cause: RemovalCause,
    ) -> Displaced {
        loop {
            let found = self.find(cx.guard(), self.index.home(hash), hash, &eq);
            if !condition.holds(self, cx, found) {
                return Displaced::Refused;
            }
            let Some(found) = found else { return Displaced::Absent };
            if Index::remove_found(found) {
                let loc = self.index.loc(found);
                return Displaced::For(self.depart(cx, loc, found.word, cause));
            }
        }
    }
}

/// Whether nobody can find an entry that begins like this.
#[inline(always)]
fn ends_at_once<K, V>(cx: &WriteScope<'_, K, V>, terms: &Terms, life: Option<Life>) -> bool {
    // What keeps the times of another has its place, too; and with grace, an error finds it.
    life.is_some_and(Life::ends_at_once)
        && !matches!(terms.span, Span::Kept)
        && cx.common().lifetimes.grace == 0
}
