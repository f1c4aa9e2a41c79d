//! Clicks, written many at a time.

use super::{Db, DbError, analytics::CountKind, on};
use crate::clicks::Click;
use sqlx::QueryBuilder;
use std::collections::{BTreeMap, BTreeSet};

/// Rows of one statement: SQLite takes 32,766 values.
const ROWS: usize = 2000;

/// Counts of a statement: the address, what they are of, the day and the name.
type CountKey<'c> = (i64, i64, i64, &'c str);

/// Writes clicks in one transaction, and returns the users whose they were. Clicks of addresses
/// that are not there any more count for nobody.
pub(crate) async fn write(db: &Db, clicks: &[Click]) -> Result<BTreeSet<i64>, DbError> {
    // In order, so that two transactions lock rows one after the other.
    let mut of_urls = BTreeMap::<i64, i64>::new();
    for click in clicks {
        *of_urls.entry(click.url_id).or_default() += 1;
    }
    let of_urls: Vec<_> = of_urls.into_iter().collect();
    let users = on!(db.writes(), pool => {
        let mut transaction = pool.begin_with(db.begin()).await?;
        let mut there = BTreeMap::<i64, i64>::new();
        for of_urls in of_urls.chunks(ROWS) {
            let mut update = QueryBuilder::new("WITH counted (url, number) AS (");
            update.push_values(of_urls, |mut row, (url, number)| {
                row.push_bind(*url).push_bind(*number);
            });
            update.push(
                ") UPDATE urls SET clicks = clicks + counted.number FROM counted \
                 WHERE urls.id = counted.url RETURNING id, user_id",
            );
            let found: Vec<(i64, i64)> =
                update.build_query_as().fetch_all(&mut *transaction).await?;
            there.extend(found);
        }
        let clicks: Vec<_> =
            clicks.iter().filter(|click| there.contains_key(&click.url_id)).collect();
        for clicks in clicks.chunks(ROWS) {
            let mut insert = QueryBuilder::new(
                "INSERT INTO clicks (url_id, at_ms, day, referrer, country, browser) ",
            );
            insert.push_values(clicks, |mut row, click| {
                row.push_bind(click.url_id)
                    .push_bind(click.at_ms)
                    .push_bind(click.day().0)
                    .push_bind(click.referrer.clone())
                    .push_bind(click.country.clone())
                    .push_bind(click.browser);
            });
            insert.build().execute(&mut *transaction).await?;
        }
        let counts: Vec<_> = counts(&clicks).into_iter().collect();
        for counts in counts.chunks(ROWS) {
            let mut upsert = QueryBuilder::new(
                "INSERT INTO click_counts (url_id, kind, day, name, clicks) ",
            );
            upsert.push_values(counts, |mut row, ((url, kind, day, name), clicks)| {
                row.push_bind(*url)
                    .push_bind(*kind)
                    .push_bind(*day)
                    .push_bind((*name).to_owned())
                    .push_bind(*clicks);
            });
            upsert.push(
                " ON CONFLICT (url_id, kind, day, name) \
                 DO UPDATE SET clicks = click_counts.clicks + excluded.clicks",
            );
            upsert.build().execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        there.into_values().collect()
    });
    Ok(users)
}

fn counts<'c>(clicks: &[&'c Click]) -> BTreeMap<CountKey<'c>, i64> {
    let mut counts = BTreeMap::new();
    for click in clicks {
        let day = click.day().0;
        for (kind, name) in [
            (CountKind::All, ""),
            (CountKind::Referrer, &*click.referrer),
            (CountKind::Country, &*click.country),
            (CountKind::Browser, click.browser),
        ] {
            *counts.entry((click.url_id, kind as i64, day, name)).or_default() += 1;
        }
    }
    counts
}
