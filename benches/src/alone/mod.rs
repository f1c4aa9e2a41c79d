//! Measurements of larder alone, without peers. None of them uses another one.

pub(crate) mod expiry;
pub(crate) mod growth;
pub(crate) mod kinds;
pub(crate) mod memo;
pub(crate) mod sizes;
pub(crate) mod telemetry;
pub(crate) mod tenants;
