//! A service with the management API: `http://127.0.0.1:PORT/api/cache/`.
//!
//! `cargo run -p larder-http --example admin --features admin [ADDRESS] [--tries N]`, then for
//! example
//!
//! ```text
//! curl -H 'Authorization: Bearer read-token' http://127.0.0.1:8080/api/cache/stats/
//! curl -H 'Authorization: Bearer admin-token' -H 'Content-Type: application/json' \
//!   -d '{"path": "/articles/7", "dry_run": true}' http://127.0.0.1:8080/api/cache/invalidate/
//! ```

use axum::{Router, extract::Path, routing::get};
use clap::Parser;
use larder::manager::{CacheKind, CacheManager};
use larder_http::{
    CacheLayer, Rule, Rules,
    admin::{Admin, Scope},
};
use std::{error::Error, net::SocketAddr, time::Duration};
use tokio::net::TcpListener;

#[derive(Parser)]
struct Arguments {
    /// Where it listens.
    #[arg(default_value = "127.0.0.1:8080")]
    address: SocketAddr,
    /// How many wrong tokens a peer may present in a minute.
    #[arg(long, default_value_t = 10)]
    tries: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { address, tries } = Arguments::parse();
    let manager = CacheManager::new();
    let users = manager.view::<String>(CacheKind::User).keyed::<u64>();
    users.insert(&7, "Ada".to_owned());
    users.insert(&8, "Bob".to_owned());

    let article = Rule::new("/articles/{id}")
        .named("article")
        .cache(CacheKind::General)
        .ttl(Duration::from_secs(60))
        .tags(["articles"]);
    let layer = CacheLayer::new(&manager, Rules::builder().rule(article).build()?);

    // In a service they come from its settings, and are random.
    let admin = Admin::builder(&manager)
        .layer(&layer)
        .token("read-token", Scope::Read)
        .named_token("operator", "admin-token", Scope::Admin)
        .failed_tries(tries, Duration::from_secs(60))
        .build()?;

    let app = Router::new()
        .route("/articles/{id}", get(|Path(id): Path<u64>| async move { format!("article {id}") }))
        .layer(layer)
        .nest("/api/cache", admin.router());

    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}/api/cache/", listener.local_addr()?);
    let stop = async move {
        // If there are no signals, it runs until it is killed.
        if tokio::signal::ctrl_c().await.is_ok() {
            admin.end_events();
        }
    };
    // With the peers' addresses, by which wrong tokens are limited.
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop).await?;
    Ok(())
}
