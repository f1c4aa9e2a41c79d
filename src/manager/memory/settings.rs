//! What can be said about sampling, and about what follows from a sample.

use super::pressure::PressureSettings;
use crate::manager::SettingsError;
use std::time::Duration;

/// Whether and how often a manager looks at the memory, and what it does when that runs short.
///
/// ```
/// use larder::manager::memory::MemorySettings;
/// use std::time::Duration;
///
/// let mut settings = MemorySettings::default();
/// assert_eq!((settings.enabled, settings.sample_every), (false, Duration::from_secs(10)));
///
/// settings.pressure.high = 0.5;
/// assert_eq!(
///     settings.validate().unwrap_err().to_string(),
///     "pressure.low: 0.7 is out of range; allowed are more than 0.0 and less than pressure.high"
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MemorySettings {
    /// Whether samples are taken without being asked for.
    pub enabled: bool,
    /// How long it is from one sample to the next: 100 ms to 1 day.
    pub sample_every: Duration,
    /// What the process may have, in bytes, whatever container and machine allow: at least 1 MiB.
    pub limit: Option<u64>,
    /// When caches shrink, and by how much.
    pub pressure: PressureSettings,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self {
            enabled: false,
            sample_every: Duration::from_secs(10),
            limit: None,
            pressure: PressureSettings::default(),
        }
    }
}

impl MemorySettings {
    /// Says whether it makes sense.
    ///
    /// # Errors
    ///
    /// The first setting that is out of range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let pressure = &self.pressure;
        check(
            (Duration::from_millis(100)..=DAY).contains(&self.sample_every),
            ("sample_every", format!("{:?}", self.sample_every), "100 ms to 1 day"),
        )?;
        if let Some(limit) = self.limit {
            let allowed = "1 MiB (1048576) and more, or none";
            check(limit >= 1 << 20, ("limit", limit.to_string(), allowed))?;
        }
        for (field, share) in [("pressure.step", pressure.step), ("pressure.floor", pressure.floor)]
        {
            let fits = (0.01..=1.0).contains(&share);
            check(fits, (field, share.to_string(), "0.01 to 1.0"))?;
        }
        check(
            pressure.high > 0.0 && pressure.high <= 1.0,
            ("pressure.high", pressure.high.to_string(), "more than 0.0 and at most 1.0"),
        )?;
        check(
            pressure.low > 0.0 && pressure.low < pressure.high,
            ("pressure.low", pressure.low.to_string(), "more than 0.0 and less than pressure.high"),
        )
    }
}

fn check(
    holds: bool,
    (field, value, allowed): (&'static str, String, &'static str),
) -> Result<(), SettingsError> {
    if holds { Ok(()) } else { Err(SettingsError { field, value, allowed }) }
}
