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
pub(crate) mod scale;

use crate::{
    process::{fork, maintenance},
    sync::{Arc, AtomicU64, Ordering::Relaxed, StaticBool},
};
use scale::Scale;
use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// A deadline that is always past.
pub(crate) const DEAD: u64 = 0;
/// Another deadline that is always past: the time of a clock's origin.
pub(crate) const PAST: u64 = ORIGIN;
/// A deadline that is never past.
pub(crate) const NEVER: u64 = u64::MAX;

/// The time of a clock's origin.
const ORIGIN: u64 = 1;
const NANOS_PER_MILLI: u64 = 1_000_000;
/// The end of a manual clock's time, in nanoseconds: 438 years. The wheel has no slots beyond it.
const END: u64 = 3 << 62;
/// The greatest granule with which a coarse clock is used, in nanoseconds.
const COARSEST: u64 = 4 * NANOS_PER_MILLI;

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

    fn nanos(&self) -> u64 {
        self.0.nanos.load(Relaxed)
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
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

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({:?})", Duration::from_nanos(self.nanos()))
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
pub(crate) enum Verdict {
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
        self.judge(deadline) == Verdict::Past
    }

    /// Returns whether the deadline is past, with what the clock said.
    ///
    /// One compare for [`NEVER`], and one look at the clock for all others. No word that a thread
    /// keeps up to date stands in for the clock: that thread, or the process, may be stopped at any
    /// time.
    #[inline(always)]
    pub(crate) fn judge(&self, deadline: u64) -> Verdict {
        if deadline == NEVER {
            return Verdict::Live(None);
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
        if time >= deadline { Verdict::Past } else { Verdict::Live(reading) }
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

    /// Gives this thread a lease.
    pub(crate) fn renew_lease(&self) {
        debug_assert!(self.runs(), "a lease says what the system's clock says");
        // By the coarse clock, also for a clock that is otherwise read exactly: deadlines are
        // judged by it.
        lease::renew(|| millis(System::nanos()));
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
            (Source::Manual(one), Source::Manual(other)) => Arc::ptr_eq(&one.0, &other.0),
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
            Source::Manual(clock) => clock.0.origin,
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

/// Whether the coarse clock exists and this process has caught up (`fork.rs`), so that a lookup
/// only has to read it. Relaxed: no other memory is read because of it, and a child of `fork`
/// begins with one thread, whose handler has written it.
static TRUSTED: StaticBool = StaticBool::new(false);

/// Makes the next lookup notice that this is another process, and ends this thread's lease.
#[cfg_attr(any(not(unix), larder_loom, miri), allow(dead_code, reason = "no fork is noted"))]
pub(crate) fn distrust() {
    TRUSTED.store(false, Relaxed);
    lease::end();
}

/// The clock of the process.
struct System {
    origin: Instant,
    granule: u64,
    coarse: bool,
}

impl System {
    #[inline]
    fn get() -> &'static Self {
        static SYSTEM: OnceLock<System> = OnceLock::new();
        SYSTEM.get_or_init(|| Self::coarse().unwrap_or_else(Self::precise))
    }

    fn precise() -> Self {
        Self { origin: Instant::now(), granule: 0, coarse: false }
    }

    /// Returns the coarse clock, if there is one that is fine enough.
    fn coarse() -> Option<Self> {
        let granule = coarse::granule().filter(|granule| *granule <= COARSEST)?;
        let origin = Instant::now().checked_sub(Duration::from_nanos(coarse::precise_nanos()?))?;
        Some(Self { origin, granule, coarse: true })
    }

    #[inline]
    fn nanos() -> u64 {
        if TRUSTED.load(Relaxed)
            && let Some(nanos) = coarse::nanos()
        {
            return nanos;
        }
        Self::nanos_for_once()
    }

    /// Reads the clock the first time in a process, and each time if there is no coarse clock.
    #[cold]
    fn nanos_for_once() -> u64 {
        fork::catch_up();
        let system = Self::get();
        TRUSTED.store(system.coarse, Relaxed);
        // It has been read before, so this does not fail.
        if system.coarse
            && let Some(nanos) = coarse::nanos()
        {
            return nanos;
        }
        system.elapsed()
    }

    fn exact_nanos(&self) -> u64 {
        if self.coarse
            && let Some(nanos) = coarse::precise_nanos()
        {
            return nanos;
        }
        self.elapsed()
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The kernel's coarse clock: the time that the kernel noted at its last tick.
#[cfg(all(target_os = "linux", not(miri)))]
mod coarse {
    use crate::process::sys::{
        CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, Timespec, clock_getres, clock_gettime,
    };
    use std::ffi::c_int;

    #[inline]
    fn read(call: impl FnOnce(*mut Timespec) -> c_int) -> Option<u64> {
        let mut time = Timespec { tv_sec: 0, tv_nsec: 0 };
        if call(&raw mut time) != 0 {
            return None;
        }
        // Neither is negative. A `try_from` would take 1 ns of 6.
        Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }

    #[inline]
    pub(crate) fn nanos() -> Option<u64> {
        // SAFETY: `read` passes a pointer to a `Timespec` on its stack, which the call may write.
        read(|time| unsafe { clock_gettime(CLOCK_MONOTONIC_COARSE, time) })
    }

    /// Returns by how much [`nanos`] may be behind, in nanoseconds.
    pub(crate) fn granule() -> Option<u64> {
        // SAFETY: `read` passes a pointer to a `Timespec` on its stack, which the call may write.
        read(|time| unsafe { clock_getres(CLOCK_MONOTONIC_COARSE, time) })
    }

    /// Returns the true time, from the same origin.
    pub(crate) fn precise_nanos() -> Option<u64> {
        // SAFETY: `read` passes a pointer to a `Timespec` on its stack, which the call may write.
        read(|time| unsafe { clock_gettime(CLOCK_MONOTONIC, time) })
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod coarse {
    pub(crate) fn nanos() -> Option<u64> {
        None
    }

    pub(crate) fn granule() -> Option<u64> {
        None
    }

    pub(crate) fn precise_nanos() -> Option<u64> {
        None
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
