//! `cargo xtask test`: the steps of CI in order, stopping at the first that fails.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::{fuzz, icount, layers, lint, loom, msrv, package, sanitize, suites, targets};

const STRESS_SECONDS: u64 = 30;
const FUZZ_SECONDS: u64 = 20;

struct Step {
    name: &'static str,
    what: &'static str,
    run: fn() -> Result<()>,
}

/// Cheap steps first: the sooner a mistake shows, the better.
const STEPS: &[Step] = &[
    Step { name: "fmt", what: "rustfmt", run: lint::fmt },
    Step { name: "crates", what: "few crates with each feature", run: lint::crates },
    Step { name: "layers", what: "imports point down", run: layers::run },
    Step { name: "clippy", what: "no warnings", run: lint::clippy },
    Step { name: "msrv", what: "the declared compiler, the oldest dependencies", run: msrv::run },
    Step { name: "test", what: "unit and integration tests", run: suites::unit_and_integration },
    Step { name: "doctest", what: "examples in the documentation", run: suites::documentation },
    Step { name: "rustdoc", what: "documentation without warnings", run: lint::rustdoc },
    Step { name: "targets", what: "other processors and systems compile", run: targets::run },
    Step { name: "package", what: "packages without warnings or broken links", run: package::run },
    Step { name: "deny", what: "licenses, sources, bans", run: lint::deny },
    Step {
        name: "progress",
        what: "stopped threads stop nobody, caches stay valid",
        run: suites::progress,
    },
    Step {
        name: "icount",
        what: "no operation takes more instructions",
        run: || icount::run(icount::Mode::Judge),
    },
    Step { name: "loom", what: "models, and planted bugs found", run: || loom::run(true) },
    Step { name: "tsan", what: "data races", run: || sanitize::tsan(STRESS_SECONDS) },
    Step { name: "asan", what: "memory errors, leaks", run: || sanitize::asan(STRESS_SECONDS) },
    Step { name: "fuzz", what: "a short run per target", run: || fuzz::run(FUZZ_SECONDS, None) },
];

pub(crate) fn list() {
    for step in STEPS {
        println!("{:<10} {}", step.name, step.what);
    }
}

/// Runs the steps named in `only`, or all.
pub(crate) fn run(only: Option<&[String]>) -> Result<()> {
    let chosen = choose(only)?;
    let mut times = Vec::new();
    for (number, step) in chosen.iter().enumerate() {
        eprintln!("\n==> [{}/{}] {}: {}", number + 1, chosen.len(), step.name, step.what);
        let started = Instant::now();
        let result = (step.run)();
        let time = started.elapsed();
        times.push((step.name, time));
        if let Err(error) = result {
            eprintln!("<== {} FAILED after {:.1} s", step.name, time.as_secs_f64());
            summary(&chosen, &times, true);
            return Err(error.context(format!(
                "step `{0}` failed; to repeat it alone: cargo xtask test --only {0}",
                step.name
            )));
        }
        eprintln!("<== {} ok in {:.1} s", step.name, time.as_secs_f64());
    }
    summary(&chosen, &times, false);
    Ok(())
}

fn choose(only: Option<&[String]>) -> Result<Vec<&'static Step>> {
    let Some(only) = only else { return Ok(STEPS.iter().collect()) };
    if let Some(unknown) = only.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        bail!("there is no step `{unknown}`; there are {}", names.join(", "));
    }
    Ok(STEPS.iter().filter(|step| only.iter().any(|name| name == step.name)).collect())
}

fn summary(chosen: &[&Step], times: &[(&str, Duration)], failed: bool) {
    eprintln!("\nsummary");
    for (number, step) in chosen.iter().enumerate() {
        let verdict = match times.get(number) {
            None => "not run".to_owned(),
            Some((_, time)) => {
                let word = if failed && number + 1 == times.len() { "FAILED" } else { "ok" };
                format!("{word:<8}{:>7.1} s", time.as_secs_f64())
            }
        };
        eprintln!("  {:<10}{verdict}", step.name);
    }
    let total: Duration = times.iter().map(|(_, time)| *time).sum();
    eprintln!("  {:<10}{:>15.1} s", "total", total.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_by_name_in_their_own_order() {
        let names = |only: &[&str]| -> Result<Vec<_>> {
            let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
            Ok(choose(Some(&only))?.iter().map(|step| step.name).collect())
        };
        assert_eq!(names(&["clippy", "fmt"]).unwrap(), ["fmt", "clippy"]);
        assert!(names(&["fmt", "clipy"]).unwrap_err().to_string().contains("clipy"));
        assert_eq!(choose(None).unwrap().len(), STEPS.len());
    }
}
