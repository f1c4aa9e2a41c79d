//! The routes of the dashboard: what is served, as what, and with which headers.

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use larder::manager::CacheManager;
use larder_http::admin::{Admin, Scope};
use tower::ServiceExt as _;

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn admin() -> Admin {
    let builder = Admin::builder(&CacheManager::new());
    builder.token("r3ad", Scope::Read).token("s3cret", Scope::Admin).build().unwrap()
}

async fn ask(admin: &Admin, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let app: Router = Router::new().nest("/api/cache", admin.router());
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn get(path: &str) -> Answer {
    ask(&admin(), Method::GET, path, &[]).await
}

#[tokio::test]
async fn the_page_is_served_without_a_token() {
    let page = get("/api/cache/dashboard/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.body.starts_with(b"<!doctype html>"));
    let named = get("/api/cache/dashboard/index.html").await;
    assert_eq!(named.body, page.body);
}

#[tokio::test]
async fn without_the_slash_it_leads_to_the_directory() {
    for method in [Method::GET, Method::HEAD] {
        let answer = ask(&admin(), method, "/api/cache/dashboard", &[]).await;
        assert_eq!(answer.status, StatusCode::PERMANENT_REDIRECT);
        // From `/api/cache/dashboard` that is `/api/cache/dashboard/`.
        assert_eq!(answer.header("location"), "dashboard/");
    }
}

#[tokio::test]
async fn files_have_their_types() {
    for (path, content_type) in [
        ("app.js", "text/javascript; charset=utf-8"),
        ("theme.js", "text/javascript; charset=utf-8"),
        ("js/api.js", "text/javascript; charset=utf-8"),
        ("panels/caches.js", "text/javascript; charset=utf-8"),
        ("css/theme.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("vendor/uplot/uPlot.iife.min.js", "text/javascript; charset=utf-8"),
        ("vendor/uplot/uPlot.min.css", "text/css; charset=utf-8"),
        ("vendor/uplot/LICENSE", "text/plain; charset=utf-8"),
    ] {
        let answer = get(&format!("/api/cache/dashboard/{path}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("content-type"), content_type, "{path}");
        assert_eq!(answer.headers.get_all(header::CONTENT_TYPE).iter().count(), 1, "{path}");
        assert!(!answer.body.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn nothing_else_is_served() {
    for path in ["app.ts", "../Cargo.toml", "%2e%2e/mod.rs", "js", "js/", "/app.js", "app.js/"] {
        let answer = get(&format!("/api/cache/dashboard/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    let answer = ask(&admin(), Method::POST, "/api/cache/dashboard/", &[]).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn every_answer_says_what_the_page_may_do() {
    for path in ["", "/", "/app.js", "/css/theme.css", "/icon.svg", "/no-such-file"] {
        let answer = get(&format!("/api/cache/dashboard{path}")).await;
        let policy = answer.header("content-security-policy");
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            let directives = policy.split(';').map(str::trim);
            assert!(directives.clone().any(|it| it == directive), "{path}: {directive}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
    }
}

#[tokio::test]
async fn what_a_browser_has_is_confirmed() {
    let admin = admin();
    let path = "/api/cache/dashboard/app.js";
    let first = ask(&admin, Method::GET, path, &[]).await;
    let tag = first.header("etag");
    assert!(tag.len() > 10 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    for known in [tag, &format!("W/{tag}"), &format!("\"other\", {tag}"), "*"] {
        let again = ask(&admin, Method::GET, path, &[("if-none-match", known)]).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{known}");
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), tag);
        assert_eq!(again.header("cache-control"), "no-cache");
    }
    for other in ["\"other\"", "other", ""] {
        let again = ask(&admin, Method::GET, path, &[("if-none-match", other)]).await;
        assert_eq!((again.status, &again.body), (StatusCode::OK, &first.body), "{other}");
    }
    let other = ask(&admin, Method::GET, "/api/cache/dashboard/theme.js", &[]).await;
    assert_ne!(other.header("etag"), tag);
    let head = ask(&admin, Method::HEAD, path, &[]).await;
    assert_eq!((head.status, head.header("etag")), (StatusCode::OK, tag));
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn a_session_is_what_the_token_allows() {
    let admin = admin();
    for (headers, scope) in [
        (&[][..], serde_json::Value::Null),
        (&[("authorization", "Bearer r3ad")], "read".into()),
        (&[("authorization", "Bearer s3cret")], "admin".into()),
    ] {
        for path in ["/api/cache/session/", "/api/cache/session"] {
            let answer = ask(&admin, Method::GET, path, headers).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.json(), serde_json::json!({ "scope": scope }));
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
    for wrong in ["Bearer r3a", "Bearer", "Basic czNjcmV0"] {
        let headers = [("authorization", wrong)];
        let answer = ask(&admin, Method::GET, "/api/cache/session/", &headers).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{wrong}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn wrong_tokens_are_counted_for_sessions_as_well() {
    let admin = admin();
    let wrong = [("authorization", "Bearer wrong")];
    for _ in 0..10 {
        let answer = ask(&admin, Method::GET, "/api/cache/session/", &wrong).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = ask(&admin, Method::GET, "/api/cache/session/", &wrong).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn nobody_needs_a_token_where_that_was_said() {
    let address = "127.0.0.1:1".parse().unwrap();
    let builder = Admin::builder(&CacheManager::new()).allow_anonymous_on_loopback(address);
    let answer = ask(&builder.build().unwrap(), Method::GET, "/api/cache/session/", &[]).await;
    assert_eq!(answer.json(), serde_json::json!({ "scope": "admin" }));
}
