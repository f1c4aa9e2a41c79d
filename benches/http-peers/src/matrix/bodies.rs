//! What becomes of bodies on their way through.

use std::convert::Infallible;
use std::io;

use axum::body::Body;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::Method;
use http_body_util::BodyExt;

use crate::peers::{Peer, Wanted};
use crate::world::{Found, LIMIT, World, ensure, fresh, with};

pub(super) async fn over_limit(peer: &Peer) -> Found {
    let page = "x".repeat(4096);
    let body = page.clone();
    let world = World::new(peer, Wanted::default(), move |_| {
        let body = body.clone();
        async move { fresh(body) }
    });
    world.get("/page").await?.expect(200, &page)
}

pub(super) async fn truncated(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |asked| {
        if asked.number > 1 {
            return fresh("whole page");
        }
        let parts = [Ok(Bytes::from("half")), Err(io::Error::other("reset"))];
        fresh(Body::from_stream(stream::iter(parts)))
    });
    // Whoever collects bodies has only an error to give; what counts is what is kept.
    if let Ok(first) = world.get("/page").await {
        ensure(first.body.is_err() || first.status != 200, || {
            format!("the broken body comes as a whole 200 {:?}", first.text())
        })?;
    }
    world.get("/page").await?.expect(200, "whole page")
}

pub(super) async fn stream(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |_| {
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from("first"))]);
        // The second never comes.
        let body = Body::from_stream(first.chain(stream::pending()));
        with(&[("cache-control", "no-store"), ("content-type", "text/event-stream")], body)
    });
    let response = world.begin(Method::GET, "/events", &[]).await?;
    let mut body = response.into_body();
    let frame = tokio::time::timeout(LIMIT, body.frame()).await;
    let data = frame.ok().flatten().and_then(Result::ok).and_then(|frame| frame.into_data().ok());
    ensure(data.as_deref() == Some(b"first"), || "the first part does not come".to_owned())
}

pub(super) async fn compressed(peer: &Peer) -> Found {
    let page = "<p>the same again</p>".repeat(400);
    let body = page.clone();
    let wanted = Wanted { compression: true, body_limit: 64 << 10, ..Wanted::default() };
    let world = World::new(peer, wanted, move |_| {
        let body = body.clone();
        async move { with(&[("cache-control", "max-age=60"), ("content-type", "text/html")], body) }
    });
    world.get("/page").await?.expect(200, &page)?;
    let hit = world.get("/page").await?;
    let magic = hit.body.as_ref().is_ok_and(|body| body.starts_with(&[0x1f, 0x8b]));
    ensure(!magic || hit.header("content-encoding") == "gzip", || {
        "gzip without Content-Encoding".to_owned()
    })?;
    if magic { Ok(()) } else { hit.expect(200, &page) }
}
