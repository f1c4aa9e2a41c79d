//! `cargo xtask http-peers`: the same cases for larder-http and for other HTTP caching layers; with
//! `--hits` what a hit costs in each.

use anyhow::{Context, Result};

use crate::command::Run;
use crate::place;

/// No member of the workspace: what the peers pull in stays out of its lock file.
pub(crate) const MANIFEST: &str = "benches/http-peers/Cargo.toml";

/// Prints how long a hit takes in each of them.
pub(crate) fn hits() -> Result<()> {
    Run::cargo()
        .args(["bench", "--locked", "--manifest-path", MANIFEST, "--bench", "hits"])
        .env("CARGO_TARGET_DIR", place::target_for("http-peers"))
        .run()
        .context("the layers could not be built, or what they answered were not all hits")
}

/// Prints the table; an error if larder-http fails a case.
pub(crate) fn run() -> Result<()> {
    Run::cargo()
        .args(["run", "--manifest-path", MANIFEST])
        .env("CARGO_TARGET_DIR", place::target_for("http-peers"))
        .run()
        .context("larder-http does not pass every case, or the peers could not be built")
}
