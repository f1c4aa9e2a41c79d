//! Threads for the loaders that refresh values in the background.
//!
//! Not the maintenance thread's business: a loader may wait for a network, and what is expired must go
//! meanwhile. A thread starts when there is a job and no other thread is idle, up to [`THREADS`] for
//! the whole process; beyond that jobs stand in line. One that has had nothing to do for [`IDLE`] ends.
//!
//! The line is under a lock, which is held to put in and to take out, never while anybody's code runs.

use std::{
    collections::VecDeque,
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// Something to be done once.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

const THREADS: usize = 4;
const IDLE: Duration = Duration::from_secs(10);

struct Pool {
    state: Mutex<State>,
    work: Condvar,
    idle_for: Duration,
}

struct State {
    line: VecDeque<Job>,
    threads: usize,
    /// Threads among these that wait for a job.
    idle: usize,
}

static POOL: Pool = Pool::new(IDLE);

/// Has a thread run the job, after those that came before. Where no thread can be had it is dropped.
pub(crate) fn run(job: Job) {
    POOL.run(job);
}

/// What `f` returns; None if it panics, and then that goes no further.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f))
        .map_err(|payload| {
            // Its destructor may panic again, and so may that one's payload.
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                mem::forget(second);
            }
        })
        .ok()
}

impl Pool {
    const fn new(idle_for: Duration) -> Self {
        let state = State { line: VecDeque::new(), threads: 0, idle: 0 };
        Self { state: Mutex::new(state), work: Condvar::new(), idle_for }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&'static self, job: Job) {
        let mut state = self.state();
        state.line.push_back(job);
        if state.idle >= state.line.len() {
            self.work.notify_one();
        } else if state.threads < THREADS && self.spawn().is_ok() {
            state.threads += 1;
        } else if state.threads == 0 {
            let refused = state.line.pop_back();
            drop(state);
            drop(refused);
        }
    }

    fn spawn(&'static self) -> io::Result<()> {
        if cfg!(larder_loom) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let thread = thread::Builder::new().name("larder-refresh".to_owned());
        thread.spawn(|| {
            while let Some(job) = self.next() {
                caught(job);
            }
        })?;
        Ok(())
    }

    /// The next job; None if this thread is to end.
    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if let Some(job) = state.line.pop_front() {
                return Some(job);
            }
            state.idle += 1;
            let waited = self.work.wait_timeout(state, self.idle_for);
            let (back, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = back;
            state.idle -= 1;
            if timeout.timed_out() && state.line.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// Longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn pool(idle_for: Duration) -> &'static Pool {
        Box::leak(Box::new(Pool::new(idle_for)))
    }

    #[test]
    fn jobs_run_beside_each_other_and_then_in_line() {
        let pool = pool(PATIENCE);
        let (begun, begins) = channel();
        let gates: Vec<_> = (0..THREADS + 2)
            .map(|job| {
                let (gate, opens) = channel::<()>();
                let begun = begun.clone();
                pool.run(Box::new(move || {
                    begun.send(job).unwrap();
                    let _ = opens.recv();
                    assert!(job != 0, "one panics");
                }));
                gate
            })
            .collect();
        let mut first: Vec<_> =
            (0..THREADS).map(|_| begins.recv_timeout(PATIENCE).unwrap()).collect();
        first.sort();
        assert_eq!(first, (0..THREADS).collect::<Vec<_>>());
        let lengths = |state: &State| (state.threads, state.line.len());
        assert_eq!(lengths(&pool.state()), (THREADS, 2));
        for (finished, gate) in gates.into_iter().enumerate() {
            drop(gate);
            if finished < 2 {
                assert_eq!(begins.recv_timeout(PATIENCE), Ok(THREADS + finished));
            }
        }
    }

    #[test]
    fn an_idle_thread_is_used_again() {
        let pool = pool(PATIENCE);
        let (ran, runs) = channel();
        for _ in 0..3 {
            let ran = ran.clone();
            pool.run(Box::new(move || ran.send(()).unwrap()));
            runs.recv_timeout(PATIENCE).unwrap();
            while pool.state().idle == 0 {
                thread::yield_now();
            }
            assert_eq!(pool.state().threads, 1);
        }
    }

    #[test]
    fn a_thread_that_was_idle_for_long_ends_and_the_next_job_has_another() {
        let pool = pool(Duration::from_millis(20));
        let (ran, runs) = channel();
        for _ in 0..2 {
            let ran = ran.clone();
            pool.run(Box::new(move || ran.send(()).unwrap()));
            runs.recv_timeout(PATIENCE).unwrap();
            while pool.state().threads > 0 {
                thread::yield_now();
            }
        }
    }
}
