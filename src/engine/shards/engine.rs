//! The type that the API holds: a cache of entries by hash.

use crate::{
    engine::{
        policy::budget::Budget,
        shards::{
            common::Common,
            listener::Listener,
            plan::{ENTRIES_MAX, Growth, Plan},
            stats::Counters,
            tiers::{FACTOR, Tiers},
        },
        singleflight::flights::Flights,
        storage::{
            once_box::OnceBox,
            parts::{Part, Parts},
            weights::Weigher,
        },
        time::lifetimes::{Lifetimes, Rules},
    },
    sync::{Arc, AtomicU64, Weak},
    testing::background::Background,
    types::error::BuildError,
};

/// A cache of entries by hash. The caller hashes keys, and says how to compare them.
#[derive(Debug)]
pub(crate) struct Engine<K, V> {
    /// Reference-counted, since the maintenance thread may be using it when the cache is dropped.
    pub(crate) common: Arc<Common<K, V>>,
}

impl<K, V> Engine<K, V> {
    pub(crate) fn new(
        plan: &Plan,
        weigher: Option<Weigher<K, V>>,
        coster: Option<Weigher<K, V>>,
        listener: Option<Listener<K, V>>,
        lifetimes: Lifetimes<K, V>,
    ) -> Result<Self, BuildError> {
        let out_of_memory = |_| BuildError::OutOfMemory { max_capacity: plan.capacity };
        let tiers = Tiers::new(plan).map_err(out_of_memory)?;
        let batch = if plan.shard.weighted { u64::MAX } else { 64 };
        let budget = Budget::new(plan.capacity, plan.shards, batch).map_err(out_of_memory)?;
        let weighs = tiers.iter().any(|shard| shard.weights.is_some());
        let parts = [
            (Part::Listener, listener.is_some()),
            (Part::Weights, weighs || weigher.is_some() || coster.is_some()),
            (Part::Reads, lifetimes.follows_reads()),
            // With grace, an entry that ends when it begins is stored nevertheless.
            (Part::Times, lifetimes.grace > 0),
        ];
        let parts = parts.into_iter().filter_map(|(part, is_there)| is_there.then_some(part));
        let engine = Self {
            common: Arc::new_cyclic(|weak| Common {
                weak: Weak::clone(weak),
                parts: Parts::new(parts),
                tiers,
                budget,
                counters: Counters::new(),
                weigher,
                coster,
                listener,
                lifetimes,
                expired: AtomicU64::new(0),
                registration: OnceBox::new(),
                flights: Flights::new(),
                load_times: OnceBox::new(),
                groups: OnceBox::new(),
                background: Background::default(),
            }),
        };
        if engine.common.lifetimes.rules != Rules::None {
            for shard in engine.common.tiers.iter() {
                shard.timing_by_rule(&engine.common).map_err(out_of_memory)?;
            }
        }
        Ok(engine)
    }

    /// Returns the number of shards in the top tier, to which new entries go.
    pub(crate) fn shard_count(&self) -> usize {
        self.common.tiers.plan().shards
    }

    /// Returns one more than the largest number of a shard.
    pub(crate) fn shard_numbers(&self) -> usize {
        self.common.tiers.count()
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.common.budget.capacity()
    }

    /// Sets the total weight that entries may have, and evicts what exceeds it.
    ///
    /// # Errors
    ///
    /// If there is no memory for the tiers that a larger capacity needs: the number of entries
    /// that there is room for. The capacity is unchanged then.
    pub(crate) fn resize(&self, capacity: u64) -> Result<(), u64> {
        let common = &*self.common;
        let _work = common.background.work();
        loop {
            let (level, plan) = (common.tiers.height(), common.tiers.plan());
            if plan.shard.growth == Growth::OnDemand || capacity <= plan.entries {
                break;
            }
            // At least twice as many, so that many small steps do not add as many tiers.
            let (entries, growth) = if capacity <= ENTRIES_MAX {
                (capacity.max(plan.entries.saturating_mul(2)), Growth::Never)
            } else {
                (plan.entries.saturating_mul(FACTOR), Growth::OnDemand)
            };
            common.grow(level, entries, growth).map_err(|_| plan.entries)?;
        }
        self.common.parts.announce(Part::Resized);
        self.common.budget.resize(capacity);
        self.common.pay_debt();
        Ok(())
    }

    /// Sets the time to idle of a cache whose rules may change.
    #[cfg(feature = "manager")]
    pub(crate) fn set_time_to_idle(&self, to_idle: Option<std::time::Duration>) {
        if to_idle.is_some() {
            self.common.parts.announce(Part::Reads);
        }
        self.common.lifetimes.to_idle.set(to_idle);
    }

    pub(crate) fn lifetimes(&self) -> &Lifetimes<K, V> {
        &self.common.lifetimes
    }

    /// Returns the number of bytes that the cache's structures take now, without what keys and
    /// values have allocated themselves.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.common.tiers.allocated_bytes()
            + self.common.counters.allocated_bytes()
            + self.common.flights.allocated_bytes()
            + self.common.groups.get().map_or(0, |it| size_of_val(it) + it.allocated_bytes())
    }
}
