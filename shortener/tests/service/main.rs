//! The service as its clients see it: over loopback, on a database of its own for each test.
//!
//! On SQLite, in a temporary folder, unless `SHORTENER_TEST_POSTGRES` has the address of a
//! PostgreSQL server, such as `postgres://postgres@127.0.0.1:5433`: then each test makes a database
//! there (`cargo xtask service-postgres` starts one, and runs them).

mod clicks;
mod common;
mod errors;
mod invalidation;
mod journey;
mod malformed;
mod process;
mod same_answers;
mod slow;
mod users;
