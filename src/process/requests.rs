//! The tasks that ask for a look: a stack to which any thread pushes and which one thread empties.
//!
//! # States of a request
//!
//! ```text
//! idle --push: queued <- true, by a swap--> queued --compare-and-swap of the head--> on the stack
//!   ^                                                                                    |
//!   +-------------- take: head <- null, by a swap; then, one by one, queued <- false <---+
//! ```
//!
//! - *push*: any thread that has left work for the thing. A thread that finds it queued does
//!   nothing more.
//! - *take*: one thread at a time. It gets each thing after it has made it idle again.
//!
//! In a child of `fork`, [`Link::reset`] makes things idle whose push another thread had begun.
//!
//! The stack holds a share of each thing that is on it. The swap of the head hands these shares to
//! the taker. The link belongs to the pusher from the swap of `queued` to the compare-and-swap, and
//! to the taker from the swap of the head to that of `queued`; the taker reads it in between.
//!
//! # No request is lost
//!
//! All changes of `queued` are AcqRel swaps (except for the reset in a child of `fork`, which has
//! one thread then). So what happens before a push that finds the thing queued happens before the
//! swap that makes it idle again; otherwise the push would have found it idle. The taker looks at
//! the thing after that swap, and so sees the work that was left. The head is pushed to by Release
//! and taken by Acquire, which orders the links.
//!
//! # ABA
//!
//! A head that has gone and come back does no harm: the push links to what is the head at that
//! moment. The taker takes the whole stack.
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

/// The part of a thing with which it can be on the stack.
#[derive(Debug)]
pub(crate) struct Link<T> {
    queued: AtomicBool,
    next: AtomicPtr<T>,
}

impl<T> Link<T> {
    pub(crate) fn new() -> Self {
        Self { queued: AtomicBool::new(false), next: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Makes a thing idle in a child of `fork`, which may not have the thread that pushed it.
    pub(crate) fn reset(&self) {
        // Release: pairs with the AcqRel in `push`; what this thread did before is visible.
        self.queued.store(false, Ordering::Release);
    }
}

/// A thing that has a link.
pub(crate) trait Linked: Sized {
    fn link(&self) -> &Link<Self>;
}

/// The stack; see the header of this file.
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

    /// Requests a look at a thing. Call after work was left for it.
    pub(crate) fn push(&self, thing: &Arc<T>) {
        let link = thing.link();
        // AcqRel: pairs with the AcqRel in `take`; if the thing is queued, the work is visible to
        // the look that follows. If not, the taker has read the link before it is written here.
        if link.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let share = Arc::into_raw(Arc::clone(thing)).cast_mut();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // Relaxed: the push below publishes it.
            link.next.store(head, Ordering::Relaxed);
            // Release: pairs with the Acquire in `take`; the link and the share are visible.
            // Failure, Relaxed: the head is only compared again.
            let order =
                if planted(Bug::RequestRelaxed) { Ordering::Relaxed } else { Ordering::Release };
            match self.head.compare_exchange_weak(head, share, order, Ordering::Relaxed) {
                Ok(_) => return,
                Err(there) => head = there,
            }
        }
    }

    /// Calls `look` with each thing that was pushed. For one thread at a time.
    pub(crate) fn take(&self, mut look: impl FnMut(Arc<T>)) {
        // Acquire: pairs with the Release in `push`; the links of all that is on the stack are
        // visible.
        let mut at = self.head.swap(ptr::null_mut(), Ordering::Acquire);
        while !at.is_null() {
            // SAFETY: `push` has put this share on the stack, by `Arc::into_raw`, and the swap of
            // the head has handed it to this thread alone.
            let thing = unsafe { Arc::from_raw(at) };
            let link = thing.link();
            // Relaxed: the Acquire of the head makes it visible.
            at = link.next.load(Ordering::Relaxed);
            if planted(Bug::RequestLookedAtFirst) {
                look(Arc::clone(&thing));
                link.queued.swap(false, Ordering::AcqRel);
            } else {
                // AcqRel: pairs with the AcqRel in `push`; the work of each push that has found the
                // thing queued is visible to `look`.
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
