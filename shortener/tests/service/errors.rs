//! What goes wrong inside stays inside.

use crate::common::{Database, PASSWORD, Running};
use http::Method;
use serde_json::{Value, json};

/// Words that only somebody who has seen the database could say.
const TELLTALE: [&str; 10] =
    ["sql", "syntax", "table", "column", "relation", "urls.", "constraint", "panic", ".rs", "pool"];

#[tokio::test]
async fn errors_of_the_database_never_reach_a_client() {
    for cache in ["true", "false"] {
        let database = Database::new().await;
        let service = Running::start(&database, &[("server.cache", cache)]).await;
        let ada = service.client.sign_up("Ada").await;
        for table in ["click_counts", "clicks", "urls"] {
            database.execute(&format!("DROP TABLE {table}")).await;
        }
        let login = json!({ "email": "ada@example.org", "password": PASSWORD });
        let requests = [
            (Method::GET, "/api/urls/", Value::Null),
            (Method::GET, "/api/urls/?q=x", Value::Null),
            (Method::GET, "/api/urls/stats/", Value::Null),
            (Method::GET, "/api/urls/analytics/", Value::Null),
            (Method::GET, "/api/users/profile/", Value::Null),
            (Method::GET, "/api/urls/abc/", Value::Null),
            (Method::GET, "/api/urls/redirect/abc/", Value::Null),
            (Method::GET, "/abc", Value::Null),
            (Method::POST, "/api/urls/", json!({ "url": "https://example.com/" })),
            (Method::PATCH, "/api/urls/abc/", json!({ "title": "x" })),
            (Method::DELETE, "/api/urls/abc/", Value::Null),
        ];
        let mut answers = Vec::new();
        for (method, path, body) in &requests {
            answers.push((*path, ada.ask(method.clone(), path, body.clone()).await));
        }
        database.execute("DROP TABLE sessions").await;
        database.execute("DROP TABLE users").await;
        let stranger = ada.with_token(&"1".repeat(64));
        answers.push(("session", stranger.get("/api/urls/").await));
        answers.push(("login", service.client.post("/api/auth/login/", login.clone()).await));
        for (path, answer) in answers {
            assert_eq!(answer.status, 500, "{path}: {}", answer.text);
            assert_eq!(answer.header("content-type"), "application/problem+json");
            let said = format!("{:?} {}", answer.headers, answer.text).to_lowercase();
            let told = TELLTALE.iter().find(|word| said.contains(*word));
            assert_eq!(told, None, "{path}: {said}");
        }
    }
}
