//! How a hit knows without reading the clock that its deadline has not come: by the processor's
//! time-stamp counter.
//!
//! A look at the kernel's clock takes about 60 instructions, more than a third of a hit. A thread
//! that has looked keeps what the clock said, and what the counter said just before: a *lease*.
//! Until the counter has advanced by a [`TERM`], a deadline that is later than that time has not
//! come, or has come within the term. In all other cases the clock is read: for an earlier
//! deadline, and for any deadline when the term is over. So a lease ends no life early, and lets an
//! entry live at most a term longer: 0.26 ms if the counter runs at 1 GHz, less if it is faster.
//!
//! # States
//!
//! ```text
//! none     time is NEVER, and no deadline is later: a new thread, or the child of a `fork`
//! lease    at, time: what the counter said, and what the clock said after that
//! ```
//!
//! The time is kept as its complement, since deadlines are, too (`deadlines.rs`).
//!
//! Both words belong to one thread, and no other thread reads or writes them. There is nothing to
//! order. If the processor reads the counter a little earlier or later than the program says, the
//! difference is a part of a microsecond.
//!
//! # Why a lease ends by itself
//!
//! A word that another thread keeps up to date is trusted for as long as that thread does not run,
//! and there is no bound on that (`docs/design.md`, Time). A lease ends when the counter says so,
//! and the counter needs no thread to run. It has to advance at all times, by no less than 0.3 GHz,
//! and has to be the same on all processors, since a thread may move. The counter is used if the
//! kernel itself takes its time from it: then the kernel has compared it between processors and
//! with other clocks. Otherwise there are no leases, and each hit reads the clock: on other
//! processors and systems, and in virtual machines whose kernel takes its time from the host.
//!
//! # Special cases
//!
//! - *The thread, the process or its container is stopped.* The counter advances, and the term is
//!   over.
//! - *The thread moves to a processor whose counter is behind.* If it is behind by more than has
//!   passed, the difference is negative, which counts as a long time. If it is behind by less, the
//!   term is longer by as much. The kernel uses no counter in which it has found such a difference.
//! - *The machine is suspended, or a virtual machine is stopped, moved or restored.* The clock
//!   stands still meanwhile, or advances with the counter. If the counter begins again from a lower
//!   value, the difference is negative. One case is left: such a counter passes the term of a lease
//!   that was not used since, just when that thread uses a cache again. That is one term in the
//!   life of the machine.
//! - *The process forks.* The child has to notice that it is another process when it first needs
//!   the time (`fork.rs`). So the handler ends its lease.
//! - *A cache has a manual clock.* It uses no leases (`Part::Clocked` in `parts.rs`), which are
//!   times of the system's clock.

use crate::process::clock::NEVER;
use std::cell::Cell;

/// The number of ticks of the counter for which a lease holds.
const TERM: u64 = 1 << 18;

/// The lease of one thread.
#[derive(Debug)]
struct Lease {
    /// What the counter said before the clock was read.
    at: Cell<u64>,
    /// The complement of what the clock said, in its units.
    time: Cell<u64>,
}

impl Lease {
    const fn none() -> Self {
        Self { at: Cell::new(0), time: Cell::new(!NEVER) }
    }

    #[inline(always)]
    fn is_over(&self, counter: u64) -> bool {
        counter.wrapping_sub(self.at.get()) >= TERM
    }

    /// Takes the complement of a deadline.
    #[inline(always)]
    fn covers(&self, deadline: u64, counter: u64) -> bool {
        !self.is_over(counter) && deadline < self.time.get()
    }

    fn begin(&self, at: u64, time: u64) {
        self.at.set(at);
        self.time.set(!time);
    }
}

thread_local! {
    static LEASE: Lease = const { Lease::none() };
}

/// Returns whether this thread knows that a deadline of the system's clock, of which it takes the
/// complement, has not come, or came within a term.
#[inline(always)]
pub(crate) fn covers(deadline: u64) -> bool {
    LEASE.with(|lease| lease.covers(deadline, counter::read()))
}

/// Returns whether this thread's lease is over.
pub(crate) fn is_over() -> bool {
    LEASE.with(|lease| lease.is_over(counter::read()))
}

/// Begins a lease with the time that `read` returns.
pub(crate) fn renew(read: impl FnOnce() -> u64) {
    let at = counter::read();
    let time = read();
    LEASE.with(|lease| lease.begin(at, time));
}

/// Ends this thread's lease.
pub(crate) fn end() {
    LEASE.with(|lease| lease.begin(0, NEVER));
}

pub(crate) use counter::is_trusted;

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(larder_loom), not(miri)))]
mod counter {
    use std::{arch::x86_64::_rdtsc, fs, sync::OnceLock};

    /// Returns whether the kernel takes its time from the counter. Reads that once: a kernel that
    /// distrusts the counter stops using it when it starts, or soon after.
    pub(crate) fn is_trusted() -> bool {
        static TRUSTED: OnceLock<bool> = OnceLock::new();
        const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
        *TRUSTED.get_or_init(|| fs::read(SOURCE).is_ok_and(|source| source.trim_ascii() == b"tsc"))
    }

    #[inline(always)]
    pub(super) fn read() -> u64 {
        // SAFETY: every x86-64 processor has the instruction, and it accesses no memory.
        unsafe { _rdtsc() }
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(larder_loom), not(miri))))]
mod counter {
    pub(crate) fn is_trusted() -> bool {
        false
    }

    pub(super) fn read() -> u64 {
        0
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::process::clock::system;
    use std::time::{Duration, Instant};

    #[test]
    fn a_lease_covers_later_deadlines_until_its_term_is_over() {
        let lease = Lease::none();
        assert!(!lease.covers(!NEVER, 0) && !lease.covers(!NEVER, TERM));
        for at in [0, 1_000, u64::MAX - 1, u64::MAX] {
            lease.begin(at, 50);
            for since in [0, 1, TERM - 1] {
                let counter = at.wrapping_add(since);
                assert!(
                    lease.covers(!51, counter) && lease.covers(!NEVER, counter),
                    "{at} {since}"
                );
                assert!(!lease.covers(!50, counter), "{at} {since}");
            }
            for since in [TERM, TERM + 1, u64::MAX / 2, u64::MAX] {
                assert!(!lease.covers(!NEVER, at.wrapping_add(since)), "{at} {since}");
            }
        }
    }

    #[test]
    fn a_term_is_over_within_a_millisecond() {
        renew(|| 50);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1) {
            std::hint::spin_loop();
        }
        assert!(!is_trusted() || !covers(!NEVER));
    }

    #[test]
    fn a_child_of_a_fork_has_no_lease() {
        // Repeats if this thread was interrupted for longer than a term.
        while is_trusted() && !covers(!51) {
            renew(|| 50);
        }
        system::distrust();
        assert!(!covers(!NEVER));
    }
}
