//! Tests of the ordinary build, and those of the build with stop points.

use anyhow::Result;

use crate::command::Run;
use crate::{place, tools};

pub(crate) fn unit_and_integration() -> Result<()> {
    tools::cargo_subcommand("nextest")?;
    Run::cargo().args(["nextest", "run", "--workspace", "--no-fail-fast"]).run()
}

pub(crate) fn documentation() -> Result<()> {
    Run::cargo().args(["test", "--workspace", "--doc"]).run()
}

/// Lock-freedom: threads are stopped at every step of every protocol while others must go on.
pub(crate) fn progress() -> Result<()> {
    Run::cargo()
        .args(["test", "--package", "larder", "--test", "progress"])
        .env("RUSTFLAGS", "--cfg larder_hooks -Dwarnings")
        .env("CARGO_TARGET_DIR", place::target_for("hooks"))
        .run()
}
