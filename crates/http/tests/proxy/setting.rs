//! A proxy with an origin that a test scripts.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::arguments::Arguments;
use crate::caching::Caching;
use crate::server::Server;

/// Nothing takes that long; whatever does hangs.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A connection on either side.
pub(crate) type Wire = BufReader<TcpStream>;

/// An origin: what it does with each connection after the head of its first request.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Origin {
    pub(crate) async fn new<F>(script: impl Fn(String, Wire) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (script, requests) = (Arc::new(script), Arc::<AtomicUsize>::default());
        let counted = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let (script, counted) = (Arc::clone(&script), Arc::clone(&counted));
                tokio::spawn(async move {
                    let mut wire = BufReader::new(stream);
                    let head = head(&mut wire).await;
                    counted.fetch_add(1, Ordering::SeqCst);
                    script(head, wire).await;
                });
            }
        });
        Self { address, requests, task }
    }

    /// One that answers each request with the same bytes, and closes the connection.
    pub(crate) async fn that_answers(answer: &'static str) -> Self {
        Self::new(move |_, mut wire| async move { send(&mut wire, answer).await }).await
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A running proxy.
pub(crate) struct Proxy {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    #[cfg(all(unix, feature = "config"))]
    reloading: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn before(origin: SocketAddr, options: &[&str]) -> Self {
        let origin = format!("http://{origin}");
        let fixed = ["proxy", "--origin", &origin, "--listen", "127.0.0.1:0"];
        let arguments = Arguments::try_parse_from(fixed.iter().chain(options)).expect("valid");
        let cache = Caching::new(&arguments).expect("valid");
        #[cfg(all(unix, feature = "config"))]
        let reloading = {
            let hangups = crate::hangup::hangups().expect("a handler of signals");
            tokio::spawn(crate::hangup::reload_on(hangups, cache.clone()))
        };
        let server = Server::bind(&arguments, cache.layer).await.expect("a free port");
        let address = server.address().expect("it is bound");
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(server.run(async move { _ = ended.await }));
        Self {
            address,
            end: Some(end),
            task,
            #[cfg(all(unix, feature = "config"))]
            reloading,
        }
    }

    pub(crate) async fn connect(&self) -> Wire {
        BufReader::new(TcpStream::connect(self.address).await.expect("the proxy listens"))
    }

    /// Sends a request on a connection of its own, and returns all that comes until its end.
    pub(crate) async fn ask(&self, request: &str) -> String {
        let mut wire = self.connect().await;
        send(&mut wire, request).await;
        let mut answer = Vec::new();
        let read = timeout(LIMIT, wire.read_to_end(&mut answer)).await.expect("an end");
        // Whoever breaks off may reset.
        _ = read;
        String::from_utf8(answer).expect("text")
    }

    /// Sends a GET with these lines in its head.
    pub(crate) async fn get(&self, path: &str, lines: &str) -> String {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n{lines}\r\n"
        ))
        .await
    }

    /// Has it end as an interrupt would, without waiting for it.
    pub(crate) fn interrupt(&mut self) {
        let end = self.end.take().expect("once");
        end.send(()).expect("it runs");
    }

    pub(crate) async fn ended(&mut self) {
        timeout(LIMIT, &mut self.task).await.expect("an end").expect("no panic");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        #[cfg(all(unix, feature = "config"))]
        self.reloading.abort();
        self.task.abort();
    }
}

/// The head of a message, without the empty line.
pub(crate) async fn head(wire: &mut Wire) -> String {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        let read = timeout(LIMIT, wire.read_line(&mut line)).await.expect("a line");
        if read.expect("text") == 0 || line == "\r\n" {
            return head;
        }
        head.push_str(&line);
    }
}

pub(crate) async fn send(wire: &mut Wire, bytes: &str) {
    wire.get_mut().write_all(bytes.as_bytes()).await.expect("the other side listens");
}

/// As many bytes as `text` has.
pub(crate) async fn receive(wire: &mut Wire, text: &str) {
    let mut bytes = vec![0; text.len()];
    timeout(LIMIT, wire.read_exact(&mut bytes)).await.expect("bytes").expect("bytes");
    assert_eq!(String::from_utf8(bytes).expect("text"), text);
}

/// The values of a field in a head, joined.
pub(crate) fn field(head: &str, name: &str) -> Option<String> {
    let head = head.split("\r\n\r\n").next().expect("a head");
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let values = lines.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    let values: Vec<_> = values.map(|(_, value)| value.trim().to_owned()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}
