//! Building a manager.

use super::{
    error::ManagerError,
    manager::{self, CacheManager, Inner},
    observe,
};
use crate::{
    Clock, Maintenance,
    manager::{
        CacheKind, CacheSettings, HealthThresholds,
        memory::{MemoryProbe, MemorySettings},
        observability::{
            memory_monitor::{Caches, MemoryMonitor},
            monitor::{self, Monitor, Thresholds},
        },
    },
    process::spawner::Spawner,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, RwLock, Weak},
    time::Duration,
};

/// Builds a [`CacheManager`]; comes from [`CacheManager::builder`].
#[derive(Clone, Debug)]
pub struct CacheManagerBuilder {
    kinds: [CacheSettings; CacheKind::ALL.len()],
    named: Vec<(String, CacheSettings)>,
    clock: Clock,
    maintenance: Maintenance,
    spawner: Option<Spawner>,
    probe: Option<Arc<dyn MemoryProbe>>,
    memory: MemorySettings,
    sample_every: Duration,
    pub(crate) thresholds: Thresholds,
}

impl CacheManagerBuilder {
    pub(super) fn new() -> Self {
        Self {
            kinds: CacheKind::ALL.map(CacheKind::settings),
            named: Vec::new(),
            clock: Clock::default(),
            maintenance: Maintenance::default(),
            spawner: None,
            probe: None,
            memory: MemorySettings::default(),
            sample_every: monitor::INTERVAL,
            thresholds: Thresholds::default(),
        }
    }

    /// Sets the settings of the cache of a kind.
    #[must_use]
    pub fn kind(mut self, kind: CacheKind, settings: CacheSettings) -> Self {
        self.kinds[kind as usize] = settings;
        self
    }

    /// Adds a named cache.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>, settings: CacheSettings) -> Self {
        self.named.push((name.into(), settings));
        self
    }

    /// Sets the clock of all caches.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Sets which threads free expired entries, in all caches.
    #[must_use]
    pub fn maintenance(mut self, maintenance: Maintenance) -> Self {
        self.maintenance = maintenance;
        self
    }

    /// Sets how loads are run in tasks of their own, in all caches: see
    /// [`CacheBuilder::spawner`](crate::CacheBuilder::spawner). Needed by
    /// [`get_with_detached`](crate::manager::View::get_with_detached) and its variants.
    #[must_use]
    pub fn spawner(
        mut self,
        spawn: impl Fn(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + Sync + 'static,
    ) -> Self {
        self.spawner = Some(Spawner::new(spawn));
        self
    }

    /// Removes the named caches for whose names `is_removed` returns true.
    #[cfg(feature = "config")]
    pub(crate) fn remove_named(&mut self, is_removed: impl Fn(&str) -> bool) {
        self.named.retain(|(name, _)| !is_removed(name));
    }

    /// Sets the memory probe. By default it is a `SystemProbe`, or a
    /// [`Cgroup`](crate::manager::memory::Cgroup) without the feature `sysinfo`.
    #[must_use]
    pub fn memory_probe(mut self, probe: impl MemoryProbe + 'static) -> Self {
        self.probe = Some(Arc::new(probe));
        self
    }

    /// Sets whether and how the manager samples the memory. By default it samples only when
    /// [`sample_memory`](CacheManager::sample_memory) is called.
    #[must_use]
    pub fn memory(mut self, settings: MemorySettings) -> Self {
        self.memory = settings;
        self
    }

    /// Sets the time between two samples of the statistics, 1 to 60 seconds. By default 10 seconds.
    /// Windows may be longer than nominal by this time, and metrics may be this old. The samples
    /// take 35 KiB per cache at ten seconds, ten times as much at one second.
    #[must_use]
    pub fn sample_every(mut self, interval: Duration) -> Self {
        self.sample_every = interval;
        self
    }

    /// Sets the thresholds of the manager, and of all caches that have none of their own.
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

    /// Sets the thresholds of one cache, which may also be created later.
    #[must_use]
    pub fn health_thresholds_of(
        mut self,
        cache: impl Into<String>,
        thresholds: HealthThresholds,
    ) -> Self {
        self.thresholds.own.insert(cache.into(), thresholds);
        self
    }

    fn check_observation(&self) -> Result<(), ManagerError> {
        let allowed = Duration::from_secs(1)..=Duration::from_secs(60);
        if !allowed.contains(&self.sample_every) {
            return Err(ManagerError::SampleEvery { interval: self.sample_every });
        }
        observe::check(None, &self.thresholds.common)?;
        self.thresholds.own.iter().try_for_each(|(name, own)| observe::check(Some(name), own))
    }

    /// Builds the manager.
    ///
    /// # Panics
    ///
    /// If [`try_build`](Self::try_build) would return an error, with its text.
    #[must_use]
    pub fn build(self) -> CacheManager {
        self.try_build().unwrap_or_else(|error| panic!("cannot build the manager: {error}"))
    }

    /// Builds the manager.
    ///
    /// # Errors
    ///
    /// [`ManagerError`] names the cache, the setting and what is wrong with it.
    pub fn try_build(self) -> Result<CacheManager, ManagerError> {
        self.check_observation()?;
        let Self { kinds, named, clock, maintenance, spawner, .. } = self;
        let Self { probe, memory, sample_every, thresholds, .. } = self;
        memory.validate().map_err(ManagerError::Memory)?;
        let mut caches = Vec::with_capacity(kinds.len());
        for (kind, settings) in CacheKind::ALL.into_iter().zip(kinds) {
            let spawner = spawner.clone();
            let cache =
                manager::make(kind.name(), Some(kind), settings, &clock, maintenance, spawner)?;
            caches.push(cache);
        }
        let kinds = caches.try_into().expect("as many as there are kinds");
        let inner = Inner {
            kinds,
            named: RwLock::default(),
            memory: MemoryMonitor::new(probe, memory, clock.clone(), maintenance),
            monitor: Monitor::new(clock.clone(), sample_every, thresholds),
            registration: Mutex::default(),
            clock,
            maintenance,
            spawner,
            #[cfg(feature = "config")]
            reloading: Mutex::default(),
        };
        let manager = CacheManager(Arc::new(inner));
        for (name, settings) in named {
            manager.create(&name, settings)?;
        }
        manager.observe();
        manager.0.memory.start(Arc::downgrade(&manager.0) as Weak<dyn Caches>);
        Ok(manager)
    }
}
