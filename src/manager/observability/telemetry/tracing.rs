//! Spans and events for a subscriber of the crate `tracing`, at the level `debug`: loads, changes
//! of a cache's health, resizes because of memory pressure, reloads of settings. Tables that are
//! only read or only written are events at the level `warn`.
//!
//! Fields: `cache.name`; `cache.function`, for loads of a cached function; `cache.ttl_ms`, the
//! value's time to live; `cache.outcome`.

use super::LoadStatus;
use crate::manager::{Finding, HealthStatus, ManagedCache, memory::PressureEvent};
use std::time::{Duration, Instant};
#[cfg(feature = "macros")]
use tracing::warn;
use tracing::{Span, debug, debug_span, field::Empty};

/// The span of one load, which the loader runs in.
#[derive(Debug)]
pub(crate) struct LoadSpan {
    span: Span,
    started: Instant,
    outcome: &'static str,
}

impl LoadSpan {
    /// Opens a span before a loader runs. `function` is the name of the cached function that is the
    /// loader, if it is one.
    pub(crate) fn new(
        cache: &ManagedCache,
        function: Option<&'static str>,
        ttl: Option<Duration>,
    ) -> Self {
        // Read only if a subscriber records it. A time out of range is not recorded.
        let ttl = || {
            let ttl = ttl.or_else(|| cache.settings().time_to_live)?;
            u64::try_from(ttl.as_millis()).ok()
        };
        let span = debug_span!(
            "cache.load",
            cache.name = cache.name(),
            cache.function = function,
            cache.ttl_ms = ttl(),
            cache.outcome = Empty,
        );
        // A loader that panics, or a future that is dropped, leaves this outcome.
        Self { span, started: Instant::now(), outcome: "abandoned" }
    }

    /// Runs code of the loader in the span.
    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        self.span.in_scope(f)
    }

    pub(crate) fn end(mut self, outcome: LoadStatus) {
        self.outcome = match outcome {
            LoadStatus::Loaded => "loaded",
            LoadStatus::Absent => "absent",
            LoadStatus::Failed => "failed",
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

/// Reports that the health of a cache has changed, or of the manager if `cache` is `None`.
pub(crate) fn health_changed(cache: Option<&str>, status: HealthStatus, findings: &[Finding]) {
    let findings: Vec<_> = findings.iter().map(|finding| finding.reason.to_string()).collect();
    debug!(
        cache.name = cache,
        cache.outcome = status.name(),
        cache.reasons = findings.join("; "),
        "health changed"
    );
}

/// Reports a change of a cache's capacity because of memory pressure, or that none is possible.
pub(crate) fn pressure(event: &PressureEvent) {
    let (cache, outcome) = match event {
        PressureEvent::Shrank(resized) => (Some(resized.cache.as_str()), "shrank"),
        PressureEvent::Grew(resized) => (Some(resized.cache.as_str()), "grew"),
        PressureEvent::Exhausted { .. } => (None, "exhausted"),
    };
    let reasons = event.to_string();
    debug!(cache.name = cache, cache.outcome = outcome, cache.reasons = reasons, "memory pressure");
}

/// Reports that settings were reloaded: the names of the caches that changed or are new.
#[cfg(feature = "config")]
pub(crate) fn reloaded(changed: &[String], created: &[String]) {
    debug!(
        cache.changed = changed.join(", "),
        cache.created = created.join(", "),
        "settings reloaded"
    );
}

/// Warns of a table that a function names and no other function does.
#[cfg(feature = "macros")]
pub(crate) fn tables(function: &str, warning: &str) {
    warn!(cache.function = function, "{function} {warning}");
}
