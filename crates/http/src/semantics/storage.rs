//! Whether a response may be stored, and for how long it is fresh (RFC 9111 3 and 4.2.1).

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, Method, StatusCode, header};

use super::{
    directives::ResponseDirectives,
    freshness::Freshness,
    syntax::{
        date, only_line,
        seconds::{MOST_SECONDS, delta_seconds},
        trim,
    },
    vary::Vary,
};

/// The part of the time since the last modification for which a response is guessed to be fresh.
const HEURISTIC_PART: u64 = 10;
/// The longest such guess, in seconds.
const LONGEST_GUESS: u64 = 86_400;

/// What a rule says of the lifetimes of responses. All of it is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// The lifetime, whatever the response says. What forbids storing forbids it still, and so does
    /// `no-cache`.
    pub(crate) override_ttl: Option<Duration>,
    /// The lifetime of responses that say nothing of theirs.
    pub(crate) default_ttl: Option<Duration>,
    /// Responses without any other lifetime get one from their last modification.
    pub(crate) heuristics: bool,
    /// For how long a response may be used after its end while it is revalidated, unless it says
    /// so itself.
    pub(crate) stale_while_revalidate: Option<Duration>,
    /// For how long a response may be used after its end if the origin fails, unless it says so
    /// itself.
    pub(crate) stale_if_error: Option<Duration>,
    /// The targeted fields that count for this cache, the most specific first (RFC 9213).
    pub(crate) targeted: Vec<HeaderName>,
    /// Responses that set cookies are stored, without the fields that do.
    pub(crate) strip_set_cookie: bool,
}

/// What matters of a request when its response may be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestFacts<'a> {
    pub(crate) method: &'a Method,
    /// The request carries credentials, and the key has no user.
    pub(crate) authorized: bool,
    /// The request says `no-store`.
    pub(crate) no_store: bool,
}

/// When a request was sent and its response received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    pub(crate) requested: SystemTime,
    pub(crate) received: SystemTime,
}

/// Why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum Refusal {
    /// Responses to this method are not stored.
    Method,
    /// The status code is about the request, not about the resource.
    Status,
    /// The response is a part.
    PartialContent,
    /// The response wants to be understood, and its status code is unknown.
    NotUnderstood,
    /// The request forbids it.
    RequestNoStore,
    /// The response forbids it.
    NoStore,
    /// The response is for one user.
    Private,
    /// The request carried credentials, and the response does not say that it may be shared.
    Authorization,
    /// The response sets cookies.
    SetCookie,
    /// The response depends on everything.
    VaryStar,
    /// The response is a stream of events.
    EventStream,
    /// The response is stale from the start, and cannot be validated; or it has no lifetime, and
    /// its status is none that may be stored without.
    NoFreshness,
}

impl Refusal {
    /// Returns the token for the `detail` of `Cache-Status`.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Status => "status",
            Self::PartialContent => "partial-content",
            Self::NotUnderstood => "not-understood",
            Self::RequestNoStore => "request-no-store",
            Self::NoStore => "no-store",
            Self::Private => "private",
            Self::Authorization => "authorization",
            Self::SetCookie => "set-cookie",
            Self::VaryStar => "vary-star",
            Self::EventStream => "event-stream",
            Self::NoFreshness => "no-freshness",
        }
    }
}

/// Decides whether a shared cache may store a response, and until when it is what.
///
/// The lifetime is the first there is of: the rule's override, the targeted field's, `s-maxage`,
/// `max-age`, `Expires` less `Date`, the rule's default, a tenth of the time since the last
/// modification.
///
/// # Errors
///
/// The first reason not to store it.
pub(crate) fn judge(
    request: &RequestFacts<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    lifetimes: &Lifetimes,
    times: Exchange,
) -> Result<Freshness, Refusal> {
    let targeted = ResponseDirectives::targeted(headers, &lifetimes.targeted);
    let is_targeted = targeted.is_some();
    let directives = targeted.unwrap_or_else(|| ResponseDirectives::of(headers));
    refuse(request, status, headers, lifetimes, &directives).map_or(Ok(()), Err)?;

    let date = date_of(headers, times.received);
    let explicit = seconds_of(lifetimes.override_ttl)
        .or(directives.s_maxage)
        .or(directives.max_age)
        .or_else(|| if is_targeted { None } else { expires(headers, date, times.received) })
        .or(seconds_of(lifetimes.default_ttl));
    let guessed = || {
        let allowed = directives.public || is_heuristically_cacheable(status);
        (lifetimes.heuristics && allowed).then(|| guess(headers, date, times.received)).flatten()
    };
    // The override takes the place of s-maxage, and so of what s-maxage forbids.
    let must_revalidate = if lifetimes.override_ttl.is_some() {
        directives.must_revalidate || directives.proxy_revalidate
    } else {
        directives.forbids_stale()
    };
    let grace = |own: Option<u64>, rule: Option<Duration>| {
        if must_revalidate { 0 } else { own.or(seconds_of(rule)).unwrap_or(0) }
    };
    let freshness = Freshness {
        initial_age: initial_age(headers, date, times),
        lifetime: explicit.or_else(guessed).unwrap_or(0),
        while_revalidate: grace(
            directives.stale_while_revalidate,
            lifetimes.stale_while_revalidate,
        ),
        if_error: grace(directives.stale_if_error, lifetimes.stale_if_error),
        must_revalidate,
        always_revalidate: directives.no_cache,
        immutable: directives.immutable,
        explicit: explicit.is_some(),
        has_validator: headers.contains_key(header::ETAG)
            || headers.contains_key(header::LAST_MODIFIED),
    };
    // RFC 9111 3: nothing says that a response with this status may be stored.
    let permitted = freshness.explicit || directives.public || is_heuristically_cacheable(status);
    if permitted && freshness.is_of_use() { Ok(freshness) } else { Err(Refusal::NoFreshness) }
}

/// Returns the fields to store: without those that belong to the connection, those that may not
/// be shared, and `Age`, which is computed anew; with `Date`, if there was none (RFC 9110 6.6.1).
pub(crate) fn stored_fields(
    headers: &HeaderMap,
    lifetimes: &Lifetimes,
    received: SystemTime,
) -> HeaderMap {
    let directives = ResponseDirectives::targeted(headers, &lifetimes.targeted)
        .unwrap_or_else(|| ResponseDirectives::of(headers));
    let mut stored = headers.clone();
    super::fields::strip_hop_by_hop(&mut stored);
    stored.remove(header::AGE);
    for name in directives.withheld() {
        stored.remove(name);
    }
    if lifetimes.strip_set_cookie {
        for name in SET_COOKIE {
            stored.remove(name);
        }
    }
    stored.entry(header::DATE).or_insert_with(|| date::format(received));
    stored
}

const SET_COOKIE: [&str; 2] = ["set-cookie", "set-cookie2"];

fn refuse(
    request: &RequestFacts<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    lifetimes: &Lifetimes,
    directives: &ResponseDirectives,
) -> Option<Refusal> {
    let understood = directives.must_understand && is_understood(status);
    if *request.method != Method::GET {
        Some(Refusal::Method)
    } else if status == StatusCode::PARTIAL_CONTENT {
        Some(Refusal::PartialContent)
    } else if is_about_the_request(status) {
        Some(Refusal::Status)
    } else if directives.must_understand && !understood {
        Some(Refusal::NotUnderstood)
    } else if request.no_store {
        Some(Refusal::RequestNoStore)
    } else if directives.no_store && !understood {
        Some(Refusal::NoStore)
    } else if directives.private {
        Some(Refusal::Private)
    } else if request.authorized && !directives.permits_authorized() {
        Some(Refusal::Authorization)
    } else if !lifetimes.strip_set_cookie && sets_cookies(headers, directives) {
        Some(Refusal::SetCookie)
    } else if Vary::of(headers) == Vary::Any {
        Some(Refusal::VaryStar)
    } else if is_event_stream(headers) {
        Some(Refusal::EventStream)
    } else {
        None
    }
}

/// Returns whether cookies would be stored. A field that the origin withholds from sharing is none.
fn sets_cookies(headers: &HeaderMap, directives: &ResponseDirectives) -> bool {
    SET_COOKIE
        .iter()
        .any(|&name| headers.contains_key(name) && !directives.withheld().any(|one| one == name))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        let media_type = value.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default();
        trim(media_type).eq_ignore_ascii_case(b"text/event-stream")
    })
}

/// Returns whether a status is an interim one, or answers what only this request contained: its
/// conditions, its ranges, its credentials for a proxy, its size, its haste.
fn is_about_the_request(status: StatusCode) -> bool {
    status.is_informational()
        || matches!(status.as_u16(), 304 | 407 | 408 | 412 | 416 | 417 | 421 | 425 | 428 | 431)
}

/// Returns whether responses with this status may have a heuristic lifetime: RFC 9110 15.1.
pub(crate) fn is_heuristically_cacheable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Returns whether the rules for caching this status are known and heeded.
fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=205
            | 300..=303
            | 305
            | 307
            | 308
            | 400..=406
            | 409..=411
            | 413..=415
            | 422
            | 426
            | 429
            | 451
            | 500..=505
    )
}

fn seconds_of(duration: Option<Duration>) -> Option<u64> {
    duration.map(|duration| duration.as_secs().min(MOST_SECONDS))
}

/// Returns when the origin made the response, or when it was received if it does not say so
/// (RFC 9110 6.6.1).
pub(crate) fn date_of(headers: &HeaderMap, received: SystemTime) -> SystemTime {
    headers
        .get(header::DATE)
        .and_then(|value| date::parse(trim(value.as_bytes()), received))
        .unwrap_or(received)
}

/// Returns the lifetime by `Expires`, if there is one. An invalid one, or several that differ, is
/// in the past (RFC 9111 5.3).
fn expires(headers: &HeaderMap, date: SystemTime, received: SystemTime) -> Option<u64> {
    let mut lines = headers.get_all(header::EXPIRES).iter().map(|line| trim(line.as_bytes()));
    let first = lines.next()?;
    let end = if lines.all(|line| line == first) { date::parse(first, received) } else { None };
    let end = end.map_or(i64::MIN, date::to_seconds);
    let lifetime = end.saturating_sub(date::to_seconds(date)).max(0);
    Some(lifetime.unsigned_abs().min(MOST_SECONDS))
}

/// Guesses a lifetime from the last modification (RFC 9111 4.2.2).
fn guess(headers: &HeaderMap, date: SystemTime, received: SystemTime) -> Option<u64> {
    let modified = date::parse(only_line(headers, &header::LAST_MODIFIED)?, received)?;
    let unchanged_for = date.duration_since(modified).ok()?.as_secs();
    Some((unchanged_for / HEURISTIC_PART).min(LONGEST_GUESS))
}

/// Returns `corrected_initial_age` of RFC 9111 4.2.3. Clocks that go backwards make it 0, no less.
fn initial_age(headers: &HeaderMap, date: SystemTime, times: Exchange) -> u64 {
    let since =
        |earlier| times.received.duration_since(earlier).map_or(0, |distance| distance.as_secs());
    let apparent = since(date);
    let corrected = age_value(headers).saturating_add(since(times.requested));
    apparent.max(corrected).min(MOST_SECONDS)
}

/// Reads `Age`. Of a list the first member counts, and what is no number counts for nothing
/// (RFC 9111 5.1).
pub(crate) fn age_value(headers: &HeaderMap) -> u64 {
    headers
        .get(header::AGE)
        .and_then(|value| {
            let first = value.as_bytes().split(|&byte| byte == b',').next()?;
            delta_seconds(trim(first))
        })
        .unwrap_or(0)
}
