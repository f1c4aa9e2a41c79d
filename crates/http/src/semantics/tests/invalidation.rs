//! Invalidation: RFC 9111 4.4, RFC 9875.

use http::{Method, StatusCode};

use super::headers;
use crate::semantics::{
    Origin, groups_of, invalidated_groups, invalidated_locations, invalidates, is_unsafe,
};

#[test]
fn r25_methods_that_may_change_something() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        assert!(!is_unsafe(&Method::from_bytes(method.as_bytes()).unwrap()), "{method}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "CONNECT", "M-SEARCH", "get", "UNKNOWN"] {
        assert!(is_unsafe(&Method::from_bytes(method.as_bytes()).unwrap()), "{method}");
    }
}

#[test]
fn r25_only_what_succeeds_invalidates() {
    for code in 100..=999 {
        let status = StatusCode::from_u16(code).unwrap();
        let expected = (200..400).contains(&code);
        assert_eq!(invalidates(&Method::POST, status), expected, "{code}");
        assert!(!invalidates(&Method::GET, status));
    }
}

fn locations(scheme: Option<&str>, authority: &str, target: &str, reference: &str) -> Vec<String> {
    let fields = headers(&[("location", reference)]);
    invalidated_locations(&fields, Origin { scheme, authority }, target).collect()
}

#[test]
fn r25_locations_are_resolved_against_the_target() {
    // RFC 3986 5.4 has most of these, for the base http://a/b/c/d?q.
    let table = [
        ("g", "/b/c/g"),
        ("./g", "/b/c/g"),
        ("g/", "/b/c/g/"),
        ("/g", "/g"),
        ("?y", "/b/c/d?y"),
        ("g?y", "/b/c/g?y"),
        ("#s", "/b/c/d?q"),
        ("g#s", "/b/c/g"),
        ("g?y#s", "/b/c/g?y"),
        ("", "/b/c/d?q"),
        (".", "/b/c/"),
        ("./", "/b/c/"),
        ("..", "/b/"),
        ("../", "/b/"),
        ("../g", "/b/g"),
        ("../..", "/"),
        ("../../g", "/g"),
        ("../../../g", "/g"),
        ("/./g", "/g"),
        ("/../g", "/g"),
        ("g.", "/b/c/g."),
        ("..g", "/b/c/..g"),
        ("./../g", "/b/g"),
        ("g/./h", "/b/c/g/h"),
        ("g/../h", "/b/c/h"),
        ("g;x=1/../y", "/b/c/y"),
        ("g?y/../x", "/b/c/g?y/../x"),
        (" g ", "/b/c/g"),
        ("//a/g", "/g"),
        ("http://a/b?c#d", "/b?c"),
        ("HTTP://A:80/b", "/b"),
        ("http://a", "/"),
        ("http://a?x", "/?x"),
        ("http://a:/b", "/b"),
    ];
    for (reference, expected) in table {
        let found = locations(Some("http"), "a", "/b/c/d?q", reference);
        assert_eq!(found, [expected], "{reference}");
    }
}

#[test]
fn r25_locations_of_other_origins_are_left_alone() {
    for reference in [
        "http://b/g",
        "//b/g",
        "https://a/g",
        "http://a:81/g",
        "http://a:99999/g",
        "http://a:x/g",
        "http://user@a/g",
        "http://a@b/g",
        "http:///g",
        "http:g",
        "ftp://a/g",
        "mailto:x@a",
        "javascript:alert(1)",
        "http://[::1/g",
    ] {
        let found = locations(Some("http"), "a", "/b/c/d", reference);
        assert!(found.is_empty(), "{reference}: {found:?}");
    }
    assert_eq!(locations(Some("https"), "a", "/", "https://a:443/g"), ["/g"]);
    assert_eq!(locations(Some("http"), "a:8080", "/", "http://a:8080/g"), ["/g"]);
    assert_eq!(locations(Some("http"), "[::1]:8080", "/", "http://[::1]:8080/g"), ["/g"]);
    assert_eq!(locations(Some("http"), "[::1]", "/", "http://[::1]/g"), ["/g"]);
    // A server that does not know how it is reached.
    assert_eq!(locations(None, "a", "/", "https://a/g"), ["/g"]);
    assert_eq!(locations(None, "a", "/", "http://a/g"), ["/g"]);
    assert!(locations(None, "a", "/", "ftp://a/g").is_empty());
    assert!(locations(None, "a", "/", "http://b/g").is_empty());
}

#[test]
fn r25_both_fields_and_all_their_lines_count() {
    let fields = headers(&[
        ("location", "/a"),
        ("content-location", "/b"),
        ("content-location", "/c"),
        ("link", "</d>"),
    ]);
    let origin = Origin { scheme: None, authority: "a" };
    let found: Vec<_> = invalidated_locations(&fields, origin, "/").collect();
    assert_eq!(found, ["/a", "/b", "/c"]);
}

#[test]
fn r25_groups() {
    let groups = |lines: &[&str]| {
        let lines: Vec<_> = lines.iter().map(|line| ("cache-groups", *line)).collect();
        groups_of(&headers(&lines))
    };
    assert_eq!(groups(&["\"a\", \"b\""]), ["a", "b"]);
    assert_eq!(groups(&["\"a\"", "\"b\", \"a\""]), ["a", "b"]);
    assert_eq!(groups(&["\"a\";x=1;y, \"A\""]), ["a", "A"]);
    assert_eq!(groups(&["\"a,\\\"b\""]), ["a,\"b"]);
    assert_eq!(groups(&["\"\""]), [""]);
    // Anything else than a list of strings counts for nothing.
    for value in ["a", "\"a\", b", "\"a\",", "\"a", "\"a\" \"b\"", "(\"a\")", "1", "", "\"\u{e9}\""]
    {
        assert!(groups(&[value]).is_empty(), "{value}");
    }
    assert!(groups(&[]).is_empty());
}

#[test]
fn r25_there_are_not_too_many_groups() {
    let many: Vec<_> = (0..137).map(|number| format!("\"{number}\"")).collect();
    let fields = headers(&[("cache-groups", &many.join(", "))]);
    assert_eq!(groups_of(&fields).len(), 128);
    let long = format!("\"{}\", \"{}\", \"b\"", "a".repeat(257), "a".repeat(256));
    assert_eq!(groups_of(&headers(&[("cache-groups", &long)])), ["a".repeat(256), "b".into()]);
}

#[test]
fn r25_groups_are_invalidated_by_methods_that_are_not_safe() {
    let fields =
        headers(&[("cache-group-invalidation", "\"a\", \"b\""), ("cache-groups", "\"c\"")]);
    assert_eq!(invalidated_groups(&Method::POST, &fields), ["a", "b"]);
    assert_eq!(invalidated_groups(&Method::from_bytes(b"X").unwrap(), &fields), ["a", "b"]);
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
        assert!(invalidated_groups(&method, &fields).is_empty(), "{method}");
    }
}
