//! What time it is, and whether a deadline is past.
//!
//! Times are numbers of *units* since the clock's origin, which itself counts as 1. Two numbers are
//! not times: [`DEAD`] and [`NEVER`]. The units of the system's clock are milliseconds. Those of a
//! manual clock are nanoseconds, so that nothing is rounded and a test sees things happen at the
//! instant that it names.
//!
//! The system's clock is the kernel's coarse one, if there is one that is fine enough: it lags
//! behind by up to its granule, and takes a quarter of the time to read. Deadlines are set a
//! granule later because of that, so nothing expires early. An entry may expire late: by that
//! granule, and by as much again, since the clock lags when the deadline is checked. A cache whose
//! listener waits for expired entries sets deadlines by the exact clock, and its maintenance checks
//! by that; reads still check by the coarse one.

pub(crate) mod lease;
mod manual;
pub(crate) mod scale;
pub(crate) mod system;

pub use manual::ManualClock;

use scale::Scale;
use std::{
    fmt,
    time::{Duration, Instant},
};
use system::System;

/// A deadline that is always past.
pub(crate) const DEAD: u64 = 0;
/// Another deadline that is always past: the time of a clock's origin.
pub(crate) const PAST: u64 = ORIGIN;
/// A deadline that is never past.
pub(crate) const NEVER: u64 = u64::MAX;

/// The time of a clock's origin.
const ORIGIN: u64 = 1;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// The clock of a cache: the system's clock, or a [`ManualClock`] for tests.
///
/// The system's clock is monotonic, and every lookup of an entry that can expire goes by what the
/// clock says, or said less than a millisecond ago: nothing expires early, and nothing later than
/// 10 ms after its time, even if the process was stopped meanwhile. On Linux the clock is the
/// kernel's coarse one, which advances with the kernel's tick; if a virtual machine gets no
/// processor for its ticks, that time is added to the 10 ms. While the machine is suspended, the
/// clock stands still.
///
/// ```
/// use larder::{Clock, ManualClock};
///
/// assert_eq!(format!("{:?}", Clock::default()), "Clock(System)");
/// let manual = ManualClock::new();
/// assert_eq!(format!("{:?}", Clock::from(&manual)), "Clock(Manual(0ns))");
/// ```
#[derive(Clone, Default)]
pub struct Clock(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    System,
    /// The system's clock, read exactly, except where deadlines are judged.
    Exact,
    Manual(ManualClock),
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self(Source::Manual(clock))
    }
}

impl From<&ManualClock> for Clock {
    fn from(clock: &ManualClock) -> Self {
        clock.clone().into()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::System | Source::Exact => f.write_str("Clock(System)"),
            Source::Manual(clock) => {
                write!(f, "Clock(Manual({:?}))", Duration::from_nanos(clock.nanos()))
            }
        }
    }
}

/// What a clock said, in nanoseconds since its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading(u64);

impl Reading {
    pub(crate) fn nanos(self) -> u64 {
        self.0
    }
}

/// What a clock says of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeadlineState {
    Past,
    /// The deadline is not past. With what [`Clock::read`] would have returned, if the clock was
    /// read.
    Live(Option<Reading>),
}

/// The time that is left until a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    Past,
    /// The deadline is past after that long, in the clock's own time.
    In(Duration),
    Never,
}

impl Clock {
    /// Returns whether the deadline is past.
    pub(crate) fn is_past(&self, deadline: u64) -> bool {
        self.judge(deadline) == DeadlineState::Past
    }

    /// Returns whether the deadline is past, with what the clock said.
    ///
    /// One compare for [`NEVER`], and one look at the clock for all others. No word that a thread
    /// keeps up to date stands in for the clock: that thread, or the process, may be stopped at any
    /// time.
    #[inline(always)]
    pub(crate) fn judge(&self, deadline: u64) -> DeadlineState {
        if deadline == NEVER {
            return DeadlineState::Live(None);
        }
        let (time, reading) = match &self.0 {
            Source::System => {
                let nanos = System::nanos();
                (millis(nanos), Some(Reading(nanos)))
            }
            Source::Exact => (millis(System::nanos()), None),
            Source::Manual(clock) => {
                let nanos = clock.nanos();
                (nanos + ORIGIN, Some(Reading(nanos)))
            }
        };
        if time >= deadline { DeadlineState::Past } else { DeadlineState::Live(reading) }
    }

    /// Returns how long the clock has run since its origin, as exactly as the clock decides when
    /// entries expire. O(1).
    ///
    /// The origin of the system's clock is some time before its first use. This call takes fewer
    /// instructions than [`Instant::now`].
    ///
    /// ```
    /// use larder::{Clock, ManualClock};
    /// use std::time::Duration;
    ///
    /// let manual = ManualClock::new();
    /// let clock = Clock::from(&manual);
    /// let before = clock.elapsed();
    /// manual.advance(Duration::from_secs(90));
    /// assert_eq!(clock.elapsed() - before, Duration::from_secs(90));
    /// ```
    #[inline]
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    /// Returns what the clock says, which is never later than the true time.
    pub(crate) fn read(&self) -> Reading {
        Reading(self.nanos())
    }

    /// Returns the time of a reading, in units.
    #[inline]
    pub(crate) fn time(&self, reading: Reading) -> u64 {
        match &self.0 {
            Source::System | Source::Exact => millis(reading.nanos()),
            Source::Manual(_) => reading.nanos() + ORIGIN,
        }
    }

    /// Returns the present time, in units.
    pub(crate) fn now(&self) -> u64 {
        self.time(self.read())
    }

    /// Returns whether hits may go by a lease instead of this clock: see `lease.rs`.
    pub(crate) fn gives_leases(&self) -> bool {
        self.runs() && lease::is_trusted()
    }

    /// Gives this thread another lease if its lease is over, and this clock gives leases.
    pub(crate) fn renew_lease(&self) {
        if self.gives_leases() && lease::is_over() {
            // By the coarse clock, also for a clock that is otherwise read exactly: deadlines are
            // judged by it.
            lease::renew(|| millis(System::nanos()));
        }
    }

    /// Returns what a wheel by this clock counts in.
    pub(crate) fn scale(&self) -> Scale {
        if self.runs() { Scale::MILLIS } else { Scale::NANOS }
    }

    /// Returns by how much a deadline has to move for a read to write it, in units.
    pub(crate) fn idle_granule(&self) -> u64 {
        u64::from(self.runs())
    }

    /// Returns the time of the exact clock at which this clock has come to `time` at the latest.
    pub(crate) fn surely(&self, time: u64) -> u64 {
        time.saturating_add(self.granule().div_ceil(self.unit()))
    }

    /// Returns whether both are the same clock.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Source::System, Source::System) | (Source::Exact, Source::Exact) => true,
            (Source::Manual(one), Source::Manual(other)) => one.is(other),
            _ => false,
        }
    }

    /// Returns a duration in units, rounded up; [`NEVER`] if there are more than can be counted.
    pub(crate) fn units(&self, duration: Duration) -> u64 {
        match u64::try_from(duration.as_nanos()) {
            Ok(nanos) if !self.runs() => nanos,
            Ok(nanos) => nanos.div_ceil(NANOS_PER_MILLI),
            Err(_) => {
                u64::try_from(duration.as_nanos().div_ceil(self.unit().into())).unwrap_or(NEVER)
            }
        }
    }

    /// Returns the duration from one time to another; zero if the other is not later.
    pub(crate) fn between(&self, from: u64, to: u64) -> Duration {
        self.duration(to.saturating_sub(from))
    }

    fn duration(&self, units: u64) -> Duration {
        if self.runs() { Duration::from_millis(units) } else { Duration::from_nanos(units) }
    }

    /// Returns the number of nanoseconds per unit.
    fn unit(&self) -> u64 {
        if self.runs() { NANOS_PER_MILLI } else { 1 }
    }

    /// Returns a deadline that is past soon after `duration` is over, and not before. A duration of
    /// zero gives a deadline that is past at once; one that ends beyond the range of times gives
    /// [`NEVER`].
    pub(crate) fn deadline_after(&self, duration: Duration) -> u64 {
        self.deadline_from(self.read(), duration)
    }

    /// Returns a deadline like [`Clock::deadline_after`], from a reading.
    pub(crate) fn deadline_from(&self, now: Reading, duration: Duration) -> u64 {
        match u64::try_from(duration.as_nanos()) {
            Ok(nanos) => self.deadline_in(now, nanos),
            Err(_) => self.far_deadline(now, duration.as_nanos()),
        }
    }

    /// Returns a deadline like [`Clock::deadline_from`], for a duration in nanoseconds.
    #[inline]
    pub(crate) fn deadline_in(&self, now: Reading, nanos: u64) -> u64 {
        if nanos == 0 {
            return self.just_past(now);
        }
        let latest_now = now.nanos().saturating_add(self.granule());
        // In 64 bits if they are enough: a division of 128 bits takes longer than all the rest.
        if nanos >= u64::MAX - latest_now {
            return self.far_deadline(now, nanos.into());
        }
        let nanos = latest_now + nanos;
        if self.runs() { nanos.div_ceil(NANOS_PER_MILLI) + ORIGIN } else { nanos + ORIGIN }
    }

    #[cold]
    fn far_deadline(&self, now: Reading, nanos: u128) -> u64 {
        let latest_now = now.nanos().saturating_add(self.granule());
        let nanos = u128::from(latest_now) + nanos;
        u64::try_from(nanos.div_ceil(self.unit().into()))
            .map_or(NEVER, |units| units.saturating_add(ORIGIN))
    }

    /// Returns by how much a deadline is later than the time from which it was computed, in units.
    pub(crate) fn span(&self, duration: Duration) -> u64 {
        self.units(duration.saturating_add(Duration::from_nanos(self.granule())))
    }

    /// Returns a time that is past by every clock.
    #[cold]
    fn just_past(&self, now: Reading) -> u64 {
        match &self.0 {
            Source::Exact => millis(System::nanos()),
            Source::System | Source::Manual(_) => self.time(now),
        }
    }

    /// Returns the same clock without the lag, for caches whose listener has to hear of expired
    /// entries soon. A reading takes 20 ns longer.
    pub(crate) fn exact(self) -> Self {
        match self.0 {
            Source::System | Source::Exact => Self(Source::Exact),
            Source::Manual(clock) => Self(Source::Manual(clock)),
        }
    }

    /// Returns the time that is left until the deadline.
    pub(crate) fn until(&self, deadline: u64) -> Until {
        let now = self.read();
        if deadline == NEVER {
            Until::Never
        } else if self.time(now) >= deadline {
            Until::Past
        } else {
            // Not past, so it is later than now.
            let lags = Duration::from_nanos(self.granule());
            let deadline = self.duration(deadline - ORIGIN);
            Until::In(deadline + lags - Duration::from_nanos(now.nanos()))
        }
    }

    /// Returns a time of this clock as an [`Instant`]. For a manual clock, that is the instant of
    /// its creation plus what the clock has been advanced by.
    pub(crate) fn instant(&self, time: u64) -> Instant {
        let origin = match &self.0 {
            Source::System | Source::Exact => System::get().origin,
            Source::Manual(clock) => clock.origin(),
        };
        let since = self.duration(time.saturating_sub(ORIGIN));
        // If instants do not reach that far, 136 years are as good.
        origin.checked_add(since).unwrap_or(origin + Duration::from_secs(u32::MAX.into()))
    }

    /// Returns whether deadlines pass by waiting. Those of a manual clock pass only when it is
    /// advanced.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.0, Source::System | Source::Exact)
    }

    #[inline]
    fn nanos(&self) -> u64 {
        match &self.0 {
            Source::System => System::nanos(),
            Source::Exact => System::get().exact_nanos(),
            Source::Manual(clock) => clock.nanos(),
        }
    }

    /// Returns by how much the clock may lag behind the true time, in nanoseconds.
    #[inline]
    fn granule(&self) -> u64 {
        match &self.0 {
            Source::System => System::get().granule,
            Source::Exact | Source::Manual(_) => 0,
        }
    }
}

fn millis(nanos: u64) -> u64 {
    nanos / NANOS_PER_MILLI + ORIGIN
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
