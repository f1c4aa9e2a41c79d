//! Threads that serve connections, each with a runtime and connections to the origin of its own.
//!
//! A connection stays with the worker that it was given to, so that a request which is answered
//! from the cache wakes no other thread. What the workers share is the cache.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::upstream::{Settings, Upstream};

/// The threads; dropping them ends what they do.
#[derive(Debug)]
pub(crate) struct Workers(Vec<Worker>);

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    upstream: Upstream,
    /// Each of its connections holds a clone.
    load: Arc<()>,
    /// Dropped, it ends the thread.
    _end: oneshot::Sender<()>,
}

impl Workers {
    /// Starts `count` threads, which share the number of idle connections to the origin among them.
    pub(crate) fn start(count: usize, settings: &Settings) -> io::Result<Self> {
        let idle_connections = settings.idle_connections.div_ceil(count);
        let settings = Settings { idle_connections, ..settings.clone() };
        let start = |_| Worker::start(Upstream::new(settings.clone()));
        (0..count).map(start).collect::<io::Result<_>>().map(Self)
    }

    /// Serves a connection in the thread that has fewest.
    pub(crate) fn serve<F>(
        &self,
        stream: TcpStream,
        serve: impl FnOnce(TcpStream, Upstream) -> F + Send + 'static,
    ) -> io::Result<()>
    where
        F: Future<Output = ()> + Send,
    {
        let worker = self.0.iter().min_by_key(|worker| Arc::strong_count(&worker.load));
        let worker = worker.expect("there is at least one");
        let (load, upstream) = (Arc::clone(&worker.load), worker.upstream.clone());
        // The runtime that accepted it no longer looks at it.
        let stream = stream.into_std()?;
        worker.runtime.spawn(async move {
            match TcpStream::from_std(stream) {
                Ok(stream) => serve(stream, upstream).await,
                Err(error) => eprintln!("a connection could not be served: {error}"),
            }
            drop(load);
        });
        Ok(())
    }
}

impl Worker {
    fn start(upstream: Upstream) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, (end, ended)) = (runtime.handle().clone(), oneshot::channel());
        thread::Builder::new().name("worker".into()).spawn(move || {
            // Nothing is ever sent.
            runtime.block_on(async { _ = ended.await });
        })?;
        Ok(Self { runtime: handle, upstream, load: Arc::default(), _end: end })
    }
}
