//! The command line.

use std::net::SocketAddr;
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use clap::Parser;
use hyper::Uri;
use hyper::http::uri::Scheme;

use crate::upstream::Settings;

/// A caching reverse proxy.
#[derive(Clone, Debug, Parser)]
#[command(name = "proxy")]
pub(crate) struct Arguments {
    /// Where requests go that the cache does not answer, `http://HOST[:PORT]`.
    #[arg(long, value_name = "URL", value_parser = origin)]
    pub(crate) origin: Uri,
    /// Where clients connect; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// A file with more rules, and settings of caches; each rule goes before what is cached
    /// without. Read again on SIGHUP.
    #[cfg(feature = "config")]
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<std::path::PathBuf>,
    /// How many megabytes the cache may hold.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub(crate) capacity: u64,
    /// How many seconds a stale response stands in when the origin fails, unless it says how long,
    /// or that it may not.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) stale_if_error: u64,
    /// Sends the origin its own name as `Host`, not the one that the client asked for.
    #[arg(long)]
    pub(crate) rewrite_host: bool,
    /// How many connections clients may hold at once; more wait until one ends.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) connections: usize,
    /// How many threads serve connections; as many as there are processors otherwise.
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZero<usize>>,
    /// How many idle connections to the origin are kept, an equal part of them by each worker.
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) idle_connections: usize,
    /// How many seconds connecting to the origin may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) connect_timeout: u64,
    /// How many seconds the origin may take until it answers, and between two parts of a body.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(crate) read_timeout: u64,
}

impl Arguments {
    /// How many threads serve connections.
    pub(crate) fn workers(&self) -> usize {
        let processors = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        self.workers.unwrap_or_else(processors).get()
    }

    /// How the origin is asked.
    pub(crate) fn upstream(&self) -> Settings {
        Settings {
            origin: self.origin.clone(),
            rewrite_host: self.rewrite_host,
            idle_connections: self.idle_connections,
            connect_timeout: Duration::from_secs(self.connect_timeout),
            read_timeout: Duration::from_secs(self.read_timeout),
        }
    }
}

fn origin(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|error| format!("{error}"))?;
    match (uri.scheme(), uri.authority(), uri.path(), uri.query()) {
        (Some(scheme), Some(_), "/" | "", None) if *scheme == Scheme::HTTP => Ok(uri),
        _ => Err("allowed is http://HOST or http://HOST:PORT, without a path".into()),
    }
}
