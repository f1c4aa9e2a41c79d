//! Looks at the manager's caches now and then: for the windows of `performance()`, for health, and
//! for whoever is told. Nothing of it is on the path of an operation.
//!
//! The maintenance thread passes it each interval; with [`Maintenance::Manual`](crate::Maintenance)
//! it is the user. No user code runs under the lock: a recorder or a subscriber may ask the manager
//! whatever it likes.

use super::{
    health::{self, CacheHealth, Health, HealthStatus, HealthThresholds},
    memory::Utilization,
    performance::{CachePerformance, Performance, Windowed, Windows},
    telemetry::{self, Meters, Seen},
    window::History,
};
use crate::Clock;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
    time::{Duration, Instant},
};

/// How often caches are looked at, if nothing else is said.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// What is to be seen at one moment.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) caches: Vec<Seen>,
    /// As it was when the memory was last sampled.
    pub(super) memory: Option<Utilization>,
}

#[derive(Debug)]
pub(super) struct Monitor {
    clock: Clock,
    interval: Duration,
    state: Mutex<State>,
    meters: Mutex<Meters>,
}

#[derive(Debug)]
struct State {
    caches: HashMap<String, Watched>,
    thresholds: Thresholds,
    /// Of the manager, when it was last looked at.
    status: HealthStatus,
    /// When the thread is to come, if there is one.
    due: Option<u64>,
    /// How late it was when it came last.
    late: Duration,
}

#[derive(Debug)]
struct Watched {
    history: History,
    /// When it was last looked at.
    status: HealthStatus,
}

/// The manager's, and of those caches that have their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Thresholds {
    pub(super) common: HealthThresholds,
    pub(super) own: HashMap<String, HealthThresholds>,
}

impl Thresholds {
    pub(super) fn of(&self, cache: &str) -> &HealthThresholds {
        self.own.get(cache).unwrap_or(&self.common)
    }
}

impl Monitor {
    pub(super) fn new(clock: Clock, interval: Duration, thresholds: Thresholds) -> Self {
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
        // Nothing in it is half done between two steps that may panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A cache is new: its windows begin now.
    pub(super) fn begin(&self, cache: &Seen) {
        self.state().watched(&self.clock, self.interval, cache);
    }

    /// From now on the thread comes by itself.
    pub(super) fn expect_passes(&self) {
        self.state().due = Some(self.clock.now());
    }

    /// There is no thread.
    pub(super) fn expect_none(&self) {
        self.state().due = None;
    }

    /// The thread has come; when it is to come again.
    pub(super) fn pass(&self, look: &dyn Fn() -> Look) -> u64 {
        let mut state = self.state();
        // A manual clock that was set forward makes no pass late.
        if self.clock.runs() {
            state.late = state.due.map_or(Duration::ZERO, |due| self.since(due));
        }
        let next = self.clock.deadline_after(self.interval);
        state.due = Some(next);
        drop(state);
        self.sample(look);
        next
    }

    /// Looks at the caches, and tells what there is to tell.
    pub(super) fn sample(&self, look: &dyn Fn() -> Look) {
        let mut state = self.state();
        let seen = look();
        let now = self.clock.instant(self.clock.now());
        for cache in &seen.caches {
            state.watched(&self.clock, self.interval, cache).history.record(now, cache.unforced());
        }
        let health = self.judge(&state, &seen, now);
        let changes = state.note(&health);
        drop(state);
        for change in changes {
            let (cache, status, findings) = match change {
                Change::Cache(i) => {
                    let cache = &health.caches[i];
                    (Some(cache.name.as_str()), cache.status, &cache.findings)
                }
                Change::Manager => (None, health.status, &health.findings),
            };
            telemetry::health_changed(cache, status, findings);
        }
        let mut meters = match self.meters.try_lock() {
            Ok(meters) => meters,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody is at it.
            Err(TryLockError::WouldBlock) => return,
        };
        meters.publish(&seen.caches);
    }

    pub(super) fn performance(&self, look: &dyn Fn() -> Look) -> Performance {
        let mut state = self.state();
        let caches = look().caches;
        let now = self.clock.instant(self.clock.now());
        let (mut each, mut all) = (Vec::new(), Vec::new());
        for cache in caches {
            let history = &state.watched(&self.clock, self.interval, &cache).history;
            let windowed =
                Windowed::new(cache.stats, |length| history.last(length, now, cache.unforced()));
            each.push(CachePerformance { windows: Windows::of_one(&windowed), name: cache.name });
            all.push(windowed);
        }
        Performance::of(each, &all)
    }

    pub(super) fn health(&self, look: &dyn Fn() -> Look) -> Health {
        let mut state = self.state();
        let seen = look();
        for cache in &seen.caches {
            state.watched(&self.clock, self.interval, cache);
        }
        self.judge(&state, &seen, self.clock.instant(self.clock.now()))
    }

    /// All of the caches are watched by now.
    fn judge(&self, state: &State, seen: &Look, now: Instant) -> Health {
        let judged = seen.caches.iter().filter_map(|cache| {
            let thresholds = state.thresholds.of(&cache.name);
            let history = &state.caches.get(&cache.name)?.history;
            let window = history.last(thresholds.window, now, cache.unforced());
            Some(health::of_cache(&cache.name, cache.capacity, &window, thresholds))
        });
        let late = state.due.map(|due| state.late.max(self.since(due)));
        let findings = health::of_process(seen.memory, late, &state.thresholds.common);
        Health::new(findings, judged.collect())
    }

    /// How long ago that time was; zero if it is still to come.
    fn since(&self, time: u64) -> Duration {
        self.clock.between(time, self.clock.now())
    }

    pub(super) fn thresholds(&self) -> Thresholds {
        self.state().thresholds.clone()
    }

    /// All thresholds from now on; whether that changes any.
    #[cfg(feature = "config")]
    pub(super) fn change_thresholds(&self, change: impl FnOnce(&mut Thresholds)) -> bool {
        let mut state = self.state();
        let before = state.thresholds.clone();
        change(&mut state.thresholds);
        state.thresholds != before
    }

    /// The thresholds of a cache, or of the manager, from now on.
    pub(super) fn set_thresholds(&self, cache: Option<&str>, thresholds: HealthThresholds) {
        let mut state = self.state();
        match cache {
            Some(cache) => _ = state.thresholds.own.insert(cache.to_owned(), thresholds),
            None => state.thresholds.common = thresholds,
        }
    }
}

/// Whose health is not as it was.
#[derive(Clone, Copy, Debug)]
enum Change {
    Cache(usize),
    Manager,
}

impl State {
    fn watched(&mut self, clock: &Clock, interval: Duration, cache: &Seen) -> &mut Watched {
        self.caches.entry(cache.name.clone()).or_insert_with(|| Watched {
            history: History::new(interval, clock.instant(clock.now()), cache.unforced()),
            status: HealthStatus::Ok,
        })
    }

    /// Remembers how well everything is; what is otherwise than before.
    fn note(&mut self, health: &Health) -> Vec<Change> {
        let mut changes = Vec::new();
        for (i, CacheHealth { name, status, .. }) in health.caches.iter().enumerate() {
            if let Some(watched) = self.caches.get_mut(name)
                && std::mem::replace(&mut watched.status, *status) != *status
            {
                changes.push(Change::Cache(i));
            }
        }
        if std::mem::replace(&mut self.status, health.status) != health.status {
            changes.push(Change::Manager);
        }
        changes
    }
}
