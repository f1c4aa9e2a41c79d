//! Observing the caches: samples of their statistics, and the reports that are made of them.
//!
//! - `observed.rs`: what is observed of a cache and of all caches at one moment
//! - `history.rs`: samples of one cache's statistics, and the difference between two of them
//! - `performance.rs`: reports of the last minutes
//! - `health.rs`, `health/`: rules that judge the last minutes
//! - `telemetry/`: the crates `metrics` and `tracing`
//! - `monitor.rs`: takes the samples, and has the state that reports and rules need
//! - `memory_monitor.rs`: samples the memory, and resizes caches when it runs short

pub(super) mod health;
pub(super) mod history;
pub(super) mod memory_monitor;
pub(super) mod monitor;
pub(super) mod observed;
pub(super) mod performance;
pub(crate) mod telemetry;
