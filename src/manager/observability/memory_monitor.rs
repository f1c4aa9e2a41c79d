//! Samples the memory, and resizes caches when it runs short.
//!
//! A maintenance thread takes samples, or a caller that asks for one; in both cases without a lock.
//! Two samples at once may both execute a step of [`next_step`], but it is the same step: it says
//! which share a cache gets, not by how much it changes.

use super::telemetry;
use crate::{
    Clock, Maintenance,
    manager::{
        ManagedCache, locked,
        managed_cache::share::CapacityShare,
        memory::{
            CacheUse, MemoryProbe, MemoryReading, MemorySample, MemorySettings, Pressure,
            PressureEvent, Resized, Utilization,
            pressure::{Candidate, PressureStep, Resize, next_step},
        },
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

const EVENTS: usize = 64;

/// Lists the caches to look after: the manager.
pub(crate) trait Caches: Send + Sync {
    fn caches(&self) -> Vec<ManagedCache>;
}

/// What samples the memory for a manager.
pub(crate) struct MemoryMonitor {
    /// Unwind safe: each reading stands alone, so a panic in one does not affect the next.
    probe: AssertUnwindSafe<Arc<dyn MemoryProbe>>,
    clock: Clock,
    maintenance: Maintenance,
    settings: Mutex<MemorySettings>,
    latest: RwLock<Option<Arc<MemorySample>>>,
    events: Mutex<VecDeque<PressureEvent>>,
    manager: OnceLock<Weak<dyn Caches>>,
    /// Present while a thread takes samples.
    registration: Mutex<Option<Registration>>,
}

impl MemoryMonitor {
    pub(crate) fn new(
        probe: Option<Arc<dyn MemoryProbe>>,
        settings: MemorySettings,
        clock: Clock,
        maintenance: Maintenance,
    ) -> Arc<Self> {
        Arc::new(Self {
            probe: AssertUnwindSafe(probe.unwrap_or_else(default_probe)),
            clock,
            maintenance,
            settings: Mutex::new(settings),
            latest: RwLock::default(),
            events: Mutex::default(),
            manager: OnceLock::new(),
            registration: Mutex::default(),
        })
    }

    /// Starts to look after the caches of a manager.
    pub(crate) fn start(self: &Arc<Self>, manager: Weak<dyn Caches>) {
        if self.manager.set(manager).is_ok() {
            self.register();
        }
    }

    /// Starts or stops the samples of the thread, as the settings say.
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
                // Without a thread, only callers take samples.
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

    /// Takes a sample and executes the next step of the plan.
    pub(crate) fn sample(&self, caches: &[ManagedCache]) -> Arc<MemorySample> {
        let settings = self.settings();
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

    /// Executes the next step of the plan, if there is one.
    fn relieve(
        &self,
        settings: &MemorySettings,
        utilization: Option<Utilization>,
        caches: &[ManagedCache],
        at: Instant,
    ) -> Pressure {
        if !settings.pressure.enabled {
            // Switched off: every cache gets its configured capacity back.
            for cache in caches.iter().filter(|cache| cache.share() != CapacityShare::WHOLE) {
                // Without memory for it, the cache keeps its current capacity.
                let _ = cache.set_share(CapacityShare::WHOLE);
            }
            return Pressure::Off;
        }
        let Some(utilization) = utilization else { return Pressure::Unknown };
        let candidate = |cache: &ManagedCache| Candidate {
            priority: cache.settings().priority,
            share: cache.share(),
        };
        // A cache that is switched off has nothing to give.
        let caches: Vec<_> = caches.iter().filter(|cache| !cache.settings().is_off()).collect();
        let candidates: Vec<_> = caches.iter().map(|cache| candidate(cache)).collect();
        let resize = |resizes: Vec<Resize>, event: fn(Resized) -> PressureEvent| {
            for Resize { place, share } in resizes {
                let cache = caches[place];
                // A cache without memory to grow is tried again with the next sample.
                if cache.set_share(share).is_err() {
                    continue;
                }
                // Frees evicted entries now, not with later writes: memory is short.
                cache.run_pending_tasks();
                self.note(event(Resized {
                    at,
                    cache: cache.name().to_owned(),
                    from: candidates[place].share.as_f64(),
                    to: share.as_f64(),
                    capacity: cache.capacity(),
                    utilization,
                }));
            }
        };
        match next_step(&settings.pressure, Some(utilization.share()), &candidates) {
            PressureStep::Hold => Pressure::Calm,
            PressureStep::Shrink(resizes) => {
                resize(resizes, PressureEvent::Shrank);
                Pressure::Shrank
            }
            PressureStep::Grow(resizes) => {
                resize(resizes, PressureEvent::Grew);
                Pressure::Grew
            }
            PressureStep::Exhausted => {
                // Reported once, not with every sample.
                if self.latest().is_none_or(|latest| latest.pressure != Pressure::Exhausted) {
                    self.note(PressureEvent::Exhausted { at, utilization });
                }
                Pressure::Exhausted
            }
        }
    }

    pub(crate) fn events(&self) -> Vec<PressureEvent> {
        locked(&self.events).iter().cloned().collect()
    }

    pub(crate) fn settings(&self) -> MemorySettings {
        locked(&self.settings).clone()
    }

    pub(crate) fn set_settings(self: &Arc<Self>, settings: MemorySettings) {
        *locked(&self.settings) = settings;
        self.register();
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

impl Task for MemoryMonitor {
    fn pass(&self) -> Next {
        // If this is the manager's last handle, the manager is dropped after this pass.
        let Some(manager) = self.manager.get().and_then(Weak::upgrade) else {
            return Next::Idle;
        };
        let settings = self.settings();
        if !settings.enabled {
            return Next::Idle;
        }
        // Counted from now, so that a slow sample does not delay the next one.
        let next = self.clock.deadline_after(settings.sample_every);
        self.sample(&manager.caches());
        Next::At(next)
    }
}

impl fmt::Debug for MemoryMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryMonitor").field("probe", &*self.probe).finish_non_exhaustive()
    }
}

fn default_probe() -> Arc<dyn MemoryProbe> {
    #[cfg(feature = "sysinfo")]
    return Arc::new(crate::manager::memory::SystemProbe::new());
    #[cfg(not(feature = "sysinfo"))]
    Arc::new(crate::manager::memory::Cgroup::new())
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
