//! What handlers extract.

use super::{Runs, assert_kept, get, layer, minute, put};
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing,
};
use larder_http::{Invalidator, MissingCacheLayer};

async fn article(State(runs): State<Runs>, Path(id): Path<u32>) -> String {
    format!("article {id}, run {}", runs.count())
}

async fn publish(Path(id): Path<u32>, cache: Invalidator) {
    cache.tag(&format!("article:{id}"));
}

fn routes() -> Router {
    Router::new()
        .route("/articles/{id}", routing::get(article))
        .route("/publish/{id}", routing::put(publish))
        .with_state(Runs::default())
}

#[tokio::test]
async fn an_invalidator_is_that_of_the_layer_around_the_handler() {
    let rule = || minute("/articles/{id}").tags(["article:{id}"]);
    let (router, other) = (routes().layer(layer([rule()])), routes().layer(layer([rule()])));
    for router in [&router, &other] {
        assert_kept(&get(router, "/articles/1").await, &get(router, "/articles/1").await);
        get(router, "/articles/2").await;
    }
    assert_eq!(put(&router, "/publish/1").await.status, StatusCode::OK);
    assert_eq!(get(&router, "/articles/1").await.body, "article 1, run 3");
    assert!(get(&router, "/articles/2").await.is_hit(), "has another tag");
    assert!(get(&other, "/articles/1").await.is_hit(), "is in another layer");
}

#[tokio::test]
async fn a_nested_handler_finds_it_as_well() {
    let rule = minute("/api/articles/{id}").tags(["article:{id}"]);
    let router = Router::new().nest("/api", routes()).layer(layer([rule]));
    get(&router, "/api/articles/1").await;
    assert_eq!(put(&router, "/api/publish/1").await.status, StatusCode::OK);
    assert!(!get(&router, "/api/articles/1").await.is_hit());
}

#[tokio::test]
async fn without_a_layer_the_rejection_names_it() {
    let reply = put(&routes(), "/publish/1").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.body.contains("CacheLayer") && reply.body.contains("Router::layer"), "{reply:?}");
    assert_eq!(reply.body, MissingCacheLayer::default().to_string());
}
