//! Computations: reading, deciding and writing one key as one step, without a lock.
//!
//! # The protocol
//!
//! The decision is made by the user's closure. It gets the entry that was found, and returns what
//! happens to the key.
//!
//! 1. Pin, and settle the control word of the key's home (`sets.rs`, steps 1 and 2).
//! 2. Look for the key. An entry that is expired or invalidated counts as absent.
//! 3. Run the closure. Nothing has been taken or changed before, so the closure may panic, and no
//!    thread waits for it. If the closure keeps the key as it is, the computation ends here.
//! 4. Supersede the loads of the key (`fill.rs`).
//! 5. Write the new value if the key is as it was in step 2 (`insert.rs`): it still has the entry
//!    of that very node, or is still absent. The write's first attempt uses the control word of
//!    step 1 and the entry found in step 2. A removal takes the node out on the same condition.
//! 6. If the key was changed in between, unpin, and start again, with another run of the closure.
//!
//! # Why this is one step
//!
//! If the key has the same node as in step 2, it has the same entry: the node is not recycled while
//! this thread is pinned, and entries do not change. So if the swap in step 5 succeeds, the closure
//! has decided over the entry that was there at that moment. If the key was absent, a successful
//! decision in the control word shows that it still is (`sets.rs`, "One copy per key"). If the key
//! came and went in between, that does not matter: the closure would have got the same. A
//! computation that changes nothing takes effect at its lookup.
//!
//! The deadline of the entry may come between the closure and the swap. So step 5 looks at the
//! clock again. An entry that ends between that look and the swap counts as replaced in time.
//!
//! The entry may also be invalidated together with others. `groups.rs`, "Computations", says what
//! happens then.
//!
//! # Loads
//!
//! Superseding comes before the work in the index, as `fill.rs` requires of a writer, but after the
//! lookup. It bumps the control word, so an insert looks for the key again. A replacement or a
//! removal needs no second look: it swaps the very entry that it has found, and a fill adds nothing
//! while the key is present.
//!
//! # Progress
//!
//! Lock-free. Each further run of the closure means that another thread has changed the key or a
//! word that the write needed, that the entry has ended, or (a few times) that there was no free
//! node.

use crate::{
    engine::{
        Engine,
        index::{
            sets::{Found, Home},
            word::Control,
        },
        invalidate::tags::Tags,
        ops::insert::{Displaced, EntryOptions, Inserted, Precondition, Written},
        shards::{
            scope::WriteScope,
            shard::Shard,
            stats::Event,
            tiers::{Ascent, NodeRef},
        },
        storage::nodes::Entry,
        time::options::TimeOptions,
    },
    testing::plant::{Bug, planted},
    types::{removal::RemovalCause, version::Version},
};

/// A closure's decision over a key.
#[derive(Debug)]
pub(crate) enum Decision<K, V> {
    /// The key stays as it is.
    Keep,
    /// The key gets this entry.
    Put(Entry<K, V>),
    /// The key gets this entry, with these options.
    #[cfg(feature = "manager")]
    PutOn(Entry<K, V>, EntryOptions),
    /// The key gets this entry, with the times and tags of its old one, if there is one.
    Step(Entry<K, V>),
    /// The key is removed, if it is present.
    Remove,
}

/// The outcome of a computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Computed {
    /// Nothing was changed.
    Kept,
    /// The key got the new entry, which may have been evicted at once. The version of the entry, or
    /// [`Version::NONE`] if it was not stored or there are no versions yet.
    Put(Version),
    Removed,
}

/// The outcome of one attempt.
enum Tried<K, V> {
    Done(Computed),
    /// The key was changed since the lookup. The caller drops the computed entry.
    Lost(Option<Entry<K, V>>),
    /// There was no node.
    Exhausted(Entry<K, V>),
    /// The new entry cannot be kept, and the old one is gone.
    Rejected(Entry<K, V>),
}

/// What an attempt does if there is no node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfExhausted {
    /// It returns the entry.
    Return,
    /// It removes the old entry, as if the new one had been put and evicted at once.
    Reject,
}

/// The result of a lookup in one tier.
#[derive(Clone, Copy, Debug)]
struct TierLookup<'i> {
    home: Home<'i>,
    /// The control word of `home`, read before the look for the key.
    control: Control,
    found: Option<Found<'i>>,
    /// Whether the entry that was found is expired or invalidated, so that the closure gets none.
    is_past: bool,
}

impl<'i> TierLookup<'i> {
    fn live(self) -> Option<Found<'i>> {
        self.found.filter(|_| !self.is_past)
    }

    /// Returns whether the key belongs further up.
    fn goes_on(self) -> bool {
        self.found.is_none() && self.control.is_sealed()
    }

    /// Returns the condition under which the closure's decision is still valid.
    fn condition<'a, K, V>(self) -> Precondition<'a, K, V> {
        match self.live() {
            Some(found) => Precondition::Node(found.node),
            None if planted(Bug::ComputeOverwrites) => Precondition::Any,
            None => Precondition::Absent,
        }
    }
}

impl<K: Eq, V> Engine<K, V> {
    /// Lets `f` decide over a key, and carries the decision out in the same step. `f` runs pinned,
    /// and again if the key was changed since it was looked up.
    pub(crate) fn compute(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        mut f: impl FnMut(Option<&Entry<K, V>>) -> Decision<K, V>,
    ) -> Computed {
        self.compute_by_node(hash, eq, |found| f(found.map(|(entry, _)| entry)))
    }

    /// [`Engine::compute`] with a closure that also gets the node.
    pub(crate) fn compute_by_node(
        &self,
        hash: u64,
        eq: impl Fn(&K) -> bool,
        mut f: impl FnMut(Option<(&Entry<K, V>, NodeRef)>) -> Decision<K, V>,
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
        mut f: impl FnMut(Option<(&Entry<K, V>, NodeRef)>) -> Decision<K, V>,
        if_exhausted: IfExhausted,
    ) -> Tried<K, V> {
        self.prefetch(hash);
        let cx = self.begin_look(hash);
        let (shard, observed) = self.look(&cx, hash, &eq);
        let live = observed.live().map(|Found { node, .. }| {
            // SAFETY: this thread is pinned, and has found the node in the index (Acquire) since.
            (unsafe { shard.nodes.get(node) }, shard.node_ref(node))
        });
        let entry = match f(live) {
            Decision::Keep => return Tried::Done(Computed::Kept),
            Decision::Remove if live.is_none() => return Tried::Done(Computed::Kept),
            Decision::Remove => None,
            Decision::Put(entry) => Some((entry, EntryOptions::BY_RULE)),
            #[cfg(feature = "manager")]
            Decision::PutOn(entry, options) => Some((entry, options)),
            Decision::Step(entry) => {
                let tags =
                    live.map_or(Tags::NONE, |(_, node_ref)| shard.births.tags(node_ref.node));
                Some((entry, EntryOptions { time: TimeOptions::KEPT, tags }))
            }
        };
        let (entry, options) = entry.unzip();
        let target = entry.as_ref().map(|entry| self.target_of(hash, entry));
        cx.supersede(hash);
        let displace =
            || shard.displace(&cx, hash, &eq, observed.condition(), RemovalCause::Explicit);
        let (Some(entry), Some(options), Some(target)) = (entry, options, target) else {
            return match displace() {
                Displaced::Refused => Tried::Lost(None),
                Displaced::Absent | Displaced::For(_) => Tried::Done(Computed::Removed),
            };
        };
        // If the last home is sealed, there was no memory for a tier above.
        let no_place = self.is_too_heavy(target) || observed.goes_on();
        let written = if no_place {
            Written::Exhausted(entry)
        } else {
            let seen = (observed.home, observed.control, observed.found);
            shard.put(&cx, target, &options, entry, observed.condition(), seen)
        };
        match written {
            Written::Done(Inserted::Kept, _) => Tried::Lost(None),
            Written::Done(_, 0) => Tried::Done(Computed::Put(Version::NONE)),
            Written::Done(_, node) => {
                Tried::Done(Computed::Put(shard.version_if_any(&self.common.parts, node)))
            }
            // If sealed, the next attempt looks further up.
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

    /// Looks for a key in the tier where it is, or where it belongs if it is absent.
    fn look(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        eq: impl Fn(&K) -> bool,
    ) -> (&Shard<K, V>, TierLookup<'_>) {
        let first = self.common.tiers.first(hash);
        let observed = first.look(cx, hash, &eq);
        let mut seen = (first, observed);
        if observed.goes_on() || self.common.tiers.has_grown() {
            self.common.ascend(hash, &mut |shard| {
                seen = (shard, shard.look(cx, hash, &eq));
                if seen.1.goes_on() { Ascent::GoesOn } else { Ascent::Ends }
            });
        }
        seen
    }
}

impl<K: Eq, V> Shard<K, V> {
    fn look(
        &self,
        cx: &WriteScope<'_, K, V>,
        hash: u64,
        eq: impl Fn(&K) -> bool,
    ) -> TierLookup<'_> {
        let home = self.index.home(hash);
        loop {
            let control = self.index.settled(home);
            let found = self.find(cx.guard(), home, hash, &eq);
            let is_past =
                found.is_some_and(|found| !self.is_live(cx.common(), cx.watch, found.node));
            // If the entry was replaced before its end, the key was present throughout: look again.
            if !is_past || found.is_some_and(|found| self.index.still_names(found)) {
                return TierLookup { home, control, found, is_past };
            }
        }
    }
}
