//! The reverse proxy in front of an origin that misbehaves.

use crate::{
    client::{Client, Reply},
    edge::Edge,
    interim::Stream,
    origin::Origin,
    upstream::{Settings, Upstream},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use larder::{
    ManualClock,
    manager::{CacheKind, CacheManager},
};
use larder_http::{CacheLayer, Rule, Rules};
use std::{net::SocketAddr, time::Duration};
use tokio::net::TcpListener;

/// Longer than any test takes.
const PATIENT: Duration = Duration::from_secs(600);
/// How long those wait that are to wait no longer.
const HASTY: Duration = Duration::from_millis(50);

/// An origin, the proxy in front of it, and its cache.
pub(crate) struct Site {
    pub(crate) origin: Origin,
    pub(crate) clock: ManualClock,
    manager: CacheManager,
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    /// The same for clients whose proxy does not wait for a silent origin.
    pub(crate) hasty: SocketAddr,
}

/// Clients of paths below `/hasty/` wait for one another for a moment only, others for as long as
/// it takes.
fn rules() -> Rules {
    let rule = |path: &str, wait| {
        Rule::new(path)
            .cache(CacheKind::General)
            .as_responses_say()
            .stale_if_error(Duration::from_secs(600))
            .max_body(32 << 20)
            .coalesce_wait(wait)
    };
    let rules = Rules::builder().rule(rule("/{*path}", PATIENT));
    rules.rule(rule("/hasty/{*path}", HASTY)).build().expect("the rules are right")
}

impl Site {
    pub(crate) async fn new() -> Self {
        let origin = Origin::new().await;
        let clock = ManualClock::new();
        let manager = CacheManager::builder().clock(&clock).build();
        let layer = CacheLayer::builder(&manager).rules(rules()).clock(&clock).build();
        let address = serve(&layer, origin.address, PATIENT).await;
        let hasty = serve(&layer, origin.address, HASTY).await;
        Self { origin, clock, manager, address, hasty }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::new(self.address).await
    }

    /// A client that has asked.
    pub(crate) async fn asking(&self, path: &str) -> Client {
        let mut client = self.client().await;
        client.ask(path).await;
        client
    }

    /// What comes without the origin.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.asking(path).await.reply().await.expect("a response")
    }

    /// What comes where the origin answers as it should.
    pub(crate) async fn fetch(&mut self, path: &str, body: &str) -> Reply {
        let mut client = self.asking(path).await;
        self.origin.next_for(path).await.answer(body).await;
        client.reply().await.expect("a response")
    }

    pub(crate) fn entries(&self) -> u64 {
        let cache = self.manager.cache(CacheKind::General);
        cache.run_pending_tasks();
        cache.entry_count()
    }

    /// Nothing is left of what went wrong: the next good response is fetched and stored.
    pub(crate) async fn has_no_trace(&mut self, path: &str, what: &str) {
        assert_eq!(self.entries(), 0, "{what}");
        assert!(self.origin.is_idle(), "{what}: nobody else asks");
        let reply = self.fetch(path, "better").await;
        assert_eq!((reply.status(), reply.text()), (200, "better"), "{what}");
        let hit = self.get(path).await;
        assert!(hit.is_hit() && hit.text() == "better" && hit.is_whole, "{what}: {hit:?}");
    }
}

async fn serve(layer: &CacheLayer, origin: SocketAddr, read_timeout: Duration) -> SocketAddr {
    let (layer, upstream) = (
        layer.clone(),
        Upstream::new(Settings {
            origin: format!("http://{origin}").parse().expect("a URI"),
            rewrite_host: false,
            idle_connections: 16,
            connect_timeout: PATIENT,
            read_timeout,
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        while let Ok((stream, client)) = listener.accept().await {
            let stream = Stream::new(stream);
            let edge = Edge::new(layer.clone(), upstream.clone(), client.ip(), stream.connection());
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new());
            tokio::spawn(server.serve_connection(TokioIo::new(stream), edge));
        }
    });
    address
}
