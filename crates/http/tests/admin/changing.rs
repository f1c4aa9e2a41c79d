//! What changes something.

use crate::client::{Client, READ, builder};
use axum::{Router, body::Body, routing};
use http::{Method, Request};
use http_body_util::BodyExt;
use larder::manager::{CacheKind, CacheManager, CacheSettings};
use larder_http::{CacheLayer, Rule, Rules, User};
use serde_json::json;
use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};
use tower::ServiceExt;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

fn filled() -> CacheManager {
    let manager = CacheManager::new();
    let urls = manager.view::<u32>(CacheKind::Url);
    (0..10_u32).for_each(|key| urls.set(&format!("url:{key}"), key));
    let users = manager.view::<u32>(CacheKind::User);
    (0..3_u64).for_each(|key| users.set(&key, 1));
    manager
}

#[tokio::test]
async fn clear_empties_one_cache_or_all() {
    let manager = filled();
    let client = Client::of(&manager);
    let one = client.post("/clear/url/", &json!({})).await.ok();
    assert_eq!(one, json!({"cleared": [{"cache": "url", "entries": 10}]}));
    let left = [CacheKind::Url, CacheKind::User].map(|kind| manager.cache(kind).entry_count());
    assert_eq!(left, [0, 3]);
    let all = client.send(client.request(Method::POST, "/clear"), Body::empty()).await.ok();
    assert_eq!(all["cleared"][1], json!({"cache": "user", "entries": 3}));
    assert_eq!(all["cleared"].as_array().unwrap().len(), 5);
    assert_eq!(manager.cache(CacheKind::User).entry_count(), 0);
    let unknown = client.post("/clear/urls/", &json!({})).await.problem(404);
    let detail = unknown["detail"].as_str().unwrap();
    assert!(detail.contains("\"urls\"") && detail.contains("url, user"), "{detail}");
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let manager = filled();
    let client = Client::of(&manager).with_token(Some(READ));
    let config = json!({"cache": "url", "capacity": 1});
    for (method, path, body) in [
        (Method::POST, "/clear/", json!({})),
        (Method::POST, "/clear/url/", json!({})),
        (Method::POST, "/invalidate/", json!({"prefix": "url:"})),
        (Method::PUT, "/config/", config),
    ] {
        let answer = client.send_json(method, path, &body).await;
        answer.problem(403);
        assert!(answer.header("www-authenticate").contains("insufficient_scope"));
    }
    assert_eq!(manager.cache(CacheKind::Url).entry_count(), 10);
    assert_eq!(manager.cache(CacheKind::Url).settings().max_entries, 5_000);
}

#[tokio::test]
async fn a_dry_run_counts_what_the_run_then_takes() {
    let manager = filled();
    let client = Client::of(&manager);
    let mut wanted = json!({"cache": "url", "prefix": "url:", "dry_run": true});
    for _ in 0..2 {
        let counted = client.post("/invalidate/", &wanted).await.ok();
        assert_eq!(counted, json!({"matched": 10, "dry_run": true}));
    }
    assert_eq!(manager.cache(CacheKind::Url).entry_count(), 10);
    wanted["dry_run"] = false.into();
    let taken = client.post("/invalidate/", &wanted).await.ok();
    assert_eq!(taken, json!({"matched": 10, "dry_run": false}));
    assert_eq!(manager.cache(CacheKind::Url).entry_count(), 0);
    assert_eq!(manager.cache(CacheKind::User).entry_count(), 3);
}

#[tokio::test]
async fn one_key_is_invalidated_by_its_words_in_one_cache_or_in_all() {
    let manager = filled();
    manager.view::<u8>(CacheKind::General).set(&1_i32, 1);
    let client = Client::of(&manager);
    let take = async |body| client.post("/invalidate", &body).await.ok()["matched"].clone();
    assert_eq!(take(json!({"key": "url:7"})).await, 1);
    assert_eq!(take(json!({"key": "url"})).await, 0);
    assert_eq!(take(json!({"cache": "url", "key": "1"})).await, 0);
    // A number is the same in words, whatever its type.
    assert_eq!(take(json!({"key": "1"})).await, 2);
    assert_eq!(manager.view::<u32>(CacheKind::Url).get("url:7"), None);
    assert_eq!(manager.view::<u32>(CacheKind::User).get(&1_u64), None);
    assert_eq!(manager.view::<u32>(CacheKind::User).get(&2_u64), Some(1));
}

#[tokio::test]
async fn a_tag_takes_entries_of_all_caches_or_of_one() {
    let manager = CacheManager::new();
    for kind in [CacheKind::Url, CacheKind::User] {
        let view = manager.view::<u32>(kind).with_tags(["news"]).unwrap();
        view.set("a", 1);
        manager.view::<u32>(kind).set("b", 1);
    }
    let client = Client::of(&manager);
    let body = json!({"cache": "url", "tag": "news"});
    assert_eq!(client.post("/invalidate/", &body).await.ok()["matched"], 1);
    let body = json!({"tag": "news", "dry_run": true});
    assert_eq!(client.post("/invalidate/", &body).await.ok()["matched"], 1);
    assert_eq!(manager.view::<u32>(CacheKind::Url).get("a"), None);
    assert_eq!(manager.view::<u32>(CacheKind::Url).get("b"), Some(1));
    assert_eq!(manager.view::<u32>(CacheKind::User).get("a"), Some(1));
}

/// A site with a layer, and a client of its management.
fn site() -> (Router, Client) {
    let manager = CacheManager::new();
    let rule = |path: &str, name: &str| {
        Rule::new(path).named(name).cache(CacheKind::General).ttl(Duration::from_secs(60))
    };
    let rules = Rules::builder()
        .rule(rule("/articles/{id}", "article").tags(["articles"]))
        .rule(rule("/profile", "profile").per_user());
    let layer = CacheLayer::new(&manager, rules.build().unwrap());
    let app = Router::new()
        .route("/articles/{id}", routing::get(|| async { "article" }))
        .route("/profile", routing::get(|| async { "profile" }))
        .layer(layer.clone());
    let admin = builder(&manager).layer(&layer).build().unwrap();
    (app, Client::new(&admin))
}

async fn outcome(app: &Router, path: &str, user: Option<&str>) -> String {
    let mut request = Request::get(path).header("host", "localhost").body(Body::empty()).unwrap();
    if let Some(user) = user {
        request.extensions_mut().insert(User::new(user));
    }
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.headers()["cache-status"].to_str().unwrap().to_owned();
    // What breaks off is not stored.
    response.into_body().collect().await.unwrap();
    if status.contains("; hit") { "hit".to_owned() } else { "miss".to_owned() }
}

#[tokio::test]
async fn responses_are_invalidated_by_path_tag_user_and_rule_and_counted() {
    for (body, taken, left) in [
        (json!({"path": "/articles/1"}), vec!["/articles/1"], vec!["/articles/2", "/profile"]),
        (json!({"tag": "articles"}), vec!["/articles/1", "/articles/2"], vec!["/profile"]),
        (json!({"user": "ada"}), vec!["/profile"], vec!["/articles/1", "/articles/2"]),
        (json!({"rule": "article"}), vec!["/articles/1", "/articles/2"], vec!["/profile"]),
    ] {
        let (app, client) = site();
        for path in ["/articles/1", "/articles/2", "/profile"] {
            let user = (path == "/profile").then_some("ada");
            assert_eq!(outcome(&app, path, user).await, "miss");
            assert_eq!(outcome(&app, path, user).await, "hit");
        }
        let mut dry = body.clone();
        dry["dry_run"] = true.into();
        let matched = json!(taken.len());
        assert_eq!(client.post("/invalidate/", &dry).await.ok()["matched"], matched, "{body}");
        for path in ["/articles/1", "/articles/2", "/profile"] {
            let user = (path == "/profile").then_some("ada");
            assert_eq!(outcome(&app, path, user).await, "hit", "{body} was a dry run");
        }
        assert_eq!(client.post("/invalidate/", &body).await.ok()["matched"], matched, "{body}");
        // What is stale is not there to be taken again.
        assert_eq!(client.post("/invalidate/", &dry).await.ok()["matched"], 0, "{body}");
        for path in taken.iter().chain(&left) {
            let user = (*path == "/profile").then_some("ada");
            let expected = if taken.contains(path) { "miss" } else { "hit" };
            assert_eq!(outcome(&app, path, user).await, expected, "{body} {path}");
        }
    }
    let (_, client) = site();
    client.post("/invalidate/", &json!({"rule": "articles"})).await.problem(404);
    Client::of(&filled()).post("/invalidate/", &json!({"path": "/"})).await.problem(409);
}

#[tokio::test]
async fn settings_change_while_a_cache_is_in_use() {
    let manager = filled();
    let bytes = CacheSettings::new(100).max_bytes(1 << 20);
    manager.create("pages", bytes).unwrap();
    let client = Client::of(&manager);
    let put = async |body| client.send_json(Method::PUT, "/config/", &body).await;
    let settings = put(json!({"cache": "url", "capacity": 5, "ttl_seconds": 1.5})).await.ok();
    assert_eq!(
        settings,
        json!({"cache": "url", "capacity": 5, "unit": "entries", "ttl_seconds": 1.5, "expiry": "after_write"})
    );
    let url = manager.cache(CacheKind::Url);
    assert_eq!((url.capacity(), url.entry_count()), (5, 5));
    assert_eq!(url.settings().time_to_live, Some(Duration::from_millis(1_500)));
    // What is not said stays.
    let settings = put(json!({"cache": "url", "ttl_seconds": null})).await.ok();
    assert_eq!((&settings["capacity"], &settings["ttl_seconds"]), (&5.into(), &json!(null)));
    assert_eq!(put(json!({"cache": "pages", "capacity": 2048})).await.ok()["unit"], "bytes");
    assert_eq!(manager.get_cache("pages").unwrap().capacity(), 2_048);
    let problem = put(json!({"cache": "pages", "capacity": 0})).await.problem(409);
    let error = json!({"field": "capacity", "value": "0", "allowed": "1 to 1125899906842624"});
    assert_eq!(problem["errors"], json!([error]));
    put(json!({"cache": "url", "capacity": 5_000_000_000_u64})).await.problem(409);
    put(json!({"cache": "nothing", "capacity": 1})).await.problem(404);
}

/// Keeps what is said of changes.
#[derive(Clone, Default)]
struct Audit(Arc<Mutex<Vec<String>>>);

impl Subscriber for Audit {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "larder::audit"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        #[derive(Default)]
        struct Line(String);
        impl Visit for Line {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                if field.name() != "message" {
                    self.0 += &format!("{}={value:?} ", field.name());
                }
            }
        }
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(format!("{} {}", event.metadata().level(), line.0.trim()));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn each_change_leaves_a_line_that_says_who_what_and_how_many() {
    let audit = Audit::default();
    let lines = Arc::clone(&audit.0);
    // For all threads of this process, since what takes long runs in others: the tests of a binary
    // run in processes of their own, or the lines of other tests are among these.
    let _ = tracing::subscriber::set_global_default(audit);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let manager = filled();
        let admin = larder_http::admin::Admin::builder(&manager)
            .named_token("night shift", "t0ken", larder_http::admin::Scope::Admin)
            .build()
            .unwrap();
        let client = Client::new(&admin).with_token(Some("t0ken"));
        client.get("/stats/").await.ok();
        client.post("/invalidate/", &json!({"prefix": "url:", "dry_run": true})).await.ok();
        client.post("/invalidate/", &json!({"cache": "url", "key": "url:1"})).await.ok();
        client.post("/clear/url/", &json!({})).await.ok();
        let body = json!({"cache": "user", "capacity": 1});
        client.send_json(Method::PUT, "/config/", &body).await.ok();
        client.post("/clear/nothing/", &json!({})).await.problem(404);
    });
    let lines: Vec<_> =
        lines.lock().unwrap().iter().filter(|it| it.contains("night shift")).cloned().collect();
    assert_eq!(
        lines,
        [
            "INFO who=\"night shift\" what=\"invalidate key\" cache=\"url\" entries=1",
            "INFO who=\"night shift\" what=\"clear\" cache=\"url\" entries=9",
            "INFO who=\"night shift\" what=\"config\" cache=\"user\" entries=2",
        ]
    );
}
