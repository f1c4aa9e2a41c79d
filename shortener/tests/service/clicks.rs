//! Clicks: each is counted, once.

use crate::common::{Client, Database, Running};
use serde_json::json;

async fn click(client: &Client, path: &str, times: usize) -> usize {
    let clicks: Vec<_> = (0..times)
        .map(|_| {
            let (client, path) = (client.clone(), path.to_owned());
            tokio::spawn(async move {
                let answer = client.get(&path).await;
                assert_eq!(answer.status, 302, "{}", answer.text);
                answer.is_hit()
            })
        })
        .collect();
    let mut hits = 0;
    for click in clicks {
        hits += usize::from(click.await.unwrap());
    }
    hits
}

#[tokio::test]
async fn redirects_out_of_the_cache_are_counted_like_all_others() {
    let database = Database::new().await;
    let service = Running::start(&database, &[]).await;
    let ada = service.client.sign_up("Ada").await;
    ada.shorten_as("abc", "https://example.com/").await;
    service.client.get("/abc").await;
    let stats = async || {
        service.app.flush_clicks().await;
        let stats = ada.get("/api/urls/stats/").await.json();
        assert_eq!(stats["clicks"], stats["clicks_today"]);
        stats["clicks"].as_u64().unwrap()
    };
    assert_eq!(stats().await, 1);
    assert_eq!(click(&service.client, "/abc", 40).await, 40);
    // What was cached of the statistics is over as soon as the clicks are written.
    assert_eq!(stats().await, 41);
    let health = service.client.get("/api/health/").await.json();
    assert_eq!(health["clicks"], json!({ "taken": 41, "written": 41 }));
    service.stop().await;
}

#[tokio::test]
async fn redirects_wait_while_the_queue_is_full_and_no_click_is_lost() {
    let database = Database::new().await;
    let tight = [("clicks.queue", "1"), ("clicks.batch", "2")];
    let service = Running::start(&database, &tight).await;
    let ada = service.client.sign_up("Ada").await;
    ada.shorten_as("abc", "https://example.com/").await;
    click(&service.client, "/abc", 60).await;
    service.app.flush_clicks().await;
    assert_eq!(ada.get("/api/urls/abc/").await.json()["clicks"], 60);
    service.stop().await;
    assert_eq!(database.number("SELECT COUNT(*) FROM clicks").await, 60);
}

#[tokio::test]
async fn clicks_that_wait_are_written_before_the_service_ends() {
    let database = Database::new().await;
    let late = [("clicks.flush_every", "60s"), ("clicks.batch", "5000")];
    let service = Running::start(&database, &late).await;
    let ada = service.client.sign_up("Ada").await;
    ada.shorten_as("abc", "https://example.com/").await;
    click(&service.client, "/abc", 30).await;
    assert_eq!(service.app.unwritten_clicks(), 30);
    service.stop().await;
    for count in [
        "SELECT clicks FROM urls",
        "SELECT COUNT(*) FROM clicks",
        "SELECT CAST(SUM(clicks) AS BIGINT) FROM click_counts WHERE kind = 0",
        "SELECT CAST(SUM(clicks) AS BIGINT) FROM click_counts WHERE kind = 3",
    ] {
        assert_eq!(database.number(count).await, 30, "{count}");
    }
}

#[tokio::test]
async fn clicks_of_an_address_that_is_gone_hold_up_no_others() {
    let database = Database::new().await;
    let late = [("clicks.flush_every", "60s"), ("clicks.batch", "5000")];
    let service = Running::start(&database, &late).await;
    let ada = service.client.sign_up("Ada").await;
    ada.shorten_as("one", "https://example.com/1").await;
    ada.shorten_as("two", "https://example.com/2").await;
    click(&service.client, "/one", 3).await;
    click(&service.client, "/two", 4).await;
    assert_eq!(ada.delete("/api/urls/one/").await.status, 204);
    service.app.flush_clicks().await;
    let stats = ada.get("/api/urls/stats/").await.json();
    assert_eq!((&stats["urls"], &stats["clicks"]), (&json!(1), &json!(4)));
    service.stop().await;
}

#[tokio::test]
async fn without_a_cache_clicks_are_counted_as_well() {
    let database = Database::new().await;
    let service = Running::start(&database, &[("server.cache", "false")]).await;
    let ada = service.client.sign_up("Ada").await;
    ada.shorten_as("abc", "https://example.com/").await;
    assert_eq!(click(&service.client, "/abc", 10).await, 0);
    service.app.flush_clicks().await;
    assert_eq!(ada.get("/api/urls/stats/").await.json()["clicks"], 10);
    service.stop().await;
}
