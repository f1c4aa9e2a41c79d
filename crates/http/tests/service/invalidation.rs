//! What changes make stale.

use crate::site::{Site, anything, by, full, request, response, rules};
use http::{Method, Response, StatusCode};
use larder_http::{Rules, User};

fn counting() -> Site {
    Site::new(rules(anything()), |_, call| response(&[], format!("call {call}")))
}

async fn change(site: &Site, method: Method, uri: &str) {
    site.ask(request(method, uri, &[])).await;
}

#[tokio::test]
async fn r25_a_change_that_succeeds_makes_its_target_stale() {
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let site = counting();
        site.get("/a").await;
        site.get("/b").await;
        change(&site, method.clone(), "/a").await;
        assert!(!site.get("/a").await.is_hit(), "{method}");
        assert!(site.get("/b").await.is_hit(), "{method}");
    }
    let site = counting();
    site.get("/a").await;
    change(&site, Method::OPTIONS, "/a").await;
    assert!(site.get("/a").await.is_hit(), "a safe method changes nothing");
}

#[tokio::test]
async fn r25_a_change_that_fails_changes_nothing() {
    for status in [400, 404, 409, 500, 503] {
        let site = Site::new(rules(anything()), move |request, _| {
            let mut reply = response(&[("location", "/b")], "");
            if request.method() != Method::GET {
                *reply.status_mut() = StatusCode::from_u16(status).expect("a status");
            }
            reply
        });
        site.get("/a").await;
        site.get("/b").await;
        change(&site, Method::POST, "/a").await;
        assert!(site.get("/a").await.is_hit() && site.get("/b").await.is_hit(), "{status}");
    }
}

#[tokio::test]
async fn r25_locations_of_the_same_origin_are_stale_as_well() {
    for (field, location, stale) in [
        ("location", "/b", true),
        ("location", "b", true),
        ("content-location", "/b", true),
        ("content-location", "/b?q=1", true),
        ("location", "http://example.org/b", true),
        ("location", "http://evil.example/b", false),
        ("location", "//evil.example/b", false),
    ] {
        let site = Site::new(rules(anything()), move |request, _| {
            let fields =
                if request.method() == Method::GET { vec![] } else { vec![(field, location)] };
            response(&fields, "")
        });
        site.get("/b").await;
        change(&site, Method::POST, "/a").await;
        assert_eq!(!site.get("/b").await.is_hit(), stale, "{field}: {location}");
    }
}

#[tokio::test]
async fn r25_a_path_is_stale_with_all_its_queries_and_variants() {
    let site = Site::new(rules(anything()), |_, _| response(&[("vary", "x")], "body"));
    let all = [("/a", "1"), ("/a", "2"), ("/a?page=2", "1"), ("/b", "1")];
    for (uri, x) in all {
        site.get_with(uri, &[("x", x)]).await;
    }
    change(&site, Method::POST, "/a?whatever").await;
    let mut hits = Vec::new();
    for (uri, x) in all {
        hits.push(site.get_with(uri, &[("x", x)]).await.is_hit());
    }
    assert_eq!(hits, [false, false, false, true]);
}

#[tokio::test]
async fn the_application_invalidates_by_path_prefix_tag_user_rule_and_all() {
    let rule = anything().tags(["item:{path}"]);
    let site = Site::new(rules(rule), |_, call| response(&[], format!("call {call}")));
    let stored = |uri: &'static str| {
        let site = site.clone();
        async move { site.get(uri).await.is_hit() }
    };
    let fill = || async {
        for uri in ["/a", "/a/b", "/c"] {
            site.get(uri).await;
        }
    };
    let invalidator = site.invalidator();
    fill().await;
    invalidator.path("/a");
    assert_eq!((stored("/a").await, stored("/a/b").await, stored("/c").await), (false, true, true));
    invalidator.prefix("/a");
    assert_eq!(
        (stored("/a").await, stored("/a/b").await, stored("/c").await),
        (false, false, true)
    );
    invalidator.tag("item:c");
    assert_eq!((stored("/a").await, stored("/a/b").await, stored("/c").await), (true, true, false));
    assert!(invalidator.rule("anything") && !invalidator.rule("nothing"));
    assert_eq!(
        (stored("/a").await, stored("/a/b").await, stored("/c").await),
        (false, false, false)
    );
    invalidator.all();
    assert_eq!(
        (stored("/a").await, stored("/a/b").await, stored("/c").await),
        (false, false, false)
    );
}

#[tokio::test]
async fn one_users_responses_are_stale_and_no_others() {
    let site = counting();
    let ask = |user| site.ask(by(user, request(Method::GET, "/a", &[])));
    ask("ada").await;
    ask("bob").await;
    site.invalidator().user(&User::new("ada"));
    assert!(!ask("ada").await.is_hit());
    assert!(ask("bob").await.is_hit());
}

#[tokio::test]
async fn a_change_of_the_built_in_rules_takes_the_lists_of_its_user_alone() {
    let site = Site::new(Rules::default(), |_, call| response(&[], format!("call {call}")));
    let ask = |user, uri| site.ask(by(user, request(Method::GET, uri, &[])));
    for user in ["ada", "bob"] {
        for uri in ["/api/urls/", "/api/urls/stats/", "/api/users/profile/"] {
            assert!(!ask(user, uri).await.is_hit());
            assert!(ask(user, uri).await.is_hit(), "{uri}");
        }
    }
    site.ask(by("ada", request(Method::POST, "/api/urls/", &[]))).await;
    assert!(!ask("ada", "/api/urls/").await.is_hit());
    assert!(!ask("ada", "/api/urls/stats/").await.is_hit());
    assert!(ask("ada", "/api/users/profile/").await.is_hit());
    for uri in ["/api/urls/", "/api/urls/stats/", "/api/users/profile/"] {
        assert!(ask("bob", uri).await.is_hit(), "{uri}");
    }
}

#[tokio::test]
async fn groups_of_rfc_9875_are_invalidated_together() {
    let site = Site::new(rules(anything()), |request, _| match request.method() {
        &Method::GET => response(&[("cache-groups", "\"scripts\", \"all\"")], "x"),
        _ => {
            let mut reply = Response::new(full(""));
            let value = "\"scripts\"".parse().expect("a value");
            reply.headers_mut().insert("cache-group-invalidation", value);
            reply
        }
    });
    site.get("/a").await;
    site.get("/b").await;
    change(&site, Method::POST, "/c").await;
    assert!(!site.get("/a").await.is_hit() && !site.get("/b").await.is_hit());
}

#[tokio::test]
async fn handlers_get_the_invalidator_from_the_request() {
    let site = Site::new(rules(anything()), |request, call| {
        if request.uri().path() == "/change" {
            let invalidator = request.extensions().get::<larder_http::Invalidator>();
            invalidator.expect("the layer puts it there").path("/a");
        }
        response(&[], format!("call {call}"))
    });
    site.get("/a").await;
    site.get("/change").await;
    assert!(!site.get("/a").await.is_hit());
}
