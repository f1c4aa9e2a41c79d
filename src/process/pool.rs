//! Threads for the user's code that runs in the background: loaders that refresh values, and passes
//! of maintenance that tell listeners and drop values.
//!
//! A pool has a queue of jobs. A thread starts when there is a job and no other thread is idle, up
//! to a number for the whole process; beyond that, jobs wait in the queue. A pool with *patience*
//! starts its first thread like that. It starts others only when no job has left the queue for that
//! long, each time at most as many as there are already: quick jobs share one thread, and jobs that
//! block have one each. A thread that has had nothing to do for [`IDLE`] ends.
//!
//! The queue is under a lock, which is held to put jobs in and to take them out, and never while a
//! job runs.

use std::{
    cell::Cell,
    collections::VecDeque,
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// A piece of work that is done once.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// How long an idle thread waits for a job before it ends.
const IDLE: Duration = Duration::from_secs(10);

/// Threads, and the jobs that they do.
pub(crate) struct Pool {
    name: &'static str,
    /// The maximum number of threads.
    most: usize,
    patience: Option<Duration>,
    idle_for: Duration,
    queue: Mutex<JobQueue>,
    work: Condvar,
}

/// What is under the lock.
pub(crate) struct JobQueue {
    jobs: VecDeque<Job>,
    threads: usize,
    /// The number of these threads that wait for a job.
    idle: usize,
    /// When a job last left the queue, or came into an empty one; or when threads were started for
    /// jobs that had waited for too long.
    moved: Option<Instant>,
}

/// The pool for loaders. Apart from that of maintenance, since a loader may wait for a network, and
/// expired entries have to go meanwhile.
pub(crate) static REFRESHES: Pool = Pool::new("larder-refresh", 4, None);

thread_local! {
    /// The pool to which this thread belongs.
    static POOL: Cell<*const Pool> = const { Cell::new(ptr::null()) };
}

/// Queues a loader for a thread of the pool. Drops it if there is no thread and none can be
/// started.
pub(crate) fn run(job: Job) {
    drop(REFRESHES.run(job));
}

/// Calls `f` and returns what it returns, or `None` if it panics. The panic goes no further.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f))
        .map_err(|payload| {
            // The destructor of the payload may panic, and so may that of the second payload.
            if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                mem::forget(second);
            }
        })
        .ok()
}

impl Pool {
    pub(crate) const fn new(name: &'static str, most: usize, patience: Option<Duration>) -> Self {
        let queue = JobQueue { jobs: VecDeque::new(), threads: 0, idle: 0, moved: None };
        Self {
            name,
            most,
            patience,
            idle_for: IDLE,
            queue: Mutex::new(queue),
            work: Condvar::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, JobQueue> {
        // No code that holds the lock panics.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job into the queue. Returns it if there is no thread and none can be started.
    pub(crate) fn run(&'static self, job: Job) -> Option<Job> {
        let mut queue = self.queue();
        if queue.jobs.is_empty() {
            queue.moved = Some(Instant::now());
        }
        queue.jobs.push_back(job);
        let wanted = queue.threads == 0 || self.patience.is_none() && queue.threads < self.most;
        if queue.idle >= queue.jobs.len() {
            self.work.notify_one();
        } else if wanted && self.spawn().is_ok() {
            queue.threads += 1;
        } else if queue.threads == 0 {
            return queue.jobs.pop_back();
        }
        None
    }

    /// Starts more threads if a job has been queued for too long. Returns after what time to call
    /// again; `None` if there is no need.
    pub(crate) fn relieve(&'static self) -> Option<Duration> {
        let patience = self.patience?;
        let mut queue = self.queue();
        if queue.jobs.is_empty() || queue.threads >= self.most {
            return None;
        }
        let waited = queue.moved.map_or(patience, |moved| moved.elapsed());
        if waited < patience {
            return Some(patience - waited);
        }
        queue.moved = Some(Instant::now());
        let more = queue.jobs.len().min(queue.threads.max(1)).min(self.most - queue.threads);
        for _ in 0..more {
            if self.spawn().is_ok() {
                queue.threads += 1;
            }
        }
        Some(patience)
    }

    fn spawn(&'static self) -> io::Result<()> {
        if cfg!(larder_loom) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let thread = thread::Builder::new().name(self.name.to_owned());
        thread.spawn(|| {
            POOL.set(self);
            while let Some(job) = self.next() {
                caught(job);
            }
        })?;
        Ok(())
    }

    /// Waits for the next job. Returns `None` if this thread has to end.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                queue.moved = Some(Instant::now());
                return Some(job);
            }
            queue.idle += 1;
            let waited = self.work.wait_timeout(queue, self.idle_for);
            let (back, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            queue = back;
            queue.idle -= 1;
            if timeout.timed_out() && queue.jobs.is_empty() {
                queue.threads -= 1;
                return None;
            }
        }
    }

    /// Takes the lock for `fork.rs`, so that no other thread holds it while the guard is kept.
    #[cfg_attr(any(not(unix), larder_loom, miri), allow(dead_code, reason = "no fork is noted"))]
    pub(crate) fn hold(&self) -> MutexGuard<'_, JobQueue> {
        self.queue()
    }

    /// Notes, in a child of `fork`, that it has no thread except this one. Allocates nothing.
    #[cfg_attr(any(not(unix), larder_loom, miri), allow(dead_code, reason = "no fork is noted"))]
    pub(crate) fn orphan(&self, queue: &mut JobQueue) {
        queue.threads = usize::from(ptr::eq(POOL.get(), self));
        queue.idle = 0;
    }

    /// Starts a thread for the jobs that are queued, some time after [`Pool::orphan`].
    #[cfg_attr(any(not(unix), larder_loom, miri), allow(dead_code, reason = "no fork is noted"))]
    pub(crate) fn revive(&'static self) {
        let mut queue = self.queue();
        if !queue.jobs.is_empty() && queue.threads == 0 && self.spawn().is_ok() {
            queue.threads = 1;
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// Longer than any test here takes.
    const PATIENCE: Duration = Duration::from_secs(60);

    const THREADS: usize = 4;

    fn pool(idle_for: Duration) -> &'static Pool {
        Box::leak(Box::new(Pool { idle_for, ..Pool::new("test", THREADS, None) }))
    }

    #[test]
    fn jobs_run_beside_each_other_and_then_in_turn() {
        let pool = pool(PATIENCE);
        let (begun, begins) = channel();
        let gates: Vec<_> = (0..THREADS + 2)
            .map(|job| {
                let (gate, opens) = channel::<()>();
                let begun = begun.clone();
                let refused = pool.run(Box::new(move || {
                    begun.send(job).unwrap();
                    let _ = opens.recv();
                    assert!(job != 0, "one panics");
                }));
                assert!(refused.is_none());
                gate
            })
            .collect();
        let mut first: Vec<_> =
            (0..THREADS).map(|_| begins.recv_timeout(PATIENCE).unwrap()).collect();
        first.sort();
        assert_eq!(first, (0..THREADS).collect::<Vec<_>>());
        let lengths = |queue: &JobQueue| (queue.threads, queue.jobs.len());
        assert_eq!(lengths(&pool.queue()), (THREADS, 2));
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
            assert!(pool.run(Box::new(move || ran.send(()).unwrap())).is_none());
            runs.recv_timeout(PATIENCE).unwrap();
            while pool.queue().idle == 0 {
                thread::yield_now();
            }
            assert_eq!(pool.queue().threads, 1);
        }
    }

    #[test]
    fn a_thread_that_was_idle_for_long_ends_and_the_next_job_has_another() {
        let pool = pool(Duration::from_millis(20));
        let (ran, runs) = channel();
        for _ in 0..2 {
            let ran = ran.clone();
            assert!(pool.run(Box::new(move || ran.send(()).unwrap())).is_none());
            runs.recv_timeout(PATIENCE).unwrap();
            while pool.queue().threads > 0 {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn with_patience_one_thread_does_what_is_quick_and_what_blocks_has_one_each() {
        let pool: &Pool = Box::leak(Box::new(Pool::new("test", 8, Some(Duration::from_millis(1)))));
        let (ran, runs) = channel();
        for job in 0..100 {
            let ran = ran.clone();
            assert!(pool.run(Box::new(move || ran.send(job).unwrap())).is_none());
        }
        let order: Vec<_> = (0..100).map(|_| runs.recv_timeout(PATIENCE).unwrap()).collect();
        assert_eq!((order, pool.queue().threads), ((0..100).collect(), 1));
        let (open, opens) = channel::<()>();
        let opens = std::sync::Arc::new(Mutex::new(opens));
        for _ in 0..7 {
            let opens = std::sync::Arc::clone(&opens);
            assert!(pool.run(Box::new(move || _ = opens.lock().unwrap().recv())).is_none());
        }
        assert!(pool.run(Box::new(move || ran.send(100).unwrap())).is_none());
        while runs.try_recv().is_err() {
            pool.relieve();
            thread::yield_now();
        }
        assert!(pool.queue().threads <= 8);
        drop(open);
    }
}
