//! Accepts connections until an interrupt comes, and then lets those that are there finish.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use larder_http::{CacheLayer, CacheService};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceBuilder;

use crate::arguments::Arguments;
use crate::edge::Edge;
use crate::interim::Stream;
use crate::upstream::Upstream;

/// How long a client may take to send the head of a request.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
/// How long requests that are under way may take to finish after an interrupt.
const FAREWELL_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait when the system has no socket left.
const PAUSE: Duration = Duration::from_millis(50);

/// The origin behind the cache.
type Cached = CacheService<Upstream>;

/// A listening proxy.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    service: Cached,
    /// One for each connection that clients may hold.
    permits: Arc<Semaphore>,
}

impl Server {
    pub(crate) async fn bind(arguments: &Arguments, cache: CacheLayer) -> io::Result<Self> {
        let upstream = Upstream::new(arguments.upstream());
        Ok(Self {
            listener: TcpListener::bind(arguments.listen).await?,
            service: ServiceBuilder::new().layer(cache).service(upstream),
            permits: Arc::new(Semaphore::new(arguments.connections)),
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the interrupt, and then until the requests that are under way have ended, or have had their time.
    pub(crate) async fn run(self, interrupt: impl Future) {
        let graceful = GracefulShutdown::new();
        let mut interrupt = pin!(interrupt);
        loop {
            let (permit, stream, client) = tokio::select! {
                accepted = self.accept() => accepted,
                _ = &mut interrupt => break,
            };
            serve(stream, client, self.service.clone(), &graceful, permit);
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

/// Serves one connection in a task of its own.
fn serve(
    stream: TcpStream,
    client: SocketAddr,
    service: Cached,
    graceful: &GracefulShutdown,
    permit: OwnedSemaphorePermit,
) {
    // Only an optimisation, and of a connection that may be gone.
    _ = stream.set_nodelay(true);
    let stream = Stream::new(stream);
    let edge = Edge::new(service, client.ip(), stream.connection());
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(HEAD_LIMIT);
    let connection =
        builder.serve_connection_with_upgrades(TokioIo::new(stream), edge).into_owned();
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // Clients go away as they like, and what they send wrong they were told.
        _ = connection.await;
        drop(permit);
    });
}
