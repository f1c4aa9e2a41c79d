//! Who comes in.

use crate::client::{ADMIN, Client, READ, builder};
use axum::body::Body;
use http::Method;
use larder::{ManualClock, manager::CacheManager};
use larder_http::admin::{Admin, AdminError, Scope};
use std::time::Duration;

fn manager() -> CacheManager {
    CacheManager::new()
}

#[tokio::test]
async fn without_a_token_that_is_known_nothing_is_said() {
    let client = Client::of(&manager());
    for token in [None, Some("wrong"), Some("")] {
        let answer = client.with_token(token).get("/stats/").await;
        answer.problem(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"larder\"");
    }
    for token in [READ, ADMIN] {
        client.with_token(Some(token)).get("/stats/").await.ok();
    }
}

#[tokio::test]
async fn the_scheme_is_bearer_in_whatever_case() {
    let client = Client::of(&manager()).with_token(None);
    for (field, status) in [
        ("bearer r3ad", 200),
        ("BEARER  r3ad", 200),
        ("Basic cjNhZA==", 401),
        ("r3ad", 401),
        ("Bearer", 401),
        ("Bearerr3ad", 401),
    ] {
        let request = client.request(Method::GET, "/stats").header("authorization", field);
        assert_eq!(client.send(request, Body::empty()).await.status, status, "{field}");
    }
}

#[tokio::test]
async fn wrong_tokens_are_limited_by_peer() {
    let clock = ManualClock::new();
    let admin = builder(&manager()).failed_tries(3, Duration::from_secs(60)).clock(&clock).build();
    let client = Client::new(&admin.unwrap());
    let mut one = client.clone();
    one.peer = Some("192.0.2.1:1000".parse().unwrap());
    let mut other = client.clone();
    other.peer = Some("192.0.2.2:1000".parse().unwrap());
    for _ in 0..3 {
        one.with_token(Some("wrong")).get("/stats").await.problem(401);
    }
    // The right one, too: whoever guesses is not told that he has found it.
    let blocked = one.get("/stats").await;
    blocked.problem(429);
    assert_eq!(blocked.header("retry-after"), "60");
    // From another port it is the same peer.
    one.peer = Some("192.0.2.1:2000".parse().unwrap());
    one.with_token(Some("wrong")).get("/stats").await.problem(429);
    other.get("/stats").await.ok();
    client.get("/stats").await.ok();
    clock.advance(Duration::from_secs(60));
    one.get("/stats").await.ok();
}

#[tokio::test]
async fn where_peers_are_not_known_all_of_them_are_limited_together() {
    let admin = builder(&manager()).failed_tries(2, Duration::from_secs(60)).build().unwrap();
    let client = Client::new(&admin);
    for _ in 0..2 {
        client.with_token(Some("wrong")).get("/stats").await.problem(401);
    }
    client.get("/stats").await.problem(429);
}

#[tokio::test]
async fn who_presents_no_token_has_tried_nothing() {
    let admin = builder(&manager()).failed_tries(1, Duration::from_secs(60)).build().unwrap();
    let client = Client::new(&admin);
    for _ in 0..5 {
        client.with_token(None).get("/stats").await.problem(401);
    }
    client.get("/stats").await.ok();
}

#[tokio::test]
async fn on_loopback_one_may_do_without_a_token_if_the_program_says_so() {
    let loopback = "127.0.0.1:8080".parse().unwrap();
    let admin = Admin::builder(&manager()).allow_anonymous_on_loopback(loopback).build().unwrap();
    let client = Client::new(&admin).with_token(None);
    client.get("/stats").await.ok();
    for host in ["127.0.0.1:8080", "[::1]:8080", "LOCALHOST", "localhost:1"] {
        let request = http::Request::get("/api/cache/stats").header("host", host);
        client.send(request, Body::empty()).await.ok();
    }
}

#[tokio::test]
async fn no_page_of_another_site_does_anything_in_the_name_of_loopback() {
    let loopback = "127.0.0.1:8080".parse().unwrap();
    let admin = Admin::builder(&manager()).allow_anonymous_on_loopback(loopback).build().unwrap();
    let client = Client::new(&admin).with_token(None);
    // A name that an attacker has pointed at this machine; a page that posts; another machine.
    let get = || http::Request::get("/api/cache/stats");
    let rebound = get().header("host", "attacker.example");
    client.send(rebound, Body::empty()).await.problem(401);
    client.send(get(), Body::empty()).await.problem(401);
    let posted = get().header("host", "localhost").header("origin", "https://attacker.example");
    client.send(posted, Body::empty()).await.problem(401);
    let sandboxed = get().header("host", "localhost").header("origin", "null");
    client.send(sandboxed, Body::empty()).await.problem(401);
    let fetched = get().header("host", "localhost").header("sec-fetch-site", "cross-site");
    client.send(fetched, Body::empty()).await.problem(401);
    let mut remote = client.clone();
    remote.peer = Some("192.0.2.1:1000".parse().unwrap());
    remote.get("/stats").await.problem(401);
    // The dashboard's own requests.
    let own = get().header("host", "localhost").header("origin", "http://localhost");
    client.send(own, Body::empty()).await.ok();
}

#[test]
fn what_cannot_be_safe_is_not_built() {
    let manager = manager();
    let build = |builder: larder_http::admin::AdminBuilder| builder.build().unwrap_err();
    assert_eq!(build(Admin::builder(&manager)), AdminError::NoToken);
    let address = "192.0.2.1:80".parse().unwrap();
    let public = Admin::builder(&manager).allow_anonymous_on_loopback(address);
    assert_eq!(build(public), AdminError::NotLoopback { address });
    for secret in ["", "two words", "nul\0", "ünïcode", &"x".repeat(513)] {
        let error = build(Admin::builder(&manager).named_token("deploy", secret, Scope::Read));
        assert_eq!(error, AdminError::Token { name: "deploy".to_owned() });
        assert!(secret.is_empty() || !error.to_string().contains(secret));
    }
    let twice = Admin::builder(&manager).token("one", Scope::Read).token("one", Scope::Admin);
    assert_eq!(build(twice), AdminError::SameToken { name: "admin".to_owned() });
    for (tries, window) in [(0, 60), (10, 0), (10, 1_000_000)] {
        let builder = builder(&manager).failed_tries(tries, Duration::from_secs(window));
        assert!(matches!(build(builder), AdminError::Tries { .. }));
    }
}

#[test]
fn secrets_are_not_shown() {
    let builder = builder(&manager());
    assert!(!format!("{builder:?}").contains(ADMIN));
    assert!(!format!("{:?}", builder.build()).contains(ADMIN));
}
