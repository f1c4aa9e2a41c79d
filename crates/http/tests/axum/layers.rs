//! `CacheLayer` wherever axum takes a layer. Its rules are for the paths that clients see.

use super::{Runs, assert_kept, get, layer, minute, put, request, send};
use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderValue, Method, Uri},
    middleware::{self, Next},
    response::Response,
    routing,
};
use larder::manager::CacheManager;
use larder_http::{CacheLayer, Rules};

async fn number(State(runs): State<Runs>, Path(id): Path<String>) -> String {
    format!("{id} {}", runs.count())
}

#[tokio::test]
async fn a_layer_of_a_router_caches_its_routes() {
    let router = Router::new()
        .route("/numbers/{id}", routing::get(number))
        .with_state(Runs::default())
        .layer(layer([minute("/numbers/{id}")]));
    assert_kept(&get(&router, "/numbers/a").await, &get(&router, "/numbers/a").await);
    assert_eq!(get(&router, "/numbers/b").await.body, "b 2");
    assert_eq!(get(&router, "/numbers/a").await.body, "a 1");
}

#[tokio::test]
async fn a_layer_of_routes_caches_them_and_no_fallback() {
    let runs = Runs::default();
    let fallback = |State(runs): State<Runs>| async move { format!("no route {}", runs.count()) };
    let router = Router::new()
        .route("/numbers/{id}", routing::get(number))
        .route_layer(layer([minute("/{*any}")]))
        .fallback(fallback)
        .with_state(runs);
    assert_kept(&get(&router, "/numbers/a").await, &get(&router, "/numbers/a").await);
    assert_eq!(get(&router, "/elsewhere").await.body, "no route 2");
    let again = get(&router, "/elsewhere").await;
    assert_eq!((again.body.as_str(), again.cache_status.as_str()), ("no route 3", ""));
}

#[tokio::test]
async fn a_layer_of_one_route_caches_it_alone() {
    let router = Router::new()
        .route("/cached/{id}", routing::get(number).layer(layer([minute("/{*any}")])))
        .route("/plain/{id}", routing::get(number))
        .with_state(Runs::default());
    assert_kept(&get(&router, "/cached/a").await, &get(&router, "/cached/a").await);
    assert_eq!(get(&router, "/plain/a").await.body, "a 2");
    assert_eq!(get(&router, "/plain/a").await.body, "a 3");
}

#[tokio::test]
async fn a_layer_of_a_fallback_caches_what_no_route_has() {
    let fallback = |State(runs): State<Runs>| async move { format!("no route {}", runs.count()) };
    let router = Router::new()
        .route("/numbers/{id}", routing::get(number))
        .fallback(fallback)
        .with_state(Runs::default())
        .layer(layer([minute("/{*any}")]));
    assert_kept(&get(&router, "/elsewhere").await, &get(&router, "/elsewhere").await);
    assert_eq!(get(&router, "/elsewhere").await.body, "no route 1");
}

/// Routers in which the layer is within what takes the prefix.
fn nested(prefix: &str, rule: &str) -> [(&'static str, Router); 3] {
    let count = |State(runs): State<Runs>| async move { runs.count().to_string() };
    let inner = || {
        Router::new()
            .route("/numbers/{id}", routing::get(count).put(|| async {}))
            .with_state::<()>(Runs::default())
    };
    let layer = || layer([minute(rule)]);
    let twice = Router::new().nest("/v1", inner().layer(layer()));
    [
        ("nest", Router::new().nest(&format!("{prefix}/v1"), inner().layer(layer()))),
        ("nest twice", Router::new().nest(prefix, twice)),
        (
            "nest_service",
            Router::new().nest_service(&format!("{prefix}/v1"), inner().layer(layer())),
        ),
    ]
}

#[tokio::test]
async fn rules_are_for_all_of_the_path_in_nested_routers() {
    for (how, router) in nested("/api", "/api/v1/numbers/{id}") {
        let (first, second) =
            (get(&router, "/api/v1/numbers/a").await, get(&router, "/api/v1/numbers/a").await);
        println!("{how}: {}", second.cache_status);
        assert_kept(&first, &second);
    }
    for (how, router) in nested("/api", "/numbers/{id}") {
        let reply = get(&router, "/api/v1/numbers/a").await;
        println!("{how}: {}", reply.cache_status);
        reply.assert_passed("no-rule");
    }
}

#[tokio::test]
async fn prefixes_that_differ_are_paths_that_differ() {
    for (how, router) in nested("/{tenant}", "/{tenant}/v1/{*rest}") {
        let acme = get(&router, "/acme/v1/numbers/a").await;
        let other = get(&router, "/other/v1/numbers/a").await;
        assert_ne!(acme.body, other.body, "{how}");
        assert_eq!(get(&router, "/acme/v1/numbers/a").await.body, acme.body, "{how}");
        assert_eq!(get(&router, "/other/v1/numbers/a").await.body, other.body, "{how}");
    }
}

#[tokio::test]
async fn a_change_in_a_nested_router_takes_the_path_that_clients_see() {
    for (how, router) in nested("/api", "/api/v1/numbers/{id}") {
        let (a, b) =
            (get(&router, "/api/v1/numbers/a").await, get(&router, "/api/v1/numbers/b").await);
        put(&router, "/api/v1/numbers/a").await;
        assert_ne!(get(&router, "/api/v1/numbers/a").await.body, a.body, "{how}");
        assert_eq!(get(&router, "/api/v1/numbers/b").await.body, b.body, "{how}");
    }
}

#[tokio::test]
async fn head_is_answered_from_what_get_has_stored() {
    let router = Router::new()
        .route("/numbers/{id}", routing::get(number))
        .with_state(Runs::default())
        .layer(layer([minute("/numbers/{id}")]));
    get(&router, "/numbers/a").await;
    let head = send(&router, request(Method::HEAD, "/numbers/a")).await;
    assert!(head.is_hit() && head.body.is_empty(), "{head:?}");
}

/// Shows another page to those who ask with this header.
async fn by_language(mut request: Request, next: Next) -> Response {
    if request.headers().get("x-language") == Some(&HeaderValue::from_static("de")) {
        *request.uri_mut() = Uri::from_static("/de");
    }
    next.run(request).await
}

#[tokio::test]
async fn a_path_that_was_rewritten_within_the_router_is_not_cached() {
    let path = |uri: Uri| async move { uri.path().to_owned() };
    let router = Router::new()
        .route("/page", routing::get(path).put(|| async {}))
        .route("/de", routing::get(path))
        .layer(layer([minute("/{*any}")]))
        .layer(middleware::from_fn(by_language));
    let german = |method| {
        let mut request = request(method, "/page");
        request.headers_mut().insert("x-language", HeaderValue::from_static("de"));
        request
    };
    let reply = send(&router, german(Method::GET)).await;
    reply.assert_passed("rewritten");
    assert_eq!(reply.body, "/de");
    assert_kept(&get(&router, "/page").await, &get(&router, "/page").await);
    assert_eq!(send(&router, german(Method::GET)).await.body, "/de");
    get(&router, "/de").await;
    assert!(get(&router, "/page").await.is_hit() && get(&router, "/de").await.is_hit());
    // Whichever of the two it has changed.
    send(&router, german(Method::PUT)).await;
    assert!(!get(&router, "/page").await.is_hit() && !get(&router, "/de").await.is_hit());
}

#[tokio::test]
async fn layers_on_one_manager_share_neither_responses_nor_invalidations() {
    let manager = CacheManager::new();
    let rules = || Rules::builder().rule(minute("/numbers/{id}")).build().unwrap();
    let [one, other] = [(); 2].map(|()| CacheLayer::new(&manager, rules()));
    let [first, second] = [&one, &other].map(|layer| {
        Router::new()
            .route("/numbers/{id}", routing::get(number))
            .with_state(Runs::default())
            .layer(layer.clone())
    });
    for router in [&first, &second] {
        assert_kept(&get(router, "/numbers/a").await, &get(router, "/numbers/a").await);
    }
    other.invalidator().path("/numbers/a");
    assert!(get(&first, "/numbers/a").await.is_hit());
    assert!(!get(&second, "/numbers/a").await.is_hit());
}
