//! Short addresses.

use super::{Db, DbError, on, unless_taken};
use crate::domain::now_ms;
use larder::cache_query;
use std::sync::Arc;

/// A short address.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct UrlRow {
    pub(crate) code: String,
    pub(crate) url: String,
    pub(crate) title: String,
    pub(crate) active: bool,
    pub(crate) clicks: i64,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

/// Where a code leads.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Target {
    pub(crate) id: i64,
    pub(crate) url: String,
    pub(crate) active: bool,
}

/// Which of a user's addresses are wanted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Filter {
    /// From 1.
    pub(crate) page: i64,
    pub(crate) per_page: i64,
    /// What is in the code, the target or the title; all if it is empty.
    pub(crate) text: String,
    pub(crate) active: Option<bool>,
}

/// Some of a user's addresses, the newest first, and how many there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UrlPage {
    pub(crate) rows: Vec<UrlRow>,
    pub(crate) total: i64,
}

/// What is to be different; `None` stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    pub(crate) code: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) active: Option<bool>,
}

/// What has come of a change.
#[derive(Clone, Debug)]
pub(crate) enum Updated {
    Done(UrlRow),
    Missing,
    /// The new code is somebody's.
    Taken,
}

/// Escapes what has a meaning in a pattern of `LIKE`.
fn pattern(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}

#[cache_query(
    reads("urls:{user}"),
    key = |db, user, filter| (db.id(), *user, (*filter).clone()),
    cache = "url",
    ttl = "5m"
)]
pub(crate) async fn page(db: &Db, user: i64, filter: &Filter) -> Result<Arc<UrlPage>, DbError> {
    let text = pattern(&filter.text);
    let rows = on!(db.reads(), pool => sqlx::query_as(
        "SELECT code, url, title, active, clicks, created_ms, updated_ms FROM urls \
         WHERE user_id = $1 AND ($2 IS NULL OR active = $2) AND ($3 = '' \
             OR lower(code) LIKE lower($3) ESCAPE '\\' OR lower(url) LIKE lower($3) ESCAPE '\\' \
             OR lower(title) LIKE lower($3) ESCAPE '\\') \
         ORDER BY created_ms DESC, id DESC LIMIT $4 OFFSET $5",
    )
    .bind(user)
    .bind(filter.active)
    .bind(&text)
    .bind(filter.per_page)
    .bind((filter.page - 1) * filter.per_page)
    .fetch_all(pool)
    .await)?;
    let (total,) = on!(db.reads(), pool => sqlx::query_as(
        "SELECT COUNT(*) FROM urls \
         WHERE user_id = $1 AND ($2 IS NULL OR active = $2) AND ($3 = '' \
             OR lower(code) LIKE lower($3) ESCAPE '\\' OR lower(url) LIKE lower($3) ESCAPE '\\' \
             OR lower(title) LIKE lower($3) ESCAPE '\\')",
    )
    .bind(user)
    .bind(filter.active)
    .bind(&text)
    .fetch_one(pool)
    .await)?;
    Ok(Arc::new(UrlPage { rows, total }))
}

/// One of a user's addresses.
#[cache_query(
    reads("urls:{user}"),
    key = |db, user, code| (db.id(), *user, code.to_string()),
    cache = "url",
    ttl = "5m"
)]
pub(crate) async fn item(db: &Db, user: i64, code: &str) -> Result<Option<UrlRow>, DbError> {
    let row = on!(db.reads(), pool => sqlx::query_as(
        "SELECT code, url, title, active, clicks, created_ms, updated_ms FROM urls \
         WHERE user_id = $1 AND code = $2",
    )
    .bind(user)
    .bind(code)
    .fetch_optional(pool)
    .await)?;
    Ok(row)
}

/// Where a code leads. That a code leads nowhere is kept as well, until somebody takes it.
#[cache_query(
    reads("codes:{code}"),
    key = |db, code| (db.id(), code.to_string()),
    cache = "url",
    ttl = "1h"
)]
pub(crate) async fn target(db: &Db, code: &str) -> Result<Option<Target>, DbError> {
    let target = on!(db.reads(), pool => sqlx::query_as(
        "SELECT id, url, active FROM urls WHERE code = $1",
    )
    .bind(code)
    .fetch_optional(pool)
    .await)?;
    Ok(target)
}

/// Makes an address. `None` if the code is somebody's.
#[cache_query(writes("urls:{user}", "codes:{code}"))]
pub(crate) async fn insert(
    db: &Db,
    user: i64,
    code: &str,
    url: &str,
    title: &str,
) -> Result<Option<UrlRow>, DbError> {
    let now = now_ms();
    let result = on!(db.writes(), pool => sqlx::query_as(
        "INSERT INTO urls (code, user_id, url, title, created_ms, updated_ms) \
         VALUES ($1, $2, $3, $4, $5, $5) \
         RETURNING code, url, title, active, clicks, created_ms, updated_ms",
    )
    .bind(code)
    .bind(user)
    .bind(url)
    .bind(title)
    .bind(now)
    .fetch_one(pool)
    .await);
    unless_taken(result)
}

/// Changes an address. `new_code` is the code that it has afterwards.
#[cache_query(writes("urls:{user}", "codes:{code}", "codes:{new_code}"))]
pub(crate) async fn update(
    db: &Db,
    user: i64,
    code: &str,
    new_code: &str,
    changes: &Changes,
) -> Result<Updated, DbError> {
    let result = on!(db.writes(), pool => sqlx::query_as(
        "UPDATE urls SET code = $3, url = COALESCE($4, url), title = COALESCE($5, title), \
             active = COALESCE($6, active), updated_ms = $7 \
         WHERE user_id = $1 AND code = $2 \
         RETURNING code, url, title, active, clicks, created_ms, updated_ms",
    )
    .bind(user)
    .bind(code)
    .bind(new_code)
    .bind(changes.url.as_deref())
    .bind(changes.title.as_deref())
    .bind(changes.active)
    .bind(now_ms())
    .fetch_optional(pool)
    .await);
    Ok(match unless_taken(result)? {
        Some(Some(row)) => Updated::Done(row),
        Some(None) => Updated::Missing,
        None => Updated::Taken,
    })
}

/// Deletes an address with its clicks. False if there is none.
#[cache_query(writes("urls:{user}", "codes:{code}"))]
pub(crate) async fn delete(db: &Db, user: i64, code: &str) -> Result<bool, DbError> {
    let deleted = on!(db.writes(), pool => sqlx::query(
        "DELETE FROM urls WHERE user_id = $1 AND code = $2",
    )
    .bind(user)
    .bind(code)
    .execute(pool)
    .await
    .map(|done| done.rows_affected()))?;
    Ok(deleted > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_no_wildcards_of_the_user() {
        assert_eq!(pattern("50%_\\"), "%50\\%\\_\\\\%");
        assert_eq!(pattern(""), "");
    }
}
