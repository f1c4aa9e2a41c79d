//! The caches change nothing but the time that answers take.
//!
//! Two services over one database, one with all caches and one with none. Random changes go through
//! the first; after each, both are asked the same, and answer the same.

use crate::common::{Client, Database, Running};
use http::Method;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};

const STEPS: usize = 100;
/// What both are asked after each step.
const QUESTIONS: usize = 12;
const CODES: u32 = 8;

struct Pair {
    random: StdRng,
    cached: Running,
    uncached: Running,
    tokens: Vec<String>,
    hits: usize,
}

impl Pair {
    fn code(&mut self) -> String {
        format!("code-{}", self.random.random_range(0..CODES))
    }

    /// One of the users, of both services.
    fn user(&mut self) -> (Client, Client) {
        let token = &self.tokens[self.random.random_range(0..self.tokens.len())];
        (self.cached.client.with_token(token), self.uncached.client.with_token(token))
    }

    /// Asks both, and compares.
    async fn compare(&mut self, method: Method, path: &str, body: Value, history: &[String]) {
        let (cached, uncached) = self.user();
        let one = cached.ask(method.clone(), path, body.clone()).await;
        let other = uncached.ask(method.clone(), path, body.clone()).await;
        self.hits += usize::from(one.is_hit());
        assert!(
            one.status == other.status
                && one.text == other.text
                && one.location() == other.location(),
            "{method} {path} {body}\ncached   {} {} {:?}\nuncached {} {} {:?}\nafter {history:#?}",
            one.status,
            one.text,
            one.location(),
            other.status,
            other.text,
            other.location(),
        );
    }

    /// Follows an address by the service with caches. The other one is asked by HEAD, so that a
    /// click counts once.
    async fn redirect(&mut self, path: &str, history: &[String]) {
        let one = self.cached.client.get(path).await;
        let other = self.uncached.client.ask(Method::HEAD, path, Value::Null).await;
        self.hits += usize::from(one.is_hit());
        assert_eq!(
            (one.status, one.location()),
            (other.status, other.location()),
            "{path} after {history:#?}"
        );
        self.cached.app.flush_clicks().await;
    }

    async fn question(&mut self, history: &[String]) {
        let code = self.code();
        let page = self.random.random_range(1..4);
        let path = match self.random.random_range(0..12) {
            0 => "/api/urls/".to_owned(),
            1 => format!("/api/urls/?page={page}&per_page=2"),
            2 => format!("/api/urls/?active={}", self.random.random_bool(0.5)),
            3 => format!("/api/urls/?q={}", self.random.random_range(0..4)),
            4 => "/api/urls/stats/".to_owned(),
            5 => format!("/api/urls/analytics/?days={page}"),
            6 => format!("/api/urls/analytics/?code={code}"),
            7 => "/api/users/profile/".to_owned(),
            8 => format!("/api/urls/{code}/"),
            9 => return self.redirect(&format!("/{code}"), history).await,
            10 => return self.redirect(&format!("/api/urls/redirect/{code}/"), history).await,
            // Changes that both refuse.
            _ => {
                let wrong = json!({ "url": "ftp://example.com/", "code": code });
                return self.compare(Method::POST, "/api/urls/", wrong, history).await;
            }
        };
        self.compare(Method::GET, &path, Value::Null, history).await;
    }

    /// Changes something by the service with caches, and says what.
    async fn change(&mut self) -> String {
        let (code, other) = (self.code(), self.code());
        let target = format!("https://example.com/{}", self.random.random_range(0..4));
        let (user, _) = self.user();
        let item = format!("/api/urls/{code}/");
        let (method, path, body) = match self.random.random_range(0..11) {
            0..3 => (Method::POST, "/api/urls/".to_owned(), json!({ "url": target, "code": code })),
            3 => (Method::PATCH, item, json!({ "url": target })),
            4 => (Method::PATCH, item, json!({ "code": other })),
            5 => (
                Method::PATCH,
                item,
                json!({ "active": self.random.random_bool(0.5), "title": target }),
            ),
            6 => (Method::DELETE, item, Value::Null),
            7 => {
                let name = format!("Name {}", self.random.random_range(0..9));
                (Method::PATCH, "/api/users/profile/".to_owned(), json!({ "name": name }))
            }
            _ => (Method::GET, format!("/{code}"), Value::Null),
        };
        let answer = user.ask(method.clone(), &path, body.clone()).await;
        assert!(!answer.status.is_server_error(), "{}", answer.text);
        self.cached.app.flush_clicks().await;
        format!("{method} {path} {body} -> {}", answer.status)
    }
}

async fn compare_both(seed: u64) {
    let database = Database::new().await;
    let cached = Running::start(&database, &[]).await;
    let uncached = Running::start(&database, &[("server.cache", "false")]).await;
    let mut tokens = Vec::new();
    for name in ["Ada", "Bob", "Eve"] {
        tokens.push(cached.client.sign_up(name).await.token.unwrap());
    }
    let random = StdRng::seed_from_u64(seed);
    let mut pair = Pair { random, cached, uncached, tokens, hits: 0 };
    let mut history = vec![format!("seed {seed}")];
    for _ in 0..STEPS {
        history.push(pair.change().await);
        for _ in 0..QUESTIONS {
            pair.question(&history).await;
        }
    }
    // There was something to be wrong about.
    println!("{} hits of {} questions", pair.hits, STEPS * QUESTIONS);
    assert!(pair.hits > STEPS * QUESTIONS / 10, "{} hits", pair.hits);
    pair.cached.stop().await;
    pair.uncached.stop().await;
}

#[tokio::test]
async fn answers_are_the_same_with_and_without_caches() {
    let seed = std::env::var("SHORTENER_TEST_SEED").ok().map(|seed| seed.parse().unwrap());
    for seed in seed.map_or(vec![1, 2], |seed| vec![seed]) {
        compare_both(seed).await;
    }
}
