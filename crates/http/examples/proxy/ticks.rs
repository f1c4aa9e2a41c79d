//! Time limits of idle connections, in steps.
//!
//! hyper starts a timer for the head of each request, and ends it when the head is there. A timer
//! of the runtime would be put into its wheel and taken out again thousands of times a second, for
//! a limit that hardly ever passes. Here each connection has one timer, which wakes it at every
//! tick, and a limit is a number of ticks.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use pin_project_lite::pin_project;

/// The clock of one connection, which goes on while [`Ticking`] is polled.
#[derive(Clone, Debug)]
pub(crate) struct Ticks {
    begin: Instant,
    tick: Duration,
    passed: Arc<AtomicU32>,
}

impl Ticks {
    pub(crate) fn new(tick: Duration) -> Self {
        Self { begin: Instant::now(), tick, passed: Arc::default() }
    }

    /// Polls a connection whose limits are measured by this clock, at every tick as well.
    pub(crate) fn drive<F: Future>(&self, connection: F) -> Ticking<F> {
        let next = tokio::time::sleep(self.tick);
        Ticking { connection, next, ticks: self.clone() }
    }
}

impl Timer for Ticks {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let left = deadline.saturating_duration_since(self.begin).as_nanos();
        // One more, since a part of the tick that runs had passed when the limit was set.
        let due = left.div_ceil(self.tick.as_nanos()) + 1;
        let due = u32::try_from(due).unwrap_or(u32::MAX);
        Box::pin(Until { due, passed: Arc::clone(&self.passed) })
    }

    /// The beginning of the tick that runs.
    fn now(&self) -> Instant {
        self.begin + self.tick * self.passed.load(Relaxed)
    }
}

/// Becomes ready after a number of ticks. Each tick polls the connection, so this needs no waker.
#[derive(Debug)]
struct Until {
    due: u32,
    passed: Arc<AtomicU32>,
}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.passed.load(Relaxed) < self.due { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Sleep for Until {}

pin_project! {
    /// A connection and its clock.
    #[derive(Debug)]
    pub(crate) struct Ticking<F> {
        #[pin]
        connection: F,
        #[pin]
        next: tokio::time::Sleep,
        ticks: Ticks,
    }
}

impl<F: Future> Future for Ticking<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        while this.next.as_mut().poll(context).is_ready() {
            this.ticks.passed.fetch_add(1, Relaxed);
            this.next.as_mut().reset(tokio::time::Instant::now() + this.ticks.tick);
        }
        this.connection.poll(context)
    }
}
