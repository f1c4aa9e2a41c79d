//! Guards: loads that the caller brings to their end by hand.

#[path = "../common/mod.rs"]
mod common;
mod contended;
mod outcomes;
mod replacing;
mod superseded;
mod waiting;

use larder::{Cache, LoadGuard, LoadOutcome, Maintenance, ManualClock};
use std::{
    fmt::Debug,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

type Numbers = Cache<u32, u32>;
type Guard = LoadGuard<u32, u32>;
type Found = Result<u32, Guard>;

const SECOND: Duration = Duration::from_secs(1);

/// The key of most tests.
const KEY: u32 = 1;

fn cache() -> Numbers {
    Cache::new(100)
}

/// A cache whose time stands still, with nobody in the background.
fn timed() -> (Numbers, ManualClock) {
    let clock = ManualClock::new();
    let cache = Cache::builder()
        .max_capacity(100)
        .clock(&clock)
        .maintenance(Maintenance::Manual)
        .time_to_live(10 * SECOND)
        .build();
    (cache, clock)
}

/// Counts how often a task was woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A future that is polled by hand.
struct Task<'f, T> {
    future: Pin<Box<dyn Future<Output = T> + Send + 'f>>,
    woken: Arc<Woken>,
}

impl<'f, T> Task<'f, T> {
    fn new(future: impl Future<Output = T> + Send + 'f) -> Self {
        Self { future: Box::pin(future), woken: Arc::default() }
    }

    fn poll(&mut self) -> Option<T> {
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    fn woken(&self) -> u32 {
        self.woken.0.load(SeqCst)
    }
}

impl<T: Debug> Task<'_, T> {
    /// Polled without success.
    fn waiting(mut self) -> Self {
        let polled = self.poll();
        assert!(polled.is_none(), "{polled:?}");
        self
    }

    /// What it has come to, now that it was woken.
    fn end(mut self) -> T {
        assert!(self.woken() > 0, "nobody has woken it");
        self.poll().expect("it was woken for nothing")
    }
}

/// A call that waits.
fn waiting(cache: &Numbers) -> Task<'_, Found> {
    Task::new(cache.get_or_guard_async(KEY)).waiting()
}

/// The guard of a key that nobody loads.
#[track_caller]
fn guard(cache: &Numbers) -> Guard {
    // Not the method that blocks: a load that was forgotten is to fail the test, not to hang it.
    let found = Task::new(cache.get_or_guard_async(KEY)).poll();
    found.expect("somebody loads it").expect_err("there is a value")
}

#[track_caller]
fn stored(guard: Guard, value: u32) {
    assert_eq!(guard.insert(value), LoadOutcome::Stored);
}

mod types {
    use super::*;
    use static_assertions::{assert_impl_all, assert_not_impl_any};
    use std::{cell::Cell, rc::Rc};

    assert_impl_all!(Guard: Send, Sync, Unpin, Debug);
    assert_impl_all!(LoadGuard<String, Vec<u8>>: Send, Sync);
    assert_not_impl_any!(Guard: Clone);
    assert_not_impl_any!(LoadGuard<u32, Cell<u32>>: Send, Sync);
    assert_not_impl_any!(LoadGuard<Rc<u32>, u32>: Send, Sync);

    fn sent<F: Future + Send>(future: F) -> F {
        future
    }

    #[test]
    fn futures_are_small_and_can_be_sent() {
        const BYTES: usize = 64;
        let cache = cache();
        let plain = sent(cache.get_or_guard_async(KEY));
        assert!(size_of_val(&plain) <= BYTES, "{}", size_of_val(&plain));
        let least = 2;
        let accepting = sent(cache.get_or_guard_if_async(KEY, |value| *value >= least));
        assert!(size_of_val(&accepting) <= BYTES, "{}", size_of_val(&accepting));
        assert!(size_of::<Found>() <= 2 * size_of::<usize>(), "{}", size_of::<Found>());
    }
}
