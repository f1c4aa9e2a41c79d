//! What the handler says of stored responses later: by HEAD, and by 304.

use crate::site::{Site, anything, request, response, rules};
use http::{Method, StatusCode};

#[tokio::test]
async fn head_brings_nothing_back_that_was_invalidated() {
    let site = Site::new(rules(anything()), |_, call| response(&[], format!("{call}")));
    site.get("/a").await;
    assert!(site.get("/a").await.is_hit());
    site.invalidator().path("/a");
    // It says nothing that tells the new response from the old one.
    assert!(!site.ask(request(Method::HEAD, "/a", &[])).await.is_hit());
    let reply = site.get("/a").await;
    assert!(!reply.is_hit() && reply.text() == "2", "{reply:?}");
}

#[tokio::test]
async fn an_entity_tag_that_the_cache_has_made_does_not_become_the_origins_by_head() {
    let site = Site::new(rules(anything()), |request, _| {
        assert!(!request.headers().contains_key("if-none-match"), "the handler has no such tag");
        response(&[], "a")
    });
    site.get("/a").await;
    let made = site.get("/a").await.field("etag");
    let again = &[("cache-control", "no-cache")];
    site.ask(request(Method::HEAD, "/a", again)).await;
    assert_eq!(site.get("/a").await.field("etag"), made);
    site.get_with("/a", again).await;
    assert_eq!(site.calls(), 3);
}

#[tokio::test]
async fn a_confirmed_response_that_depends_on_more_is_not_given_to_others() {
    let site = Site::new(rules(anything()), |request, _| {
        let mut all = response(&[("etag", "\"a\"")], "a");
        if request.headers().contains_key("if-none-match") {
            *all.status_mut() = StatusCode::NOT_MODIFIED;
            all.headers_mut().insert("vary", "accept-language".parse().expect("a value"));
        }
        all
    });
    site.get_with("/a", &[("accept-language", "en")]).await;
    site.get_with("/a", &[("accept-language", "en"), ("cache-control", "no-cache")]).await;
    let reply = site.get_with("/a", &[("accept-language", "de")]).await;
    assert!(!reply.is_hit(), "{reply:?}");
}
