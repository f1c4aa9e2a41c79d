//! Conditions and validation: RFC 9110 13, RFC 9111 4.3.

use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::{DATE, Lines, at, headers};
use crate::semantics::{
    Condition, Freshened, HeadEffect, Validators, evaluate, freshen, head_effect, make,
    parts::EntityTag,
};

const EARLIER: &str = "Sun, 06 Nov 1994 08:00:00 GMT";
const LATER: &str = "Sun, 06 Nov 1994 09:00:00 GMT";

fn validators(lines: Lines<'_>) -> Validators {
    Validators::of(&headers(lines), at(0))
}

/// Returns whether a GET with these conditions is answered with 304.
fn not_modified(stored: Lines<'_>, conditions: Lines<'_>) -> bool {
    let request = headers(conditions);
    let condition = evaluate(&Method::GET, &request, StatusCode::OK, &validators(stored));
    condition == Condition::NotModified
}

#[test]
fn r14_entity_tags_are_read_strictly() {
    let valid: &[(&[u8], bool)] = &[
        (b"\"\"", false),
        (b"\"abc\"", false),
        (b"W/\"abc\"", true),
        (b"  \"abc\"\t", false),
        (b"\"a,b\"", false),
        (b"\"a\\\"", false),
        (b"\"!#$%&'()\"", false),
        (b"\"\xfc\"", false),
    ];
    for (value, weak) in valid {
        assert_eq!(EntityTag::parse(value).map(|tag| tag.weak), Some(*weak), "{value:?}");
    }
    let invalid: &[&[u8]] = &[
        b"",
        b"\"",
        b"abc",
        b"\"abc",
        b"abc\"",
        b"\"a\"b\"",
        b"\"a b\"",
        b"\"a\tb\"",
        b"\"a\x7f\"",
        b"w/\"abc\"",
        b"W\"abc\"",
        b"W\\\"abc\"",
        b"W/ \"abc\"",
        b"W/abc",
        b"\"a\", \"b\"",
        b"*",
    ];
    for value in invalid {
        assert_eq!(EntityTag::parse(value), None, "{value:?}");
    }
}

#[test]
fn r14_entity_tags_are_compared_weakly_and_strongly() {
    // RFC 9110 8.8.3.2 has this table.
    let table = [
        ("W/\"1\"", "W/\"1\"", false, true),
        ("W/\"1\"", "W/\"2\"", false, false),
        ("W/\"1\"", "\"1\"", false, true),
        ("\"1\"", "\"1\"", true, true),
        ("\"a\"", "\"A\"", false, false),
    ];
    for (left, right, strong, weak) in table {
        let tags = [left, right].map(|tag| EntityTag::parse(tag.as_bytes()).unwrap());
        assert_eq!(tags[0].same_bytes(&tags[1]), strong, "{left} {right}");
        assert_eq!(tags[1].same_bytes(&tags[0]), strong, "{left} {right}");
        assert_eq!(tags[0].equivalent(&tags[1]), weak, "{left} {right}");
    }
}

#[test]
fn r14_if_none_match() {
    let etag = [("etag", "\"abc\"")];
    for value in [
        "\"abc\"",
        "W/\"abc\"",
        "\"abc\", \"x\"",
        "\"x\", \"abc\", \"y\"",
        "\"x\",\"y\",\"abc\"",
        ", ,\"abc\",",
        "\"a,b\", \"abc\"",
        "*",
        " * ",
    ] {
        assert!(not_modified(&etag, &[("if-none-match", value)]), "{value}");
    }
    for value in ["\"x\"", "abc", "", "\"abc", "\"ab\"", "x, \"abc\"", "\"x\" \"abc\"", "**"] {
        assert!(!not_modified(&etag, &[("if-none-match", value)]), "{value}");
    }
    assert!(not_modified(&etag, &[("if-none-match", "\"x\""), ("if-none-match", "\"abc\"")]));
    assert!(not_modified(&etag, &[("if-none-match", "\"x\""), ("if-none-match", "*")]));
    assert!(not_modified(&[("etag", "W/\"abc\"")], &[("if-none-match", "\"abc\"")]));
    assert!(not_modified(&[("etag", "\"\u{fc}\"")], &[("if-none-match", "\"\u{fc}\"")]));
    // Without a valid tag of the response only the asterisk matches.
    for stored in [&[][..], &[("etag", "abc")]] {
        assert!(!not_modified(stored, &[("if-none-match", "abc")]));
        assert!(!not_modified(stored, &[("if-none-match", "\"abc\"")]));
        assert!(not_modified(stored, &[("if-none-match", "*")]));
    }
}

#[test]
fn r14_if_modified_since() {
    let stored = [("last-modified", EARLIER), ("date", DATE)];
    let since = |value| not_modified(&stored, &[("if-modified-since", value)]);
    assert!(since(EARLIER));
    assert!(since("Sunday, 06-Nov-94 08:00:00 GMT"));
    assert!(since("Sun Nov  6 08:00:00 1994"));
    assert!(since(DATE));
    assert!(since("Sun, 06 Nov 2044 08:00:00 GMT"));
    assert!(!since("Sun, 06 Nov 1994 07:59:59 GMT"));
    assert!(!since("yesterday"));
    let twice = [("if-modified-since", EARLIER), ("if-modified-since", EARLIER)];
    assert!(!not_modified(&stored, &twice));
    // Without Last-Modified, Date stands in for it, or the time at which the response came.
    for stored in [&[("date", DATE)][..], &[]] {
        assert!(not_modified(stored, &[("if-modified-since", DATE)]));
        assert!(not_modified(stored, &[("if-modified-since", LATER)]));
        assert!(!not_modified(stored, &[("if-modified-since", EARLIER)]));
    }
}

#[test]
fn r14_if_none_match_goes_before_if_modified_since() {
    let stored = [("etag", "\"abc\""), ("last-modified", DATE), ("date", DATE)];
    let both = |tag, since| [("if-none-match", tag), ("if-modified-since", since)];
    assert!(not_modified(&stored, &both("\"abc\"", EARLIER)));
    assert!(!not_modified(&stored, &both("\"x\"", DATE)));
    assert!(!not_modified(&stored, &both("nonsense", DATE)));
    assert!(!not_modified(&stored[1..], &both("\"x\"", DATE)));
}

#[test]
fn r14_conditions_count_for_get_and_head_and_what_would_succeed() {
    let stored = validators(&[("etag", "\"abc\"")]);
    let request = headers(&[("if-none-match", "\"abc\"")]);
    let condition = |method, status| evaluate(&method, &request, status, &stored);
    assert_eq!(condition(Method::HEAD, StatusCode::OK), Condition::NotModified);
    assert_eq!(condition(Method::POST, StatusCode::OK), Condition::Proceed);
    assert_eq!(condition(Method::GET, StatusCode::NOT_FOUND), Condition::Proceed);
    assert_eq!(condition(Method::GET, StatusCode::FOUND), Condition::Proceed);
    // Those that only an origin evaluates do not.
    let request = headers(&[("if-match", "\"x\""), ("if-unmodified-since", EARLIER)]);
    let condition = evaluate(&Method::GET, &request, StatusCode::OK, &stored);
    assert_eq!(condition, Condition::Proceed);
}

#[test]
fn r14_made_entity_tags_are_strong_and_stay_the_same() {
    let tag = make(b"hello");
    assert_eq!(tag, make(b"hello"));
    assert_ne!(tag, make(b"hello "));
    assert_ne!(make(b""), make(b"\0"));
    assert!(!EntityTag::parse(tag.as_bytes()).unwrap().weak);
    // SipHash-1-3 with 128 bits and keys of zero: clients keep tags longer than a version lives.
    assert_eq!(make(b""), "\"0db4d9615d9334210333fb31d05e1cb9\"");
}

#[test]
fn r14_clients_get_a_made_entity_tag_and_the_origin_does_not() {
    let stored = validators(&[("date", DATE)]).with_made_etag(HeaderValue::from_static("\"m\""));
    let request = headers(&[("if-none-match", "\"m\"")]);
    let condition = evaluate(&Method::GET, &request, StatusCode::OK, &stored);
    assert_eq!(condition, Condition::NotModified);
    assert!(!stored.can_be_validated());
    let mut request = request;
    stored.ask(&mut request);
    assert_eq!(request, HeaderMap::new());
    let stored =
        validators(&[("last-modified", EARLIER)]).with_made_etag(HeaderValue::from_static("\"m\""));
    assert!(stored.can_be_validated());
    stored.ask(&mut request);
    assert_eq!(request, headers(&[("if-modified-since", EARLIER)]));
}

#[test]
fn r14_a_request_that_validates_has_the_stored_validators_and_no_other_conditions() {
    let stored = validators(&[("etag", "W/\"abc\""), ("last-modified", EARLIER)]);
    let mut request = headers(&[
        ("accept", "text/plain"),
        ("if-none-match", "\"x\""),
        ("if-none-match", "\"y\""),
        ("if-modified-since", DATE),
        ("if-match", "\"x\""),
        ("if-unmodified-since", DATE),
        ("if-range", "\"x\""),
        ("range", "bytes=0-1"),
    ]);
    stored.ask(&mut request);
    let expected =
        [("accept", "text/plain"), ("if-none-match", "W/\"abc\""), ("if-modified-since", EARLIER)];
    assert_eq!(request, headers(&expected));
    // The origin knows best what it meant.
    let mut request = HeaderMap::new();
    validators(&[("etag", "abc"), ("last-modified", "yesterday")]).ask(&mut request);
    let expected = [("if-none-match", "abc"), ("if-modified-since", "yesterday")];
    assert_eq!(request, headers(&expected));
}

fn updated(stored: Lines<'_>, from_304: Lines<'_>) -> Option<HeaderMap> {
    let stored = headers(stored);
    let validators = Validators::of(&stored, at(0));
    match freshen(&stored, &validators, &headers(from_304)) {
        Freshened::Updated(fields) => Some(fields),
        Freshened::Other => None,
    }
}

#[test]
fn r14_a_304_updates_the_fields_that_it_has() {
    let stored = [
        ("etag", "\"abc\""),
        ("cache-control", "max-age=1"),
        ("age", "9"),
        ("x-kept", "1"),
        ("x-new", "old"),
        ("x-new", "older"),
        ("content-type", "text/plain"),
        ("content-length", "5"),
        ("content-encoding", "br"),
        ("content-md5", "a"),
        ("content-digest", "a"),
    ];
    let from_304 = [
        ("etag", "\"abc\""),
        ("cache-control", "max-age=60"),
        ("cache-control", "public"),
        ("x-new", "new"),
        ("x-more", "1"),
        ("content-type", "text/plain;charset=utf-8"),
        ("content-location", "/b"),
        // About the bytes, which have not come with it.
        ("content-length", "0"),
        ("content-encoding", "gzip"),
        ("content-md5", "b"),
        ("content-digest", "b"),
        ("content-range", "bytes 0-1/2"),
        // For this client, and for this connection.
        ("set-cookie", "a=b"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
    ];
    let expected = [
        ("etag", "\"abc\""),
        ("cache-control", "max-age=60"),
        ("cache-control", "public"),
        ("x-kept", "1"),
        ("x-new", "new"),
        ("x-more", "1"),
        ("content-type", "text/plain;charset=utf-8"),
        ("content-location", "/b"),
        ("content-length", "5"),
        ("content-encoding", "br"),
        ("content-md5", "a"),
        ("content-digest", "a"),
    ];
    assert_eq!(updated(&stored, &from_304), Some(headers(&expected)));
}

#[test]
fn r14_a_304_about_another_response_updates_nothing() {
    let table: &[(Lines<'_>, Lines<'_>, bool)] = &[
        (&[("etag", "\"a\"")], &[("etag", "\"a\"")], true),
        (&[("etag", "\"a\"")], &[("etag", "\"b\"")], false),
        (&[("etag", "\"a\"")], &[("etag", "W/\"a\"")], true),
        (&[("etag", "\"a\"")], &[("etag", "W/\"b\"")], false),
        (&[("etag", "W/\"a\"")], &[("etag", "\"a\"")], false),
        (&[("etag", "W/\"a\"")], &[("etag", "W/\"a\"")], true),
        (&[("etag", "a")], &[("etag", "a")], true),
        (&[("etag", "a")], &[("etag", "b")], false),
        (&[("etag", "\"a\"")], &[], true),
        (&[("last-modified", EARLIER)], &[("last-modified", EARLIER)], true),
        (&[("last-modified", EARLIER)], &[("last-modified", LATER)], false),
        (&[("last-modified", EARLIER)], &[("etag", "\"new\"")], true),
        (&[], &[], true),
    ];
    for (stored, from_304, expected) in table {
        assert_eq!(updated(stored, from_304).is_some(), *expected, "{stored:?} {from_304:?}");
    }
    // A tag that the cache has made is not the origin's.
    let stored = headers(&[("last-modified", EARLIER)]);
    let validators =
        Validators::of(&stored, at(0)).with_made_etag(HeaderValue::from_static("\"m\""));
    let outcome = freshen(&stored, &validators, &headers(&[("etag", "\"a\"")]));
    assert!(matches!(outcome, Freshened::Updated(_)));
    // Nor does it become so.
    let stored = headers(&[("last-modified", EARLIER), ("etag", "\"m\"")]);
    let outcome = freshen(&stored, &validators, &headers(&[("last-modified", EARLIER)]));
    let Freshened::Updated(fields) = outcome else { panic!("{outcome:?}") };
    assert_eq!(fields, headers(&[("last-modified", EARLIER)]));
}

#[test]
fn r02_a_response_to_head_updates_or_outdates_what_get_has_stored() {
    #[derive(Debug, PartialEq)]
    enum Effect {
        None,
        Updated,
        Outdated,
    }
    let stored =
        [("etag", "\"a\""), ("last-modified", EARLIER), ("x", "1"), ("content-length", "5")];
    let effect = |status: u16, lines: Lines<'_>| {
        let status = StatusCode::from_u16(status).unwrap();
        let (stored, head) = (headers(&stored), headers(lines));
        let validators = Validators::of(&stored, at(0));
        match head_effect(&stored, &validators, StatusCode::OK, 5, status, &head) {
            HeadEffect::None => Effect::None,
            HeadEffect::Updated(fields) => {
                assert_eq!(fields["content-length"], "5");
                assert_eq!(
                    fields["x"],
                    lines.iter().find(|line| line.0 == "x").map_or("1", |x| x.1)
                );
                Effect::Updated
            }
            HeadEffect::Outdated => Effect::Outdated,
        }
    };
    let table: &[(u16, Lines<'_>, Effect)] = &[
        (200, &[], Effect::Updated),
        (200, &[("x", "2")], Effect::Updated),
        (200, &[("etag", "\"a\""), ("last-modified", EARLIER)], Effect::Updated),
        (200, &[("content-length", "5"), ("x", "2")], Effect::Updated),
        (200, &[("content-length", "6")], Effect::Outdated),
        (200, &[("content-length", "x")], Effect::Outdated),
        (200, &[("etag", "\"b\"")], Effect::Outdated),
        (200, &[("last-modified", LATER)], Effect::Outdated),
        (404, &[], Effect::Outdated),
        (410, &[], Effect::Outdated),
        (405, &[], Effect::None),
        (304, &[], Effect::None),
        (503, &[], Effect::None),
        (302, &[], Effect::None),
    ];
    for (status, lines, expected) in table {
        assert_eq!(effect(*status, lines), *expected, "{status} {lines:?}");
    }
}

#[test]
fn r02_a_response_to_head_does_not_know_what_the_cache_has_made() {
    let stored = headers(&[("etag", "\"m\""), ("x", "1")]);
    let validators =
        Validators::of(&headers(&[("x", "1")]), at(0)).with_made_etag(stored["etag"].clone());
    let effect = |lines: Lines<'_>| {
        let (ok, head) = (StatusCode::OK, headers(lines));
        head_effect(&stored, &validators, ok, 5, ok, &head)
    };
    let HeadEffect::Updated(fields) = effect(&[("x", "2")]) else { panic!() };
    assert_eq!(fields, headers(&[("x", "2")]));
    assert!(matches!(effect(&[("etag", "\"m\"")]), HeadEffect::Outdated));
}
