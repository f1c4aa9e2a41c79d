//! The settings of memory.

use super::field::{Field, describe_boolean, describe_share, only};
use crate::manager::{
    config::raw::{Raw, describe_duration, describe_size},
    memory::MemorySettings,
};

pub(super) const MEMORY: &[Field<MemorySettings>] = &[
    Field::new("enabled", describe_boolean, |memory, raw| {
        raw.boolean().map(|enabled| memory.enabled = enabled)
    }),
    Field::new("sample_every", describe_duration, |memory, raw| {
        raw.duration().map(|interval| memory.sample_every = interval)
    }),
    Field::new(
        "limit",
        || describe_size() + ", or \"none\"",
        |memory, raw| raw.unless("none", Raw::size).map(|bytes| memory.limit = bytes),
    ),
];

pub(super) const PRESSURE: &[Field<MemorySettings>] = &[
    Field::with_path("enabled", "pressure.enabled", describe_boolean, |memory, raw| {
        raw.boolean().map(|enabled| memory.pressure.enabled = enabled)
    }),
    Field::with_path("high", "pressure.high", describe_share, |memory, raw| {
        raw.float().map(|share| memory.pressure.high = share)
    }),
    Field::with_path("low", "pressure.low", describe_share, |memory, raw| {
        raw.float().map(|share| memory.pressure.low = share)
    }),
    Field::with_path("step", "pressure.step", describe_share, |memory, raw| {
        raw.float().map(|share| memory.pressure.step = share)
    }),
    Field::with_path("floor", "pressure.floor", describe_share, |memory, raw| {
        raw.float().map(|share| memory.pressure.floor = share)
    }),
];

/// Checks one field. Fields that depend on each other are compared when all settings are made.
pub(super) fn check(settings: &MemorySettings, field: &'static str) -> Result<(), String> {
    let mut settings = settings.clone();
    match field {
        "pressure.high" => settings.pressure.low = f64::MIN_POSITIVE,
        "pressure.low" => settings.pressure.high = 1.0,
        _ => {}
    }
    only(field, settings.validate())
}
