//! What time it is for stored responses.

use larder::ManualClock;
use std::time::{Duration, Instant, SystemTime};

/// A clock that does not go back, and the time of day.
#[derive(Clone, Debug)]
pub(crate) struct Time {
    started: Instant,
    /// The time of day when it was made, for a manual clock.
    day: SystemTime,
    manual: Option<ManualClock>,
}

/// A time since the clock was made, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Time {
    pub(crate) fn new(manual: Option<ManualClock>) -> Self {
        Self { started: Instant::now(), day: SystemTime::now(), manual }
    }

    fn elapsed(&self) -> Duration {
        match &self.manual {
            None => self.started.elapsed(),
            Some(clock) => clock.elapsed(),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        Moment(u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The time of day, by which servers date what they send.
    pub(crate) fn day(&self) -> SystemTime {
        match &self.manual {
            None => SystemTime::now(),
            Some(clock) => self.day + clock.elapsed(),
        }
    }
}

impl Moment {
    /// Whole seconds since `earlier`.
    pub(crate) fn seconds_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }

    pub(crate) fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }

    pub(crate) fn to_millis(self) -> u64 {
        self.0
    }
}
