//! An origin that says what a test has it say.

use crate::client::{read_head, within};
use std::net::SocketAddr;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// An origin on loopback. It answers nothing by itself.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    asked: mpsc::UnboundedReceiver<Asked>,
}

/// A request that has come to the origin, and the connection that waits for its response.
pub(crate) struct Asked {
    pub(crate) head: String,
    stream: TcpStream,
}

impl Origin {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (sender, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    let mut buffer = Vec::new();
                    if let Some(head) = read_head(&mut stream, &mut buffer).await {
                        // The test may be over.
                        _ = sender.send(Asked { head, stream });
                    }
                });
            }
        });
        Self { address, asked }
    }

    /// The next request.
    pub(crate) async fn next(&mut self) -> Asked {
        within(self.asked.recv()).await.expect("the origin runs")
    }

    /// The next request, which is for `path`.
    pub(crate) async fn next_for(&mut self, path: &str) -> Asked {
        let asked = self.next().await;
        assert_eq!(asked.path(), path);
        asked
    }

    /// Whether requests have come that nobody has looked at.
    pub(crate) fn is_idle(&self) -> bool {
        self.asked.is_empty()
    }
}

impl Asked {
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).expect("a request line")
    }

    /// Sends bytes; the other side may have gone.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        within(self.stream.write_all(bytes)).await
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes.as_ref()).await.expect("the proxy reads");
    }

    /// Sends bytes, however long the other side takes, and ends the connection.
    pub(crate) async fn send_all(mut self, bytes: Vec<u8>) {
        self.stream.write_all(&bytes).await.expect("the proxy reads");
    }

    /// Ends the connection in order.
    pub(crate) fn close(self) {
        drop(self.stream);
    }

    /// Ends the connection with a reset.
    pub(crate) fn reset(self) {
        self.stream.set_zero_linger().expect("a socket");
        drop(self.stream);
    }

    /// Answers as it should.
    pub(crate) async fn answer(mut self, body: &str) {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n"
        );
        self.send(head + body).await;
        self.close();
    }
}
