//! Origins that fail, and the end of the proxy itself.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::setting::{Origin, Proxy, head, send};

#[tokio::test]
async fn an_origin_that_is_not_there_is_a_bad_gateway() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = Proxy::before(address, &[]).await;
    let answer = proxy.get("/", "").await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
}

#[tokio::test]
async fn an_origin_that_breaks_off_before_its_head_is_a_bad_gateway() {
    let origin = Origin::that_answers("HTTP/1.1 200 O").await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let answer = proxy.get("/", "").await;
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}");
}

#[tokio::test]
async fn an_origin_that_says_nothing_is_a_gateway_timeout() {
    let origin = Origin::new(|_, wire| async move {
        std::future::pending::<()>().await;
        drop(wire);
    });
    let origin = origin.await;
    let proxy = Proxy::before(origin.address, &["--read-timeout", "1"]).await;
    let answer = proxy.get("/", "").await;
    assert!(answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{answer}");
}

#[tokio::test]
async fn an_origin_that_falls_silent_breaks_the_answer_and_leaves_no_trace() {
    let origin = Origin::new(|_, mut wire| async move {
        let begun = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 8\r\n\r\nhalf";
        send(&mut wire, begun).await;
        std::future::pending::<()>().await;
        drop(wire);
    });
    let origin = origin.await;
    let proxy = Proxy::before(origin.address, &["--read-timeout", "1"]).await;
    for requests in 1..=2 {
        let answer = proxy.get("/", "").await;
        assert!(answer.ends_with("\r\n\r\nhalf"), "{answer}");
        assert_eq!(origin.requests(), requests);
    }
}

#[tokio::test]
async fn a_stale_answer_stands_in_for_an_origin_that_is_gone() {
    let origin = Origin::that_answers(
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=60\r\nAge: 61\r\n\
         ETag: \"1\"\r\nConnection: close\r\n\r\npage",
    )
    .await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let strict = Proxy::before(origin.address, &["--stale-if-error", "0"]).await;
    for proxy in [&proxy, &strict] {
        assert!(proxy.get("/", "").await.ends_with("\r\n\r\npage"));
    }
    drop(origin);
    let answer = proxy.get("/", "").await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\npage"),
        "{answer}"
    );
    let answer = strict.get("/", "").await;
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
}

#[tokio::test]
async fn an_interrupt_lets_requests_that_are_under_way_finish() {
    let (reached, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (reaches, waits) = (Arc::clone(&reached), Arc::clone(&go_on));
    let origin = Origin::new(move |_, mut wire| {
        let (reaches, waits) = (Arc::clone(&reaches), Arc::clone(&waits));
        async move {
            reaches.notify_one();
            waits.notified().await;
            send(&mut wire, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage").await;
        }
    });
    let origin = origin.await;
    let mut proxy = Proxy::before(origin.address, &[]).await;
    let mut wire = proxy.connect().await;
    send(&mut wire, "GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    reached.notified().await;
    proxy.interrupt();
    go_on.notify_one();
    let answer = head(&mut wire).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    crate::setting::receive(&mut wire, "page").await;
    proxy.ended().await;
}
