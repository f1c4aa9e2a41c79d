//! The clock of the process: the kernel's coarse clock, or [`Instant`] where there is none.

use super::{NANOS_PER_MILLI, lease};
use crate::{
    process::fork,
    sync::{Ordering::Relaxed, StaticBool},
};
use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

/// The greatest granule with which a coarse clock is used, in nanoseconds.
const COARSEST: u64 = 4 * NANOS_PER_MILLI;

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
pub(super) struct System {
    pub(super) origin: Instant,
    pub(super) granule: u64,
    coarse: bool,
}

impl System {
    #[inline]
    pub(super) fn get() -> &'static Self {
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
    pub(super) fn nanos() -> u64 {
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

    pub(super) fn exact_nanos(&self) -> u64 {
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
