//! A URL shortener behind every layer of larder: responses, functions, sessions.
//!
//! It is what larder's parts look like in a service that has to work: users and passwords, SQLite
//! or PostgreSQL, clicks that are counted although redirects are cached, and answers that are the
//! same with `--no-cache`.
//!
//! ```text
//! cargo run --release -p shortener
//! ```
//!
//! | module | |
//! |---|---|
//! | [`config`] | settings: built in, from a file, from the environment, from the command line |
//! | [`domain`] | codes, targets, days: no database, no HTTP |
//! | `db` | queries, kept by `#[cache_query]` |
//! | `caching` | the caches, the rules for responses, and what a change makes stale |
//! | `store` | what handlers ask: the database, through the caches or past them |
//! | `auth`, `limits`, `clicks` | passwords and tokens; how often is too often; clicks, written many at a time |
//! | `api` | the endpoints |
//! | `edge` | what is around them, outside of the cache: identity, sessions, clicks, headers |
//! | `page` | the page |
//! | [`seed`], [`load`] | made-up data, and made-up users |

#![forbid(unsafe_code)]

mod api;
mod app;
mod auth;
mod caching;
mod clicks;
pub mod config;
pub mod count;
mod db;
pub mod domain;
mod edge;
mod limits;
pub mod load;
mod page;
pub mod seed;
mod serve;
mod store;

#[cfg(doctest)]
#[doc = include_str!("../../docs/service.md")]
mod guide {}

pub use app::{App, BuildError, DemoLogin};
pub use auth::HashError;
pub use caching::CachingError;
pub use db::{Db, DbError};
pub use serve::{ServeError, serve};
