//! The layer before a service, as clients and handlers see it.

mod attacks;
mod bodies;
#[cfg(feature = "compression")]
mod compression;
mod confirming;
mod contract;
mod invalidation;
mod serving;
mod sharing;
mod site;
mod stale;
mod storing;
mod telemetry;
mod updates;
