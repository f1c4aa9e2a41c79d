//! Rules that change while requests are served.

use super::Rules;
use arc_swap::{ArcSwap, Guard};
use std::sync::Arc;

/// The rules of a layer: those who look see one set or another, never parts of two.
#[derive(Debug)]
pub(crate) struct LiveRules(ArcSwap<Rules>);

impl LiveRules {
    pub(crate) fn new(rules: Rules) -> Self {
        Self(ArcSwap::from_pointee(rules))
    }

    /// Returns the rules for the moment that a lookup takes. It writes nothing that other threads share.
    pub(crate) fn now(&self) -> Guard<Arc<Rules>> {
        self.0.load()
    }

    /// Returns the rules for as long as a request takes.
    pub(crate) fn keep(&self) -> Arc<Rules> {
        self.0.load_full()
    }

    /// Puts others in their place. Requests that are under way end by those by which they began.
    pub(crate) fn replace(&self, rules: Rules) {
        self.0.store(Arc::new(rules));
    }
}
