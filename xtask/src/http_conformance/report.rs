//! What the suite judged, as tables and as a list of what failed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How much a test's failure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A specification is not kept.
    Required,
    /// A response that was stored could have been used.
    Optimal,
    /// Nothing: it tells which of two correct ways a cache goes.
    Check,
}

/// The suite's judgement of one test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    /// A test that this one rests on was not passed.
    DependencyFailed,
    /// Something came between before the test had begun.
    SetupFailed,
    HarnessFailed,
    /// The cache sent a request twice.
    Retried,
    Untested,
}

#[derive(Clone, Debug)]
pub(super) struct Judged {
    category: String,
    id: String,
    name: String,
    kind: Kind,
    verdict: Verdict,
    detail: String,
}

/// One server's results.
#[derive(Clone, Debug)]
pub(super) struct Results {
    pub(super) server: &'static str,
    tests: Vec<Judged>,
}

/// Passed, and all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    pub(super) passed: usize,
    pub(super) all: usize,
}

impl Score {
    pub(super) fn percent(self) -> f64 {
        100.0 * self.passed as f64 / self.all.max(1) as f64
    }
}

impl Results {
    /// From what `judge.mjs` printed. Tests that the suite runs in browsers alone are left out.
    pub(super) fn new(server: &'static str, judged: &Value) -> Result<Self> {
        let tests = judged.as_array().context("not a list of tests")?;
        let ours = tests.iter().filter(|test| test["browser_only"] != true);
        let tests = ours.map(test).collect::<Result<Vec<_>>>()?;
        if tests.is_empty() {
            bail!("the suite judged no test");
        }
        Ok(Self { server, tests })
    }

    pub(super) fn score(&self, kind: Kind) -> Score {
        self.score_where(|test| test.kind == kind)
    }

    fn score_where(&self, counts: impl Fn(&Judged) -> bool) -> Score {
        self.tests.iter().filter(|test| counts(test)).fold(Score::default(), |score, test| Score {
            passed: score.passed + usize::from(test.verdict == Verdict::Passed),
            all: score.all + 1,
        })
    }

    /// Each required or optimal test that is not passed, the required ones first.
    pub(super) fn failures(&self) -> String {
        let mut failed: Vec<_> = self
            .tests
            .iter()
            .filter(|test| test.kind != Kind::Check && test.verdict != Verdict::Passed)
            .collect();
        failed.sort_by_key(|test| test.kind);
        let mut text = String::new();
        for Judged { category, id, name, kind, verdict, detail } in failed {
            let _ =
                writeln!(text, "{kind:?} {verdict:?}: {category} / {id}\n    {name}\n    {detail}");
        }
        text
    }
}

/// A row per category and a column per kind and server.
pub(super) fn table(results: &[Results]) -> String {
    let mut categories: Vec<&str> = Vec::new();
    for test in results.iter().flat_map(|results| &results.tests) {
        if !categories.contains(&test.category.as_str()) {
            categories.push(&test.category);
        }
    }
    let mut text = format!("{:<20}", "");
    for kind in [Kind::Required, Kind::Optimal, Kind::Check] {
        for results in results {
            let _ = write!(text, "{:>17}", format!("{kind:?} {}", results.server).to_lowercase());
        }
    }
    text.push('\n');
    let row = |name: &str, score: &dyn Fn(&Results, Kind) -> Score| {
        let mut row = format!("{name:<20}");
        for kind in [Kind::Required, Kind::Optimal, Kind::Check] {
            for results in results {
                let Score { passed, all } = score(results, kind);
                let cell = if all == 0 { "-".to_owned() } else { format!("{passed}/{all}") };
                let _ = write!(row, "{cell:>17}");
            }
        }
        row + "\n"
    };
    for category in categories {
        text += &row(category, &|results, kind| {
            results.score_where(|test| test.kind == kind && test.category == category)
        });
    }
    text += &row("total", &Results::score);
    for results in results {
        let [required, optimal] = [Kind::Required, Kind::Optimal].map(|kind| results.score(kind));
        let _ = writeln!(
            text,
            "{}: {:.1} % of {} required, {:.1} % of {} optimal; {}",
            results.server,
            required.percent(),
            required.all,
            optimal.percent(),
            optimal.all,
            verdicts(results)
        );
    }
    text
}

/// How often each verdict came, which tells a proxy that breaks the harness from one that fails.
fn verdicts(results: &Results) -> String {
    let mut counts = BTreeMap::new();
    for test in &results.tests {
        *counts.entry(format!("{:?}", test.verdict)).or_insert(0) += 1;
    }
    let counts: Vec<_> =
        counts.iter().map(|(verdict, count)| format!("{verdict} {count}")).collect();
    counts.join(", ")
}

fn test(judged: &Value) -> Result<Judged> {
    let text = |field: &str| {
        let value = judged[field].as_str().with_context(|| format!("no {field} in {judged}"))?;
        Ok::<_, anyhow::Error>(value.to_owned())
    };
    let kind = match text("kind")?.as_str() {
        "required" => Kind::Required,
        "optimal" => Kind::Optimal,
        "check" => Kind::Check,
        unknown => bail!("unknown kind of test `{unknown}`"),
    };
    // The symbols that the suite's command line prints.
    let verdict = match text("verdict")?.as_str() {
        "✅" | "Y" => Verdict::Passed,
        "⛔️" | "⚠️" | "N" => Verdict::Failed,
        "⚪️" => Verdict::DependencyFailed,
        "🔹" => Verdict::SetupFailed,
        "⁉️" => Verdict::HarnessFailed,
        "↻" => Verdict::Retried,
        "-" => Verdict::Untested,
        unknown => bail!("unknown verdict `{unknown}`"),
    };
    let [category, id, name, detail] =
        [text("category")?, text("id")?, text("name")?, text("detail")?];
    Ok(Judged { category, id, name, kind, verdict, detail })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(id: &str, kind: &str, verdict: &str, browser_only: bool) -> Value {
        json!({ "category": "stale", "id": id, "name": id, "kind": kind, "verdict": verdict,
            "browser_only": browser_only, "detail": "" })
    }

    fn results() -> Results {
        let tests = json!([
            judged("kept", "required", "✅", false),
            judged("broken", "required", "⛔️", false),
            judged("rests-on-broken", "required", "⚪️", false),
            judged("browsers", "required", "-", true),
            judged("missed", "optimal", "⚠️", false),
            judged("other-way", "check", "N", false),
        ]);
        Results::new("larder", &tests).unwrap()
    }

    #[test]
    fn only_what_the_suite_calls_passed_counts() {
        let results = results();
        assert_eq!(results.score(Kind::Required), Score { passed: 1, all: 3 });
        assert_eq!(results.score(Kind::Optimal), Score { passed: 0, all: 1 });
        assert_eq!(results.score(Kind::Check), Score { passed: 0, all: 1 });
    }

    #[test]
    fn failures_name_required_and_optimal_tests_alone() {
        let failures = results().failures();
        for id in ["broken", "rests-on-broken", "missed"] {
            assert!(failures.contains(&format!("stale / {id}\n")), "{failures}");
        }
        for id in ["kept", "browsers", "other-way"] {
            assert!(!failures.contains(&format!("stale / {id}\n")), "{failures}");
        }
    }

    #[test]
    fn unknown_words_are_refused() {
        let tests = json!([judged("odd", "required", "?", false)]);
        assert!(Results::new("larder", &tests).is_err());
        assert!(Results::new("larder", &json!([judged("odd", "vital", "✅", false)])).is_err());
        assert!(Results::new("larder", &json!([])).is_err());
    }
}
