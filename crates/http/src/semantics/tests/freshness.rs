//! Lifetimes, ages, and what may be done with a response: RFC 9111 4.2, RFC 5861.

use std::time::Duration;

use http::{HeaderName, Method, StatusCode};

use super::{DATE, Lines, at, headers, instant, is_fresh, judged, judged_by};
use crate::semantics::{
    Exchange, Freshness, Lifetimes, Refusal, RequestDirectives, RequestFacts, Use, judge,
    parts::MaxStale,
};

/// Half a minute after [`DATE`].
const EXPIRES: &str = "Sun, 06 Nov 1994 08:50:07 GMT";

fn lifetime(lifetimes: &Lifetimes, lines: Lines<'_>) -> Result<u64, Refusal> {
    judged_by(lifetimes, StatusCode::OK, lines).map(|freshness| freshness.lifetime)
}

#[test]
fn r09_the_first_lifetime_there_is_counts() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let modified = ("last-modified", "Sun, 06 Nov 1994 06:49:37 GMT");
    let cdn = ("cdn-cache-control", "max-age=5");
    let s_maxage = ("cache-control", "max-age=10, s-maxage=20");
    let max_age = ("cache-control", "max-age=10");
    let expires = ("expires", EXPIRES);
    let date = ("date", DATE);
    let rule = Lifetimes {
        default_ttl: seconds(40),
        heuristics: true,
        targeted: vec![HeaderName::from_static("cdn-cache-control")],
        ..Lifetimes::default()
    };
    let overriding = Lifetimes { override_ttl: seconds(50), ..rule.clone() };
    assert_eq!(lifetime(&overriding, &[cdn, s_maxage, expires, date, modified]), Ok(50));
    assert_eq!(lifetime(&rule, &[cdn, s_maxage, expires, date, modified]), Ok(5));
    assert_eq!(lifetime(&rule, &[s_maxage, expires, date, modified]), Ok(20));
    assert_eq!(lifetime(&rule, &[max_age, expires, date, modified]), Ok(10));
    assert_eq!(lifetime(&rule, &[expires, date, modified]), Ok(30));
    assert_eq!(lifetime(&rule, &[date, modified]), Ok(40));
    let guessing = Lifetimes { default_ttl: None, ..rule.clone() };
    assert_eq!(lifetime(&guessing, &[date, modified]), Ok(720));
    // A targeted field without a lifetime: neither Cache-Control nor Expires stand in for it.
    let unlimited = ("cdn-cache-control", "public");
    assert_eq!(lifetime(&rule, &[unlimited, max_age, expires, date]), Ok(40));
    // A field that is not on the list is not looked at.
    assert_eq!(lifetime(&Lifetimes::default(), &[cdn, max_age]), Ok(10));
}

#[test]
fn r09_a_lifetime_of_nothing_is_one_too() {
    let rule = Lifetimes { default_ttl: Some(Duration::from_secs(40)), ..Lifetimes::default() };
    let etag = ("etag", "\"x\"");
    for value in ["max-age=0", "s-maxage=0, max-age=60", "max-age=abc", "max-age=-1"] {
        let future = ("expires", EXPIRES);
        assert_eq!(lifetime(&rule, &[("cache-control", value), future, etag]), Ok(0), "{value}");
    }
}

#[test]
fn r09_expires() {
    let table = [
        (EXPIRES, 30),
        ("Sunday, 06-Nov-94 08:50:07 GMT", 30),
        ("Sun Nov  6 08:50:07 1994", 30),
        ("sun, 06 nov 1994 08:50:07 gmt", 30),
        ("Sun, 21 Nov 2286 04:46:39 GMT", 1 << 31),
        (DATE, 0),
        ("Sun, 06 Nov 1994 08:49:07 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Mon, 01 Jan 1900 00:00:00 GMT", 0),
        // RFC 9111 5.3: what is no date is in the past.
        ("0", 0),
        ("-1", 0),
        ("", 0),
        ("Sun, 06 Nov 1994 08:50:07 UTC", 0),
        ("Sun, 06 Nov 1994 08:50:07 AEST", 0),
        ("Sun, 06 Nov 1994 08:50:07 +0000", 0),
        ("Sun, 06 Nov 1994 08:50:07", 0),
        ("Sun, 06 Nov 94 08:50:07 GMT", 0),
        ("Sun 06 Nov 1994 08:50:07 GMT", 0),
        ("Sun, 06  Nov  1994 08:50:07 GMT", 0),
        ("Sun, 06-Nov-1994 08:50:07 GMT", 0),
        ("Sun, 06 Nov 1994 08.50.07 GMT", 0),
        ("Sun, 06 Nov 1994 8:50:07 GMT", 0),
        ("Sun, 6 Nov 1994 08:50:07 GMT", 0),
        ("Sun, 06 Nov 1994 08:50:07 GMT, x", 0),
        ("Sun, 31 Feb 1995 08:50:07 GMT", 0),
        ("Sun, 06 Nov 1994 25:50:07 GMT", 0),
    ];
    let etag = ("etag", "\"x\"");
    for (value, expected) in table {
        let lines = [("date", DATE), ("expires", value), etag];
        assert_eq!(lifetime(&Lifetimes::default(), &lines), Ok(expected), "{value}");
    }
    let twice = [("date", DATE), ("expires", EXPIRES), ("expires", EXPIRES)];
    assert_eq!(lifetime(&Lifetimes::default(), &twice), Ok(30));
    let other = ("expires", "Sun, 06 Nov 1994 08:51:07 GMT");
    let differ = [("date", DATE), ("expires", EXPIRES), other, etag];
    assert_eq!(lifetime(&Lifetimes::default(), &differ), Ok(0));
}

#[test]
fn r09_expires_counts_from_date_or_else_from_when_the_response_came() {
    let early = ("date", "Sun, 06 Nov 1994 08:49:27 GMT");
    assert_eq!(lifetime(&Lifetimes::default(), &[early, ("expires", EXPIRES)]), Ok(40));
    for date in [None, Some(("date", "yesterday"))] {
        let mut lines = vec![("expires", EXPIRES)];
        lines.extend(date);
        assert_eq!(lifetime(&Lifetimes::default(), &lines), Ok(30));
    }
}

#[test]
fn r09_a_guess_needs_a_status_that_allows_it() {
    let rule = Lifetimes { heuristics: true, ..Lifetimes::default() };
    let lines = [("date", DATE), ("last-modified", "Sun, 06 Nov 1994 06:49:37 GMT")];
    let guessed = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
    for status in (200..600).filter_map(|code| StatusCode::from_u16(code).ok()) {
        let Ok(freshness) = judged_by(&rule, status, &lines) else { continue };
        let expected = if guessed.contains(&status.as_u16()) { 720 } else { 0 };
        assert_eq!(freshness.lifetime, expected, "{status}");
        assert!(!freshness.explicit);
    }
    let public = [lines[0], lines[1], ("cache-control", "public")];
    let status = StatusCode::from_u16(599).unwrap();
    assert_eq!(judged_by(&rule, status, &public).unwrap().lifetime, 720);
    // A day at most, nothing for what was modified in the future, nothing without heuristics.
    let old = [("date", DATE), ("last-modified", "Sun, 06 Nov 1984 08:49:37 GMT")];
    assert_eq!(lifetime(&rule, &old), Ok(86_400));
    let future = [("date", DATE), ("last-modified", "Sun, 06 Nov 2004 08:49:37 GMT")];
    assert_eq!(lifetime(&rule, &future), Ok(0));
    assert_eq!(lifetime(&Lifetimes::default(), &old), Ok(0));
}

#[test]
fn r09_age_is_subtracted() {
    let freshness = judged(&[("cache-control", "max-age=3600"), ("age", "1000")]).unwrap();
    assert_eq!(freshness.ttl(0), 2600);
    assert_eq!(freshness.judge_use(2599, &RequestDirectives::default(), true), Use::Fresh);
    assert_eq!(freshness.judge_use(2600, &RequestDirectives::default(), true), Use::Revalidate);
    let overriding =
        Lifetimes { override_ttl: Some(Duration::from_secs(3600)), ..Lifetimes::default() };
    let freshness = judged_by(&overriding, StatusCode::OK, &[("age", "1000")]).unwrap();
    assert_eq!(freshness.ttl(0), 2600);
}

#[test]
fn r09_age_is_the_first_number_or_nothing() {
    let table: &[(&[&str], u64)] = &[
        (&[], 0),
        (&["7200"], 7200),
        (&["  7200 "], 7200),
        (&["7200, 0"], 7200),
        (&["0, 7200"], 0),
        (&["7200", "0"], 7200),
        (&["0", "7200"], 0),
        (&["2147483648"], 1 << 31),
        (&["99999999999999999999"], 1 << 31),
        // RFC 9111 5.1: what is no number is ignored.
        (&["abc"], 0),
        (&["-7200"], 0),
        (&["7200.0"], 0),
        (&["7200;x=1"], 0),
        (&["\"7200\""], 0),
        (&[""], 0),
        (&[", 7200"], 0),
    ];
    for (values, expected) in table {
        let mut lines = vec![("cache-control", "max-age=3600"), ("etag", "\"x\"")];
        lines.extend(values.iter().map(|value| ("age", *value)));
        assert_eq!(judged(&lines).unwrap().initial_age, *expected, "{values:?}");
    }
}

fn initial_age(lines: Lines<'_>, times: Exchange) -> u64 {
    let request = RequestFacts { method: &Method::GET, authorized: false, no_store: false };
    let mut lines = lines.to_vec();
    lines.push(("cache-control", "max-age=3600"));
    let judged = judge(&request, StatusCode::OK, &headers(&lines), &Lifetimes::default(), times);
    judged.unwrap().initial_age
}

#[test]
fn r11_age_is_the_larger_of_what_the_clock_and_the_caches_say() {
    let now = instant(at(0));
    let earlier = ("date", "Sun, 06 Nov 1994 08:49:17 GMT");
    assert_eq!(initial_age(&[], now), 0);
    assert_eq!(initial_age(&[("date", DATE)], now), 0);
    assert_eq!(initial_age(&[earlier], now), 20);
    assert_eq!(initial_age(&[earlier, ("age", "5")], now), 20);
    assert_eq!(initial_age(&[earlier, ("age", "50")], now), 50);
    // The time that the exchange took counts as age.
    let slow = Exchange { requested: at(-7), received: at(0) };
    assert_eq!(initial_age(&[("date", DATE)], slow), 7);
    assert_eq!(initial_age(&[("age", "5")], slow), 12);
}

#[test]
fn r11_clocks_that_step_never_make_an_age_negative() {
    // The origin's clock is ahead, ours went back while we waited.
    let future = ("date", "Sun, 06 Nov 2044 08:49:37 GMT");
    assert_eq!(initial_age(&[future], instant(at(0))), 0);
    let back = Exchange { requested: at(100), received: at(0) };
    assert_eq!(initial_age(&[("date", DATE)], back), 0);
    assert_eq!(initial_age(&[("age", "3")], back), 3);
    let freshness = judged(&[("cache-control", "max-age=1")]).unwrap();
    assert_eq!(freshness.age(u64::MAX), 1 << 31);
    assert_eq!(freshness.ttl(u64::MAX), 1 - (1 << 31));
}

#[test]
fn r12_statuses_have_lifetimes_of_their_own() {
    // A rule gives each status its own lifetimes; without any, an error is not kept.
    let negative = Lifetimes { default_ttl: Some(Duration::from_secs(5)), ..Lifetimes::default() };
    let judged = |lifetimes: &Lifetimes, status| {
        judged_by(lifetimes, status, &[]).map(|freshness| freshness.lifetime)
    };
    assert_eq!(judged(&negative, StatusCode::NOT_FOUND), Ok(5));
    assert_eq!(judged(&negative, StatusCode::SERVICE_UNAVAILABLE), Ok(5));
    assert_eq!(judged(&Lifetimes::default(), StatusCode::NOT_FOUND), Err(Refusal::NoFreshness));
}

fn fresh(lifetime: u64) -> Freshness {
    judged(&[("cache-control", &format!("max-age={lifetime}"))]).unwrap()
}

#[test]
fn r10_what_a_client_asks_for_is_heeded() {
    let none = RequestDirectives::default();
    let stale = |within| RequestDirectives { max_stale: Some(within), ..none };
    let max_age = |most| RequestDirectives { max_age: Some(most), ..none };
    let min_fresh = |least| RequestDirectives { min_fresh: Some(least), ..none };
    let table = [
        (0, none, Use::Fresh),
        (59, none, Use::Fresh),
        (60, none, Use::Revalidate),
        (0, RequestDirectives { no_cache: true, ..none }, Use::Revalidate),
        // The client's no-store does not concern what is stored already.
        (0, RequestDirectives { no_store: true, ..none }, Use::Fresh),
        (10, max_age(10), Use::Fresh),
        (11, max_age(10), Use::Revalidate),
        (0, max_age(0), Use::Fresh),
        (1, max_age(0), Use::Revalidate),
        (20, min_fresh(40), Use::Fresh),
        (21, min_fresh(40), Use::Revalidate),
        (99, min_fresh(0), Use::Revalidate),
        (99, stale(MaxStale::Any), Use::Stale),
        (70, stale(MaxStale::Within(10)), Use::Stale),
        (71, stale(MaxStale::Within(10)), Use::Revalidate),
        (70, RequestDirectives { max_age: Some(65), ..stale(MaxStale::Any) }, Use::Revalidate),
        (70, RequestDirectives { max_age: Some(75), ..stale(MaxStale::Any) }, Use::Stale),
    ];
    for (resident, request, expected) in table {
        assert_eq!(
            fresh(60).judge_use(resident, &request, true),
            expected,
            "{resident} {request:?}"
        );
    }
}

#[test]
fn r10_a_server_may_ignore_what_clients_ask_for() {
    let demanding = RequestDirectives {
        no_cache: true,
        max_age: Some(0),
        min_fresh: Some(1000),
        max_stale: Some(MaxStale::Any),
        ..RequestDirectives::default()
    };
    assert_eq!(fresh(60).judge_use(59, &demanding, false), Use::Fresh);
    assert_eq!(fresh(60).judge_use(60, &demanding, false), Use::Revalidate);
    let graceful = judged(&[("cache-control", "max-age=60, stale-while-revalidate=9")]).unwrap();
    assert_eq!(graceful.judge_use(60, &demanding, false), Use::StaleWhileRevalidate);
}

#[test]
fn r10_an_immutable_response_is_not_validated_by_reloading() {
    let immutable = judged(&[("cache-control", "max-age=60, immutable")]).unwrap();
    let reload = RequestDirectives { max_age: Some(0), ..RequestDirectives::default() };
    assert_eq!(immutable.judge_use(59, &reload, true), Use::Fresh);
    assert_eq!(immutable.judge_use(60, &reload, true), Use::Revalidate);
    let forced = RequestDirectives { no_cache: true, ..RequestDirectives::default() };
    assert_eq!(immutable.judge_use(0, &forced, true), Use::Revalidate);
}

#[test]
fn r23_grace_while_revalidating() {
    let none = RequestDirectives::default();
    let own = judged(&[("cache-control", "max-age=60, stale-while-revalidate=10")]).unwrap();
    assert_eq!(own.judge_use(60, &none, true), Use::StaleWhileRevalidate);
    assert_eq!(own.judge_use(69, &none, true), Use::StaleWhileRevalidate);
    assert_eq!(own.judge_use(70, &none, true), Use::Revalidate);
    // A client that names the oldest age it takes does not want a stale response.
    let picky = RequestDirectives { max_age: Some(1000), ..none };
    assert_eq!(own.judge_use(65, &picky, true), Use::Revalidate);
    // The response's own grace goes before the rule's.
    let rule = Lifetimes {
        stale_while_revalidate: Some(Duration::from_secs(100)),
        stale_if_error: Some(Duration::from_secs(200)),
        ..Lifetimes::default()
    };
    let by_rule = |value| judged_by(&rule, StatusCode::OK, &[("cache-control", value)]).unwrap();
    assert_eq!(by_rule("max-age=60").judge_use(159, &none, true), Use::StaleWhileRevalidate);
    assert_eq!(by_rule("max-age=60").judge_use(160, &none, true), Use::Revalidate);
    let own = by_rule("max-age=60, stale-while-revalidate=0, stale-if-error=0");
    assert_eq!((own.while_revalidate, own.if_error), (0, 0));
    let wrong = by_rule("max-age=60, stale-while-revalidate=x, stale-if-error");
    assert_eq!((wrong.while_revalidate, wrong.if_error), (0, 0));
}

#[test]
fn r23_grace_when_the_origin_fails() {
    let none = RequestDirectives::default();
    let own = judged(&[("cache-control", "max-age=60, stale-if-error=10")]).unwrap();
    assert!(own.may_stand_in_for_error(0, &none));
    assert!(own.may_stand_in_for_error(69, &none));
    assert!(!own.may_stand_in_for_error(70, &none));
    assert_eq!(own.judge_use(65, &none, true), Use::Revalidate);
    let patient = RequestDirectives { stale_if_error: Some(100), ..none };
    assert!(own.may_stand_in_for_error(159, &patient));
    assert!(!own.may_stand_in_for_error(160, &patient));
    assert!(!fresh(60).may_stand_in_for_error(60, &none));
}

#[test]
fn r23_some_responses_are_never_used_stale() {
    let lax = RequestDirectives {
        max_stale: Some(MaxStale::Any),
        stale_if_error: Some(1000),
        ..RequestDirectives::default()
    };
    let rule = Lifetimes {
        stale_while_revalidate: Some(Duration::from_secs(100)),
        stale_if_error: Some(Duration::from_secs(100)),
        ..Lifetimes::default()
    };
    for value in [
        "max-age=60, must-revalidate",
        "max-age=60, proxy-revalidate",
        "s-maxage=60",
        "max-age=60, must-revalidate, stale-while-revalidate=100, stale-if-error=100",
    ] {
        let freshness = judged_by(&rule, StatusCode::OK, &[("cache-control", value)]).unwrap();
        assert_eq!(freshness.judge_use(59, &lax, true), Use::Fresh, "{value}");
        assert_eq!(freshness.judge_use(60, &lax, true), Use::Revalidate, "{value}");
        assert_eq!(freshness.judge_use(60, &lax, false), Use::Revalidate, "{value}");
        assert!(!freshness.may_stand_in_for_error(60, &lax), "{value}");
        assert_eq!(freshness.keep(), Duration::from_secs(60), "{value}");
    }
    // A rule's lifetime takes the place of s-maxage, not of must-revalidate.
    let overriding = Lifetimes { override_ttl: Some(Duration::from_secs(60)), ..rule };
    let judge =
        |value| judged_by(&overriding, StatusCode::OK, &[("cache-control", value)]).unwrap();
    assert_eq!(judge("s-maxage=1").judge_use(60, &lax, false), Use::StaleWhileRevalidate);
    assert_eq!(judge("must-revalidate").judge_use(60, &lax, false), Use::Revalidate);
}

#[test]
fn r06_no_cache_is_validated_at_each_use() {
    let lax = RequestDirectives { max_stale: Some(MaxStale::Any), ..RequestDirectives::default() };
    let stored = judged(&[("cache-control", "max-age=60, no-cache"), ("etag", "\"x\"")]).unwrap();
    assert_eq!(stored.judge_use(0, &lax, true), Use::Revalidate);
    assert_eq!(stored.judge_use(0, &lax, false), Use::Revalidate);
    assert!(!stored.may_stand_in_for_error(0, &lax));
    // Without a validator there is nothing to be gained.
    let lines = [("cache-control", "max-age=60, no-cache")];
    assert_eq!(judged(&lines), Err(Refusal::NoFreshness));
    let overriding =
        Lifetimes { override_ttl: Some(Duration::from_secs(60)), ..Lifetimes::default() };
    let lines = [("cache-control", "no-cache"), ("etag", "\"x\"")];
    let stored = judged_by(&overriding, StatusCode::OK, &lines).unwrap();
    assert_eq!(stored.judge_use(0, &lax, true), Use::Revalidate);
}

#[test]
fn r09_what_is_of_no_use_is_not_stored() {
    assert_eq!(judged(&[]), Err(Refusal::NoFreshness));
    assert_eq!(judged(&[("cache-control", "max-age=0")]), Err(Refusal::NoFreshness));
    let old = [("cache-control", "max-age=60"), ("age", "60")];
    assert_eq!(judged(&old), Err(Refusal::NoFreshness));
    // RFC 9111 3: nor is what no lifetime, status or directive allows to be stored.
    let found = |status, lines: Lines<'_>| judged_by(&Lifetimes::default(), status, lines).err();
    let etag = ("etag", "\"x\"");
    for status in [StatusCode::FOUND, StatusCode::CREATED, StatusCode::SERVICE_UNAVAILABLE] {
        assert_eq!(found(status, &[etag]), Some(Refusal::NoFreshness), "{status}");
        assert_eq!(
            found(status, &[etag, ("cache-control", "no-cache")]),
            Some(Refusal::NoFreshness)
        );
        assert_eq!(found(status, &[etag, ("cache-control", "public")]), None, "{status}");
        assert_eq!(found(status, &[etag, ("cache-control", "max-age=0")]), None, "{status}");
    }
    // What can be validated, or used while it is stale, is.
    for line in [("etag", "\"x\""), ("last-modified", DATE)] {
        assert_eq!(judged(&[line]).unwrap().lifetime, 0, "{line:?}");
        assert!(!is_fresh(&[line]));
    }
    assert!(judged(&[("cache-control", "max-age=0, stale-while-revalidate=1")]).is_ok());
    assert!(judged(&[("cache-control", "max-age=60, stale-if-error=9"), ("age", "68")]).is_ok());
}

#[test]
fn responses_are_kept_for_as_long_as_they_are_of_use() {
    let keep = |lines: Lines<'_>| judged(lines).unwrap().keep().as_secs();
    let etag = ("etag", "\"x\"");
    assert_eq!(keep(&[("cache-control", "max-age=600")]), 1200);
    assert_eq!(keep(&[("cache-control", "max-age=600"), ("age", "100")]), 1100);
    assert_eq!(keep(&[("cache-control", "max-age=600, stale-if-error=9000")]), 9600);
    assert_eq!(keep(&[("cache-control", "max-age=600, must-revalidate")]), 600);
    assert_eq!(keep(&[("cache-control", "max-age=600, must-revalidate"), etag]), 1200);
    assert_eq!(keep(&[("cache-control", "no-cache"), etag]), 60);
    assert_eq!(keep(&[("cache-control", "max-age=99999999999")]), (1 << 31) + 86_400);
}
