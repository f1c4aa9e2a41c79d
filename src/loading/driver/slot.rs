//! Where a caller learns of the end of its task.

use std::{
    any::Any,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// A panic's payload.
pub(crate) type Payload = Box<dyn Any + Send>;

/// Where a caller learns of the end of its task: of its answer `T`, or of the loader `L`, which
/// comes back. The lock is held for a few instructions, and no user code runs under it.
pub(crate) struct Slot<T, L>(Mutex<Progress<T, L>>);

enum Progress<T, L> {
    Running(Option<Waker>),
    Ended(End<T, L>),
    /// The caller knows.
    Taken,
}

pub(crate) enum End<T, L> {
    Answer(T),
    Panic(Payload),
    /// The task was dropped; the loader has not ended.
    Dropped(L),
}

impl<T, L> Slot<T, L> {
    /// For a task that is about to run.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Progress::Running(None))))
    }

    fn progress(&self) -> MutexGuard<'_, Progress<T, L>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the caller.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<End<T, L>> {
        let waker = context.waker().clone();
        let mut progress = self.progress();
        match &mut *progress {
            Progress::Running(known) => {
                let former = known.replace(waker);
                drop(progress);
                drop(former);
                Poll::Pending
            }
            Progress::Ended(_) | Progress::Taken => {
                let taken = mem::replace(&mut *progress, Progress::Taken);
                drop(progress);
                let Progress::Ended(end) = taken else { panic!("a load was polled after its end") };
                Poll::Ready(end)
            }
        }
    }

    /// For the task. What comes after an end is dropped.
    pub(crate) fn end(&self, end: End<T, L>) {
        let mut progress = self.progress();
        if let Progress::Running(waker) = &mut *progress {
            let waker = waker.take();
            *progress = Progress::Ended(end);
            drop(progress);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}
