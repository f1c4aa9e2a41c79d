//! Small programs with known faults, to see that a sanitizer works on this machine before its
//! silence about the library is believed. Some do not: leak detection fails under a debugger and in
//! some containers, and a suppression can match too much.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::{Ended, Run};
use crate::place;
use crate::sanitize::Sanitizer;

/// What a canary must make the sanitizer say.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Must {
    BeSilent,
    /// The report contains this.
    Say(&'static str),
}

/// Builds and runs `xtask/canaries/NAME.rs`.
pub(crate) fn check(sanitizer: &Sanitizer, name: &str, must: Must) -> Result<()> {
    let directory = place::target_for(sanitizer.name).join("canaries");
    fs::create_dir_all(&directory)?;
    let (program, log) = (directory.join(name), directory.join(format!("{name}.log")));
    Run::new("rustc")
        .args(["+nightly", "--edition", "2024", "-O", "-g"])
        .args(sanitizer.rustc_flags())
        .arg("-o")
        .arg(&program)
        .arg(place::root().join("xtask/canaries").join(format!("{name}.rs")))
        .run()?;
    let ended = sanitizer.set_options(Run::new(&program))?.log_within(&log, LIMIT)?;
    let Ended::Exited(status) = ended else {
        bail!("the canary `{name}` hangs under {}", sanitizer.name)
    };
    let said = fs::read_to_string(&log).with_context(|| format!("reading {}", log.display()))?;
    match must {
        Must::BeSilent if !status.success() => {
            bail!(
                "{} reports a fault in the canary `{name}`, which has none:\n{said}",
                sanitizer.name
            )
        }
        Must::Say(_) if status.success() => {
            bail!("{} does not see the fault of the canary `{name}`:\n{said}", sanitizer.name)
        }
        Must::Say(text) if !said.contains(text) => {
            bail!("the canary `{name}` failed, but not with `{text}`:\n{said}")
        }
        Must::BeSilent | Must::Say(_) => Ok(()),
    }
}

const LIMIT: Duration = Duration::from_secs(60);
