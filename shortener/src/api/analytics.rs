//! Statistics, and who has clicked.

use super::{
    Problem, Shared,
    extract::{Params, no_such_code},
    problem::Checks,
};
use crate::{
    db::analytics::Analytics,
    domain::{Day, check_code},
    edge::Account,
};
use axum::{Json, extract::State, response::IntoResponse};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// Responses of today are not for tomorrow: the cache keeps them until midnight at most.
const FRESH_FOR: HeaderName = HeaderName::from_static("cdn-cache-control");
const LONGEST: u64 = 15 * 60;

#[derive(Debug, Serialize)]
struct StatsView {
    urls: i64,
    active: i64,
    clicks: i64,
    clicks_today: i64,
    top: Vec<TopView>,
}

#[derive(Debug, Serialize)]
struct TopView {
    code: String,
    url: String,
    clicks: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    code: Option<String>,
    days: Option<i64>,
}

#[derive(Debug, Serialize)]
struct AnalyticsView {
    clicks: i64,
    by_day: Vec<DayView>,
    referrers: Vec<NameView>,
    countries: Vec<NameView>,
    browsers: Vec<NameView>,
}

#[derive(Debug, Serialize)]
struct DayView {
    day: String,
    clicks: i64,
}

#[derive(Debug, Serialize)]
struct NameView {
    name: String,
    clicks: i64,
}

fn until_midnight() -> [(HeaderName, HeaderValue); 1] {
    let seconds = Day::rest_of_today().as_secs().min(LONGEST);
    let value = HeaderValue::from_str(&format!("max-age={seconds}"));
    [(FRESH_FOR, value.unwrap_or_else(|_| HeaderValue::from_static("no-store")))]
}

pub(super) async fn stats(
    State(service): State<Shared>,
    account: Account,
) -> Result<impl IntoResponse, Problem> {
    let fresh_for = until_midnight();
    let stats = service.store.stats(account.id).await?;
    let top = stats.top.iter().cloned();
    let view = StatsView {
        urls: stats.totals.urls,
        active: stats.totals.active,
        clicks: stats.totals.clicks,
        clicks_today: stats.clicks_today,
        top: top.map(|it| TopView { code: it.code, url: it.url, clicks: it.clicks }).collect(),
    };
    Ok((fresh_for, Json(view)))
}

pub(super) async fn analytics(
    State(service): State<Shared>,
    account: Account,
    Params(wanted): Params<Wanted>,
) -> Result<impl IntoResponse, Problem> {
    let days = wanted.days.unwrap_or(30);
    let mut checks = Checks::default();
    checks.ensure("days", (1..=365).contains(&days), "allowed is 1 to 365");
    checks.done()?;
    // An empty parameter is one that is not there, as forms send it.
    let code = wanted.code.filter(|code| !code.is_empty());
    if code.as_deref().is_some_and(|code| check_code(code).is_err()) {
        return Err(no_such_code());
    }
    let fresh_for = until_midnight();
    let last = Day::today();
    let first = Day(last.0 - days + 1);
    let found = service.store.analytics(account.id, code.as_deref(), first, last).await?;
    let found = found.ok_or_else(no_such_code)?;
    Ok((fresh_for, Json(view(&found, first, last))))
}

/// With the days on which nobody has clicked.
fn view(found: &Analytics, first: Day, last: Day) -> AnalyticsView {
    let of_day = |day| found.by_day.get(&day).copied().unwrap_or(0);
    let names = |names: &[(String, i64)]| {
        names
            .iter()
            .map(|(name, clicks)| NameView { name: name.clone(), clicks: *clicks })
            .collect()
    };
    AnalyticsView {
        clicks: found.clicks,
        by_day: (first.0..=last.0)
            .map(|day| DayView { day: Day(day).to_string(), clicks: of_day(day) })
            .collect(),
        referrers: names(&found.referrers),
        countries: names(&found.countries),
        browsers: names(&found.browsers),
    }
}
