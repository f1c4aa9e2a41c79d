//! Threads that stop at a place of one's choice until they are released.

use larder::hooks::Step;
use std::{
    cell::RefCell,
    hash::{Hash, Hasher},
    sync::{Mutex, MutexGuard, Once, PoisonError, mpsc},
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
    act: Box<dyn FnOnce()>,
}

thread_local! {
    /// Where this thread is to stop, once.
    static STOP: RefCell<Option<Stop>> = const { RefCell::new(None) };
}

/// Makes the stop points of the engine places where threads can be stopped. One test at a time, as
/// long as it keeps what this returns: all caches of a process share their grace periods, so that
/// one test's stopped thread would let another's cache run out of nodes.
pub(crate) fn install() -> MutexGuard<'static, ()> {
    static HOOK: Once = Once::new();
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    HOOK.call_once(|| larder::hooks::install(|step| come_past(At::Step(step))));
    // A test that failed says so itself.
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has this thread do something when it comes to `at` the next time.
pub(crate) fn do_at(at: At, act: impl FnOnce() + 'static) {
    STOP.set(Some(Stop { at, act: Box::new(act) }));
}

/// Whether this thread has yet to come to the place that [`do_at`] named.
pub(crate) fn is_armed() -> bool {
    STOP.with_borrow(Option::is_some)
}

fn come_past(at: At) {
    // A thread that ends may come past stop points after its thread-local values are gone.
    let stop = STOP.try_with(|stop| stop.borrow_mut().take_if(|stop| stop.at == at));
    if let Ok(Some(stop)) = stop {
        (stop.act)();
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
            do_at(at, move || {
                let _ = reached.send(());
                // An error: the test is over.
                let _ = released.recv_timeout(PATIENCE);
            });
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
        come_past(At::Hash);
        self.0.hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        come_past(At::Eq);
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
        come_past(At::Clone);
        Value(self.0.clone())
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        come_past(At::Drop);
    }
}
