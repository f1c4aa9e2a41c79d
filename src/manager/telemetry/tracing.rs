//! Spans and events for a subscriber of the crate `tracing`, at the level `debug`: loads, changes
//! of a cache's health, what is done about pressure, reloads of settings. And, as warnings, tables
//! that only one side of reads and writes names.
//!
//! Fields: `cache.name`; `cache.function`, if an attribute has it loaded; `cache.ttl_ms`, how long
//! the value is to live; `cache.outcome`.

use super::Outcome;
#[cfg(feature = "config")]
use crate::manager::config::Reloaded;
use crate::manager::{Finding, HealthStatus, ManagedCache, memory::PressureEvent};
use std::time::{Duration, Instant};
#[cfg(feature = "macros")]
use tracing::warn;
use tracing::{Span, debug, debug_span, field::Empty};

/// The span of one load. What the loader does is inside.
#[derive(Debug)]
pub(crate) struct LoadSpan {
    span: Span,
    started: Instant,
    outcome: &'static str,
}

impl LoadSpan {
    /// Before the loader runs, which is a cached function of that name, or none.
    pub(crate) fn new(
        cache: &ManagedCache,
        function: Option<&'static str>,
        ttl: Option<Duration>,
    ) -> Self {
        // Looked up only if a subscriber records it. What is out of range has no end.
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
        // Until it is known: who drops this before has panicked, or was dropped.
        Self { span, started: Instant::now(), outcome: "abandoned" }
    }

    /// Runs the loader's code.
    pub(crate) fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        self.span.in_scope(f)
    }

    /// The loader has come to its end.
    pub(crate) fn end(mut self, outcome: Outcome) {
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

/// Something was done about pressure, or could not be.
pub(in super::super) fn pressure(event: &PressureEvent) {
    let (cache, outcome) = match event {
        PressureEvent::Shrank(resized) => (Some(resized.cache.as_str()), "shrank"),
        PressureEvent::Grew(resized) => (Some(resized.cache.as_str()), "grew"),
        PressureEvent::Exhausted { .. } => (None, "exhausted"),
    };
    let reasons = event.to_string();
    debug!(cache.name = cache, cache.outcome = outcome, cache.reasons = reasons, "memory pressure");
}

/// Settings were changed while the caches ran.
#[cfg(feature = "config")]
pub(in super::super) fn reloaded(reloaded: &Reloaded) {
    debug!(
        cache.changed = reloaded.changed.join(", "),
        cache.created = reloaded.created.join(", "),
        "settings reloaded"
    );
}

/// A cached function names a table that no other does.
#[cfg(feature = "macros")]
pub(crate) fn tables(function: &str, warning: &str) {
    warn!(cache.function = function, "{function} {warning}");
}
