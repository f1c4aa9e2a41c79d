//! What may be stored: RFC 9111 3.

use http::{HeaderName, Method, StatusCode};

use super::{DATE, Lines, at, headers, instant, judged, judged_by};
use crate::semantics::{
    Lifetimes, Refusal, RequestFacts, fields::strip_hop_by_hop, judge, stored_fields,
    strip_for_not_modified,
};

const MAX_AGE: (&str, &str) = ("cache-control", "max-age=60");

const GET: RequestFacts<'_> =
    RequestFacts { method: &Method::GET, authorized: false, no_store: false };

fn refusal(request: &RequestFacts<'_>, lines: Lines<'_>) -> Option<Refusal> {
    let lifetimes = Lifetimes::default();
    judge(request, StatusCode::OK, &headers(lines), &lifetimes, instant(at(0))).err()
}

#[test]
fn r01_only_responses_to_get_are_stored() {
    for method in ["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "QUERY"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = RequestFacts { method: &method, ..GET };
        assert_eq!(refusal(&request, &[MAX_AGE]), Some(Refusal::Method), "{method}");
    }
    assert_eq!(refusal(&GET, &[MAX_AGE]), None);
}

#[test]
fn r01_statuses_that_are_about_the_request_are_not_stored() {
    let refused = [304, 407, 408, 412, 416, 417, 421, 425, 428, 431];
    for code in 100..=999 {
        let status = StatusCode::from_u16(code).unwrap();
        let expected = match code {
            100..=199 => Some(Refusal::Status),
            206 => Some(Refusal::PartialContent),
            _ if refused.contains(&code) => Some(Refusal::Status),
            _ => None,
        };
        assert_eq!(judged_by(&Lifetimes::default(), status, &[MAX_AGE]).err(), expected, "{code}");
    }
}

#[test]
fn r01_must_understand_wants_a_status_that_is_known() {
    let alone = [("cache-control", "max-age=60, must-understand")];
    let both = [("cache-control", "max-age=60, no-store, must-understand")];
    for (code, known) in [(200, true), (404, true), (301, true), (599, false), (299, false)] {
        let status = StatusCode::from_u16(code).unwrap();
        let expected = if known { None } else { Some(Refusal::NotUnderstood) };
        for lines in [&alone, &both] {
            let refusal = judged_by(&Lifetimes::default(), status, lines).err();
            assert_eq!(refusal, expected, "{code} {lines:?}");
        }
    }
}

#[test]
fn r03_responses_that_set_cookies_are_not_stored() {
    for name in ["Set-Cookie", "set-cookie2"] {
        let lines = [MAX_AGE, (name, "id=1")];
        assert_eq!(refusal(&GET, &lines), Some(Refusal::SetCookie));
        let public = [("cache-control", "public, max-age=60"), (name, "id=1")];
        assert_eq!(refusal(&GET, &public), Some(Refusal::SetCookie));
        let lifetimes = Lifetimes { strip_set_cookie: true, ..Lifetimes::default() };
        assert!(judged_by(&lifetimes, StatusCode::OK, &lines).is_ok());
        let stored = stored_fields(&headers(&lines), &lifetimes, at(0));
        assert!(!stored.contains_key(name));
        // Without the rule's word they stay, for what calls this without having judged.
        let stored = stored_fields(&headers(&lines), &Lifetimes::default(), at(0));
        assert!(stored.contains_key(name));
    }
    let withheld =
        [("cache-control", "max-age=60, no-cache=\"set-cookie\""), ("set-cookie", "a=b")];
    assert_eq!(refusal(&GET, &withheld), None);
    let stored = stored_fields(&headers(&withheld), &Lifetimes::default(), at(0));
    assert!(!stored.contains_key("set-cookie"));
}

#[test]
fn r04_responses_to_requests_with_credentials_are_not_stored() {
    let request = RequestFacts { authorized: true, ..GET };
    for value in ["max-age=60", "max-age=60, proxy-revalidate", "max-age=60, public=x"] {
        let refusal = refusal(&request, &[("cache-control", value)]);
        assert_eq!(refusal, Some(Refusal::Authorization), "{value}");
    }
    // Unless they say that they are for everybody: RFC 9111 3.5.
    for value in ["max-age=60, public", "max-age=60, must-revalidate", "s-maxage=60"] {
        assert_eq!(refusal(&request, &[("cache-control", value)]), None, "{value}");
    }
    for value in ["s-maxage=60, private", "public, max-age=60, no-store"] {
        assert!(refusal(&request, &[("cache-control", value)]).is_some(), "{value}");
    }
    // A targeted field alone decides for the caches that it is for.
    let lifetimes = Lifetimes {
        targeted: vec![HeaderName::from_static("cdn-cache-control")],
        ..Lifetimes::default()
    };
    let lines = [("cdn-cache-control", "max-age=60"), ("cache-control", "public")];
    let judged = judge(&request, StatusCode::OK, &headers(&lines), &lifetimes, instant(at(0)));
    assert_eq!(judged, Err(Refusal::Authorization));
}

#[test]
fn r05_a_response_that_depends_on_everything_is_not_stored() {
    for lines in [&["*"][..], &["a, *"], &["*, *"], &["", "*"], &["a", "*"]] {
        let mut lines: Vec<_> = lines.iter().map(|value| ("vary", *value)).collect();
        lines.push(MAX_AGE);
        assert_eq!(refusal(&GET, &lines), Some(Refusal::VaryStar), "{lines:?}");
    }
    assert_eq!(refusal(&GET, &[MAX_AGE, ("vary", "accept, x")]), None);
}

#[test]
fn r06_what_forbids_storing_goes_before_every_lifetime() {
    let table = [
        ("max-age=60, no-store", Refusal::NoStore),
        ("max-age=60, private", Refusal::Private),
        ("s-maxage=60, public, private", Refusal::Private),
        ("max-age=60, private=\"\"", Refusal::Private),
    ];
    let overriding = Lifetimes {
        override_ttl: Some(std::time::Duration::from_secs(60)),
        ..Lifetimes::default()
    };
    for (value, refusal) in table {
        let lines = [("cache-control", value), ("etag", "\"x\"")];
        assert_eq!(judged(&lines), Err(refusal), "{value}");
        assert_eq!(judged_by(&overriding, StatusCode::OK, &lines), Err(refusal), "{value}");
    }
    let request = RequestFacts { no_store: true, ..GET };
    assert_eq!(refusal(&request, &[MAX_AGE]), Some(Refusal::RequestNoStore));
}

#[test]
fn r06_fields_for_one_user_are_not_stored() {
    let lines = [
        ("cache-control", "max-age=60, private=\"x-user\", no-cache=\"x-time, x-trace\""),
        ("x-user", "ada"),
        ("x-time", "1"),
        ("x-time", "2"),
        ("x-other", "kept"),
        ("content-type", "text/plain"),
    ];
    assert_eq!(refusal(&GET, &lines), None);
    let stored = stored_fields(&headers(&lines), &Lifetimes::default(), at(0));
    let mut names: Vec<_> = stored.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["cache-control", "content-type", "date", "x-other"]);
}

#[test]
fn r08_streams_of_events_are_not_stored() {
    for value in ["text/event-stream", "Text/Event-Stream; charset=utf-8", " text/event-stream ;x"]
    {
        let lines = [MAX_AGE, ("content-type", value)];
        assert_eq!(refusal(&GET, &lines), Some(Refusal::EventStream), "{value}");
    }
    for value in ["text/event-streams", "text/plain", ""] {
        assert_eq!(refusal(&GET, &[MAX_AGE, ("content-type", value)]), None, "{value}");
    }
    for code in [100, 101, 102, 103, 199] {
        let status = StatusCode::from_u16(code).unwrap();
        let refusal = judged_by(&Lifetimes::default(), status, &[MAX_AGE]).err();
        assert_eq!(refusal, Some(Refusal::Status));
    }
}

#[test]
fn r11_date_is_kept_and_made_up_for() {
    let old = [("date", "Sun, 06 Nov 1984 08:49:37 GMT"), ("age", "7"), MAX_AGE];
    let stored = stored_fields(&headers(&old), &Lifetimes::default(), at(0));
    assert_eq!(stored["date"], "Sun, 06 Nov 1984 08:49:37 GMT");
    assert!(!stored.contains_key("age"));
    let stored = stored_fields(&headers(&[MAX_AGE]), &Lifetimes::default(), at(0));
    assert_eq!(stored["date"], DATE);
}

#[test]
fn r16_fields_of_the_connection_are_removed() {
    let mut fields = headers(&[
        ("connection", "close, X-One"),
        ("connection", " x-two ,, keep-alive, n@t a name"),
        ("x-one", "1"),
        ("x-two", "2"),
        ("x-two", "3"),
        ("x-three", "kept"),
        ("keep-alive", "timeout=5"),
        ("proxy-authenticate", "Basic"),
        ("proxy-authentication-info", "x"),
        ("proxy-authorization", "x"),
        ("proxy-connection", "x"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("content-length", "5"),
    ]);
    strip_hop_by_hop(&mut fields);
    assert_eq!(fields, headers(&[("x-three", "kept"), ("content-length", "5")]));
    let listed = headers(&[("connection", "x"), ("x", "1"), ("upgrade", "h2c"), MAX_AGE]);
    let stored = stored_fields(&listed, &Lifetimes::default(), at(0));
    assert_eq!(stored, headers(&[MAX_AGE, ("date", DATE)]));
}

#[test]
fn r14_a_304_has_the_fields_that_it_must_have_and_none_about_the_content() {
    let kept = [
        ("cache-control", "max-age=60"),
        ("content-location", "/a"),
        ("date", DATE),
        ("etag", "\"x\""),
        ("expires", DATE),
        ("last-modified", DATE),
        ("vary", "accept"),
        ("x-other", "1"),
    ];
    let mut all = headers(&kept);
    all.extend(headers(&[
        ("content-type", "text/plain"),
        ("content-length", "5"),
        ("content-encoding", "br"),
        ("content-language", "de"),
        ("content-range", "bytes 0-1/2"),
        ("accept-ranges", "bytes"),
    ]));
    strip_for_not_modified(&mut all);
    assert_eq!(all, headers(&kept));
}

#[test]
fn each_refusal_is_a_token_of_its_own() {
    let all = [
        Refusal::Method,
        Refusal::Status,
        Refusal::PartialContent,
        Refusal::NotUnderstood,
        Refusal::RequestNoStore,
        Refusal::NoStore,
        Refusal::Private,
        Refusal::Authorization,
        Refusal::SetCookie,
        Refusal::VaryStar,
        Refusal::EventStream,
        Refusal::NoFreshness,
    ];
    let mut reasons: Vec<_> = all.iter().map(|refusal| refusal.reason()).collect();
    assert!(
        reasons
            .iter()
            .all(|reason| { reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') })
    );
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), all.len());
}
