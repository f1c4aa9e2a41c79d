//! The lead of a load: the duty to run its loader, and the one way in which loads end.
//!
//! A lead begins with a flight (`flights.rs`), for a key that is absent or for one whose value is
//! to be replaced. Threads, futures and batches keep it while they run their loader; between two
//! steps of a task, and in a guard, it is a [`HandedLead`]. It ends in one of these ways:
//!
//! - [`Lead::store`] puts a value into the cache, unless a write has superseded the load, and hands
//!   the value to all waiters.
//! - [`Lead::land`] only hands an outcome to the waiters.
//! - [`Lead::finish`] does either, as the outcome of the loader says.
//! - A lead that is dropped passes the lead on to a waiter.
//!
//! The first three are called within [`Engine::conclude`]. A load that counts as a refresh is
//! counted, as failed unless a value was stored, before another caller can see its end.

use crate::{
    engine::{
        Engine,
        invalidate::tags::Tags,
        load::{
            fill::{Filled, Unused},
            handed::{HandedLead, Holder},
        },
        ops::insert::{EntryOptions, Load},
        shards::tiers::NodeRef,
        singleflight::{
            flight::{Leader, Outcome},
            reentrancy::Leading,
        },
        storage::nodes::Entry,
    },
    sync::Arc,
};
use std::{mem, time::Duration};

/// The lead of a load. It knows its engine, the entry that the load is to replace, and the value of
/// that, for a caller that gets no newer one.
pub(crate) struct Lead<'e, K, V> {
    engine: &'e Engine<K, V>,
    // In this order: a refresh is counted before its lead is passed on, and the old value, which
    // may have a destructor, is dropped after that.
    replaces: Option<Replacing<'e, K, V>>,
    leader: Leader<'e, K, V>,
    old: Option<V>,
}

/// The entry that a load is to replace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replaced {
    pub(crate) node_ref: NodeRef,
    /// The tags of the entry, which the new one inherits, so that an invalidation of these tags
    /// still reaches it.
    pub(crate) tags: Tags,
    /// Whether the load counts as a refresh.
    pub(crate) counts: bool,
}

/// Counts a refresh when it is dropped, if the load is one.
struct Replacing<'e, K, V> {
    engine: &'e Engine<K, V>,
    replaced: Replaced,
    failed: bool,
}

impl<K, V> Drop for Replacing<'_, K, V> {
    fn drop(&mut self) {
        if self.replaced.counts {
            self.engine.count_refresh(self.replaced.node_ref, self.failed);
        }
    }
}

impl<'e, K, V> Lead<'e, K, V> {
    /// Returns the lead of a load for an absent key, or of one that replaces an entry, whose value
    /// is `old`.
    pub(crate) fn new(
        engine: &'e Engine<K, V>,
        leader: Leader<'e, K, V>,
        replaces: Option<Replaced>,
        old: Option<V>,
    ) -> Self {
        let replaces = replaces.map(|replaced| Replacing { engine, replaced, failed: true });
        Self { engine, replaces, leader, old }
    }

    pub(crate) fn engine(&self) -> &'e Engine<K, V> {
        self.engine
    }

    pub(crate) fn hash(&self) -> u64 {
        self.leader.post().hash()
    }

    /// Gives the lead the value that is there.
    pub(crate) fn set_old(&mut self, old: V) {
        self.old = Some(old);
    }

    pub(crate) fn take_old(&mut self) -> Option<V> {
        self.old.take()
    }

    /// Notes that this thread leads the flight. The caller keeps the result while the loader runs.
    pub(crate) fn leading(&self) -> Leading {
        self.leader.leading()
    }

    /// Turns this into a lead without a lifetime.
    pub(crate) fn hand_over(self, holder: Holder) -> HandedLead<K, V> {
        let Self { engine, replaces, leader, old } = self;
        let replaced = replaces.as_ref().map(|it| it.replaced);
        // The handed lead counts instead.
        mem::forget(replaces);
        let flight = match holder {
            Holder::RefreshJob => leader.step_back(),
            Holder::Task | Holder::Caller => leader.hand_over(),
        };
        HandedLead::new(Arc::downgrade(&engine.common), flight, replaced, old, holder)
    }

    /// Stores a value on these options, unless a write has superseded the load, hands it to the
    /// waiters, and returns it. `key` makes the entry's key, of that of the flight.
    pub(crate) fn store(
        mut self,
        key: impl FnOnce(&K) -> K,
        value: V,
        options: &EntryOptions,
        took: Duration,
        unused: &mut Unused<K, V>,
    ) -> (Filled, V)
    where
        K: Eq,
        V: Clone,
    {
        let mut key = Some(key);
        let post = self.leader.post();
        let filled = match key.take_if(|_| !post.is_superseded()) {
            None => Filled::Superseded,
            Some(key) => {
                let entry = Entry { key: key(self.leader.key()), value: value.clone() };
                let replaces = self.replaces.as_ref().map(|it| it.replaced.node_ref);
                self.engine.fill(post.hash(), entry, Load { post, replaces, options, took }, unused)
            }
        };
        if let Some(replacing) = &mut self.replaces {
            replacing.failed = false;
        }
        drop(self.replaces);
        let value = self.leader.land_value(value);
        unused.values.extend(self.old);
        drop(key);
        (filled, value)
    }

    /// Hands an outcome to the waiters, and returns it.
    pub(crate) fn land(self, outcome: Outcome<V>) -> Outcome<V>
    where
        V: Clone,
    {
        drop(self.replaces);
        let landed = self.leader.land(outcome);
        drop(self.old);
        landed
    }

    /// Ends the load with the outcome of its loader, within [`Engine::conclude`]: stores a value,
    /// if there is one, on the caller's options, or with the tags of the entry that it replaces.
    /// Returns what the waiters get. In place of an error, that is a value within its grace, if
    /// there is one.
    pub(crate) fn finish(
        self,
        key: impl FnOnce(&K) -> K,
        outcome: Outcome<V>,
        options: &EntryOptions,
        took: Duration,
        unused: &mut Unused<K, V>,
    ) -> Outcome<V>
    where
        K: Eq,
        V: Clone,
    {
        // What is not needed is dropped when the load has landed: it may have a destructor.
        match outcome {
            Outcome::Value(value) => {
                let options = match &self.replaces {
                    None => *options,
                    Some(it) => EntryOptions { tags: it.replaced.tags, ..EntryOptions::BY_RULE },
                };
                Outcome::Value(self.store(key, value, &options, took, unused).1)
            }
            Outcome::Error(error) => {
                let eq = |other: &K| other == self.leader.key();
                let copy = |entry: &Entry<K, V>| entry.value.clone();
                let past = self.engine.or_past(self.hash(), eq, &error, copy);
                let landed = self.land(past);
                drop((key, error));
                landed
            }
            Outcome::Nothing => {
                // If a value is there, a caller waits only if that is gone meanwhile, and has a
                // loader of its own.
                if self.replaces.is_some() {
                    drop(self);
                } else {
                    self.land(Outcome::Nothing);
                }
                drop(key);
                Outcome::Nothing
            }
        }
    }
}
