//! A manager's `performance()` and `health()`, and who looks at its caches.

use super::{
    error::{ManagerError, UnknownCache},
    health::{Health, HealthThresholds},
    managed::{ManagedCache, locked},
    manager::{CacheManager, CacheManagerBuilder, Inner},
    monitor::Look,
    performance::Performance,
    telemetry::Seen,
};
use crate::{
    Maintenance,
    process::maintenance::{self, Code, Next, Task},
};
use std::{
    sync::{Arc, Weak},
    time::Duration,
};

/// How caches do, and how well they are.
///
/// Both are made from samples of the caches' statistics, taken by the maintenance thread each
/// [`sample_every`](CacheManagerBuilder::sample_every), and from what the statistics say at the
/// moment of the call. No operation on a cache does anything for it.
impl CacheManager {
    /// How the caches have done in the last 1, 5 and 15 minutes. O(caches), and what
    /// [`stats`](super::ManagedCache::stats) takes for each.
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
        self.0.monitor.performance(&|| self.0.look())
    }

    /// Whether the caches are well, and if not, why. O(caches), and what
    /// [`stats`](super::ManagedCache::stats) takes for each.
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
        self.0.monitor.health(&|| self.0.look())
    }

    /// Takes a sample, and tells what there is to tell: numbers to the recorder of `metrics`,
    /// changes of health to the subscriber of `tracing`, where their features are on.
    ///
    /// For managers with [`Maintenance::Manual`]; otherwise the maintenance thread does it. More
    /// often than [`sample_every`](CacheManagerBuilder::sample_every) it tells only. O(caches), and
    /// what [`stats`](super::ManagedCache::stats) takes for each.
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
        self.0.monitor.sample(&|| self.0.look());
    }

    /// The thresholds of the manager, and of all caches that have none of their own.
    #[must_use]
    pub fn health_thresholds(&self) -> HealthThresholds {
        self.0.monitor.thresholds().common
    }

    /// The thresholds that count for one cache: its own, or else the manager's.
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

    /// From now on, the thresholds of the manager, and of all caches that have none of their own.
    ///
    /// # Errors
    ///
    /// If one makes no sense.
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

    /// From now on, the thresholds of one cache.
    ///
    /// # Errors
    ///
    /// If there is no such cache, or a threshold makes no sense.
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

    /// A new manager's caches are there: has them looked at from now on.
    pub(super) fn observe(&self) {
        for cache in self.caches() {
            self.0.monitor.begin(&seen(&cache));
        }
        if self.0.maintenance != Maintenance::Thread {
            return;
        }
        let task: Weak<dyn Task> = Arc::downgrade(&self.0) as Weak<Inner>;
        self.0.monitor.expect_passes();
        match maintenance::register(task, self.0.clock.clone(), Code::Foreign) {
            Ok(registration) => *locked(&self.0.registration) = Some(registration),
            // As if it were manual.
            Err(_) => self.0.monitor.expect_none(),
        }
    }
}

/// What is looked at, and what is thought of it.
impl CacheManagerBuilder {
    /// How often the caches are looked at, 1 to 60 seconds: 10, if nothing else is said. So much
    /// may windows be longer than they are meant to be, and so old may be what metrics say. The
    /// samples of a quarter of an hour take 35 KiB per cache at ten seconds, ten times as much at
    /// one.
    #[must_use]
    pub fn sample_every(mut self, interval: Duration) -> Self {
        self.sample_every = interval;
        self
    }

    /// The thresholds of the manager, and of all caches that have none of their own.
    ///
    /// ```
    /// use larder::manager::{CacheManager, HealthThresholds, Levels};
    ///
    /// let strict = HealthThresholds {
    ///     hit_ratio: Some(Levels::new(0.9, 0.5)),
    ///     ..HealthThresholds::default()
    /// };
    /// let lenient = HealthThresholds { hit_ratio: None, ..strict };
    /// let manager = CacheManager::builder()
    ///     .health_thresholds(strict)
    ///     .health_thresholds_of("session", lenient)
    ///     .build();
    /// # drop(manager);
    ///
    /// let percent = HealthThresholds {
    ///     memory: Some(Levels::new(80.0, 90.0)),
    ///     ..HealthThresholds::default()
    /// };
    /// assert_eq!(
    ///     CacheManager::builder().health_thresholds(percent).try_build().unwrap_err().to_string(),
    ///     "health thresholds: memory.degraded: 80 is out of range; allowed are 0.0 to 1.0"
    /// );
    /// ```
    #[must_use]
    pub fn health_thresholds(mut self, thresholds: HealthThresholds) -> Self {
        self.thresholds.common = thresholds;
        self
    }

    /// The thresholds of one cache, of those that there are or one that comes later.
    #[must_use]
    pub fn health_thresholds_of(
        mut self,
        cache: impl Into<String>,
        thresholds: HealthThresholds,
    ) -> Self {
        self.thresholds.own.insert(cache.into(), thresholds);
        self
    }

    /// Whether what was said here makes sense.
    pub(super) fn check_observation(&self) -> Result<(), ManagerError> {
        let allowed = Duration::from_secs(1)..=Duration::from_secs(60);
        if !allowed.contains(&self.sample_every) {
            return Err(ManagerError::SampleEvery { interval: self.sample_every });
        }
        check(None, &self.thresholds.common)?;
        self.thresholds.own.iter().try_for_each(|(name, own)| check(Some(name), own))
    }
}

fn check(cache: Option<&str>, thresholds: &HealthThresholds) -> Result<(), ManagerError> {
    thresholds.validate().map_err(|source| match cache {
        None => ManagerError::Thresholds { source },
        Some(name) => ManagerError::ThresholdsOf { name: name.to_owned(), source },
    })
}

/// What the maintenance thread does for a manager.
impl Task for Inner {
    fn pass(&self) -> Next {
        Next::At(self.monitor.pass(&|| self.look()))
    }
}

impl Inner {
    /// What is to be seen of the caches now, and what was last seen of the memory.
    pub(super) fn look(&self) -> Look {
        let memory = self.watch.latest().and_then(|sample| sample.utilization);
        Look { caches: self.caches().iter().map(seen).collect(), memory }
    }
}

/// What its statistics say.
pub(super) fn seen(cache: &ManagedCache) -> Seen {
    // Before the statistics: what is shed is an eviction by then.
    let shed = cache.shed();
    Seen {
        name: cache.name().to_owned(),
        stats: cache.stats(),
        shed,
        capacity: cache.capacity(),
        #[cfg(feature = "metrics")]
        cache: cache.clone(),
    }
}
