//! Interim responses, such as 103 (Early Hints), on their way to the client.
//!
//! hyper's client hears of them, its server cannot send them. In HTTP/1.1 they are bytes before the
//! response that they announce, and while a request waits for that one its connection is silent. So
//! they are written past the server, to the socket, and only while no byte of a response is on its
//! way.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use hyper::StatusCode;
use hyper::header::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::forward;

/// The writing side of a client's connection.
#[derive(Debug)]
pub(crate) struct Connection {
    writer: Mutex<Writer>,
    /// The number of the request that waits for its response, 0 while none does.
    waiting: AtomicU64,
    /// How many requests there were.
    requests: AtomicU64,
}

#[derive(Debug)]
struct Writer {
    half: OwnedWriteHalf,
    /// What the socket has not taken of interim responses.
    rest: Vec<u8>,
    /// Whether the server has written all that it has.
    silent: bool,
}

/// The way of interim responses to the client that waits for one response.
#[derive(Clone, Debug)]
pub(crate) struct Interim {
    connection: Weak<Connection>,
    request: u64,
}

/// The connection as the server sees it.
#[derive(Debug)]
pub(crate) struct Stream {
    reader: OwnedReadHalf,
    connection: Arc<Connection>,
}

impl Stream {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let (reader, half) = stream.into_split();
        let writer = Writer { half, rest: Vec::new(), silent: true };
        let connection = Connection {
            writer: Mutex::new(writer),
            waiting: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        };
        Self { reader, connection: Arc::new(connection) }
    }

    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }
}

impl Connection {
    /// Says that a request waits for its response from now on.
    pub(crate) fn begin(connection: &Arc<Self>) -> Interim {
        let request = connection.requests.fetch_add(1, Ordering::Relaxed) + 1;
        connection.waiting.store(request, Ordering::Release);
        Interim { connection: Arc::downgrade(connection), request }
    }

    /// Says that the response comes; called before the server can write of it.
    pub(crate) fn finish(&self) {
        self.waiting.store(0, Ordering::Release);
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // Nothing that is done under the lock leaves it in between when it panics.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interim {
    /// Sends an interim response, unless the client no longer waits for what it announces.
    pub(crate) fn send(&self, status: StatusCode, headers: &HeaderMap) {
        // The server says itself when to go on with a body.
        if status == StatusCode::CONTINUE {
            return;
        }
        let Some(connection) = self.connection.upgrade() else { return };
        let head = head(status, headers);
        let mut writer = connection.writer();
        // Read under the lock: the server needs it for the first byte of the response, before which
        // `finish` was called.
        let waits = connection.waiting.load(Ordering::Acquire) == self.request;
        if waits && writer.silent {
            writer.write_now(&head);
        }
    }
}

/// The bytes of an interim response.
fn head(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let mut headers = headers.clone();
    forward::remove_hop_by_hop(&mut headers);
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in &headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

impl Writer {
    /// Writes what the socket takes at once, and keeps the rest for before the response.
    fn write_now(&mut self, bytes: &[u8]) {
        // An error is seen again by the server, which then knows what to do.
        let written = match self.rest.is_empty() {
            true => self.half.try_write(bytes).unwrap_or(0),
            false => 0,
        };
        self.rest.extend_from_slice(&bytes[written..]);
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let written = ready!(Pin::new(&mut self.half).poll_write(context, &self.rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.drain(..written);
        }
        Poll::Ready(Ok(()))
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut OwnedWriteHalf>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.silent = false;
        ready!(self.poll_rest(context))?;
        write(Pin::new(&mut self.half), context)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut writer = self.connection.writer();
        writer.poll(context, |half, context| half.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut writer = self.connection.writer();
        writer.poll(context, |half, context| half.poll_write_vectored(context, parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Called when the server has written all that it has.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut writer = self.connection.writer();
        ready!(writer.poll_rest(context))?;
        ready!(Pin::new(&mut writer.half).poll_flush(context))?;
        writer.silent = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut writer = self.connection.writer();
        ready!(writer.poll_rest(context))?;
        Pin::new(&mut writer.half).poll_shutdown(context)
    }
}
