//! A user's short addresses.

use super::{
    Problem, Service, Shared,
    extract::{Body, Code, Params, no_such_code},
    problem::Checks,
    to_the_end,
};
use crate::{
    db::urls::{Changes, Filter, Updated, UrlRow},
    domain::{check_code, check_title, random_code},
    edge::Account,
};
use axum::{Json, extract::State, response::IntoResponse};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

/// How often a random code is drawn anew if somebody has it.
const DRAWS: usize = 8;

#[derive(Debug, Serialize)]
pub(super) struct Item {
    code: String,
    url: String,
    title: String,
    active: bool,
    clicks: i64,
    created_ms: i64,
    updated_ms: i64,
    short_url: String,
}

impl Item {
    fn new(service: &Service, row: UrlRow) -> Self {
        let short_url = format!("{}{}", service.base_url, row.code);
        let UrlRow { code, url, title, active, clicks, created_ms, updated_ms } = row;
        Self { code, url, title, active, clicks, created_ms, updated_ms, short_url }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct List {
    items: Vec<Item>,
    page: i64,
    per_page: i64,
    total: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    page: Option<i64>,
    per_page: Option<i64>,
    #[serde(default)]
    q: String,
    active: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUrl {
    url: String,
    code: Option<String>,
    title: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UrlChange {
    url: Option<String>,
    code: Option<String>,
    title: Option<String>,
    active: Option<bool>,
}

pub(super) async fn list(
    State(service): State<Shared>,
    account: Account,
    Params(wanted): Params<Wanted>,
) -> Result<Json<List>, Problem> {
    let (page, per_page) = (wanted.page.unwrap_or(1), wanted.per_page.unwrap_or(20));
    let text = wanted.q.trim().to_owned();
    let mut checks = Checks::default();
    checks.ensure("page", (1..=100_000).contains(&page), "allowed is 1 to 100000");
    checks.ensure("per_page", (1..=100).contains(&per_page), "allowed is 1 to 100");
    let fits = text.chars().count() <= 100 && !text.chars().any(char::is_control);
    checks.ensure("q", fits, "allowed are up to 100 characters, none of them a control character");
    checks.done()?;
    let filter = Filter { page, per_page, text, active: wanted.active };
    let found = service.store.page(account.id, &filter).await?;
    let items = found.rows.iter().map(|row| Item::new(&service, row.clone())).collect();
    Ok(Json(List { items, page, per_page, total: found.total }))
}

pub(super) async fn item(
    State(service): State<Shared>,
    account: Account,
    Code(code): Code,
) -> Result<Json<Item>, Problem> {
    let row = service.store.item(account.id, &code).await?.ok_or_else(no_such_code)?;
    Ok(Json(Item::new(&service, row)))
}

pub(super) async fn create(
    State(service): State<Shared>,
    account: Account,
    Body(new): Body<NewUrl>,
) -> Result<impl IntoResponse, Problem> {
    let mut checks = Checks::default();
    let url = checks.check("url", service.targets.check(&new.url));
    let title = checks.check("title", check_title(new.title.as_deref().unwrap_or_default()));
    if let Some(code) = &new.code {
        checks.check("code", check_code(code));
    }
    checks.done()?;
    service.limits.creations.take(account.id).map_err(Problem::too_many)?;
    to_the_end(async move {
        let row = match new.code {
            Some(code) => service.store.create(account.id, &code, &url, &title).await?,
            None => create_random(&service, account.id, &url, &title).await?,
        };
        let Some(row) = row else { return Err(taken()) };
        let location = HeaderValue::from_str(&format!("/api/urls/{}/", row.code))
            .map_err(|error| Problem::internal(&error))?;
        let item = Json(Item::new(&service, row));
        Ok((StatusCode::CREATED, [(header::LOCATION, location)], item))
    })
    .await
}

async fn create_random(
    service: &Shared,
    user: i64,
    url: &str,
    title: &str,
) -> Result<Option<UrlRow>, Problem> {
    for _ in 0..DRAWS {
        let row = service.store.create(user, &random_code(), url, title).await?;
        if row.is_some() {
            return Ok(row);
        }
    }
    Err(Problem::internal(&"all random codes that were drawn are taken"))
}

fn taken() -> Problem {
    Problem::conflict("code", "it is taken; allowed is another one")
}

pub(super) async fn change(
    State(service): State<Shared>,
    account: Account,
    Code(code): Code,
    Body(change): Body<UrlChange>,
) -> Result<Json<Item>, Problem> {
    let mut checks = Checks::default();
    let url = change.url.map(|url| checks.check("url", service.targets.check(&url)));
    let title = change.title.map(|title| checks.check("title", check_title(&title)));
    if let Some(code) = &change.code {
        checks.check("code", check_code(code));
    }
    checks.done()?;
    let changes = Changes { code: change.code, url, title, active: change.active };
    to_the_end(async move {
        match service.store.update(account.id, &code, &changes).await? {
            Updated::Done(row) => Ok(Json(Item::new(&service, row))),
            Updated::Missing => Err(no_such_code()),
            Updated::Taken => Err(taken()),
        }
    })
    .await
}

pub(super) async fn delete(
    State(service): State<Shared>,
    account: Account,
    Code(code): Code,
) -> Result<StatusCode, Problem> {
    to_the_end(async move {
        match service.store.delete(account.id, &code).await? {
            true => Ok(StatusCode::NO_CONTENT),
            false => Err(no_such_code()),
        }
    })
    .await
}
