//! `Cache-Status` and `Age`: RFC 9211, RFC 9111 5.1.

use super::headers;
use crate::semantics::{CacheName, Forward, Report, syntax::structured::list};

fn written(report: &Report<'_>) -> String {
    let name = CacheName::new("larder").unwrap();
    report.value(&name).to_str().unwrap().to_owned()
}

#[test]
fn r13_reports() {
    let none = Report::default();
    let table = [
        (none, "larder"),
        (Report { hit: true, ..none }, "larder; hit"),
        (Report { hit: true, ttl: Some(376), ..none }, "larder; hit; ttl=376"),
        (Report { hit: true, ttl: Some(-412), ..none }, "larder; hit; ttl=-412"),
        (Report { hit: true, ttl: Some(0), ..none }, "larder; hit; ttl=0"),
        (Report { hit: true, ttl: Some(i64::MIN), ..none }, "larder; hit; ttl=-999999999999999"),
        (Report { forward: Some(Forward::UriMiss), ..none }, "larder; fwd=uri-miss"),
        (
            Report {
                forward: Some(Forward::Stale),
                forward_status: Some(304),
                ttl: Some(60),
                stored: true,
                collapsed: true,
                ..none
            },
            "larder; fwd=stale; fwd-status=304; ttl=60; stored; collapsed",
        ),
        (
            Report { forward: Some(Forward::Bypass), detail: Some("no-store"), ..none },
            "larder; fwd=bypass; detail=no-store",
        ),
        (
            Report { key: Some("GET \"/a\\b\" \u{e9}"), detail: Some("see the log"), ..none },
            "larder; key=\"GET \\\"/a\\\\b\\\" ??\"; detail=\"see the log\"",
        ),
        (Report { detail: Some(""), ..none }, "larder; detail=\"\""),
        (Report { detail: Some("1st"), ..none }, "larder; detail=\"1st\""),
    ];
    for (report, expected) in table {
        assert_eq!(written(&report), expected);
        assert!(list(expected.as_bytes()).is_some(), "{expected}");
    }
}

#[test]
fn r13_each_reason_to_forward_has_its_token() {
    let all = [
        (Forward::Bypass, "bypass"),
        (Forward::Method, "method"),
        (Forward::UriMiss, "uri-miss"),
        (Forward::VaryMiss, "vary-miss"),
        (Forward::Request, "request"),
        (Forward::Stale, "stale"),
    ];
    for (forward, token) in all {
        assert_eq!(forward.token(), token);
    }
}

#[test]
fn r13_a_report_follows_those_of_caches_nearer_to_the_origin() {
    let mut fields = headers(&[("cache-status", "origin-cache; hit")]);
    let report = Report { forward: Some(Forward::UriMiss), ..Report::default() };
    report.append_to(&CacheName::new("larder").unwrap(), &mut fields);
    let lines: Vec<_> = fields.get_all("cache-status").iter().collect();
    assert_eq!(lines, ["origin-cache; hit", "larder; fwd=uri-miss"]);
}

#[test]
fn r13_names_are_tokens_or_strings() {
    let written = |name| {
        let name = CacheName::new(name)?;
        Some(Report::default().value(&name).to_str().unwrap().to_owned())
    };
    assert_eq!(written("larder").as_deref(), Some("larder"));
    assert_eq!(written("example.org:443/x").as_deref(), Some("example.org:443/x"));
    assert_eq!(written("my cache").as_deref(), Some("\"my cache\""));
    assert_eq!(written("1").as_deref(), Some("\"1\""));
    assert_eq!(written("a\"b").as_deref(), Some("\"a\\\"b\""));
    for name in ["", "caf\u{e9}", "a\nb", "a\0"] {
        assert_eq!(written(name), None, "{name:?}");
    }
}
