//! Accepts connections until an interrupt comes, and then lets those that are there finish.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use larder_http::CacheLayer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::arguments::Arguments;
use crate::edge::Edge;
use crate::interim::Stream;
use crate::ticks::Ticks;
use crate::upstream::Upstream;
use crate::workers::Workers;

/// How long a client may take to send the head of a request, and a [`TICK`] longer at most.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// How often a connection looks whether its client has taken too long.
const TICK: Duration = Duration::from_secs(5);
/// How long requests that are under way may take to finish after an interrupt.
const FAREWELL_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait when the system has no socket left.
const PAUSE: Duration = Duration::from_millis(50);

/// A listening proxy.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    cache: CacheLayer,
    workers: Workers,
    /// One for each connection that clients may hold.
    permits: Arc<Semaphore>,
}

impl Server {
    pub(crate) async fn bind(arguments: &Arguments, cache: CacheLayer) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind(arguments.listen).await?,
            cache,
            workers: Workers::start(arguments.workers(), &arguments.upstream())?,
            permits: Arc::new(Semaphore::new(arguments.connections)),
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the interrupt, and then until the requests that are under way have ended, or
    /// have had their time.
    pub(crate) async fn run(self, interrupt: impl Future) {
        let graceful = GracefulShutdown::new();
        let mut interrupt = pin!(interrupt);
        loop {
            let (permit, stream, client) = tokio::select! {
                accepted = self.accept() => accepted,
                _ = &mut interrupt => break,
            };
            let (cache, watcher) = (self.cache.clone(), graceful.watcher());
            let served = self.workers.serve(stream, move |stream, upstream| {
                serve(stream, client.ip(), cache, upstream, watcher, permit)
            });
            if let Err(error) = served {
                eprintln!("a connection could not be served: {error}");
            }
        }
        drop(self.listener);
        let farewell = tokio::time::timeout(FAREWELL_LIMIT, graceful.shutdown());
        if farewell.await.is_err() {
            eprintln!("some requests had not ended after {} s", FAREWELL_LIMIT.as_secs());
        }
    }

    async fn accept(&self) -> (OwnedSemaphorePermit, TcpStream, SocketAddr) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, client)) => return (permit, stream, client),
                Err(error) => {
                    eprintln!("a connection could not be accepted: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// Serves one connection to its end.
async fn serve(
    stream: TcpStream,
    client: IpAddr,
    cache: CacheLayer,
    upstream: Upstream,
    watcher: Watcher,
    permit: OwnedSemaphorePermit,
) {
    // Only an optimisation, and of a connection that may be gone.
    _ = stream.set_nodelay(true);
    let stream = Stream::new(stream);
    let edge = Edge::new(cache, upstream, client, stream.connection());
    let ticks = Ticks::new(TICK);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(ticks.clone()).header_read_timeout(HEAD_LIMIT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_LIMIT);
    let connection =
        builder.serve_connection_with_upgrades(TokioIo::new(stream), edge).into_owned();
    // Clients go away as they like, and what they send wrong they were told.
    _ = ticks.drive(watcher.watch(connection)).await;
    drop(permit);
}
