//! Handlers that panic behind the layer, in a server of axum.

use crate::client::{Client, within};
use axum::{Router, body::Body, extract::State, response::Response, routing::get};
use bytes::Bytes;
use futures::stream;
use larder::{
    ManualClock,
    manager::{CacheKind, CacheManager},
};
use larder_http::{CacheLayer, Rule, Rules};
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};

/// What a handler does when it is told to.
#[derive(Debug)]
enum Act {
    Panic,
    /// Sends this much, and panics when more is wanted.
    PanicAfter(&'static str),
    Answer(&'static str),
}

type Call = oneshot::Sender<Act>;

struct Server {
    address: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
    manager: CacheManager,
    clock: ManualClock,
}

async fn handler(State(calls): State<mpsc::UnboundedSender<Call>>) -> Response {
    let (call, act) = oneshot::channel();
    calls.send(call).expect("the test runs");
    let response = Response::builder().header("cache-control", "max-age=60");
    let body = match act.await.expect("the test runs") {
        Act::Panic => panic!("the handler was told to"),
        Act::Answer(body) => Body::from(body),
        Act::PanicAfter(start) => {
            let steps = stream::unfold(0, move |step| async move {
                assert_eq!(step, 0, "the body was told to panic");
                Some((Ok::<_, io::Error>(Bytes::from_static(start.as_bytes())), 1))
            });
            Body::from_stream(steps)
        }
    };
    response.body(body).expect("a response")
}

impl Server {
    async fn new() -> Self {
        let rule = Rule::new("/{*path}")
            .cache(CacheKind::General)
            .coalesce_wait(Duration::from_secs(600))
            .stale_while_revalidate(Duration::from_secs(600));
        let rules = Rules::builder().rule(rule).build().expect("the rule is right");
        let clock = ManualClock::new();
        let manager = CacheManager::builder().clock(&clock).build();
        let layer = CacheLayer::builder(&manager).rules(rules).clock(&clock).build();
        let (sender, calls) = mpsc::unbounded_channel();
        let app = Router::new().route("/{*path}", get(handler)).layer(layer).with_state(sender);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, calls, manager, clock }
    }

    async fn asking(&self, path: &str) -> Client {
        let mut client = Client::new(self.address).await;
        client.ask(path).await;
        client
    }

    /// The next call of the handler.
    async fn call(&mut self) -> Call {
        within(self.calls.recv()).await.expect("the server runs")
    }

    async fn fetch(&mut self, path: &str, body: &'static str) -> String {
        let mut client = self.asking(path).await;
        self.call().await.send(Act::Answer(body)).expect("the handler waits");
        client.reply().await.expect("a response").text().to_owned()
    }

    /// The call that a stale response leads to, once nobody else is at it.
    async fn refresh(&mut self, stale: &str) -> Call {
        loop {
            let reply = self.asking("/a").await.reply().await.expect("a response");
            assert_eq!((reply.text(), reply.is_hit()), (stale, true), "stale, at once");
            if let Ok(call) = self.calls.try_recv() {
                return call;
            }
            tokio::task::yield_now().await;
        }
    }

    fn entries(&self) -> u64 {
        let cache = self.manager.cache(CacheKind::General);
        cache.run_pending_tasks();
        cache.entry_count()
    }
}

#[tokio::test]
async fn a_panic_fails_its_own_client_alone_and_one_of_those_who_wait_asks_next() {
    for act in [|| Act::Panic, || Act::PanicAfter("half")] {
        let mut server = Server::new().await;
        let mut first = server.asking("/a").await;
        let call = server.call().await;
        let mut others = Vec::new();
        for _ in 0..3 {
            others.push(server.asking("/a").await);
        }
        assert_eq!(server.fetch("/b", "other").await, "other");
        assert!(server.calls.is_empty(), "the others wait");
        call.send(act()).expect("the handler waits");
        let reply = first.reply().await;
        assert!(reply.as_ref().is_none_or(|it| !it.is_whole), "{reply:?}");
        server.call().await.send(Act::Answer("good")).expect("the handler waits");
        for other in &mut others {
            let reply = other.reply().await.expect("a response");
            assert_eq!((reply.status(), reply.text()), (200, "good"));
        }
        assert!(server.calls.is_empty(), "one call was enough");
        assert!(server.asking("/a").await.reply().await.expect("a response").is_hit());
    }
}

#[tokio::test]
async fn a_panic_leaves_nothing_in_the_cache() {
    for act in [|| Act::Panic, || Act::PanicAfter("half")] {
        let mut server = Server::new().await;
        for _ in 0..2 {
            let mut client = server.asking("/a").await;
            server.call().await.send(act()).expect("the handler waits");
            assert!(client.reply().await.is_none_or(|it| !it.is_whole));
            assert_eq!(server.entries(), 0);
        }
        assert_eq!(server.fetch("/a", "good").await, "good");
        assert!(server.asking("/a").await.reply().await.expect("a response").is_hit());
    }
}

#[tokio::test]
async fn a_panic_in_the_background_leaves_what_is_stored() {
    for act in [|| Act::Panic, || Act::PanicAfter("half")] {
        let mut server = Server::new().await;
        assert_eq!(server.fetch("/a", "old").await, "old");
        server.clock.advance(Duration::from_secs(61));
        for _ in 0..2 {
            server.refresh("old").await.send(act()).expect("the handler waits");
        }
        server.refresh("old").await.send(Act::Answer("new")).expect("the handler waits");
        loop {
            // The newer one is stored by a task of its own.
            let reply = server.asking("/a").await.reply().await.expect("a response");
            if reply.text() == "new" {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert!(server.calls.is_empty());
    }
}
