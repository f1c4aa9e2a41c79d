//! What is wrong with a request has a name, and changes nothing.

use crate::client::Client;
use axum::body::Body;
use http::Method;
use larder::manager::{CacheKind, CacheManager};
use serde_json::json;

#[tokio::test]
async fn bodies_have_to_be_json_objects_of_json_type_and_short() {
    let client = Client::of(&CacheManager::new());
    let send = async |kind: Option<&str>, body: String| {
        let request = client.request(Method::POST, "/invalidate/");
        let request = match kind {
            None => request,
            Some(kind) => request.header("content-type", kind),
        };
        client.send(request, Body::from(body)).await
    };
    let fine = json!({"key": "a"}).to_string();
    for kind in [None, Some("text/plain"), Some("application/jsonp"), Some("")] {
        let answer = send(kind, fine.clone()).await;
        answer.problem(415);
        assert_eq!(answer.header("accept"), "application/json");
    }
    for kind in ["application/json", "Application/JSON; charset=utf-8"] {
        send(Some(kind), fine.clone()).await.ok();
    }
    for body in ["", "{", "[]", "null", "7", "{\"key\": \"a\"} x", "\u{feff}{}"] {
        send(Some("application/json"), body.to_owned()).await.problem(400);
    }
    let long = format!("{{\"key\": \"{}\"}}", "x".repeat(70_000));
    send(Some("application/json"), long).await.problem(413);
}

#[tokio::test]
async fn each_field_that_is_wrong_is_named_with_what_could_have_been() {
    let manager = CacheManager::new();
    manager.view::<u32>(CacheKind::Url).set("a", 1);
    let client = Client::of(&manager);
    let one = "exactly one of key, prefix, tag, path, user, rule";
    for (body, field, value, allowed) in [
        (json!({}), "key", "none", one),
        (json!({"key": "a", "tag": "b"}), "key", "key, tag", one),
        (json!({"prefix": ""}), "prefix", "", "a text of 1 to 4096 characters"),
        (json!({"key": 7}), "key", "7", "a text of 0 to 4096 characters"),
        (json!({"key": null}), "key", "null", "a text of 0 to 4096 characters"),
        (json!({"key": "a", "dry_run": "yes"}), "dry_run", "yes", "true or false"),
        (json!({"path": "/", "cache": "url"}), "cache", "url", "nothing, beside `path`"),
    ] {
        let problem = client.post("/invalidate/", &body).await.problem(422);
        let error = json!({"field": field, "value": value, "allowed": allowed});
        assert_eq!(problem["errors"], json!([error]), "{body}");
    }
    // A misspelt `dry_run` is not a run.
    let problem = client.post("/invalidate/", &json!({"prefix": "a", "dryrun": true})).await;
    assert_eq!(problem.problem(422)["errors"][0]["field"], "dryrun");
    assert_eq!(manager.cache(CacheKind::Url).entry_count(), 1);
    for (body, field) in [
        (json!({"capacity": 1}), "cache"),
        (json!({"cache": "url", "capacity": -1}), "capacity"),
        (json!({"cache": "url", "capacity": 1.5}), "capacity"),
        (json!({"cache": "url", "capacity": null}), "capacity"),
        (json!({"cache": "url", "capacity": "9"}), "capacity"),
        (json!({"cache": "url", "capacity": 1_u64 << 51}), "capacity"),
        (json!({"cache": "url", "ttl_seconds": 0}), "ttl_seconds"),
        (json!({"cache": "url", "ttl_seconds": 1e300}), "ttl_seconds"),
        (json!({"cache": "url", "ttl_seconds": "1h"}), "ttl_seconds"),
    ] {
        let answer = client.send_json(Method::PUT, "/config/", &body).await;
        assert_eq!(answer.problem(422)["errors"][0]["field"], field, "{body}");
    }
    assert_eq!(manager.cache(CacheKind::Url).settings(), CacheKind::Url.settings());
}
