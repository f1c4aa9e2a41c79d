//! What the caller that writes an entry says of its time.

use std::time::Duration;

/// How long an entry lives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ttl {
    /// As the rules of the cache say.
    ByRule,
    /// As a caller says, whatever the rules.
    For(Duration),
    /// Until the end of the entry that it replaces.
    Kept,
}

/// A caller's options for the time of an entry. [`Lifetimes`](super::lifetimes::Lifetimes) combines
/// them with the rules of the cache.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "macros"), allow(dead_code, reason = "only attributes give all of them"))]
pub(crate) struct TimeOptions {
    pub(crate) ttl: Ttl,
    /// The share of the time to live that is left to chance; `None`: as the rules say.
    pub(crate) jitter: Option<f64>,
    /// The age from which the entry is due.
    pub(crate) refresh_after: Option<Duration>,
    /// The age from which the entry is stale.
    pub(crate) soft_ttl: Option<Duration>,
    /// How long the entry stays beyond its time to live, stale: see
    /// [`Lifetimes::resolve`](super::lifetimes::Lifetimes::resolve).
    pub(crate) grace: Option<Duration>,
}

impl TimeOptions {
    pub(crate) const BY_RULE: TimeOptions = TimeOptions {
        ttl: Ttl::ByRule,
        jitter: None,
        refresh_after: None,
        soft_ttl: None,
        grace: None,
    };

    pub(crate) const KEPT: TimeOptions = TimeOptions { ttl: Ttl::Kept, ..Self::BY_RULE };

    /// Returns the options of an entry that lives for exactly `duration`.
    pub(crate) const fn exactly(duration: Duration) -> Self {
        Self::BY_RULE.with_ttl(duration)
    }

    /// Returns these options for an entry that lives for exactly `duration`.
    pub(crate) const fn with_ttl(self, duration: Duration) -> Self {
        Self { ttl: Ttl::For(duration), jitter: Some(0.0), ..self }
    }

    /// Returns the time to live that a caller has given.
    #[inline(always)]
    pub(crate) fn given_ttl(&self) -> Option<Duration> {
        match self.ttl {
            Ttl::For(duration) => Some(duration),
            Ttl::ByRule | Ttl::Kept => None,
        }
    }
}
