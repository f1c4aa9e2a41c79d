//! A service, and a client for it.

use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client as HyperClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use shortener::{
    App, ServeError,
    config::{Config, Sources},
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use std::{
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub(crate) const PASSWORD: &str = "correct horse";

/// A database that nobody else has. The folder goes when this is dropped.
pub(crate) struct Database {
    pub(crate) folder: TempDir,
    pub(crate) url: String,
}

impl Database {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let Ok(server) = std::env::var("SHORTENER_TEST_POSTGRES") else {
            let url = format!("sqlite:{}", folder.path().join("test.db").display());
            return Self { folder, url };
        };
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let name = format!("test_{}_{nanos}_{}", std::process::id(), rand::random::<u32>());
        let mut connection =
            sqlx::PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        connection.close().await.unwrap();
        Self { folder, url: format!("{server}/{name}") }
    }

    /// Runs a statement past the service.
    pub(crate) async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        if self.url.starts_with("sqlite:") {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            connection.execute(sql).await.unwrap();
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            connection.execute(sql).await.unwrap();
        }
    }

    /// Returns a number that the database has.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        let (number,) = if self.url.starts_with("sqlite:") {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap()
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
            sqlx::query_as(sql).fetch_one(&mut connection).await.unwrap()
        };
        number
    }
}

/// Settings that suit tests: hashing is cheap, nothing is limited, and counts are not late.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("auth.argon2_memory_kib", "8"),
    ("auth.argon2_passes", "1"),
    ("limits.logins_per_minute", "0"),
    ("limits.registrations_per_hour", "0"),
    ("limits.creations_per_minute", "0"),
    ("clicks.count_lag", "0s"),
    ("clicks.flush_every", "10ms"),
    ("database.synchronous", "normal"),
    ("database.max_connections", "4"),
    ("demo.enabled", "false"),
    ("server.base_url", "http://sho.rt"),
    ("log.filter", "warn"),
];

/// Returns the settings above with others after them.
pub(crate) fn settings(database: &Database, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let url = [("database.url", database.url.as_str())];
    let all = SETTINGS.iter().chain(&url).chain(more);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn config(database: &Database, more: &[(&str, &str)]) -> Config {
    Sources { flags: settings(database, more), ..Sources::default() }.load().unwrap()
}

/// A service of this process, listening on loopback.
pub(crate) struct Running {
    pub(crate) client: Client,
    pub(crate) app: App,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    pub(crate) async fn start(database: &Database, more: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(listener.local_addr().unwrap());
        let app = App::build(config(database, more)).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(app.clone().serve(listener, stopped));
        Self { client, app, stop, task }
    }

    /// Has it come to its end as a signal would.
    pub(crate) async fn stop(self) {
        self.end().await.unwrap();
    }

    /// As [`stop`](Self::stop); returns how it has ended.
    pub(crate) async fn end(self) -> Result<(), ServeError> {
        self.stop.send(()).unwrap();
        self.task.await.unwrap()
    }
}

/// What a service has answered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{error}: {:?} {:?}", self.status, self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    /// Whether the cache of responses has answered.
    pub(crate) fn is_hit(&self) -> bool {
        self.header("cache-status").starts_with("larder; hit")
    }
}

/// Sends requests to one service, as one user or as nobody.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: HyperClient<HttpConnector, Full<Bytes>>,
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let http = HyperClient::builder(TokioExecutor::new()).build_http();
        Self { http, address, token: None }
    }

    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Answer {
        let uri = format!("http://{}{}", self.address, request.uri());
        *request.uri_mut() = uri.parse().unwrap();
        let response = self.http.request(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    pub(crate) fn request(&self, method: Method, path: &str, body: &Value) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_null() {
            return request.body(Full::default()).unwrap();
        }
        let body = Full::from(body.to_string());
        request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap()
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        self.send(self.request(method, path, &body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, Value::Null).await
    }

    /// Signs somebody up, and returns a client that is them.
    pub(crate) async fn sign_up(&self, name: &str) -> Self {
        let email = format!("{}@example.org", name.to_lowercase());
        let body = serde_json::json!({ "name": name, "email": email, "password": PASSWORD });
        let answer = self.post("/api/auth/register/", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        self.with_token(answer.json()["token"].as_str().unwrap())
    }

    /// Makes a short address, and returns its code.
    pub(crate) async fn shorten(&self, url: &str) -> String {
        let answer = self.post("/api/urls/", serde_json::json!({ "url": url })).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["code"].as_str().unwrap().to_owned()
    }

    /// Makes a short address with a code of one's own.
    pub(crate) async fn shorten_as(&self, code: &str, url: &str) {
        let body = serde_json::json!({ "url": url, "code": code });
        let answer = self.post("/api/urls/", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
}
