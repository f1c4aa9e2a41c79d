//! `cargo xtask service-postgres`: the tests of the shortener on a PostgreSQL server of their own.

use anyhow::Result;

use super::postgres::Postgres;
use crate::command::Run;
use crate::server::Warden;
use crate::tools;

pub(crate) fn run() -> Result<()> {
    tools::cargo_subcommand("nextest")?;
    // Ends last, since what is declared first is dropped last.
    let warden = Warden::new("larder-service-postgres")?;
    let postgres = Postgres::start(&warden)?;
    Run::cargo()
        .args(["nextest", "run", "--package", "shortener", "--test", "service", "--no-fail-fast"])
        .env("SHORTENER_TEST_POSTGRES", postgres.url("").trim_end_matches('/'))
        .run()
}
