//! Clients that read slowly, go away, or ask before they have read.

use crate::{client::within, proxy::Site};

/// More than the buffers of all sockets on the way.
const LARGE: usize = 24 << 20;

fn large_head() -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\nconnection: close\r\ncontent-length: {LARGE}\r\n\r\n"
    )
}

/// Bytes in which every place differs from its neighbours.
fn large_body() -> Vec<u8> {
    (0..LARGE).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn a_client_that_reads_slowly_holds_up_nobody_for_longer_than_the_rule_says() {
    let mut site = Site::new().await;
    let mut slow = site.asking("/hasty/a").await;
    let asked = site.origin.next_for("/hasty/a").await;
    let sending = tokio::spawn(asked.send_all([large_head().into_bytes(), large_body()].concat()));
    let head = slow.head().await.expect("a response");
    let other = site.fetch("/hasty/a", "quick").await;
    assert_eq!((other.text(), other.is_hit()), ("quick", false));
    let (body, is_whole) = slow.rest_of(&head).await;
    assert!(is_whole && body == large_body());
    within(sending).await.expect("it was all sent");
    let hit = site.get("/hasty/a").await;
    assert!(hit.is_hit() && hit.is_whole && hit.body == large_body());
}

#[tokio::test]
async fn r19_a_client_that_goes_away_leaves_nothing_and_the_next_one_asks() {
    for resets in [false, true] {
        for reads in [false, true] {
            let what = format!("resets: {resets}, reads: {reads}");
            let mut site = Site::new().await;
            let mut leaver = site.asking("/a").await;
            let mut asked = site.origin.next_for("/a").await;
            if reads {
                asked.send(large_head()).await;
                asked.send("some of it").await;
                leaver.head().await.expect("a response");
            }
            let mut other = site.asking("/a").await;
            assert_eq!(site.fetch("/b", "other").await.text(), "other");
            assert!(site.origin.is_idle(), "{what}: the other waits");
            if resets {
                leaver.reset()
            } else {
                drop(leaver)
            }
            // The connection to the origin stays as it is, and the proxy is done with it.
            site.origin.next_for("/a").await.answer("good").await;
            let reply = other.reply().await.expect("a response");
            assert_eq!(
                (reply.status(), reply.text(), reply.is_whole),
                (200, "good", true),
                "{what}"
            );
            assert!(site.get("/a").await.is_hit(), "{what}");
            drop(asked);
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_waits_disturbs_nobody() {
    let mut site = Site::new().await;
    let mut first = site.asking("/a").await;
    let asked = site.origin.next_for("/a").await;
    let leaver = site.asking("/a").await;
    let mut last = site.asking("/a").await;
    assert_eq!(site.fetch("/b", "other").await.text(), "other");
    leaver.reset();
    asked.answer("good").await;
    for client in [&mut first, &mut last] {
        assert_eq!(client.reply().await.expect("a response").text(), "good");
    }
    assert!(site.origin.is_idle() && site.get("/a").await.is_hit());
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_their_order() {
    let mut site = Site::new().await;
    let mut client = site.client().await;
    let requests: String = ["/a", "/b", "/a", "/c"]
        .map(|it| format!("GET {it} HTTP/1.1\r\nhost: site\r\n\r\n"))
        .concat();
    client.send(&requests).await;
    site.origin.next_for("/a").await.answer("one").await;
    site.origin.next_for("/b").await.reset();
    let first = client.reply().await.expect("a response");
    assert_eq!((first.status(), first.text()), (200, "one"));
    assert_eq!(client.reply().await.expect("a response").status(), 502);
    let third = client.reply().await.expect("a response");
    assert!(third.is_hit() && third.text() == "one", "{third:?}");
    let mut broken = site.origin.next_for("/c").await;
    broken
        .send("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ncontent-length: 9\r\n\r\nthr")
        .await;
    let head = client.head().await.expect("a response");
    broken.close();
    assert_eq!(client.rest_of(&head).await, (b"thr".to_vec(), false));
    assert_eq!(site.fetch("/c", "three").await.text(), "three");
    assert!(site.get("/c").await.is_hit());
}

#[tokio::test]
async fn a_request_that_breaks_off_reaches_nothing() {
    let mut site = Site::new().await;
    let mut client = site.client().await;
    client.send("GET /a HTTP/1.1\r\nhost: si").await;
    client.reset();
    site.has_no_trace("/a", "half a request").await;
    // A change that has not arrived whole, and that the origin has not answered, has changed
    // nothing.
    let mut client = site.client().await;
    client.send("POST /a HTTP/1.1\r\nhost: site\r\ncontent-length: 10\r\n\r\nhal").await;
    let asked = site.origin.next_for("/a").await;
    client.reset();
    drop(asked);
    assert!(site.get("/a").await.is_hit());
}
