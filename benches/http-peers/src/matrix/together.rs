//! Many requests at once.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use tokio::sync::Semaphore;

use crate::peers::{Peer, Wanted};
use crate::world::{Found, World, ensure, fresh};

pub(super) async fn coalesced(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |_| {
        tokio::time::sleep(Duration::from_millis(200)).await;
        fresh("page")
    });
    let asked = (0..10).map(|_| world.get("/page"));
    for answer in futures::future::join_all(asked).await {
        answer?.expect(200, "page")?;
    }
    let runs = world.origin.runs();
    ensure(runs == 1, || format!("the handler runs {runs} times"))
}

pub(super) async fn leader_cancelled(peer: &Peer) -> Found {
    let gate = Arc::new(Semaphore::new(0));
    let handler_gate = Arc::clone(&gate);
    let world = World::new(peer, Wanted::default(), move |asked| {
        let gate = Arc::clone(&handler_gate);
        async move {
            // The first waits until its client has gone.
            if asked.number == 1 {
                gate.acquire().await.expect("never closed").forget();
            }
            fresh("page")
        }
    });
    let leader = {
        let world = world.clone();
        tokio::spawn(async move { world.begin(Method::GET, "/page", &[]).await.map(drop) })
    };
    while world.origin.runs() == 0 {
        tokio::task::yield_now().await;
    }
    let follower = {
        let world = world.clone();
        tokio::spawn(async move { world.get("/page").await })
    };
    // Time to find the leader, where it is looked for.
    tokio::time::sleep(Duration::from_millis(200)).await;
    leader.abort();
    _ = leader.await;
    let answer = follower.await.map_err(|error| format!("the follower's task: {error}"))?;
    answer.map_err(|error| format!("the follower: {error}"))?.expect(200, "page")
}

pub(super) async fn error_type(peer: &Peer) -> Found {
    let world = World::new(peer, Wanted::default(), async |_| fresh("page"));
    let error = world.error;
    ensure(error.ends_with("Infallible"), || format!("it becomes {error}"))
}
