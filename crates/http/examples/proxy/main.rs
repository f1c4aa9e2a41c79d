//! A caching reverse proxy: one origin behind the layer of larder-http.
//!
//! ```text
//! cargo run --release -p larder-http --example proxy -- \
//!     --origin http://127.0.0.1:8000 --listen 127.0.0.1:8080
//! ```
//!
//! HTTP/1.1 and HTTP/2 without TLS are understood in front, the origin is asked in HTTP/1.1. Bodies
//! stream both ways. The program ends on an interrupt, after the requests that are under way.

mod arguments;
mod body;
mod edge;
mod forward;
mod interim;
mod server;
mod upstream;

use std::error::Error;

use clap::Parser;

use crate::arguments::Arguments;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let cache = arguments.cache()?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(server::run(&arguments, cache))
}
