//! Reading, deciding and writing one key as one step, without a lock.
//!
//! # The protocol
//!
//! The decision is a closure of the user's, which gets what was found and says what is to become of it.
//!
//! 1. Pin, and settle the control word of the key's home (`sets.rs`, steps 1 and 2).
//! 2. Look for the key. What is expired counts as absent.
//! 3. Run the closure. Nothing has been taken and nothing changed, so it may panic; others do not wait
//!    for it. If it wants things left as they are, that is the end.
//! 4. Supersede a load of the key (`fill.rs`), and fill a node with the new value.
//! 5. Write, by a swap that succeeds only if the key is as it was in 2:
//!    - there was an entry: swap (or take out) the very word that was found. If the word has changed and
//!      names the same node, only its use counter has, so try again with the new word;
//!    - there was none: claim and decide (`sets.rs`, steps 4 and 5) with the control word of 1.
//!      If another insert was decided in between, look for the key: if it is still absent, try again.
//! 6. If the key was changed in between, retire the node, unpin, and start again: with the closure.
//!
//! # Why this is one step
//!
//! An entry whose node is the same as in 2 is the same entry, since the node is not recycled while
//! this thread is pinned, and entries do not change. So if the swap in 5 succeeds, the closure's
//! answer is one to what was there at that moment. If the key was absent, the decision says that it
//! still is (`sets.rs`, "One copy per key"). That it came and went in between does not matter: the
//! closure would have been told the same. A computation that changes nothing takes effect when it looks.
//!
//! Of an entry whose time ends between the closure and the swap the same cannot be said. So 5 looks at
//! the clock again; what ends between that and the swap counts as having been in time.
//!
//! Nor of one that is invalidated together with others. What that comes to is said in `groups.rs`,
//! "Computations".
//!
//! # Loads
//!
//! Superseding comes before the work in the index, as `fill.rs` asks of a writer, though after the
//! lookup. It bumps the control word, so an insert looks for the key again. A replacement or removal
//! needs no second look: what it swaps is the entry that it has found, and a load stores nothing
//! where there is one.
//!
//! # Progress
//!
//! Lock-free. Each further run of the closure means that some other write of the key succeeded, or that
//! its time was over, or (a few times) that there was no free node.

use crate::{
    engine::{
        Engine,
        index::{
            sets::{Found, Index},
            word::{Control, NodeId},
        },
        invalidate::groups::Tags,
        ops::insert::{Attempt, IfPresent, Inserted, Target, Terms, ends_at_once},
        policy::budget::Credit,
        shards::{
            scope::WriteScope,
            shard::Shard,
            stats::Event,
            storeys::{Ascent, Spot},
        },
        storage::nodes::Entry,
        time::lifetimes::Span,
    },
    testing::plant::{Bug, planted},
    types::{removal::RemovalCause, version::Version},
};

/// What is to become of a key.
#[derive(Debug)]
pub(crate) enum Decision<K, V> {
    /// It stays as it is.
    Keep,
    /// This is its entry from now on.
    Put(Entry<K, V>),
    /// The same, and this is to hold of it.
    #[cfg(feature = "manager")]
    PutOn(Entry<K, V>, Terms),
    /// The same in place of one that is there, whose times and tags stay.
    Step(Entry<K, V>),
    /// It goes, if it is there.
    Remove,
}

/// What has become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Computed {
    /// Nothing was to be done.
    Kept,
    /// It has the new entry, or had it, and it was evicted at once. With its version, if it is there and
    /// anybody has asked for versions.
    Put(Version),
    Removed,
}

/// How one attempt ended.
enum Tried<K, V> {
    Done(Computed),
    /// The key was changed since the lookup.
    Lost,
    /// There was no node.
    Exhausted(Entry<K, V>),
    /// The new entry cannot be kept, and the old one is gone.
    Rejected(Entry<K, V>),
}

/// What to do if there is no node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfExhausted {
    Return,
    /// As if the new entry had been put and evicted at once.
    Reject,
}

/// What has become of what was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TakenOut {
    /// There is something else now.
    Changed,
    /// There was nothing.
    Absent,
    /// It has left, for this cause.
    For(RemovalCause),
}

/// What a lookup saw.
#[derive(Clone, Copy, Debug)]
enum Sight<'i> {
    /// No such key, with the control word that was read before.
    Absent(Control),
    Expired(Found<'i>),
    Live(Found<'i>),
}

impl<'i> Sight<'i> {
    /// What is to be replaced.
    fn found(self) -> Option<Found<'i>> {
        match self {
            Sight::Absent(_) => None,
            Sight::Expired(found) | Sight::Live(found) => Some(found),
        }
    }
}

impl<K: Eq, V> Engine<K, V> {
    /// Has `f` decide over a key, and does what it says in the same step. `f` runs pinned, and again
    /// if the key has changed since it was looked up.
    pub(crate) fn compute(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        mut f: impl FnMut(Option<&Entry<K, V>>) -> Decision<K, V>,
    ) -> Computed {
        self.compute_by_node(hash, eq, |found| f(found.map(|(entry, _)| entry)))
    }

    /// [`Engine::compute`] for who wants to know the node.
    pub(crate) fn compute_by_node(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        mut f: impl FnMut(Option<(&Entry<K, V>, Spot)>) -> Decision<K, V>,
    ) -> Computed {
        let mut attempt = |if_exhausted| {
            loop {
                match self.try_compute(hash, &eq, &mut f, if_exhausted) {
                    Tried::Done(computed) => return Ok(computed),
                    Tried::Lost => {}
                    Tried::Exhausted(entry) => return Err(entry),
                    Tried::Rejected(entry) => {
                        drop(self.common.tell_rejected(entry));
                        return Ok(Computed::Put(Version::NONE));
                    }
                }
            }
        };
        attempt(IfExhausted::Return)
            .or_else(|entry| {
                self.retry_exhausted(hash, entry, &mut drop, &mut |unused| {
                    drop(unused);
                    attempt(IfExhausted::Return)
                })
            })
            .or_else(|unused| {
                drop(unused);
                attempt(IfExhausted::Reject)
            })
            .unwrap_or_else(|_| unreachable!("an attempt that may reject does not give back"))
    }

    fn try_compute(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        mut f: impl FnMut(Option<(&Entry<K, V>, Spot)>) -> Decision<K, V>,
        if_exhausted: IfExhausted,
    ) -> Tried<K, V> {
        self.prefetch(hash);
        let cx = self.begin_look(hash);
        let (shard, sight) = self.look(&cx, hash, eq);
        let live = match sight {
            Sight::Live(Found { node, .. }) => {
                // SAFETY: pinned, and found in the index since.
                Some((unsafe { shard.nodes.get(node) }, shard.spot(node)))
            }
            Sight::Absent(_) | Sight::Expired(_) => None,
        };
        let entry = match f(live) {
            Decision::Keep => return Tried::Done(Computed::Kept),
            Decision::Remove if live.is_none() => return Tried::Done(Computed::Kept),
            Decision::Remove => None,
            Decision::Put(entry) => Some((entry, Terms::BY_RULE)),
            #[cfg(feature = "manager")]
            Decision::PutOn(entry, terms) => Some((entry, terms)),
            Decision::Step(entry) => {
                let tags = live.map_or(Tags::NONE, |(_, spot)| shard.births.tags(spot.node));
                Some((entry, Terms { span: Span::Kept, tags }))
            }
        };
        let (entry, terms) = entry.unzip();
        let target = entry.as_ref().map(|entry| self.target_of(hash, entry));
        cx.supersede(hash);
        let (Some(entry), Some(terms), Some(target)) = (entry, terms, target) else {
            return match shard.take_out_seen(&cx, sight, RemovalCause::Explicit) {
                TakenOut::Changed => Tried::Lost,
                TakenOut::Absent | TakenOut::For(_) => Tried::Done(Computed::Removed),
            };
        };
        // A sealed home that is the end of the way: there was no memory for what is above.
        let no_place = self.is_too_heavy(target)
            || !self.can_keep(&terms, shard)
            || matches!(sight, Sight::Absent(control) if control.is_sealed());
        let tried = if no_place {
            Tried::Exhausted(entry)
        } else {
            shard.put(&cx, target, &terms, sight, entry)
        };
        match tried {
            Tried::Exhausted(entry) if no_place || if_exhausted == IfExhausted::Reject => {
                let taken_out = shard.take_out_seen(&cx, sight, RemovalCause::Explicit);
                if taken_out == TakenOut::Changed {
                    return Tried::Lost;
                }
                cx.count(Event::Rejection);
                Tried::Rejected(entry)
            }
            tried => tried,
        }
    }
}

impl<K: Eq, V> Engine<K, V> {
    /// Looks for a key where it is, or is to be if it is absent.
    fn look(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        eq: impl Fn(&K) -> bool,
    ) -> (&Shard<K, V>, Sight<'_>) {
        let ground = self.ground(hash);
        let sight = ground.look(cx, hash, &eq);
        let goes_on = |sight| matches!(sight, Sight::Absent(control) if control.is_sealed());
        let mut seen = (ground, sight);
        if goes_on(sight) || self.common.storeys.has_grown() {
            self.common.ascend(hash, &mut |shard| {
                let sight = shard.look(cx, hash, &eq);
                seen = (shard, sight);
                if goes_on(sight) { Ascent::GoesOn } else { Ascent::Ends }
            });
        }
        seen
    }
}

impl<K: Eq, V> Shard<K, V> {
    fn look(&self, cx: &WriteScope<'_, K, V>, hash: u64, eq: impl Fn(&K) -> bool) -> Sight<'_> {
        let home = self.index.home(hash);
        loop {
            let control = self.index.settled(home);
            let Some(found) = self.find(cx.guard(), home, hash, &eq) else {
                return Sight::Absent(control);
            };
            if self.is_live(cx.common(), cx.watch, found.node) {
                return Sight::Live(found);
            }
            // Perhaps it has been replaced in time, and only this thread was late.
            if self.index.still_names(found) {
                return Sight::Expired(found);
            }
        }
    }

    /// Puts an entry where `sight` was seen.
    fn put(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        terms: &Terms,
        sight: Sight<'_>,
        entry: Entry<K, V>,
    ) -> Tried<K, V> {
        let life = self.life(cx, target, terms, &entry, sight.found());
        // What keeps the times of another has its place, too.
        let keeps_time = matches!(terms.span, Span::Kept);
        if !keeps_time && ends_at_once(cx, life) {
            let taken_out = self.take_out_seen(cx, sight, RemovalCause::Replaced);
            let displaced = match taken_out {
                TakenOut::Changed => return Tried::Lost,
                TakenOut::Absent => None,
                TakenOut::For(cause) => Some(cause),
            };
            cx.expire_at_once(entry, displaced);
            return Tried::Done(Computed::Put(Version::NONE));
        }
        let node = match self.fill(cx, entry) {
            Ok(node) => node,
            Err(entry) => return Tried::Exhausted(entry),
        };
        let inserted = if self.begin(cx, target, terms, node, life).is_err() {
            // As if there was no node.
            let attempt = Attempt::new(self, cx, target, node);
            self.reject_seen(cx, attempt, sight)
        } else if let Sight::Absent(control) = sight {
            let overwrite = planted(Bug::ComputeOverwrites);
            let if_present = if overwrite { IfPresent::Replace } else { IfPresent::Keep };
            self.insert_absent(cx, target, control, node, if_present)
        } else {
            self.replace(cx, target, sight, node)
        };
        if let (Span::Kept, Inserted::Updated, Some(old)) = (terms.span, inserted, sight.found()) {
            self.hand_on(cx.common(), old, life, node);
        }
        match inserted {
            Inserted::Added | Inserted::Updated => {
                Tried::Done(Computed::Put(self.version_if_any(&cx.common().parts, node)))
            }
            Inserted::Rejected => Tried::Done(Computed::Put(Version::NONE)),
            Inserted::Kept | Inserted::Superseded => Tried::Lost,
            Inserted::Outgrown => {
                // What was computed is dropped; the next attempt looks further up.
                self.retire_unseen(cx, node);
                Tried::Lost
            }
        }
    }

    /// Puts an owned and filled node in the place of what was seen.
    fn replace(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        sight: Sight<'_>,
        node: NodeId,
    ) -> Inserted {
        if let Some(found) = sight.found() {
            self.place(node, || self.index.loc(found));
        }
        if let Sight::Live(found) = sight
            && !planted(Bug::ComputeLookedOnce)
        {
            self.births.inherit(found.node, node);
        }
        let attempt = Attempt::new(self, cx, target, node);
        let mut credit = Credit::NONE;
        if !self.gather_difference(cx, target, sight, &mut credit) {
            self.give(cx, credit);
            // Its drop retires the node.
            return self.reject_seen(cx, attempt, sight);
        }
        let swapped = self.swap(cx, sight, |found| self.index.replace(found, node));
        if let Some(found) = swapped {
            credit.add(Credit::of_removed_entry(self.weight_of(found.node)));
            credit = credit.spend(target.price.weight());
        }
        self.give(cx, credit);
        match swapped {
            Some(found) => {
                std::mem::forget(attempt);
                self.updated(cx, found, node)
            }
            None => Inserted::Kept,
        }
    }

    /// What the new entry weighs more than what was seen; false if it cannot be had.
    #[inline]
    fn gather_difference(
        &self,
        cx: &WriteScope<'_, K, V>,
        target: Target,
        sight: Sight<'_>,
        credit: &mut Credit,
    ) -> bool {
        let old = sight.found().map_or(0, |found| self.weight_of(found.node));
        let more = target.price.weight().saturating_sub(old);
        more == 0 || self.gather(cx, target.hash, more, credit).is_some()
    }

    /// There is no room for what was to take the place of what was seen, which goes.
    fn reject_seen(
        &self,
        cx: &WriteScope<'_, K, V>,
        attempt: Attempt<'_, K, V>,
        sight: Sight<'_>,
    ) -> Inserted {
        match self.take_out_seen(cx, sight, RemovalCause::Explicit) {
            TakenOut::Changed => Inserted::Kept,
            TakenOut::Absent | TakenOut::For(_) => attempt.rejected(),
        }
    }

    /// Takes out what was seen, if there was anything.
    fn take_out_seen(
        &self,
        cx: &WriteScope<'_, K, V>,
        sight: Sight<'_>,
        cause: RemovalCause,
    ) -> TakenOut {
        if let Sight::Absent(_) = sight {
            return TakenOut::Absent;
        }
        match self.swap(cx, sight, Index::remove_found) {
            None => TakenOut::Changed,
            Some(found) => {
                let loc = self.index.loc(found);
                TakenOut::For(self.depart(cx, loc, found.word, cause))
            }
        }
    }

    /// Tries a swap of what was seen, until it succeeds or what was seen is there no more.
    fn swap<'i>(
        &self,
        cx: &WriteScope<'_, K, V>,
        sight: Sight<'i>,
        swap: impl Fn(Found<'i>) -> bool,
    ) -> Option<Found<'i>> {
        let mut found = sight.found()?;
        loop {
            // Something may have been invalidated since `cx.watch`.
            let watch =
                if planted(Bug::ComputeLookedOnce) { cx.watch } else { cx.common().watch() };
            if let Sight::Live(_) = sight
                && !self.is_live(cx.common(), watch, found.node)
            {
                return None;
            }
            if swap(found) {
                return Some(found);
            }
            found = self.index.again(found)?;
        }
    }
}
