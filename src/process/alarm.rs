//! When a task is due: what the thread that passes it and the writers who bring it work agree on.
//! (The timer of `maintenance.rs`, to whom requests are brought, is a task like that, too.)
//!
//! One word per task, the time by which the thread will pass it next, in the task's own clock.
//!
//! ```text
//! writer   leaves work that is due at d; fence; reads the word: not later than d -> done
//!          otherwise lowers the word to d; if it was later, unparks the thread
//! thread   word <- never; fence; looks for work; lowers the word to what it found to be next
//! thread   reads all words; parks until the earliest
//! ```
//!
//! Only the thread raises the word, by the store that begins a pass; any thread lowers it, by
//! `fetch_min` only, so no request is overwritten.
//!
//! # No work is forgotten
//!
//! *While the thread passes.* The two fences are ordered, one way or the other. If the thread's
//! comes first, the writer reads its `never` or something later, so either a time that the thread
//! or another writer has set since, which is early enough and stands, or it lowers the word itself.
//! If the writer's comes first, the thread finds the work.
//!
//! *While it goes to sleep.* A word that was lowered after the thread has read it is followed by an
//! unpark. Its token is there when the thread parks, which then returns at once; and what happened
//! before an unpark is visible after the park that it ends. A pass may run code that parks the
//! thread itself (waiting at a channel does) and so takes the token. So the thread parks only after
//! it has read all words with no pass in between.
//!
//! # ABA
//!
//! The word may come to the same value again. It means the same then: a pass by that time.
//!
//! # Progress
//!
//! Wait-free for writers: one fence, one load, at most one read-modify-write. A writer that is
//! stopped between lowering the word and the unpark delays the pass until the thread wakes up for
//! another reason. That costs memory, not correctness: who reads an entry looks at its deadline.

use crate::{
    process::clock::NEVER,
    sync::{
        AtomicU64,
        Ordering::{Relaxed, SeqCst},
        fence, fence_after_swap,
    },
    testing::plant::{Bug, planted},
};

/// The word; see the head of this file.
#[derive(Debug)]
pub(crate) struct Alarm(AtomicU64);

/// What is left to do for a writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing: there will be a pass by then.
    InTime,
    /// Unpark the thread.
    Wake,
}

impl Alarm {
    /// Of a task that is due by `time`.
    #[cfg(not(larder_loom))]
    pub(crate) const fn new(time: u64) -> Self {
        Self(AtomicU64::new(time))
    }

    /// Loom's atomics have no constant form.
    #[cfg(larder_loom)]
    pub(crate) fn new(time: u64) -> Self {
        Self(AtomicU64::new(time))
    }

    /// After work has been left that is due at `time`, by a read-modify-write.
    #[inline]
    pub(crate) fn ask(&self, time: u64) -> Asked {
        if !planted(Bug::AlarmUnfenced) {
            fence_after_swap();
        }
        if self.0.load(Relaxed) <= time { Asked::InTime } else { self.lower(time) }
    }

    #[cold]
    fn lower(&self, time: u64) -> Asked {
        if self.0.fetch_min(time, Relaxed) > time { Asked::Wake } else { Asked::InTime }
    }

    /// By when the task is to be passed. For the thread; any other finds it outdated.
    pub(crate) fn time(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// The latest time, for a model's check: loom lets a load choose between stores that nothing
    /// orders, and a read-modify-write not.
    #[cfg(larder_loom)]
    pub(crate) fn latest_time(&self) -> u64 {
        self.0.fetch_min(NEVER, Relaxed)
    }

    /// Before the thread looks for work.
    pub(crate) fn begin_pass(&self) {
        self.0.store(NEVER, Relaxed);
        fence(SeqCst);
    }

    /// After it has: the next is due at `time`.
    pub(crate) fn end_pass(&self, time: u64) {
        if planted(Bug::AlarmOverwritten) {
            // Not a store, since loom leaves the order of two stores open.
            self.0.swap(time, Relaxed);
        } else {
            self.0.fetch_min(time, Relaxed);
        }
    }
}
