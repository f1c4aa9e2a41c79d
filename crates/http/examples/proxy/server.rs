//! Accepts connections until an interrupt comes, and then lets those that are there finish.

use std::error::Error;
use std::net::SocketAddr;
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

/// Serves until the program is interrupted.
pub(crate) async fn run(arguments: &Arguments, cache: CacheLayer) -> Result<(), Box<dyn Error>> {
    let service = ServiceBuilder::new().layer(cache).service(Upstream::new(arguments.upstream()));
    let listener = TcpListener::bind(arguments.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let permits = Arc::new(Semaphore::new(arguments.connections));
    let graceful = GracefulShutdown::new();
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let permit = Arc::clone(&permits).acquire_owned();
        let accepted = async { (permit.await.expect("never closed"), listener.accept().await) };
        let (permit, (stream, address)) = tokio::select! {
            (permit, accepted) = accepted => match accepted {
                Ok(accepted) => (permit, accepted),
                Err(error) => {
                    eprintln!("a connection could not be accepted: {error}");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            _ = &mut interrupt => break,
        };
        serve(stream, address, service.clone(), &graceful, permit);
    }
    drop(listener);
    let farewell = tokio::time::timeout(FAREWELL_LIMIT, graceful.shutdown());
    if farewell.await.is_err() {
        eprintln!("some requests had not ended after {} s", FAREWELL_LIMIT.as_secs());
    }
    Ok(())
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
