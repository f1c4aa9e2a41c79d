//! Maintenance of all caches of the process: work that is due without a call.
//!
//! # Threads
//!
//! The *timer* sleeps until the earliest of what tasks have said is due. It passes those tasks
//! itself that run no code of a user's, which takes a few microseconds. All others it hands to
//! *workers* (`errands.rs`): a listener or a destructor may take as long as it likes, and keeps one
//! worker, and its own cache's next pass, but neither the timer nor another cache. There is one
//! worker most of the time. When a task has stood in line for [`PATIENCE`] there are more, up to
//! [`WORKERS`]; that many tasks have to be slow at a time before any other waits for one of them.
//!
//! The timer starts with the first task that registers and ends when none is registered any more;
//! the next one starts another. Tasks are held weakly, so a cache ends with its last handle. If a
//! pass holds that by then, the cache is dropped by the thread that passes it, and so the
//! [`Registration`] may be, too: it only says that it has ended.
//!
//! # Slots
//!
//! ```text
//! scheduled --due: timer--> passed --by timer or worker, at its end--> requested --timer--> scheduled
//!     ^                                                                                         |
//!     +--- requested by a writer whose work is due before the alarm says, or by the end --------+
//! ```
//!
//! Each task has an alarm (`alarm.rs`), which says when it is to be passed, and the agenda has it
//! sorted by that. A thread that lowers an alarm pushes the slot (`requests.rs`), and the timer
//! puts it into its new place. The timer itself has an alarm, too, by which it tells for how long
//! it will sleep: who pushes is a writer of that one, its push the work that is left, and taking
//! all that was pushed the pass. So a thread whose work is due later than the timer's next wake-up
//! does not wake it. A slot that is passed stays out of the agenda: its worker pushes it at the
//! end.
//!
//! What a wake-up costs depends on what is due and what was requested, not on how many tasks there
//! are.
//!
//! # Who waits for whom
//!
//! The agenda is under a lock, which is held for a few steps, never while code of a user runs.
//! Writers do not take it: they have the timer's handle. Starting a thread and the last look before
//! it ends happen under the lock, so there is one timer at a time.
//!
//! # Fork
//!
//! A child of `fork` has none of these threads. Its memory is that of the moment of the fork, at
//! which no thread held the lock (`fork.rs` sees to that), so the agenda is whole.
//! [`Maintainer::orphan`] then notes that the threads are gone and that nothing has been asked of
//! them; the first who asks, or notices, starts another timer.

mod agenda;

use crate::{
    process::{
        alarm::{Alarm, Asked},
        clock::{Clock, DEAD, NEVER, Until},
        errands::{Pool, caught},
        fork,
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

/// What does the work that is due without a call: the removal of expired entries, for the most
/// part.
///
/// It does not change what a cache returns, only when the memory of expired and invalidated entries
/// is freed.
///
/// ```
/// assert_eq!(larder::Maintenance::default(), larder::Maintenance::Thread);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Maintenance {
    /// Threads of the process that all caches share. `larder-timer` sleeps while nothing is due,
    /// and ends with the last cache that has something to expire. Listeners and destructors run in
    /// threads named `larder-maintenance`: one, as long as they are quick. One that blocks delays
    /// the events of its own cache and of no other; for each that does there is a thread, up to 64
    /// (beyond that, others wait). Idle ones end after ten seconds. Where no thread can be had, as
    /// [`Manual`](Maintenance::Manual).
    #[default]
    Thread,
    /// Writers, a little at a time, and [`run_pending_tasks`](crate::Cache::run_pending_tasks).
    Manual,
}

/// What the thread does for a cache.
pub(crate) trait Task: Send + Sync {
    /// Does some of what is due, a bounded amount of it. A task that panics is passed again a
    /// second later.
    fn pass(&self) -> Next;
}

/// Whose code a pass runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Only this crate's: it takes a few microseconds.
    Own,
    /// A user's as well: there is no saying how long it takes.
    Foreign,
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
/// Passes that may run at a time.
const WORKERS: usize = 64;
/// How long a task stands in line before there are more workers.
const PATIENCE: Duration = Duration::from_millis(5);

/// Tasks, and their threads.
pub(crate) struct Maintainer {
    state: Mutex<State>,
    requests: Requests<Slot>,
    /// Until when the timer sleeps, by the exact system clock.
    alarm: Alarm,
    workers: &'static Pool,
    spawn: &'static (dyn Fn(&'static Maintainer) -> io::Result<Thread> + Sync),
    /// How often the timer has come back from sleeping.
    wake_ups: StaticU64,
    panics: StaticU64,
}

/// What is under the lock.
pub(crate) struct State {
    agenda: Agenda,
    /// The timer, while it runs: while there are slots, and until it sees that there are none.
    timer: Option<Thread>,
}

/// One task.
struct Slot {
    alarm: Alarm,
    clock: Clock,
    code: Code,
    task: Weak<dyn Task>,
    link: Link<Slot>,
    /// Whether a thread passes it at this moment.
    passed: AtomicBool,
    /// Whether its registration has ended.
    ended: AtomicBool,
    /// Under which time the agenda has it, and where; for the agenda.
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
        // Acquire, for what the pass has left: its Release is the end of the pass.
        self.passed.load(Acquire)
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Acquire)
    }

    fn begin_pass(&self) {
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
    /// What this thread passes.
    static PASSING: Cell<*const Slot> = const { Cell::new(ptr::null()) };
}

/// Workers have the name that users know of: they run their code.
pub(crate) static WORKERS_OF_ALL: Pool = Pool::new("larder-maintenance", WORKERS, Some(PATIENCE));
#[cfg(not(larder_loom))]
pub(crate) static MAINTAINER: Maintainer = Maintainer::new(&WORKERS_OF_ALL, &spawn);

/// Registers a task, for its first pass at once; `clock` is the one of [`Next::At`].
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

/// A manual clock has been advanced: tasks may be due.
#[cfg(not(larder_loom))]
pub(crate) fn time_has_jumped() {
    MAINTAINER.request(DEAD);
}

/// Models have no threads but their own.
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
        // Whatever panicked, each change of the agenda is one step.
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

    /// The timer, which is started if there is none.
    fn timer(&'static self, state: &mut State) -> io::Result<Thread> {
        match &state.timer {
            Some(timer) => Ok(timer.clone()),
            None => Ok(state.timer.insert((self.spawn)(self)?).clone()),
        }
    }

    /// Makes the timer look at what was requested for `time` of the system's clock.
    fn request(&'static self, time: u64) {
        if self.alarm.ask(time) == Asked::Wake {
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

    /// The timer, from its start to its end.
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
            // A round, so that those which want more take turns with what is requested.
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

    /// Passes a slot that is due, or has that done.
    fn begin(&'static self, slot: Arc<Slot>) {
        if slot.code == Code::Own {
            // This thread does not sleep yet.
            let _ = self.alarm.ask(self.pass(&slot));
            return;
        }
        let refused = self.workers.run(Box::new(move || self.request(self.pass(&slot))));
        if let Some(pass) = refused {
            pass();
        }
    }

    /// Passes a slot. Says when the timer has to wake up for it.
    fn pass(&self, slot: &Arc<Slot>) -> u64 {
        PASSING.set(Arc::as_ptr(slot));
        // If this thread drops the cache, that is part of it.
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
        // In this order: a timer that has put off a request because of this pass was told of it
        // before, so what was requested, or the end, can be seen after the push; and another sees
        // that the pass is over.
        slot.passed.store(false, Release);
        self.requests.push(slot);
        let due = if slot.has_ended() { DEAD } else { slot.alarm.time() };
        wake_up_for(slot, due)
    }

    /// For `fork.rs`: takes the lock, so that no other thread holds it while the guard is kept.
    #[cfg_attr(any(not(unix), larder_loom, miri), allow(dead_code, reason = "no fork is heeded"))]
    pub(crate) fn hold(&self) -> MutexGuard<'_, State> {
        self.state()
    }

    /// In a child of `fork`: of all threads there is only this one. Allocates nothing.
    #[cfg_attr(any(not(unix), larder_loom, miri), allow(dead_code, reason = "no fork is heeded"))]
    pub(crate) fn orphan(&self, state: &mut State) {
        state.timer = None;
        self.requests.take(drop);
        state.agenda.for_each(&mut |slot| {
            slot.link.reset();
            // What is passed by another thread has been left in the middle.
            if !ptr::eq(Arc::as_ptr(slot), PASSING.get()) {
                slot.passed.store(false, Release);
            }
            // Nothing was asked for: the next one who asks has to see to it.
            slot.alarm.begin_pass();
        });
        self.alarm.begin_pass();
    }

    /// After [`Maintainer::orphan`]: has a timer look at everything.
    #[cfg_attr(any(not(unix), larder_loom, miri), allow(dead_code, reason = "no fork is heeded"))]
    pub(crate) fn revive(&'static self) {
        let mut state = self.state();
        state.agenda.restart();
        drop(state);
        self.request(DEAD);
    }
}

/// When the timer has to wake up for a slot that is due at `time` of its own clock.
fn wake_up_for(slot: &Slot, time: u64) -> u64 {
    match time {
        DEAD | NEVER => time,
        // The times of a manual clock say nothing of the system's.
        _ if !slot.clock.runs() => DEAD,
        _ => slot.clock.surely(time),
    }
}

/// A task's place on the agenda; dropping it takes the task off, and never waits for a pass. A pass
/// that has begun by then goes on.
pub(crate) struct Registration {
    maintainer: &'static Maintainer,
    slot: Arc<Slot>,
    timer: Thread,
    /// The process that has the timer.
    process: u64,
}

impl Registration {
    /// After work has been left for the task that is due at `time` of its clock: sees to it that
    /// there is a pass by then. A fence, a load and a compare, unless there is none yet.
    #[inline]
    pub(crate) fn wake_by(&self, time: u64) {
        if self.slot.alarm.ask(time) == Asked::Wake {
            self.wake(time);
        }
    }

    /// Sees to it that there is a pass soon that sees all that has been done before.
    pub(crate) fn notify(&self) {
        self.wake_by(DEAD);
    }

    #[cold]
    fn wake(&self, time: u64) {
        let Self { maintainer, slot, .. } = self;
        maintainer.requests.push(slot);
        if maintainer.alarm.ask(wake_up_for(slot, time)) == Asked::Wake {
            self.unpark();
        }
    }

    fn unpark(&self) {
        if self.process == fork::process() {
            self.timer.unpark();
        } else {
            // It was the parent's.
            fork::catch_up();
            self.maintainer.unpark();
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.slot.ended.store(true, Release);
        self.wake(DEAD);
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("alarm", &self.slot.alarm).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
