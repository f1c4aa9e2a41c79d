//! Accepts connections until it is told to stop, and then lets those that are there finish.

use crate::{App, BuildError, config::Config, edge::Peer};
use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower::ServiceExt as _;

/// How long to wait when the system has no socket left.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a service ended that should not have.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// It could not be started.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The listener has no address.
    #[error("server.listen: {0}")]
    Listener(#[from] io::Error),
    /// Requests or clicks were not done within the time limit.
    #[error("server.shutdown_timeout: {0:?} were not enough; {1} clicks are not written")]
    Unfinished(Duration, u64),
}

/// Builds a service and serves it until `shutdown` comes: see [`App::serve`].
///
/// # Errors
///
/// If it cannot be built, or has not come to its end in time.
pub async fn serve(
    mut config: Config,
    listener: TcpListener,
    shutdown: impl Future,
) -> Result<(), ServeError> {
    config.server.listen = listener.local_addr()?;
    App::build(config).await?.serve(listener, shutdown).await
}

impl App {
    /// Serves until `shutdown` comes. Then it accepts nothing more, lets requests that are under
    /// way end, and writes all clicks. It returns when that is done, or `server.shutdown_timeout`
    /// is over.
    ///
    /// # Errors
    ///
    /// If it has not come to its end in time.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future,
    ) -> Result<(), ServeError> {
        let settings = &self.config().server;
        let permits = usize::try_from(settings.max_connections).unwrap_or(usize::MAX);
        let permits = Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        let graceful = GracefulShutdown::new();
        let mut shutdown = pin!(shutdown);
        loop {
            let (permit, stream, address) = tokio::select! {
                accepted = accept(&listener, &permits) => accepted,
                _ = &mut shutdown => break,
            };
            let limit = settings.receive_timeout;
            serve_connection(stream, address, self.router.clone(), &graceful, permit, limit);
        }
        drop(listener);
        self.end_streams();
        let limit = settings.shutdown_timeout;
        let start = tokio::time::Instant::now();
        tracing::info!(connections = graceful.count(), "shutting down");
        let requests = tokio::time::timeout(limit, graceful.shutdown()).await;
        // Clicks get their time, too, if requests have used up all of it.
        let rest = limit.saturating_sub(start.elapsed()).max(Duration::from_secs(1));
        let clicks = tokio::time::timeout(rest, self.close()).await;
        if requests.is_ok() && clicks.is_ok() {
            return Ok(());
        }
        Err(ServeError::Unfinished(limit, self.unwritten_clicks()))
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (OwnedSemaphorePermit, TcpStream, SocketAddr) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("never closed");
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return (permit, stream, address),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Serves one connection in a task of its own. Each head of a request has to arrive within
/// `receive_timeout`.
fn serve_connection(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    graceful: &GracefulShutdown,
    permit: OwnedSemaphorePermit,
    receive_timeout: Duration,
) {
    // Only an optimisation, and of a connection that may be gone.
    _ = stream.set_nodelay(true);
    let peer = Peer(address.ip());
    let has_asked = Arc::new(AtomicBool::new(false));
    let asking = Arc::clone(&has_asked);
    let service = service_fn(move |mut request: Request<Incoming>| {
        asking.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        // Where the management API looks.
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().oneshot(request.map(Body::new))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(receive_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(receive_timeout)
        .keep_alive_timeout(receive_timeout)
        .max_concurrent_streams(128);
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let connection = graceful.watch(connection);
    // The limits of hyper begin when the first bytes have told which version of HTTP it is, and
    // these may never come.
    let no_request = async move {
        tokio::time::sleep(receive_timeout).await;
        if has_asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            // Clients go away as they like, and what they send wrong they were told.
            _ = connection => {}
            () = no_request => {}
        }
        drop(permit);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::Instant,
    };

    /// Returns how long a connection is kept whose client sends this and no more. The clock stands
    /// while anything else is to be done.
    async fn kept(sent: &str, receive_timeout: Duration) -> Duration {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        client.write_all(sent.as_bytes()).await.unwrap();
        let permits = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
        let (start, graceful) = (Instant::now(), GracefulShutdown::new());
        serve_connection(stream, address, Router::new(), &graceful, permit, receive_timeout);
        let mut answer = Vec::new();
        let limit = Duration::from_secs(3_600);
        let read = tokio::time::timeout(limit, client.read_to_end(&mut answer)).await;
        let time = start.elapsed();
        _ = read.unwrap_or_else(|_| panic!("{sent:?}: kept for longer than {limit:?}"));
        let answered = answer.starts_with(b"HTTP/1.1 404");
        assert_eq!(answered, sent.contains("\r\n\r\n"), "{sent:?}: {answer:?}");
        _ = tokio::time::timeout(limit, permits.acquire()).await.expect("its place is free");
        time
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_whole_head_is_kept_as_long_as_the_setting_says() {
        let half = "GET / HTTP/1.1\r\nhost: sho.rt\r\n";
        let whole = format!("{half}\r\n");
        let second = whole.clone() + half;
        // Less and more than what hyper has by itself.
        for limit in [2, 200].map(Duration::from_secs) {
            for sent in ["", "P", half, "PRI * HTTP/2.0\r\n", &whole, &second] {
                let time = kept(sent, limit).await;
                let off = time.abs_diff(limit);
                assert!(off < Duration::from_secs(1), "{sent:?}: {time:?} instead of {limit:?}");
            }
        }
    }
}
