//! Settings of memory sampling and of memory pressure.

use super::pressure::PressureSettings;
use crate::manager::SettingsError;
use std::time::Duration;

/// Whether and how often a manager samples the memory, and what it does when memory runs short.
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
    /// Whether the manager takes samples by itself.
    pub enabled: bool,
    /// The time from one sample to the next: 100 ms to 1 day.
    pub sample_every: Duration,
    /// The limit of the process in bytes, beside those of container and machine: at least 1 MiB.
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
    /// Checks that every setting is in range.
    ///
    /// # Errors
    ///
    /// Names the first setting that is out of range.
    pub fn validate(&self) -> Result<(), SettingsError> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let pressure = &self.pressure;
        let check = SettingsError::check;
        let is_in_range = (Duration::from_millis(100)..=DAY).contains(&self.sample_every);
        let every = format!("{:?}", self.sample_every);
        check(is_in_range, "sample_every", &every, "100 ms to 1 day")?;
        if let Some(limit) = self.limit {
            check(limit >= 1 << 20, "limit", &limit, "1 MiB (1048576) and more, or none")?;
        }
        for (field, share) in [("pressure.step", pressure.step), ("pressure.floor", pressure.floor)]
        {
            check((0.01..=1.0).contains(&share), field, &share, "0.01 to 1.0")?;
        }
        check(
            pressure.high > 0.0 && pressure.high <= 1.0,
            "pressure.high",
            &pressure.high,
            "more than 0.0 and at most 1.0",
        )?;
        check(
            pressure.low > 0.0 && pressure.low < pressure.high,
            "pressure.low",
            &pressure.low,
            "more than 0.0 and less than pressure.high",
        )
    }
}
