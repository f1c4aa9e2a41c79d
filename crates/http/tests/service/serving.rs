//! What a client gets from what is stored.

use crate::site::{Site, anything, request, response, rules};
use http::{Method, StatusCode};

const TEXT: &str = "0123456789";

fn site(fields: &'static [(&'static str, &'static str)]) -> Site {
    Site::new(rules(anything()), move |_, _| response(fields, TEXT))
}

#[tokio::test]
async fn r09_the_rule_counts_last_unless_it_overrides() {
    for (fields, overrides, lives) in [
        (&[][..], false, 60),
        (&[("cache-control", "max-age=5")], false, 5),
        (&[("cache-control", "max-age=5, s-maxage=7")], false, 7),
        (&[("cache-control", "max-age=5"), ("cdn-cache-control", "max-age=9")], false, 9),
        (&[("cache-control", "max-age=5")], true, 60),
        (&[("cache-control", "max-age=10"), ("age", "3")], false, 7),
    ] {
        let rule = anything().override_ttl(overrides);
        let site = Site::new(rules(rule), move |_, _| response(fields, TEXT));
        site.get("/a").await;
        site.advance(lives - 1);
        assert!(site.get("/a").await.is_hit(), "{fields:?}");
        site.advance(1);
        assert!(!site.get("/a").await.is_hit(), "{fields:?}");
    }
}

#[tokio::test]
async fn r10_clients_say_what_they_accept() {
    let site = site(&[("cache-control", "max-age=20")]);
    site.get("/a").await;
    site.advance(10);
    let ask = |directive: &'static str| {
        let site = site.clone();
        async move { site.get_with("/a", &[("cache-control", directive)]).await }
    };
    assert!(ask("max-age=10").await.is_hit());
    assert!(ask("min-fresh=10").await.is_hit());
    assert!(ask("only-if-cached").await.is_hit());
    assert_eq!(site.calls(), 1);
    assert!(!ask("max-age=9").await.is_hit());
    site.advance(10);
    assert!(!ask("min-fresh=11").await.is_hit());
    site.advance(25);
    assert!(ask("max-stale=5").await.is_hit());
    assert!(ask("max-stale").await.is_hit());
    assert_eq!(site.calls(), 3);
    let reply = ask("only-if-cached").await;
    assert_eq!((reply.status, site.calls()), (StatusCode::GATEWAY_TIMEOUT, 3));
    let reply = ask("no-cache").await;
    assert!(reply.cache_status().contains("fwd=stale"), "{}", reply.cache_status());
    let reply = ask("no-cache").await;
    assert!(reply.cache_status().contains("fwd=request"), "{}", reply.cache_status());
    assert!(!ask("no-store").await.cache_status().contains("stored"));
}

#[tokio::test]
async fn r10_a_rule_may_pay_no_heed_to_clients() {
    let rule = anything().ignore_client_directives(true);
    let site = Site::new(rules(rule), |_, _| response(&[], TEXT));
    site.get("/a").await;
    for fields in
        [("cache-control", "no-cache"), ("cache-control", "max-age=0"), ("pragma", "no-cache")]
    {
        assert!(site.get_with("/a", &[fields]).await.is_hit(), "{fields:?}");
    }
}

#[tokio::test]
async fn r11_the_date_is_that_of_the_handler() {
    let date = "Tue, 15 Nov 1994 08:12:31 GMT";
    let site = Site::new(rules(anything().override_ttl(true)), move |_, _| {
        response(&[("date", date)], TEXT)
    });
    site.get("/a").await;
    assert_eq!(site.get("/b").await.field("date"), date);
    let site = self::site(&[]);
    site.get("/a").await;
    let hit = site.get("/a").await;
    assert!(httpdate::parse_http_date(&hit.field("date")).is_ok(), "{:?}", hit.headers);
}

#[tokio::test]
async fn r14_a_client_that_has_it_is_told_so() {
    let site =
        site(&[("last-modified", "Tue, 15 Nov 1994 08:12:31 GMT"), ("content-type", "text/plain")]);
    site.get("/a").await;
    let hit = site.get("/a").await;
    let etag = hit.field("etag");
    assert!(etag.starts_with('"'), "one is made: {etag:?}");
    let weak = format!("W/{etag}");
    let since = "Tue, 15 Nov 1994 08:12:31 GMT";
    for (fields, expected) in [
        (vec![("if-none-match", etag.as_str())], 304),
        (vec![("if-none-match", weak.as_str())], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-none-match", "\"other\", \"more\"")], 200),
        (vec![("if-modified-since", since)], 304),
        (vec![("if-modified-since", "Tue, 15 Nov 1994 08:12:30 GMT")], 200),
        (vec![("if-none-match", "\"other\""), ("if-modified-since", since)], 200),
    ] {
        let reply = site.get_with("/a", &fields).await;
        assert_eq!(reply.status.as_u16(), expected, "{fields:?}");
        assert!(reply.is_hit());
        assert_eq!(reply.field("etag"), etag);
        let body = if expected == 304 { "" } else { TEXT };
        assert_eq!(reply.text(), body);
        assert_eq!(reply.headers.contains_key("content-type"), expected == 200);
        assert!(reply.headers.contains_key("date"));
    }
    assert_eq!(site.calls(), 1);
}

#[tokio::test]
async fn r14_a_stale_response_is_validated() {
    let site = Site::new(rules(anything()), |request, call| {
        let mut reply =
            response(&[("etag", "\"v1\""), ("x-call", if call == 0 { "0" } else { "1" })], TEXT);
        if request.headers().get("if-none-match").is_some_and(|it| it == "\"v1\"") {
            reply = response(&[("etag", "\"v1\""), ("x-call", "304")], "");
            *reply.status_mut() = StatusCode::NOT_MODIFIED;
        }
        reply
    });
    site.get("/a").await;
    site.advance(61);
    let reply = site.get("/a").await;
    assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, TEXT));
    assert_eq!(reply.cache_status(), "larder; fwd=stale; fwd-status=304; stored");
    assert_eq!(reply.field("x-call"), "304", "what the handler says now");
    site.advance(59);
    assert!(site.get("/a").await.is_hit(), "its time has begun anew");
    site.advance(2);
    // The client's own condition is judged by the outcome.
    let reply = site.get_with("/a", &[("if-none-match", "\"v0\"")]).await;
    assert_eq!(reply.status, StatusCode::OK);
    site.advance(61);
    let reply = site.get_with("/a", &[("if-none-match", "\"v1\"")]).await;
    assert_eq!(reply.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn r15_ranges_are_cut_out_of_what_is_stored() {
    let site = site(&[("etag", "\"v1\"")]);
    site.get("/a").await;
    for (range, status, field, body) in [
        ("bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("bytes=7-", 206, "bytes 7-9/10", "789"),
        ("bytes=-2", 206, "bytes 8-9/10", "89"),
        ("bytes=5-99", 206, "bytes 5-9/10", "56789"),
        ("bytes=10-", 416, "bytes */10", ""),
        ("bytes=0-1,3-4", 200, "", TEXT),
        ("lines=1-2", 200, "", TEXT),
        ("bytes=4-2", 200, "", TEXT),
    ] {
        let reply = site.get_with("/a", &[("range", range)]).await;
        assert_eq!(reply.status.as_u16(), status, "{range}");
        assert_eq!(reply.field("content-range"), field, "{range}");
        assert_eq!(reply.text(), body, "{range}");
        assert_eq!(reply.field("content-length"), body.len().to_string(), "{range}");
        assert!(reply.is_hit());
    }
    let fields = [("range", "bytes=2-4"), ("if-range", "\"v1\"")];
    assert_eq!(site.get_with("/a", &fields).await.status, StatusCode::PARTIAL_CONTENT);
    let fields = [("range", "bytes=2-4"), ("if-range", "\"v2\"")];
    assert_eq!(site.get_with("/a", &fields).await.status, StatusCode::OK);
}

#[tokio::test]
async fn r16_what_is_for_one_connection_is_not_stored() {
    let site = site(&[
        ("connection", "x-hop, keep-alive"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("x-end", "1"),
    ]);
    site.get("/a").await;
    let hit = site.get("/a").await;
    assert!(hit.is_hit());
    for gone in ["connection", "x-hop", "keep-alive"] {
        assert_eq!(hit.field(gone), "", "{gone}");
    }
    assert_eq!(hit.field("x-end"), "1");
}

#[tokio::test]
async fn r13_the_cache_adds_to_what_others_say() {
    let site = site(&[("cache-status", "origin; hit")]);
    let reply = site.get("/a").await;
    assert_eq!(reply.cache_status(), "origin; hit, larder; fwd=uri-miss; fwd-status=200; stored");
    assert_eq!(site.get("/a").await.cache_status(), "origin; hit, larder; hit; ttl=60");
}

#[tokio::test]
async fn clients_are_told_what_the_rule_says() {
    let rule = anything().downstream("private, max-age=0");
    let site = Site::new(rules(rule), |_, _| response(&[("cache-control", "max-age=9")], TEXT));
    assert_eq!(site.get("/a").await.field("cache-control"), "private, max-age=0");
    let hit = site.get("/a").await;
    assert!(hit.is_hit());
    assert_eq!(hit.field("cache-control"), "private, max-age=0");
    site.advance(9);
    assert!(!site.get("/a").await.is_hit(), "the handler's word counts here");
}

#[tokio::test]
async fn extensions_of_a_response_reach_each_client() {
    let site = Site::new(rules(anything()), |_, call| {
        let mut reply = response(&[], TEXT);
        reply.extensions_mut().insert(call);
        reply
    });
    for _ in 0..2 {
        let reply = site.send(request(Method::GET, "/a", &[])).await.expect("it works");
        assert_eq!(reply.extensions().get::<usize>(), Some(&0));
        http_body_util::BodyExt::collect(reply.into_body()).await.expect("whole");
    }
}

#[tokio::test]
async fn head_has_the_fields_of_get() {
    let site = site(&[("content-type", "text/plain")]);
    site.get("/a").await;
    let head = site.ask(request(Method::HEAD, "/a", &[])).await;
    assert_eq!((head.text().as_str(), head.field("content-length").as_str()), ("", "10"));
    assert_eq!(head.field("content-type"), "text/plain");
}

#[tokio::test]
async fn r01_head_brings_what_get_has_stored_up_to_date() {
    for (fields, confirms) in [
        (vec![("etag", "\"v1\""), ("content-length", "10"), ("x-head", "1")], true),
        (vec![("etag", "\"v2\"")], false),
        (vec![("content-length", "11")], false),
    ] {
        let site = Site::new(rules(anything()), move |request, _| {
            if request.method() == Method::HEAD {
                return response(&fields, "");
            }
            response(&[("etag", "\"v1\"")], TEXT)
        });
        site.get("/a").await;
        site.advance(61);
        site.ask(request(Method::HEAD, "/a", &[])).await;
        let reply = site.get("/a").await;
        assert_eq!(reply.is_hit(), confirms);
        assert_eq!(reply.text(), TEXT);
        assert_eq!(reply.field("x-head"), if confirms { "1" } else { "" });
    }
}

#[tokio::test]
async fn what_the_rule_says_downstream_does_not_count_when_a_response_is_confirmed() {
    let rule = anything().downstream("private, max-age=0");
    let site = Site::new(rules(rule), |request, _| {
        let mut reply = response(&[("etag", "\"v1\""), ("cache-control", "max-age=9")], TEXT);
        if request.headers().contains_key("if-none-match") {
            reply = response(&[("etag", "\"v1\"")], "");
            *reply.status_mut() = StatusCode::NOT_MODIFIED;
        }
        reply
    });
    site.get("/a").await;
    for round in 0..3 {
        site.advance(9);
        let reply = site.get("/a").await;
        let expected = "larder; fwd=stale; fwd-status=304; stored";
        assert_eq!(reply.cache_status(), expected, "round {round}");
        assert_eq!(reply.field("cache-control"), "private, max-age=0");
        assert!(site.get("/a").await.is_hit());
    }
}
