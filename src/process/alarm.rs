//! When a task is due: an agreement of the thread that passes the task and the writers that bring
//! it work. (The timer of `maintenance.rs`, to which requests are brought, is such a task, too.)
//!
//! Each task has one word, the time by which the thread will pass it next, in the task's own clock.
//!
//! ```text
//! writer   leaves work that is due at d; fence; reads the word: not later than d -> done
//!          otherwise lowers the word to d; if it was later, unparks the thread
//! thread   word <- never; fence; looks for work; lowers the word to what it found to be next
//! thread   reads all words; parks until the earliest
//! ```
//!
//! Only the thread raises the word, by the store that begins a pass. Any thread lowers it, by
//! `fetch_min` only, so no request is overwritten.
//!
//! # No work is forgotten
//!
//! *While the thread passes.* The two fences are ordered, one way or the other. If the thread's
//! comes first, the writer reads its `never` or something later. That is either a time that the
//! thread or another writer has set since, which is early enough and stays, or the writer lowers
//! the word itself. If the writer's comes first, the thread finds the work.
//!
//! *While the thread goes to sleep.* A word that was lowered after the thread has read it is
//! followed by an unpark. Its token is there when the thread parks, which then returns at once; and
//! what happened before an unpark is visible after the park that it ends. A pass may run code that
//! parks the thread itself (waiting at a channel does) and so takes the token. So the thread parks
//! only after it has read all words with no pass in between.
//!
//! # ABA
//!
//! The word may come to the same value again. It has the same meaning then: a pass by that time.
//!
//! # Progress
//!
//! Wait-free for writers: one fence, one load, at most one read-modify-write. A writer that is
//! stopped between lowering the word and the unpark delays the pass until the thread wakes up for
//! another reason. That costs memory, not correctness: a thread that reads an entry looks at its
//! deadline.

use crate::{
    process::clock::NEVER,
    sync::{
        AtomicU64,
        Ordering::{Relaxed, SeqCst},
        fence, fence_after_swap,
    },
    testing::plant::{Bug, planted},
};

/// The word of a task; see the header of this file.
#[derive(Debug)]
pub(crate) struct Alarm(AtomicU64);

impl Alarm {
    /// Returns the alarm of a task that is due by `time`.
    #[cfg(not(larder_loom))]
    pub(crate) const fn new(time: u64) -> Self {
        Self(AtomicU64::new(time))
    }

    /// Returns the alarm of a task that is due by `time`. Not constant, since loom's atomics are
    /// not.
    #[cfg(larder_loom)]
    pub(crate) fn new(time: u64) -> Self {
        Self(AtomicU64::new(time))
    }

    /// Asks for a pass by `time`, and returns whether the caller has to unpark the thread.
    /// Otherwise there will be a pass by then. Call after work was left that is due then, by a
    /// read-modify-write.
    #[inline]
    #[must_use]
    pub(crate) fn ask(&self, time: u64) -> bool {
        if !planted(Bug::AlarmUnfenced) {
            // SeqCst: pairs with the fence in `begin_pass`. If this fence comes first, the thread
            // finds the work; otherwise the load below sees its `never`, or something later.
            fence_after_swap();
        }
        // Relaxed: the fence above orders it.
        self.0.load(Relaxed) > time && self.lower(time)
    }

    #[cold]
    fn lower(&self, time: u64) -> bool {
        // Relaxed: the fence in `ask`, and the unpark that follows, order it for the thread.
        self.0.fetch_min(time, Relaxed) > time
    }

    /// Returns the time by which the task has to be passed. For the thread; in any other the answer
    /// may be out of date.
    pub(crate) fn time(&self) -> u64 {
        // Relaxed: a word that is lowered after this load is followed by an unpark.
        self.0.load(Relaxed)
    }

    /// Returns the latest time, for a model's check. Not by a load: in loom a load may choose
    /// between stores that are not ordered, a read-modify-write reads the last one.
    #[cfg(larder_loom)]
    pub(crate) fn latest_time(&self) -> u64 {
        self.0.fetch_min(NEVER, Relaxed)
    }

    /// Begins a pass. Call before the thread looks for work.
    pub(crate) fn begin_pass(&self) {
        // Relaxed: the fence below orders it.
        self.0.store(NEVER, Relaxed);
        // SeqCst: pairs with the fence in `ask`. If this fence comes first, the writer sees `never`
        // or something later; otherwise the look for work finds the writer's.
        fence(SeqCst);
    }

    /// Ends a pass, after which the next work is due at `time`.
    pub(crate) fn end_pass(&self, time: u64) {
        if planted(Bug::AlarmOverwritten) {
            // Not a store, since loom leaves the order of two stores open.
            self.0.swap(time, Relaxed);
        } else {
            // Relaxed: a read-modify-write, so no request of a writer is overwritten.
            self.0.fetch_min(time, Relaxed);
        }
    }
}
