//! What the first start puts into an empty database, so that there is something to see.

use super::{Db, DbError, urls, users};
use crate::{clicks::Click, domain::now_ms};

/// The address by which the demo user logs in.
pub(crate) const EMAIL: &str = "demo@example.org";

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

const LINKS: [(&str, &str, &str); 5] = [
    ("rust", "https://www.rust-lang.org/", "The Rust programming language"),
    ("book", "https://doc.rust-lang.org/book/", "The book"),
    ("caching", "https://www.rfc-editor.org/rfc/rfc9111.html", "How HTTP caches work"),
    ("s3-fifo", "https://dl.acm.org/doi/10.1145/3600006.3613147", "FIFO queues are all you need"),
    ("axum", "https://docs.rs/axum/", "The web framework"),
];

/// Makes the demo user with a few addresses and a month of clicks.
pub(crate) async fn fill(db: &Db, password_hash: &str) -> Result<(), DbError> {
    let Some(user) = users::insert(db, "Demo", EMAIL, password_hash).await? else { return Ok(()) };
    let mut clicks = Vec::new();
    for (number, (code, url, title)) in (0_i64..).zip(LINKS) {
        urls::insert(db, user.id, code, url, title).await?;
        let Some(target) = urls::target::uncached(db, code).await? else { continue };
        clicks.extend((0..30).flat_map(|day| clicks_of(target.id, number, day)));
    }
    super::clicks::write(db, &clicks).await?;
    Ok(())
}

/// The clicks of a day that was so many days ago: more of the first addresses, and fewer on every
/// seventh day.
fn clicks_of(url_id: i64, number: i64, days_ago: i64) -> impl Iterator<Item = Click> {
    const REFERRERS: [&str; 4] = ["direct", "news.example.com", "www.example.org", "direct"];
    const COUNTRIES: [&str; 5] = ["AT", "US", "DE", "IN", "US"];
    const BROWSERS: [&str; 4] = ["Firefox", "Chrome", "Safari", "Chrome"];
    let wave = if days_ago % 7 == 2 { 1 } else { 4 + (days_ago * 5 + number * 3) % 7 };
    let pick = move |names: &[&'static str], step: i64| {
        names[usize::try_from((step * 7 + number + days_ago) % 35).unwrap_or(0) % names.len()]
    };
    (0..wave / (1 + number / 2)).map(move |step| Click {
        url_id,
        at_ms: now_ms() - days_ago * DAY_MS,
        referrer: pick(&REFERRERS, step).to_owned(),
        country: pick(&COUNTRIES, step).to_owned(),
        browser: pick(&BROWSERS, step),
    })
}
