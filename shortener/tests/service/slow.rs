//! Clients that take their time hold up nobody else, and not for ever.

use crate::{
    common::{Client, Database, Running},
    process::Process,
};
use shortener::ServeError;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Long after the service should have hung up.
const LIMIT: Duration = Duration::from_secs(60);

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

/// A request whose handler runs and waits for 13 bytes more.
async fn begin(service: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(service.client.address).await.unwrap();
    let head = "POST /api/auth/login/ HTTP/1.1\r\nhost: sho.rt\r\ncontent-type: application/json\r\n\
                expect: 100-continue\r\ncontent-length: 13\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // It is asked for its body when the handler wants it.
    let mut answer = [0; 25];
    timeout(LIMIT, stream.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Settings by which a request may take longer than these tests wait.
const LONG: [(&str, &str); 2] =
    [("server.receive_timeout", "10m"), ("server.request_timeout", "10m")];

#[tokio::test]
async fn a_request_that_does_not_end_holds_up_the_end_no_longer_than_the_limit() {
    let database = Database::new().await;
    let settings = [LONG.as_slice(), &[("server.shutdown_timeout", "100ms")]].concat();
    let service = Running::start(&database, &settings).await;
    let stream = begin(&service).await;
    let end = timeout(LIMIT, service.end()).await.expect("the limit ends it");
    let limit = Duration::from_millis(100);
    assert!(matches!(end, Err(ServeError::Unfinished(it, 0)) if it == limit), "{end:?}");
    drop(stream);
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let database = Database::new().await;
    let settings = [LONG.as_slice(), &[("server.shutdown_timeout", "10m")]].concat();
    let service = Running::start(&database, &settings).await;
    let address = service.client.address;
    let mut stream = begin(&service).await;
    let end = tokio::spawn(service.end());
    // The service accepts no connection once it has begun to end.
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(LIMIT, refused).await.expect("the listener is closed");
    assert!(!end.is_finished());
    stream.write_all(br#"{"email": ""}"#).await.unwrap();
    let mut answer = String::new();
    timeout(LIMIT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 422") || answer.starts_with("HTTP/1.1 400"), "{answer}");
    timeout(LIMIT, end).await.expect("nothing is left to do").unwrap().unwrap();
}

/// Events come each second for as long as somebody listens.
#[tokio::test]
async fn events_that_somebody_listens_to_end_with_the_service() {
    let database = Database::new().await;
    let settings = [
        ("server.shutdown_timeout", "10m"),
        ("admin.enabled", "true"),
        ("admin.token", "a-token-for-this-test-alone"),
    ];
    let service = Running::start(&database, &settings).await;
    let mut stream = TcpStream::connect(service.client.address).await.unwrap();
    let request = "GET /api/cache/events/ HTTP/1.1\r\nhost: sho.rt\r\n\
                   authorization: Bearer a-token-for-this-test-alone\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("event: sample") {
        let read =
            timeout(LIMIT, stream.read_buf(&mut answer)).await.expect("events come").unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
    }
    timeout(LIMIT, service.end()).await.expect("no stream holds it up").unwrap();
    timeout(LIMIT, stream.read_to_end(&mut answer)).await.expect("the stream has ended").unwrap();
    // The last chunk of a body that is whole.
    assert!(answer.ends_with(b"0\r\n\r\n"), "{}", String::from_utf8_lossy(&answer));
}
