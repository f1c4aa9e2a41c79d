//! The models of every protocol, and the proof that they can fail.
//!
//! A model that passes says little unless it would have failed on a wrong protocol. So the engine
//! carries planted bugs, each woken by `LARDER_PLANT=<bug>`, and for each one a model has to fail.
//! `larder-loom-tests` knows which: its binary `plants` prints lines of
//! `bug<TAB>test binary<TAB>exact name of the test`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{Ended, Run};
use crate::place;

const PACKAGE: &str = "larder-loom-tests";
pub(crate) const FLAGS: &str =
    "--cfg larder_loom --cfg crossbeam_loom --cfg larder_internals -Dwarnings";
/// How often a model may switch threads where none has to wait. Most known bugs of lock-free code
/// need two such switches, few need three.
const PREEMPTIONS: &str = "LOOM_MAX_PREEMPTIONS";
const PREEMPTIONS_QUICK: &str = "2";
const PREEMPTIONS_FULL: &str = "3";
/// A model that runs longer than this on a planted bug has not found it.
const PLANT_LIMIT: Duration = Duration::from_secs(300);

pub(crate) fn run(quick: bool) -> Result<()> {
    let full = env::var(PREEMPTIONS).unwrap_or_else(|_| PREEMPTIONS_FULL.to_owned());
    let binaries = build()?;
    models(if quick { PREEMPTIONS_QUICK } else { &full })?;
    let printed = cargo(["run", "--bin", "plants"]).read()?;
    let plants = plants_of(&printed)?;
    eprintln!("{} planted bugs, each of which a model must find:", plants.len());
    let mut missed = Vec::new();
    for plant in &plants {
        match must_fail(plant, &binaries, &full) {
            Ok(time) => {
                eprintln!(
                    "  {:<24} found by {} in {:.1} s",
                    plant.bug,
                    plant.test,
                    time.as_secs_f64()
                )
            }
            Err(error) => {
                eprintln!("  {:<24} NOT FOUND by {}: {error:#}", plant.bug, plant.test);
                missed.push(plant.bug.as_str());
            }
        }
    }
    if !missed.is_empty() {
        bail!("{} planted bugs were not found: {}", missed.len(), missed.join(", "));
    }
    Ok(())
}

/// `cargo SUBCOMMAND` on the package, with the flags that switch to loom.
fn cargo<const N: usize>(args: [&str; N]) -> Run {
    let [subcommand, rest @ ..] = &args[..] else { unreachable!("called with a subcommand") };
    Run::cargo()
        .args([subcommand, "--release", "--package", PACKAGE])
        .args(rest)
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", place::target_for("loom"))
}

/// Builds every test binary; their paths by name.
fn build() -> Result<BTreeMap<String, PathBuf>> {
    let messages =
        cargo(["test", "--no-run", "--message-format=json-render-diagnostics"]).read()?;
    let mut binaries = BTreeMap::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line).context("a message of cargo")?;
        if message["profile"]["test"] != true {
            continue;
        }
        if let (Some(name), Some(path)) =
            (message["target"]["name"].as_str(), message["executable"].as_str())
        {
            binaries.insert(name.to_owned(), path.into());
        }
    }
    Ok(binaries)
}

fn models(preemptions: &str) -> Result<()> {
    cargo(["test", "--tests"]).env(PREEMPTIONS, preemptions).run()
}

/// A bug, and the model that has to find it.
#[derive(Debug, PartialEq, Eq)]
struct Plant {
    bug: String,
    binary: String,
    test: String,
}

fn plants_of(printed: &str) -> Result<Vec<Plant>> {
    let mut plants = Vec::new();
    for line in printed.lines().filter(|line| !line.trim().is_empty()) {
        let fields: Vec<_> = line.split('\t').collect();
        let [bug, binary, test] = fields[..] else {
            bail!("`plants` printed a line that is not bug, binary, test: {line:?}");
        };
        plants.push(Plant { bug: bug.into(), binary: binary.into(), test: test.into() });
    }
    if plants.is_empty() {
        bail!("`plants` printed nothing: no model has been shown to find anything");
    }
    Ok(plants)
}

/// Runs the model with the bug awake. It has to fail, and by its own verdict: a test that is not
/// there, a crash or a hang prove nothing.
fn must_fail(
    plant: &Plant,
    binaries: &BTreeMap<String, PathBuf>,
    preemptions: &str,
) -> Result<Duration> {
    let Some(binary) = binaries.get(&plant.binary) else {
        let names: Vec<_> = binaries.keys().map(String::as_str).collect();
        bail!("there is no test binary `{}`, only {}", plant.binary, names.join(", "));
    };
    let log = place::target_for("loom").join("plants").join(format!("{}.log", plant.bug));
    let started = Instant::now();
    let ended = Run::new(binary)
        .args(["--exact", &plant.test, "--test-threads", "1"])
        .env("LARDER_PLANT", &plant.bug)
        .env(PREEMPTIONS, preemptions)
        .log_within(&log, PLANT_LIMIT)?;
    let took = started.elapsed();
    let output = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let Ended::Exited(status) = ended else {
        bail!("not found within {} s (see {})", PLANT_LIMIT.as_secs(), log.display());
    };
    match verdict(&output) {
        Verdict::OneFailed | Verdict::Deadlock if !status.success() => Ok(took),
        Verdict::OnePassed => bail!("went unnoticed: the model passes (see {})", log.display()),
        Verdict::NoneRun => bail!("`{}` has no such test, or ignores it", plant.binary),
        Verdict::OneFailed | Verdict::Deadlock | Verdict::Unclear => {
            bail!("no verdict, {status}:\n{}", last_lines(&output, &log))
        }
    }
}

/// What libtest says about a run of one test.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    OneFailed,
    OnePassed,
    NoneRun,
    /// Loom says that no thread could go on. What unwinds then uses loom outside of a model, so the
    /// process aborts and libtest says nothing.
    Deadlock,
    /// It ended before it said anything.
    Unclear,
}

fn verdict(output: &str) -> Verdict {
    let Some(line) = output.lines().rev().find(|line| line.starts_with("test result: ")) else {
        let deadlock = output.lines().any(|line| line.starts_with("deadlock; threads = "));
        return if deadlock { Verdict::Deadlock } else { Verdict::Unclear };
    };
    if line.contains(" 0 passed; 1 failed;") {
        Verdict::OneFailed
    } else if line.contains(" 1 passed; 0 failed;") {
        Verdict::OnePassed
    } else {
        Verdict::NoneRun
    }
}

fn last_lines(output: &str, log: &Path) -> String {
    let lines: Vec<_> = output.lines().collect();
    let from = lines.len().saturating_sub(30);
    format!("{}\n(all of it in {})", lines[from..].join("\n"), log.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_failed_test_is_a_find() {
        let result = |counts: &str| {
            verdict(&format!("running\n\ntest result: {counts}; 0 measured; 9 filtered out\n\n"))
        };
        assert_eq!(result("FAILED. 0 passed; 1 failed; 0 ignored"), Verdict::OneFailed);
        assert_eq!(result("ok. 1 passed; 0 failed; 0 ignored"), Verdict::OnePassed);
        assert_eq!(result("ok. 0 passed; 0 failed; 0 ignored"), Verdict::NoneRun);
        assert_eq!(result("ok. 0 passed; 0 failed; 1 ignored"), Verdict::NoneRun);
        assert_eq!(verdict("thread 'x' panicked\nstack overflow"), Verdict::Unclear);
        assert_eq!(verdict("x panicked\ndeadlock; threads = [..]\nabort"), Verdict::Deadlock);
    }

    #[test]
    fn plants_are_three_fields_a_line() {
        let plant = |bug: &str, binary: &str, test: &str| Plant {
            bug: bug.into(),
            binary: binary.into(),
            test: test.into(),
        };
        assert_eq!(
            plants_of("lost-wakeup\tmodels\tring::pop\nb\tm\tt\n").unwrap(),
            [plant("lost-wakeup", "models", "ring::pop"), plant("b", "m", "t")]
        );
        assert!(plants_of("").is_err());
        assert!(plants_of("bug models ring::pop\n").is_err());
    }
}
