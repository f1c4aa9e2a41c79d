//! Reading, deciding and writing one key as one step, without a lock.
//!
//! # The protocol
//!
//! The decision is a closure of the user's, which gets what was found and says what is to become of
//! it.
//!
//! 1. Pin, and settle the control word of the key's home (`index.rs`, steps 1 and 2).
//! 2. Look for the key. What is expired counts as absent.
//! 3. Run the closure. Nothing has been taken and nothing changed, so it may panic; others do not
//!    wait for it. If it wants things left as they are, that is the end.
//! 4. Supersede a load of the key (`fill.rs`).
//! 5. Write the new value if the key is as it was in 2 (`insert.rs`): still has the entry of that
//!    very node, or is still absent. The control word of 1 and what was found in 2 are those of the
//!    write's first attempt. A removal takes the node out on the same condition.
//! 6. If the key was changed in between, unpin, and start again: with the closure.
//!
//! # Why this is one step
//!
//! An entry whose node is the same as in 2 is the same entry, since the node is not recycled while
//! this thread is pinned, and entries do not change. So if the swap in 5 succeeds, the closure's
//! answer is one to what was there at that moment. If the key was absent, the decision says that it
//! still is (`index.rs`, "One copy per key"). That it came and went in between does not matter: the
//! closure would have been told the same. A computation that changes nothing takes effect when it
//! looks.
//!
//! Of an entry whose time ends between the closure and the swap the same cannot be said. So 5 looks
//! at the clock again; what ends between that and the swap counts as having been in time.
//!
//! Nor of one that is invalidated together with others. What that comes to is said in `groups.rs`,
//! "Computations".
//!
//! # Loads
//!
//! Superseding comes before the work in the index, as `fill.rs` asks of a writer, though after the
//! lookup. It bumps the control word, so an insert looks for the key again. A replacement or
//! removal needs no second look: what it swaps is the entry that it has found, and a load stores
//! nothing where there is one.
//!
//! # Progress
//!
//! Lock-free. Each further run of the closure means that some other write of the key succeeded, or
//! that its time was over, or (a few times) that there was no free node.

use crate::{
    engine::{
        Engine,
        index::{
            sets::{Found, Home},
            word::Control,
        },
        invalidate::groups::Tags,
        ops::insert::{Displaced, Inserted, Precondition, Terms, Written},
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
    /// It has the new entry, or had it, and it was evicted at once. With its version, if it is
    /// there and anybody has asked for versions.
    Put(Version),
    Removed,
}

/// How one attempt ended.
enum Tried<K, V> {
    Done(Computed),
    /// The key was changed since the lookup. What was computed is to be dropped.
    Lost(Option<Entry<K, V>>),
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

/// What a lookup saw.
#[derive(Clone, Copy, Debug)]
struct Sight<'i> {
    home: Home<'i>,
    /// Read before it looked.
    control: Control,
    found: Option<Found<'i>>,
    /// What was found is expired or stale: for the closure the key is absent.
    is_past: bool,
}

impl<'i> Sight<'i> {
    fn live(self) -> Option<Found<'i>> {
        self.found.filter(|_| !self.is_past)
    }

    /// Whether the key belongs further up.
    fn goes_on(self) -> bool {
        self.found.is_none() && self.control.is_sealed()
    }

    /// What has to hold for the closure's answer to be one to what is there.
    fn condition<'a, K, V>(self) -> Precondition<'a, K, V> {
        match self.live() {
            Some(found) => Precondition::Node(found.node),
            None if planted(Bug::ComputeOverwrites) => Precondition::Any,
            None => Precondition::Absent,
        }
    }
}

impl<K: Eq, V> Engine<K, V> {
    /// Has `f` decide over a key, and does what it says in the same step. `f` runs pinned, and
    /// again if the key has changed since it was looked up.
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
                    // Dropped here, where this thread is not pinned.
                    Tried::Lost(_) => {}
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
        let (shard, sight) = self.look(&cx, hash, &eq);
        let live = sight.live().map(|Found { node, .. }| {
            // SAFETY: pinned, and found in the index since.
            (unsafe { shard.nodes.get(node) }, shard.spot(node))
        });
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
        let displace = || shard.displace(&cx, hash, &eq, sight.condition(), RemovalCause::Explicit);
        let (Some(entry), Some(terms), Some(target)) = (entry, terms, target) else {
            return match displace() {
                Displaced::Refused => Tried::Lost(None),
                Displaced::Absent | Displaced::For(_) => Tried::Done(Computed::Removed),
            };
        };
        // A sealed home that is the end of the way: there was no memory for what is above.
        let no_place = self.is_too_heavy(target) || sight.goes_on();
        let written = if no_place {
            Written::Exhausted(entry)
        } else {
            let seen = (sight.home, sight.control, sight.found);
            shard.put(&cx, target, &terms, entry, sight.condition(), seen)
        };
        match written {
            Written::Done(Inserted::Kept, _) => Tried::Lost(None),
            Written::Done(_, 0) => Tried::Done(Computed::Put(Version::NONE)),
            Written::Done(_, node) => {
                Tried::Done(Computed::Put(shard.version_if_any(&self.common.parts, node)))
            }
            // The next attempt looks again, and further up.
            Written::Refused(entry) | Written::Sealed(entry) => Tried::Lost(Some(entry)),
            Written::Exhausted(entry) if no_place || if_exhausted == IfExhausted::Reject => {
                if displace() == Displaced::Refused {
                    return Tried::Lost(Some(entry));
                }
                cx.count(Event::Rejection);
                Tried::Rejected(entry)
            }
            Written::Exhausted(entry) => Tried::Exhausted(entry),
        }
    }

    /// Looks for a key where it is, or is to be if it is absent.
    fn look(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        eq: impl Fn(&K) -> bool,
    ) -> (&Shard<K, V>, Sight<'_>) {
        let ground = self.ground(hash);
        let sight = ground.look(cx, hash, &eq);
        let mut seen = (ground, sight);
        if sight.goes_on() || self.common.storeys.has_grown() {
            self.common.ascend(hash, &mut |shard| {
                seen = (shard, shard.look(cx, hash, &eq));
                if seen.1.goes_on() { Ascent::GoesOn } else { Ascent::Ends }
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
            let found = self.find(cx.guard(), home, hash, &eq);
            let is_past =
                found.is_some_and(|found| !self.is_live(cx.common(), cx.watch, found.node));
            // Perhaps it has been replaced in time, and only this thread was late.
            if !is_past || found.is_some_and(|found| self.index.still_names(found)) {
                return Sight { home, control, found, is_past };
            }
        }
    }
}
