//! The tasks that are to be looked at: a stack that any thread pushes to and one thread empties.
//!
//! # States of a request
//!
//! ```text
//! idle --push: queued <- true, by a swap--> queued --compare-and-swap of the head--> on the stack
//!   ^                                                                                    |
//!   +-------------- take: head <- null, by a swap; then, one by one, queued <- false <---+
//! ```
//!
//! - *push*: any thread that has left work for the thing. One that finds it queued does nothing
//!   more.
//! - *take*: one thread at a time. It gets each thing after it has made it idle again.
//!
//! The stack holds a share of each thing that is on it, which the swap of the head hands to who
//! takes. The link belongs to who pushes from the swap of `queued` to the compare-and-swap, and to
//! who takes from the swap of the head to that of `queued`, who reads it before.
//!
//! # No request is lost
//!
//! All changes of `queued` are AcqRel swaps, so what happens before a push that finds the thing
//! queued happens before the swap that makes it idle again, or the push would have found it idle:
//! who takes looks after that swap, and so sees what was left. The head is pushed to by Release and
//! taken by Acquire, which orders the links.
//!
//! # ABA
//!
//! A head that has gone and come back is no harm: what is pushed links to what is the head at that
//! moment. The taker takes all there is.
//!
//! # Progress
//!
//! Push is lock-free, take is wait-free. A thread that stops between the two steps of a push holds
//! up the requests of that one thing.

use crate::{
    sync::{Arc, AtomicBool, AtomicPtr, Ordering},
    testing::plant::{Bug, planted},
};
use std::{fmt, marker::PhantomData, ptr};

/// What a thing needs to be on the stack: it is part of it.
#[derive(Debug)]
pub(crate) struct Link<T> {
    queued: AtomicBool,
    next: AtomicPtr<T>,
}

impl<T> Link<T> {
    pub(crate) fn new() -> Self {
        Self { queued: AtomicBool::new(false), next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Forgets that it was queued, where the thread that pushed it is no more.
    pub(crate) fn reset(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

/// A thing that has a link.
pub(crate) trait Linked: Sized {
    fn link(&self) -> &Link<Self>;
}

/// The stack; see the head of this file.
pub(crate) struct Requests<T: Linked> {
    head: AtomicPtr<T>,
    shares: PhantomData<Arc<T>>,
}

impl<T: Linked> Requests<T> {
    #[cfg(not(larder_loom))]
    pub(crate) const fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), shares: PhantomData }
    }

    #[cfg(larder_loom)]
    pub(crate) fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()), shares: PhantomData }
    }

    /// Requests a look at a thing, after work has been left for it.
    pub(crate) fn push(&self, thing: &Arc<T>) {
        let link = thing.link();
        if link.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let share = Arc::into_raw(Arc::clone(thing)).cast_mut();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            link.next.store(head, Ordering::Relaxed);
            let order =
                if planted(Bug::RequestRelaxed) { Ordering::Relaxed } else { Ordering::Release };
            match self.head.compare_exchange_weak(head, share, order, Ordering::Relaxed) {
                Ok(_) => return,
                Err(there) => head = there,
            }
        }
    }

    /// Calls `look` with each thing that was pushed; for one thread at a time.
    pub(crate) fn take(&self, mut look: impl FnMut(Arc<T>)) {
        let mut at = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        while !at.is_null() {
            // SAFETY: what is on the stack is a share that `push` has put there, and the swap of
            // the head has handed it to this thread alone.
            let thing = unsafe { Arc::from_raw(at) };
            let link = thing.link();
            at = link.next.load(Ordering::Relaxed);
            if planted(Bug::RequestLookedAtFirst) {
                look(Arc::clone(&thing));
                link.queued.swap(false, Ordering::AcqRel);
            } else {
                link.queued.swap(false, Ordering::AcqRel);
                look(thing);
            }
        }
    }
}

impl<T: Linked> fmt::Debug for Requests<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").finish_non_exhaustive()
    }
}

impl<T: Linked> Drop for Requests<T> {
    fn drop(&mut self) {
        self.take(drop);
    }
}
