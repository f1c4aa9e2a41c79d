//! Ranges: RFC 9110 14.

use http::{Method, StatusCode};

use super::{DATE, Lines, at, headers};
use crate::semantics::{Ranged, Validators, content_range, select, unsatisfied_range};

fn selected(length: u64, stored: Lines<'_>, request: Lines<'_>) -> Ranged {
    let validators = Validators::of(&headers(stored), at(0));
    select(&Method::GET, &headers(request), StatusCode::OK, length, &validators)
}

fn range(length: u64, value: &str) -> Ranged {
    selected(length, &[], &[("range", value)])
}

#[test]
fn r15_one_range_is_served() {
    let table = [
        ("bytes=0-0", 0..1),
        ("bytes=0-1", 0..2),
        ("bytes=0-9", 0..10),
        ("bytes=0-10", 0..10),
        ("bytes=9-9", 9..10),
        ("bytes=1-", 1..10),
        ("bytes=0-", 0..10),
        ("bytes=-1", 9..10),
        ("bytes=-10", 0..10),
        ("bytes=-11", 0..10),
        ("bytes=5-99999999999999999999999", 5..10),
        ("bytes=-99999999999999999999999", 0..10),
        ("BYTES=2-3", 2..4),
        ("bytes= 2-3 ", 2..4),
        ("bytes=,2-3,", 2..4),
    ];
    for (value, expected) in table {
        assert_eq!(range(10, value), Ranged::Part(expected), "{value}");
    }
    assert_eq!(range(u64::MAX, "bytes=1-18446744073709551615"), Ranged::Part(1..u64::MAX));
}

#[test]
fn r15_what_cannot_be_served_is_refused() {
    for value in ["bytes=10-", "bytes=10-11", "bytes=99999999999999999999-", "bytes=-0"] {
        assert_eq!(range(10, value), Ranged::NotSatisfiable, "{value}");
    }
    for value in ["bytes=0-", "bytes=0-0", "bytes=1-2"] {
        assert_eq!(range(0, value), Ranged::NotSatisfiable, "{value}");
    }
    assert_eq!(range(0, "bytes=-5"), Ranged::Full);
}

#[test]
fn r15_several_ranges_and_what_is_malformed_get_everything() {
    for value in [
        "bytes=0-1,3-4",
        "bytes=0-0,-1",
        "bytes=2-1",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=--1",
        "bytes=+1-2",
        "bytes=1 -2",
        "bytes 0-1",
        "bytes:0-1",
        "items=0-1",
        "0-1",
        "",
    ] {
        assert_eq!(range(10, value), Ranged::Full, "{value}");
    }
    let twice = [("range", "bytes=0-1"), ("range", "bytes=0-1")];
    assert_eq!(selected(10, &[], &twice), Ranged::Full);
    assert_eq!(selected(10, &[], &[]), Ranged::Full);
}

#[test]
fn r15_ranges_are_of_get_and_of_200() {
    let request = headers(&[("range", "bytes=0-1")]);
    let validators = Validators::of(&headers(&[]), at(0));
    let select = |method, status| select(&method, &request, status, 10, &validators);
    assert_eq!(select(Method::GET, StatusCode::OK), Ranged::Part(0..2));
    assert_eq!(select(Method::HEAD, StatusCode::OK), Ranged::Full);
    assert_eq!(select(Method::GET, StatusCode::NOT_FOUND), Ranged::Full);
}

#[test]
fn r15_if_range_wants_the_same_bytes() {
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    let stored = [("etag", "\"a\""), ("last-modified", BEFORE), ("date", DATE)];
    let part = |stored: Lines<'_>, value| {
        let request = [("range", "bytes=0-1"), ("if-range", value)];
        selected(10, stored, &request) == Ranged::Part(0..2)
    };
    assert!(part(&stored, "\"a\""));
    assert!(!part(&stored, "\"b\""));
    assert!(!part(&stored, "W/\"a\""));
    assert!(!part(&[("etag", "W/\"a\"")], "W/\"a\""));
    assert!(!part(&[("etag", "W/\"a\"")], "\"a\""));
    assert!(!part(&[], "\"a\""));
    assert!(!part(&[("etag", "a")], "a"));
    // A date has to be the very one, and older than the response.
    assert!(part(&stored, BEFORE));
    assert!(part(&stored, "Sunday, 06-Nov-94 08:49:36 GMT"));
    assert!(!part(&stored, DATE));
    assert!(!part(&stored, "Sun, 06 Nov 1994 08:49:35 GMT"));
    assert!(!part(&[("last-modified", DATE), ("date", DATE)], DATE));
    assert!(!part(&[("etag", "\"a\"")], DATE));
    assert!(!part(&stored, "nonsense"));
    let twice = [("range", "bytes=0-1"), ("if-range", "\"a\""), ("if-range", "\"a\"")];
    assert_eq!(selected(10, &stored, &twice), Ranged::Full);
}

#[test]
fn r15_content_range() {
    assert_eq!(content_range(&(2..4), 10), "bytes 2-3/10");
    assert_eq!(
        content_range(&(0..u64::MAX), u64::MAX),
        format!("bytes 0-{}/{}", u64::MAX - 1, u64::MAX)
    );
    assert_eq!(unsatisfied_range(0), "bytes */0");
}
