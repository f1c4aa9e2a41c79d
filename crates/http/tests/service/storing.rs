//! What is stored, and what is not.

use crate::site::{Site, anything, by, full, request, response, rules};
use http::{Method, Response, StatusCode};
use std::time::Duration;

#[tokio::test]
async fn a_response_is_stored_and_given_to_the_next_who_asks() {
    let site = Site::new(rules(anything()), |_, call| response(&[], format!("call {call}")));
    let first = site.get("/a").await;
    assert_eq!(first.text(), "call 0");
    assert_eq!(first.cache_status(), "larder; fwd=uri-miss; fwd-status=200; stored");
    site.advance(7);
    let second = site.get("/a").await;
    assert_eq!(second.text(), "call 0");
    assert_eq!(second.cache_status(), "larder; hit; ttl=53");
    assert_eq!(second.field("age"), "7");
    assert_eq!(site.get("/b").await.text(), "call 1");
    site.advance(53);
    assert_eq!(site.get("/a").await.text(), "call 2", "it was fresh for a minute");
}

#[tokio::test]
async fn r01_only_responses_to_get_are_stored() {
    let site = Site::new(rules(anything()), |_, call| response(&[], format!("call {call}")));
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
        let reply = site.ask(request(method.clone(), "/a", &[])).await;
        assert!(!reply.cache_status().contains("stored"), "{method}");
    }
    assert_eq!(site.get("/a").await.text(), "call 5");
    assert_eq!(site.get("/a").await.text(), "call 5");
}

#[tokio::test]
async fn r01_a_part_is_never_stored_as_the_whole() {
    let site = Site::new(rules(anything()), |request, _| {
        let mut part = response(&[("content-range", "bytes 0-2/6")], "abc");
        if request.headers().contains_key("range") {
            *part.status_mut() = StatusCode::PARTIAL_CONTENT;
            return part;
        }
        response(&[], "abcdef")
    });
    let part = site.get_with("/a", &[("range", "bytes=0-2")]).await;
    assert_eq!((part.status, part.text().as_str()), (StatusCode::PARTIAL_CONTENT, "abc"));
    assert_eq!(site.get("/a").await.text(), "abcdef");
    assert_eq!(site.get("/a").await.text(), "abcdef");
    assert_eq!(site.calls(), 2);
}

#[tokio::test]
async fn r02_a_response_to_head_is_never_stored_for_get() {
    let site = Site::new(rules(anything()), |request, _| {
        let body = if request.method() == Method::HEAD { "" } else { "body" };
        response(&[], body)
    });
    let head = site.ask(request(Method::HEAD, "/a", &[])).await;
    assert_eq!(head.text(), "");
    assert_eq!(site.get("/a").await.text(), "body");
    let head = site.ask(request(Method::HEAD, "/a", &[])).await;
    assert!(head.is_hit(), "{}", head.cache_status());
    assert_eq!((head.text().as_str(), head.field("content-length").as_str()), ("", "4"));
    assert_eq!(site.get("/a").await.text(), "body");
    assert_eq!(site.calls(), 2);
}

#[tokio::test]
async fn r03_a_response_that_sets_a_cookie_is_for_its_client_alone() {
    let handler = |_: &_, call| response(&[("set-cookie", "id=1")], format!("call {call}"));
    let site = Site::new(rules(anything()), handler);
    let first = site.get("/a").await;
    assert_eq!(first.field("set-cookie"), "id=1");
    assert_eq!(first.cache_status(), "larder; fwd=uri-miss; fwd-status=200; detail=set-cookie");
    assert_eq!(site.get("/a").await.text(), "call 1");

    let site = Site::new(rules(anything().strip_set_cookie(true)), handler);
    site.get("/a").await;
    let second = site.get("/a").await;
    assert_eq!((second.text().as_str(), second.field("set-cookie").as_str()), ("call 0", ""));
}

#[tokio::test]
async fn r04_credentials_without_an_identity_are_not_answered_from_the_cache() {
    let site = Site::new(rules(anything()), |_, call| response(&[], format!("call {call}")));
    let bearer = [("authorization", "Bearer 1")];
    let first = site.get_with("/a", &bearer).await;
    assert!(!first.cache_status().contains("stored"), "{}", first.cache_status());
    assert_eq!(site.get_with("/a", &bearer).await.text(), "call 1");
    assert_eq!(site.get("/a").await.text(), "call 2");
    assert_eq!(site.get("/a").await.text(), "call 2");
    assert_eq!(site.get_with("/a", &bearer).await.text(), "call 3", "nobody said it may be shared");
    assert_eq!(site.get_with("/a", &[("cookie", "sid=1")]).await.text(), "call 4");
}

#[tokio::test]
async fn r04_each_user_has_responses_of_their_own() {
    let site = Site::new(rules(anything()), |request, call| {
        let user = request.extensions().get::<larder_http::User>();
        response(&[], format!("{:?} {call}", user.map(|it| it.id())))
    });
    let bearer = [("authorization", "Bearer 1")];
    let ask = |user| by(user, request(Method::GET, "/a", &bearer));
    assert_eq!(site.ask(ask("ada")).await.text(), r#"Some("ada") 0"#);
    assert_eq!(site.ask(ask("bob")).await.text(), r#"Some("bob") 1"#);
    assert_eq!(site.ask(ask("ada")).await.text(), r#"Some("ada") 0"#);
    assert_eq!(site.ask(ask("bob")).await.text(), r#"Some("bob") 1"#);
    assert_eq!(site.get("/a").await.text(), "None 2");
}

#[tokio::test]
async fn r05_variants_are_told_apart() {
    let site = Site::new(rules(anything()), |request, call| {
        let language = request.headers().get("accept-language");
        let language = language.map_or("none", |it| it.to_str().expect("text"));
        response(&[("vary", "Accept-Language")], format!("{language} {call}"))
    });
    let ask = |language: &'static str| {
        let site = site.clone();
        async move { site.get_with("/a", &[("accept-language", language)]).await.text() }
    };
    assert_eq!(ask("de").await, "de 0");
    assert_eq!(ask("en").await, "en 1");
    assert_eq!(ask("de").await, "de 0");
    assert_eq!(ask("EN").await, "en 1");
    assert_eq!(site.get("/a").await.text(), "none 2");
    assert_eq!(site.get("/a").await.text(), "none 2");
}

#[tokio::test]
async fn r05_what_depends_on_everything_is_not_stored() {
    let site = Site::new(rules(anything()), |_, call| {
        response(&[("vary", "accept, *")], format!("call {call}"))
    });
    site.get("/a").await;
    assert_eq!(site.get("/a").await.text(), "call 1");
}

#[tokio::test]
async fn r05_there_are_only_so_many_variants() {
    let site = Site::new(rules(anything().max_variants(3)), |_, call| {
        response(&[("vary", "x")], format!("call {call}"))
    });
    for i in 0..10 {
        site.get_with("/a", &[("x", &i.to_string())]).await;
    }
    let mut hits = 0;
    for i in 0..10 {
        hits += usize::from(site.get_with("/a", &[("x", &i.to_string())]).await.is_hit());
    }
    assert_eq!(hits, 3);
}

#[tokio::test]
async fn r06_what_says_that_it_is_not_to_be_stored_is_not() {
    for directive in
        ["no-store", "private", "max-age=60, NO-STORE", "private=\"unclosed", "max-age=60, private"]
    {
        let site = Site::new(rules(anything()), move |_, call| {
            response(&[("cache-control", directive)], format!("call {call}"))
        });
        site.get("/a").await;
        assert_eq!(site.get("/a").await.text(), "call 1", "{directive}");
    }
}

#[tokio::test]
async fn r07_a_get_with_a_body_is_not_answered_from_the_cache() {
    let site = Site::new(rules(anything()), |_, call| response(&[], format!("call {call}")));
    site.get("/a").await;
    let mut fat = request(Method::GET, "/a", &[]);
    *fat.body_mut() = full("evil");
    let reply = site.ask(fat).await;
    assert_eq!(reply.text(), "call 1");
    assert!(reply.cache_status().contains("detail=request-body"), "{}", reply.cache_status());
    assert_eq!(site.get("/a").await.text(), "call 0");
}

#[tokio::test]
async fn r08_streams_of_events_and_upgrades_are_not_touched() {
    let site = Site::new(rules(anything()), |request, call| {
        let mut reply = response(&[("content-type", "text/event-stream")], format!("call {call}"));
        if request.headers().contains_key("upgrade") {
            reply = Response::new(full("switching"));
            *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        }
        reply
    });
    site.get("/a").await;
    assert_eq!(site.get("/a").await.text(), "call 1");
    let fields = [("connection", "upgrade"), ("upgrade", "websocket")];
    let reply = site.get_with("/a", &fields).await;
    assert_eq!(reply.status, StatusCode::SWITCHING_PROTOCOLS);
    assert!(reply.cache_status().contains("detail=upgrade"), "{}", reply.cache_status());
}

#[tokio::test]
async fn r12_errors_have_a_time_of_their_own() {
    let rule = anything().status_ttl(404, Duration::from_secs(5));
    let site = Site::new(rules(rule), |_, call| {
        let mut reply = response(&[], format!("call {call}"));
        *reply.status_mut() = StatusCode::NOT_FOUND;
        reply
    });
    site.get("/a").await;
    site.advance(4);
    assert_eq!(site.get("/a").await.text(), "call 0");
    site.advance(1);
    assert_eq!(site.get("/a").await.text(), "call 1");
}

#[tokio::test]
async fn r29_a_rule_stores_only_so_many() {
    let site = Site::new(rules(anything().max_entries(10)), |_, _| response(&[], "x"));
    for i in 0..100 {
        site.get(&format!("/{i}")).await;
        assert!(site.get(&format!("/{i}")).await.is_hit(), "a new one gets in");
    }
    assert_eq!(stored(&site, 100).await, 10);
    let fewer = site.layer.set_rules(rules(anything().max_entries(3)));
    fewer.expect("the cache is there");
    site.get("/0").await;
    assert_eq!(stored(&site, 100).await, 3);
    let none = Site::new(rules(anything().max_entries(0)), |_, _| response(&[], "x"));
    assert!(none.get("/0").await.cache_status().ends_with("detail=quota"));
}

/// How many of the paths `/0`, `/1` and so on are stored.
async fn stored(site: &Site, paths: usize) -> usize {
    let mut stored = 0;
    for i in 0..paths {
        let only = [("cache-control", "only-if-cached")];
        let reply = site.get_with(&format!("/{i}"), &only).await;
        stored += usize::from(reply.status == StatusCode::OK);
    }
    stored
}

#[tokio::test]
async fn r29_invented_keys_do_not_displace_what_is_asked_for() {
    let site = Site::new(rules(anything().max_entries(10)), |_, _| response(&[], "x"));
    for i in 0..1000 {
        for popular in 0..5 {
            let hit = site.get(&format!("/popular/{popular}")).await.is_hit();
            assert_eq!(hit, i > 0, "popular/{popular} after {i}");
        }
        site.get(&format!("/invented/{i}")).await;
    }
}

#[tokio::test]
async fn r29_errors_and_newer_responses_take_no_place_of_others() {
    let site = Site::new(rules(anything().max_entries(3)), |request, _| {
        let mut reply = response(&[("cache-control", "max-age=60")], "x");
        if request.uri().path().starts_with("/error") {
            *reply.status_mut() = StatusCode::NOT_FOUND;
        }
        reply
    });
    for i in 0..3 {
        site.get(&format!("/{i}")).await;
    }
    for i in 0..10 {
        site.get(&format!("/error/{i}")).await;
        let newer = site.get_with("/1", &[("cache-control", "no-cache")]).await;
        assert!(newer.cache_status().ends_with("stored"), "{}", newer.cache_status());
    }
    assert_eq!(stored(&site, 3).await, 3);
}

#[tokio::test]
async fn what_has_no_rule_is_left_alone() {
    let rule = anything();
    let site = Site::new(rules(rule), |_, call| response(&[], format!("call {call}")));
    let reply = site.get("/").await;
    assert_eq!(reply.cache_status(), "larder; fwd=bypass; fwd-status=200; detail=no-rule");
    assert_eq!(site.get("/").await.text(), "call 1");
}
