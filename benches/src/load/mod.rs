//! What the caches are asked: keys and values, how keys are drawn, traces.

pub(crate) mod data;
pub(crate) mod trace;
pub(crate) mod workload;
