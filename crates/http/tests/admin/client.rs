//! Asks a router without a network.

use axum::{Router, body::Body, extract::ConnectInfo, response::Response};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use larder::manager::CacheManager;
use larder_http::admin::{Admin, AdminBuilder, Scope};
use serde_json::Value;
use std::net::SocketAddr;
use tower::ServiceExt;

pub(crate) const READ: &str = "r3ad";
pub(crate) const ADMIN: &str = "s3cret";

/// Where the API is.
const AT: &str = "/api/cache";

#[derive(Clone)]
pub(crate) struct Client {
    app: Router,
    pub(crate) token: Option<&'static str>,
    pub(crate) peer: Option<SocketAddr>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn builder(manager: &CacheManager) -> AdminBuilder {
    Admin::builder(manager).token(READ, Scope::Read).token(ADMIN, Scope::Admin)
}

impl Client {
    /// Whoever has the token for everything.
    pub(crate) fn new(admin: &Admin) -> Self {
        let app = Router::new().nest(AT, admin.router());
        Self { app, token: Some(ADMIN), peer: None }
    }

    pub(crate) fn of(manager: &CacheManager) -> Self {
        Self::new(&builder(manager).build().unwrap())
    }

    pub(crate) fn with_token(&self, token: Option<&'static str>) -> Self {
        Self { token, ..self.clone() }
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: Body) -> Answer {
        let mut request = request.body(body).unwrap();
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(ConnectInfo(peer));
        }
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(format!("{AT}{path}"));
        let request = request.header("host", "localhost");
        match self.token {
            None => request,
            Some(token) => request.header("authorization", format!("Bearer {token}")),
        }
    }

    pub(crate) async fn send_json(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).header("content-type", "application/json");
        self.send(request, Body::from(body.to_string())).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send_json(Method::POST, path, body).await
    }

    /// The response, with a body that is not read yet.
    pub(crate) async fn open(&self, path: &str) -> Response {
        let request = self.request(Method::GET, path).body(Body::empty()).unwrap();
        self.app.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path), Body::empty()).await
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{error}: {} {:?}", self.status, String::from_utf8_lossy(&self.body))
        })
    }

    /// The body of a response that says that all went well.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/json");
        self.json()
    }

    /// The body of an error, which says the same as the response's head.
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!((&problem["status"], &problem["type"]), (&status.into(), &"about:blank".into()));
        assert_eq!(problem["title"], self.status.canonical_reason().unwrap());
        assert!(!problem["detail"].as_str().unwrap().is_empty());
        problem
    }
}
