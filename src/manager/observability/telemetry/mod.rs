//! Reports to a recorder of `metrics` and to a subscriber of `tracing`. Without these features it
//! compiles to nothing.
//!
//! A hit reports nothing. Keys are never reported: they are many, and may be secret.

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

pub(crate) use metrics::Meters;
pub(crate) use tracing::LoadSpan;
#[cfg(feature = "config")]
pub(crate) use tracing::reloaded;
#[cfg(feature = "macros")]
pub(crate) use tracing::tables;
pub(crate) use tracing::{health_changed, pressure};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadStatus {
    /// The loader returned a value.
    Loaded,
    /// The loader returned that there is no value.
    Absent,
    /// The loader returned an error.
    Failed,
}

impl LoadStatus {
    pub(crate) fn of_result<T, E>(loaded: &Result<T, E>) -> Self {
        if loaded.is_ok() { Self::Loaded } else { Self::Failed }
    }

    pub(crate) fn of_option<T>(loaded: &Option<T>) -> Self {
        if loaded.is_some() { Self::Loaded } else { Self::Absent }
    }
}

impl LoadSpan {
    /// Runs a loader in the span, and ends the span.
    pub(crate) fn run<T>(
        self,
        load: impl FnOnce() -> T,
        outcome: impl FnOnce(&T) -> LoadStatus,
    ) -> T {
        let loaded = self.within(load);
        self.end(outcome(&loaded));
        loaded
    }
}
