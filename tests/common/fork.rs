//! Children of `fork`.
#![allow(dead_code, reason = "no test file needs all of it")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant},
};

/// No child takes that long; one that does is ended.
const PATIENCE: Duration = Duration::from_secs(120);

/// Forks; the child runs `then` and exits, and the parent sees that it did.
pub(crate) fn in_a_child(then: impl FnOnce()) {
    // SAFETY: the child does what the crate promises to work there, writes to standard output, and
    // exits without running what the parent has to clean up.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            let done = catch_unwind(AssertUnwindSafe(then));
            // SAFETY: as above.
            unsafe { libc::_exit(if done.is_ok() { 7 } else { 1 }) }
        }
        child => {
            let started = Instant::now();
            let mut status = 0;
            // SAFETY: a child of this process that nobody else waits for.
            while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
                if started.elapsed() > PATIENCE {
                    // SAFETY: as above.
                    unsafe { libc::kill(child, libc::SIGKILL) };
                }
                thread::sleep(Duration::from_millis(1));
            }
            assert!(libc::WIFEXITED(status), "the child died: {status:#x}");
            assert_eq!(libc::WEXITSTATUS(status), 7, "the child failed");
        }
    }
}
