//! What a thread has yet to tell listeners.
//!
//! # Why not at once
//!
//! A listener is user code: it may block, and it may use caches. So it must not run while another
//! thread waits for this one, and not inside another listener, or two that keep each other busy
//! would use up the stack. Two kinds of [`Hold`] see to that:
//!
//! - A load is *concluded* under one (`fill.rs`): what it evicts or replaces is told when it has
//!   landed, so neither its waiters nor a listener that asks for the same key wait for the
//!   listener.
//! - A listener is *called* under one (`notify.rs`): what leaves any cache inside it is told when
//!   it has returned.
//!
//! While this thread holds, [`queue`] queues. The outermost hold, at its end, delivers in the order
//! in which values left, and what is queued meanwhile behind that, until nothing is left: a loop,
//! whatever the listeners do, with at most one of them on the stack. It also does so when it is
//! dropped by a panic.
//!
//! # Not while a loader runs
//!
//! What a loader takes out of a cache by its own operations is told at once, before those
//! operations return, like any other removal. A third hold, from the beginning of a loader to its
//! landing, would spare a listener that asks there for the key being loaded the panic ("recursive
//! load"). It was left out:
//!
//! - A loader may rely on the listener. Where listeners write removed values to a store, a loader
//!   that evicts a value and loads it from there would find an older one, and keep that. A loader
//!   that removes entries to get back what their listener releases (memory of a device,
//!   connections) would wait for itself.
//! - Loads are nested, in particular those of functions with attributes. All events of the nest, of
//!   every cache, would wait for the outermost loader, which may take as long as it likes, and keep
//!   their nodes meanwhile.
//! - A future's thread does other things between two polls, so an async loader could be held only
//!   within a poll. At the poll's end the load has not landed, and a listener that asks for its key
//!   in that thread waits forever.
//!
//! # What is queued
//!
//! Closures, since one thread's queue serves all caches. Each keeps its cache alive, and the node
//! of its value, which is not recycled until the value has been told (`notify.rs`). So a queue
//! keeps what has left inside one listener or one load, and the nodes for it come from those that
//! its shard has to spare.
//!
//! Everything here belongs to one thread. In a thread that is ending, whose queue is gone, notices
//! are delivered at once.

use crate::{process::pool::caught, sync::thread_local};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    marker::PhantomData,
};

/// Tells one listener of one value.
pub(crate) type Notice = Box<dyn FnOnce()>;

/// The capacity, in notices, that a thread's queue keeps.
const ROOM: usize = 64;

struct Outbox {
    holds: Cell<u32>,
    queue: RefCell<VecDeque<Notice>>,
}

thread_local! {
    #[allow(clippy::missing_const_for_thread_local, reason = "loom's have no constant form")]
    static OUTBOX: Outbox = Outbox { holds: Cell::new(0), queue: RefCell::new(VecDeque::new()) };
}

/// Queues, until it is dropped, what leaves caches in this thread. Neither `Send` nor `Sync`.
#[derive(Debug)]
pub(crate) struct Hold(PhantomData<*const ()>);

impl Hold {
    pub(crate) fn new() -> Self {
        let _ = OUTBOX.try_with(|outbox| outbox.holds.set(outbox.holds.get() + 1));
        Self(PhantomData)
    }

    /// Returns a hold to call listeners under, or `None` if this thread holds already.
    pub(crate) fn outermost() -> Option<Self> {
        let holds = OUTBOX.try_with(|outbox| outbox.holds.get()).unwrap_or(0);
        (holds == 0).then(Self::new)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let next = |outbox: &Outbox| outbox.queue.borrow_mut().pop_front();
        let is_outermost = |outbox: &Outbox| outbox.holds.get() == 1;
        while let Ok(Some(notice)) =
            OUTBOX.try_with(|outbox| is_outermost(outbox).then(|| next(outbox)).flatten())
        {
            // `listener.rs` catches the panics of listeners, but not those of destructors.
            let _ = caught(notice);
        }
        let _ = OUTBOX.try_with(|outbox| {
            outbox.holds.set(outbox.holds.get() - 1);
            outbox.queue.borrow_mut().shrink_to(ROOM);
        });
    }
}

/// Queues a notice for the end of this thread's outermost hold.
pub(crate) fn queue(notice: Notice) {
    let mut notice = Some(notice);
    let _ = OUTBOX.try_with(|outbox| outbox.queue.borrow_mut().extend(notice.take()));
    if let Some(notice) = notice {
        notice();
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use std::rc::Rc;

    type Told = Rc<RefCell<Vec<u32>>>;

    fn note(told: &Told, number: u32) -> Notice {
        let told = Rc::clone(told);
        Box::new(move || told.borrow_mut().push(number))
    }

    #[test]
    fn the_outermost_hold_delivers_in_order_and_what_comes_meanwhile_last() {
        let told = Told::default();
        let outermost = Hold::outermost().expect("nothing is held");
        assert!(Hold::outermost().is_none());
        let first = Rc::clone(&told);
        queue(Box::new(move || {
            assert!(Hold::outermost().is_none(), "still held");
            queue(note(&first, 3));
            first.borrow_mut().push(1);
        }));
        drop(Hold::new());
        queue(note(&told, 2));
        assert_eq!(*told.borrow(), []);
        drop(outermost);
        assert_eq!(*told.borrow(), [1, 2, 3]);
        assert!(Hold::outermost().is_some());
    }

    #[test]
    fn a_panic_keeps_nothing_from_being_delivered() {
        let told = Told::default();
        let within = Rc::clone(&told);
        let caught = caught(move || {
            let _hold = Hold::new();
            queue(Box::new(|| panic!("a destructor")));
            queue(note(&within, 1));
            panic!("a comparison");
        });
        assert_eq!((caught, &*told.borrow()), (None::<()>, &vec![1]));
        assert!(Hold::outermost().is_some());
    }
}
