//! The benchmarks.

use std::ffi::OsString;

use anyhow::Result;

use crate::command::Run;

/// Runs larder-bench. Without arguments it prints its commands, of which the report takes hours.
pub(crate) fn run(args: &[OsString]) -> Result<()> {
    let bench = Run::cargo().args(["run", "--release", "--package", "larder-bench", "--"]);
    if args.is_empty() { bench.args(["help"]).run() } else { bench.args(args).run() }
}
