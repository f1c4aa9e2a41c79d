//! Ranges of a complete response (RFC 9110 14).

use std::ops::Range;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{
    conditional::{EntityTag, Validators},
    syntax::{date, only_line, trim},
};

/// What part of a stored response a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ranged {
    /// All of it, with 200.
    Full,
    /// These bytes, with 206.
    Part(Range<u64>),
    /// Nothing, with 416.
    NotSatisfiable,
}

/// Decides which bytes of a complete response of `length` bytes a request gets.
///
/// One range is served; several, other units than bytes and what is malformed get all of it, as
/// RFC 9110 14.2 allows. `If-Range` has to match strongly. A request without `Range` costs one
/// look-up.
pub(crate) fn select(
    method: &Method,
    request: &HeaderMap,
    status: StatusCode,
    length: u64,
    validators: &Validators,
) -> Ranged {
    if !request.contains_key(header::RANGE)
        || *method != Method::GET
        || status != StatusCode::OK
        || !unchanged(request, validators)
    {
        return Ranged::Full;
    }
    only_line(request, &header::RANGE)
        .and_then(single_range)
        .map_or(Ranged::Full, |range| range.within(length))
}

/// Writes `Content-Range` for a part of a response of `length` bytes.
pub(crate) fn content_range(part: &Range<u64>, length: u64) -> HeaderValue {
    let last = part.end.saturating_sub(1);
    text(format!("bytes {}-{last}/{length}", part.start))
}

/// Writes `Content-Range` for a 416.
pub(crate) fn unsatisfied_range(length: u64) -> HeaderValue {
    text(format!("bytes */{length}"))
}

fn text(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("letters, digits and punctuation are allowed")
}

/// Returns whether `If-Range` matches, or is absent: RFC 9110 13.1.5.
fn unchanged(request: &HeaderMap, validators: &Validators) -> bool {
    if !request.contains_key(header::IF_RANGE) {
        return true;
    }
    let Some(value) = only_line(request, &header::IF_RANGE) else { return false };
    if let Some(tag) = EntityTag::parse(value) {
        return validators.entity_tag().is_some_and(|stored| stored.same_bytes(&tag));
    }
    validators
        .strong_last_modified()
        .is_some_and(|modified| date::parse(value, modified) == Some(modified))
}

/// A range as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RangeSpec {
    /// From one position to another, both included.
    Between(u64, u64),
    /// From a position to the end.
    From(u64),
    /// The last bytes.
    Last(u64),
}

impl RangeSpec {
    fn within(self, length: u64) -> Ranged {
        let (start, end) = match self {
            Self::Between(start, last) => (start, last.saturating_add(1).min(length)),
            Self::From(start) => (start, length),
            Self::Last(0) => return Ranged::NotSatisfiable,
            // The last bytes of nothing are nothing, which no 206 can express.
            Self::Last(_) if length == 0 => return Ranged::Full,
            Self::Last(count) => (length.saturating_sub(count), length),
        };
        if start < length { Ranged::Part(start..end) } else { Ranged::NotSatisfiable }
    }
}

/// Reads a set with a single range of bytes.
fn single_range(value: &[u8]) -> Option<RangeSpec> {
    let equals = value.iter().position(|&byte| byte == b'=')?;
    let (unit, set) = (&value[..equals], &value[equals + 1..]);
    if !unit.eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    let mut ranges = set.split(|&byte| byte == b',').map(trim).filter(|range| !range.is_empty());
    let range = ranges.next()?;
    if ranges.next().is_some() {
        return None;
    }
    let dash = range.iter().position(|&byte| byte == b'-')?;
    match (&range[..dash], &range[dash + 1..]) {
        (b"", last) => number(last).map(RangeSpec::Last),
        (first, b"") => number(first).map(RangeSpec::From),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(RangeSpec::Between(first, last))
        }
    }
}

/// Reads a number, of which the largest stands for all larger ones.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |number: u64, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}
