//! Whole exchanges: what is stored, its lifetime, and whether it answers a request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_cache_semantics::{BeforeRequest, CacheOptions, CachePolicy};

use super::{choices::Choices, subject};

/// How often which comparison was made.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcomes {
    pub(crate) refused: usize,
    pub(crate) answered: usize,
    pub(crate) not_answered: usize,
}

/// Judges an exchange as `http-cache-semantics` does, in those that it knows.
pub(crate) fn check(choices: &mut Choices<'_>, outcomes: &mut Outcomes) {
    let received = UNIX_EPOCH + Duration::from_secs(1_780_000_000);
    let (status, response) = response(choices, received);
    let mut first = HeaderMap::new();
    if choices.once_in(10) {
        put(&mut first, "authorization", "Basic eDp5");
    }
    if choices.once_in(24) {
        put(&mut first, "cache-control", "no-store");
    }
    let ours = subject::Stored::judge(&first, status, &response, received, received);
    let theirs = policy(&first, status, &response, received);
    let situation = format!("{status} {response:?} to {first:?}");
    let stored = match ours {
        // It stores what is of no use, and what never matches.
        Err("no-freshness" | "vary-star" | "set-cookie") => return,
        Err(reason) => {
            assert!(!theirs.is_storable(), "{reason}: {situation}");
            outcomes.refused += 1;
            return;
        }
        Ok(stored) => stored,
    };
    assert!(theirs.is_storable(), "{situation}");

    let resident = Duration::from_secs(choices.below(110) as u64);
    let now = received + resident;
    let second = request(choices);
    let answers = stored.answers(resident, &second);
    assert!(!answers || resident <= stored.keep(), "{situation}");
    let answered = match theirs.before_request(&get(&second), now) {
        BeforeRequest::Fresh(_) => true,
        BeforeRequest::Stale { matches, .. } => {
            assert!(matches, "{situation}");
            false
        }
    };
    assert_eq!(answers, answered, "{resident:?} after {situation}, for {second:?}");
    if answers {
        outcomes.answered += 1;
        assert_eq!(stored.age(resident), theirs.age(now).as_secs(), "{situation}");
        let ttl = u64::try_from(stored.ttl(resident)).unwrap_or(0);
        assert_eq!(ttl, theirs.time_to_live(now).as_secs(), "{situation}");
    } else {
        outcomes.not_answered += 1;
    }
}

/// Makes a response without what the oracle is wrong about.
fn response(choices: &mut Choices<'_>, received: SystemTime) -> (StatusCode, HeaderMap) {
    let statuses = [200, 200, 200, 203, 204, 300, 301, 302, 307, 308, 404, 405, 410, 414, 501];
    let mut headers = HeaderMap::new();
    let mut directives = Vec::new();
    for name in ["max-age", "s-maxage"] {
        if choices.once_in(3) {
            directives.push(format!("{name}={}", choices.one_of(&["0", "30", "60", "100", "x"])));
        }
    }
    let rare = [("public", 4), ("must-revalidate", 6), ("unknown=1", 6)];
    let forbidding = [("private", 24), ("no-store", 24), ("no-cache", 16)];
    for (name, times) in rare.into_iter().chain(forbidding) {
        if choices.once_in(times) {
            directives.push(name.to_owned());
        }
    }
    if choices.once_in(2) {
        directives.reverse();
    }
    if !directives.is_empty() {
        put(&mut headers, "cache-control", &directives.join(", "));
    } else if choices.once_in(6) {
        put(&mut headers, "pragma", "no-cache");
    }
    let date = |seconds: i64| {
        let time = received.checked_add(Duration::from_secs(seconds.unsigned_abs()));
        let time = if seconds < 0 {
            received.checked_sub(Duration::from_secs(seconds.unsigned_abs()))
        } else {
            time
        };
        httpdate::fmt_http_date(time.unwrap())
    };
    match choices.below(6) {
        0 => put(&mut headers, "expires", &date(choices.one_of(&[-5, 0, 30, 120]))),
        1 => put(&mut headers, "expires", choices.one_of(&["0", "never", "-1"])),
        _ => {}
    }
    // Date can make a response no older than Age: the oracle looks at Age alone.
    let age = choices.one_of(&[0, 0, 5, 20, 70]);
    if age > 0 {
        put(&mut headers, "age", &age.to_string());
    }
    if choices.once_in(2) {
        put(&mut headers, "date", &date(-choices.one_of(&[0, age, age / 2])));
    }
    if choices.once_in(3) {
        put(&mut headers, "last-modified", &date(-choices.one_of(&[0, 100, 1000, 7200])));
    }
    if choices.once_in(4) {
        put(&mut headers, "etag", "\"a\"");
    }
    if choices.once_in(8) {
        put(&mut headers, "vary", choices.one_of(&["*", "x-any"]));
    }
    if choices.once_in(12) {
        put(&mut headers, "set-cookie", "a=b");
    }
    (StatusCode::from_u16(choices.one_of(&statuses)).unwrap(), headers)
}

fn request(choices: &mut Choices<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    match choices.below(8) {
        0 => put(&mut headers, "cache-control", "no-cache"),
        1 => put(&mut headers, "pragma", "no-cache"),
        2 => put(&mut headers, "cache-control", &format!("max-age={}", choices.below(90))),
        3 => put(&mut headers, "cache-control", &format!("min-fresh={}", choices.below(90))),
        4 => put(&mut headers, "cache-control", "no-store, unknown=\"no-cache\""),
        _ => {}
    }
    headers
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
}

fn get(headers: &HeaderMap) -> Request<()> {
    let mut request = Request::new(());
    *request.uri_mut() = http::Uri::from_static("http://localhost/");
    *request.headers_mut() = headers.clone();
    request
}

fn policy(
    request: &HeaderMap,
    status: StatusCode,
    headers: &HeaderMap,
    received: SystemTime,
) -> CachePolicy {
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers.clone();
    let options = CacheOptions { immutable_min_time_to_live: Duration::ZERO, ..Default::default() };
    CachePolicy::new_options(&get(request), &response, received, options)
}
