//! What a layer says of all rules holds for `cached` handlers beneath it.

use super::{Reply, Runs, layer, minute, request, send};
use axum::{Router, extract::State, http::Method, http::uri::Scheme, routing};
use larder::manager::CacheManager;
use larder_http::{CacheLayer, Rules, RulesBuilder, cached};

async fn count(State(runs): State<Runs>) -> String {
    runs.count().to_string()
}

fn behind(layer: &CacheLayer) -> Router {
    let route = routing::get(cached(count).ttl(super::MINUTE));
    Router::new().route("/count", route).with_state(Runs::default()).layer(layer.clone())
}

async fn ask(router: &Router, host: &str, fields: &[(&'static str, &str)]) -> Reply {
    let mut request = request(Method::GET, "/count");
    request.headers_mut().insert("host", host.parse().unwrap());
    for (name, value) in fields {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    send(router, request).await
}

/// A rule for something else.
fn rules() -> RulesBuilder {
    Rules::builder().rule(minute("/elsewhere"))
}

const HTTPS: &[(&str, &str)] = &[("x-forwarded-proto", "https")];
const HTTP: &[(&str, &str)] = &[("x-forwarded-proto", "http")];

#[tokio::test]
async fn a_field_that_the_layer_trusts_is_part_of_the_key() {
    let distrusting = behind(&layer([minute("/elsewhere")]));
    for _ in 0..2 {
        assert!(!ask(&distrusting, "a.example", HTTPS).await.has_hit());
    }
    let rules = rules().trusted_headers(["x-forwarded-proto"]).build().unwrap();
    let trusting = behind(&CacheLayer::new(&CacheManager::new(), rules));
    let first = ask(&trusting, "a.example", HTTPS).await;
    let second = ask(&trusting, "a.example", HTTPS).await;
    assert!(!first.has_hit() && second.has_hit(), "{second:?}");
    assert_eq!(ask(&trusting, "a.example", HTTP).await.body, "2");
    assert_eq!(ask(&trusting, "a.example", &[]).await.body, "3");
    assert_eq!(ask(&trusting, "a.example", HTTPS).await.body, "1");
}

#[tokio::test]
async fn the_default_port_is_that_of_the_layers_scheme() {
    for (scheme, same) in [(None, false), (Some(Scheme::HTTP), false), (Some(Scheme::HTTPS), true)]
    {
        let rules = scheme.iter().cloned().fold(rules(), RulesBuilder::scheme);
        let router = behind(&CacheLayer::new(&CacheManager::new(), rules.build().unwrap()));
        ask(&router, "a.example", &[]).await;
        let reply = ask(&router, "a.example:443", &[]).await;
        assert_eq!(reply.has_hit(), same, "{scheme:?}: {reply:?}");
    }
}

#[tokio::test]
async fn new_rules_of_the_layer_change_what_is_trusted_beneath_it() {
    let cache = layer([minute("/elsewhere")]);
    let router = behind(&cache);
    ask(&router, "a.example", HTTPS).await;
    assert!(!ask(&router, "a.example", HTTPS).await.has_hit());
    let trusting = rules().trusted_headers(["x-forwarded-proto"]).build().unwrap();
    cache.set_rules(trusting).unwrap();
    ask(&router, "a.example", HTTPS).await;
    assert!(ask(&router, "a.example", HTTPS).await.has_hit());
    cache.set_rules(rules().build().unwrap()).unwrap();
    assert!(!ask(&router, "a.example", HTTPS).await.has_hit());
}
