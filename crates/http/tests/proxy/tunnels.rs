//! Interim responses, other protocols, and other versions of this one.

use hyper::client::conn::http2;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::setting::{Origin, Proxy, field, head, receive, send};

const HINTED: &str = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nConnection: x-a\r\nX-A: a\r\n\r\n\
                      HTTP/1.1 200 OK\r\nContent-Length: 4\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\npage";

#[tokio::test]
async fn interim_responses_arrive_and_are_not_kept() {
    let origin = Origin::that_answers(HINTED).await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let answer = proxy.get("/", "").await;
    let (hints, rest) = answer.split_once("\r\n\r\n").expect("two heads");
    assert!(hints.starts_with("HTTP/1.1 103 Early Hints\r\n"), "{answer}");
    assert_eq!(field(hints, "link").as_deref(), Some("</style.css>; rel=preload"));
    assert_eq!(field(hints, "x-a"), None, "{hints}");
    assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("\r\n\r\npage"), "{rest}");
    assert_eq!(field(rest, "link"), None, "{rest}");

    let hit = proxy.get("/", "").await;
    assert!(hit.starts_with("HTTP/1.1 200 OK\r\n"), "{hit}");
    assert_eq!(origin.requests(), 1);
}

#[tokio::test]
async fn clients_of_http_1_0_get_no_interim_responses() {
    let origin = Origin::that_answers(HINTED).await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let answer = proxy.ask("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn another_protocol_is_tunnelled() {
    let origin = Origin::new(|request, mut wire| async move {
        assert_eq!(field(&request, "upgrade").as_deref(), Some("echo"), "{request}");
        assert_eq!(field(&request, "connection").as_deref(), Some("upgrade"), "{request}");
        let switched =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        send(&mut wire, switched).await;
        receive(&mut wire, "hello").await;
        send(&mut wire, "hello yourself").await;
    });
    let origin = origin.await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let mut wire = proxy.connect().await;
    send(&mut wire, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        .await;
    let answer = head(&mut wire).await;
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    assert_eq!(field(&answer, "upgrade").as_deref(), Some("echo"));
    send(&mut wire, "hello").await;
    receive(&mut wire, "hello yourself").await;
}

#[tokio::test]
async fn an_upgrade_that_connection_does_not_name_is_none() {
    let origin = Origin::new(|request, mut wire| async move {
        assert_eq!(field(&request, "upgrade"), None, "{request}");
        send(&mut wire, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage")
            .await;
    });
    let origin = origin.await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let answer = proxy.get("/", "Upgrade: echo\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn http_2_comes_in_and_http_1_1_goes_out() {
    let origin = Origin::new(|request, mut wire| async move {
        assert!(request.starts_with("GET /page HTTP/1.1\r\n"), "{request}");
        assert_eq!(field(&request, "host").as_deref(), Some("site.example"));
        assert_eq!(field(&request, "cookie").as_deref(), Some("a=1; b=2"));
        assert_eq!(field(&request, "via").as_deref(), Some("2 larder"));
        send(&mut wire, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage")
            .await;
    });
    let origin = origin.await;
    let proxy = Proxy::before(origin.address, &[]).await;
    let stream = TokioIo::new(proxy.connect().await.into_inner());
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = Request::get("http://site.example/page")
        .version(Version::HTTP_2)
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(http_body_util::Empty::<bytes::Bytes>::new())
        .expect("valid");
    let response = sender.send_request(request).await.expect("a response");
    assert_eq!(response.status(), 200);
    let body = http_body_util::BodyExt::collect(response.into_body()).await.expect("a body");
    assert_eq!(body.to_bytes(), "page");
}
