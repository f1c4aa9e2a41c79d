//! What is only looked at.

use crate::client::{Client, READ, builder};
use axum::{Router, routing};
use http::{Method, Request};
use http_body_util::BodyExt;
use larder::{
    Maintenance, ManualClock,
    manager::{CacheKind, CacheManager, CacheSettings},
};
use larder_http::{CacheLayer, Rule, Rules};
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;

fn cache<'a>(list: &'a Value, name: &str) -> &'a Value {
    let list = list.as_array().unwrap();
    list.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("{name} in {list:?}"))
}

#[tokio::test]
async fn stats_say_what_has_happened_to_each_cache_and_to_all() {
    let manager = CacheManager::new();
    manager.create("pages", CacheSettings::new(100).max_bytes(10_000)).unwrap();
    let urls = manager.view::<u32>(CacheKind::Url);
    urls.set("a", 1);
    assert_eq!((urls.get("a"), urls.get("b"), urls.get("a")), (Some(1), None, Some(1)));
    urls.remove("a");
    manager.view::<u32>(CacheKind::User).get_with(&1, || 1);
    let pages = manager.get_cache("pages").unwrap().view::<String>().with_heap_size(String::len);
    pages.set("/", "x".repeat(1_000));

    let stats = Client::of(&manager).with_token(Some(READ)).get("/stats/").await.ok();
    let url = cache(&stats["caches"], "url");
    assert_eq!(url["kind"], "url");
    assert_eq!((&url["hits"], &url["misses"]), (&json!(2), &json!(1)));
    assert_eq!(url["hit_ratio"], 2.0 / 3.0);
    assert_eq!(
        (&url["inserts"], &url["removals"], &url["entries"]),
        (&1.into(), &1.into(), &0.into())
    );
    assert_eq!((&url["capacity"], &url["unit"]), (&5_000.into(), &"entries".into()));
    assert_eq!(url["ttl_seconds"], 3_600.0);
    let user = cache(&stats["caches"], "user");
    assert_eq!((&user["loads"]["succeeded"], &user["loads"]["failed"]), (&1.into(), &0.into()));
    assert_eq!((&user["weight"], &user["entries"]), (&1.into(), &1.into()));
    let pages = cache(&stats["caches"], "pages");
    assert_eq!((&pages["kind"], &pages["unit"]), (&Value::Null, &"bytes".into()));
    assert!(pages["weight"].as_u64().unwrap() >= 1_000);
    assert_eq!(cache(&stats["caches"], "session")["hit_ratio"], Value::Null);
    let total = &stats["total"];
    assert_eq!(
        (&total["inserts"], &total["entries"], &total["misses"]),
        (&3.into(), &2.into(), &2.into())
    );
    let sum: u64 = stats["caches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["memory_bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(total["memory_bytes"], sum);
    assert_eq!(stats["memory"]["caches_bytes"], sum);
    assert!(stats["memory"]["process_bytes"].as_u64().unwrap() > 1 << 20);
    assert!(
        stats["memory"]["system_total_bytes"].as_u64()
            >= stats["memory"]["system_available_bytes"].as_u64()
    );
}

#[tokio::test]
async fn evictions_are_told_apart_by_what_made_room_necessary() {
    let manager = CacheManager::new();
    let numbers = manager.create("numbers", CacheSettings::new(100)).unwrap();
    let view = numbers.view::<u32>();
    (0..150_u32).for_each(|key| view.set(&key, key));
    numbers.apply(&numbers.settings().max_entries(40)).unwrap();
    let stats = Client::of(&manager).get("/stats").await.ok();
    let evictions = &cache(&stats["caches"], "numbers")["evictions"];
    assert_eq!(*evictions, json!({"total": 110, "capacity": 50, "resize": 60}));
}

#[tokio::test]
async fn health_is_503_when_it_is_critical() {
    let clock = ManualClock::new();
    let manager = CacheManager::builder().clock(&clock).maintenance(Maintenance::Manual).build();
    let client = Client::of(&manager);
    let well = client.get("/health/").await.ok();
    assert_eq!((&well["status"], &well["reasons"]), (&"healthy".into(), &json!([])));
    assert_eq!(well["caches"][0], json!({"name": "url", "status": "healthy"}));
    let urls = manager.view::<u32>(CacheKind::Url);
    (0..2_000_u32).for_each(|key| assert_eq!(urls.get(&key), None));
    let answer = client.get("/health/").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (503, "application/json"));
    let ill = answer.json();
    assert_eq!(ill["status"], "critical");
    let reason = &ill["reasons"][0];
    assert_eq!((&reason["cache"], &reason["what"]), (&"url".into(), &"hit_ratio".into()));
    assert_eq!((&reason["value"], &reason["bound"]), (&0.0.into(), &0.1.into()));
    assert!(reason["detail"].as_str().unwrap().starts_with("hit ratio 0.0 %"));
}

#[tokio::test]
async fn performance_has_windows_of_one_five_and_fifteen_minutes() {
    let clock = ManualClock::new();
    let manager = CacheManager::builder().clock(&clock).maintenance(Maintenance::Manual).build();
    let reports = manager.view::<u64>(CacheKind::Analytics);
    (0..10).for_each(|_| assert_eq!(reports.get_with("january", || 31), 31));
    clock.advance(Duration::from_secs(20));
    let performance = Client::of(&manager).get("/performance/").await.ok();
    let windows = performance["windows"].as_array().unwrap();
    let lengths: Vec<_> = windows.iter().map(|it| it["window_seconds"].as_u64().unwrap()).collect();
    assert_eq!(lengths, [60, 300, 900]);
    let analytics = cache(&windows[0]["caches"], "analytics");
    assert_eq!((&analytics["gets"], &analytics["hit_ratio"]), (&10.into(), &0.9.into()));
    assert_eq!((&analytics["loads"], &analytics["loads_avoided"]), (&1.into(), &9.into()));
    assert_eq!(
        (&analytics["over_seconds"], &analytics["gets_per_second"]),
        (&20.0.into(), &0.5.into())
    );
    assert!(analytics["load_seconds"]["p99"].as_f64().unwrap() > 0.0);
    assert_eq!(cache(&windows[0]["caches"], "url")["load_seconds"], Value::Null);
    assert_eq!(windows[0]["total"]["gets"], 10);
}

#[larder::cache_query(ttl = "5m", reads("urls"), name = "admin::url_of")]
fn url_of(code: u32) -> String {
    format!("https://example.com/{code}")
}

#[larder::cache_query(writes("urls"))]
fn set_url(_code: u32) {}

#[tokio::test]
async fn functions_are_listed_with_what_they_read_and_write() {
    assert_eq!(url_of(1), url_of(1));
    set_url(2);
    let functions = Client::of(&CacheManager::new()).get("/functions/").await.ok();
    let reading = cache(&functions, "admin::url_of");
    assert_eq!((&reading["kind"], &reading["cache"]), (&"query".into(), &"general".into()));
    assert_eq!((&reading["hits"], &reading["misses"]), (&1.into(), &1.into()));
    assert_eq!((&reading["hit_ratio"], &reading["reads"]), (&0.5.into(), &json!(["urls"])));
    let writing = cache(&functions, "admin::reading::set_url");
    assert_eq!((&writing["kind"], &writing["cache"]), (&"write".into(), &Value::Null));
    assert_eq!((&writing["writes"], &writing["hit_ratio"]), (&json!(["urls"]), &Value::Null));
}

#[tokio::test]
async fn rules_are_listed_with_their_ratios_and_reasons() {
    let manager = CacheManager::new();
    let rule = Rule::new("/articles/{id}").named("article").cache(CacheKind::General);
    let rules = Rules::builder().rule(rule.ttl(Duration::from_secs(60))).build().unwrap();
    let layer = CacheLayer::new(&manager, rules);
    let app: Router = Router::new()
        .route("/articles/{id}", routing::get(|| async { "text" }))
        .layer(layer.clone());
    for token in [None, None, None, Some("Bearer x")] {
        let request = Request::get("/articles/7").header("host", "localhost");
        let request = match token {
            None => request,
            Some(token) => request.header("authorization", token),
        };
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        // What breaks off is not stored.
        response.into_body().collect().await.unwrap();
    }
    let admin = builder(&manager).layer(&layer).build().unwrap();
    let rules = Client::new(&admin).get("/rules/").await.ok();
    let article = &rules[0];
    assert_eq!((&article["rule"], &article["hits"]), (&"article".into(), &2.into()));
    assert_eq!((&article["misses"], &article["entries"]), (&1.into(), &1.into()));
    assert_eq!(article["hit_ratio"], 2.0 / 3.0);
    assert_eq!(article["bypassed"], json!({"credentials": 1}));
}

#[tokio::test]
async fn each_endpoint_is_there_with_and_without_a_slash() {
    let client = Client::of(&CacheManager::new());
    for path in ["stats", "health", "performance", "functions", "rules", "openapi.json"] {
        client.get(&format!("/{path}")).await.ok();
        let answer = client.get(&format!("/{path}/")).await;
        answer.ok();
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let client = Client::of(&CacheManager::new());
    for path in ["/nothing", "/stats/nothing", "/stats//", ""] {
        client.get(path).await.problem(404);
    }
    for method in [Method::DELETE, Method::PUT, Method::TRACE] {
        let answer = client.send(client.request(method, "/stats/"), Default::default()).await;
        answer.problem(405);
        assert_eq!(answer.header("allow"), "GET,HEAD");
    }
}
