//! A service of axum that answers from a cache: one query per key, however many requests come at
//! once.
//!
//! `cargo run -p larder-http --example axum_service --features axum`
//!
//! It serves on a free port, sends itself a few requests, prints the answers and shuts down.

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use larder::Cache;
use larder_http::cache_view;
use serde::Serialize;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};

/// What all requests share: each clone has the same cache.
#[derive(Clone)]
struct App {
    users: Cache<u64, Arc<User>>,
    database: Arc<Database>,
}

#[derive(Serialize)]
struct User {
    id: u64,
    name: String,
}

#[derive(Debug)]
enum Failure {
    NotFound,
    Unavailable,
}

/// Stands for a pool of connections.
#[derive(Default)]
struct Database {
    queries: AtomicU64,
}

impl Database {
    async fn user(&self, id: u64) -> Result<Arc<User>, Failure> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
        match id {
            0 => Err(Failure::Unavailable),
            1..=100 => Ok(Arc::new(User { id, name: format!("user {id}") })),
            _ => Err(Failure::NotFound),
        }
    }
}

/// Loads share their outcome with all requests that wait for it, so an error comes in an `Arc`.
struct Shared(Arc<Failure>);

impl IntoResponse for Shared {
    fn into_response(self) -> Response {
        match *self.0 {
            Failure::NotFound => StatusCode::NOT_FOUND.into_response(),
            Failure::Unavailable => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

/// `GET /users/{id}`: from the cache, or from the database if it is not there.
async fn user(State(app): State<App>, Path(id): Path<u64>) -> Result<Response, Shared> {
    let user = app.users.try_get_with_async(id, app.database.user(id)).await.map_err(Shared)?;
    Ok(Json(&*user).into_response())
}

/// `PUT /users/{id}`. A load that is under way for this user is not stored after this.
async fn rename(State(app): State<App>, Path(id): Path<u64>, name: String) -> StatusCode {
    app.users.insert(id, Arc::new(User { id, name }));
    StatusCode::NO_CONTENT
}

/// `GET /report`: the whole response is kept for a minute, by the attribute.
#[cache_view(ttl = "1m")]
async fn report() -> String {
    tokio::time::sleep(Duration::from_millis(50)).await;
    "the report, rendered\n".to_owned()
}

/// `GET /stats`
async fn stats(State(app): State<App>) -> String {
    let stats = app.users.stats();
    format!(
        "hits {}, misses {}, loads {}, entries {}\n",
        stats.hits, stats.misses, stats.loads, stats.entries
    )
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let users = Cache::builder()
        .name("users")
        .max_capacity(10_000)
        .time_to_live(Duration::from_secs(60))
        .build();
    let app = App { users, database: Arc::default() };
    let routes = Router::new()
        .route("/users/{id}", get(user).put(rename))
        .route("/report", get(report))
        .route("/stats", get(stats))
        .with_state(app.clone());

    // A service would listen on a port of its own and shut down on a signal.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (shut_down, closed) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        axum::serve(listener, routes).with_graceful_shutdown(async { _ = closed.await }).await
    });

    println!("100 requests for one user at once:");
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        requests.spawn(request(address, "GET", "/users/7", ""));
    }
    let mut answers = Vec::new();
    while let Some(answer) = requests.join_next().await {
        answers.push(answer.expect("no panic")?);
    }
    answers.dedup();
    println!("    {answers:?}, {} query", app.database.queries.load(Ordering::Relaxed));

    for (method, path, body) in [
        ("PUT", "/users/7", "Ada"),
        ("GET", "/users/7", ""),
        ("GET", "/users/1000", ""),
        ("GET", "/users/0", ""),
        ("GET", "/report", ""),
        ("GET", "/report", ""),
        ("GET", "/stats", ""),
    ] {
        println!("{method} {path}\n    {}", request(address, method, path, body).await?);
    }

    drop(shut_down);
    server.await.expect("no panic")
}

/// Sends one request; returns the status and the body of the answer.
async fn request(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or("").trim_start_matches("HTTP/1.1 ");
    Ok(format!("{status} {}", body.trim_end()).trim_end().to_owned())
}
