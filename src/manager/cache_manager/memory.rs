//! A manager's methods about memory.

use super::manager::CacheManager;
use crate::manager::{
    SettingsError,
    memory::{MemoryReading, MemorySample, MemorySettings, PressureEvent},
};
use std::sync::Arc;

/// # Memory
impl CacheManager {
    /// Takes a sample of the memory, and resizes caches if it is short: see
    /// [`PressureSettings`](crate::manager::memory::PressureSettings). O(entries), and the time of
    /// the probe.
    ///
    /// ```
    /// use larder::manager::{CacheKind, CacheManager};
    ///
    /// let manager = CacheManager::new();
    /// manager.view::<String>(CacheKind::User).insert(&1, "Ada".to_owned());
    /// let sample = manager.sample_memory();
    /// let user = sample.caches.iter().find(|cache| cache.name == "user").unwrap();
    /// assert_eq!((user.entries, user.share), (1, 1.0));
    /// assert!(user.memory.values > 0);
    /// ```
    pub fn sample_memory(&self) -> Arc<MemorySample> {
        self.0.memory.sample(&self.caches())
    }

    /// Reads the probe, and does nothing else. Takes the time of the probe.
    ///
    /// ```
    /// use larder::manager::{CacheManager, memory::{MemoryProbe, MemoryReading}};
    ///
    /// #[derive(Debug)]
    /// struct Small;
    ///
    /// impl MemoryProbe for Small {
    ///     fn read(&self) -> MemoryReading {
    ///         MemoryReading::default().with_resident(1 << 20)
    ///     }
    /// }
    ///
    /// let manager = CacheManager::builder().memory_probe(Small).build();
    /// assert_eq!(manager.read_memory().resident, Some(1 << 20));
    /// assert!(manager.memory().is_none(), "no sample was taken");
    /// ```
    #[must_use]
    pub fn read_memory(&self) -> MemoryReading {
        self.0.memory.read()
    }

    /// Returns the latest sample; `None` if none was taken yet. O(1); does not wait for a sample
    /// that is being taken.
    #[must_use]
    pub fn memory(&self) -> Option<Arc<MemorySample>> {
        self.0.memory.latest()
    }

    /// Returns the last 64 events of memory pressure, the latest last.
    #[must_use]
    pub fn pressure_events(&self) -> Vec<PressureEvent> {
        self.0.memory.events()
    }

    /// Returns the current settings of memory sampling.
    #[must_use]
    pub fn memory_settings(&self) -> MemorySettings {
        self.0.memory.settings()
    }

    /// Changes the settings of memory sampling.
    ///
    /// # Errors
    ///
    /// If one of the settings is out of range.
    ///
    /// ```
    /// use larder::manager::CacheManager;
    ///
    /// let manager = CacheManager::new();
    /// let mut settings = manager.memory_settings();
    /// settings.limit = Some(512 << 20);
    /// settings.enabled = true;
    /// manager.set_memory_settings(settings)?;
    /// # Ok::<(), larder::manager::SettingsError>(())
    /// ```
    pub fn set_memory_settings(&self, settings: MemorySettings) -> Result<(), SettingsError> {
        settings.validate()?;
        self.0.memory.set_settings(settings);
        Ok(())
    }
}
