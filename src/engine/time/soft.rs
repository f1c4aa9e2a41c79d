//! The softer times of an entry: what it is before it expires.
//!
//! Caches with rules for refreshes, views and cached functions share this. An entry is *fresh*, then
//! perhaps *due*, and *stale* past its soft time, until it expires. Where the times are kept differs:
//! the engine derives them from when an entry was written (`load/refresh.rs`), the values of the
//! manager's caches have them beside the value. An entry that was invalidated is not stale: it is
//! gone.

#[cfg(feature = "macros")]
use crate::engine::time::options::TimeOptions;
use crate::process::clock::Clock;
#[cfg(feature = "manager")]
use crate::sync::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Returns until when a failed refresh is not tried again: for a second, or for the age from which
/// the entry is due, if that is shorter.
pub(crate) fn rested_until(clock: &Clock, refresh_after: Option<Duration>) -> u64 {
    const REST: Duration = Duration::from_secs(1);
    clock.deadline_after(refresh_after.map_or(REST, |after| REST.min(after)))
}

/// How old a value is, compared with the soft times of its [`View`](crate::manager::View).
///
/// Lookups return values of any freshness until they expire.
/// [`View::get_aged`](crate::manager::View::get_aged) returns the freshness as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(not(feature = "manager"), allow(unreachable_pub, reason = "the manager exports it"))]
pub enum Freshness {
    /// Before the soft times of the view.
    Fresh,
    /// Past [`with_refresh`](crate::manager::View::with_refresh): to be loaded again in the
    /// background.
    Due,
    /// Past [`with_soft_ttl`](crate::manager::View::with_soft_ttl): to be used only if no newer
    /// value can be had.
    Stale,
}

impl Freshness {
    /// Returns how good an entry is that is due and stale from these times of the clock.
    pub(crate) fn of(clock: &Clock, stale_at: u64, due_at: u64) -> Self {
        if clock.is_past(stale_at) {
            Self::Stale
        } else if clock.is_past(due_at) {
            Self::Due
        } else {
            Self::Fresh
        }
    }
}

/// The softer times of one entry, as times of its cache's clock.
#[cfg(feature = "manager")]
#[derive(Debug)]
pub(crate) struct Moments {
    stale_at: u64,
    due_at: AtomicU64,
}

#[cfg(feature = "manager")]
impl Moments {
    pub(crate) fn new(stale_at: u64, due_at: u64) -> Self {
        Self { stale_at, due_at: AtomicU64::new(due_at) }
    }

    pub(crate) fn freshness(&self, clock: &Clock) -> Freshness {
        // Relaxed: a time, which orders nothing.
        Freshness::of(clock, self.stale_at, self.due_at.load(Relaxed))
    }

    /// Puts the next refresh off, after one that has failed.
    #[cfg(feature = "macros")]
    pub(crate) fn rest(&self, clock: &Clock, options: &TimeOptions) {
        // Relaxed: as above.
        self.due_at.store(rested_until(clock, options.refresh_after), Relaxed);
    }
}

#[cfg(feature = "manager")]
impl Clone for Moments {
    fn clone(&self) -> Self {
        // Relaxed: as above.
        Self { stale_at: self.stale_at, due_at: AtomicU64::new(self.due_at.load(Relaxed)) }
    }
}
