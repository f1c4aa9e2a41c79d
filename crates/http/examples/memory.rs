//! A service that answers from memory at once, alone or behind the cache: what the cache itself
//! costs.
//!
//! ```text
//! cargo run --release -p larder-http --features axum --example memory -- --cached
//! ```
//!
//! `/1/{n}` has 1 KiB and `/64/{n}` 64 KiB, for an hour. `/asked` says how often the handler ran.
//! `cargo xtask http-bench` measures with it, and has it as the origin of proxies.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Router, routing::get};
use bytes::Bytes;
use clap::Parser;
use larder::manager::{CacheKind, CacheManager, CacheSettings};
use larder_http::{CacheLayer, Rule, Rules};
use tokio::net::TcpListener;

#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// Where clients connect; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Puts the cache before the handler.
    #[arg(long)]
    cached: bool,
}

#[derive(Clone, Debug)]
struct Answers {
    small: Bytes,
    large: Bytes,
    asked: Arc<AtomicU64>,
}

async fn answer(
    Path((kib, _)): Path<(u32, u32)>,
    State(answers): State<Answers>,
) -> Result<impl IntoResponse, StatusCode> {
    answers.asked.fetch_add(1, Relaxed);
    let body = match kib {
        1 => answers.small,
        64 => answers.large,
        _ => return Err(StatusCode::NOT_FOUND),
    };
    let fields = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "max-age=3600"),
    ];
    Ok((fields, body))
}

async fn asked(State(answers): State<Answers>) -> String {
    answers.asked.load(Relaxed).to_string()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let text = |kib: usize| Bytes::from(vec![b'x'; kib << 10]);
    let answers = Answers { small: text(1), large: text(64), asked: Arc::default() };
    let mut app = Router::new().route("/{kib}/{n}", get(answer));
    if arguments.cached {
        let settings = CacheSettings::new(100_000).max_bytes(1 << 30);
        let manager = CacheManager::builder().kind(CacheKind::General, settings).try_build()?;
        let rule = Rule::new("/{kib}/{n}").cache(CacheKind::General);
        app = app.layer(CacheLayer::new(&manager, Rules::builder().rule(rule).build()?));
    }
    let app = app.route("/asked", get(asked)).with_state(answers);
    let listener = TcpListener::bind(arguments.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
