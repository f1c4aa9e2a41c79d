//! Stress runs under ThreadSanitizer and AddressSanitizer.
//!
//! Rebuilding std with the sanitizer would need its source; these runs do without. Generic and
//! inlined code of std is compiled into our crates and thus instrumented; the rest is not, which
//! hides some orderings from ThreadSanitizer: `xtask/tsan.supp` lists what that costs.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::canary::{self, Must};
use crate::command::Run;
use crate::{place, tools};

/// Naming the target keeps the flags away from build scripts and procedural macros.
const TARGET: &str = "x86_64-unknown-linux-gnu";
const THREADS: &str = "4";

/// One sanitizer and how to use it.
#[derive(Debug)]
pub(crate) struct Sanitizer {
    /// Also names the target directory.
    pub(crate) name: &'static str,
    /// As `-Zsanitizer` calls it.
    flag: &'static str,
    variable: &'static str,
    options: &'static str,
}

const THREAD: Sanitizer = Sanitizer {
    name: "tsan",
    flag: "thread",
    variable: "TSAN_OPTIONS",
    // The first race is enough. The longest history, so that the other stack is known as well.
    options: "halt_on_error=1:history_size=7:second_deadlock_stack=1",
};

const ADDRESS: Sanitizer = Sanitizer {
    name: "asan",
    flag: "address",
    variable: "ASAN_OPTIONS",
    options: "detect_leaks=1:detect_stack_use_after_return=1:strict_init_order=1",
};

pub(crate) fn tsan(seconds: u64) -> Result<()> {
    tools::nightly()?;
    canary::check(&THREAD, "race", Must::Say("WARNING: ThreadSanitizer: data race"))?;
    canary::check(&THREAD, "ordered", Must::BeSilent)?;
    THREAD.build()?;
    THREAD.history(seconds)
}

pub(crate) fn asan(seconds: u64) -> Result<()> {
    tools::nightly()?;
    canary::check(&ADDRESS, "freed", Must::Say("heap-use-after-free"))?;
    canary::check(&ADDRESS, "leak", Must::Say("LeakSanitizer: detected memory leaks"))?;
    canary::check(&ADDRESS, "sound", Must::BeSilent)?;
    ADDRESS.build()?;
    ADDRESS.run("drops", &[], DROPS_LIMIT)?;
    ADDRESS.history(seconds)
}

const DROPS_LIMIT: Duration = Duration::from_secs(300);

impl Sanitizer {
    pub(crate) fn rustc_flags(&self) -> [String; 2] {
        // std was built without, and rustc refuses the mixture unless told that it is meant.
        [format!("-Zsanitizer={}", self.flag), "-Cunsafe-allow-abi-mismatch=sanitizer".to_owned()]
    }

    /// Sets what the sanitizer's run-time reads from the environment.
    pub(crate) fn set_options(&self, run: Run) -> Result<Run> {
        let mut options = self.options.to_owned();
        // What a user sets comes last and wins.
        if let Some(symbolizer) = tools::symbolizer()? {
            options += &format!(":external_symbolizer_path='{}'", symbolizer.display());
        }
        if self.flag == "thread" {
            let file = place::root().join("xtask/tsan.supp");
            options += &format!(":suppressions='{}'", file.display());
        }
        if let Ok(more) = env::var(self.variable) {
            options += &format!(":{more}");
        }
        Ok(run.env(self.variable, options))
    }

    fn build(&self) -> Result<()> {
        let flags = format!("{} --cfg larder_internals -Dwarnings", self.rustc_flags().join(" "));
        Run::cargo_nightly()
            .args(["build", "--release", "--package", "larder-stress", "--bins"])
            .args(["--target", TARGET])
            .env("RUSTFLAGS", flags)
            .env("CARGO_TARGET_DIR", place::target_for(self.name))
            // Optimised, because races need speed, yet with every assertion.
            .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
            .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
            .run()
    }

    fn history(&self, seconds: u64) -> Result<()> {
        let arguments = ["--seconds", &seconds.to_string(), "--threads", THREADS];
        // It checks what it has recorded after the time is up, and slowly, being instrumented.
        self.run("history", &arguments, Duration::from_secs(4 * seconds + 120))
    }

    fn run(&self, binary: &str, arguments: &[&str], limit: Duration) -> Result<()> {
        let run = Run::new(self.program(binary)).args(arguments);
        self.set_options(run)?
            .run_within(limit)
            .with_context(|| format!("larder-stress `{binary}` under {}", self.name))
    }

    fn program(&self, binary: &str) -> PathBuf {
        place::target_for(self.name).join(TARGET).join("release").join(binary)
    }
}
