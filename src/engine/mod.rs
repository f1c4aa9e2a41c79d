//! The lock-free engine: shards, the budget they share, and the counters.
//!
//! From the outside in: `lookup.rs` and `write.rs` pick the shard, pin, count and drop; `shard.rs` puts the
//! protocols of one shard together; each protocol has a file of its own, whose header argues its
//! correctness. `word.rs` and `plan.rs` are plain computation.

mod background;
pub(crate) mod budget;
mod census;
pub(crate) mod compute;
pub(crate) mod deadlines;
#[cfg(larder_loom)]
pub mod doors;
mod ending;
pub(crate) mod epoch;
mod errand;
mod expire;
pub(crate) mod extents;
pub(crate) mod fill;
pub(crate) mod flight;
pub(crate) mod flights;
pub(crate) mod generations;
pub(crate) mod groups;
pub(crate) mod handed;
#[cfg_attr(
    not(larder_hooks),
    allow(unreachable_pub, dead_code, reason = "exported for the tests that stop threads")
)]
pub mod hooks;
mod husks;
pub(crate) mod index;
pub(crate) mod insert;
pub(crate) mod inspect;
pub(crate) mod late;
pub(crate) mod leading;
pub(crate) mod leaving;
pub(crate) mod lifetimes;
pub(crate) mod load_times;
mod lookup;
pub(crate) mod magazine;
pub(crate) mod nodes;
pub(crate) mod outbox;
pub(crate) mod parker;
pub(crate) mod parts;
pub(crate) mod plan;
pub(crate) mod plant;
pub(crate) mod policy;
mod postpone;
pub(crate) mod recycle;
pub(crate) mod refresh;
mod room;
pub(crate) mod scan;
pub(crate) mod scope;
pub(crate) mod shard;
pub(crate) mod stats;
pub(crate) mod stock;
pub(crate) mod storeys;
pub(crate) mod stripes;
mod sweep;
pub(crate) mod timing;
mod upkeep;
#[cfg(any(test, fuzzing, larder_internals, larder_loom))]
mod validate;
pub(crate) mod weights;
pub(crate) mod wheel;
pub(crate) mod word;
mod write;

pub(crate) use lookup::Sighted;
pub(crate) use upkeep::Tended;

use crate::{
    error::BuildError,
    listener::Listener,
    sync::{Arc, AtomicU64, Weak},
};
use background::Background;
use budget::Budget;
use flights::Flights;
use late::Late;
use lifetimes::{Lifetimes, Rules};
use parts::{Part, Parts};
use plan::{ENTRIES_MAX, Growth, Plan};
use shard::{Common, Shard};
use stats::Counters;
use storeys::{FACTOR, Storeys};
use weights::Weigher;

/// A cache of entries by hash. Hashing is the caller's, comparing keys too.
#[derive(Debug)]
pub(crate) struct Engine<K, V> {
    /// Counted, since the maintenance thread may be at work on it when the cache is dropped.
    common: Arc<Common<K, V>>,
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
        let storeys = Storeys::new(plan).map_err(out_of_memory)?;
        let batch = if plan.shard.weighted { u64::MAX } else { 64 };
        let budget = Budget::new(plan.capacity, plan.shards, batch).map_err(out_of_memory)?;
        let weighs = storeys.iter().any(|shard| shard.weights.is_some());
        let parts = [
            (Part::Listener, listener.is_some()),
            (Part::Weights, weighs || weigher.is_some() || coster.is_some()),
            (Part::Reads, lifetimes.heed_reads()),
            // With grace, an entry that ends when it begins is there all the same.
            (Part::Times, lifetimes.grace > 0),
        ];
        let parts = parts.into_iter().filter_map(|(part, is_there)| is_there.then_some(part));
        let engine = Self {
            common: Arc::new_cyclic(|own| Common {
                own: Weak::clone(own),
                parts: Parts::new(parts),
                storeys,
                budget,
                counters: Counters::new(),
                weigher,
                coster,
                listener,
                lifetimes,
                expired: AtomicU64::new(0),
                registration: Late::new(),
                flights: Flights::new(),
                load_times: Late::new(),
                groups: Late::new(),
                background: Background::default(),
            }),
        };
        if engine.common.lifetimes.rules != Rules::None {
            for shard in engine.common.storeys.iter() {
                shard.timing_by_rule(&engine.common).map_err(out_of_memory)?;
            }
        }
        Ok(engine)
    }

    /// Has the maintenance thread tend to the cache, if it does not already.
    pub(crate) fn tend(&self, tended: Tended<K, V>) {
        tended.register(&self.common);
    }

    /// The number of shards that new entries go to.
    pub(crate) fn shard_count(&self) -> usize {
        self.common.storeys.plan().shards
    }

    /// One more than the largest number of a shard.
    pub(crate) fn shard_numbers(&self) -> usize {
        self.common.storeys.count()
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.common.budget.capacity()
    }

    /// Sets what entries may weigh together, and evicts what is too much. Says how many entries there is
    /// room for if that is not enough, and there is no memory for more.
    pub(crate) fn resize(&self, capacity: u64) -> Result<(), u64> {
        let common = &*self.common;
        let _work = common.background.work();
        loop {
            let (level, plan) = (common.storeys.height(), common.storeys.plan());
            if plan.shard.growth == Growth::OnDemand || capacity <= plan.entries {
                break;
            }
            // At least twice as many, so that many small steps do not make for many storeys.
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

    /// The shard of a hash on the ground floor, where every operation begins.
    #[inline(always)]
    fn ground(&self, hash: u64) -> &Shard<K, V> {
        self.common.storeys.ground(hash)
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

    /// Bytes that the cache's structures take now, keys' and values' own allocations aside.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.common.storeys.allocated_bytes()
            + self.common.counters.allocated_bytes()
            + self.common.flights.allocated_bytes()
            + self.common.groups.get().map_or(0, |it| size_of_val(it) + it.allocated_bytes())
    }
}

/// Asks for a cache line.
#[inline(always)]
pub(crate) fn prefetch<T>(place: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(larder_loom)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: prefetching has no effect but on caches, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(larder_loom))))]
    let _ = place;
}
