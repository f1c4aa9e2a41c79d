//! What became of the requests of a rule.

use crate::{
    store::{Meter, Outcome},
    table::RuleState,
};

/// What became of the requests of one rule, since the layer was made; comes from
/// [`CacheLayer::stats`](crate::CacheLayer::stats).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleStats {
    /// The rule's name.
    pub rule: String,
    /// Requests that were answered with a fresh response.
    pub hits: u64,
    /// Requests that were answered with a stale response, because the client or the rule allows
    /// that.
    pub stale: u64,
    /// Requests that were answered with a stale response in place of an error.
    pub stale_if_error: u64,
    /// Requests that the handler has answered.
    pub misses: u64,
    /// Requests that got what another request had the handler make at the same time.
    pub collapsed: u64,
    /// Requests for which the handler has confirmed what was stored.
    pub revalidated: u64,
    /// Requests that could not be answered from the cache because of what they are, by the reason,
    /// as `Cache-Status` has it.
    pub bypassed: Vec<(&'static str, u64)>,
    /// Responses that were not stored, by the reason.
    pub unstored: Vec<(&'static str, u64)>,
    /// Responses that are stored. Those that have left the cache count as long as they are being
    /// sent.
    pub entries: u64,
    /// Bytes of these, with their headers.
    pub bytes: u64,
}

impl RuleStats {
    pub(crate) fn of(state: &RuleState) -> Self {
        let meter: &Meter = &state.meter;
        Self {
            rule: state.rule.name.clone(),
            hits: meter.outcome(Outcome::Hit),
            stale: meter.outcome(Outcome::Stale),
            stale_if_error: meter.outcome(Outcome::StaleIfError),
            misses: meter.outcome(Outcome::Miss),
            collapsed: meter.outcome(Outcome::Collapsed),
            revalidated: meter.outcome(Outcome::Revalidated),
            bypassed: meter.bypassed.all(),
            unstored: meter.unstored.all(),
            entries: meter.entries() + meter.errors(),
            bytes: meter.bytes(),
        }
    }
}
