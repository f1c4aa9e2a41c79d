//! One sample a second.

use crate::client::{Client, builder};
use axum::body::BodyDataStream;
use futures::StreamExt;
use larder::manager::{CacheKind, CacheManager};
use serde_json::Value;

/// Reads the next event.
async fn next(body: &mut BodyDataStream) -> Option<Value> {
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        text += std::str::from_utf8(&body.next().await?.unwrap()).unwrap();
    }
    let data = text.strip_prefix("event: sample\ndata: ").expect("an event `sample`");
    Some(serde_json::from_str(data.trim()).unwrap())
}

#[tokio::test]
async fn each_second_there_is_a_sample() {
    let manager = CacheManager::new();
    let users = manager.view::<u32>(CacheKind::User);
    users.set("ada", 1);
    let response = Client::of(&manager).open("/events/").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    let first = next(&mut body).await.unwrap();
    assert_eq!((&first["total"]["entries"], &first["total"]["hits"]), (&1.into(), &0.into()));
    let hottest = first["hottest"].as_array().unwrap();
    let of_users = hottest.iter().find(|it| it["cache"] == "user").unwrap();
    assert_eq!(of_users["keys"][0]["key"], "ada");
    assert!(users.get("ada").is_some());
    let second = next(&mut body).await.unwrap();
    assert_eq!(second["total"]["hits"], 1);
    let apart = second["at_ms"].as_u64().unwrap() - first["at_ms"].as_u64().unwrap();
    assert!(apart >= 900, "{apart} ms");
}

#[tokio::test]
async fn so_many_clients_listen_and_who_leaves_makes_room() {
    let client = Client::of(&CacheManager::new());
    let mut listening = Vec::new();
    for _ in 0..32 {
        let response = client.open("/events/").await;
        assert_eq!(response.status(), 200);
        listening.push(response);
    }
    let refused = client.get("/events/").await;
    refused.problem(503);
    assert_eq!(refused.header("retry-after"), "5");
    listening.pop();
    assert_eq!(client.open("/events/").await.status(), 200);
}

#[tokio::test]
async fn a_server_that_is_to_stop_ends_the_events() {
    let admin = builder(&CacheManager::new()).build().unwrap();
    let client = Client::new(&admin);
    let mut body = client.open("/events/").await.into_body().into_data_stream();
    assert!(next(&mut body).await.is_some());
    admin.end_events();
    // It ends by itself; if not, this never returns.
    while next(&mut body).await.is_some() {}
    client.get("/events/").await.problem(503);
}
