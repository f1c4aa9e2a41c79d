//! A client that reads and writes bytes as it likes.

use std::{future::Future, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// How long a test waits for what must come, on a machine with much else to do.
const LIMIT: Duration = Duration::from_secs(50);

/// Waits for something that must come.
#[track_caller]
pub(crate) fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        match timeout(LIMIT, future).await {
            Ok(output) => output,
            Err(_) => panic!("nothing came at {caller}"),
        }
    }
}

/// Reads up to the blank line; what came after it is left in `buffer`. None if the connection ends
/// before.
pub(crate) async fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = buffer.split_off(at + 4);
            let head = std::mem::replace(buffer, rest);
            return Some(String::from_utf8(head).expect("text").to_ascii_lowercase());
        }
        if !read_more(stream, buffer).await {
            return None;
        }
    }
}

/// False at the end of the connection, be it clean or not.
async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> bool {
    stream.read_buf(buffer).await.is_ok_and(|read| read > 0)
}

/// A connection to the proxy.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Heads of interim responses.
    pub(crate) interim: Vec<String>,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to the end that its framing promises.
    pub(crate) is_whole: bool,
}

/// What the client knows of the length of a body.
enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

impl Client {
    pub(crate) async fn new(address: SocketAddr) -> Self {
        let stream = within(TcpStream::connect(address)).await.expect("the proxy listens");
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        within(self.stream.write_all(text.as_bytes())).await.expect("the proxy reads");
    }

    pub(crate) async fn ask(&mut self, path: &str) {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: site\r\n\r\n")).await;
    }

    /// The next head; none if the connection ends.
    pub(crate) async fn head(&mut self) -> Option<String> {
        within(read_head(&mut self.stream, &mut self.buffer)).await
    }

    /// The next bytes of the connection.
    pub(crate) async fn bytes(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if !within(read_more(&mut self.stream, &mut self.buffer)).await {
                return None;
            }
        }
        let rest = self.buffer.split_off(count);
        Some(std::mem::replace(&mut self.buffer, rest))
    }

    /// The next line of the connection, without its end.
    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                let line = self.bytes(at + 2).await.expect("they are there");
                return Some(String::from_utf8_lossy(&line[..at]).into_owned());
            }
            if !within(read_more(&mut self.stream, &mut self.buffer)).await {
                return None;
            }
        }
    }

    /// The next response to a GET; none if the connection ends before its head.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        let mut interim = Vec::new();
        let head = loop {
            let head = self.head().await?;
            if !head.starts_with("http/1.1 1") {
                break head;
            }
            interim.push(head);
        };
        let (body, is_whole) = self.rest_of(&head).await;
        Some(Reply { interim, head, body, is_whole })
    }

    /// The body that comes after this head, and whether it was whole.
    pub(crate) async fn rest_of(&mut self, head: &str) -> (Vec<u8>, bool) {
        match framing(head) {
            Framing::Length(length) => {
                let whole = self.bytes(length).await;
                let is_whole = whole.is_some();
                (whole.unwrap_or_else(|| std::mem::take(&mut self.buffer)), is_whole)
            }
            Framing::UntilClosed => {
                while within(read_more(&mut self.stream, &mut self.buffer)).await {}
                (std::mem::take(&mut self.buffer), true)
            }
            Framing::Chunked => {
                let mut body = Vec::new();
                let is_whole = self.chunks(&mut body).await.is_some();
                (body, is_whole)
            }
        }
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> Option<()> {
        loop {
            let line = self.line().await?;
            let length = usize::from_str_radix(&line, 16).expect("the length of a chunk");
            if length == 0 {
                break;
            }
            body.extend(self.bytes(length).await?);
            self.line().await?;
        }
        while !self.line().await?.is_empty() {}
        Some(())
    }

    /// Whether the connection ends here.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.bytes(1).await.is_none()
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().expect("a socket");
    }
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status line")
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn is_hit(&self) -> bool {
        self.field("cache-status").is_some_and(|it| it.starts_with("larder; hit"))
    }

    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|it| it.0 == name).map(|it| it.1)
}

fn framing(head: &str) -> Framing {
    if field(head, "transfer-encoding").is_some_and(|it| it.ends_with("chunked")) {
        return Framing::Chunked;
    }
    match field(head, "content-length") {
        Some(length) => Framing::Length(length.parse().expect("a length")),
        None => Framing::UntilClosed,
    }
}
