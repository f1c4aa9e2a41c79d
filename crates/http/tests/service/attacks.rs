//! Requests by which somebody wants others to get what is not for them (cache poisoning), or to
//! have what is for others stored where he can get it (cache deception).

use crate::site::{Got, Site, anything, by, request, response, rules};
use http::{Method, Response, StatusCode};
use larder_http::{Query, Rule, Rules};
use std::time::Duration;

/// A handler that reflects all that a request says.
fn reflect(request: &Got, _: usize) -> Response<crate::site::Sent> {
    let mut text = format!("{} {}", request.method(), request.uri());
    for (name, value) in request.headers() {
        if name != "host" {
            text += &format!(" {name}={}", value.to_str().unwrap_or("?"));
        }
    }
    response(&[], text)
}

/// What a victim gets who asks for `uri` after an attacker has sent `attack`, if it says anything
/// of the attack.
async fn poisoned(rule: Rule, attack: Got, uri: &str, mark: &str) -> Option<String> {
    let site = Site::new(rules(rule), reflect);
    site.ask(attack).await;
    let text = site.get(uri).await.text();
    text.contains(mark).then_some(text)
}

#[tokio::test]
async fn r27_fields_that_are_not_part_of_the_key_poison_nobody() {
    for field in [
        "x-forwarded-host",
        "x-forwarded-scheme",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-server",
        "x-host",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "forwarded",
    ] {
        let attack = request(Method::GET, "/a", &[(field, "evil.example")]);
        assert_eq!(poisoned(anything(), attack, "/a", "evil").await, None, "{field}");
    }
}

#[tokio::test]
async fn r26_hosts_queries_and_paths_of_an_attacker_are_of_another_key() {
    let mut host = request(Method::GET, "/a", &[]);
    host.headers_mut().insert("host", "evil.example".parse().expect("a value"));
    assert_eq!(poisoned(anything(), host, "/a", "evil").await, None);
    for uri in [
        "/a?evil=1",
        "/a?q=1&evil=1",
        "/a?q=1;evil=1",
        "/a?evil",
        "/a?",
        "/A",
        "/a/",
        "/a//",
        "/a;evil",
        "/a%2fevil",
        "/x/../a?evil",
    ] {
        let attack = request(Method::GET, uri, &[]);
        assert_eq!(poisoned(anything(), attack, "/a", "evil").await, None, "{uri}");
    }
}

#[tokio::test]
async fn r26_a_parameter_that_is_ignored_hides_none_that_counts() {
    // What some servers take for two parameters and others for one.
    let rule = || anything().query(Query::ignore(["utm_source"]));
    for uri in
        ["/a?utm_source=x;q=evil", "/a?utm_source=x&q=evil", "/a?utm_source=x%26q=evil&q=evil"]
    {
        let attack = request(Method::GET, uri, &[]);
        assert_eq!(poisoned(rule(), attack, "/a", "evil").await, None, "{uri}");
        let attack = request(Method::GET, uri, &[]);
        assert_eq!(poisoned(rule(), attack, "/a?q=good", "evil").await, None, "{uri}");
    }
    let twice = request(Method::GET, "/a?q=good&q=evil", &[]);
    assert_eq!(poisoned(rule(), twice, "/a?q=good", "evil").await, None);
}

#[tokio::test]
async fn r07_bodies_and_methods_poison_nobody() {
    let mut fat = request(Method::GET, "/a", &[("content-length", "4")]);
    *fat.body_mut() = crate::site::full("evil");
    let site = Site::with(rules(anything()), |request, _| async move {
        let method = request.method().clone();
        let body = http_body_util::BodyExt::collect(request.into_body()).await?.to_bytes();
        Ok(response(&[], format!("{method} {}", String::from_utf8_lossy(&body))))
    });
    site.ask(fat).await;
    assert_eq!(site.get("/a").await.text(), "GET ");
    for method in [Method::HEAD, Method::POST, Method::OPTIONS, Method::TRACE] {
        let site = Site::new(rules(anything()), reflect);
        site.ask(request(method.clone(), "/a", &[])).await;
        assert!(site.get("/a").await.text().starts_with("GET"), "{method}");
    }
}

#[tokio::test]
async fn r28_the_end_of_a_path_makes_nothing_public() {
    // The router hands `/profile/x.css` to the page of the signed-in user; a rule is for
    // `/static/`.
    let rules = Rules::builder()
        .rule(Rule::new("/static/{*file}").named("static").ttl(Duration::from_secs(60)).shared())
        .build()
        .expect("the rules are right");
    let site = Site::new(rules, |request, _| {
        let user = request.extensions().get::<larder_http::User>();
        response(&[], format!("{:?}", user.map(|it| it.id())))
    });
    for uri in [
        "/profile/x.css",
        "/profile;x.css",
        "/profile%2fx.css",
        "/profile/..%2fstatic/x.css",
        "/static/../profile",
        "/static/..%2fprofile",
        "/static/%2e%2e/profile",
        "/profile?/static/x.css",
    ] {
        site.ask(by("victim", request(Method::GET, uri, &[("cookie", "sid=1")]))).await;
        let text = site.get(uri).await.text();
        assert_eq!(text, "None", "{uri}");
    }
}

#[tokio::test]
async fn errors_are_stored_only_if_a_rule_says_so() {
    for status in [400, 401, 403, 404, 405, 413, 414, 429, 431, 500, 501, 502, 503] {
        let site = Site::new(rules(anything()), move |_, call| {
            let mut reply = response(&[], format!("call {call}"));
            *reply.status_mut() = StatusCode::from_u16(status).expect("a status");
            reply
        });
        site.get("/a").await;
        assert_eq!(site.get("/a").await.text(), "call 1", "{status}");
    }
}

#[tokio::test]
async fn an_oversized_request_poisons_nobody() {
    // What makes a handler answer with an error that another request does not get.
    let site = Site::new(rules(anything()), |request, _| {
        let large = request.headers().get("x-large").is_some_and(|it| it.len() > 8_000);
        let mut reply = response(&[("cache-control", "max-age=60")], "page");
        if large {
            *reply.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        }
        reply
    });
    site.get_with("/a", &[("x-large", &"x".repeat(9_000))]).await;
    assert_eq!(site.get("/a").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_range_of_an_attacker_leaves_the_whole_for_others() {
    let site = Site::new(rules(anything()), |request, _| {
        if request.headers().contains_key("range") {
            let mut reply = response(&[("content-range", "bytes */10")], "");
            *reply.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            return reply;
        }
        response(&[], "whole")
    });
    let reply = site.get_with("/a", &[("range", "bytes=999-")]).await;
    assert_eq!(reply.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(site.get("/a").await.text(), "whole");
}

#[tokio::test]
async fn r05_a_flood_of_variants_takes_no_others_place() {
    let site = Site::new(rules(anything()), |_, _| response(&[("vary", "user-agent")], "page"));
    site.get("/other").await;
    for i in 0..2_000 {
        site.get_with("/a", &[("user-agent", &i.to_string())]).await;
    }
    let stats = &site.layer.stats()[0];
    assert!(stats.entries <= 20, "{stats:?}");
    assert!(site.get("/other").await.is_hit());
}

#[tokio::test]
async fn r27_duplicate_fields_are_of_no_key_or_of_their_own() {
    let attack = request(Method::GET, "/a", &[("host", "evil.example")]);
    assert_eq!(attack.headers().get_all("host").iter().count(), 2);
    assert_eq!(poisoned(anything(), attack, "/a", "evil").await, None);
    let rule = anything().vary_headers(["x-kind"]);
    let attack = request(Method::GET, "/a", &[("x-kind", "good"), ("x-kind", "evil")]);
    let site = Site::new(rules(rule), reflect);
    site.ask(attack).await;
    let text = site.get_with("/a", &[("x-kind", "good")]).await.text();
    assert!(!text.contains("evil"), "{text}");
    let text = site.get_with("/a", &[("x-kind", "good, evil")]).await.text();
    assert!(!text.contains("x-kind=evil"), "{text}");
}

#[tokio::test]
async fn what_a_request_reflects_cannot_split_a_response() {
    let site = Site::new(rules(anything().tags(["t:{path}"])), reflect);
    for uri in ["/a%0d%0aset-cookie:%20x=1", "/a?q=%0d%0aset-cookie:%20x=1", "/%00"] {
        for _ in 0..2 {
            let reply = site.get(uri).await;
            assert_eq!(reply.field("set-cookie"), "");
            assert!(!reply.cache_status().contains('\r'));
        }
    }
}
