//! What a cache has of its task's registration, and how it requests passes.

use super::{Maintainer, Slot, wake_up_for};
use crate::{
    process::{clock::DEAD, fork},
    sync::{Arc, Ordering::Release},
};
use std::{fmt, thread::Thread};

/// A task's place on the agenda. Dropping it takes the task off, and never waits for a pass: a pass
/// that has begun goes on.
pub(crate) struct Registration {
    pub(super) maintainer: &'static Maintainer,
    pub(super) slot: Arc<Slot>,
    pub(super) timer: Thread,
    /// The process of the timer.
    pub(super) process: u64,
}

impl Registration {
    /// Requests a pass by `time` of the task's clock. Called after work was left that is due then.
    /// Takes a fence, a load and a compare if a pass is due by then already.
    #[inline]
    pub(crate) fn wake_by(&self, time: u64) {
        if self.slot.alarm.ask(time) {
            self.wake(time);
        }
    }

    /// Requests a pass soon, which sees everything that this thread did before the call.
    pub(crate) fn notify(&self) {
        self.wake_by(DEAD);
    }

    #[cold]
    pub(super) fn wake(&self, time: u64) {
        let Self { maintainer, slot, .. } = self;
        maintainer.requests.push(slot);
        if maintainer.alarm.ask(wake_up_for(slot, time)) {
            self.unpark();
        }
    }

    fn unpark(&self) {
        if self.process == fork::process() {
            self.timer.unpark();
        } else {
            // `timer` is a thread of the parent.
            fork::catch_up();
            self.maintainer.unpark();
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Release: pairs with the Acquire in `Slot::has_ended`.
        self.slot.ended.store(true, Release);
        self.wake(DEAD);
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("alarm", &self.slot.alarm).finish_non_exhaustive()
    }
}
