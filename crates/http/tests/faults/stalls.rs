//! Origins that stop in the middle.

use crate::{client::Client, proxy::Site};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nconnection: close\r\ncontent-length: 8\r\n\r\n";

#[tokio::test]
async fn a_stalled_response_holds_up_nobody_for_longer_than_its_rule_says() {
    // Before the head, in the middle of it, before the body, in the middle of it.
    for (start, rest) in [
        ("", format!("{HEAD}all good")),
        (&HEAD[..30], format!("{}all good", &HEAD[30..])),
        (HEAD, "all good".to_owned()),
        (&format!("{HEAD}all "), "good".to_owned()),
    ] {
        let mut site = Site::new().await;
        let mut first = site.asking("/hasty/a").await;
        let mut stalled = site.origin.next_for("/hasty/a").await;
        stalled.send(start).await;
        // Others wait up to the limit, and then ask for themselves.
        let mut others = Vec::new();
        for _ in 0..3 {
            others.push(site.asking("/hasty/a").await);
        }
        for body in ["one", "two", "three"] {
            site.origin.next_for("/hasty/a").await.answer(body).await;
        }
        let mut bodies = Vec::new();
        for other in &mut others {
            let reply = other.reply().await.expect("a response");
            assert!(reply.is_whole && !reply.is_hit());
            bodies.push(reply.text().to_owned());
        }
        bodies.sort();
        assert_eq!(bodies, ["one", "three", "two"]);
        // Who asks for something else does not wait at all.
        assert_eq!(site.fetch("/b", "other").await.text(), "other");
        // And the first gets the rest when it comes.
        stalled.send(rest).await;
        stalled.close();
        let reply = first.reply().await.expect("a response");
        assert_eq!((reply.text(), reply.is_whole), ("all good", true), "{start}");
        let hit = site.get("/hasty/a").await;
        assert!(hit.is_hit() && hit.text() == "all good", "{hit:?}");
    }
}

#[tokio::test]
async fn a_body_that_stalls_for_good_breaks_off() {
    let mut site = Site::new().await;
    let mut client = Client::new(site.hasty).await;
    client.ask("/a").await;
    let mut stalled = site.origin.next_for("/a").await;
    stalled.send(HEAD).await;
    // Over a busy machine the head itself may be too late.
    _ = stalled.try_send(b"all ").await;
    let reply = client.reply().await.expect("a response");
    match reply.status() {
        200 => assert!(!reply.is_whole && b"all ".starts_with(&reply.body), "{reply:?}"),
        status => assert_eq!(status, 504),
    }
    site.has_no_trace("/a", "a stalled body").await;
    drop(stalled);
}

#[tokio::test]
async fn who_waits_for_a_response_that_breaks_off_asks_next() {
    for (what, start) in [("no head", ""), ("half a head", &HEAD[..30]), ("half a body", HEAD)] {
        let mut site = Site::new().await;
        let mut first = site.asking("/a").await;
        let mut broken = site.origin.next_for("/a").await;
        broken.send(start).await;
        let mut others = Vec::new();
        for _ in 0..3 {
            others.push(site.asking("/a").await);
        }
        // A whole exchange after the requests, so that the proxy has read them.
        assert_eq!(site.fetch("/b", "other").await.text(), "other");
        assert!(site.origin.is_idle(), "{what}: the others wait");
        broken.reset();
        assert!(first.reply().await.is_some_and(|it| it.status() == 502 || !it.is_whole), "{what}");
        // One of them asks for all.
        site.origin.next_for("/a").await.answer("good").await;
        for other in &mut others {
            let reply = other.reply().await.expect("a response");
            assert_eq!(
                (reply.status(), reply.text(), reply.is_whole),
                (200, "good", true),
                "{what}"
            );
        }
        assert!(site.origin.is_idle(), "{what}: one request was enough");
        assert!(site.get("/a").await.is_hit(), "{what}");
    }
}
