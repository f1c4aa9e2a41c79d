//! Requests that come while the handler is at work for another one.

use crate::site::{Got, Site, anything, full, request, response, rules};
use futures::future::{join_all, poll_fn};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use std::{
    future::Future,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};
use tokio::sync::Semaphore;

/// A handler that waits until it is let go on.
fn gated(fields: &'static [(&'static str, &'static str)]) -> (Site, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let handler = Arc::clone(&gate);
    let rule = anything().coalesce_wait(Duration::from_secs(3600));
    let site = Site::with(rules(rule), move |_, call| {
        let gate = Arc::clone(&handler);
        async move {
            gate.acquire().await.expect("it stays open").forget();
            Ok(response(fields, format!("call {call}")))
        }
    });
    (site, gate)
}

/// Polls a future once.
async fn begin<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    poll_fn(|context| {
        Poll::Ready(match pin!(&mut *future).poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn r21_one_request_of_many_asks_the_handler() {
    let (site, gate) = gated(&[]);
    let mut asks: Vec<_> = (0..100).map(|_| Box::pin(site.get("/a"))).collect();
    for ask in &mut asks {
        assert!(begin(ask).await.is_none());
    }
    gate.add_permits(1);
    let replies = join_all(asks).await;
    assert!(replies.iter().all(|it| it.text() == "call 0"));
    assert_eq!(site.calls(), 1);
    let collapsed = replies.iter().filter(|it| it.cache_status().contains("collapsed")).count();
    assert_eq!(collapsed, 99);
    assert_eq!(replies[50].cache_status(), "larder; fwd=uri-miss; collapsed");
}

#[tokio::test]
async fn r21_a_client_that_goes_away_fails_no_other() {
    let (site, gate) = gated(&[]);
    let mut leader = Box::pin(site.get("/a"));
    assert!(begin(&mut leader).await.is_none());
    let mut waiter = Box::pin(site.get("/a"));
    assert!(begin(&mut waiter).await.is_none());
    assert_eq!(site.calls(), 1);
    drop(leader);
    gate.add_permits(1);
    assert_eq!(waiter.await.text(), "call 1");
    assert!(site.get("/a").await.is_hit());
}

#[tokio::test]
async fn r21_a_handler_that_panics_leaves_nothing_behind() {
    let rule = anything().coalesce_wait(Duration::from_secs(3600));
    let site = Site::with(rules(rule), |_, call| async move {
        assert!(call > 0, "the first call panics");
        Ok(response(&[], "good"))
    });
    let other = site.clone();
    let task = tokio::spawn(async move { other.get("/a").await.text() });
    assert!(task.await.expect_err("it panics").is_panic());
    assert_eq!(site.get("/a").await.text(), "good");
    assert!(site.get("/a").await.is_hit());
}

#[tokio::test(start_paused = true)]
async fn r21_nobody_waits_longer_than_the_rule_says() {
    let rule = anything().coalesce_wait(Duration::from_secs(2));
    let site = Site::with(rules(rule), |_, call| async move {
        if call == 0 {
            std::future::pending::<()>().await;
        }
        Ok(response(&[], format!("call {call}")))
    });
    let mut leader = Box::pin(site.get("/a"));
    assert!(begin(&mut leader).await.is_none());
    assert_eq!(site.get("/a").await.text(), "call 1");
}

#[tokio::test]
async fn r21_nobody_waits_where_responses_are_not_for_others() {
    let (site, gate) = gated(&[("cache-control", "private")]);
    let first = Box::pin(site.get("/a"));
    gate.add_permits(1);
    assert!(first.await.cache_status().ends_with("detail=private"));
    let mut asks: Vec<_> = (0..10).map(|_| Box::pin(site.get("/a"))).collect();
    for ask in &mut asks {
        assert!(begin(ask).await.is_none());
    }
    assert_eq!(site.calls(), 11, "all of them are with the handler");
    gate.add_permits(10);
    let replies = join_all(asks).await;
    assert_eq!(replies.len(), 10);
}

#[tokio::test]
async fn r22_waiters_get_only_what_is_for_them() {
    let gate = Arc::new(Semaphore::new(0));
    let handler = Arc::clone(&gate);
    let rule = anything().coalesce_wait(Duration::from_secs(3600));
    let site = Site::with(rules(rule), move |request: Got, _| {
        let gate = Arc::clone(&handler);
        async move {
            gate.acquire().await.expect("it stays open").forget();
            let language = request.headers()["accept-language"].to_str().expect("text").to_owned();
            Ok(response(&[("vary", "accept-language")], language))
        }
    });
    let ask = |language| {
        let site = site.clone();
        Box::pin(async move { site.get_with("/a", &[("accept-language", language)]).await.text() })
    };
    let asks = ["de", "en", "de", "en", "fr", "de"].map(ask);
    gate.add_permits(6);
    assert_eq!(join_all(asks).await, ["de", "en", "de", "en", "fr", "de"]);
    assert_eq!(site.calls(), 3);
}

#[tokio::test]
async fn r22_cookies_of_the_leader_reach_nobody_else() {
    let gate = Arc::new(Semaphore::new(0));
    let handler = Arc::clone(&gate);
    let site = Site::with(rules(anything()), move |_, call| {
        let gate = Arc::clone(&handler);
        async move {
            gate.acquire().await.expect("it stays open").forget();
            let cookie = format!("id={call}");
            Ok(response(&[("set-cookie", cookie.as_str())], format!("call {call}")))
        }
    });
    let asks: Vec<_> = (0..5).map(|_| Box::pin(site.get("/a"))).collect();
    gate.add_permits(5);
    let mut cookies: Vec<_> =
        join_all(asks).await.iter().map(|it| it.field("set-cookie")).collect();
    cookies.sort();
    assert_eq!(cookies, ["id=0", "id=1", "id=2", "id=3", "id=4"]);
}

#[tokio::test]
async fn r24_an_invalidation_wins_over_a_response_in_flight() {
    let (site, gate) = gated(&[]);
    let invalidator = site.invalidator();
    let acts: [&dyn Fn(); 4] = [
        &|| invalidator.path("/a"),
        &|| invalidator.prefix("/"),
        &|| assert!(invalidator.rule("anything")),
        &|| invalidator.all(),
    ];
    for (number, act) in acts.into_iter().enumerate() {
        let mut leader = Box::pin(site.get("/a"));
        assert!(begin(&mut leader).await.is_none());
        let mut waiter = Box::pin(site.get("/a"));
        assert!(begin(&mut waiter).await.is_none());
        act();
        let mut late = Box::pin(site.get("/a"));
        assert!(begin(&mut late).await.is_none());
        gate.add_permits(3);
        assert_eq!(leader.await.text(), format!("call {}", 2 * number));
        // Who asked after the invalidation gets what was made after it.
        assert_eq!(late.await.text(), format!("call {}", 2 * number + 1), "act {number}");
        waiter.await;
        while gate.available_permits() > 0 {
            gate.acquire().await.expect("it stays open").forget();
        }
        assert_eq!(site.calls(), 2 * number + 2);
        site.invalidator().all();
    }
}

#[tokio::test]
async fn r24_clearing_the_cache_wins_over_a_response_in_flight() {
    let (site, gate) = gated(&[]);
    let mut leader = Box::pin(site.get("/a"));
    assert!(begin(&mut leader).await.is_none());
    site.manager.clear_all();
    gate.add_permits(2);
    assert_eq!(leader.await.text(), "call 0");
    assert_eq!(site.get("/a").await.text(), "call 1");
}

#[tokio::test]
async fn a_leader_whose_client_stops_reading_does_not_hold_up_the_others_for_good() {
    let stalled = Arc::new(AtomicBool::new(true));
    let rule = anything().coalesce_wait(Duration::from_millis(1));
    let handler = Arc::clone(&stalled);
    let site = Site::with(rules(rule), move |_, call| {
        let stalled = handler.load(SeqCst);
        async move {
            if call == 0 && stalled {
                let never =
                    futures::stream::pending::<Result<http_body::Frame<bytes::Bytes>, io::Error>>();
                return Ok(Response::new(StreamBody::new(never).boxed_unsync()));
            }
            Ok(Response::new(full(format!("call {call}"))))
        }
    });
    let stuck = site.send(request(Method::GET, "/a", &[])).await.expect("it works");
    assert_eq!(stuck.status(), StatusCode::OK);
    assert_eq!(site.get("/a").await.text(), "call 1");
    drop(stuck);
    assert_eq!(site.get("/a").await.text(), "call 2");
    assert!(site.get("/a").await.is_hit());
}
