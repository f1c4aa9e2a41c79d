//! The database: SQLite or PostgreSQL, by the same queries.
//!
//! Each function here is a query, or a few in one transaction. Those that are read often are kept
//! by `#[larder::cache_query]`; [`Store`](crate::Store) calls them so, or past the cache. The part
//! of a key that stands for the database is [`Db::id`], since one process may have several of them.

pub(crate) mod analytics;
pub(crate) mod clicks;
pub(crate) mod demo;
pub(crate) mod sessions;
pub(crate) mod urls;
pub(crate) mod users;

use crate::config::{Database, Synchronous};
use sqlx::{
    PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use thiserror::Error;

/// How long a query waits for a connection, and SQLite for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// A query that failed. Its text is for logs: clients never get to see it.
#[derive(Clone, Debug, Error)]
#[error("database: {0}")]
pub struct DbError(#[source] Arc<sqlx::Error>);

impl DbError {
    /// Whether the database could not be reached, or had no connection to spare.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(*self.0, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl From<sqlx::migrate::MigrateError> for DbError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        sqlx::Error::from(error).into()
    }
}

/// A database, which is ready. Clones share it.
#[derive(Clone, Debug)]
pub struct Db(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: u64,
    reads: Pool,
    /// SQLite has one writer at a time. So there is one connection for it, whose users wait in
    /// order; PostgreSQL has the same pool for both.
    writes: Pool,
    queries: AtomicU64,
}

/// Connections, of either kind.
#[derive(Clone, Debug)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// Runs an expression with the pool that there is: a query is written once and compiled twice.
macro_rules! on {
    ($pool:expr, $name:ident => $run:expr) => {
        match $pool {
            $crate::db::Pool::Sqlite($name) => $run,
            $crate::db::Pool::Postgres($name) => $run,
        }
    };
}
pub(crate) use on;

impl Db {
    /// Opens the database, which is made if it is a file that is not there, and brings its tables
    /// up to date.
    ///
    /// # Errors
    ///
    /// If it cannot be reached, or has tables of a newer version.
    pub async fn open(settings: &Database) -> Result<Self, DbError> {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let connections = u32::try_from(settings.max_connections).unwrap_or(u32::MAX);
        let (reads, writes) = if settings.url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(&settings.url)?
                .create_if_missing(true)
                .foreign_keys(true)
                .journal_mode(SqliteJournalMode::Wal)
                .busy_timeout(PATIENCE)
                .synchronous(match settings.synchronous {
                    Synchronous::Full => SqliteSynchronous::Full,
                    Synchronous::Normal => SqliteSynchronous::Normal,
                });
            let pool = |connections| {
                SqlitePoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE)
            };
            let writes = pool(1).connect_with(options.clone()).await?;
            sqlx::migrate!("./migrations/sqlite").run(&writes).await?;
            let reads = pool(connections).connect_with(options).await?;
            (Pool::Sqlite(reads), Pool::Sqlite(writes))
        } else {
            let options = PgConnectOptions::from_str(&settings.url)?;
            let pool = PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(PATIENCE)
                .connect_with(options)
                .await?;
            sqlx::migrate!("./migrations/postgres").run(&pool).await?;
            (Pool::Postgres(pool.clone()), Pool::Postgres(pool))
        };
        let (id, queries) = (IDS.fetch_add(1, Relaxed), AtomicU64::new(0));
        Ok(Self(Arc::new(Inner { id, reads, writes, queries })))
    }

    /// Returns a number that no other database of this process has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Returns `sqlite` or `postgresql`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.0.reads {
            Pool::Sqlite(_) => "sqlite",
            Pool::Postgres(_) => "postgresql",
        }
    }

    /// Returns how many queries have been run.
    #[must_use]
    pub fn queries(&self) -> u64 {
        self.0.queries.load(Relaxed)
    }

    /// Asks the database for nothing, to see whether it answers.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        on!(self.reads(), pool => sqlx::query("SELECT 1").execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Waits for queries that are under way, and closes all connections.
    pub async fn close(&self) {
        on!(&self.0.reads, pool => pool.close().await);
        on!(&self.0.writes, pool => pool.close().await);
    }

    /// Returns the connections for reading, for one query.
    pub(crate) fn reads(&self) -> &Pool {
        self.0.queries.fetch_add(1, Relaxed);
        &self.0.reads
    }

    /// Returns the connections for writing, for one query or one transaction.
    pub(crate) fn writes(&self) -> &Pool {
        self.0.queries.fetch_add(1, Relaxed);
        &self.0.writes
    }

    /// Returns how a transaction that writes begins. SQLite takes the lock then: one that has read
    /// before might find that somebody else has written meanwhile, and would fail.
    pub(crate) fn begin(&self) -> &'static str {
        match self.0.writes {
            Pool::Sqlite(_) => "BEGIN IMMEDIATE",
            Pool::Postgres(_) => "BEGIN",
        }
    }
}

/// `None` if a value has been taken that may be there only once.
pub(crate) fn unless_taken<T>(result: Result<T, sqlx::Error>) -> Result<Option<T>, DbError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
