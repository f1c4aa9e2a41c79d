//! Which loads this thread is running at this moment, innermost last.
//!
//! A loader that asks for the key that it is loading would wait for itself. So a thread notes which
//! flights it leads while it runs their code: a loader's call from beginning to end, a future for
//! as long as it is polled. (A loader that waits for *another* thread which asks for the key is not
//! detected.)

use crate::sync::thread_local;
use std::cell::RefCell;

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's have no constant form")]
    static LEADING: RefCell<Vec<*const ()>> = RefCell::new(Vec::new());
}

/// Notes, until it is dropped, that this thread leads a flight. Neither `Send` nor `Sync`.
#[derive(Debug)]
pub(crate) struct Leading(*const ());

impl Leading {
    pub(crate) fn new(flight: *const ()) -> Self {
        // In a thread that is ending the list may be gone; nothing is noted then.
        let _ = LEADING.try_with(|leading| leading.borrow_mut().push(flight));
        Self(flight)
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        let _ = LEADING.try_with(|leading| {
            let innermost = leading.borrow_mut().pop();
            debug_assert!(innermost.is_none_or(|flight| flight == self.0), "calls nest");
        });
    }
}

/// Returns whether this thread is running the load of this flight.
pub(crate) fn leads(flight: *const ()) -> bool {
    LEADING.try_with(|leading| leading.borrow().contains(&flight)).unwrap_or(false)
}
