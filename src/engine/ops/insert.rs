//! Inserting: the operation that needs all protocols, and the only way to write an entry.
//!
//! Every write of an entry is *conditional*. Inserts, inserts of absent keys, loads, refreshes and
//! computations differ in the condition that the key has to meet ([`Precondition`]), and in nothing
//! else. In one tier, a write
//!
//! 1. looks for the key (`sets.rs`, steps 1 to 3),
//! 2. checks the precondition against what it has found,
//! 3. takes a node, and fills it with the entry and its columns,
//! 4. puts the node into the index, in a way that fails if the key was changed since step 1. If the
//!    key is present, it swaps the node in the key's slot. If the key is absent, it gets a credit
//!    and a slot (`room.rs`), and decides in the control word (`sets.rs`, steps 4 to 6),
//! 5. begins again at step 1, with the node in hand, if step 4 has failed.
//!
//! The first attempt is a straight line: `insert/plain.rs` in a cache without parts with which a
//! write has more to do, else [`Shard::put`]. Further attempts are a loop (`insert/attempt.rs`).
//! There, an [`Attempt`] holds what was taken (a node, a credit, a claimed slot), and gives it back
//! if the write is not done, also if comparing keys panics.
//!
//! If the key is not in this tier and cannot be added there, the write goes up (`tiers.rs`).

mod attempt;
mod columns;
mod plain;
mod precondition;

pub(crate) use precondition::Precondition;

use crate::{
    engine::{
        index::{
            sets::{Departure, Found, Home, Index, Loc},
            word::{Control, NodeId, Word},
        },
        invalidate::tags::Tags,
        ops::room::Room,
        reclaim::thread_cache::ThreadCache,
        shards::{common::Common, scope::WriteScope, shard::Shard, stats::Event, tiers::NodeRef},
        singleflight::{flight::Flight, flights::Post},
        storage::{nodes::Entry, parts::PartSet, weights::Price},
        time::{
            lifetimes::Life,
            options::{TimeOptions, Ttl},
        },
    },
    testing::{
        hooks::{Step, step},
        plant::{Bug, planted},
    },
    types::removal::RemovalCause,
};
use attempt::Attempt;
use std::time::Duration;

/// What an insert does if the key is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfPresent {
    /// It replaces the value.
    Replace,
    /// It leaves the value as it is.
    Keep,
}

/// The outcome of an insert.
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

/// The outcome of a conditional write in one tier.
#[derive(Debug)]
pub(crate) enum Written<K, V> {
    /// The write is over. The node that was published with the entry, or 0, which is no node's
    /// number, if none was.
    Done(Inserted, NodeId),
    /// The precondition does not hold. The caller drops the entry when it is not pinned any more.
    Refused(Entry<K, V>),
    /// There is no node for the entry, or no memory for its options. Nothing has changed.
    Exhausted(Entry<K, V>),
    /// The key is not in this tier and cannot be added there: it belongs further up
    /// (`tiers.rs`).
    Sealed(Entry<K, V>),
}

impl<K, V> Written<K, V> {
    /// The precondition does not hold, and the filled node is retired.
    const REFUSED: Self = Written::Done(Inserted::Kept, 0);
    const REJECTED: Self = Written::Done(Inserted::Rejected, 0);

    /// Returns the outcome of the insert, or the entry if it has to be tried elsewhere or again.
    #[inline(always)]
    pub(crate) fn into_inserted(self) -> Result<Inserted, Entry<K, V>> {
        match self {
            Written::Done(inserted, _) => Ok(inserted),
            Written::Refused(_) => Ok(Inserted::Kept),
            Written::Exhausted(entry) | Written::Sealed(entry) => Err(entry),
        }
    }
}

/// The outcome of one try to add a key.
enum Adding<'i> {
    Done,
    /// The control word has changed in between, or, if the room has no claim, no slot of the home
    /// was free. The room is the caller's.
    Lost(Room<'i>),
    /// There is nothing that could be evicted.
    NoRoom,
}

/// What happened to the key's entry when a value was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Displaced {
    /// The precondition does not hold, and the entry stays, if there is one.
    Refused,
    /// There was no entry.
    Absent,
    /// The entry has left, for this cause.
    For(RemovalCause),
}

/// The hash of an insert's key, and its price. Two words, which are passed in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) hash: u64,
    pub(crate) price: Price,
}

/// A load that has a value to store.
#[derive(Debug)]
pub(crate) struct Load<'a, K, V> {
    pub(crate) post: &'a Post<Flight<K, V>>,
    /// The node whose value the new one replaces, if the load is a refresh.
    pub(crate) replaces: Option<NodeRef>,
    pub(crate) options: &'a EntryOptions,
    pub(crate) took: Duration,
}

impl<K, V> Clone for Load<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Load<'_, K, V> {}

/// The caller's options for an entry that it inserts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EntryOptions {
    pub(crate) time: TimeOptions,
    pub(crate) tags: Tags,
}

impl EntryOptions {
    pub(crate) const BY_RULE: EntryOptions =
        EntryOptions { time: TimeOptions::BY_RULE, tags: Tags::NONE };
}

impl<K: Eq, V> Shard<K, V> {
    /// Writes an entry in this tier, if the condition holds.
    pub(crate) fn write(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        options: &EntryOptions,
        entry: Entry<K, V>,
        condition: Precondition<'_, K, V>,
    ) -> Written<K, V> {
        let home = self.index.home(target.hash);
        let control = self.index.settled(home);
        let found = self.find(cx.guard(), home, target.hash, |key| *key == entry.key);
        self.put(cx, target, options, entry, condition, (home, control, found))
    }

    /// Makes the first attempt of a write. The caller has read the control word, and has then
    /// looked for the key.
    #[inline(always)]
    pub(crate) fn put(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        options: &EntryOptions,
        entry: Entry<K, V>,
        condition: Precondition<'_, K, V>,
        (home, control, found): (Home<'_>, Control, Option<Found<'_>>),
    ) -> Written<K, V> {
        if !condition.holds(self, cx, found) {
            return Written::Refused(entry);
        }
        if found.is_none() && self.is_closed(cx.common(), control) {
            return Written::Sealed(entry);
        }
        if !self.can_keep(cx.common(), options) {
            return Written::Exhausted(entry);
        }
        let life = self.life(cx, target, options, &entry, found);
        if ends_at_once(cx, options, life) {
            return self.expire_at_once(cx, target, entry, condition);
        }
        let is_unchanged = condition.is_unchanged(self, cx, found, &entry);
        let node = match self.fill(cx, entry) {
            Ok(node) => node,
            Err(entry) => return Written::Exhausted(entry),
        };
        let attempt = || {
            let mut attempt = Attempt::new(self, cx, target, node, condition);
            attempt.is_unchanged = is_unchanged;
            attempt
        };
        // Read again, since the node's last owner may have known of more parts: `parts.rs`.
        if cx.parts().has_any_of(PartSet::OF_NODES) {
            if self.begin(cx, target, options, node, life).is_err() {
                return attempt().reject_unfinished();
            }
            condition.begin(self, node);
            // Checked again after the node has its birth: `groups.rs` requires that of a load.
            if !condition.holds(self, cx, found) {
                drop(attempt());
                return Written::REFUSED;
            }
        }
        let Some(found) = found else {
            return self.add_first(cx, target, node, condition, (home, control));
        };
        self.place(node, || self.index.loc(found));
        // Where entries have weights of their own, the new one may need more credits first.
        let is_even = self.weights.is_none() && !is_unchanged;
        let written = if is_even && self.index.replace(found, node) {
            self.updated(cx, (self.index.loc(found), found.word), node)
        } else {
            attempt().run()
        };
        if let (Ttl::Kept, Written::Done(Inserted::Updated, 1..)) = (options.time.ttl, &written) {
            self.hand_on(cx.common(), found, life, node);
        }
        written
    }

    /// Returns whether there is memory for the options of an entry.
    #[inline(always)]
    fn can_keep(&self, common: &Common<K, V>, EntryOptions { time, tags }: &EntryOptions) -> bool {
        let timed = time.given_ttl().is_none() || self.timing_for(common).is_ok();
        timed && (tags.is_empty() || common.has_tags())
    }

    /// Returns whether no key can be added in a set with this control word.
    #[inline(always)]
    fn is_closed(&self, common: &Common<K, V>, control: Control) -> bool {
        let unsealed = planted(Bug::SealSkipped) && common.tiers.height() > self.level();
        control.is_sealed() || unsealed
    }

    /// Takes a node and puts the entry into it.
    #[inline(always)]
    fn fill(&self, cx: &WriteScope<'_, K, V>, entry: Entry<K, V>) -> Result<NodeId, Entry<K, V>> {
        let Some(node) = self.alloc(cx.number()) else { return Err(entry) };
        // SAFETY: the node was just allocated, so this thread owns it, and it holds no entry.
        unsafe { self.nodes.write(node, entry.key, entry.value) };
        step(Step::NodeFilled);
        Ok(node)
    }

    /// Makes the first try to add a key that was not found.
    #[inline(always)]
    fn add_first(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        node: NodeId,
        condition: Precondition<'_, K, V>,
        seen: (Home<'_>, Control),
    ) -> Written<K, V> {
        let room = match self.add(cx, target, node, seen, self.thread_cache(cx), None) {
            Adding::Done => return Written::Done(Inserted::Added, node),
            Adding::NoRoom => None,
            Adding::Lost(room) => Some(room),
        };
        let mut attempt = Attempt::new(self, cx, target, node, condition);
        attempt.room = room;
        if attempt.room.is_some() { attempt.run() } else { attempt.rejected() }
    }

    /// Tries to add a key that was not found after `control` was read, with the room in hand, if
    /// there is one. `own` is this thread's cache of nodes. Runs no user code and does not unwind,
    /// so what it takes needs no guard.
    #[inline(always)]
    fn add<'i>(
        &'i self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        node: NodeId,
        (home, control): (Home<'i>, Control),
        thread_cache: Option<&ThreadCache>,
        in_hand: Option<Room<'i>>,
    ) -> Adding<'i> {
        let control = self.index.clear_name(home, control, node);
        let is_first = in_hand.is_none();
        let room = match in_hand {
            None => self.room(cx, target, home, node, thread_cache),
            Some(room) => self.enlarge(cx, target, room, target.price.weight()),
        };
        let Some(Room { credit, source, claim, vacant }) = room else { return Adding::NoRoom };
        let claim = claim.or_else(|| self.index.claim(home, vacant, target.hash, node));
        // The first claim is in the home set; one that was in hand may be next door.
        let claim = if is_first { claim.map(|claim| claim.at(home)) } else { claim };
        if let Some(claim) = &claim {
            self.place(node, || self.index.loc_claimed(claim));
            if Index::decide(home, control, claim) {
                let tag = self.index.layout().ghost_tag(target.hash);
                let ghosts = home.hints().ghosts();
                self.policy.welcome(self.policy_state(), &self.index, *claim, ghosts, tag);
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

    /// Schedules the expiry of an entry that was published, and removes the entry at once if it was
    /// invalidated meanwhile.
    #[inline(never)]
    fn look_after(&self, cx: &WriteScope<'_, K, V>, loc: Loc, node: NodeId) {
        self.schedule(cx.common(), node);
        self.second_look(cx, loc, node);
    }

    /// Finishes a replacement of what had this word: counts it, and retires its node.
    #[inline(always)]
    fn updated(
        &self,
        cx: &WriteScope<'_, K, V>,
        (loc, word): (Loc, Word),
        node: NodeId,
    ) -> Written<K, V> {
        self.index.forget(loc, word, Departure::Node);
        let old = self.index.layout().node(word);
        // Read after the swap: an old entry that a lookup has taken for absent before the swap
        // counts as absent here, too.
        if cx.parts().has_any_of(PartSet::OF_DEPARTURES) {
            return self.updated_with_parts(cx, loc, old, node, false);
        }
        cx.count(Event::Update);
        self.recycler.retire(old, cx.number(), cx.guard());
        Written::Done(Inserted::Updated, node)
    }

    /// Finishes a replacement in a cache with parts. If the entry `is_renewed`, the new value
    /// equals the old one, and the listener is not told.
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
        // The key counted as absent: its old entry was expired or invalidated.
        cx.count(Event::Insert);
        Written::Done(Inserted::Added, node)
    }

    /// Writes an entry that no lookup can find, since it ends when it begins: removes the old entry
    /// of the key, and stores none. The new entry is counted and told as expired.
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
        cx.notifications().keep_unstored(entry, RemovalCause::Expired);
        if displaced == Displaced::For(RemovalCause::Replaced) {
            // The update was counted when the old entry left.
            return Written::Done(Inserted::Updated, 0);
        }
        cx.count(Event::Insert);
        Written::Done(Inserted::Added, 0)
    }
}

impl<K, V> Shard<K, V> {
    /// Removes a key from this shard if the precondition holds: for a value that is not stored, or
    /// for a computation that removes.
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
                return Displaced::For(self.finish_removal(cx, loc, found.word, cause));
            }
        }
    }
}

/// Returns whether no lookup could find an entry that begins with this life.
#[inline(always)]
fn ends_at_once<K, V>(
    cx: &WriteScope<'_, K, V>,
    options: &EntryOptions,
    life: Option<Life>,
) -> bool {
    // An entry that keeps the times of another is stored: a touch may still give it an end. With
    // grace, the entry may be returned instead of an error.
    life.is_some_and(Life::ends_at_once)
        && !matches!(options.time.ttl, Ttl::Kept)
        && cx.common().lifetimes.grace == 0
}
