//! Rows into a database: several a statement in SQLite, `COPY` in PostgreSQL.

use std::fmt::Write as _;

use indicatif::ProgressBar;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, QueryBuilder, Sqlite};

use super::plan::{ClickRow, UrlRow, UserRow};

/// Rows of one statement of SQLite, which takes 32,766 values at most.
const ROWS: usize = 3_000;
/// Rows of one transaction.
const CHUNK: usize = 30_000;

/// Sums up the clicks of what was seeded. The numbers are the kinds of the table.
const SUMS: [&str; 4] = [
    "INSERT INTO click_counts (url_id, kind, day, name, clicks)
     SELECT url_id, 0, day, '', count(*) FROM clicks WHERE id > $1 GROUP BY url_id, day",
    "INSERT INTO click_counts (url_id, kind, day, name, clicks)
     SELECT url_id, 1, day, referrer, count(*) FROM clicks WHERE id > $1
     GROUP BY url_id, day, referrer",
    "INSERT INTO click_counts (url_id, kind, day, name, clicks)
     SELECT url_id, 2, day, country, count(*) FROM clicks WHERE id > $1
     GROUP BY url_id, day, country",
    "INSERT INTO click_counts (url_id, kind, day, name, clicks)
     SELECT url_id, 3, day, browser, count(*) FROM clicks WHERE id > $1
     GROUP BY url_id, day, browser",
];

/// A database and the numbers its rows have got so far.
#[derive(Debug)]
pub(super) struct Writer {
    to: To,
    /// The largest number of each table before the first seeded row.
    user_base: i64,
    url_base: i64,
    click_base: i64,
}

#[derive(Debug)]
enum To {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Writer {
    pub(super) async fn open(url: &str) -> Result<Self, sqlx::Error> {
        let to = if url.starts_with("sqlite:") {
            // What is lost when the machine fails can be seeded again.
            let options = url
                .parse::<SqliteConnectOptions>()?
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Normal)
                .pragma("cache_size", "-262144")
                .pragma("temp_store", "memory");
            To::Sqlite(options.connect().await?)
        } else {
            To::Postgres(PgConnection::connect(url).await?)
        };
        let mut writer = Self { to, user_base: 0, url_base: 0, click_base: 0 };
        writer.user_base = writer.last("SELECT coalesce(max(id), 0) FROM users").await?;
        writer.url_base = writer.last("SELECT coalesce(max(id), 0) FROM urls").await?;
        writer.click_base = writer.last("SELECT coalesce(max(id), 0) FROM clicks").await?;
        Ok(writer)
    }

    async fn last(&mut self, query: &'static str) -> Result<i64, sqlx::Error> {
        Ok(match &mut self.to {
            To::Sqlite(connection) => sqlx::query_scalar(query).fetch_one(connection).await?,
            To::Postgres(connection) => sqlx::query_scalar(query).fetch_one(connection).await?,
        })
    }

    pub(super) async fn has_user(&mut self, email: &str) -> Result<bool, sqlx::Error> {
        const QUERY: &str = "SELECT count(*) FROM users WHERE email = $1";
        let count: i64 = match &mut self.to {
            To::Sqlite(it) => sqlx::query_scalar(QUERY).bind(email).fetch_one(it).await?,
            To::Postgres(it) => sqlx::query_scalar(QUERY).bind(email).fetch_one(it).await?,
        };
        Ok(count > 0)
    }

    pub(super) async fn users(
        &mut self,
        rows: impl Iterator<Item = UserRow>,
        hash: &str,
        bar: &ProgressBar,
    ) -> Result<(), sqlx::Error> {
        let base = self.user_base;
        let rows = (base + 1..).zip(rows);
        self.write(
            "users (id, name, email, password_hash, created_ms)",
            rows,
            |row, (id, user)| {
                row.number(id);
                row.text(&user.name);
                row.text(&user.email);
                row.text(hash);
                row.number(user.created_ms);
            },
            bar,
        )
        .await
    }

    pub(super) async fn urls(
        &mut self,
        rows: impl Iterator<Item = (UrlRow, u64)>,
        bar: &ProgressBar,
    ) -> Result<(), sqlx::Error> {
        let users = self.user_base;
        let rows = (self.url_base + 1..).zip(rows);
        self.write(
            "urls (id, code, user_id, url, title, active, clicks, created_ms, updated_ms)",
            rows,
            |row, (id, (url, clicks))| {
                row.number(id);
                row.text(&url.code);
                row.number(users + 1 + url.user as i64);
                row.text(&url.url);
                row.text(&url.title);
                row.truth(url.active);
                row.number(clicks as i64);
                row.number(url.created_ms);
                row.number(url.created_ms);
            },
            bar,
        )
        .await
    }

    pub(super) async fn clicks(
        &mut self,
        rows: impl Iterator<Item = ClickRow>,
        bar: &ProgressBar,
    ) -> Result<(), sqlx::Error> {
        let urls = self.url_base;
        let rows = (self.click_base + 1..).zip(rows);
        self.write(
            "clicks (id, url_id, at_ms, day, referrer, country, browser)",
            rows,
            |row, (id, click)| {
                row.number(id);
                row.number(urls + 1 + click.url as i64);
                row.number(click.at_ms);
                row.number(click.day);
                row.text(click.referrer);
                row.text(click.country);
                row.text(click.browser);
            },
            bar,
        )
        .await
    }

    /// Sums clicks up, and tells the database of numbers that are taken and of what it holds now.
    pub(super) async fn finish(mut self) -> Result<(), sqlx::Error> {
        let base = self.click_base;
        match &mut self.to {
            To::Sqlite(connection) => {
                for sum in SUMS {
                    sqlx::query(sum).bind(base).execute(&mut *connection).await?;
                }
                connection.execute("ANALYZE").await?;
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
            }
            To::Postgres(connection) => {
                for sum in SUMS {
                    sqlx::query(sum).bind(base).execute(&mut *connection).await?;
                }
                for next in [
                    "SELECT setval(pg_get_serial_sequence('users', 'id'), max(id)) FROM users",
                    "SELECT setval(pg_get_serial_sequence('urls', 'id'), max(id)) FROM urls",
                    "SELECT setval(pg_get_serial_sequence('clicks', 'id'), max(id)) FROM clicks",
                ] {
                    connection.execute(next).await?;
                }
                connection.execute("VACUUM ANALYZE").await?;
            }
        }
        match self.to {
            To::Sqlite(connection) => connection.close().await?,
            To::Postgres(connection) => connection.close().await?,
        }
        Ok(())
    }

    /// Writes `rows` into a table, named with its columns.
    async fn write<R>(
        &mut self,
        table: &'static str,
        mut rows: impl Iterator<Item = R>,
        fill: impl Fn(&mut Row, R),
        bar: &ProgressBar,
    ) -> Result<(), sqlx::Error> {
        loop {
            let chunk: Vec<Row> = rows
                .by_ref()
                .take(CHUNK)
                .map(|source| {
                    let mut row = Row::default();
                    fill(&mut row, source);
                    row
                })
                .collect();
            if chunk.is_empty() {
                return Ok(());
            }
            let count = chunk.len() as u64;
            match &mut self.to {
                To::Sqlite(connection) => insert(connection, table, chunk).await?,
                To::Postgres(connection) => copy(connection, table, &chunk).await?,
            }
            bar.inc(count);
        }
    }
}

/// The values of a row.
#[derive(Debug, Default)]
struct Row(Vec<Cell>);

#[derive(Debug)]
enum Cell {
    Number(i64),
    Text(String),
    Truth(bool),
}

impl Row {
    fn number(&mut self, number: i64) {
        self.0.push(Cell::Number(number));
    }

    fn text(&mut self, text: &str) {
        self.0.push(Cell::Text(text.to_owned()));
    }

    fn truth(&mut self, truth: bool) {
        self.0.push(Cell::Truth(truth));
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    table: &str,
    rows: Vec<Row>,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let mut query = QueryBuilder::<Sqlite>::new(format!("INSERT INTO {table} "));
        query.push_values(rows.by_ref().take(ROWS), |mut values, row| {
            for cell in row.0 {
                match cell {
                    Cell::Number(number) => values.push_bind(number),
                    Cell::Text(text) => values.push_bind(text),
                    Cell::Truth(truth) => values.push_bind(truth),
                };
            }
        });
        query.build().execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

async fn copy(connection: &mut PgConnection, table: &str, rows: &[Row]) -> Result<(), sqlx::Error> {
    let statement = format!("COPY {table} FROM STDIN");
    let mut text = String::new();
    for Row(cells) in rows {
        for (number, cell) in cells.iter().enumerate() {
            let end = if number + 1 < cells.len() { '\t' } else { '\n' };
            match cell {
                Cell::Number(number) => write!(text, "{number}"),
                Cell::Text(value) => write!(text, "{}", Escaped(value)),
                Cell::Truth(truth) => write!(text, "{}", if *truth { 't' } else { 'f' }),
            }
            .expect("a string takes everything");
            text.push(end);
        }
    }
    let mut copy = connection.copy_in_raw(&statement).await?;
    copy.send(text.into_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

/// A value in the text format of `COPY`.
#[derive(Debug)]
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '\t' => f.write_str("\\t")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_values_is_escaped() {
        assert_eq!(Escaped("a\tb\\N\r\n").to_string(), "a\\tb\\\\N\\r\\n");
        assert_eq!(Escaped("plain ü").to_string(), "plain ü");
    }
}
