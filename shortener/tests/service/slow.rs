//! Clients that take their time hold up nobody else, and not for ever.

use crate::{
    common::{Client, Database},
    process::Process,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Long after the service should have hung up.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// Half a head, and half a body.
const BEGINNINGS: [&str; 2] = [
    "GET /api/health/ HTTP/1.1\r\nhost: sho.rt\r\n",
    "POST /api/auth/login/ HTTP/1.1\r\nhost: sho.rt\r\ncontent-type: application/json\r\n\
     content-length: 100\r\n\r\n{",
];

async fn hold(count: usize) {
    let database = Database::new().await;
    let patience = [("server.receive_timeout", "3s")];
    let mut process = Process::start(&database, &patience).await;
    let client = Client::new(process.address);
    let mut streams = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = TcpStream::connect(process.address).await.unwrap();
        stream.write_all(BEGINNINGS[number % 2].as_bytes()).await.unwrap();
        streams.push(stream);
    }
    // While they are there, others are answered.
    let ada = client.sign_up("Ada").await;
    let code = ada.shorten("https://example.com/").await;
    assert_eq!(client.get(&format!("/{code}")).await.status, 302);
    // And then they are sent away: those who owe a head without a word or with 408, the others with 408.
    let mut timeouts = 0;
    for stream in &mut streams {
        let mut answer = Vec::new();
        let mut part = [0; 1024];
        while let Ok(length @ 1..) = timeout(LIMIT, stream.read(&mut part)).await.unwrap() {
            answer.extend_from_slice(&part[..length]);
            if answer.starts_with(b"HTTP/1.1 408") {
                break;
            }
        }
        timeouts += usize::from(answer.starts_with(b"HTTP/1.1 408"));
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"),
            "{:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert!(timeouts >= count / 2, "{timeouts} of {count}");
    drop(streams);
    process.terminate().await;
}

#[tokio::test]
async fn four_hundred_slow_clients_hold_up_nobody() {
    hold(400).await;
}

/// Needs 10,100 open files, for the test and for the service each.
#[tokio::test]
#[ignore = "opens 10,000 connections"]
async fn ten_thousand_slow_clients_hold_up_nobody() {
    hold(10_000).await;
}
