//! Directives: RFC 9111 5.2, RFC 9213.

use http::HeaderName;

use super::{Lines, headers, is_fresh, judged};
use crate::semantics::{Refusal, RequestDirectives, ResponseDirectives, parts::MaxStale};

fn response(lines: &[&str]) -> ResponseDirectives {
    let lines: Vec<_> = lines.iter().map(|line| ("cache-control", *line)).collect();
    ResponseDirectives::of(&headers(&lines))
}

fn request(lines: Lines<'_>) -> RequestDirectives {
    RequestDirectives::of(&headers(lines))
}

#[test]
fn r06_lifetimes_are_read_as_numbers_and_nothing_else() {
    let table: &[(&[&str], Option<u64>)] = &[
        (&["max-age=3600"], Some(3600)),
        (&["MaX-aGe=3600"], Some(3600)),
        (&["max-age=003600"], Some(3600)),
        (&["max-age=\"3600\""], Some(3600)),
        (&["max-age=\"36\\00\""], Some(3600)),
        (&["  max-age=3600  ,,"], Some(3600)),
        (&["unknown, max-age=3600"], Some(3600)),
        (&["unknown=\"a, b\", max-age=3600"], Some(3600)),
        (&["max-age=3600;x=y"], Some(0)),
        (&["max-age=2147483648"], Some(1 << 31)),
        (&["max-age=99999999999999999999999"], Some(1 << 31)),
        (&["max-age=-3600"], Some(0)),
        (&["max-age=+3600"], Some(0)),
        (&["max-age=3600.5"], Some(0)),
        (&["max-age=3600.0"], Some(0)),
        (&["max-age='3600'"], Some(0)),
        (&["max-age=a3600"], Some(0)),
        (&["max-age=3600a"], Some(0)),
        (&["max-age=0x10"], Some(0)),
        (&["max-age"], Some(0)),
        (&["max-age="], Some(0)),
        (&["max-age=\"\""], Some(0)),
        (&["max-age= 3600"], Some(0)),
        (&["max-age =3600"], Some(0)),
        (&["max-age=3600 60"], Some(0)),
        (&["max-age=\"3600"], Some(0)),
        (&["max-age=\"3600\"1"], Some(0)),
        (&["xmax-age=3600"], None),
        (&["max-agex=3600"], None),
        (&["=3600"], None),
        (&["\"max-age=3600\""], None),
        (&[""], None),
    ];
    for (lines, expected) in table {
        assert_eq!(response(lines).max_age, *expected, "{lines:?}");
    }
}

#[test]
fn r06_the_first_of_several_lifetimes_counts() {
    assert_eq!(response(&["max-age=1800, max-age=1"]).max_age, Some(1800));
    assert_eq!(response(&["max-age=1, max-age=1800"]).max_age, Some(1));
    assert_eq!(response(&["max-age=1800", "max-age=1"]).max_age, Some(1800));
    assert_eq!(response(&["max-age=1", "max-age=1800"]).max_age, Some(1));
    assert_eq!(response(&["max-age=x, max-age=1800"]).max_age, Some(0));
}

#[test]
fn r06_what_is_quoted_is_no_directive() {
    assert_eq!(response(&["extension=\"max-age=3600\", max-age=1"]).max_age, Some(1));
    assert_eq!(response(&["max-age=1, extension=\"max-age=3600\""]).max_age, Some(1));
    assert_eq!(response(&["extension=\"a, max-age=3600\""]).max_age, None);
    assert_eq!(response(&["extension=\"a\\\", max-age=3600\""]).max_age, None);
    assert!(!response(&["extension=\"a, no-store, b\""]).no_store);
}

#[test]
fn r06_a_quotation_mark_without_a_counterpart_hides_no_restriction() {
    let found = response(&["extension=\"a, no-store, max-age=3600, public"]);
    assert!(found.no_store);
    assert_eq!(found.max_age, Some(0));
    assert!(!found.public);
    // Each line is a list of its own.
    let found = response(&["extension=\"a", "max-age=3600"]);
    assert_eq!(found.max_age, Some(3600));
}

#[test]
fn r06_restrictions_hold_whatever_their_argument() {
    for line in ["no-store", "No-StOrE", "no-store=\"x\"", "no-store = x", "a , no-store\t, b"] {
        assert!(response(&[line]).no_store, "{line}");
        assert_eq!(judged(&[("cache-control", line), ("etag", "\"x\"")]), Err(Refusal::NoStore));
    }
    assert!(response(&["must-revalidate=1"]).must_revalidate);
    assert!(response(&["proxy-revalidate=\"x\""]).proxy_revalidate);
    // What permits something has to be right.
    assert!(!response(&["public=x"]).public);
    assert!(!response(&["immutable=\"\""]).immutable);
}

#[test]
fn r06_private_and_no_cache_may_be_about_some_fields_only() {
    let whole: &[&[&str]] = &[
        &["private"],
        &["PRIVATE"],
        &["private=\"\""],
        &["private=\" , \""],
        &["private=\"a b\""],
        &["private=\"a"],
        &["private= \"a\""],
        &["private=\"set-cookie\", private"],
        &["private", "private=\"set-cookie\""],
        // Without these, the rest would be another response.
        &["private=\"content-encoding\""],
        &["private=\"x, Vary\""],
    ];
    for lines in whole {
        assert!(response(lines).private, "{lines:?}");
        let no_cache: Vec<_> =
            lines.iter().map(|line| line.to_lowercase().replace("private", "no-cache")).collect();
        let lines: Vec<_> = no_cache.iter().map(String::as_str).collect();
        assert!(response(&lines).no_cache, "{lines:?}");
    }
    let fields: &[(&[&str], &[&str])] = &[
        (&["private=\"x\""], &["x"]),
        (&["private=x"], &["x"]),
        (&["private=\"X-User , x-other\""], &["x-user", "x-other"]),
        (&["private=\"x\"", "private=\"y\""], &["x", "y"]),
        (&["private=\"\\x\""], &["x"]),
    ];
    for (lines, names) in fields {
        let found = response(lines);
        assert!(!found.private, "{lines:?}");
        assert_eq!(found.private_fields, *names, "{lines:?}");
    }
    let found = response(&["no-cache=\"x\", private=\"y\""]);
    assert_eq!(found.withheld().collect::<Vec<_>>(), ["x", "y"]);
}

#[test]
fn r06_pragma_counts_without_cache_control() {
    assert!(ResponseDirectives::of(&headers(&[("pragma", "x, No-Cache")])).no_cache);
    let other = [("pragma", "x"), ("pragma", "no-cache=1")];
    assert!(!ResponseDirectives::of(&headers(&other)).no_cache);
    let both = [("pragma", "no-cache"), ("cache-control", "max-age=60")];
    assert!(!ResponseDirectives::of(&headers(&both)).no_cache);
}

#[test]
fn r10_directives_of_requests() {
    let none = RequestDirectives::default();
    let table: &[(Lines<'_>, RequestDirectives)] = &[
        (&[], none),
        (&[("cache-control", "unknown, x=\"no-store\"")], none),
        (&[("cache-control", "no-cache")], RequestDirectives { no_cache: true, ..none }),
        (&[("cache-control", "NO-STORE")], RequestDirectives { no_store: true, ..none }),
        (
            &[("cache-control", "only-if-cached")],
            RequestDirectives { only_if_cached: true, ..none },
        ),
        (&[("cache-control", "max-age=0")], RequestDirectives { max_age: Some(0), ..none }),
        (&[("cache-control", "max-age=\"5\"")], RequestDirectives { max_age: Some(5), ..none }),
        (
            &[("cache-control", "max-age=5, max-age=1")],
            RequestDirectives { max_age: Some(5), ..none },
        ),
        // Advice that cannot be understood is no advice.
        (&[("cache-control", "max-age=x, max-age, min-fresh=-1, max-stale=x")], none),
        (&[("cache-control", "min-fresh=7")], RequestDirectives { min_fresh: Some(7), ..none }),
        (
            &[("cache-control", "max-stale")],
            RequestDirectives { max_stale: Some(MaxStale::Any), ..none },
        ),
        (
            &[("cache-control", "max-stale=9")],
            RequestDirectives { max_stale: Some(MaxStale::Within(9)), ..none },
        ),
        (
            &[("cache-control", "stale-if-error=3")],
            RequestDirectives { stale_if_error: Some(3), ..none },
        ),
        (
            &[("cache-control", "no-cache"), ("cache-control", "max-age=1")],
            RequestDirectives { no_cache: true, max_age: Some(1), ..none },
        ),
        (&[("pragma", "no-cache")], RequestDirectives { no_cache: true, ..none }),
        (&[("pragma", "unknown")], none),
        (&[("pragma", "no-cache"), ("cache-control", "x")], none),
    ];
    for (lines, expected) in table {
        assert_eq!(request(lines), *expected, "{lines:?}");
    }
}

fn targeted(lines: Lines<'_>) -> Option<ResponseDirectives> {
    let names = [HeaderName::from_static("larder-cache-control"), HeaderName::from_static(CDN)];
    ResponseDirectives::targeted(&headers(lines), &names)
}

const CDN: &str = "cdn-cache-control";

#[test]
fn r09_a_targeted_field_goes_before_cache_control() {
    let max_age = |lines: Lines<'_>| targeted(lines).and_then(|found| found.max_age);
    assert_eq!(max_age(&[(CDN, "max-age=60"), ("cache-control", "no-store")]), Some(60));
    // The first name of the list that has a valid value.
    let both = [(CDN, "max-age=60"), ("larder-cache-control", "max-age=30")];
    assert_eq!(max_age(&both), Some(30));
    assert_eq!(max_age(&[(CDN, "max-age=60"), ("larder-cache-control", "&")]), Some(60));
    assert_eq!(max_age(&[(CDN, "max-age=60"), ("larder-cache-control", "")]), Some(60));
    // Two lines are one dictionary, in which the last of equal keys counts.
    assert_eq!(max_age(&[(CDN, "max-age=60"), (CDN, "unknown, max-age=61")]), Some(61));
    assert_eq!(max_age(&[(CDN, "max-age=60;unknown=1, unknown=(1 2)")]), Some(60));
    assert_eq!(max_age(&[(CDN, "max-age=-1")]), Some(0));
    assert_eq!(max_age(&[(CDN, "max-age=99999999999")]), Some(1 << 31));
}

#[test]
fn r09_a_targeted_field_that_is_not_valid_counts_for_nothing() {
    let invalid = [
        "",
        "  ",
        "max-age=60, &",
        "max-age=\"60\"",
        "max-age=60.5",
        "max-age",
        "max-age= 60",
        "max-age =60",
        "MaX-aGe=60",
        "max-age=60,",
        "max-age=9999999999999999",
        "no-store=1",
        "no-store=yes",
        "private=1",
        "max-age=60 no-store",
    ];
    for value in invalid {
        assert_eq!(targeted(&[(CDN, value)]), None, "{value}");
    }
    assert_eq!(targeted(&[("cache-control", "max-age=60")]), None);
}

#[test]
fn r09_directives_of_targeted_fields() {
    let found = |value| targeted(&[(CDN, value)]).unwrap();
    assert!(found("no-store").no_store);
    assert!(!found("no-store=?0").no_store);
    assert!(found("private").private);
    assert!(found("no-cache=?1").no_cache);
    let fields = found("no-cache=\"x-user, x-other\", private=x-third");
    assert!(!fields.no_cache && !fields.private);
    assert_eq!(fields.withheld().collect::<Vec<_>>(), ["x-user", "x-other", "x-third"]);
    assert!(found("private=\"vary\"").private);
    let all = found(
        "s-maxage=1, stale-while-revalidate=2, stale-if-error=3, public, must-revalidate, \
         proxy-revalidate, must-understand, immutable, no-transform",
    );
    assert_eq!(
        all,
        ResponseDirectives {
            s_maxage: Some(1),
            stale_while_revalidate: Some(2),
            stale_if_error: Some(3),
            public: true,
            must_revalidate: true,
            proxy_revalidate: true,
            must_understand: true,
            immutable: true,
            no_transform: true,
            ..ResponseDirectives::default()
        }
    );
}

#[test]
fn r06_extensions_change_nothing() {
    assert!(is_fresh(&[("cache-control", "max-age=60, community=\"UCI\", x=y=z, \u{e9}")]));
}
