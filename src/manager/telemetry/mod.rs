//! What goes out of the house: to a recorder of `metrics`, to a subscriber of `tracing`. Without
//! their features, nothing, and it costs nothing.
//!
//! Neither is on the path of a hit, and neither is ever given a key: keys are many, and may be
//! secret.

#[cfg(feature = "metrics")]
mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "no_metrics.rs"]
mod metrics;
#[cfg(feature = "tracing")]
mod tracing;
#[cfg(not(feature = "tracing"))]
#[path = "no_tracing.rs"]
mod tracing;

use crate::CacheStats;
pub(super) use metrics::Meters;
pub(crate) use tracing::LoadSpan;
#[cfg(feature = "config")]
pub(super) use tracing::reloaded;
#[cfg(feature = "macros")]
pub(crate) use tracing::tables;
pub(super) use tracing::{health_changed, pressure};

/// A cache's statistics, as they were just now.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) stats: CacheStats,
    /// How many of the evictions made a cache fit that was to be smaller.
    pub(super) shed: u64,
    /// What it may hold: 0 if it is switched off.
    pub(super) capacity: u64,
    #[cfg(feature = "metrics")]
    pub(super) cache: super::ManagedCache,
}

impl Seen {
    /// The statistics, with those evictions only that came of inserts.
    pub(super) fn unforced(&self) -> CacheStats {
        CacheStats { evictions: self.stats.evictions.saturating_sub(self.shed), ..self.stats }
    }
}

/// What came of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A value.
    Loaded,
    /// The loader says that there is none.
    Absent,
    /// An error.
    Failed,
}

impl Outcome {
    pub(super) fn of_result<T, E>(loaded: &Result<T, E>) -> Self {
        if loaded.is_ok() { Self::Loaded } else { Self::Failed }
    }

    pub(super) fn of_option<T>(loaded: &Option<T>) -> Self {
        if loaded.is_some() { Self::Loaded } else { Self::Absent }
    }
}

impl LoadSpan {
    /// Runs a loader from its beginning to its end.
    pub(crate) fn run<T>(self, load: impl FnOnce() -> T, outcome: impl FnOnce(&T) -> Outcome) -> T {
        let loaded = self.within(load);
        self.end(outcome(&loaded));
        loaded
    }
}
