//! A manager's `performance()` and `health()`, and the samples that they need.

use super::{
    error::{ManagerError, UnknownCache},
    manager::{CacheManager, Inner},
};
use crate::{
    Maintenance,
    manager::{
        Health, HealthThresholds, Performance, locked,
        observability::{
            memory_monitor::Caches,
            observed::{CacheSample, Observation},
        },
    },
    process::maintenance::{self, Code, Next, Task},
};
use std::sync::{Arc, Weak};

/// # Performance and health
///
/// Both are computed from samples of the caches' statistics, which a maintenance thread takes each
/// [`sample_every`](crate::manager::CacheManagerBuilder::sample_every), and from the statistics at
/// the moment of the call. They add nothing to the cost of an operation on a cache.
impl CacheManager {
    /// Returns the performance of the caches in the last 1, 5 and 15 minutes. O(caches), and the
    /// time of [`stats`](crate::manager::ManagedCache::stats) for each.
    ///
    /// ```
    /// use larder::manager::{CacheKind, CacheManager};
    ///
    /// let manager = CacheManager::new();
    /// let reports = manager.view::<u64>(CacheKind::Analytics);
    /// for _ in 0..10 {
    ///     reports.get_with("january", || 31);
    /// }
    /// let minute = manager.performance().overall.last_minute;
    /// assert_eq!((minute.lookups, minute.loads, minute.loads_avoided), (10, 1, 9));
    /// ```
    #[must_use]
    pub fn performance(&self) -> Performance {
        self.0.monitor.performance(&|| self.0.observe())
    }

    /// Returns the health of the manager and its caches. O(caches), and the time of
    /// [`stats`](crate::manager::ManagedCache::stats) for each.
    ///
    /// ```
    /// use larder::manager::{CacheManager, HealthStatus};
    ///
    /// let health = CacheManager::new().health();
    /// assert_eq!(health.status, HealthStatus::Ok);
    /// assert!(health.findings.is_empty());
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        self.0.monitor.health(&|| self.0.observe())
    }

    /// Takes a sample of the statistics. Reports the numbers to the recorder of `metrics` and
    /// changes of health to the subscriber of `tracing`, where these features are on.
    ///
    /// For managers with [`Maintenance::Manual`]; otherwise a maintenance thread does it. Calls
    /// more often than [`sample_every`](crate::manager::CacheManagerBuilder::sample_every) report,
    /// but do not add samples. O(caches), and the time of
    /// [`stats`](crate::manager::ManagedCache::stats) for each.
    ///
    /// ```
    /// use larder::{Maintenance, ManualClock, manager::{CacheKind, CacheManager}};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let manager =
    ///     CacheManager::builder().clock(&clock).maintenance(Maintenance::Manual).build();
    /// manager.view::<u64>(CacheKind::General).insert("old", 1);
    /// clock.advance(Duration::from_secs(60));
    /// manager.sample();
    /// clock.advance(Duration::from_secs(60));
    /// let overall = manager.performance().overall;
    /// assert_eq!((overall.last_minute.operations, overall.last_5_minutes.operations), (0, 1));
    /// ```
    pub fn sample(&self) {
        self.0.monitor.sample(&|| self.0.observe());
    }

    /// Returns the thresholds of the manager, and of all caches that have none of their own.
    #[must_use]
    pub fn health_thresholds(&self) -> HealthThresholds {
        self.0.monitor.thresholds().common
    }

    /// Returns the thresholds that apply to one cache: its own if it has any, otherwise the
    /// manager's.
    ///
    /// # Errors
    ///
    /// If there is no such cache.
    ///
    /// ```
    /// use larder::manager::{CacheManager, HealthThresholds};
    ///
    /// let manager = CacheManager::new();
    /// assert_eq!(manager.health_thresholds_of("url").unwrap(), HealthThresholds::default());
    /// assert!(manager.health_thresholds_of("urls").is_err());
    /// ```
    pub fn health_thresholds_of(&self, cache: &str) -> Result<HealthThresholds, UnknownCache> {
        let cache = self.get_cache(cache)?;
        Ok(*self.0.monitor.thresholds().of(cache.name()))
    }

    /// Sets the thresholds of the manager, and of all caches that have none of their own.
    ///
    /// # Errors
    ///
    /// If a threshold is out of range.
    ///
    /// ```
    /// use larder::manager::{CacheManager, HealthThresholds};
    ///
    /// let manager = CacheManager::new();
    /// let patient = HealthThresholds { min_lookups: 100_000, ..HealthThresholds::default() };
    /// manager.set_health_thresholds(patient)?;
    /// # Ok::<(), larder::manager::ManagerError>(())
    /// ```
    pub fn set_health_thresholds(&self, thresholds: HealthThresholds) -> Result<(), ManagerError> {
        check(None, &thresholds)?;
        self.0.monitor.set_thresholds(None, thresholds);
        Ok(())
    }

    /// Sets the thresholds of one cache.
    ///
    /// # Errors
    ///
    /// If there is no such cache, or a threshold is out of range.
    ///
    /// ```
    /// use larder::manager::{CacheManager, HealthThresholds};
    ///
    /// let manager = CacheManager::new();
    /// let never = HealthThresholds { hit_ratio: None, ..HealthThresholds::default() };
    /// manager.set_health_thresholds_of("analytics", never)?;
    /// assert!(manager.set_health_thresholds_of("analytic", never).is_err());
    /// # Ok::<(), larder::manager::ManagerError>(())
    /// ```
    pub fn set_health_thresholds_of(
        &self,
        cache: &str,
        thresholds: HealthThresholds,
    ) -> Result<(), ManagerError> {
        let cache = self.get_cache(cache)?;
        check(Some(cache.name()), &thresholds)?;
        self.0.monitor.set_thresholds(Some(cache.name()), thresholds);
        Ok(())
    }

    pub(super) fn observe(&self) {
        for cache in self.caches() {
            self.0.monitor.begin(&CacheSample::of(&cache));
        }
        if self.0.maintenance != Maintenance::Thread {
            return;
        }
        let task: Weak<dyn Task> = Arc::downgrade(&self.0) as Weak<Inner>;
        self.0.monitor.expect_passes();
        match maintenance::register(task, self.0.clock.clone(), Code::Foreign) {
            Ok(registration) => *locked(&self.0.registration) = Some(registration),
            // Without a thread, the manager is like a manual one.
            Err(_) => self.0.monitor.expect_none(),
        }
    }
}

/// Checks the thresholds of a cache, or of the manager if `cache` is `None`.
pub(super) fn check(
    cache: Option<&str>,
    thresholds: &HealthThresholds,
) -> Result<(), ManagerError> {
    thresholds.validate().map_err(|source| match cache {
        None => ManagerError::Thresholds { source },
        Some(name) => ManagerError::ThresholdsOf { name: name.to_owned(), source },
    })
}

/// The samples that a maintenance thread takes for a manager.
impl Task for Inner {
    fn pass(&self) -> Next {
        Next::At(self.monitor.pass(&|| self.observe()))
    }
}

impl Inner {
    /// Observes the caches now, with the latest sample of the memory.
    fn observe(&self) -> Observation {
        let memory = self.memory.latest().and_then(|sample| sample.utilization);
        Observation { caches: self.caches().iter().map(CacheSample::of).collect(), memory }
    }
}
