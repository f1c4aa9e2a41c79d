//! A manager's looks at the memory, and what it does about them.
//!
//! Samples are taken by the maintenance thread, or by a caller that asks for one; in either case
//! without a lock. Two at once may both take a step of [`plan`], but it is the same step: a cache
//! is told which share it has, not by how much it is to change.

use super::{
    MemorySettings,
    pressure::{Move, Party, Plan, Share, plan},
    probe::MemoryProbe,
    reading::{MemoryReading, Utilization},
    sample::{CacheUse, MemorySample, Pressure, PressureEvent, Resized},
};
use crate::{
    Clock, Maintenance,
    manager::{
        CacheManager, ManagedCache, SettingsError, managed::locked, manager::WeakManager, telemetry,
    },
    process::maintenance::{self, Code, Next, Registration, Task},
};
use std::{
    collections::VecDeque,
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak},
    time::Instant,
};

/// So many events are kept.
const EVENTS: usize = 64;

/// What a manager has to look at the memory with.
pub(crate) struct Watch {
    /// After a look that panicked, the next one is a new look: its answer is all that counts.
    probe: AssertUnwindSafe<Arc<dyn MemoryProbe>>,
    clock: Clock,
    maintenance: Maintenance,
    settings: Mutex<MemorySettings>,
    latest: RwLock<Option<Arc<MemorySample>>>,
    events: Mutex<VecDeque<PressureEvent>>,
    manager: OnceLock<WeakManager>,
    /// While samples are taken without being asked for.
    registration: Mutex<Option<Registration>>,
}

impl Watch {
    pub(crate) fn new(
        probe: Option<Arc<dyn MemoryProbe>>,
        settings: MemorySettings,
        clock: Clock,
        maintenance: Maintenance,
    ) -> Arc<Self> {
        Arc::new(Self {
            probe: AssertUnwindSafe(probe.unwrap_or_else(usual_probe)),
            clock,
            maintenance,
            settings: Mutex::new(settings),
            latest: RwLock::default(),
            events: Mutex::default(),
            manager: OnceLock::new(),
            registration: Mutex::default(),
        })
    }

    /// From now on there are caches to look at.
    pub(in crate::manager) fn start(self: &Arc<Self>, manager: WeakManager) {
        if self.manager.set(manager).is_ok() {
            self.register();
        }
    }

    /// Starts or stops the taking of samples, as the settings say.
    fn register(self: &Arc<Self>) {
        let mut registration = locked(&self.registration);
        let wanted = locked(&self.settings).enabled && self.maintenance == Maintenance::Thread;
        let ended = match &*registration {
            Some(registration) if wanted => {
                registration.notify();
                None
            }
            None if wanted => {
                let task: Weak<dyn Task> = Arc::downgrade(self) as Weak<Self>;
                // Without a thread samples are taken by who asks for them.
                *registration = maintenance::register(task, self.clock.clone(), Code::Foreign).ok();
                None
            }
            _ => registration.take(),
        };
        drop(registration);
        drop(ended);
    }

    pub(crate) fn read(&self) -> MemoryReading {
        self.probe.read()
    }

    fn sample(&self, caches: &[ManagedCache]) -> Arc<MemorySample> {
        let settings = locked(&self.settings).clone();
        let taken = self.clock.instant(self.clock.now());
        let reading = self.probe.read();
        let utilization = reading.utilization(settings.limit);
        let uses = caches.iter().map(use_of).collect();
        let pressure = self.relieve(&settings, utilization, caches, taken);
        let sample = Arc::new(MemorySample { taken, reading, utilization, caches: uses, pressure });
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        let before = latest.replace(Arc::clone(&sample));
        drop(latest);
        drop(before);
        sample
    }

    pub(crate) fn latest(&self) -> Option<Arc<MemorySample>> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the next step, if there is one to take.
    fn relieve(
        &self,
        settings: &MemorySettings,
        utilization: Option<Utilization>,
        caches: &[ManagedCache],
        at: Instant,
    ) -> Pressure {
        if !settings.pressure.enabled {
            // Whoever has switched it off wants all of what was configured.
            for cache in caches.iter().filter(|cache| cache.share() != Share::WHOLE) {
                // If it cannot have all, it keeps what it has.
                let _ = cache.set_share(Share::WHOLE);
            }
            return Pressure::Off;
        }
        let Some(utilization) = utilization else { return Pressure::Unknown };
        let party = |cache: &ManagedCache| Party {
            priority: cache.settings().priority,
            share: cache.share(),
        };
        // One that is switched off has nothing to give.
        let caches: Vec<_> =
            caches.iter().filter(|cache| !cache.settings().is_off()).cloned().collect();
        let caches = &caches[..];
        let parties: Vec<_> = caches.iter().map(party).collect();
        match plan(&settings.pressure, Some(utilization.share()), &parties) {
            Plan::Hold => Pressure::Calm,
            Plan::Shrink(moves) => {
                self.resize(caches, &parties, &moves, at, utilization).for_each(|resized| {
                    self.note(PressureEvent::Shrank(resized));
                });
                Pressure::Shrank
            }
            Plan::Grow(moves) => {
                self.resize(caches, &parties, &moves, at, utilization).for_each(|resized| {
                    self.note(PressureEvent::Grew(resized));
                });
                Pressure::Grew
            }
            Plan::Exhausted => {
                // Told once, not with every sample.
                if self.latest().is_none_or(|latest| latest.pressure != Pressure::Exhausted) {
                    self.note(PressureEvent::Exhausted { at, utilization });
                }
                Pressure::Exhausted
            }
        }
    }

    fn resize<'a>(
        &'a self,
        caches: &'a [ManagedCache],
        parties: &'a [Party<u8>],
        moves: &'a [Move],
        at: Instant,
        utilization: Utilization,
    ) -> impl Iterator<Item = Resized> + 'a {
        moves.iter().filter_map(move |step| {
            let cache = &caches[step.place];
            // What cannot be had is asked for again with the next sample.
            cache.set_share(step.share).ok()?;
            // It is about memory: what was evicted is to be freed now, not by later writes.
            cache.run_pending_tasks();
            Some(Resized {
                at,
                cache: cache.name().to_owned(),
                from: parties[step.place].share.as_f64(),
                to: step.share.as_f64(),
                capacity: cache.capacity(),
                utilization,
            })
        })
    }

    fn note(&self, event: PressureEvent) {
        telemetry::pressure(&event);
        let mut events = locked(&self.events);
        if events.len() == EVENTS {
            events.pop_front();
        }
        events.push_back(event);
    }
}

impl Task for Watch {
    fn pass(&self) -> Next {
        // If this is the manager's last handle, it ends with this pass.
        let Some(manager) = self.manager.get().and_then(WeakManager::upgrade) else {
            return Next::Idle;
        };
        let settings = locked(&self.settings).clone();
        if !settings.enabled {
            return Next::Idle;
        }
        // From now and not from the end, so that a slow sample does not delay the next one.
        let next = self.clock.deadline_after(settings.sample_every);
        self.sample(&manager.caches());
        Next::At(next)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("probe", &*self.probe).finish_non_exhaustive()
    }
}

fn usual_probe() -> Arc<dyn MemoryProbe> {
    #[cfg(feature = "sysinfo")]
    return Arc::new(super::SystemProbe::new());
    #[cfg(not(feature = "sysinfo"))]
    Arc::new(super::Cgroup::new())
}

fn use_of(cache: &ManagedCache) -> CacheUse {
    CacheUse {
        name: cache.name().to_owned(),
        kind: cache.kind(),
        memory: cache.memory(),
        entries: cache.entry_count(),
        capacity: cache.capacity(),
        share: cache.share().as_f64(),
    }
}

/// Memory.
impl CacheManager {
    /// Looks at the memory now, and does what follows from it: see
    /// [`PressureSettings`](super::PressureSettings). O(entries), and what the probe takes.
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
        self.watch().sample(&self.caches())
    }

    /// Returns what the probe says now, and does nothing about it. What the probe takes.
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
        self.watch().read()
    }

    /// The latest sample; `None` if none was taken yet. O(1), and never waits for one that is being
    /// taken.
    #[must_use]
    pub fn memory(&self) -> Option<Arc<MemorySample>> {
        self.watch().latest()
    }

    /// What was done about pressure, the latest last: the last 64 things.
    #[must_use]
    pub fn pressure_events(&self) -> Vec<PressureEvent> {
        locked(&self.watch().events).iter().cloned().collect()
    }

    /// Whether and how memory is looked after at present.
    #[must_use]
    pub fn memory_settings(&self) -> MemorySettings {
        locked(&self.watch().settings).clone()
    }

    /// Changes whether and how memory is looked after.
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
        let watch = self.watch();
        *locked(&watch.settings) = settings;
        watch.register();
        Ok(())
    }
}
