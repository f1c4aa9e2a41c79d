//! From signing up to analytics.

use crate::common::{Database, PASSWORD, Running};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn somebody_signs_up_shortens_is_clicked_and_looks_at_analytics() {
    let database = Database::new().await;
    let service = Running::start(&database, &[]).await;
    let nobody = &service.client;

    let ada = nobody.sign_up("Ada").await;
    let created =
        ada.post("/api/urls/", json!({ "url": "https://Example.com/a b", "title": " A " })).await;
    assert_eq!(created.status, 201);
    let item = created.json();
    let code = item["code"].as_str().unwrap().to_owned();
    assert_eq!(
        (code.len(), &item["url"], &item["title"]),
        (7, &json!("https://example.com/a%20b"), &json!("A"))
    );
    assert_eq!(item["short_url"], json!(format!("http://sho.rt/{code}")));
    assert_eq!(created.location(), format!("/api/urls/{code}/"));

    for path in [format!("/{code}"), format!("/api/urls/redirect/{code}/")] {
        let mut click = nobody.request(Method::GET, &path, &Value::Null);
        let headers = click.headers_mut();
        headers.insert("referer", "https://news.example.com/1".parse().unwrap());
        headers.insert("accept-language", "de-AT,de;q=0.5".parse().unwrap());
        headers.insert("user-agent", "Mozilla/5.0 Gecko/20100101 Firefox/140.0".parse().unwrap());
        let redirect = nobody.send(click).await;
        assert_eq!(
            (redirect.status.as_u16(), redirect.location()),
            (302, "https://example.com/a%20b")
        );
        assert_eq!(redirect.header("cache-control"), "private, no-cache");
    }
    // Previews do not click.
    assert_eq!(nobody.ask(Method::HEAD, &format!("/{code}"), Value::Null).await.status, 302);
    service.app.flush_clicks().await;

    let analytics = ada.get(&format!("/api/urls/analytics/?code={code}&days=2")).await.json();
    assert_eq!(analytics["clicks"], 2);
    let days = analytics["by_day"].as_array().unwrap();
    assert_eq!(days.iter().map(|day| day["clicks"].as_i64().unwrap()).sum::<i64>(), 2);
    assert_eq!(days.len(), 2);
    assert_eq!(analytics["referrers"], json!([{ "name": "news.example.com", "clicks": 2 }]));
    assert_eq!(analytics["countries"], json!([{ "name": "AT", "clicks": 2 }]));
    assert_eq!(analytics["browsers"], json!([{ "name": "Firefox", "clicks": 2 }]));
    assert_eq!(ada.get("/api/urls/analytics/?code=nothere").await.status, 404);

    let stats = ada.get("/api/urls/stats/").await.json();
    assert_eq!(
        (&stats["urls"], &stats["active"], &stats["clicks"]),
        (&json!(1), &json!(1), &json!(2))
    );
    assert_eq!(
        stats["top"],
        json!([{ "code": code, "url": "https://example.com/a%20b", "clicks": 2 }])
    );
    let profile = ada.get("/api/users/profile/").await.json();
    assert_eq!(
        (&profile["name"], &profile["urls"], &profile["clicks"]),
        (&json!("Ada"), &json!(1), &json!(2))
    );
    service.stop().await;
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let database = Database::new().await;
    let service = Running::start(&database, &[]).await;
    let ada = service.client.sign_up("Ada").await;
    for number in 0..5 {
        ada.shorten_as(&format!("code-{number}"), &format!("https://example.com/{number}%25"))
            .await;
    }
    ada.patch("/api/urls/code-3/", json!({ "active": false, "title": "Sale 50%" })).await;
    let codes = async |query: &str| {
        let list = ada.get(&format!("/api/urls/{query}")).await.json();
        let items = list["items"].as_array().unwrap();
        let codes: Vec<_> =
            items.iter().map(|item| item["code"].as_str().unwrap()[5..].to_owned()).collect();
        (codes.concat(), list["total"].as_i64().unwrap())
    };
    assert_eq!(codes("").await, ("43210".to_owned(), 5));
    assert_eq!(codes("?page=2&per_page=2").await, ("21".to_owned(), 5));
    assert_eq!(codes("?page=9&per_page=2").await, (String::new(), 5));
    assert_eq!(codes("?active=true").await, ("4210".to_owned(), 4));
    assert_eq!(codes("?active=false&q=sale").await, ("3".to_owned(), 1));
    assert_eq!(codes("?q=EXAMPLE.com/2").await, ("2".to_owned(), 1));
    assert_eq!(codes("?q=50%25").await, ("3".to_owned(), 1));
    assert_eq!(codes("?q=_ode").await, (String::new(), 0));
    for wrong in ["?page=0", "?per_page=101", "?q=%00", "?page=99999999999", "?page=x", "?order=up"]
    {
        let answer = ada.get(&format!("/api/urls/{wrong}")).await;
        assert!(answer.status.is_client_error(), "{wrong}: {}", answer.status);
    }
    service.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_told_field_by_field() {
    let database = Database::new().await;
    let service = Running::start(&database, &[]).await;
    let ada = service.client.sign_up("Ada").await;
    let fields = |answer: &crate::common::Answer| -> Vec<String> {
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let errors = answer.json()["errors"].as_array().unwrap().clone();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    };
    let wrong = json!({ "url": "http://127.0.0.1/", "code": "api", "title": "\u{7}" });
    let answer = ada.post("/api/urls/", wrong).await;
    assert_eq!(
        (answer.status.as_u16(), fields(&answer)),
        (422, vec!["url".into(), "title".into(), "code".into()])
    );
    let wrong = json!({ "name": "", "email": "x", "password": "short" });
    let answer = service.client.post("/api/auth/register/", wrong).await;
    assert_eq!(fields(&answer), ["name", "email", "password"]);
    let own = ada.post("/api/urls/", json!({ "url": "http://sho.rt/other" })).await;
    assert_eq!((own.status.as_u16(), fields(&own)), (422, vec!["url".into()]));
    ada.shorten_as("mine", "https://example.com/").await;
    let taken =
        ada.post("/api/urls/", json!({ "url": "https://a.example/", "code": "mine" })).await;
    assert_eq!((taken.status.as_u16(), fields(&taken)), (409, vec!["code".into()]));
    let again = json!({ "name": "B", "email": " ADA@example.org", "password": PASSWORD });
    let again = service.client.post("/api/auth/register/", again).await;
    assert_eq!((again.status.as_u16(), fields(&again)), (409, vec!["email".into()]));
    service.stop().await;
}
