//! What goes out: to a recorder of `metrics`, to a subscriber of `tracing`. Without their features,
//! nothing.

#[cfg(feature = "metrics")]
pub(crate) mod metrics;
#[cfg(feature = "tracing")]
mod tracing;
#[cfg(not(feature = "tracing"))]
#[path = "no_tracing.rs"]
mod tracing;

pub(crate) use tracing::FetchSpan;
