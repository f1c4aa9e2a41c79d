//! Threads that stop at a place of one's choice until they are released.

use larder::hooks::Step;
use std::{
    cell::RefCell,
    hash::{Hash, Hasher},
    sync::mpsc,
    thread::{self, JoinHandle},
    time::Duration,
};

/// Nothing here takes that long; who waits longer has found a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Where a thread can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// A stop point of the engine.
    Step(Step),
    /// A key's `Hash`.
    Hash,
    /// A key's `Eq`.
    Eq,
    /// A value's `Clone`.
    Clone,
    /// A value's `Drop`.
    Drop,
}

struct Stop {
    at: At,
    reached: mpsc::Sender<()>,
    released: mpsc::Receiver<()>,
}

thread_local! {
    /// Where this thread is to stop, once.
    static STOP: RefCell<Option<Stop>> = const { RefCell::new(None) };
}

/// Stops the thread if this is the place.
pub(crate) fn stop_here(at: At) {
    // A thread that ends may come past stop points after its thread-local values are gone.
    let stop = STOP.try_with(|stop| stop.borrow_mut().take_if(|stop| stop.at == at));
    if let Ok(Some(Stop { reached, released, .. })) = stop {
        let _ = reached.send(());
        // An error: the test is over.
        let _ = released.recv_timeout(PATIENCE);
    }
}

/// A thread that stands still.
pub(crate) struct Victim {
    release: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Victim {
    /// Runs `act` in a thread until it comes to `at` for the first time. None if it ended without.
    pub(crate) fn spawn(at: At, act: impl FnOnce() + Send + 'static) -> Option<Self> {
        let (reached, reaches) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let thread = thread::spawn(move || {
            STOP.set(Some(Stop { at, reached, released }));
            act();
            // Not there: hangs up, which the spawner notices.
            STOP.take();
        });
        match reaches.recv_timeout(PATIENCE) {
            Ok(()) => Some(Self { release, thread }),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                thread.join().expect("no panic");
                None
            }
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("neither at {at:?} nor at its end"),
        }
    }

    /// Lets it go on, to the end.
    pub(crate) fn release(self) {
        self.release.send(()).expect("it waits");
        self.thread.join().expect("no panic");
    }
}

/// A key at whose methods a thread can be stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(pub(crate) u64);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        stop_here(At::Hash);
        self.0.hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        stop_here(At::Eq);
        self.0 == other.0
    }
}

impl Eq for Key {}

/// A value at whose methods a thread can be stopped; says what it was written for, and by whom.
#[derive(Debug)]
pub(crate) struct Value(Box<(u64, u64)>);

impl Value {
    pub(crate) fn new(key: u64, writer: u64) -> Self {
        Value(Box::new((key, writer)))
    }

    pub(crate) fn key(&self) -> u64 {
        self.0.0
    }

    pub(crate) fn writer(&self) -> u64 {
        self.0.1
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        stop_here(At::Clone);
        Value(self.0.clone())
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        stop_here(At::Drop);
    }
}
