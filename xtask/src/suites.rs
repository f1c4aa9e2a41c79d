//! Tests of the build with all features, and those of the build with stop points.

use anyhow::Result;

use crate::command::Run;
use crate::{place, tools};

pub(crate) fn unit_and_integration() -> Result<()> {
    tools::cargo_subcommand("nextest")?;
    Run::cargo().args(["nextest", "run", "--workspace", "--all-features", "--no-fail-fast"]).run()
}

pub(crate) fn documentation() -> Result<()> {
    Run::cargo().args(["test", "--workspace", "--all-features", "--doc"]).run()
}

/// The cfgs of stop points and of the engine's insides.
pub(crate) const HOOKS: &str = "--cfg larder_hooks --cfg larder_internals -Dwarnings";

/// Lock-freedom: threads are stopped at every step of every protocol while others must go on.
/// Beside it all other integration tests once more, now that they can check the caches' insides.
pub(crate) fn progress() -> Result<()> {
    tools::cargo_subcommand("nextest")?;
    Run::cargo()
        .args(["nextest", "run", "--package", "larder", "--test", "*", "--no-fail-fast"])
        .env("RUSTFLAGS", HOOKS)
        .env("CARGO_TARGET_DIR", place::target_for("hooks"))
        .run()
}
