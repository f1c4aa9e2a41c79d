//! The program itself: its first start, its end, and what survives a sudden one.

use crate::common::{Client, Database, settings};
use serde_json::json;
use std::{net::SocketAddr, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
};

/// The program, running.
pub(crate) struct Process {
    child: Child,
    lines: tokio::io::Lines<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
    /// What it has printed before it was ready.
    pub(crate) printed: Vec<String>,
}

impl Process {
    pub(crate) async fn start(database: &Database, more: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shortener"));
        command.args(["--listen", "127.0.0.1:0"]);
        for (name, value) in settings(database, more) {
            command.args(["--set".to_owned(), format!("{name}={value}")]);
        }
        command.current_dir(database.folder.path()).env_remove("DATABASE_URL");
        command.env_remove("SHORTENER_TEST_POSTGRES").env_remove("SHORTENER_TEST_SEED");
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = Vec::new();
        loop {
            let line = lines.next_line().await.unwrap().expect("the program has ended");
            let listening = line.strip_prefix("listening on ").map(|it| it.parse().unwrap());
            printed.push(line);
            if let Some(address) = listening {
                return Self { child, lines, address, printed };
            }
        }
    }

    /// Ends it as a supervisor would, and waits for it.
    pub(crate) async fn terminate(&mut self) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        // SAFETY: `kill` takes two numbers. The child has not been waited for, so the number is
        // still its own.
        assert_eq!(unsafe { libc::kill(id, libc::SIGTERM) }, 0);
        let status = self.child.wait().await.unwrap();
        assert!(status.success(), "{status}");
    }

    /// Ends it at once, whatever it is doing.
    async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

#[tokio::test]
async fn the_first_start_makes_a_demo_and_says_how_to_log_in() {
    let database = Database::new().await;
    let demo = [("demo.enabled", "true")];
    let mut process = Process::start(&database, &demo).await;
    let login = process.printed.iter().find_map(|line| line.strip_prefix("demo login"));
    let mut words = login.expect("there is a demo login").split_whitespace();
    let (email, password) = (words.next().unwrap(), words.next().unwrap());
    let client = Client::new(process.address);
    let login = json!({ "email": email, "password": password });
    let answer = client.post("/api/auth/login/", login).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let demo_user = client.with_token(answer.json()["token"].as_str().unwrap());
    let stats = demo_user.get("/api/urls/stats/").await.json();
    assert!(stats["urls"].as_i64().unwrap() >= 5 && stats["clicks"].as_i64().unwrap() > 100);
    assert_eq!(client.get("/rust").await.location(), "https://www.rust-lang.org/");
    process.terminate().await;
    assert_eq!(process.lines.next_line().await.unwrap(), None);

    let mut process = Process::start(&database, &demo).await;
    assert!(process.printed.iter().all(|line| !line.starts_with("demo login")));
    process.terminate().await;
}

#[tokio::test]
async fn kill_and_a_new_start_lose_no_address_that_was_acknowledged() {
    let database = Database::new().await;
    let durable = [("database.synchronous", "full")];
    let mut process = Process::start(&database, &durable).await;
    let ada = Client::new(process.address).sign_up("Ada").await;
    let (sender, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    for worker in 0..4 {
        let (ada, sender) = (ada.clone(), sender.clone());
        tokio::spawn(async move {
            for number in 0.. {
                // Ends with a panic when the service is gone, which is how it is meant to be.
                let url = format!("https://example.com/{worker}/{number}");
                let code = ada.shorten(&url).await;
                if sender.send((code, url)).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    let mut codes = Vec::new();
    while codes.len() < 40 {
        codes.push(acknowledged.recv().await.unwrap());
    }
    process.kill().await;
    while let Some(code) = acknowledged.recv().await {
        codes.push(code);
    }
    let mut process = Process::start(&database, &durable).await;
    let client = Client::new(process.address);
    for (code, url) in &codes {
        assert_eq!(client.get(&format!("/{code}")).await.location(), url, "{code}");
    }
    // Nor the session.
    let ada = client.with_token(ada.token.as_ref().unwrap());
    let total = ada.get("/api/urls/").await.json()["total"].as_u64().unwrap();
    assert!(total >= codes.len() as u64, "{total} of {}", codes.len());
    process.terminate().await;
}

#[tokio::test]
async fn a_signal_to_stop_loses_no_click() {
    let database = Database::new().await;
    let late = [("clicks.flush_every", "60s"), ("clicks.batch", "5000")];
    let mut process = Process::start(&database, &late).await;
    let client = Client::new(process.address);
    let ada = client.sign_up("Ada").await;
    ada.shorten_as("abc", "https://example.com/").await;
    for _ in 0..25 {
        assert_eq!(client.get("/abc").await.status, 302);
    }
    assert_eq!(database.number("SELECT clicks FROM urls").await, 0);
    process.terminate().await;
    assert_eq!(database.number("SELECT clicks FROM urls").await, 25);
    assert_eq!(database.number("SELECT COUNT(*) FROM clicks").await, 25);
}

#[tokio::test]
async fn mistakes_in_the_settings_are_told_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shortener.toml");
    let text = "[server]\nlisten = 80\n[clicks]\nbach = 3\n[cache.url]\nttl = 5\n";
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_shortener"))
        .arg("--config")
        .arg(&file)
        .args(["--set", "urls.max_length=1"])
        .env("SHORTENER_AUTH_HASH_THREADS", "none")
        .env("SHORTENER_NONSENSE", "1")
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    for part in [
        ":2: server.listen: \"80\" is not allowed; allowed is an IP address and a port",
        ":4: there is no setting clicks.bach; did you mean clicks.batch?",
        ":6:7: url.ttl: 5 is an integer",
        "environment variable SHORTENER_AUTH_HASH_THREADS: auth.hash_threads: \"none\" is not allowed",
        "environment variable SHORTENER_NONSENSE: there is no setting nonsense",
        "command line: urls.max_length: \"1\" is not allowed; allowed is a whole number from 20 to 8000",
    ] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}
