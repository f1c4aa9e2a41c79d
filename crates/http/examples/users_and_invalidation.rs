//! Responses of each user's own, and changes that make stale what they change and nothing else.
//!
//! `cargo run -p larder-http --example users_and_invalidation --features axum`

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request},
    http::Method,
    middleware::{self, Next},
    response::Response,
    routing::{get, put},
};
use larder::manager::{CacheKind, CacheManager};
use larder_http::{CacheLayer, Invalidator, Rule, Rules, User};
use std::{error::Error, time::Duration};
use tower::ServiceExt;

/// Stands for what verifies tokens: here `Authorization: Bearer ada` is Ada's.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let header = request.headers().get("authorization").and_then(|it| it.to_str().ok());
    let user = header.and_then(|it| it.strip_prefix("Bearer ")).map(User::new);
    if let Some(user) = user {
        request.extensions_mut().insert(user);
    }
    next.run(request).await
}

async fn list(user: axum::Extension<User>) -> String {
    format!("the addresses of {}", user.id())
}

async fn redirect(Path(code): Path<String>) -> String {
    format!("where {code} leads")
}

async fn import(cache: Invalidator) {
    // Something that no rule knows of: everything below this path.
    cache.prefix("/urls/");
}

fn app() -> Result<Router, Box<dyn Error>> {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let rules = Rules::builder()
        .rule(
            Rule::new("/urls/")
                .cache(CacheKind::Url)
                .ttl(minutes(5))
                .per_user()
                .tags(["urls:{user}"])
                .invalidates(["urls:{user}"]),
        )
        .rule(
            Rule::new("/urls/{code}")
                .cache(CacheKind::Url)
                .ttl(minutes(60))
                .shared()
                .tags(["code:{code}"])
                .invalidates(["code:{code}", "urls:{user}"]),
        )
        .build()?;
    let cache = CacheLayer::new(&CacheManager::new(), rules);
    let router = Router::new()
        .route("/urls/", get(list).post(|| async {}))
        .route("/urls/{code}", get(redirect).put(|| async {}))
        .route("/import", put(import));
    // The cache is inside: it sees who the user is.
    Ok(router.layer(cache).layer(middleware::from_fn(authenticate)))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app()?;
    let ask = |method: Method, path: &'static str, user: &'static str| {
        let app = app.clone();
        async move {
            let request = Request::builder()
                .method(method.clone())
                .uri(path)
                .header("host", "example.org")
                .header("authorization", format!("Bearer {user}"))
                .body(Body::empty())?;
            let response = app.oneshot(request).await?;
            let status = response.headers()["cache-status"].to_str()?.to_owned();
            let body = to_bytes(response.into_body(), 1_000).await?;
            let text = String::from_utf8_lossy(&body);
            println!("{method:<4} {path:<9} {user:<4} {text:<23} {status}");
            Ok::<_, Box<dyn Error>>(())
        }
    };
    for user in ["ada", "bob", "ada"] {
        ask(Method::GET, "/urls/", user).await?;
    }
    println!("\nAda makes a new address. Bob's list stays.");
    ask(Method::POST, "/urls/", "ada").await?;
    for user in ["ada", "bob"] {
        ask(Method::GET, "/urls/", user).await?;
    }
    println!("\nWhere an address leads is the same for everybody, until Ada changes it.");
    for user in ["ada", "bob"] {
        ask(Method::GET, "/urls/b3", user).await?;
    }
    ask(Method::PUT, "/urls/b3", "ada").await?;
    ask(Method::GET, "/urls/b3", "bob").await?;
    println!("\nA handler invalidates whatever it likes.");
    ask(Method::PUT, "/import", "ada").await?;
    ask(Method::GET, "/urls/", "bob").await?;
    Ok(())
}
