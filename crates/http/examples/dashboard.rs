//! A small service with the management API and its dashboard, and some load, so that there is
//! something to see.
//!
//! `cargo run --release -p larder-http --example dashboard --features admin`
//!
//! It serves until it is interrupted. The tokens are those that it prints: fixed, since only this
//! machine reaches it.

use axum::{
    Router,
    body::Body,
    extract::{Path, Request},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use clap::Parser;
use larder::{
    cache_query, cache_result,
    manager::{self, CacheKind, CacheManager, CacheSettings},
};
use larder_http::{
    CacheLayer, Rule, Rules, User,
    admin::{Admin, Scope},
};
use rand::RngExt as _;
use std::{error::Error, net::SocketAddr, time::Duration};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

/// How many codes there are, and how many users have them.
const CODES: u64 = 8_000;
const USERS: u64 = 400;
/// The tokens of the management API.
const TOKENS: [(&str, Scope); 2] = [("demo-admin", Scope::Admin), ("demo-read", Scope::Read)];

#[derive(Parser)]
struct Options {
    /// Where to listen: port 0 is a free one
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// How many clients ask the service, one request after the other
    #[arg(long, default_value_t = 6)]
    clients: u32,
    /// How long a client waits between two requests, in milliseconds
    #[arg(long, default_value_t = 4)]
    pause: u64,
}

/// A row of the database, which takes a while.
#[cache_query(reads("links:{code}"), ttl = "30s")]
async fn link(code: u64) -> String {
    tokio::time::sleep(Duration::from_millis(1 + code % 7)).await;
    format!("https://example.org/{code}")
}

#[cache_query(reads("links", "users:{user}"), cache = "user", ttl = "20s")]
async fn links_of(user: u64) -> Vec<u64> {
    tokio::time::sleep(Duration::from_millis(5 + user % 13)).await;
    (0..20).map(|n| user + n * USERS).collect()
}

#[cache_query(writes("links:{code}"))]
async fn change(code: u64) {
    tokio::time::sleep(Duration::from_millis(2)).await;
    _ = code;
}

/// Something slow without a table.
#[cache_result(cache = "analytics", ttl = "1m")]
fn checksum(of: u64) -> u64 {
    (0..20_000).fold(of, |sum, n| sum.rotate_left(5) ^ n)
}

async fn redirect(Path(code): Path<u64>) -> impl IntoResponse {
    (StatusCode::FOUND, [(header::LOCATION, link(code).await)])
}

async fn edit(Path(code): Path<u64>) -> StatusCode {
    change(code).await;
    StatusCode::NO_CONTENT
}

async fn list(user: axum::Extension<User>) -> String {
    let user = user.id().parse().unwrap_or(0);
    links_of(user).await.iter().map(|code| format!("/{code}\n")).collect()
}

/// Changes with each request, and says so.
async fn report() -> impl IntoResponse {
    let sum = checksum(rand::rng().random_range(0..50));
    ([(header::CACHE_CONTROL, "no-store")], format!("{sum}\n"))
}

/// Fills what no client asks for: a cache of the service's own.
async fn render_thumbnails() -> StatusCode {
    let manager = manager::global();
    let thumbnails = manager.get_cache("thumbnails").expect("it is made at the start");
    for (size, n) in [("small", 240), ("large", 60)] {
        let view = thumbnails.view::<Vec<u8>>().with_tags([size]).expect("one tag is few");
        for i in 0..n {
            view.set(format!("{size}/{i:03}").as_str(), vec![0; 100]);
        }
    }
    StatusCode::NO_CONTENT
}

/// Stands for what verifies tokens.
async fn authenticate(mut request: Request, next: Next) -> Response {
    if let Some(user) = request.headers().get("x-demo-user").and_then(|it| it.to_str().ok()) {
        let user = User::new(user);
        request.extensions_mut().insert(user);
    }
    next.run(request).await
}

fn service() -> Result<(Router, CacheLayer), Box<dyn Error>> {
    let rules = Rules::builder()
        .rule(
            Rule::new("/{code}")
                .named("redirect")
                .cache(CacheKind::Url)
                // Without a lifetime of their own, redirects with this status are not stored.
                .status_ttl(302, Duration::from_secs(25))
                .shared()
                .tags(["code:{code}"])
                .invalidates(["code:{code}"]),
        )
        .rule(
            Rule::new("/api/links/")
                .named("links")
                .cache(CacheKind::User)
                .ttl(Duration::from_secs(15))
                .per_user(),
        )
        .rule(Rule::new("/api/report/").named("report").ttl(Duration::from_secs(5)).shared())
        .build()?;
    let layer = CacheLayer::new(manager::global(), rules);
    let router = Router::new()
        .route("/{code}", get(redirect).put(edit))
        .route("/api/links/", get(list))
        .route("/api/report/", get(report))
        .route("/api/thumbnails/", post(render_thumbnails))
        .layer(layer.clone())
        .layer(middleware::from_fn(authenticate));
    Ok((router, layer))
}

/// A client: most requests are redirects, and few codes have most of them.
async fn client(service: Router, pause: Duration) {
    loop {
        let request = {
            let mut rng = rand::rng();
            let code = (CODES as f64).powf(rng.random::<f64>()) as u64;
            let user = rng.random_range(0..USERS).to_string();
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost".parse().expect("a name"));
            let (method, path) = match rng.random_range(0..1000) {
                0..700 => (Method::GET, format!("/{code}")),
                700..900 => {
                    headers.insert("x-demo-user", user.parse().expect("digits"));
                    (Method::GET, "/api/links/".to_owned())
                }
                900..970 => (Method::GET, "/api/report/".to_owned()),
                970..990 => {
                    headers.insert(header::CACHE_CONTROL, "no-store".parse().expect("a word"));
                    (Method::GET, format!("/{code}"))
                }
                _ => (Method::PUT, format!("/{code}")),
            };
            let mut request = Request::new(Body::empty());
            *request.method_mut() = method;
            *request.uri_mut() = path.parse().expect("a path");
            *request.headers_mut() = headers;
            request
        };
        let response = service.clone().oneshot(request).await.expect("it cannot fail");
        // What is not read is not stored.
        _ = axum::body::to_bytes(response.into_body(), 1 << 20).await;
        tokio::time::sleep(pause).await;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let caches = CacheManager::builder()
        .kind(CacheKind::Url, CacheSettings::new(3_000).time_to_live(Duration::from_secs(60)))
        .kind(CacheKind::General, CacheSettings::new(2_500).time_to_live(Duration::from_secs(60)))
        .named("thumbnails", CacheSettings::new(500))
        .build();
    manager::set_global(caches)?;
    let (service, layer) = service()?;

    let mut admin = Admin::builder(manager::global()).layer(&layer);
    for (token, scope) in TOKENS {
        admin = admin.token(token, scope);
    }
    let app = service.clone().nest("/api/cache", admin.build()?.router());

    render_thumbnails().await;
    for _ in 0..options.clients {
        tokio::spawn(client(service.clone(), Duration::from_millis(options.pause)));
    }
    let listener = TcpListener::bind(options.listen).await?;
    println!("http://{}/api/cache/dashboard/", listener.local_addr()?);
    for (token, scope) in TOKENS {
        println!("token with the scope {scope}: {token}");
    }
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await?;
    Ok(())
}
