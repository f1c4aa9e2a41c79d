//! Samples the statistics of a manager's caches: for `performance()`, for health, and for
//! telemetry. No operation of a cache does anything for it.
//!
//! A maintenance thread takes a sample each interval; with
//! [`Maintenance::Manual`](crate::Maintenance), the user does. The lock of the state is released
//! before telemetry reports, so a recorder or a subscriber may call the manager.

use super::{
    health::{self, CacheHealth, Health, HealthStatus, HealthThresholds},
    history::History,
    observed::{CacheSample, Observation},
    performance::{CachePerformance, Performance, Windowed, Windows},
    telemetry::{self, Meters},
};
use crate::Clock;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
    time::{Duration, Instant},
};

pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Monitor {
    clock: Clock,
    interval: Duration,
    state: Mutex<State>,
    meters: Mutex<Meters>,
}

#[derive(Debug)]
struct State {
    caches: HashMap<String, Monitored>,
    thresholds: Thresholds,
    /// The manager's status in the latest sample.
    status: HealthStatus,
    /// When the next pass is due, if a thread makes passes.
    due: Option<u64>,
    /// How late the latest pass was.
    late: Duration,
}

#[derive(Debug)]
struct Monitored {
    history: History,
    /// The cache's status in the latest sample.
    status: HealthStatus,
}

/// The thresholds of a manager, and of the caches that have their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Thresholds {
    pub(crate) common: HealthThresholds,
    pub(crate) own: HashMap<String, HealthThresholds>,
}

impl Thresholds {
    pub(crate) fn of(&self, cache: &str) -> &HealthThresholds {
        self.own.get(cache).unwrap_or(&self.common)
    }
}

impl Monitor {
    pub(crate) fn new(clock: Clock, interval: Duration, thresholds: Thresholds) -> Self {
        let state = State {
            caches: HashMap::new(),
            thresholds,
            status: HealthStatus::Ok,
            due: None,
            late: Duration::ZERO,
        };
        Self { clock, interval, state: Mutex::new(state), meters: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent at each step that may panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn begin(&self, cache: &CacheSample) {
        self.state().monitored(&self.clock, self.interval, cache);
    }

    /// Notes that a thread makes passes from now on.
    pub(crate) fn expect_passes(&self) {
        self.state().due = Some(self.clock.now());
    }

    /// Notes that no thread makes passes.
    pub(crate) fn expect_none(&self) {
        self.state().due = None;
    }

    /// Takes a sample for the thread. Returns when the next one is due.
    pub(crate) fn pass(&self, observe: &dyn Fn() -> Observation) -> u64 {
        let mut state = self.state();
        // A manual clock that is advanced makes no pass late.
        if self.clock.runs() {
            state.late = state.due.map_or(Duration::ZERO, |due| self.since(due));
        }
        let next = self.clock.deadline_after(self.interval);
        state.due = Some(next);
        drop(state);
        self.sample(observe);
        next
    }

    /// Takes a sample and reports it.
    pub(crate) fn sample(&self, observe: &dyn Fn() -> Observation) {
        let mut state = self.state();
        let observation = observe();
        let now = self.clock.instant(self.clock.now());
        for cache in &observation.caches {
            let monitored = state.monitored(&self.clock, self.interval, cache);
            monitored.history.record(now, cache.unforced());
        }
        let health = self.judge(&state, &observation, now);
        let changes = state.note(&health);
        drop(state);
        for change in changes {
            let (cache, status, findings) = match change {
                StatusChange::Cache(i) => {
                    let cache = &health.caches[i];
                    (Some(cache.name.as_str()), cache.status, &cache.findings)
                }
                StatusChange::Manager => (None, health.status, &health.findings),
            };
            telemetry::health_changed(cache, status, findings);
        }
        let mut meters = match self.meters.try_lock() {
            Ok(meters) => meters,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Another thread publishes at this moment.
            Err(TryLockError::WouldBlock) => return,
        };
        meters.publish(&observation.caches);
    }

    pub(crate) fn performance(&self, observe: &dyn Fn() -> Observation) -> Performance {
        let mut state = self.state();
        let caches = observe().caches;
        let now = self.clock.instant(self.clock.now());
        let (mut each, mut all) = (Vec::new(), Vec::new());
        for cache in caches {
            let history = &state.monitored(&self.clock, self.interval, &cache).history;
            let windowed =
                Windowed::new(cache.stats, |length| history.last(length, now, cache.unforced()));
            each.push(CachePerformance { windows: Windows::of_one(&windowed), name: cache.name });
            all.push(windowed);
        }
        Performance::of(each, &all)
    }

    pub(crate) fn health(&self, observe: &dyn Fn() -> Observation) -> Health {
        let mut state = self.state();
        let observation = observe();
        for cache in &observation.caches {
            state.monitored(&self.clock, self.interval, cache);
        }
        self.judge(&state, &observation, self.clock.instant(self.clock.now()))
    }

    /// Judges the caches, each of which has a history by now.
    fn judge(&self, state: &State, observation: &Observation, now: Instant) -> Health {
        let judged = observation.caches.iter().filter_map(|cache| {
            let thresholds = state.thresholds.of(&cache.name);
            let history = &state.caches.get(&cache.name)?.history;
            let window = history.last(thresholds.window, now, cache.unforced());
            Some(health::of_cache(&cache.name, cache.capacity, &window, thresholds))
        });
        let late = state.due.map(|due| state.late.max(self.since(due)));
        let findings = health::of_process(observation.memory, late, &state.thresholds.common);
        Health::new(findings, judged.collect())
    }

    /// Returns how long ago `time` was; zero if it is in the future.
    fn since(&self, time: u64) -> Duration {
        self.clock.between(time, self.clock.now())
    }

    pub(crate) fn thresholds(&self) -> Thresholds {
        self.state().thresholds.clone()
    }

    /// Changes the thresholds. Returns whether any is different.
    #[cfg(feature = "config")]
    pub(crate) fn change_thresholds(&self, change: impl FnOnce(&mut Thresholds)) -> bool {
        let mut state = self.state();
        let before = state.thresholds.clone();
        change(&mut state.thresholds);
        state.thresholds != before
    }

    /// Sets the thresholds of a cache, or of the manager if `cache` is `None`.
    pub(crate) fn set_thresholds(&self, cache: Option<&str>, thresholds: HealthThresholds) {
        let mut state = self.state();
        match cache {
            Some(cache) => _ = state.thresholds.own.insert(cache.to_owned(), thresholds),
            None => state.thresholds.common = thresholds,
        }
    }
}

/// What has another status than in the sample before.
#[derive(Clone, Copy, Debug)]
enum StatusChange {
    Cache(usize),
    Manager,
}

impl State {
    /// Returns a cache's history and status; starts them if the cache is new.
    fn monitored(
        &mut self,
        clock: &Clock,
        interval: Duration,
        cache: &CacheSample,
    ) -> &mut Monitored {
        self.caches.entry(cache.name.clone()).or_insert_with(|| Monitored {
            history: History::new(interval, clock.instant(clock.now()), cache.unforced()),
            status: HealthStatus::Ok,
        })
    }

    /// Stores every status. Returns those that have changed.
    fn note(&mut self, health: &Health) -> Vec<StatusChange> {
        let mut changes = Vec::new();
        for (i, CacheHealth { name, status, .. }) in health.caches.iter().enumerate() {
            if let Some(monitored) = self.caches.get_mut(name)
                && std::mem::replace(&mut monitored.status, *status) != *status
            {
                changes.push(StatusChange::Cache(i));
            }
        }
        if std::mem::replace(&mut self.status, health.status) != health.status {
            changes.push(StatusChange::Manager);
        }
        changes
    }
}
