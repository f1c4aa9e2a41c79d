//! Maintenance of all caches of the process: work that is due without a call.
//!
//! # Threads
//!
//! The *timer* sleeps until the earliest time at which a task is due. It passes tasks that run no
//! user code itself, which takes a few microseconds. It hands all other tasks to *workers*
//! (`pool.rs`), since a listener or a destructor may take any time. Such a task occupies one worker
//! and delays its own cache's next pass, but neither the timer nor another cache. There is one
//! worker most of the time. When a task has waited in line for [`PATIENCE`], another worker starts,
//! up to [`WORKERS`]; so a task waits for slow ones only if that many are slow at a time.
//!
//! The timer starts with the first task that registers, and ends when no task is registered any
//! more; the next task starts another. Tasks are held weakly, so a cache ends with its last handle.
//! If that is the handle of a pass, the passing thread drops the cache, and with it the
//! [`Registration`], whose drop only notes that it has ended.
//!
//! # Slots
//!
//! ```text
//! scheduled --due: timer--> passed --timer or worker, at its end--> requested --timer--> scheduled
//!     ^                                                                                      |
//!     +--- requested by a writer whose work is due before the alarm says, or by the end -----+
//! ```
//!
//! Each task has an alarm (`alarm.rs`) with the time of its next pass, by which the agenda sorts
//! tasks. A thread that lowers an alarm pushes the slot (`requests.rs`), and the timer puts the
//! slot into its new place. The timer itself has an alarm, too, with the time of its next wake-up:
//! a thread that pushes a slot is a writer of that alarm, its push is the work that it leaves, and
//! taking all pushed slots is the pass. So a thread whose work is due later than the timer's next
//! wake-up does not wake the timer. A slot that is passed stays out of the agenda: its worker
//! pushes it at the end.
//!
//! The cost of a wake-up depends on what is due and what was requested, not on the number of tasks.
//!
//! # Waiting
//!
//! The agenda is under a lock, which is held for a few steps, and never while user code runs.
//! Writers do not take it: they have the timer's handle. The start of a timer, and its last check
//! before it ends, happen under the lock, so there is one timer at a time.
//!
//! # Fork
//!
//! A child of `fork` has none of these threads. Its memory is that of the moment of the fork, at
//! which no other thread held the lock (`fork.rs`), so the agenda is whole. [`Maintainer::orphan`]
//! then notes that the threads are gone and that no requests are pending. The first thread that
//! requests a pass, or that catches up, starts another timer.

mod agenda;
mod registration;

pub(crate) use registration::Registration;

use crate::{
    process::{
        alarm::Alarm,
        clock::{Clock, DEAD, NEVER, Until},
        fork,
        pool::{Pool, caught},
        requests::{Link, Linked, Requests},
    },
    sync::{
        Arc, AtomicBool, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
        StaticU64, yield_now,
    },
};
use agenda::Agenda;
use std::{
    cell::Cell,
    fmt, io, ptr,
    sync::{Mutex, MutexGuard, PoisonError, Weak},
    thread::{self, Thread},
    time::Duration,
};

/// Which threads do the work that is due without a call: most of it is the removal of expired
/// entries.
///
/// The choice does not change what a cache returns, only when the memory of expired and invalidated
/// entries is freed.
///
/// ```
/// assert_eq!(larder::Maintenance::default(), larder::Maintenance::Thread);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Maintenance {
    /// Threads of the process that all caches share. The thread `larder-timer` sleeps while nothing
    /// is due, and ends with the last cache that needs it. Listeners and destructors run in threads
    /// named `larder-maintenance`: in one thread, as long as they are quick. A listener or
    /// destructor that blocks delays the events of its own cache and of no other. Each that blocks
    /// has a thread, up to 64 threads; beyond that, others wait. Idle threads end after ten
    /// seconds. If no thread can be started, this is the same as [`Manual`](Maintenance::Manual).
    #[default]
    Thread,
    /// Writers, a little at a time, and [`run_pending_tasks`](crate::Cache::run_pending_tasks).
    Manual,
}

/// The work that maintenance does for a cache.
pub(crate) trait Task: Send + Sync {
    /// Does some of what is due, a bounded amount of it. A task that panics is passed again a
    /// second later.
    fn pass(&self) -> Next;
}

/// Which code a pass runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Only code of this crate, which takes a few microseconds.
    Own,
    /// User code as well, which may take any time.
    Foreign,
}

/// When a task wants its next pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// As soon as every other task has had its turn.
    More,
    /// At this time of its clock.
    At(u64),
    /// When a thread requests it.
    Idle,
}

/// How long after a panic a task is passed again.
const RETRY: Duration = Duration::from_secs(1);
/// The maximum number of workers.
const WORKERS: usize = 64;
/// How long a task waits in line before another worker starts.
const PATIENCE: Duration = Duration::from_millis(5);

/// The tasks and the threads that pass them.
pub(crate) struct Maintainer {
    state: Mutex<State>,
    requests: Requests<Slot>,
    /// The time of the timer's next wake-up, by the exact system clock.
    alarm: Alarm,
    workers: &'static Pool,
    spawn: &'static (dyn Fn(&'static Maintainer) -> io::Result<Thread> + Sync),
    /// How often the timer has woken up.
    wake_ups: StaticU64,
    panics: StaticU64,
}

/// The state under the lock.
pub(crate) struct State {
    agenda: Agenda,
    /// The timer, while it runs: until it sees that there are no slots.
    timer: Option<Thread>,
}

/// One task.
struct Slot {
    alarm: Alarm,
    clock: Clock,
    code: Code,
    task: Weak<dyn Task>,
    link: Link<Slot>,
    /// Whether a thread passes the task at this moment.
    passed: AtomicBool,
    /// Whether its registration has ended.
    ended: AtomicBool,
    /// The time by which the agenda has sorted the slot, and its place there. Only the agenda uses
    /// them, under its lock, so every access is Relaxed.
    scheduled: AtomicU64,
    place: AtomicU64,
}

impl Slot {
    fn new(task: Weak<dyn Task>, clock: Clock, code: Code) -> Self {
        Self {
            alarm: Alarm::new(DEAD),
            clock,
            code,
            task,
            link: Link::new(),
            passed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            scheduled: AtomicU64::new(agenda::UNSCHEDULED),
            place: AtomicU64::new(agenda::UNSCHEDULED),
        }
    }

    fn is_passed(&self) -> bool {
        // Acquire: pairs with the Release in `Maintainer::pass`; what the pass did is visible.
        self.passed.load(Acquire)
    }

    fn has_ended(&self) -> bool {
        // Acquire: pairs with the Release in the drop of `Registration`.
        self.ended.load(Acquire)
    }

    fn begin_pass(&self) {
        // Relaxed: under the lock of the agenda, where it is read, too.
        self.passed.store(true, Relaxed);
        self.alarm.begin_pass();
    }
}

impl Linked for Slot {
    fn link(&self) -> &Link<Self> {
        &self.link
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("alarm", &self.alarm).finish_non_exhaustive()
    }
}

thread_local! {
    /// The slot that this thread passes; null if it passes none.
    static PASSING: Cell<*const Slot> = const { Cell::new(ptr::null()) };
}

/// The workers. Their name is the one that is documented for users, whose code they run.
pub(crate) static WORKERS_OF_ALL: Pool = Pool::new("larder-maintenance", WORKERS, Some(PATIENCE));
#[cfg(not(larder_loom))]
pub(crate) static MAINTAINER: Maintainer = Maintainer::new(&WORKERS_OF_ALL, &spawn);

/// Registers a task, whose first pass is due at once. `clock` is the one of [`Next::At`].
///
/// # Errors
///
/// If there is no thread and none can be started. Then the task is not passed.
#[cfg(not(larder_loom))]
pub(crate) fn register(task: Weak<dyn Task>, clock: Clock, code: Code) -> io::Result<Registration> {
    fork::watch();
    fork::catch_up();
    MAINTAINER.register(task, clock, code)
}

/// Wakes the timer, since a manual clock has been advanced and tasks may be due.
#[cfg(not(larder_loom))]
pub(crate) fn time_has_jumped() {
    MAINTAINER.request(DEAD);
}

/// Fails, since models have no threads except their own.
#[cfg(larder_loom)]
pub(crate) fn register(_: Weak<dyn Task>, _: Clock, _: Code) -> io::Result<Registration> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(larder_loom)]
pub(crate) fn time_has_jumped() {}

#[cfg(not(larder_loom))]
fn spawn(maintainer: &'static Maintainer) -> io::Result<Thread> {
    let thread = thread::Builder::new().name("larder-timer".to_owned());
    Ok(thread.spawn(|| maintainer.run())?.thread().clone())
}

impl Maintainer {
    #[cfg(not(larder_loom))]
    const fn new(
        workers: &'static Pool,
        spawn: &'static (dyn Fn(&'static Maintainer) -> io::Result<Thread> + Sync),
    ) -> Self {
        Self {
            state: Mutex::new(State { agenda: Agenda::new(), timer: None }),
            requests: Requests::new(),
            alarm: Alarm::new(NEVER),
            workers,
            spawn,
            wake_ups: StaticU64::new(0),
            panics: StaticU64::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // After a panic the agenda is whole, since each change of it is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(
        &'static self,
        task: Weak<dyn Task>,
        clock: Clock,
        code: Code,
    ) -> io::Result<Registration> {
        let slot = Arc::new(Slot::new(task, clock, code));
        let mut state = self.state();
        let timer = self.timer(&mut state)?;
        state.agenda.settle(Arc::clone(&slot));
        drop(state);
        let registration = Registration { maintainer: self, slot, timer, process: fork::process() };
        registration.wake(DEAD);
        Ok(registration)
    }

    /// Returns the timer, which is started if there is none.
    fn timer(&'static self, state: &mut State) -> io::Result<Thread> {
        match &state.timer {
            Some(timer) => Ok(timer.clone()),
            None => Ok(state.timer.insert((self.spawn)(self)?).clone()),
        }
    }

    /// Makes the timer look, by `time` of the system's clock, at what was requested.
    fn request(&'static self, time: u64) {
        if self.alarm.ask(time) {
            self.unpark();
        }
    }

    #[cold]
    fn unpark(&'static self) {
        let mut state = self.state();
        if !state.agenda.is_empty()
            && let Ok(timer) = self.timer(&mut state)
        {
            timer.unpark();
        }
    }

    /// Runs the timer, from its start to its end.
    fn run(&'static self) {
        let clock = Clock::default().exact();
        loop {
            self.alarm.begin_pass();
            let mut state = self.state();
            self.requests.take(|slot| state.agenda.settle(slot));
            if state.agenda.is_empty() {
                state.timer = None;
                return;
            }
            // One round, so that tasks that want more take turns with those that are requested.
            let mut due = Vec::new();
            while let Some(slot) = state.agenda.begin_due() {
                due.push(slot);
            }
            let next = state.agenda.next();
            drop(state);
            for slot in due {
                self.begin(slot);
            }
            let relief = self.workers.relieve();
            let next = match (next, relief) {
                (Until::In(next), Some(relief)) => Until::In(next.min(relief)),
                (Until::Never, Some(relief)) => Until::In(relief),
                (next, _) => next,
            };
            self.alarm.end_pass(match next {
                Until::Past => DEAD,
                Until::In(duration) => clock.deadline_after(duration),
                Until::Never => NEVER,
            });
            match clock.until(self.alarm.time()) {
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

    /// Passes a slot that is due, or hands it to a worker.
    fn begin(&'static self, slot: Arc<Slot>) {
        if slot.code == Code::Own {
            // No unpark: this thread is the timer, and does not sleep yet.
            let _ = self.alarm.ask(self.pass(&slot));
            return;
        }
        let refused = self.workers.run(Box::new(move || self.request(self.pass(&slot))));
        if let Some(pass) = refused {
            pass();
        }
    }

    /// Passes a slot. Returns when the timer has to wake up for it.
    fn pass(&self, slot: &Arc<Slot>) -> u64 {
        PASSING.set(Arc::as_ptr(slot));
        // This thread may drop the cache here, as a part of the pass.
        let next = caught(|| slot.task.upgrade().map_or(Next::Idle, |task| task.pass()));
        slot.alarm.end_pass(match next {
            Some(Next::More) => DEAD,
            Some(Next::At(time)) => time,
            Some(Next::Idle) => NEVER,
            None => {
                self.panics.fetch_add(1, Relaxed);
                slot.clock.deadline_after(RETRY)
            }
        });
        PASSING.set(ptr::null());
        // In this order. If the timer has skipped a request because of this pass, it took that
        // request before this push, so the requested time, or the end of the registration, is
        // visible to this thread after the push. Otherwise the timer sees that the pass is over.
        // Release: pairs with the Acquire in `Slot::is_passed`; what the pass did is visible.
        slot.passed.store(false, Release);
        self.requests.push(slot);
        let due = if slot.has_ended() { DEAD } else { slot.alarm.time() };
        wake_up_for(slot, due)
    }

    /// Takes the lock for `fork.rs`, so that no other thread holds it while the guard is kept.
    #[cfg_attr(any(not(unix), larder_loom, miri), allow(dead_code, reason = "no fork is noted"))]
    pub(crate) fn hold(&self) -> MutexGuard<'_, State> {
        self.state()
    }

    /// Notes, in a child of `fork`, that it has no thread except this one. Allocates nothing.
    #[cfg_attr(any(not(unix), larder_loom, miri), allow(dead_code, reason = "no fork is noted"))]
    pub(crate) fn orphan(&self, state: &mut State) {
        state.timer = None;
        self.requests.take(drop);
        state.agenda.for_each(&mut |slot| {
            slot.link.reset();
            // A pass of another thread has stopped at the fork.
            if !ptr::eq(Arc::as_ptr(slot), PASSING.get()) {
                // Release: pairs with the Acquire in `Slot::is_passed`.
                slot.passed.store(false, Release);
            }
            // Drops the request of a parent's thread: the next thread that asks makes a new one.
            slot.alarm.begin_pass();
        });
        self.alarm.begin_pass();
    }

    /// Makes a timer look at every task, some time after [`Maintainer::orphan`].
    #[cfg_attr(any(not(unix), larder_loom, miri), allow(dead_code, reason = "no fork is noted"))]
    pub(crate) fn revive(&'static self) {
        let mut state = self.state();
        state.agenda.restart();
        drop(state);
        self.request(DEAD);
    }
}

/// Returns when the timer has to wake up for a slot that is due at `time` of its own clock.
fn wake_up_for(slot: &Slot, time: u64) -> u64 {
    match time {
        DEAD | NEVER => time,
        // Times of a manual clock cannot be converted, so the timer looks at once.
        _ if !slot.clock.runs() => DEAD,
        _ => slot.clock.surely(time),
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
