//! The benchmarks.

use std::ffi::OsString;

use anyhow::Result;

use crate::command::Run;

/// Without arguments the whole report, in `target/report`.
pub(crate) fn run(args: &[OsString]) -> Result<()> {
    let bench = Run::cargo().args(["run", "--release", "--package", "larder-bench", "--"]);
    if args.is_empty() {
        bench.args(["report", "target/report"]).run()
    } else {
        bench.args(args).run()
    }
}
