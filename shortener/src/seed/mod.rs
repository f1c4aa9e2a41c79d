//! `shortener seed`: fills a database with users, URLs and clicks that were never anybody's.
//!
//! The same seed makes the same rows. `words` says what they are made of, `plan` makes them,
//! `writer` puts them into SQLite or PostgreSQL.

mod plan;
mod words;
mod writer;

pub use plan::{ClickRow, PASSWORD, Plan, UrlRow, UserRow, email};

use std::fmt;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::auth::{HashError, Passwords};
use crate::config::Config;
use crate::count::Count;
use crate::db::{Db, DbError};
use writer::Writer;

/// Users and URLs that one run makes at most.
const MOST_ROWS: u64 = 100_000_000;
/// Clicks at most.
const MOST_CLICKS: u64 = 1_000_000_000;

/// The options of `shortener seed`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Users, who all have the same password
    #[arg(long, value_name = "N", default_value = "1k")]
    pub users: Count,
    /// URLs, of which the first users own more than the last
    #[arg(long, value_name = "N", default_value = "10k")]
    pub urls: Count,
    /// Clicks in the last 90 days, as Zipf's law spreads them over the URLs
    #[arg(long, value_name = "N", default_value = "100k")]
    pub clicks: Count,
    /// The same number makes the same rows
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// When the last click was, in milliseconds since 1970 [default: now]
    #[arg(long, value_name = "MS")]
    pub until: Option<u64>,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// Rows of `users`.
    pub users: u64,
    /// Rows of `urls`.
    pub urls: u64,
    /// Rows of `clicks`.
    pub clicks: u64,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, urls, clicks, took } = self;
        let took = took.as_secs_f64();
        writeln!(f, "{users} users, {urls} URLs and {clicks} clicks in {took:.1} s")?;
        write!(f, "log in as {} with the password {PASSWORD:?}", email(0))
    }
}

/// Why a database was not filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// A number that makes no sense.
    #[error("--{option} {given} is out of range; allowed are {least} to {most}")]
    OutOfRange {
        /// The option's name.
        option: &'static str,
        /// What was given.
        given: Count,
        /// The least that may be given.
        least: u64,
        /// The most that may be given.
        most: u64,
    },
    /// The database has been filled before.
    #[error(
        "the database already holds {email}, so it has been seeded before; allowed is a database \
         that has not"
    )]
    AlreadySeeded {
        /// A seeded user.
        email: String,
    },
    /// The database cannot be opened.
    #[error("database.url: {0}")]
    Open(#[from] DbError),
    /// The password cannot be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The database said no.
    #[error("the database: {0}")]
    Sql(#[from] sqlx::Error),
}

/// Fills the database of the service with `config`, which is made if it is not there, as `options`
/// ask.
///
/// Works in transactions of some ten thousand rows: a run that ends early leaves users and URLs
/// without clicks, and a database of its own is the way to repeat it.
///
/// # Errors
///
/// [`SeedError`] when a number is out of range, the database has been filled before, or refuses.
pub async fn run(options: &Options, config: &Config) -> Result<Seeded, SeedError> {
    let started = Instant::now();
    let users = in_range("users", options.users, 1, MOST_ROWS)?;
    let urls = in_range("urls", options.urls, 1, MOST_ROWS)?;
    let clicks = in_range("clicks", options.clicks, 0, MOST_CLICKS)?;
    let plan = match options.until {
        Some(until) => Plan::until(options.seed, users, urls, until),
        None => Plan::new(options.seed, users, urls),
    };
    // Brings the tables up to date.
    Db::open(&config.database).await?.close().await;
    let mut writer = Writer::open(&config.database.url).await?;
    if writer.has_user(&email(0)).await? {
        return Err(SeedError::AlreadySeeded { email: email(0) });
    }
    // One for all: a hash of its own for each would take longer than everything else.
    let hash = Passwords::new(&config.auth).await?.hash(PASSWORD.to_owned()).await?;
    let bar = progress_bar(users + urls + clicks);
    bar.set_message("users");
    writer.users((0..users).map(|number| plan.user(number)), &hash, &bar).await?;
    bar.set_message("URLs");
    let mut counts = vec![0_u64; urls as usize];
    (0..clicks).for_each(|number| counts[plan.clicked(number) as usize] += 1);
    let rows = counts.iter().zip(0..).map(|(&clicks, number)| (plan.url(number), clicks));
    writer.urls(rows, &bar).await?;
    bar.set_message("clicks");
    writer.clicks((0..clicks).map(|number| plan.click(number, clicks)), &bar).await?;
    bar.set_message("sums of clicks");
    writer.finish().await?;
    bar.finish_and_clear();
    Ok(Seeded { users, urls, clicks, took: started.elapsed() })
}

fn in_range(option: &'static str, given: Count, least: u64, most: u64) -> Result<u64, SeedError> {
    if (least..=most).contains(&given.0) {
        return Ok(given.0);
    }
    Err(SeedError::OutOfRange { option, given, least, most })
}

/// Drawn on a terminal only.
fn progress_bar(rows: u64) -> ProgressBar {
    let bar = ProgressBar::new(rows);
    let style = "{elapsed_precise} [{wide_bar}] {human_pos}/{human_len} {per_sec} {msg}";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
