//! The number of entries, and their weight.
//!
//! *Residents* are the entries that take up room. Their number is known at any time, from credits
//! and counters. Lookups do not find some of them: *invalidated* ones (`groups.rs`), and those that
//! are *over*, whose deadline and grace are past, while no thread has removed them yet. These count
//! as gone.
//!
//! Entries that are over lie in blocks that the wheel brings up by now. So only these blocks are
//! looked at, and left to the thread that expires them. All entries are looked at, one by one, in
//! three cases:
//!
//! - There may be invalidated entries.
//! - Another thread has blocks of the wheel in its hands: entries of these that are over do not
//!   count, removed or not.
//! - In a child of `fork`, until what is due has been looked at once: an entry that is due may have
//!   no mark.

use crate::engine::{
    Engine,
    index::word::NodeId,
    reclaim::epoch::pin,
    shards::{
        common::Common,
        shard::Shard,
        stats::{EVENTS, Event},
    },
    time::{timing::Timing, wheel::Wheel},
};

/// The number of times that only entries that are over are counted, before all are, if other
/// threads remove some meanwhile.
const ATTEMPTS: u32 = 3;

/// The number and the weight of some entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    entries: u64,
    weight: u64,
}

impl Sum {
    fn add(&mut self, weight: u64) {
        self.entries += 1;
        self.weight += weight;
    }
}

/// A count of the residents that are not invalidated.
#[derive(Clone, Copy, Debug, Default)]
struct Census {
    there: Sum,
    over: Sum,
    counted: Counted,
}

/// How a census was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Counted {
    /// The entries that are there are the residents without those that are over.
    #[default]
    Together,
    /// Each entry was looked at.
    OneByOne,
}

impl<K, V> Common<K, V> {
    fn census(&self) -> Census {
        if self.watch().is_none()
            && let Some(census) = (0..ATTEMPTS).find_map(|_| self.census_by_time())
        {
            return census;
        }
        let Census { there, over, counted } = self.census_one_by_one();
        // A walk may count an entry and then another that has taken its place; residents and weight
        // bound the sum.
        let entries = there.entries.min(self.residents());
        Census { there: Sum { entries, weight: there.weight.min(self.weight()) }, over, counted }
    }

    /// Counts entries one by one, so that it makes no difference whether the maintenance thread
    /// removes entries that count as gone meanwhile.
    fn census_one_by_one(&self) -> Census {
        let mut census = Census { counted: Counted::OneByOne, ..Census::default() };
        let watch = self.watch();
        self.for_each_member(|shard, node| {
            if !watch.is_some_and(|groups| groups.is_invalidated(&shard.births, node)) {
                let is_over = shard.timing.get().is_some_and(|timing| self.is_over(timing, node));
                let sum = if is_over { &mut census.over } else { &mut census.there };
                sum.add(shard.weight_of(node));
            }
        });
        census
    }

    /// Returns the number of invalidated entries.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn invalidated_by(&self, groups: &crate::engine::invalidate::groups::Groups) -> u64 {
        let mut invalidated = 0;
        self.for_each_member(|shard, node| {
            invalidated += u64::from(groups.is_invalidated(&shard.births, node));
        });
        invalidated
    }

    fn for_each_member(&self, mut f: impl FnMut(&Shard<K, V>, NodeId)) {
        for shard in self.tiers.iter() {
            for set in 0..shard.index.len() {
                let _pin = pin();
                let members = shard.index.members_of(set).into_iter().flatten();
                members.for_each(|found| f(shard, found.node));
            }
        }
    }

    /// Counts the residents without those that are over; nothing is invalidated. Returns `None` if
    /// other threads are removing entries that are over.
    fn census_by_time(&self) -> Option<Census> {
        let wheels = || self.tiers.iter().filter_map(|shard| Some(&shard.timing.get()?.wheel));
        if wheels().any(Wheel::is_inherited) {
            return None;
        }
        let let_go: u64 = wheels().map(Wheel::let_go).sum();
        let (entries, weight) = (self.residents(), self.weight());
        let over = self.over();
        let taken: u64 = wheels().map(Wheel::taken).sum();
        (taken == let_go).then(|| {
            let entries = entries.saturating_sub(over.entries);
            let weight = weight.saturating_sub(over.weight);
            Census { there: Sum { entries, weight }, over, counted: Counted::Together }
        })
    }

    /// Counts the entries that are over and in no thread's hands.
    fn over(&self) -> Sum {
        let mut over = Sum::default();
        for shard in self.tiers.iter() {
            let Some(timing) = shard.timing.get() else { continue };
            timing.wheel.for_each_due(self.lifetimes.clock.now(), |block| {
                let _pin = pin();
                let fresh = shard.recycler.fresh();
                let nodes = block.nodes().take_while(|&node| node <= fresh);
                for node in nodes.filter(|&node| self.is_over(timing, node)) {
                    if shard.is_there(timing, node) {
                        over.add(shard.weight_of(node));
                    }
                }
            });
        }
        over
    }

    /// Returns whether the deadline and the grace of a node's entry are past.
    fn is_over(&self, timing: &Timing, node: NodeId) -> bool {
        let end = timing.expiry(node).saturating_add(self.lifetimes.grace);
        timing.is_claimed(node) || self.lifetimes.clock.is_past(end)
    }
}

impl<K, V> Shard<K, V> {
    /// Returns whether a node is in the index.
    pub(crate) fn is_there(&self, timing: &Timing, node: NodeId) -> bool {
        timing.deadlines.loc(node).is_some_and(|loc| {
            let word = self.index.word(loc);
            word.is_member() && self.index.layout().node(word) == node
        })
    }
}

impl<K, V> Engine<K, V> {
    /// Returns the totals of the counters, and the number of entries.
    pub(crate) fn totals(&self) -> ([u64; EVENTS], u64) {
        // The census comes first: what a thread has removed before is in the totals then.
        let Census { there: Sum { entries, .. }, over, counted } = self.common.census();
        let mut totals = self.common.counters.totals();
        let of = |event: Event| totals[event as usize];
        let left = [Event::Removal, Event::Eviction, Event::Expiration, Event::Invalidation];
        let others = left.map(of).iter().sum::<u64>() + entries;
        let gone = of(Event::Insert).saturating_sub(others);
        let expired = gone.min(over.entries);
        totals[Event::Expiration as usize] += expired;
        if counted == Counted::OneByOne {
            totals[Event::Invalidation as usize] += gone - expired;
        }
        (totals, entries)
    }

    /// Returns the number of entries, with those that are being inserted at this moment.
    /// O(capacity) while there may be invalidated ones.
    pub(crate) fn entries(&self) -> u64 {
        self.common.census().there.entries
    }

    /// Returns the weight of all entries, with those that are being inserted at this moment.
    /// O(capacity) while there may be invalidated ones.
    pub(crate) fn weight(&self) -> u64 {
        self.common.census().there.weight
    }

    /// Returns the number of entries that take up room, with those that count as gone.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn residents(&self) -> u64 {
        self.common.residents()
    }
}
