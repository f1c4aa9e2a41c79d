//! What is wrong with rules, all of it at once.

use std::{error::Error, fmt};

/// One thing that is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule:?}: {field}: {value} does not fit: {reason}; allowed is {allowed}")]
#[non_exhaustive]
pub struct RuleProblem {
    /// The rule's name.
    pub rule: String,
    /// The setting, by its name in a file.
    pub field: &'static str,
    /// What was asked for.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
    /// What could have been.
    pub allowed: String,
}

/// Why there are no [`Rules`](super::Rules): all that is wrong with them, a line each.
///
/// ```
/// use larder_http::{Rule, Rules};
///
/// let error = Rules::builder()
///     .rule(Rule::new("/articles/{id}").tags(["article:{code}"]))
///     .rule(Rule::new("/articles/{slug}"))
///     .build()
///     .unwrap_err();
/// assert_eq!(error.problems().len(), 2);
/// println!("{error}");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RulesError {
    /// At least one.
    pub(super) problems: Vec<RuleProblem>,
}

impl RulesError {
    /// Returns all that is wrong; at least one thing.
    #[must_use]
    pub fn problems(&self) -> &[RuleProblem] {
        &self.problems
    }
}

/// As it is displayed, since this is what is seen of an error that `main` returns.
impl fmt::Debug for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl Error for RulesError {}
