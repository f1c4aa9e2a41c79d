//! What time it is for stored responses.

use larder::{Clock, ManualClock};
use std::time::{Duration, SystemTime};

/// A clock that does not go back, and the time of day.
#[derive(Clone, Debug)]
pub(crate) struct Time {
    clock: Clock,
    /// A manual clock, and the time of day when this was made.
    manual: Option<(ManualClock, SystemTime)>,
}

/// A time since the clock's origin, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

impl Time {
    pub(crate) fn new(manual: Option<ManualClock>) -> Self {
        let clock = manual.as_ref().map_or_else(Clock::default, Clock::from);
        Self { clock, manual: manual.map(|clock| (clock, SystemTime::now())) }
    }

    #[inline]
    pub(crate) fn now(&self) -> Moment {
        let elapsed = self.clock.elapsed();
        // Not `as_millis`, which counts in 128 bits.
        let millis = elapsed.as_secs().saturating_mul(1000);
        Moment(millis.saturating_add(u64::from(elapsed.subsec_millis())))
    }

    /// The time of day, by which servers date what they send.
    pub(crate) fn day(&self) -> SystemTime {
        match &self.manual {
            None => SystemTime::now(),
            Some((clock, day)) => *day + clock.elapsed(),
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
