//! Which requests may share a response.

use std::time::Duration;

use http::{Method, StatusCode};

use crate::peers::{Peer, Wanted};
use crate::world::{Found, World, ensure, fresh, with};

async fn two_languages(peer: &Peer, cache_control: &'static str) -> Found {
    let world = World::new(peer, Wanted::default(), move |asked| async move {
        let headers = [("cache-control", cache_control), ("vary", "Accept-Language")];
        with(&headers, format!("in {}", asked.header("accept-language")))
    });
    world.get_with("/page", &[("accept-language", "en")]).await?.expect(200, "in en")?;
    world.get_with("/page", &[("accept-language", "de")]).await?.expect(200, "in de")
}

pub(super) async fn vary(peer: &Peer) -> Found {
    two_languages(peer, "max-age=60").await
}

/// Without a lifetime of its own the response has the one that the cache gives.
pub(super) async fn vary_public(peer: &Peer) -> Found {
    two_languages(peer, "public").await
}

pub(super) async fn vary_star(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |asked| {
        let headers = [("cache-control", "max-age=60"), ("vary", "*")];
        with(&headers, format!("answer {}", asked.number))
    });
    world.get("/page").await?.expect(200, "answer 1")?;
    world.get("/page").await?.expect(200, "answer 2")
}

pub(super) async fn head_then_get(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |asked| {
        fresh(if asked.parts.method == Method::HEAD { "" } else { "page" })
    });
    world.ask(Method::HEAD, "/page", &[]).await?.expect(200, "")?;
    world.get("/page").await?.expect(200, "page")
}

pub(super) async fn query(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |asked| {
        fresh(format!("found {}", asked.parts.uri.query().unwrap_or_default()))
    });
    world.get("/search?q=a").await?.expect(200, "found q=a")?;
    world.get("/search?q=b").await?.expect(200, "found q=b")
}

pub(super) async fn host(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |asked| {
        fresh(format!("site {}", asked.header("host")))
    });
    world.get_with("/", &[("host", "a.example")]).await?.expect(200, "site a.example")?;
    world.get_with("/", &[("host", "b.example")]).await?.expect(200, "site b.example")
}

const ALPHABET: &str =
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";

pub(super) async fn range(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |asked| {
        let cache_control = ("cache-control", "max-age=60");
        if asked.header("range").is_empty() {
            return with(&[cache_control], ALPHABET);
        }
        let part = ("content-range", "bytes 0-3/78");
        let mut response = with(&[cache_control, part], &ALPHABET[..4]);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        response
    });
    let part = world.get_with("/page", &[("range", "bytes=0-3")]).await?;
    // To answer with the whole is allowed.
    part.expect(206, &ALPHABET[..4]).or_else(|_| part.expect(200, ALPHABET))?;
    world.get("/page").await?.expect(200, ALPHABET)
}

pub(super) async fn parts_expire(peer: &Peer) -> Found {
    let wanted = Wanted { ttl: Duration::from_secs(1), parts: true, ..Wanted::default() };
    let world = World::new(peer, wanted, async |asked| {
        let page = if asked.number == 1 { ALPHABET.to_owned() } else { ALPHABET.to_uppercase() };
        let length = page.len().to_string();
        let headers = [("cache-control", "max-age=1"), ("accept-ranges", "bytes")];
        with(&[headers[0], headers[1], ("content-length", &length)], page)
    });
    world.get("/film").await?.expect(200, ALPHABET)?;
    let range = [("range", "bytes=0-3")];
    // A part may come from what is kept, and is cut out where the cache can do that.
    world.get_with("/film", &range).await?;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let part = world.get_with("/film", &range).await?.text();
    ensure(part.starts_with("ABCD"), || {
        format!(
            "2.5 s later, with a lifetime of 1 s, a part is still {:?}",
            &part[..4.min(part.len())]
        )
    })
}
