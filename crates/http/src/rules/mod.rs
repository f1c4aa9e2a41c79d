//! Rules: what is cached, for how long, for whom, and what changes make of it.

mod built_in;
mod compile;
mod compiled;
#[cfg(feature = "config")]
mod config;
mod error;
mod rule;
mod template;

#[cfg(feature = "config")]
pub use config::config;
pub use error::{RuleProblem, RulesError};
pub use rule::{CacheRef, Rule};
pub use template::tag_value;

pub(crate) use compiled::{Compiled, KeyShape};
pub(crate) use rule::{Audience, SessionCookies};

use crate::key::{Known, canonical_path};
use compile::Compiler;
use compiled::Methods;
use http::{Method, uri::Scheme};
#[cfg(any(test, feature = "config"))]
use larder::manager::CacheManager;
use matchit::Params;
use std::{fmt, sync::Arc};

/// All rules of a layer, checked.
///
/// The most specific rule counts whose pattern fits the path and which is for the method. Which is
/// the more specific, the patterns say from left to right, exactly as in axum's router: text comes
/// before a parameter or a catch-all. Two patterns that overlap and have parameters or catch-alls
/// in the same place and the same text before them, as `/a/{id}`, `/a/{name}` and `/a/{*rest}`
/// have, are equally specific; if they are for the same method, building the rules fails and names
/// both.
///
/// `Rules::default()` are the rules of a URL shortener:
///
/// | name | path | cache | fresh for | for | a change takes |
/// |---|---|---|---|---|---|
/// | `urls` | `/api/urls/` | url | 5 min | each user | the user's lists, statistics, analytics |
/// | `stats` | `/api/urls/stats/` | analytics | 15 min | each user | the same |
/// | `analytics` | `/api/urls/analytics/` | analytics | 15 min | each user | the same |
/// | `profile` | `/api/users/profile/` | user | 30 min | each user | the user's profile |
/// | `redirect` | `/api/urls/redirect/{code}/` | url | 1 h, 302 and 307 too | everybody | the redirect, and as above |
/// | `change`, `change-part` | `/api/urls/{code}/`, and below | | | | the redirect of the code, and as above |
///
/// ```
/// use larder_http::{Rule, Rules};
/// use std::time::Duration;
///
/// let rules = Rules::builder()
///     .rule(Rule::new("/articles/").ttl(Duration::from_secs(30)))
///     .rule(Rule::new("/articles/{id}").ttl(Duration::from_secs(300)))
///     .build()?;
/// assert_eq!(rules.names().collect::<Vec<_>>(), ["/articles/", "/articles/{id}"]);
/// # Ok::<(), larder_http::RulesError>(())
/// ```
#[derive(Clone)]
pub struct Rules {
    rules: Vec<Arc<Compiled>>,
    /// Of GET, and HEAD, which has the same.
    get: Router,
    /// Of the methods that any rule names.
    named: Vec<(Method, Router)>,
    /// Of all others.
    other: Router,
    scheme: Known,
    /// What is said of all rules, here or by a layer around them.
    common: Common,
    /// What the program says, which configurations change.
    program: Arc<RulesBuilder>,
}

/// Numbers of rules.
type Router = matchit::Router<usize>;

fn has_other_rule(router: &Router, index: usize, path: &str) -> bool {
    let canonical = canonical_path(path);
    let is_other = |path: String| router.at(&path).ok().is_none_or(|found| *found.value != index);
    canonical.is_some_and(is_other)
}

/// The rule that counts for a request.
#[derive(Clone)]
pub(crate) struct Found<'r, 'p> {
    pub(crate) rule: &'r Arc<Compiled>,
    /// The rule's place in [`Rules::all`].
    pub(crate) index: usize,
    params: Params<'r, 'p>,
}

impl Found<'_, '_> {
    /// Returns a parameter of the path, encoded as it came.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::builder().built_in().build().expect("what is built in is right")
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.rules).finish()
    }
}

impl Rules {
    /// Returns a builder without rules.
    pub fn builder() -> RulesBuilder {
        RulesBuilder::default()
    }

    /// Returns the names of all rules, in the order in which they were said.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// Checks that a manager has the caches that rules name.
    #[cfg(any(test, feature = "config"))]
    pub(crate) fn check_caches(&self, manager: &CacheManager) -> Result<(), RulesError> {
        let missing = self.rules.iter().filter_map(|rule| {
            let unknown = manager.get_cache(rule.cache.name()).err()?;
            Some(RuleProblem {
                rule: rule.name.clone(),
                field: "cache",
                value: format!("{:?}", unknown.name),
                reason: "the manager has no such cache".to_owned(),
                allowed: format!("one of {}", unknown.known.join(", ")),
            })
        });
        let problems: Vec<_> = missing.collect();
        if problems.is_empty() { Ok(()) } else { Err(RulesError { problems }) }
    }

    /// Returns the same rules beneath a layer that has others now.
    pub(crate) fn again_beneath(&self, around: &Self) -> Result<Self, RulesError> {
        self.program.as_ref().clone().beneath(around).build()
    }

    /// Returns all rules.
    pub(crate) fn all(&self) -> &[Arc<Compiled>] {
        &self.rules
    }

    /// Returns the scheme of requests that do not say theirs.
    pub(crate) fn scheme(&self) -> Known {
        self.scheme
    }

    /// Returns the rule that counts for requests with this method for this path, which is encoded
    /// as it came.
    ///
    /// Where a rule takes all spellings of a path for the same, there is none for those whose
    /// canonical one another rule is for.
    pub(crate) fn find<'r, 'p>(&'r self, method: &Method, path: &'p str) -> Option<Found<'r, 'p>> {
        let (index, params) = self.at(method, path)?;
        Some(Found { rule: &self.rules[index], index, params })
    }

    /// Returns the place in [`Rules::all`] of the rule that [`Rules::find`] finds.
    pub(crate) fn index(&self, method: &Method, path: &str) -> Option<usize> {
        self.at(method, path).map(|(index, _)| index)
    }

    #[inline]
    fn at<'r, 'p>(&'r self, method: &Method, path: &'p str) -> Option<(usize, Params<'r, 'p>)> {
        let router = self.router(method);
        let found = router.at(path).ok()?;
        let index = *found.value;
        if self.rules[index].key.normalize_paths && has_other_rule(router, index, path) {
            return None;
        }
        Some((index, found.params))
    }

    fn router(&self, method: &Method) -> &Router {
        if matches!(*method, Method::GET | Method::HEAD) {
            return &self.get;
        }
        self.named.iter().find(|(named, _)| named == method).map_or(&self.other, |(_, it)| it)
    }
}

/// Puts [`Rules`] together; comes from [`Rules::builder`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct RulesBuilder {
    rules: Vec<Rule>,
    common: Common,
}

/// What is said of all rules.
#[derive(Clone, Debug, Default)]
struct Common {
    scheme: Option<Scheme>,
    trusted_headers: Vec<String>,
}

impl RulesBuilder {
    /// Adds the rules that are built in, those of `Rules::default()`.
    pub fn built_in(mut self) -> Self {
        self.rules
            .extend(built_in::rules().into_iter().map(|rule| Rule { built_in: true, ..rule }));
        self
    }

    /// Adds a rule. Their order makes no difference.
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Sets by which scheme clients reach the service: requests of HTTP/1 do not say it. If it is
    /// known, a host with its default port is the one without a port.
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.common.scheme = Some(scheme);
        self
    }

    /// Names fields that all rules [trust](Rule::trusted_headers).
    pub fn trusted_headers<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.common.trusted_headers.extend(names.into_iter().map(Into::into));
        self
    }

    /// Says of the rules what others say of all of theirs, which are those of the layer around.
    pub(crate) fn beneath(mut self, around: &Rules) -> Self {
        self.common = around.common.clone();
        self
    }

    /// Checks all rules and puts them together.
    ///
    /// # Errors
    ///
    /// All that is wrong with them.
    pub fn build(self) -> Result<Rules, RulesError> {
        let mut problems = Vec::new();
        let enabled: Vec<_> = self.rules.iter().filter(|rule| rule.enabled).collect();
        let rules: Vec<_> = enabled
            .iter()
            .map(|rule| {
                Arc::new(Compiler::new(rule, &mut problems).compile(&self.common.trusted_headers))
            })
            .collect();
        let scheme = self.common.scheme.as_ref().map_or(Known::Unknown, Known::of);
        problems.extend(twice(&rules));
        let routers = Routers::new(&rules, &mut problems);
        match problems.is_empty() {
            true => Ok(routers.rules(rules, scheme, self)),
            false => Err(RulesError { problems }),
        }
    }
}

/// A router for each method that makes a difference.
struct Routers {
    get: Router,
    named: Vec<(Method, Router)>,
    other: Router,
}

impl Routers {
    fn new(rules: &[Arc<Compiled>], problems: &mut Vec<RuleProblem>) -> Self {
        let mut routers = Self { get: Router::new(), named: Vec::new(), other: Router::new() };
        for rule in rules {
            let Methods::These(methods) = &rule.methods else { continue };
            for method in methods.iter().filter(|it| !matches!(**it, Method::GET | Method::HEAD)) {
                if routers.named.iter().all(|(named, _)| named != method) {
                    routers.named.push((method.clone(), Router::new()));
                }
            }
        }
        for (number, rule) in rules.iter().enumerate() {
            let mut fits = true;
            for (method, router) in routers.all() {
                let is_for = match (&rule.methods, method) {
                    (Methods::All, _) => true,
                    (Methods::These(methods), Some(method)) => methods.contains(method),
                    (Methods::These(_), None) => false,
                };
                if is_for {
                    fits &= router.insert(rule.path.as_str(), number).is_ok();
                }
            }
            // A path that is wrong by itself has been told.
            if !fits {
                problems.extend(conflict(&rules[..number], rule));
            }
        }
        routers
    }

    fn all(&mut self) -> impl Iterator<Item = (Option<&Method>, &mut Router)> {
        let named = self.named.iter_mut().map(|(method, router)| (Some(&*method), router));
        [(Some(&Method::GET), &mut self.get), (None, &mut self.other)].into_iter().chain(named)
    }

    fn rules(self, rules: Vec<Arc<Compiled>>, scheme: Known, program: RulesBuilder) -> Rules {
        let Self { get, named, other } = self;
        let common = program.common.clone();
        Rules { rules, get, named, other, scheme, common, program: Arc::new(program) }
    }
}

/// Rules that have the name of another one.
fn twice(rules: &[Arc<Compiled>]) -> impl Iterator<Item = RuleProblem> {
    let before = |at: usize| rules[..at].iter();
    let twice = rules.iter().enumerate().filter_map(move |(at, rule)| {
        before(at).find(|other| other.name == rule.name).map(|other| (rule, other))
    });
    twice.map(|(rule, other)| RuleProblem {
        rule: rule.name.clone(),
        field: "name",
        value: format!("{:?}", rule.name),
        reason: format!("the rules for {:?} and {:?} have it both", other.path, rule.path),
        allowed: "a name of its own for each rule".to_owned(),
    })
}

/// The rule, of those before, that is as specific as this one.
fn conflict(before: &[Arc<Compiled>], rule: &Compiled) -> Option<RuleProblem> {
    let other = before.iter().find(|other| {
        let mut router = matchit::Router::new();
        other.methods.overlap(&rule.methods)
            && router.insert(other.path.as_str(), ()).is_ok()
            && router.insert(rule.path.as_str(), ()).is_err()
    })?;
    Some(RuleProblem {
        rule: rule.name.clone(),
        field: "path",
        value: format!("{:?}", rule.path),
        reason: format!(
            "neither it nor {:?} of rule {:?} is the more specific, and both are for {}",
            other.path,
            other.name,
            shared_method(&rule.methods, &other.methods),
        ),
        allowed: "one such pattern for each method".to_owned(),
    })
}

fn shared_method(one: &Methods, other: &Methods) -> String {
    match (one, other) {
        (Methods::All, Methods::All) => "all methods".to_owned(),
        (Methods::These(these), others) | (others, Methods::These(these)) => these
            .iter()
            .find(|it| match others {
                Methods::All => true,
                Methods::These(others) => others.contains(it),
            })
            .map_or_else(String::new, Method::to_string),
    }
}

#[cfg(test)]
mod tests;
