//! Origins whose bodies are not what their heads say.

use crate::proxy::Site;

const LENGTH: &str = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 10\r\n\r\n";
const CHUNKED: &str =
    "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n";
const UNTIL_CLOSED: &str =
    "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nconnection: close\r\n\r\n";

/// A response that breaks off: its head, and what comes of a body that begins with `good`.
const BROKEN: [(&str, &str, &str); 8] = [
    ("less than its length", LENGTH, "good"),
    ("one byte less than its length", LENGTH, "good morn"),
    ("no last chunk", CHUNKED, "4\r\ngood\r\n"),
    ("half a chunk", CHUNKED, "4\r\ngood\r\n8\r\nmor"),
    ("half the length of a chunk", CHUNKED, "4\r\ngood\r\n8"),
    ("half of the end", CHUNKED, "4\r\ngood\r\n0\r\n"),
    ("half a trailer", CHUNKED, "4\r\ngood\r\n0\r\nx-sum: 1"),
    ("a chunk of no length", CHUNKED, "4\r\ngood\r\nlong\r\n"),
];

#[tokio::test]
async fn r19_a_body_that_breaks_off_reaches_the_client_and_is_not_stored() {
    for (what, head, body) in BROKEN {
        for resets in [false, true] {
            let mut site = Site::new().await;
            let mut client = site.asking("/a").await;
            let mut asked = site.origin.next_for("/a").await;
            asked.send(head).await;
            asked.send(body).await;
            let head = client.head().await.expect("a response");
            assert!(head.starts_with("http/1.1 200"), "{what}: {head}");
            if resets {
                asked.reset()
            } else {
                asked.close()
            }
            let (got, is_whole) = client.rest_of(&head).await;
            assert!(!is_whole, "{what}: the client is told");
            let sent: &[u8] = if body.starts_with("good m") { b"good morn" } else { b"goodmor" };
            // What is sent right before a reset may be lost on the way.
            assert!(sent.starts_with(&got), "{what}: {got:?}");
            assert!(resets || got.starts_with(b"good"), "{what}: {got:?}");
            site.has_no_trace("/a", what).await;
        }
    }
}

#[tokio::test]
async fn r18_a_client_has_what_came_before_the_body_breaks_off() {
    for (head, body) in [(LENGTH, "good"), (CHUNKED, "4\r\ngood\r\n"), (UNTIL_CLOSED, "good")] {
        let mut site = Site::new().await;
        let mut client = site.asking("/a").await;
        let mut asked = site.origin.next_for("/a").await;
        asked.send(head).await;
        asked.send(body).await;
        let got = client.head().await.expect("a response");
        let is_chunked = got.contains("transfer-encoding: chunked");
        let expected: &[u8] = if is_chunked { b"4\r\ngood\r\n" } else { b"good" };
        assert_eq!(client.bytes(expected.len()).await.as_deref(), Some(expected));
        asked.reset();
        assert!(client.is_closed().await, "neither more data nor an end");
        site.has_no_trace("/a", body).await;
    }
}

#[tokio::test]
async fn what_comes_after_a_response_is_no_response() {
    const POISON: &str =
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 6\r\n\r\npoison";
    let head = |rest: &str| format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n{rest}\r\n");
    let cases = [
        ("a length", head("content-length: 4\r\n") + "good", "good"),
        ("chunks", head("transfer-encoding: chunked\r\n") + "4\r\ngood\r\n0\r\n\r\n", "good"),
        ("nothing", head("content-length: 0\r\n"), ""),
    ];
    for (what, response, body) in cases {
        let mut site = Site::new().await;
        let mut client = site.asking("/a").await;
        let mut asked = site.origin.next_for("/a").await;
        asked.send(response + POISON).await;
        let reply = client.reply().await.expect("a response");
        assert_eq!((reply.status(), reply.text(), reply.is_whole), (200, body, true), "{what}");
        // Asks over another connection, since this one cannot be trusted any more.
        let other = site.fetch("/b", "better").await;
        assert_eq!((other.status(), other.text()), (200, "better"), "{what}");
        let hit = site.get("/a").await;
        assert!(hit.is_hit() && hit.text() == body, "{what}: {hit:?}");
        drop(asked);
    }
}

#[tokio::test]
async fn bodies_of_responses_that_have_none_reach_nobody() {
    let length = "cache-control: max-age=60\r\ncontent-length: 6\r\n\r\npoison";
    for (method, status) in
        [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
    {
        let mut site = Site::new().await;
        let mut client = site.client().await;
        client.send(&format!("{method} /a HTTP/1.1\r\nhost: site\r\n\r\n")).await;
        let mut asked = site.origin.next_for("/a").await;
        asked.send(format!("HTTP/1.1 {status}\r\n{length}")).await;
        let head = client.head().await.expect("a response");
        assert!(head.starts_with(&format!("http/1.1 {}", &status[..3])), "{head}");
        // The next response on the same connection begins where the last one ends.
        client.ask("/b").await;
        site.origin.next_for("/b").await.answer("better").await;
        let reply = client.reply().await.expect("a response");
        assert_eq!((reply.status(), reply.text()), (200, "better"), "{method} {status}");
        drop(asked);
    }
}

#[tokio::test]
async fn chunks_count_and_a_length_beside_them_does_not() {
    for length in ["3", "4", "9"] {
        let mut site = Site::new().await;
        let mut client = site.asking("/a").await;
        let mut asked = site.origin.next_for("/a").await;
        let fields = format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n");
        asked.send(format!("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n{fields}")).await;
        asked.send("4\r\ngood\r\n0\r\n\r\n").await;
        let reply = client.reply().await.expect("a response");
        assert_eq!((reply.status(), reply.text(), reply.is_whole), (200, "good", true), "{length}");
        let hit = site.get("/a").await;
        assert!(hit.is_hit() && hit.text() == "good" && hit.is_whole, "{length}: {hit:?}");
        drop(asked);
    }
}

#[tokio::test]
async fn a_body_without_length_ends_with_its_connection() {
    let mut site = Site::new().await;
    let mut client = site.asking("/a").await;
    let mut asked = site.origin.next_for("/a").await;
    asked.send(UNTIL_CLOSED).await;
    asked.send("good").await;
    let head = client.head().await.expect("a response");
    assert_eq!(site.entries(), 0, "nobody knows yet whether this is all of it");
    asked.close();
    assert_eq!(client.rest_of(&head).await, (b"good".to_vec(), true));
    let hit = site.get("/a").await;
    assert!(hit.is_hit() && hit.text() == "good", "{hit:?}");
}

#[tokio::test]
async fn a_renewal_that_breaks_off_leaves_what_was_stored() {
    let mut site = Site::new().await;
    assert_eq!(site.fetch("/a", "old").await.text(), "old");
    site.clock.advance(std::time::Duration::from_secs(61));
    for (what, head, body) in BROKEN {
        let mut client = site.asking("/a").await;
        let mut asked = site.origin.next_for("/a").await;
        asked.send(head).await;
        asked.send(body).await;
        let head = client.head().await.expect("a response");
        asked.close();
        assert!(!client.rest_of(&head).await.1, "{what}");
        // The origin is left alone for a second after this.
        let mut client = site.asking("/a").await;
        site.origin.next_for("/a").await.close();
        let reply = client.reply().await.expect("a response");
        assert_eq!((reply.status(), reply.text()), (200, "old"), "{what}");
        site.clock.advance(std::time::Duration::from_secs(2));
    }
    assert_eq!(site.fetch("/a", "new").await.text(), "new");
    assert!(site.get("/a").await.is_hit());
}
