//! A caching reverse proxy: one origin behind the layer of larder-http.
//!
//! ```text
//! cargo run --release -p larder-http --example proxy -- \
//!     --origin http://127.0.0.1:8000 --listen 127.0.0.1:8080
//! ```
//!
//! With `--features config` it takes rules from a file, `--rules FILE`; see `docs/http.md` for what
//! they say. SIGHUP has it read the file again; what is wrong with it then is told, and changes
//! nothing.
//!
//! HTTP/1.1 and HTTP/2 without TLS are understood in front, the origin is asked in HTTP/1.1. Bodies
//! stream both ways. The program ends on SIGINT or SIGTERM, after the
//! requests that are under way.

mod arguments;
mod body;
mod caching;
mod edge;
mod forward;
#[cfg(all(unix, feature = "config"))]
mod hangup;
mod interim;
mod server;
mod ticks;
mod upstream;
mod workers;

use std::error::Error;

use clap::Parser;

use crate::arguments::Arguments;
use crate::server::Server;

/// Each request allocates and frees a dozen small things.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let cache = caching::Caching::new(&arguments)?;
    // Accepts connections only: the workers have runtimes of their own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        #[cfg(all(unix, feature = "config"))]
        tokio::spawn(hangup::reload_on(hangup::hangups()?, cache.clone()));
        let server = Server::bind(&arguments, cache.layer).await?;
        println!("listening on http://{}", server.address()?);
        server.run(interrupt()).await;
        Ok(())
    })
}

/// Waits until somebody wants the program to end.
async fn interrupt() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }
    // Without a handler the system ends the program by itself.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
