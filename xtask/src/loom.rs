//! The models of every protocol, and the proof that they can fail.
//!
//! A model that passes says little unless it would have failed on a wrong protocol. So the engine
//! carries planted bugs, each woken by `LARDER_PLANT=<bug>`, and for each one a model has to fail.
//! `larder-loom-tests` knows which: its binary `plants` prints lines of
//! `bug<TAB>test binary<TAB>exact name of the test`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{env, fmt, fs, thread};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{Ended, Run};
use crate::{place, tools};

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
    let missed = missed_of(&plants, &binaries, &full);
    if !missed.is_empty() {
        bail!("{} planted bugs were not found: {}", missed.len(), missed.join(", "));
    }
    Ok(())
}

/// Runs the models of all planted bugs, as many at once as there are processors, and returns the
/// bugs that were not found.
fn missed_of<'p>(
    plants: &'p [Plant],
    binaries: &BTreeMap<String, PathBuf>,
    full: &str,
) -> Vec<&'p str> {
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        // Relaxed: only the number counts.
        while let Some(plant) = plants.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Plant { bug, test, .. } = plant;
            match must_fail(plant, binaries, full) {
                Ok(found) => eprintln!("  {bug:<24} found by {test} {found}"),
                Err(error) => {
                    eprintln!("  {bug:<24} NOT FOUND by {test}: {error:#}");
                    missed.lock().expect("no worker panics under it").push(bug.as_str());
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    missed.into_inner().expect("no worker panics under it")
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

/// Runs all models, those that take longest first (`.config/nextest.toml`), and prints the time of
/// each.
fn models(preemptions: &str) -> Result<()> {
    tools::cargo_subcommand("nextest")?;
    Run::cargo()
        .args(["nextest", "run", "--profile", "loom", "--cargo-profile", "release"])
        .args(["--package", PACKAGE, "--tests", "--no-fail-fast"])
        .env("RUSTFLAGS", FLAGS)
        .env("CARGO_TARGET_DIR", place::target_for("loom"))
        .env(PREEMPTIONS, preemptions)
        .run()
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

/// How a planted bug was found.
struct Found {
    preemptions: String,
    took: Duration,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { preemptions, took } = self;
        write!(f, "in {:.1} s, with {preemptions} preemptions", took.as_secs_f64())
    }
}

/// Runs the model with the bug awake, first with few preemptions, and with all of them if these do
/// not find it.
fn must_fail(plant: &Plant, binaries: &BTreeMap<String, PathBuf>, full: &str) -> Result<Found> {
    let started = Instant::now();
    let mut preemptions = vec![PREEMPTIONS_QUICK, full];
    preemptions.dedup();
    for preemptions in preemptions {
        if finds(plant, binaries, preemptions)? {
            return Ok(Found { preemptions: preemptions.to_owned(), took: started.elapsed() });
        }
    }
    bail!("went unnoticed: the model passes with {full} preemptions")
}

/// Runs the model with the bug awake, and returns whether it has failed by its own verdict: a test
/// that is not there, a crash or a hang prove nothing.
fn finds(plant: &Plant, binaries: &BTreeMap<String, PathBuf>, preemptions: &str) -> Result<bool> {
    let Some(binary) = binaries.get(&plant.binary) else {
        let names: Vec<_> = binaries.keys().map(String::as_str).collect();
        bail!("there is no test binary `{}`, only {}", plant.binary, names.join(", "));
    };
    let name = format!("{}-{}.log", plant.bug, plant.test);
    let log = place::target_for("loom").join("plants").join(name);
    let ended = Run::new(binary)
        .args(["--exact", &plant.test, "--test-threads", "1"])
        .env("LARDER_PLANT", &plant.bug)
        .env(PREEMPTIONS, preemptions)
        .log_within(&log, PLANT_LIMIT)?;
    let output = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let Ended::Exited(status) = ended else {
        bail!("not found within {} s (see {})", PLANT_LIMIT.as_secs(), log.display());
    };
    match verdict(&output) {
        Verdict::OneFailed | Verdict::Deadlock if !status.success() => Ok(true),
        Verdict::OnePassed if status.success() => Ok(false),
        Verdict::NoneRun => bail!("`{}` has no such test, or ignores it", plant.binary),
        Verdict::OneFailed | Verdict::OnePassed | Verdict::Deadlock | Verdict::Unclear => {
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
