//! A change is seen by whoever asks after it.

use crate::common::{Client, Database, Running};
use serde_json::json;

/// Asks until the cache answers, so that what comes afterwards could be stale.
async fn warm(client: &Client, path: &str) -> crate::common::Answer {
    client.get(path).await;
    let answer = client.get(path).await;
    assert!(answer.is_hit(), "{path}: {}", answer.header("cache-status"));
    answer
}

#[tokio::test]
async fn a_new_target_an_end_and_a_deletion_are_seen_at_once() {
    let database = Database::new().await;
    let service = Running::start(&database, &[]).await;
    let (nobody, ada) = (&service.client, service.client.sign_up("Ada").await);
    ada.shorten_as("abc", "https://example.com/1").await;
    let both = ["/abc", "/api/urls/redirect/abc/"];
    let lead = async |to: Option<&str>| {
        for path in both {
            let answer = nobody.get(path).await;
            assert!(!answer.is_hit(), "{path}");
            assert_eq!(answer.location(), to.unwrap_or_default(), "{path}");
            assert_eq!(answer.status.as_u16(), if to.is_some() { 302 } else { 404 }, "{path}");
        }
        warm(nobody, "/abc").await;
    };
    lead(Some("https://example.com/1")).await;
    assert_eq!(
        ada.patch("/api/urls/abc/", json!({ "url": "https://example.com/2" })).await.status,
        200
    );
    lead(Some("https://example.com/2")).await;
    ada.patch("/api/urls/abc/", json!({ "active": false })).await;
    lead(None).await;
    ada.patch("/api/urls/abc/", json!({ "active": true })).await;
    lead(Some("https://example.com/2")).await;
    assert_eq!(ada.delete("/api/urls/abc/").await.status, 204);
    lead(None).await;
    // That it leads nowhere is cached by now, and is over when somebody takes the code.
    ada.shorten_as("abc", "https://example.com/3").await;
    lead(Some("https://example.com/3")).await;
    service.stop().await;
}

#[tokio::test]
async fn after_a_new_code_the_old_one_leads_nowhere_and_the_new_one_leads_there() {
    let database = Database::new().await;
    let service = Running::start(&database, &[]).await;
    let (nobody, ada) = (&service.client, service.client.sign_up("Ada").await);
    ada.shorten_as("old", "https://example.com/").await;
    assert_eq!(warm(nobody, "/old").await.status, 302);
    assert_eq!(warm(nobody, "/new").await.status, 404);
    let renamed = ada.patch("/api/urls/old/", json!({ "code": "new" })).await;
    assert_eq!((renamed.status.as_u16(), &renamed.json()["code"]), (200, &json!("new")));
    assert_eq!(nobody.get("/old").await.status, 404);
    assert_eq!(nobody.get("/new").await.location(), "https://example.com/");
    assert_eq!(ada.get("/api/urls/old/").await.status, 404);
    assert_eq!(ada.get("/api/urls/new/").await.status, 200);
    // Clicks go with the address.
    service.app.flush_clicks().await;
    assert_eq!(ada.get("/api/urls/new/").await.json()["clicks"], 3);
    service.stop().await;
}

#[tokio::test]
async fn whatever_shows_an_address_shows_it_as_it_is() {
    let database = Database::new().await;
    let service = Running::start(&database, &[]).await;
    let (ada, bob) = (service.client.sign_up("Ada").await, service.client.sign_up("Bob").await);
    let shown = async |user: &Client| {
        let stats = user.get("/api/urls/stats/").await.json();
        let numbers = [
            user.get("/api/urls/").await.json()["total"].as_i64(),
            stats["urls"].as_i64(),
            stats["active"].as_i64(),
            user.get("/api/users/profile/").await.json()["urls"].as_i64(),
        ];
        numbers.map(Option::unwrap)
    };
    assert_eq!((shown(&ada).await, shown(&bob).await), ([0; 4], [0; 4]));
    let code = ada.shorten("https://example.com/").await;
    // What Bob has cached stays.
    assert!(bob.get("/api/urls/").await.is_hit() && bob.get("/api/users/profile/").await.is_hit());
    assert_eq!(shown(&ada).await, [1; 4]);
    let item = format!("/api/urls/{code}/");
    ada.patch(&item, json!({ "active": false, "title": "new" })).await;
    assert_eq!(shown(&ada).await, [1, 1, 0, 1]);
    assert_eq!(ada.get("/api/urls/").await.json()["items"][0]["title"], "new");
    assert_eq!(ada.get(&item).await.json()["title"], "new");
    ada.delete(&item).await;
    assert_eq!(shown(&ada).await, [0; 4]);
    assert_eq!(ada.get(&item).await.status, 404);

    assert!(warm(&ada, "/api/users/profile/").await.text.contains("Ada"));
    let renamed = ada.patch("/api/users/profile/", json!({ "name": "Countess" })).await;
    assert_eq!(renamed.json()["name"], "Countess");
    assert_eq!(ada.get("/api/users/profile/").await.json()["name"], "Countess");
    service.stop().await;
}
