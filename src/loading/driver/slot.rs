//! The slot through which a caller learns of the end of its task.

use std::{
    any::Any,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// A panic's payload.
pub(crate) type Payload = Box<dyn Any + Send>;

/// The slot through which a caller learns of the end of its task: it gets the answer `T`, or the
/// loader `L` back. The lock is held for a few instructions, and no user code runs under it.
pub(crate) struct Slot<T, L>(Mutex<Progress<T, L>>);

enum Progress<T, L> {
    Running(Option<Waker>),
    Ended(End<T, L>),
    /// The caller has the end.
    Taken,
}

pub(crate) enum End<T, L> {
    Answer(T),
    Panic(Payload),
    /// The task was dropped; the loader has not ended.
    Dropped(L),
}

impl<T, L> Slot<T, L> {
    /// Creates a slot for a task that is about to run.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Progress::Running(None))))
    }

    fn progress(&self) -> MutexGuard<'_, Progress<T, L>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls for the end. Called by the caller.
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

    /// Sets the end, unless there is one. Called by the task.
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
