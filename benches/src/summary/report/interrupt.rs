//! What an interrupted report says of what it has.

/// Says, at an interrupt from the terminal, where the report stands, and ends the program.
pub(super) fn explain() {
    #[cfg(unix)]
    {
        let handler = unix::interrupted as extern "C" fn(libc::c_int);
        // SAFETY: the handler calls only functions that POSIX permits in one, and does not return.
        // The result is the handler before, or an error that leaves the system's default: to end.
        let _ = unsafe { libc::signal(libc::SIGINT, handler as libc::sighandler_t) };
    }
}

#[cfg(unix)]
mod unix {
    const TEXT: &[u8] =
        b"\ninterrupted: the report has the sections that were done, and says which are missing\n";

    /// What shells report of a program that an interrupt ended.
    const STATUS: libc::c_int = 128 + libc::SIGINT;

    pub(super) extern "C" fn interrupted(_: libc::c_int) {
        // SAFETY: the pointer and the length are those of a static. Both functions are
        // async-signal-safe.
        unsafe {
            let _ = libc::write(libc::STDERR_FILENO, TEXT.as_ptr().cast(), TEXT.len());
            libc::_exit(STATUS);
        }
    }
}
