//! Origins whose response has no head, or none that can be understood.

use crate::{client::Client, proxy::Site};

/// What an origin says before it goes away.
const UNFINISHED: [(&str, &str); 6] = [
    ("nothing", ""),
    ("half a status line", "HTTP/1.1 20"),
    ("half a field", "HTTP/1.1 200 OK\r\ncache-control: max-age=6"),
    ("no blank line", "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 4\r\n"),
    ("an interim response", "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n"),
    ("an interim response and half a head", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 O"),
];

/// What is no response of HTTP/1.1.
const NONSENSE: [(&str, &str); 7] = [
    ("another protocol", "220 mail.example ESMTP ready\r\n\r\n"),
    ("a status of two digits", "HTTP/1.1 20 OK\r\n\r\ngood"),
    (
        "a field without a colon",
        "HTTP/1.1 200 OK\r\ncache-control\r\ncontent-length: 4\r\n\r\ngood",
    ),
    ("a byte of zero", "HTTP/1.1 200 OK\r\ncache-control: max-age=\x0060\r\n\r\ngood"),
    (
        "two lengths",
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 4\r\ncontent-length: 3\r\n\r\ngood",
    ),
    ("a length with a sign", "HTTP/1.1 200 OK\r\ncontent-length: -4\r\n\r\ngood"),
    (
        "a length that no number holds",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
    ),
];

#[tokio::test]
async fn a_head_that_breaks_off_is_a_bad_gateway() {
    for (what, bytes) in UNFINISHED {
        for resets in [false, true] {
            let mut site = Site::new().await;
            let mut client = site.asking("/a").await;
            let mut asked = site.origin.next_for("/a").await;
            asked.send(bytes).await;
            if resets {
                asked.reset()
            } else {
                asked.close()
            }
            let reply = client.reply().await.expect("a response");
            assert_eq!(reply.status(), 502, "{what}: {reply:?}");
            assert!(reply.is_whole, "{what}");
            site.has_no_trace("/a", what).await;
            // The connection of the client is as good as before.
            client.ask("/a").await;
            assert!(client.reply().await.expect("a response").is_hit(), "{what}");
        }
    }
}

#[tokio::test]
async fn a_head_that_nobody_understands_is_a_bad_gateway() {
    for (what, bytes) in NONSENSE {
        let mut site = Site::new().await;
        let mut client = site.asking("/a").await;
        let mut asked = site.origin.next_for("/a").await;
        asked.send(bytes).await;
        let reply = client.reply().await.expect("a response");
        assert_eq!(reply.status(), 502, "{what}: {reply:?}");
        site.has_no_trace("/a", what).await;
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_a_bad_gateway() {
    let mut site = Site::new().await;
    let mut client = site.asking("/a").await;
    let mut asked = site.origin.next_for("/a").await;
    asked.send("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n").await;
    let endless = tokio::spawn(async move {
        let line = format!("x-more: {}\r\n", "m".repeat(4000));
        // Four times as much as sockets and buffers hold.
        for _ in 0..16_000 {
            if asked.try_send(line.as_bytes()).await.is_err() {
                return;
            }
        }
        panic!("the proxy reads on and on");
    });
    assert_eq!(client.reply().await.expect("a response").status(), 502);
    endless.await.expect("the proxy has ended the connection");
    site.has_no_trace("/a", "a head without end").await;
}

#[tokio::test]
async fn a_head_that_does_not_come_is_a_timeout() {
    for bytes in ["", "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\n"] {
        let mut site = Site::new().await;
        let mut client = Client::new(site.hasty).await;
        client.ask("/a").await;
        let mut asked = site.origin.next_for("/a").await;
        // The proxy may have given up before it reads this.
        _ = asked.try_send(bytes.as_bytes()).await;
        assert_eq!(client.reply().await.expect("a response").status(), 504);
        // The origin has not closed its side.
        site.has_no_trace("/a", "a silent origin").await;
        drop(asked);
    }
}

#[tokio::test]
async fn interim_responses_are_passed_on_and_not_stored() {
    let mut site = Site::new().await;
    let mut client = site.asking("/a").await;
    let mut asked = site.origin.next_for("/a").await;
    for hint in ["/a.css", "/b.css"] {
        asked.send(format!("HTTP/1.1 103 Early Hints\r\nlink: <{hint}>\r\n\r\n")).await;
        let head = client.head().await.expect("an interim response");
        assert!(head.starts_with("http/1.1 103") && head.contains(hint), "{head}");
        assert_eq!(site.entries(), 0);
    }
    asked.answer("good").await;
    let reply = client.reply().await.expect("a response");
    assert_eq!((reply.status(), reply.text(), reply.interim.len()), (200, "good", 0));
    assert_eq!(reply.field("link"), None);
    let hit = site.get("/a").await;
    assert!(hit.is_hit() && hit.interim.is_empty() && hit.field("link").is_none(), "{hit:?}");
}
