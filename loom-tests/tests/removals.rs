//! The channel of removals: `src/removals.rs`.
#![cfg(larder_loom)]

use larder::doors::removal_channel;
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Notes that it was woken. (Who reads it has joined the sender.)
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

/// One sends while the other looks, and waits: it gets the removal, or is woken for it.
#[test]
fn who_waits_is_woken() {
    loom::model(|| {
        let (sender, mut removals) = removal_channel();
        let thread = loom::thread::spawn(move || {
            sender.send(1);
            // What the end of the last sender does is another matter.
            std::mem::forget(sender);
        });
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let polled = pin!(removals.recv_async()).poll(&mut Context::from_waker(&waker));
        thread.join().unwrap();
        match polled {
            Poll::Ready(removal) => assert_eq!(removal.map(|removal| removal.key), Some(1)),
            Poll::Pending => {
                assert!(woken.0.load(SeqCst), "it sleeps for ever");
                assert_eq!(removals.try_recv().map(|removal| removal.key), Some(1));
            }
        }
    });
}

/// The sender goes away while the other waits: it is woken, and sees the end.
#[test]
fn the_end_wakes_who_waits() {
    loom::model(|| {
        let (sender, mut removals) = removal_channel();
        let thread = loom::thread::spawn(move || drop(sender));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut context = Context::from_waker(&waker);
        let polled = pin!(removals.recv_async()).poll(&mut context);
        thread.join().unwrap();
        if polled.is_pending() {
            assert!(woken.0.load(SeqCst), "it sleeps for ever");
            assert_eq!(pin!(removals.recv_async()).poll(&mut context), Poll::Ready(None));
        }
    });
}
