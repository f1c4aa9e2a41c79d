//! Rules that change while the proxy runs.

use std::fs;
use std::path::PathBuf;
use std::process::{self, Command};
use std::time::{Duration, Instant};

use crate::setting::{Origin, Proxy, field};

/// A file that is gone at the end.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("larder-{}-{name}", process::id())));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).expect("a file can be written");
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.0);
    }
}

fn hang_up() {
    let pid = process::id().to_string();
    let sent = Command::new("kill").args(["-s", "HUP", &pid]).status().expect("kill is there");
    assert!(sent.success());
}

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nCache-Control: max-age=60\r\nConnection: close\r\n\r\nok";

/// Asks for one path after the other until a response says in Cache-Control what is expected.
async fn until_seen(proxy: &Proxy, expected: &str) {
    let started = Instant::now();
    for number in 0.. {
        let answer = proxy.get(&format!("/a/{number}"), "").await;
        if field(&answer, "cache-control").as_deref() == Some(expected) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "it stays {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_read_again_when_the_proxy_gets_sighup() {
    let origin = Origin::that_answers(ANSWER).await;
    let rule = |downstream: &str| {
        format!("[http.rules.a]\npath = '/a/{{number}}'\ndownstream = '{downstream}'\n")
    };
    let file = File::new("rules.toml", &rule("max-age=1"));
    let proxy = Proxy::before(origin.address, &["--rules", file.path()]).await;
    until_seen(&proxy, "max-age=1").await;
    file.write(&rule("max-age=2"));
    let answer = proxy.get("/a/unread", "").await;
    assert_eq!(field(&answer, "cache-control").as_deref(), Some("max-age=1"), "{answer}");
    hang_up();
    until_seen(&proxy, "max-age=2").await;
    // What is wrong changes nothing; a right one comes after it.
    file.write(&rule("max-age=3").replace("downstream", "downstraem"));
    hang_up();
    let answer = proxy.get("/a/wrong", "").await;
    assert_eq!(field(&answer, "cache-control").as_deref(), Some("max-age=2"), "{answer}");
    file.write(&rule("max-age=4"));
    hang_up();
    until_seen(&proxy, "max-age=4").await;
}
