//! What an intermediary changes in requests and responses, and what it keeps.

use std::sync::{Arc, Mutex};

use crate::setting::{Origin, Proxy, field, send};

const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\npage";
const UNCACHED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: no-store\r\nConnection: close\r\n\r\npage";

/// An origin, and the heads of the requests that it got.
async fn recording(answer: &'static str) -> (Origin, Arc<Mutex<Vec<String>>>) {
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&heads);
    let origin = Origin::new(move |head, mut wire| {
        kept.lock().unwrap().push(head);
        async move { send(&mut wire, answer).await }
    });
    (origin.await, heads)
}

fn last(heads: &Mutex<Vec<String>>) -> String {
    heads.lock().unwrap().last().expect("a request").clone()
}

#[tokio::test]
async fn a_second_request_is_answered_from_the_cache() {
    let origin = Origin::that_answers(PAGE).await;
    let proxy = Proxy::before(origin.address, &[]).await;
    for status in ["fwd=uri-miss", "hit"] {
        let answer = proxy.get("/page", "").await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\npage"),
            "{answer}"
        );
        let cache_status = field(&answer, "cache-status").expect("a status");
        assert!(cache_status.contains(status), "{cache_status}");
    }
    assert_eq!(origin.requests(), 1);
}

#[tokio::test]
async fn what_concerns_one_connection_stays_on_it() {
    let (origin, heads) = recording(
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=60\r\n\
         Connection: close, X-Hop\r\nX-Hop: a\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: Basic\r\n\
         X-End: b\r\n\r\npage",
    )
    .await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let request = "GET / HTTP/1.1\r\nHost: site.example\r\nConnection: close, x-own\r\nX-Own: a\r\nX-Other: b\r\n\
                   TE: trailers\r\nKeep-Alive: 5\r\nProxy-Authorization: Basic x\r\nProxy-Connection: close\r\n\r\n";
    for answer in [proxy.ask(request).await, proxy.ask(request).await] {
        for name in ["x-hop", "keep-alive", "proxy-authenticate"] {
            assert_eq!(field(&answer, name), None, "{name} in {answer}");
        }
        assert_eq!(field(&answer, "x-end").as_deref(), Some("b"), "{answer}");
    }
    let head = last(&heads);
    for name in
        ["x-own", "te", "keep-alive", "proxy-authorization", "proxy-connection", "connection"]
    {
        assert_eq!(field(&head, name), None, "{name} in {head}");
    }
    assert_eq!(field(&head, "x-other").as_deref(), Some("b"));
}

#[tokio::test]
async fn both_directions_say_which_way_they_came() {
    let (origin, heads) = recording(PAGE).await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let answer = proxy.get("/", "Via: 1.0 first\r\n").await;
    assert_eq!(field(&last(&heads), "via").as_deref(), Some("1.0 first, 1.1 larder"));
    assert_eq!(field(&answer, "via").as_deref(), Some("1.1 larder"));
}

#[tokio::test]
async fn the_host_is_the_clients_unless_it_is_to_be_the_origins() {
    let (origin, heads) = recording(UNCACHED).await;
    let kept = Proxy::before(origin.address, &[]).await;
    kept.get("/", "").await;
    assert_eq!(field(&last(&heads), "host").as_deref(), Some("site.example"));
    // The target of a request outranks its field.
    kept.ask(
        "GET http://target.example/x HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(field(&last(&heads), "host").as_deref(), Some("target.example"));
    assert!(last(&heads).starts_with("GET /x HTTP/1.1\r\n"));

    let rewritten = Proxy::before(origin.address, &["--rewrite-host"]).await;
    rewritten.get("/", "").await;
    assert_eq!(field(&last(&heads), "host"), Some(origin.address.to_string()));
}

#[tokio::test]
async fn what_clients_claim_of_themselves_is_replaced() {
    let (origin, heads) = recording(PAGE).await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let claims =
        "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: evil.example\r\nForwarded: for=x\r\n";
    let answer = proxy.get("/", claims).await;
    let head = last(&heads);
    assert_eq!(field(&head, "x-forwarded-for").as_deref(), Some("127.0.0.1"));
    assert_eq!(field(&head, "x-forwarded-host").as_deref(), Some("site.example"));
    assert_eq!(field(&head, "forwarded"), None);
    // They are no reason to pass the cache by, as nobody believes them.
    assert!(field(&answer, "cache-status").is_some_and(|it| it.contains("stored")), "{answer}");
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    let origin = Origin::new(|head, mut wire| async move {
        assert!(field(&head, "transfer-encoding").is_some_and(|it| it == "chunked"), "{head}");
        // What the client says first is answered before it has said the rest.
        crate::setting::receive(&mut wire, "5\r\nfirst\r\n").await;
        send(&mut wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nseen\r\n").await;
        crate::setting::receive(&mut wire, "6\r\nsecond\r\n0\r\n\r\n").await;
        send(&mut wire, "4\r\ndone\r\n0\r\n\r\n").await;
    });
    let origin = origin.await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let mut wire = proxy.connect().await;
    let post = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
    send(&mut wire, post).await;
    let head = crate::setting::head(&mut wire).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    crate::setting::receive(&mut wire, "4\r\nseen\r\n").await;
    send(&mut wire, "6\r\nsecond\r\n0\r\n\r\n").await;
    crate::setting::receive(&mut wire, "4\r\ndone\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn forwards_are_counted_down_and_end_here() {
    let (origin, heads) = recording(UNCACHED).await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let options = |left: &str| {
        format!(
            "OPTIONS / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nMax-Forwards: {left}\r\n\r\n"
        )
    };
    let answer = proxy.ask(&options("0")).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    assert_eq!(origin.requests(), 0);
    proxy.ask(&options("3")).await;
    assert_eq!(field(&last(&heads), "max-forwards").as_deref(), Some("2"));
    for method in ["TRACE", "CONNECT"] {
        let target = if method == "CONNECT" { "a:80" } else { "/" };
        let request = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = proxy.ask(&request).await;
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    }
    assert_eq!(origin.requests(), 1);
}
