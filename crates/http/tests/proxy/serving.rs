//! Threads that serve connections, and the time limits of these.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::Timer;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use crate::setting::LIMIT;
use crate::ticks::Ticks;
use crate::upstream::Settings;
use crate::workers::Workers;

const TICK: Duration = Duration::from_secs(5);
const HEAD_LIMIT: Duration = Duration::from_secs(30);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// Workers, and connections for them.
struct Setting {
    listener: TcpListener,
    workers: Workers,
    clients: Vec<TcpStream>,
}

impl Setting {
    async fn new(workers: usize) -> Self {
        let settings = Settings {
            origin: "http://127.0.0.1:9".parse().expect("valid"),
            rewrite_host: false,
            idle_connections: 1,
            connect_timeout: TICK,
            read_timeout: TICK,
        };
        let workers = Workers::start(workers, &settings).expect("threads");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self { listener, workers, clients: Vec::new() }
    }

    /// Has a connection served by `task`, which gets no end by itself.
    async fn serve(&mut self, task: impl FnOnce() + Send + 'static, hold: impl Send + 'static) {
        let address = self.listener.local_addr().expect("it is bound");
        self.clients.push(TcpStream::connect(address).await.expect("it listens"));
        let (stream, _) = self.listener.accept().await.expect("a connection");
        let served = self.workers.serve(stream, |_, _| async move {
            let _hold = hold;
            task();
            pending::<()>().await;
        });
        served.expect("a worker");
    }
}

#[tokio::test]
async fn each_worker_gets_its_part_of_the_connections() {
    let mut setting = Setting::new(3).await;
    let (sender, mut threads) = mpsc::unbounded_channel();
    let mut connections = HashMap::new();
    for _ in 0..12 {
        let sender = sender.clone();
        setting.serve(move || sender.send(thread::current().id()).unwrap(), ()).await;
        let thread = timeout(LIMIT, threads.recv()).await.expect("it is served").unwrap();
        *connections.entry(thread).or_insert(0) += 1;
    }
    assert_eq!(connections.values().copied().collect::<Vec<_>>(), [4, 4, 4]);
    assert!(!connections.contains_key(&thread::current().id()));
}

#[tokio::test]
async fn what_workers_do_ends_with_them() {
    let mut setting = Setting::new(1).await;
    let (hold, ended) = oneshot::channel::<()>();
    setting.serve(|| (), hold).await;
    drop(setting.workers);
    timeout(LIMIT, ended).await.expect("the connection is dropped").unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_limit_ends_after_its_time_and_a_tick_later_at_most() {
    for before in [Duration::ZERO, TICK / 2, TICK, TICK * 5 / 4] {
        let ticks = Ticks::new(TICK);
        let timer = ticks.clone();
        let took = ticks.drive(async move {
            sleep(before).await;
            let begin = Instant::now();
            timer.sleep(HEAD_LIMIT).await;
            begin.elapsed()
        });
        let took = took.await;
        // The runtime's timers are a millisecond late.
        let most = HEAD_LIMIT + TICK + Duration::from_millis(20);
        assert!(HEAD_LIMIT <= took && took <= most, "{took:?} after {before:?}");
    }
}

/// How long hyper serves a connection whose handler takes `time`.
async fn served(stream: DuplexStream, time: Duration) -> (Duration, hyper::Result<()>) {
    let ticks = Ticks::new(TICK);
    let handler = service_fn(move |_: Request<Incoming>| async move {
        sleep(time).await;
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(ticks.clone()).header_read_timeout(HEAD_LIMIT);
    let begin = Instant::now();
    let ended = ticks.drive(builder.serve_connection(TokioIo::new(stream), handler)).await;
    (begin.elapsed(), ended)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_finish_a_head_is_cut_off() {
    for sent in [&b""[..], &REQUEST[..20]] {
        let (mut client, server) = duplex(1024);
        client.write_all(sent).await.unwrap();
        let (took, ended) = served(server, Duration::ZERO).await;
        assert!(ended.unwrap_err().is_timeout());
        assert!(took >= HEAD_LIMIT && took < HEAD_LIMIT + TICK * 2, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_take_longer_than_a_head() {
    let (mut client, server) = duplex(1024);
    client.write_all(REQUEST).await.unwrap();
    let handler_takes = HEAD_LIMIT * 4;
    let (took, ended) = served(server, handler_takes).await;
    // Cut off while it is idle, after its response.
    assert!(ended.unwrap_err().is_timeout());
    assert!(took >= handler_takes + HEAD_LIMIT, "{took:?}");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}
