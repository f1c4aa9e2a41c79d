//! What may be kept, and what brings it to an end.

use http::Method;

use crate::peers::{Peer, Wanted};
use crate::world::{Found, World, ensure, fresh, with};

pub(super) async fn keeps(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |asked| {
        fresh(format!("answer {}", asked.number))
    });
    world.get("/page").await?.expect(200, "answer 1")?;
    world.get("/page").await?.expect(200, "answer 1")
}

pub(super) async fn hit_calls_nothing(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |_| fresh("page"));
    for _ in 0..3 {
        world.get("/page").await?.expect(200, "page")?;
    }
    let (calls, runs) = (world.origin.calls(), world.origin.runs());
    ensure(calls == 1, || format!("{calls} calls, {runs} of them run, for 3 requests"))
}

pub(super) async fn set_cookie(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |asked| {
        let cookie = format!("session={}", asked.number);
        with(&[("cache-control", "max-age=60"), ("set-cookie", &cookie)], "page")
    });
    world.get("/login").await?.expect(200, "page")?;
    let second = world.get("/login").await?;
    let cookie = second.header("set-cookie");
    ensure(cookie != "session=1", || format!("the second client gets {cookie:?} of the first"))
}

pub(super) async fn authorization(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |asked| {
        fresh(format!("for {}", asked.header("authorization")))
    });
    world.get_with("/me", &[("authorization", "Bearer a")]).await?.expect(200, "for Bearer a")?;
    world.get_with("/me", &[("authorization", "Bearer b")]).await?.expect(200, "for Bearer b")
}

async fn never_kept(peer: &Peer, cache_control: &'static str) -> Found {
    let world = World::new(peer, Wanted::default(), move |asked| async move {
        with(&[("cache-control", cache_control)], format!("answer {}", asked.number))
    });
    world.get("/page").await?.expect(200, "answer 1")?;
    world.get("/page").await?.expect(200, "answer 2")
}

pub(super) async fn private(peer: &Peer) -> Found {
    never_kept(peer, "private, max-age=60").await
}

pub(super) async fn no_store(peer: &Peer) -> Found {
    never_kept(peer, "no-store").await
}

pub(super) async fn post(peer: &Peer) -> Found {
    let world =
        World::new(peer, Wanted::default(), async |asked| fresh(format!("order {}", asked.number)));
    world.ask(Method::POST, "/orders", &[]).await?.expect(200, "order 1")?;
    world.ask(Method::POST, "/orders", &[]).await?.expect(200, "order 2")
}

pub(super) async fn invalidation(peer: &Peer) -> Found {
    let world =
        World::new(peer, Wanted::default(), async |asked| fresh(format!("state {}", asked.number)));
    world.get("/page").await?.expect(200, "state 1")?;
    world.ask(Method::POST, "/page", &[]).await?;
    let after = world.get("/page").await?.text();
    ensure(after != "state 1", || format!("GET after a POST gets {after:?}"))
}

pub(super) async fn not_modified(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |asked| {
        let headers = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
        if asked.header("if-none-match").is_empty() {
            return with(&headers, "page");
        }
        let mut response = with(&headers, "");
        *response.status_mut() = http::StatusCode::NOT_MODIFIED;
        response
    });
    world.get_with("/page", &[("if-none-match", "\"1\"")]).await?;
    world.get("/page").await?.expect(200, "page")
}

pub(super) async fn conditional_hit(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |_| {
        with(&[("cache-control", "max-age=60"), ("etag", "\"1\"")], "page")
    });
    world.get("/page").await?.expect(200, "page")?;
    let hit = world.get_with("/page", &[("if-none-match", "\"1\"")]).await?;
    ensure(hit.status == 304, || format!("it gets {} and {} bytes", hit.status, hit.text().len()))
}
