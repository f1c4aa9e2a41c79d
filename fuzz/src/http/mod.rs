//! What `larder-http` reads of header fields, beside other crates as oracles: the checks of its
//! tests.

#[path = "../../../crates/http/src/semantics/tests/oracles/choices.rs"]
mod choices;
#[path = "../../../crates/http/src/semantics/tests/oracles/dates.rs"]
mod dates;
#[path = "../../../crates/http/src/semantics/tests/oracles/directives.rs"]
mod directives;
#[path = "../../../crates/http/src/semantics/tests/oracles/lists.rs"]
mod lists;
#[path = "../../../crates/http/src/semantics/tests/oracles/numbers.rs"]
mod numbers;
#[path = "../../../crates/http/src/semantics/tests/oracles/policy.rs"]
mod policy;
#[path = "../../../crates/http/src/semantics/tests/oracles/tags.rs"]
mod tags;

use larder_http::internals as subject;

/// Reads directives of requests, responses and targeted fields.
pub fn cache_control(data: &[u8]) {
    directives::check(data);
}

/// Reads `Vary`, and writes secondary keys.
pub fn vary(data: &[u8]) {
    lists::check_vary(data);
}

/// Reads lists, dictionaries and groups.
pub fn structured(data: &[u8]) {
    lists::check_structured(data);
    lists::check_groups(data);
}

/// Reads and writes dates.
pub fn date(data: &[u8]) {
    dates::check(data);
    if let Some(bytes) = data.first_chunk() {
        dates::check_time(u64::from_le_bytes(*bytes));
    }
}

/// Reads and compares entity tags.
pub fn etag(data: &[u8]) {
    tags::check(data);
}

/// Reads `Range` and `Age`.
pub fn numbers(data: &[u8]) {
    numbers::check_range(data);
    numbers::check_age(data);
}

/// Judges whole exchanges.
pub fn policy(data: &[u8]) {
    policy::check(&mut choices::Choices::new(data), &mut policy::Outcomes::default());
}
