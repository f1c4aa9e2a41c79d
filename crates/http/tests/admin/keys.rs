//! Keys, never values.

use crate::client::{Client, READ, builder};
use larder::{
    Maintenance, ManualClock,
    manager::{CacheKind, CacheManager},
};
use larder_http::{CacheLayer, Rule, Rules};
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;

fn words(list: &Value) -> Vec<&str> {
    list["keys"].as_array().unwrap().iter().map(|it| it["key"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn keys_are_listed_with_what_is_known_of_them_those_used_most_first() {
    let clock = ManualClock::new();
    let manager = CacheManager::builder().clock(&clock).maintenance(Maintenance::Manual).build();
    let users = manager.view::<String>(CacheKind::User);
    users.set("ada", "the secret of Ada".to_owned());
    users.set(&7_u64, "the secret of 7".to_owned());
    users.set(&("bob".to_owned(), 3_u32), "the secret of Bob".to_owned());
    (0..3).for_each(|_| assert!(users.get(&7_u64).is_some()));
    assert!(users.get("ada").is_some());
    clock.advance(Duration::from_secs(60));
    let answer = Client::of(&manager).with_token(Some(READ)).get("/keys/?cache=user").await;
    assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
    let list = answer.ok();
    assert_eq!(words(&list), ["7", "ada", "bob, 3"]);
    assert_eq!(
        list["keys"][0],
        json!({
            "key": "7", "type": "u64", "namespace": "", "uses": 3, "age_seconds": 60.0,
            "expires_in_seconds": 1740.0, "weight": 1,
        })
    );
    assert_eq!(list["keys"][2]["type"], "(String, u32)");
    assert_eq!((&list["cache"], &list["truncated"]), (&"user".into(), &false.into()));
}

#[tokio::test]
async fn a_list_is_cut_and_says_so() {
    let manager = CacheManager::new();
    let urls = manager.view::<u32>(CacheKind::Url);
    (0..200_u32).for_each(|key| urls.set(&format!("a{key}"), key));
    (0..5_u32).for_each(|key| urls.set(&format!("b{key}"), key));
    let client = Client::of(&manager);
    let list = client.get("/keys/?cache=url").await.ok();
    assert_eq!((words(&list).len(), &list["truncated"]), (100, &true.into()));
    let list = client.get("/keys?cache=url&prefix=b&limit=5").await.ok();
    let mut found = words(&list);
    found.sort_unstable();
    assert_eq!((found, &list["truncated"]), (vec!["b0", "b1", "b2", "b3", "b4"], &false.into()));
    let list = client.get("/keys?cache=url&prefix=b&limit=2").await.ok();
    assert_eq!((words(&list).len(), &list["truncated"]), (2, &true.into()));
    assert_eq!(words(&client.get("/keys?cache=url&prefix=c").await.ok()), [""; 0]);
}

#[tokio::test]
async fn keys_of_sessions_are_hidden_unless_they_are_to_be_shown() {
    let manager = CacheManager::new();
    manager.view::<u32>(CacheKind::Session).set("token-of-ada", 1);
    manager.view::<u32>(CacheKind::User).set("user-of-ada", 1);
    let hidden = Client::of(&manager).get("/keys/?cache=session").await.ok();
    let shown = words(&hidden)[0].to_owned();
    assert!(shown.starts_with("String#") && shown.len() == 23, "{shown}");
    // Nobody finds them out letter by letter.
    let guessed = Client::of(&manager).get("/keys/?cache=session&prefix=token").await.ok();
    assert_eq!(words(&guessed), [""; 0]);
    // By what is shown they can be taken out.
    let body = json!({"cache": "session", "key": shown});
    assert_eq!(Client::of(&manager).post("/invalidate/", &body).await.ok()["matched"], 1);
    assert_eq!(manager.cache(CacheKind::Session).entry_count(), 0);

    manager.view::<u32>(CacheKind::Session).set("token-of-ada", 1);
    let admin = builder(&manager).show_keys("session").hide_keys("user").build().unwrap();
    let client = Client::new(&admin);
    let session = client.get("/keys/?cache=session").await.ok();
    assert_eq!(words(&session), ["token-of-ada"]);
    let user = client.get("/keys/?cache=user").await.ok();
    assert!(words(&user)[0].starts_with("String#"));
}

#[tokio::test]
async fn stored_responses_are_listed_by_path() {
    let manager = CacheManager::new();
    let rule = Rule::new("/articles/{id}").cache(CacheKind::General).ttl(Duration::from_secs(60));
    let layer = CacheLayer::new(&manager, Rules::builder().rule(rule).build().unwrap());
    let app: axum::Router = axum::Router::new()
        .route("/articles/{id}", axum::routing::get(|| async { "text" }))
        .layer(layer.clone());
    let request = http::Request::get("/articles/7?b=2&a=1").header("host", "localhost");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
    let client = Client::new(&builder(&manager).layer(&layer).build().unwrap());
    let list = client.get("/keys/?cache=general&prefix=/articles/").await.ok();
    assert_eq!(words(&list), ["/articles/7 localhost"]);
}

#[tokio::test]
async fn what_is_no_query_of_keys_is_named() {
    let client = Client::of(&CacheManager::new());
    let integer = "an integer of 1 to 1000";
    for (query, field, value, allowed) in [
        ("", "cache", "nothing", "a text of 1 to 4096 characters"),
        ("?cache=", "cache", "", "a text of 1 to 4096 characters"),
        ("?cache=url&limit=0", "limit", "0", integer),
        ("?cache=url&limit=1001", "limit", "1001", integer),
        ("?cache=url&limit=ten", "limit", "ten", integer),
        ("?cache=url&cache=user", "cache", "user", "the parameter once"),
        ("?cache=url&limits=1", "limits", "1", "no such name; there are cache, prefix, limit"),
    ] {
        let problem = client.get(&format!("/keys/{query}")).await.problem(400);
        let error = json!({"field": field, "value": value, "allowed": allowed});
        assert_eq!(problem["errors"], json!([error]), "{query}");
    }
    client.get("/keys/?cache=nothing").await.problem(404);
}
