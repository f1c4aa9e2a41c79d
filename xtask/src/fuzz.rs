//! Runs of the fuzz targets.

use std::fs;

use anyhow::{Result, bail};

use crate::command::Run;
use crate::{place, tools};

/// Those that read header fields: they have seen most of it in a few seconds.
const PARSERS: &str = "http_";

/// Each target for `seconds`, those that only parse for a quarter of it; or only `target`.
pub(crate) fn run(seconds: u64, target: Option<&str>) -> Result<()> {
    tools::nightly()?;
    tools::cargo_subcommand("fuzz")?;
    let listed = Run::cargo_nightly().args(["fuzz", "list"]).read()?;
    let targets: Vec<_> =
        listed.lines().filter(|name| target.is_none_or(|wanted| wanted == *name)).collect();
    if targets.is_empty() {
        bail!("there is no such fuzz target; there are:\n{listed}");
    }
    for name in targets {
        let short = target.is_none() && name.starts_with(PARSERS);
        run_one(name, if short { seconds.div_ceil(4) } else { seconds })?;
    }
    Ok(())
}

fn run_one(target: &str, seconds: u64) -> Result<()> {
    let builds = place::target_for("fuzz");
    // What libFuzzer finds goes to the first directory, the kept corpus is only read: a run must
    // not change the working tree. `cargo fuzz cmin` is how the corpus is renewed.
    let found = builds.join("corpus").join(target);
    fs::create_dir_all(&found)?;
    let kept = place::root().join("fuzz/corpus").join(target);
    Run::cargo_nightly()
        .args(["fuzz", "run", "--target-dir"])
        .arg(&builds)
        .arg(target)
        .args([&found, &kept])
        .arg("--")
        .arg(format!("-max_total_time={seconds}"))
        // Long enough to fill the caches several times over, from the beginning: libFuzzer would
        // start with a few bytes and take hours to get there.
        .args(["-max_len=512", "-len_control=0"])
        // An input that takes longer than this waits for something that does not come.
        .args(["-timeout=30", "-print_final_stats=1"])
        .run()
}
