//! Spans for a subscriber of the crate `tracing`, at the level `debug`.
//!
//! Fields: `cache.rule`; `cache.forward`, why the handler is asked; `cache.outcome`, what became of
//! its response. Never a path or a key: these are many, and may be secret.

use crate::semantics::Forward;
use tracing::{Instrument, Span, debug_span, field::Empty};

/// The span of one request to the handler, which is inside.
#[derive(Clone, Debug)]
pub(crate) struct FetchSpan(Span);

impl FetchSpan {
    pub(crate) fn new(rule: &str, why: Forward) -> Self {
        Self(debug_span!(
            "http_cache.fetch",
            cache.rule = rule,
            cache.forward = why.token(),
            cache.outcome = Empty,
        ))
    }

    /// Polls `future` inside.
    pub(crate) fn around<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        future.instrument(self.0.clone())
    }

    pub(crate) fn end(&self, outcome: &'static str) {
        self.0.record("cache.outcome", outcome);
    }
}
