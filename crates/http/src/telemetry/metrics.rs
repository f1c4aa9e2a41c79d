//! The rules' numbers for a recorder of the crate `metrics`.

use crate::RuleStats;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const REQUESTS: &str = "http_cache_requests_total";
const UNSTORED: &str = "http_cache_unstored_total";
const BYTES: &str = "http_cache_stored_bytes";
const RESPONSES: &str = "http_cache_stored_responses";

/// Brings the recorder up to date.
pub(crate) fn publish(stats: &[RuleStats]) {
    describe_counter!(
        REQUESTS,
        Unit::Count,
        "Requests, by what they came to, and why if they went past the cache"
    );
    describe_counter!(UNSTORED, Unit::Count, "Responses that were not stored, by the reason");
    describe_gauge!(BYTES, Unit::Bytes, "Bytes of stored responses, with their headers");
    describe_gauge!(RESPONSES, Unit::Count, "Stored responses");
    for stats in stats {
        let rule = || stats.rule.clone();
        for (outcome, requests) in [
            ("hit", stats.hits),
            ("stale", stats.stale),
            ("stale-if-error", stats.stale_if_error),
            ("miss", stats.misses),
            ("collapsed", stats.collapsed),
            ("revalidated", stats.revalidated),
        ] {
            counter!(REQUESTS, "rule" => rule(), "outcome" => outcome).absolute(requests);
        }
        for (reason, requests) in &stats.bypassed {
            counter!(REQUESTS, "rule" => rule(), "outcome" => "bypass", "reason" => *reason)
                .absolute(*requests);
        }
        for (reason, responses) in &stats.unstored {
            counter!(UNSTORED, "rule" => rule(), "reason" => *reason).absolute(*responses);
        }
        gauge!(BYTES, "rule" => rule()).set(stats.bytes as f64);
        gauge!(RESPONSES, "rule" => rule()).set(stats.entries as f64);
    }
}
