//! Requests as nobody should send them: whatever they are, it is the client's mistake, and the
//! service says so or hangs up.

use crate::common::{Database, Running};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const REQUESTS: usize = 1500;
const SEED: u64 = 11;

/// Texts to be put anywhere.
const ODD: [&str; 28] = [
    "",
    " ",
    "0",
    "-1",
    "9223372036854775807",
    "1e999",
    "null",
    "true",
    "[]",
    "{}",
    "\"",
    "\\u0000",
    "%00",
    "%ff",
    "%2e%2e%2f",
    "../../etc/passwd",
    "' OR 1=1 --",
    "; DROP TABLE urls",
    "{{7*7}}",
    "<script>",
    "\u{202e}\u{fffd}",
    "\u{1f980}",
    "http://[::1",
    "https://example.com/%zz",
    "a&b=c=d",
    "\t",
    "%",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
];

/// What the endpoints expect. Where a path has ODD, it gets an odd text.
const ENDPOINTS: [(&str, &str, &str); 16] = [
    ("GET", "/", ""),
    ("GET", "/abc", ""),
    ("GET", "/ODD", ""),
    ("GET", "/api/health/", ""),
    (
        "POST",
        "/api/auth/register/",
        r#"{"name":"Eve","email":"eve@example.org","password":"correct horse"}"#,
    ),
    ("POST", "/api/auth/login/", r#"{"email":"ada@example.org","password":"correct horse"}"#),
    ("POST", "/api/urls/", r#"{"url":"https://example.com/","code":"abcd","title":"t"}"#),
    ("GET", "/api/urls/?page=ODD&per_page=20&q=ODD", ""),
    ("GET", "/api/urls/?q=ODD&active=true", ""),
    ("GET", "/api/urls/ODD/", ""),
    ("PATCH", "/api/urls/abc/", r#"{"url":"https://example.com/","title":"t","active":true}"#),
    ("DELETE", "/api/urls/ODD/", ""),
    ("GET", "/api/urls/analytics/?code=ODD&days=ODD", ""),
    ("GET", "/api/urls/analytics/?days=ODD", ""),
    ("GET", "/api/urls/redirect/ODD/", ""),
    (
        "PATCH",
        "/api/users/profile/",
        r#"{"name":"Ada","password":"correct horse","current_password":"wrong"}"#,
    ),
];

struct Generator {
    random: StdRng,
    token: String,
}

impl Generator {
    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts.choose(&mut self.random).unwrap()
    }

    /// Replaces a part of a text, or puts something into it.
    fn bend(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..self.random.random_range(0..3) {
            let place = |random: &mut StdRng, text: &str| {
                let mut at = random.random_range(0..=text.len());
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                at
            };
            let start = place(&mut self.random, &text);
            let length = self.random.random_range(0..10);
            let rest = text[start..].char_indices().nth(length);
            let end = rest.map_or(text.len(), |(offset, _)| start + offset);
            text.replace_range(start..end, "");
            let odd = self.pick(&ODD);
            let at = place(&mut self.random, &text);
            text.insert_str(at, odd);
        }
        text
    }

    /// A body of an endpoint, in which one value is an odd one.
    fn odd_json(&mut self, body: &str) -> String {
        let Ok(Value::Object(mut fields)) = serde_json::from_str(body) else {
            return self.bend(body);
        };
        let names: Vec<_> = fields.keys().cloned().collect();
        let name = names.choose(&mut self.random).unwrap().clone();
        let odd = self.pick(&ODD);
        let value = match self.random.random_range(0..3) {
            0 => Value::from(odd),
            1 => serde_json::from_str(odd).unwrap_or(Value::Null),
            _ => Value::from(format!("{}{odd}", fields[&name].as_str().unwrap_or_default())),
        };
        fields.insert(name, value);
        Value::Object(fields).to_string()
    }

    fn request(&mut self) -> (Vec<u8>, Framing) {
        let (method, path, body) = *ENDPOINTS.choose(&mut self.random).unwrap();
        let method = match self.random.random_range(0..8) {
            0 => self.pick(&["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "BREW"]),
            _ => method,
        };
        let path = match self.random.random_range(0..3) {
            0 => self.bend(path),
            _ => path.replace("ODD", self.pick(&ODD)),
        };
        // Mostly as a client has to write it.
        let path: String = match self.random.random_range(0..8) {
            0 => path.replace([' ', '\t'], "+"),
            _ => path
                .bytes()
                .map(|byte| match byte {
                    b'!'..=b'~' => char::from(byte).to_string(),
                    _ => format!("%{byte:02x}"),
                })
                .collect(),
        };
        let body = match self.random.random_range(0..4) {
            0 => body.to_owned(),
            1 => self.bend(body),
            _ => self.odd_json(body),
        };
        let kind = self.pick(&[
            "application/json",
            "application/json",
            "application/json",
            "application/json",
            "text/plain",
            "application/json; charset=latin1",
            "\u{1f980}",
        ]);
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: sho.rt\r\ncontent-type: {kind}\r\n");
        if self.random.random_bool(0.7) {
            let token = self.token.clone();
            let token = if self.random.random_bool(0.1) { self.bend(&token) } else { token };
            head += &format!("authorization: Bearer {}\r\n", token.replace(['\r', '\n'], ""));
        }
        for _ in 0..self.random.random_range(0..3) {
            let name = self.pick(&[
                "accept",
                "cookie",
                "referer",
                "accept-language",
                "user-agent",
                "range",
                "if-none-match",
                "cache-control",
                "x-request-id",
                "expect",
                "x-forwarded-host",
                "if-modified-since",
            ]);
            let value = self.pick(&ODD);
            head += &format!("{name}: {value}\r\n");
        }
        let mut framing = Framing::Whole;
        let length = match self.random.random_range(0..12) {
            0 => body.len() + 5,
            1 => body.len().saturating_sub(3),
            2 => 1 << 40,
            _ => body.len(),
        };
        head += &match self.random.random_range(0..10) {
            0 => "transfer-encoding: chunked\r\n".to_owned(),
            1 => format!("content-length: {length}\r\ncontent-length: 1\r\n"),
            _ => format!("content-length: {length}\r\n"),
        };
        if !head.ends_with(&format!("\r\ncontent-length: {}\r\n", body.len())) {
            framing = Framing::Odd;
        }
        let mut bytes = format!("{head}\r\n{body}").into_bytes();
        let whole = bytes.clone();
        // Some are not even HTTP.
        if self.random.random_bool(0.1) {
            for _ in 0..self.random.random_range(1..6) {
                let at = self.random.random_range(0..bytes.len());
                bytes[at] = self.random.random();
            }
        }
        if self.random.random_bool(0.05) {
            let length = self.random.random_range(0..bytes.len());
            bytes.truncate(length);
        }
        if self.random.random_bool(0.02) {
            let long = "a".repeat(20_000);
            let at = bytes.iter().position(|it| *it == b' ').unwrap_or(0);
            bytes.splice(at..at, long.into_bytes());
        }
        if bytes != whole {
            framing = Framing::Odd;
        }
        (bytes, framing)
    }
}

/// Whether a request has as many bytes as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Whole,
    /// It may have more or fewer, or not be HTTP at all.
    Odd,
}

/// Sends bytes, and returns the status of the answer, if there is one.
///
/// Only what may never be whole is followed by the end of the stream: the service may take that for
/// a client that has gone away, and need not answer.
async fn send(address: SocketAddr, bytes: &[u8], framing: Framing) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The service may have hung up before all of it is sent.
    _ = stream.write_all(bytes).await;
    if framing == Framing::Odd {
        _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut part).await {
        answer.extend_from_slice(&part[..length]);
        if answer.len() >= "HTTP/1.1 200".len() {
            break;
        }
    }
    let line = answer.strip_prefix(b"HTTP/1.1 ").or(answer.strip_prefix(b"HTTP/1.0 "))?;
    std::str::from_utf8(line.get(..3)?).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_are_the_clients_mistake() {
    let database = Database::new().await;
    let service = Running::start(&database, &[("server.receive_timeout", "2s")]).await;
    let ada = service.client.sign_up("Ada").await;
    ada.shorten_as("abc", "https://example.com/").await;
    let token = ada.token.clone().unwrap();
    let mut generator = Generator { random: StdRng::seed_from_u64(SEED), token };
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for number in 0..REQUESTS {
        let (bytes, framing) = generator.request();
        let Some(status) = send(service.client.address, &bytes, framing).await else {
            assert_eq!(framing, Framing::Odd, "no answer to {:?}", String::from_utf8_lossy(&bytes));
            continue;
        };
        *statuses.entry(status).or_default() += 1;
        assert!(
            status < 500,
            "request {number} of seed {SEED}: {status} to {:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
    // It was heard: there were successes, and mistakes of many kinds.
    println!("{statuses:?}");
    for status in [200, 302, 400, 401, 404, 405, 415, 422] {
        assert!(statuses.contains_key(&status), "no {status} among {statuses:?}");
    }
    assert!(statuses.values().sum::<usize>() > REQUESTS * 3 / 4, "{statuses:?}");
    // And it is well.
    assert_eq!(service.client.get("/api/health/").await.status, 200);
    service.stop().await;
}
