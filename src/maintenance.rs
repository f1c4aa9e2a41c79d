//! One thread for all caches of the process, for what is due when nobody calls.
//!
//! It starts with the first task that registers and ends when none is registered any more; the next
//! one starts another. It holds tasks weakly, so a cache ends with its last handle. If a pass
//! holds that by then, the cache is dropped by the thread, and so the [`Registration`] may be, too:
//! it only takes itself off the list.
//!
//! The thread sleeps until the earliest of what tasks have said is due (`alarm.rs`). With nothing due it
//! does not wake up at all.
//!
//! # Who waits for whom
//!
//! The list is under a lock. It is held to add, to remove, and to copy the list, never while anybody's
//! code runs. Writers do not take it: they have the thread's handle. Starting a thread and the last look
//! before it ends happen under the lock, so there is one thread at a time that has tasks.

use crate::{
    alarm::{Alarm, Asked},
    clock::{Clock, DEAD, NEVER, Until},
    sync::{Arc, Ordering::Relaxed, StaticU64, yield_now},
};
use std::{
    fmt, io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, Thread},
    time::Duration,
};

/// Who does what is due when nobody calls: removing expired entries, for the most part.
///
/// What a cache returns does not depend on it, only when the memory of what it does not return any
/// more is freed.
///
/// ```
/// assert_eq!(larder::Maintenance::default(), larder::Maintenance::Thread);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Maintenance {
    /// A thread named `larder-maintenance`, one for all caches of the process that want it. It ends
    /// with the last of them, and sleeps while nothing is due. Where no thread can be had, as
    /// [`Manual`](Maintenance::Manual).
    #[default]
    Thread,
    /// Writers, a little at a time, and [`run_pending_tasks`](crate::Cache::run_pending_tasks).
    Manual,
}

/// What the thread does for a cache.
pub(crate) trait Task: Send + Sync {
    /// Does some of what is due, a bounded amount of it. A task that panics is passed again a second
    /// later.
    fn pass(&self) -> Next;
}

/// When a task wants its next pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// As soon as every other task has had its turn.
    More,
    /// At that time of its clock.
    At(u64),
    /// When it is asked for.
    Idle,
}

/// After what time a task that has panicked is passed again.
const RETRY: Duration = Duration::from_secs(1);

/// Tasks, and their thread.
pub(crate) struct Maintainer {
    state: Mutex<State>,
    spawn: &'static (dyn Fn(&'static Maintainer) -> io::Result<Thread> + Sync),
    /// How often the thread has come back from sleeping.
    wake_ups: StaticU64,
    panics: StaticU64,
}

struct State {
    slots: Vec<Arc<Slot>>,
    /// While it runs, which is while there are slots, and until it sees that there are none.
    thread: Option<Thread>,
}

/// One task.
struct Slot {
    alarm: Alarm,
    clock: Clock,
    task: Weak<dyn Task>,
}

static MAINTAINER: Maintainer = Maintainer::new(&spawn);

/// Registers a task, for its first pass at once; `clock` is the one of [`Next::At`].
///
/// # Errors
///
/// If there is no thread and none can be had. Then nobody passes the task.
pub(crate) fn register(task: Weak<dyn Task>, clock: Clock) -> io::Result<Registration> {
    MAINTAINER.register(task, clock)
}

/// A manual clock has been advanced: tasks may be due.
pub(crate) fn time_has_jumped() {
    MAINTAINER.unpark();
}

fn spawn(maintainer: &'static Maintainer) -> io::Result<Thread> {
    if cfg!(larder_loom) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let thread = thread::Builder::new().name("larder-maintenance".to_owned());
    Ok(thread.spawn(|| maintainer.run())?.thread().clone())
}

impl Maintainer {
    const fn new(
        spawn: &'static (dyn Fn(&'static Maintainer) -> io::Result<Thread> + Sync),
    ) -> Self {
        Self {
            state: Mutex::new(State { slots: Vec::new(), thread: None }),
            spawn,
            wake_ups: StaticU64::new(0),
            panics: StaticU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whatever panicked, each change of the list is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&'static self, task: Weak<dyn Task>, clock: Clock) -> io::Result<Registration> {
        let mut state = self.state();
        let thread = match &state.thread {
            Some(thread) => thread.clone(),
            None => state.thread.insert((self.spawn)(self)?).clone(),
        };
        let slot = Arc::new(Slot { alarm: Alarm::new(DEAD), clock, task });
        state.slots.push(Arc::clone(&slot));
        drop(state);
        thread.unpark();
        Ok(Registration { maintainer: self, slot, thread })
    }

    fn unpark(&self) {
        let thread = self.state().thread.clone();
        if let Some(thread) = thread {
            thread.unpark();
        }
    }

    /// The thread, from its start to its end.
    fn run(&self) {
        let mut slots = Vec::new();
        loop {
            {
                let mut state = self.state();
                if state.slots.is_empty() {
                    state.thread = None;
                    return;
                }
                slots.extend(state.slots.iter().cloned());
            }
            let mut sleep = Until::Never;
            for slot in slots.drain(..) {
                sleep = sooner(sleep, self.pass_if_due(&slot));
            }
            match sleep {
                Until::Past => {
                    yield_now();
                    continue;
                }
                Until::In(duration) => thread::park_timeout(duration),
                Until::Never => thread::park(),
            }
            self.wake_ups.fetch_add(1, Relaxed);
        }
    }

    /// Passes the task if it is due; how long it is to its next pass.
    fn pass_if_due(&self, slot: &Slot) -> Until {
        if slot.clock.until(slot.alarm.time()) == Until::Past {
            slot.alarm.begin_pass();
            // If this thread drops the cache, that is part of it.
            let next = catch_unwind(AssertUnwindSafe(|| {
                slot.task.upgrade().map_or(Next::Idle, |task| task.pass())
            }));
            slot.alarm.end_pass(match next {
                Ok(Next::More) => DEAD,
                Ok(Next::At(time)) => time,
                Ok(Next::Idle) => NEVER,
                Err(payload) => {
                    self.panics.fetch_add(1, Relaxed);
                    // Its destructor may panic again, and so may that one's payload.
                    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                        mem::forget(second);
                    }
                    slot.clock.deadline_after(RETRY)
                }
            });
            // What has run may have parked this thread, and so used up the token of somebody who left
            // work for a task whose word was read before: all are read once more.
            return Until::Past;
        }
        match slot.clock.until(slot.alarm.time()) {
            // Who advances the clock wakes the thread.
            Until::In(_) if !slot.clock.runs() => Until::Never,
            until => until,
        }
    }
}

fn sooner(one: Until, other: Until) -> Until {
    match (one, other) {
        (Until::Past, _) | (_, Until::Past) => Until::Past,
        (Until::In(one), Until::In(other)) => Until::In(one.min(other)),
        (Until::Never, until) | (until, Until::Never) => until,
    }
}

/// A task's place in the list; dropping it takes the task off, and never waits for a pass. A pass that
/// has begun by then goes on.
pub(crate) struct Registration {
    maintainer: &'static Maintainer,
    slot: Arc<Slot>,
    thread: Thread,
}

impl Registration {
    /// After work has been left for the task that is due at `time` of its clock: sees to it that there
    /// is a pass by then. A fence, a load and a compare, unless there is none yet.
    #[inline]
    pub(crate) fn wake_by(&self, time: u64) {
        if self.slot.alarm.ask(time) == Asked::Wake {
            self.wake();
        }
    }

    /// Sees to it that there is a pass soon that sees all that has been done before.
    pub(crate) fn notify(&self) {
        self.wake_by(DEAD);
    }

    #[cold]
    fn wake(&self) {
        self.thread.unpark();
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut state = self.maintainer.state();
        state.slots.retain(|slot| !Arc::ptr_eq(slot, &self.slot));
        if state.slots.is_empty() {
            self.thread.unpark();
        }
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("alarm", &self.slot.alarm).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
