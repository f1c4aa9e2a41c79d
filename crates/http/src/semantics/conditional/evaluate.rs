//! Conditions of clients (RFC 9110 13.2).

use http::{HeaderMap, Method, StatusCode, header};

use super::{Validators, etag};
use crate::semantics::syntax::{date, only_line, trim};

/// What becomes of a request with conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Answer as if there were none.
    Proceed,
    /// Answer 304: the client has this response.
    NotModified,
}

/// Evaluates the conditions of a request against a stored response.
///
/// `If-None-Match` goes before `If-Modified-Since`. `If-Match` and `If-Unmodified-Since` are for
/// origins, not for caches (RFC 9111 4.3.2). Conditions count only for what would be a success.
///
/// A request without conditions costs two look-ups.
pub(crate) fn evaluate(
    method: &Method,
    request: &HeaderMap,
    status: StatusCode,
    validators: &Validators,
) -> Condition {
    let none_match = request.contains_key(header::IF_NONE_MATCH);
    if !none_match && !request.contains_key(header::IF_MODIFIED_SINCE) {
        return Condition::Proceed;
    }
    if !matches!(*method, Method::GET | Method::HEAD) || !status.is_success() {
        return Condition::Proceed;
    }
    let same = if none_match {
        matches_any(request, validators)
    } else {
        unmodified_since(request, validators)
    };
    if same { Condition::NotModified } else { Condition::Proceed }
}

fn matches_any(request: &HeaderMap, validators: &Validators) -> bool {
    let lines = || request.get_all(header::IF_NONE_MATCH).iter().map(|line| line.as_bytes());
    if lines().any(|line| trim(line) == b"*") {
        return true;
    }
    let Some(stored) = validators.entity_tag() else { return false };
    lines().flat_map(etag::listed).any(|tag| tag.equivalent(&stored))
}

fn unmodified_since(request: &HeaderMap, validators: &Validators) -> bool {
    // RFC 9111 4.3.2: without Last-Modified, Date stands in for it.
    let changed = validators.modified.unwrap_or(validators.dated);
    only_line(request, &header::IF_MODIFIED_SINCE)
        .and_then(|value| date::parse(value, validators.dated))
        .is_some_and(|since| date::to_seconds(changed) <= date::to_seconds(since))
}
