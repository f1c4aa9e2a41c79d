//! What a process has one of: its time, its background threads, its forks.
//!
//! - `clock.rs`, `clock/`: what time it is, and what a timer wheel counts in
//! - `maintenance.rs`, `maintenance/`: the timer, which knows when each cache wants its next pass
//! - `alarm.rs`, `requests.rs`: how writers wake the timer
//! - `pool.rs`: threads that run user code in the background
//! - `spawner.rs`: tasks of the user's runtime
//! - `fork.rs`: children of `fork`
//! - `sys.rs`: what is called of the C library

pub(crate) mod alarm;
pub(crate) mod clock;
pub(crate) mod fork;
#[cfg_attr(larder_loom, allow(dead_code, reason = "models have no threads but their own"))]
pub(crate) mod maintenance;
pub(crate) mod pool;
pub(crate) mod requests;
pub(crate) mod spawner;
#[cfg(any(target_os = "linux", all(unix, not(larder_loom), not(miri))))]
#[cfg_attr(
    any(larder_loom, miri),
    allow(dead_code, reason = "neither forks nor reads the kernel's clock")
)]
pub(crate) mod sys;
