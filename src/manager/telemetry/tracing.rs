//! Spans and events for a subscriber of the crate `tracing`: of loads and of what becomes of a cache's
//! health, at the level `debug`.
//!
//! Fields: `cache.name`; `cache.ttl_ms`, how long the value is to live; `cache.outcome`.

use super::Outcome;
use crate::manager::{Finding, HealthStatus, ManagedCache};
use std::{
    future::Future,
    pin::pin,
    time::{Duration, Instant},
};
use tracing::{Span, debug, debug_span, field::Empty};

/// The span of one load. What the loader does is inside.
#[derive(Debug)]
pub(in super::super) struct LoadSpan {
    span: Span,
    started: Instant,
    outcome: &'static str,
}

impl LoadSpan {
    /// Before the loader runs.
    pub(in super::super) fn new(cache: &ManagedCache, ttl: Option<Duration>) -> Self {
        // Looked up if somebody wants to know. What is out of range has no end.
        let ttl = || {
            let ttl = ttl.or_else(|| cache.settings().time_to_live)?;
            u64::try_from(ttl.as_millis()).ok()
        };
        let span = debug_span!(
            "cache.load",
            cache.name = cache.name(),
            cache.ttl_ms = ttl(),
            cache.outcome = Empty,
        );
        // Until it is known: who drops this before has panicked, or was dropped.
        Self { span, started: Instant::now(), outcome: "abandoned" }
    }

    /// Runs the loader.
    pub(in super::super) fn run<T>(
        mut self,
        load: impl FnOnce() -> T,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> T {
        let loaded = self.span.in_scope(load);
        self.end(outcome(&loaded));
        loaded
    }

    /// Polls the loader to its end.
    pub(in super::super) async fn follow<T, F: Future<Output = T>>(
        mut self,
        load: F,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> T {
        let mut load = pin!(load);
        let loaded =
            std::future::poll_fn(|context| self.span.in_scope(|| load.as_mut().poll(context)))
                .await;
        self.end(outcome(&loaded));
        loaded
    }

    fn end(&mut self, outcome: Outcome) {
        self.outcome = match outcome {
            Outcome::Loaded => "loaded",
            Outcome::Absent => "absent",
            Outcome::Failed => "failed",
        };
    }
}

impl Drop for LoadSpan {
    fn drop(&mut self) {
        self.span.record("cache.outcome", self.outcome);
        let took = self.started.elapsed().as_micros() as u64;
        debug!(parent: &self.span, cache.outcome = self.outcome, cache.load_us = took, "load ended");
    }
}

/// A cache, or the manager if no cache is named, is better or worse than before.
pub(in super::super) fn health_changed(
    cache: Option<&str>,
    status: HealthStatus,
    findings: &[Finding],
) {
    let findings: Vec<_> = findings.iter().map(|finding| finding.reason.to_string()).collect();
    debug!(
        cache.name = cache,
        cache.outcome = status.name(),
        cache.reasons = findings.join("; "),
        "health changed"
    );
}
