//! Statistics of addresses, and who has clicked.

use super::{Db, DbError, on};
use crate::domain::Day;
use larder::cache_query;
use std::{collections::BTreeMap, sync::Arc};

/// What a count is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i64)]
pub(crate) enum CountKind {
    All = 0,
    Referrer = 1,
    Country = 2,
    Browser = 3,
}

/// How many addresses are listed that are clicked most.
const TOP: i64 = 5;
/// How many names of a kind are listed.
const NAMES: usize = 10;

/// The addresses of a user, summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) totals: Totals,
    pub(crate) clicks_today: i64,
    pub(crate) top: Vec<TopUrl>,
}

/// How many addresses, how many of them lead somewhere, and their clicks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Totals {
    pub(crate) urls: i64,
    pub(crate) active: i64,
    pub(crate) clicks: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct TopUrl {
    pub(crate) code: String,
    pub(crate) url: String,
    pub(crate) clicks: i64,
}

/// The clicks of some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Analytics {
    pub(crate) clicks: i64,
    /// Only days with clicks.
    pub(crate) by_day: BTreeMap<i64, i64>,
    /// The most frequent first.
    pub(crate) referrers: Vec<(String, i64)>,
    pub(crate) countries: Vec<(String, i64)>,
    pub(crate) browsers: Vec<(String, i64)>,
}

#[cache_query(
    reads("urls:{user}"),
    key = |db, user| (db.id(), *user),
    cache = "user",
    ttl = "15m"
)]
pub(crate) async fn totals(db: &Db, user: i64) -> Result<Totals, DbError> {
    let totals = on!(db.reads(), pool => sqlx::query_as(
        "SELECT COUNT(*) AS urls, \
             CAST(COALESCE(SUM(CASE WHEN active THEN 1 ELSE 0 END), 0) AS BIGINT) AS active, \
             CAST(COALESCE(SUM(clicks), 0) AS BIGINT) AS clicks \
         FROM urls WHERE user_id = $1",
    )
    .bind(user)
    .fetch_one(pool)
    .await)?;
    Ok(totals)
}

/// The day is part of the key: what is kept is not for the next one.
#[cache_query(
    reads("urls:{user}"),
    key = |db, user, today| (db.id(), *user, *today),
    cache = "analytics",
    ttl = "15m"
)]
pub(crate) async fn stats(db: &Db, user: i64, today: Day) -> Result<Arc<Stats>, DbError> {
    let totals = totals::uncached(db, user).await?;
    let (clicks_today,) = on!(db.reads(), pool => sqlx::query_as(
        "SELECT CAST(COALESCE(SUM(c.clicks), 0) AS BIGINT) FROM urls u \
         JOIN click_counts c ON c.url_id = u.id AND c.kind = 0 AND c.day = $2 \
         WHERE u.user_id = $1",
    )
    .bind(user)
    .bind(today.0)
    .fetch_one(pool)
    .await)?;
    let top = on!(db.reads(), pool => sqlx::query_as(
        "SELECT code, url, clicks FROM urls WHERE user_id = $1 AND clicks > 0 \
         ORDER BY clicks DESC, id LIMIT $2",
    )
    .bind(user)
    .bind(TOP)
    .fetch_all(pool)
    .await)?;
    Ok(Arc::new(Stats { totals, clicks_today, top }))
}

/// The clicks from `first` to `last` of one of a user's addresses, or of all. `None` if there is no
/// such address.
#[cache_query(
    reads("urls:{user}"),
    key = |db, user, code, first, last| (db.id(), *user, code.map(str::to_owned), *first, *last),
    cache = "analytics",
    ttl = "15m"
)]
pub(crate) async fn analytics(
    db: &Db,
    user: i64,
    code: Option<&str>,
    first: Day,
    last: Day,
) -> Result<Option<Arc<Analytics>>, DbError> {
    if let Some(code) = code
        && super::urls::item::uncached(db, user, code).await?.is_none()
    {
        return Ok(None);
    }
    let counts: Vec<(i64, i64, String, i64)> = on!(db.reads(), pool => sqlx::query_as(
        "SELECT c.kind, CASE WHEN c.kind = 0 THEN c.day ELSE 0 END AS of_day, c.name, \
             CAST(SUM(c.clicks) AS BIGINT) \
         FROM urls u JOIN click_counts c ON c.url_id = u.id \
         WHERE u.user_id = $1 AND ($2 IS NULL OR u.code = $2) \
             AND c.kind BETWEEN 0 AND 3 AND c.day BETWEEN $3 AND $4 \
         GROUP BY 1, 2, 3",
    )
    .bind(user)
    .bind(code)
    .bind(first.0)
    .bind(last.0)
    .fetch_all(pool)
    .await)?;
    let mut sum = Analytics::default();
    for (kind, day, name, clicks) in counts {
        match kind {
            0 => {
                sum.clicks += clicks;
                sum.by_day.insert(day, clicks);
            }
            1 => sum.referrers.push((name, clicks)),
            2 => sum.countries.push((name, clicks)),
            _ => sum.browsers.push((name, clicks)),
        }
    }
    for names in [&mut sum.referrers, &mut sum.countries, &mut sum.browsers] {
        names.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        names.truncate(NAMES);
    }
    Ok(Some(Arc::new(sum)))
}
