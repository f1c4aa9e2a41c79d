//! A clock for tests, which the test advances.

use crate::{
    process::maintenance,
    sync::{Arc, AtomicU64, Ordering::Relaxed},
};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// The end of a manual clock's time, in nanoseconds: 438 years. The wheel has no slots beyond it.
const END: u64 = 3 << 62;

/// A clock that stands still until it is advanced, to test expiry without waiting.
///
/// Clones are the same clock. Caches that share one see the same time.
///
/// ```
/// use larder::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// clock.clone().advance(Duration::from_secs(90));
/// assert_eq!(format!("{clock:?}"), "ManualClock(90s)");
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<Manual>);

struct Manual {
    origin: Instant,
    nanos: AtomicU64,
}

impl ManualClock {
    /// Returns a clock that stands at its origin.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Manual { origin: Instant::now(), nanos: AtomicU64::new(0) }))
    }

    /// Moves the time forward. The clock stops 438 years after its origin.
    ///
    /// Every lookup from now on goes by the new time, to the nanosecond. The maintenance thread is
    /// woken, and removes expired entries some time later; `run_pending_tasks` removes them before
    /// it returns. O(1).
    ///
    /// ```
    /// use larder::{Cache, Maintenance, ManualClock};
    /// use std::time::Duration;
    ///
    /// let (clock, minute) = (ManualClock::new(), Duration::from_secs(60));
    /// let builder = Cache::builder().max_capacity(10).time_to_live(minute);
    /// let cache = builder.clock(&clock).maintenance(Maintenance::Manual).build();
    /// cache.insert(1, "one");
    /// clock.advance(minute - Duration::from_nanos(1));
    /// assert_eq!(cache.get(&1), Some("one"));
    /// clock.advance(Duration::from_nanos(1));
    /// cache.run_pending_tasks();
    /// assert_eq!(cache.stats().expirations, 1);
    /// ```
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let mut nanos = self.nanos();
        let later = |nanos: u64| nanos.saturating_add(by).min(END);
        // Relaxed: a number, and nothing else is learned from it. The fence in `Alarm::ask` orders
        // it for the timer.
        while let Err(now) =
            self.0.nanos.compare_exchange_weak(nanos, later(nanos), Relaxed, Relaxed)
        {
            nanos = now;
        }
        maintenance::time_has_jumped();
    }

    /// Returns by how much the clock has been moved forward. O(1).
    ///
    /// ```
    /// use larder::ManualClock;
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// clock.advance(Duration::from_secs(90));
    /// assert_eq!(clock.elapsed(), Duration::from_secs(90));
    /// ```
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    pub(super) fn nanos(&self) -> u64 {
        self.0.nanos.load(Relaxed)
    }

    /// Returns the instant at which the clock was made.
    pub(super) fn origin(&self) -> Instant {
        self.0.origin
    }

    /// Returns whether both are the same clock.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({:?})", Duration::from_nanos(self.nanos()))
    }
}
