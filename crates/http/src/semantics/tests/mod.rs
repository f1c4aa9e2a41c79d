//! Tables of what the standards say. Tests carry the number of the requirement they show.

mod cache_status;
mod conditional;
mod directives;
mod freshness;
mod invalidation;
mod oracles;
mod range;
mod storage;
mod syntax;
mod vary;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::{Exchange, Freshness, Lifetimes, Refusal, RequestFacts, judge};

/// Sun, 06 Nov 1994 08:49:37 GMT
const NOW: u64 = 784_111_777;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Lines of fields, as they are written.
type Lines<'a> = &'a [(&'a str, &'a str)];

/// Returns the time this many seconds after [`NOW`].
fn at(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.checked_add_signed(seconds).unwrap())
}

fn headers(lines: Lines<'_>) -> HeaderMap {
    lines
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        })
        .fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
}

/// An exchange that took no time, at [`NOW`].
const fn instant(now: SystemTime) -> Exchange {
    Exchange { requested: now, received: now }
}

/// Judges a response to a plain GET.
fn judged(lines: Lines<'_>) -> Result<Freshness, Refusal> {
    judged_by(&Lifetimes::default(), StatusCode::OK, lines)
}

fn judged_by(
    lifetimes: &Lifetimes,
    status: StatusCode,
    lines: Lines<'_>,
) -> Result<Freshness, Refusal> {
    let request = RequestFacts { method: &Method::GET, authorized: false, no_store: false };
    judge(&request, status, &headers(lines), lifetimes, instant(at(0)))
}

/// Returns whether a response is stored and fresh at once.
fn is_fresh(lines: Lines<'_>) -> bool {
    judged(lines).is_ok_and(|freshness| freshness.is_fresh(0))
}
