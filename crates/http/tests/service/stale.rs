//! Responses whose time is over.

use crate::site::{Site, anything, full, response, rules};
use http::{Response, StatusCode};
use std::{io, time::Duration};
use tokio::sync::mpsc;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn r23_a_stale_response_is_given_out_while_a_newer_one_is_asked_for() {
    let (told, mut tells) = mpsc::unbounded_channel();
    let rule = anything().stale_while_revalidate(MINUTE);
    let site = Site::new(rules(rule), move |_, call| {
        told.send(call).expect("the test listens");
        response(&[], format!("call {call}"))
    });
    site.get("/a").await;
    site.advance(60);
    let reply = site.get("/a").await;
    assert_eq!(reply.text(), "call 0");
    assert_eq!(reply.cache_status(), "larder; hit; ttl=0; detail=stale-while-revalidate");
    assert_eq!((tells.recv().await, tells.recv().await), (Some(0), Some(1)));
    // The task has called the handler, and stores what it got as soon as it is run again.
    let mut reply = site.get("/a").await;
    while reply.text() == "call 0" {
        tokio::task::yield_now().await;
        reply = site.get("/a").await;
    }
    assert_eq!((reply.text().as_str(), reply.is_hit()), ("call 1", true));
    site.advance(121);
    let late = site.get("/a").await;
    assert_eq!((late.text().as_str(), site.calls()), ("call 2", 3), "the time of grace is over");
}

#[tokio::test]
async fn r23_a_refresh_that_fails_keeps_what_is_stale_and_rests() {
    let rule = anything().stale_while_revalidate(MINUTE);
    let site = Site::with(rules(rule), |_, call| async move {
        if call == 0 { Ok(response(&[], "good")) } else { Err(io::Error::other("down")) }
    });
    site.get("/a").await;
    site.advance(60);
    while site.calls() < 2 {
        assert_eq!(site.get("/a").await.text(), "good");
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        assert_eq!(site.get("/a").await.text(), "good");
        tokio::task::yield_now().await;
    }
    assert!(site.calls() <= 3, "{} calls, though the handler has just failed", site.calls());
}

#[tokio::test]
async fn r23_a_stale_response_stands_in_for_an_error() {
    for fails in [true, false] {
        let rule = anything().stale_if_error(MINUTE);
        let site = Site::with(rules(rule), move |_, call| async move {
            if call == 0 {
                return Ok(response(&[], "good"));
            }
            if fails {
                return Err(io::Error::other("down"));
            }
            let mut reply = Response::new(full("bad"));
            *reply.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            Ok(reply)
        });
        site.get("/a").await;
        site.advance(60);
        let reply = site.get("/a").await;
        assert_eq!((reply.status, reply.text().as_str()), (StatusCode::OK, "good"));
        let status = if fails { "" } else { "; fwd-status=503" };
        let expected = format!("larder; fwd=stale{status}; detail=stale-if-error");
        assert_eq!(reply.cache_status(), expected);
        // The handler is left alone for a moment.
        assert_eq!(site.get("/a").await.text(), "good");
        assert_eq!(site.calls(), 2);
        site.advance(2);
        assert_eq!(site.get("/a").await.text(), "good");
        assert_eq!(site.calls(), 3);
        site.advance(60);
        let request = crate::site::request(http::Method::GET, "/a", &[]);
        match site.send(request).await {
            Ok(response) => assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE),
            Err(error) => assert_eq!(error.to_string(), "down"),
        }
    }
}

#[tokio::test]
async fn r23_what_must_be_revalidated_is_never_given_out_stale() {
    for directive in ["max-age=5, must-revalidate", "max-age=5, proxy-revalidate", "s-maxage=5"] {
        let rule = anything().stale_if_error(MINUTE).stale_while_revalidate(MINUTE);
        let site = Site::new(rules(rule), move |_, call| {
            let mut reply = response(&[("cache-control", directive)], format!("call {call}"));
            if call > 0 {
                *reply.status_mut() = StatusCode::BAD_GATEWAY;
            }
            reply
        });
        site.get("/a").await;
        site.advance(5);
        assert_eq!(site.get("/a").await.status, StatusCode::BAD_GATEWAY, "{directive}");
    }
}
