//! How much is seeded and asked.

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;

/// A database the service runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Sqlite,
    Postgres,
}

impl Database {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// What `cargo xtask service-bench` was asked for. Counts are as `shortener seed` reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) users: String,
    pub(crate) urls: String,
    pub(crate) clicks: String,
    /// Requests a second.
    pub(crate) rate: u32,
    /// Of each round.
    pub(crate) seconds: u32,
    /// That count.
    pub(crate) rounds: usize,
    /// Requests before them.
    pub(crate) warm_up: String,
    /// None: both.
    pub(crate) database: Option<Database>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            users: "1k".into(),
            urls: "100k".into(),
            clicks: "5M".into(),
            rate: 300,
            seconds: 10,
            rounds: 3,
            warm_up: "1M".into(),
            database: None,
        }
    }
}

impl Options {
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Self> {
        let mut options = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("quick") => {
                    let (users, urls, clicks) = ("100".into(), "2k".into(), "20k".into());
                    let (rate, seconds, rounds, warm_up) = (200, 2, 1, "20k".into());
                    options =
                        Self { users, urls, clicks, rate, seconds, rounds, warm_up, ..options };
                }
                Long("users") => options.users = parser.value()?.string()?,
                Long("urls") => options.urls = parser.value()?.string()?,
                Long("clicks") => options.clicks = parser.value()?.string()?,
                Long("rate") => options.rate = positive(parser, "--rate")?,
                Long("seconds") => options.seconds = positive(parser, "--seconds")?,
                Long("warm-up") => options.warm_up = parser.value()?.string()?,
                Long("rounds") => options.rounds = positive(parser, "--rounds")? as usize,
                Long("database") => {
                    options.database = match parser.value()?.string()?.as_str() {
                        "sqlite" => Some(Database::Sqlite),
                        "postgres" => Some(Database::Postgres),
                        other => bail!("--database {other}: allowed are sqlite and postgres"),
                    };
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(options)
    }

    pub(super) fn databases(&self) -> Vec<Database> {
        self.database.map_or(vec![Database::Sqlite, Database::Postgres], |one| vec![one])
    }
}

fn positive(parser: &mut lexopt::Parser, name: &'static str) -> Result<u32> {
    let value: u32 = parser.value()?.parse().context(name)?;
    if value == 0 {
        bail!("{name}: 0 is out of range; allowed are 1 and more");
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Options> {
        Options::parse(&mut lexopt::Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn sizes_can_be_chosen() {
        let options =
            parsed("--quick --urls 5k --rounds 2 --warm-up 3k --database postgres").unwrap();
        assert_eq!((options.urls.as_str(), options.clicks.as_str()), ("5k", "20k"));
        assert_eq!(options.warm_up, "3k");
        assert_eq!((options.rounds, options.databases()), (2, vec![Database::Postgres]));
        assert_eq!(parsed("").unwrap(), Options::default());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in ["--rounds 0", "--rate much", "--database mysql", "--slow", "quick", "--urls"] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
