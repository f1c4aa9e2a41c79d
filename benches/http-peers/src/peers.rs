//! The caches, each as its documentation sets it up.

use std::any::type_name;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, Response};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceExt};

use crate::origin::{Origin, SyncBody};

/// What the cases of the matrix may ask of a set-up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// How long responses are kept, where the cache does not read it from them.
    pub(crate) ttl: Duration,
    /// The largest body to store, where that can be set.
    pub(crate) body_limit: usize,
    /// Parts of large bodies for requests with `Range`, where the cache offers it.
    pub(crate) parts: bool,
    /// Compression of what is stored, where the cache offers it.
    pub(crate) compression: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(60), body_limit: 1024, parts: false, compression: false }
    }
}

/// A cache in front of an origin.
pub(crate) type Cached = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// A cache under test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The service, and the name of its error type; the origin's is `Infallible`.
    pub(crate) build: fn(Origin, Wanted) -> (Cached, &'static str),
}

pub(crate) const PEERS: &[Peer] = &[
    Peer { name: "tower-http-cache", version: "0.6.1", build: tower_http_cache },
    Peer { name: "axum-response-cache", version: "0.5.0", build: axum_response_cache },
    Peer { name: "http-cache-tower-server", version: "0.2.6", build: http_cache_tower_server },
    Peer { name: "hitbox-tower", version: "0.2.0", build: hitbox_tower },
    Peer { name: "larder-http", version: "(here)", build: larder_http },
];

/// README, "Quick Start", without the smallest size, below which nothing in the matrix would be
/// stored.
fn tower_http_cache(origin: Origin, wanted: Wanted) -> (Cached, &'static str) {
    use tower_http_cache::policy::{CompressionConfig, CompressionStrategy};
    use tower_http_cache::prelude::*;
    use tower_http_cache::streaming::StreamingPolicy;

    let mut policy = CachePolicy::default();
    if wanted.parts {
        // README, "Chunk Caching for Large Files", with smaller ones.
        policy = policy.with_streaming_policy(StreamingPolicy {
            enable_chunk_cache: true,
            chunk_size: 16,
            min_chunk_file_size: 32,
            ..StreamingPolicy::default()
        });
    }
    if wanted.compression {
        policy = policy.with_compression(CompressionConfig {
            strategy: CompressionStrategy::Gzip,
            ..CompressionConfig::default()
        });
    }
    let layer = CacheLayer::builder(InMemoryBackend::new(10_000))
        .policy(policy)
        .ttl(wanted.ttl)
        .max_body_size(Some(wanted.body_limit))
        .respect_cache_control(true)
        .build();
    // It asks for bodies that are `Sync`.
    let sync = |response: Response<Body>| response.map(SyncBody::new);
    let origin = tower::util::MapResponse::new(origin, sync);
    boxed(layer.layer(origin))
}

/// README, "Example"; the limit from the crate's documentation.
fn axum_response_cache(origin: Origin, wanted: Wanted) -> (Cached, &'static str) {
    let layer = axum_response_cache::CacheLayer::with_lifespan(wanted.ttl);
    boxed(layer.body_limit(wanted.body_limit).layer(origin))
}

/// README, "Quick Start", with the manager in memory.
fn http_cache_tower_server(origin: Origin, wanted: Wanted) -> (Cached, &'static str) {
    use http_cache::MokaManager;
    use http_cache_tower_server::{ServerCacheLayer, ServerCacheOptions};

    let options =
        ServerCacheOptions { max_body_size: wanted.body_limit, ..ServerCacheOptions::default() };
    let layer = ServerCacheLayer::new(MokaManager::default()).with_options(options);
    boxed(layer.layer(origin))
}

/// README of hitbox-http, "Quickstart": the key of method, path and the parameters that are named;
/// with the concurrency manager, since without one all misses go to the origin.
fn hitbox_tower(origin: Origin, wanted: Wanted) -> (Cached, &'static str) {
    use hitbox::Config;
    use hitbox::concurrency::BroadcastConcurrencyManager;
    use hitbox::policy::{ConcurrencyLimit, PolicyConfig};
    use hitbox::predicate::PredicateExt;
    use hitbox_http::extractors::{Method, path::PathExtractor, query::QueryExtractor};
    use hitbox_http::predicates::{header, response::StatusCode};

    let no_cache = header::Operation::Contains(http::header::CACHE_CONTROL, "no-cache".to_string());
    let limit = ConcurrencyLimit::new(1).expect("1 is allowed");
    let config = Config::builder()
        .request_predicate(header::Header::new(no_cache).not())
        .response_predicate(StatusCode::new(http::StatusCode::OK))
        .extractor(Method::new().path("/{path}").query("q".to_string()))
        .policy(PolicyConfig::builder().ttl(wanted.ttl).concurrency(limit).build())
        .build();
    let layer = hitbox_tower::Cache::builder()
        .backend(hitbox_moka::MokaBackend::builder().max_entries(1000).build())
        .config(config)
        .concurrency_manager(BroadcastConcurrencyManager::new())
        .build();
    boxed(layer.layer(origin))
}

/// The crate's documentation: one rule for all paths.
fn larder_http(origin: Origin, wanted: Wanted) -> (Cached, &'static str) {
    use larder::manager::CacheManager;
    use larder_http::{CacheLayer, Rule, Rules};

    let rule = |path| Rule::new(path).ttl(wanted.ttl).max_body(wanted.body_limit as u64);
    let rules = Rules::builder().rule(rule("/")).rule(rule("/{*path}")).build();
    let layer = CacheLayer::new(&CacheManager::new(), rules.expect("they are right"));
    boxed(layer.layer(origin))
}

fn boxed<S, R>(service: S) -> (Cached, &'static str)
where
    S: Service<Request<Body>, Response = R, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
    R: IntoResponse + 'static,
{
    let service = service.map_response(IntoResponse::into_response).map_err(Into::into);
    (BoxCloneSyncService::new(service), type_name::<S::Error>())
}
