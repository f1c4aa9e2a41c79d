//! The time that the cache under test goes by, while one thread lets it go on and others look.

use crate::history::{Millis, NEVER};
use larder::ManualClock;
use std::{
    sync::atomic::{AtomicU64, Ordering, compiler_fence},
    time::Duration,
};

/// How long entries live, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// For ever, but for those of which somebody says otherwise.
    Endless,
    /// That long.
    ToLive(Millis),
    /// That long, but no longer than that since they were used.
    ToLiveAndIdle(Millis, Millis),
}

/// A clock of the cache's, and what it shows at least and at most.
#[derive(Debug)]
pub struct Hours {
    span: Span,
    clock: ManualClock,
    at_least: AtomicU64,
    at_most: AtomicU64,
}

impl Hours {
    /// A clock that stands still.
    pub fn new(span: Span) -> Self {
        let (at_least, at_most) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { span, clock: ManualClock::new(), at_least, at_most }
    }

    /// What the cache is built with.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Lets time go on; for one thread.
    pub fn advance(&self, by: Millis) {
        add(&self.at_most, by);
        self.clock.advance(Duration::from_millis(by));
        add(&self.at_least, by);
    }

    /// The time, or an earlier one.
    pub fn at_least(&self) -> Millis {
        read(&self.at_least)
    }

    /// The time, or a later one.
    pub fn at_most(&self) -> Millis {
        read(&self.at_most)
    }

    /// When an entry ends at the latest that was written before now.
    pub fn end_by_rule(&self) -> Millis {
        match self.span {
            Span::Endless => NEVER,
            Span::ToLive(live) | Span::ToLiveAndIdle(live, _) => self.at_most() + live,
        }
    }
}

/// Ordered as the readings of `record::Clock`, and for the same reason: x86-64 keeps loads in
/// order, and locked instructions are fences.
fn read(time: &AtomicU64) -> Millis {
    if cfg!(target_arch = "x86_64") {
        compiler_fence(Ordering::SeqCst);
        let now = time.load(Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        now
    } else {
        time.load(Ordering::SeqCst)
    }
}

fn add(time: &AtomicU64, by: Millis) {
    if cfg!(target_arch = "x86_64") {
        compiler_fence(Ordering::SeqCst);
        time.fetch_add(by, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    } else {
        time.fetch_add(by, Ordering::SeqCst);
    }
}
