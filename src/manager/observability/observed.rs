//! What is observed of the caches at one moment.

use crate::{
    CacheStats,
    manager::{ManagedCache, memory::Utilization},
};

#[derive(Clone, Debug)]
pub(crate) struct CacheSample {
    pub(crate) name: String,
    pub(crate) stats: CacheStats,
    /// How many of the evictions happened because the capacity got smaller.
    pub(crate) evicted_by_resize: u64,
    /// The capacity: 0 if the cache is switched off.
    pub(crate) capacity: u64,
    #[cfg(feature = "metrics")]
    pub(crate) cache: ManagedCache,
}

impl CacheSample {
    pub(crate) fn of(cache: &ManagedCache) -> Self {
        // Before the statistics, so that they count these evictions as well.
        let evicted_by_resize = cache.evicted_by_resize();
        Self {
            name: cache.name().to_owned(),
            stats: cache.stats(),
            evicted_by_resize,
            capacity: cache.capacity(),
            #[cfg(feature = "metrics")]
            cache: cache.clone(),
        }
    }

    /// Returns the statistics without the evictions by a smaller capacity.
    pub(crate) fn unforced(&self) -> CacheStats {
        let evictions = self.stats.evictions.saturating_sub(self.evicted_by_resize);
        CacheStats { evictions, ..self.stats }
    }
}

#[derive(Debug)]
pub(crate) struct Observation {
    pub(crate) caches: Vec<CacheSample>,
    /// The utilization in the latest sample of the memory.
    pub(crate) memory: Option<Utilization>,
}
