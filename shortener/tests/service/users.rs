//! Sessions, and that users see what is theirs.

use crate::common::{Client, Database, PASSWORD, Running};
use http::Method;
use serde_json::{Value, json};

const PATHS: [&str; 6] = [
    "/api/urls/",
    "/api/urls/?per_page=50",
    "/api/urls/stats/",
    "/api/urls/analytics/",
    "/api/users/profile/",
    "/api/urls/SHARED/",
];

#[tokio::test]
async fn two_users_never_see_each_others_lists() {
    let database = Database::new().await;
    let service = Running::start(&database, &[]).await;
    let (ada, bob) = (service.client.sign_up("Ada").await, service.client.sign_up("Bob").await);
    ada.shorten_as("of-ada", "https://ada.example.com/").await;
    bob.shorten_as("of-bob", "https://bob.example.com/").await;
    // Twice, so that the second comes from the cache, with both ways of saying who one is.
    for round in 0..2 {
        for (user, own, other) in [(&ada, "ada", "bob"), (&bob, "bob", "ada")] {
            for path in PATHS {
                let path = path.replace("SHARED", &format!("of-{own}"));
                let by_header = user.get(&path).await;
                assert_eq!(by_header.status, 200, "{path}");
                let text = by_header.text.to_lowercase();
                assert!(!text.contains(other), "{path} of {own}: {text}");
                let is_list = path.starts_with("/api/urls/?") || path.contains("profile");
                assert!(!is_list || text.contains(own), "{path} of {own}: {text}");
                assert!(round == 0 || by_header.is_hit() || path.contains("of-"), "{path}");
                let by_cookie = with_cookie(user, &path).await;
                assert_eq!((by_cookie.status.as_u16(), by_cookie.text), (200, by_header.text));
            }
        }
        for (user, other) in [(&ada, "bob"), (&bob, "ada")] {
            let item = format!("/api/urls/of-{other}/");
            assert_eq!(user.get(&item).await.status, 404);
            assert_eq!(
                user.patch(&item, json!({ "url": "https://evil.example/" })).await.status,
                404
            );
            assert_eq!(user.delete(&item).await.status, 404);
            let of_other = user.get(&format!("/api/urls/analytics/?code=of-{other}")).await;
            assert_eq!(of_other.status, 404);
        }
        // Nobody, and whoever makes up a token, gets nothing of what is cached by now.
        let liar = service.client.with_token(&"0".repeat(64));
        for path in PATHS {
            assert_eq!(service.client.get(path).await.status, 401, "{path}");
            assert_eq!(liar.get(path).await.status, 401, "{path}");
        }
    }
    assert_eq!(service.client.get("/of-ada").await.location(), "https://ada.example.com/");
    service.stop().await;
}

async fn with_cookie(user: &Client, path: &str) -> crate::common::Answer {
    let nobody = Client::new(user.address);
    let mut request = nobody.request(Method::GET, path, &Value::Null);
    let cookie = format!("theme=dark; session={}", user.token.as_ref().unwrap());
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    nobody.send(request).await
}

#[tokio::test]
async fn a_session_ends_at_once_wherever_it_is_cached() {
    let database = Database::new().await;
    let service = Running::start(&database, &[]).await;
    let ada = service.client.sign_up("Ada").await;
    let login = json!({ "email": "ada@example.org", "password": PASSWORD });
    let other = service.client.post("/api/auth/login/", login.clone()).await;
    assert_eq!(other.status, 200);
    assert!(other.header("set-cookie").contains("HttpOnly; SameSite=Lax"));
    assert_eq!(other.header("cache-control"), "no-store");
    let other = service.client.with_token(other.json()["token"].as_str().unwrap());
    for client in [&ada, &other, &ada, &other] {
        assert_eq!(client.get("/api/users/profile/").await.status, 200);
    }
    assert_eq!(ada.post("/api/auth/logout/", Value::Null).await.status, 204);
    assert_eq!(ada.get("/api/users/profile/").await.status, 401);
    assert_eq!(other.get("/api/users/profile/").await.status, 200);

    // A new password ends all other sessions.
    let third = service.client.post("/api/auth/login/", login.clone()).await.json();
    let third = service.client.with_token(third["token"].as_str().unwrap());
    assert_eq!(third.get("/api/urls/").await.status, 200);
    let change = json!({ "password": "battery staple", "current_password": "wrong password" });
    assert_eq!(other.patch("/api/users/profile/", change).await.status, 422);
    let change = json!({ "password": "battery staple", "current_password": PASSWORD });
    assert_eq!(other.patch("/api/users/profile/", change).await.status, 200);
    assert_eq!(third.get("/api/urls/").await.status, 401);
    assert_eq!(other.get("/api/urls/").await.status, 200);
    assert_eq!(service.client.post("/api/auth/login/", login).await.status, 401);
    let login = json!({ "email": "ada@example.org", "password": "battery staple" });
    assert_eq!(service.client.post("/api/auth/login/", login).await.status, 200);
    service.stop().await;
}

#[tokio::test]
async fn a_session_that_is_over_is_none() {
    let database = Database::new().await;
    let service = Running::start(&database, &[]).await;
    let ada = service.client.sign_up("Ada").await;
    assert_eq!(ada.get("/api/urls/").await.status, 200);
    service.stop().await;
    // As if a week had gone by.
    database.execute("UPDATE sessions SET expires_ms = 1").await;
    let service = Running::start(&database, &[]).await;
    let ada = service.client.with_token(ada.token.as_ref().unwrap());
    for _ in 0..2 {
        assert_eq!(ada.get("/api/urls/").await.status, 401);
    }
    service.stop().await;
}

#[tokio::test]
async fn who_tries_too_often_has_to_wait() {
    let database = Database::new().await;
    let limits = [
        ("limits.logins_per_minute", "3"),
        ("limits.registrations_per_hour", "1"),
        ("limits.creations_per_minute", "2"),
        ("server.client_ip_header", "x-client"),
    ];
    let service = Running::start(&database, &limits).await;
    let ada = service.client.sign_up("Ada").await;
    let from = async |address: &str, path: &str, body: Value| {
        let mut request = ada.request(Method::POST, path, &body);
        request.headers_mut().insert("x-client", address.parse().unwrap());
        service.client.send(request).await
    };
    let bob = json!({ "name": "Bob", "email": "bob@example.org", "password": PASSWORD });
    let second = from("127.0.0.1", "/api/auth/register/", bob.clone()).await;
    assert_eq!(second.status, 429);
    assert!(second.header("retry-after").parse::<u64>().unwrap() > 3000);
    assert_eq!(from("192.0.2.1", "/api/auth/register/", bob).await.status, 201);

    let guess = |email: &str| json!({ "email": email, "password": "a wrong guess" });
    for _ in 0..3 {
        let answer = from("192.0.2.2", "/api/auth/login/", guess("ada@example.org")).await;
        assert_eq!(answer.status, 401);
    }
    // The account is guarded whatever the address, and the address whatever the account.
    for (address, email) in [("192.0.2.3", "ada@example.org"), ("192.0.2.2", "bob@example.org")] {
        assert_eq!(from(address, "/api/auth/login/", guess(email)).await.status, 429);
    }
    let urls = json!({ "url": "https://example.com/" });
    let created = async || from("192.0.2.4", "/api/urls/", urls.clone()).await.status.as_u16();
    assert_eq!([created().await, created().await, created().await], [201, 201, 429]);
    service.stop().await;
}
