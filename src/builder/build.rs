//! From settings to a cache.

use super::{CacheBuilder, Settings};
use crate::{
    Cache, Maintenance,
    engine::{
        Engine,
        policy::rules::{SHARE_MAX, SHARE_MIN},
        shards::plan::{ENTRIES_MAX, Plan},
    },
    types::error::BuildError,
};

/// Entries that a cache with a weigher has room for at first, if no estimate is given.
const ENTRIES_OF_UNKNOWN_WEIGHT: u64 = 1 << 16;

/// Entries that an unbounded cache, or one too large to be set aside, has room for at first.
const ENTRIES_OF_UNKNOWN_NUMBER: u64 = 1 << 10;

impl<K, V, S> CacheBuilder<K, V, S> {
    /// Builds the cache.
    ///
    /// # Panics
    ///
    /// If [`CacheBuilder::try_build`] would return an error, with its text.
    #[must_use]
    pub fn build(self) -> Cache<K, V, S> {
        self.try_build().unwrap_or_else(|error| panic!("cannot build the cache: {error}"))
    }

    /// Builds the cache, or returns why it cannot be built.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the setting, its value and what is allowed. A capacity whose memory the
    /// allocator refuses is an error, not an abort.
    ///
    /// ```
    /// use larder::{BuildError, Cache};
    /// let refused = Cache::<u64, [u64; 1 << 20]>::builder().max_capacity(1 << 30).try_build();
    /// assert_eq!(refused.err(), Some(BuildError::OutOfMemory { max_capacity: 1 << 30 }));
    /// ```
    pub fn try_build(self) -> Result<Cache<K, V, S>, BuildError> {
        let max_capacity = self.settings.max_capacity.ok_or(BuildError::NoCapacity)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let settings = self.settings;
        let estimate = settings.estimated_entries.unwrap_or(match max_capacity {
            u64::MAX => ENTRIES_OF_UNKNOWN_NUMBER,
            _ if settings.weigher.is_some() => max_capacity.min(ENTRIES_OF_UNKNOWN_WEIGHT),
            0..=ENTRIES_MAX => max_capacity,
            _ => ENTRIES_OF_UNKNOWN_NUMBER,
        });
        let planned = |entries| {
            Plan::new::<K, V>(entries, settings.shards, cores).map_err(|error| {
                match (error, settings.estimated_entries) {
                    (BuildError::OutOfMemory { .. }, Some(estimated_entries)) => {
                        BuildError::EstimateOutOfMemory { estimated_entries }
                    }
                    (error, _) => error,
                }
            })
        };
        // A little more than an estimate, so that one which is right does not have the cache grow.
        let generous = estimate.saturating_add(estimate / 4);
        let plan = if settings.weigher.is_some() {
            planned(generous)?.weighted(max_capacity)
        } else if generous < max_capacity {
            planned(generous)?.growing_to(max_capacity)
        } else {
            Plan { capacity: max_capacity, ..planned(estimate.max(max_capacity))? }
        };
        let mut lifetimes = settings.lifetimes;
        let jitter = lifetimes.jitter.get();
        if !(0.0..=1.0).contains(&jitter) {
            return Err(BuildError::Jitter { jitter: jitter.to_string() });
        }
        if let Some(beta) = lifetimes.refresh_rules.as_ref().map(|refresh_rules| refresh_rules.beta)
            && !(0.0..f64::INFINITY).contains(&beta)
        {
            return Err(BuildError::EarlyRefresh { beta: beta.to_string() });
        }
        let shares = SHARE_MIN..=SHARE_MAX;
        if let Some(share) = settings.new_key_share.filter(|share| !shares.contains(share)) {
            return Err(BuildError::NewKeyShare { share: share.to_string() });
        }
        let plan = plan.ruled_by(settings.eviction_policy).beginning_with(settings.new_key_share);
        if settings.listener.is_some() && !lifetimes.follows_reads() {
            // A listener should hear in time, and reads should not pay for that.
            lifetimes.clock = lifetimes.clock.exact();
        }
        lifetimes.grace = lifetimes.clock.units(settings.grace);
        let Settings { weigher, coster, listener, .. } = settings;
        let engine = Engine::new(&plan, weigher, coster, listener, lifetimes)?;
        if settings.maintenance == Maintenance::Thread
            && let Some(maintained) = settings.maintained
        {
            engine.start_maintenance(maintained);
        }
        let Settings { name, maintenance, spawner, .. } = settings;
        Ok(Cache::from_parts(engine, self.hasher, name, maintenance, spawner))
    }
}
