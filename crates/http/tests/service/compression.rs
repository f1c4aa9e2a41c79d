//! Bodies that are compressed in memory: clients see nothing of it.

use crate::site::{Site, anything, full, request, response, rules};
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use larder_http::Rule;
use std::{future::poll_fn, pin::pin};

/// A text of this many bytes that no two places have in common.
fn text(bytes: usize) -> Bytes {
    let lines = (0..).map(|line| format!("{{\"line\": {line}, \"of\": \"a report\"}}\n"));
    let mut text = String::new();
    for line in lines {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&line);
    }
    text.truncate(bytes);
    text.into()
}

/// Bytes that do not become smaller.
fn noise(bytes: usize) -> Bytes {
    let mut state = 1u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..bytes).map(|_| next()).collect()
}

fn compressed() -> Rule {
    anything().compress_above(1000)
}

fn site(rule: Rule, fields: &'static [(&'static str, &'static str)], body: Bytes) -> Site {
    Site::new(rules(rule), move |_, _| response(fields, body.clone()))
}

/// What is stored for `/a`, in bytes.
async fn stored(rule: Rule, fields: &'static [(&'static str, &'static str)], body: Bytes) -> u64 {
    let site = site(rule, fields, body);
    site.get("/a").await;
    assert!(site.get("/a").await.is_hit());
    site.layer.stats()[0].bytes
}

#[tokio::test]
async fn a_compressed_body_is_given_out_as_it_came() {
    let body = text(200_000);
    let plain = site(anything(), &[], body.clone());
    let packed = site(compressed(), &[], body.clone());
    let etag = plain.get("/a").await.field("etag");
    assert_eq!(packed.get("/a").await.field("etag"), etag);
    let etag = plain.get("/a").await.field("etag");
    for fields in [
        &[][..],
        &[("range", "bytes=0-0")],
        &[("range", "bytes=65535-65536")],
        &[("range", "bytes=65536-131071")],
        &[("range", "bytes=1000-190000")],
        &[("range", "bytes=199999-")],
        &[("range", "bytes=-70000")],
        &[("range", "bytes=200000-")],
        &[("range", "bytes=0-1,5-9")],
        &[("if-none-match", &etag)],
        &[("if-none-match", "\"other\""), ("range", "bytes=1-2")],
        &[("if-range", "\"other\""), ("range", "bytes=1-2")],
    ] {
        for method in [Method::GET, Method::HEAD] {
            let ask = || request(method.clone(), "/a", fields);
            let (expected, reply) = (plain.ask(ask()).await, packed.ask(ask()).await);
            assert!(expected.is_hit() && reply.is_hit(), "{method} {fields:?}");
            assert_eq!(reply.status, expected.status, "{method} {fields:?}");
            assert_eq!(reply.headers, expected.headers, "{method} {fields:?}");
            assert!(reply.body.expect("whole") == expected.body.expect("whole"), "{fields:?}");
        }
    }
    assert!(packed.get("/a").await.body.expect("whole") == body);
    let (plain, packed) = (plain.layer.stats()[0].bytes, packed.layer.stats()[0].bytes);
    assert!(packed < plain / 3, "{packed} of {plain} bytes");
}

#[tokio::test]
async fn a_poll_decompresses_a_part_and_the_length_is_known() {
    let body = text(150_000);
    let site = site(compressed(), &[], body.clone());
    site.get("/a").await;
    let hit = site.send(request(Method::GET, "/a", &[])).await.expect("it works");
    let mut hit = pin!(hit.into_body());
    let (mut left, mut parts) = (150_000, Vec::new());
    assert_eq!(hit.size_hint().exact(), Some(left));
    while let Some(frame) = poll_fn(|context| hit.as_mut().poll_frame(context)).await {
        let data = frame.expect("no error").into_data().expect("data");
        left -= data.len() as u64;
        assert_eq!((hit.size_hint().exact(), hit.is_end_stream()), (Some(left), left == 0));
        parts.push(data);
    }
    assert_eq!(parts.iter().map(Bytes::len).collect::<Vec<_>>(), [65_536, 65_536, 18_928]);
    assert!(parts.concat() == body);
}

#[tokio::test]
async fn only_what_becomes_smaller_and_is_not_encoded_is_compressed() {
    const ENCODED: &[(&str, &str)] = &[("content-encoding", "gzip")];
    const IDENTITY: &[(&str, &str)] = &[("content-encoding", "identity")];
    for (what, rule, fields, body, shrinks) in [
        ("text", compressed(), &[][..], text(20_000), true),
        ("a rule without compression", anything(), &[], text(20_000), false),
        ("as few bytes as the rule says", compressed(), &[], text(1000), false),
        ("a byte more", compressed(), &[], text(1001), true),
        ("an encoded body", compressed(), ENCODED, text(20_000), false),
        ("a body that says that it is not encoded", compressed(), IDENTITY, text(20_000), true),
        ("noise", compressed(), &[], noise(20_000), false),
    ] {
        let length = body.len() as u64;
        let bytes = stored(rule, fields, body).await;
        let all = stored(anything(), fields, Bytes::new()).await + length;
        assert_eq!(bytes < all - length / 8 + 100, shrinks, "{what}: {bytes} of {all} bytes");
    }
}

#[tokio::test]
async fn a_large_body_is_compressed_elsewhere_and_then_stored() {
    let body = text(900_000);
    let site = site(compressed(), &[], body.clone());
    assert!(site.get("/a").await.body.expect("whole") == body);
    // Whoever asks before it is stored waits for it.
    let reply = site.get("/a").await;
    assert!(reply.body.expect("whole") == body);
    assert!(site.get("/a").await.is_hit());
    assert_eq!(site.calls(), 1);
    let bytes = site.layer.stats()[0].bytes;
    assert!(bytes < 300_000, "{bytes}");
}

#[test]
fn without_a_runtime_a_large_body_is_compressed_where_it_ends() {
    let site = site(compressed(), &[], text(900_000));
    futures::executor::block_on(async {
        site.get("/a").await;
        assert!(site.get("/a").await.is_hit());
    });
    let bytes = site.layer.stats()[0].bytes;
    assert!(bytes < 300_000, "{bytes}");
}

#[tokio::test]
async fn a_confirmed_response_stays_compressed() {
    let body = text(200_000);
    let sent = body.clone();
    let site = Site::new(rules(compressed()), move |request, _| {
        let modified = ("last-modified", "Tue, 15 Nov 1994 08:12:31 GMT");
        if request.headers().contains_key("if-modified-since") {
            let mut confirmed = Response::new(full(Bytes::new()));
            *confirmed.status_mut() = StatusCode::NOT_MODIFIED;
            return confirmed;
        }
        response(&[modified], sent.clone())
    });
    let etag = site.get("/a").await.field("etag");
    assert_eq!(etag, "", "the handler has none");
    let etag = site.get("/a").await.field("etag");
    let before = site.layer.stats()[0].bytes;
    site.advance(61);
    let reply = site.get("/a").await;
    assert_eq!(reply.cache_status(), "larder; fwd=stale; fwd-status=304; stored");
    assert_eq!(reply.field("etag"), etag);
    assert!(reply.body.expect("whole") == body);
    let hit = site.send(request(Method::GET, "/a", &[])).await.expect("it works");
    assert!(hit.into_body().collect().await.expect("whole").to_bytes() == body);
    let after = site.layer.stats()[0].bytes;
    // The old one may still be waiting to be dropped.
    assert!(after <= 2 * before + 1000, "{before}, and {after} bytes");
}
