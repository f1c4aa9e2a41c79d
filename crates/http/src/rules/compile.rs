//! What the service works with: a rule whose settings have been checked and put into the form in which they are used.

use super::{
    Audience, CacheRef, Found, Query, Rule, RuleProblem, SessionCookies,
    template::{Template, Wrong},
};
use crate::{User, key, semantics::Lifetimes};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use siphasher::sip::SipHasher13;
use std::{
    hash::{Hash, Hasher},
    ops::RangeInclusive,
    time::Duration,
};

/// What the keys of a rule's responses are made of.
#[derive(Clone, Debug)]
pub(crate) struct KeyShape {
    /// A hash of all the others: two rules that make keys of other parts do not find each other's.
    pub(crate) id: u64,
    pub(crate) audience: Audience,
    pub(crate) session_cookies: SessionCookies,
    pub(crate) query: Query,
    /// Those that are trusted, too.
    pub(crate) headers: Vec<HeaderName>,
    pub(crate) trusted: Vec<HeaderName>,
    pub(crate) cookies: Vec<String>,
    pub(crate) normalize_paths: bool,
}

/// A rule, checked.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) methods: Methods,
    pub(crate) cache: CacheRef,
    pub(crate) key: KeyShape,
    pub(crate) ignore_client_directives: bool,
    pub(crate) downstream: Option<HeaderValue>,
    pub(crate) max_body: usize,
    pub(crate) max_entries: Option<u64>,
    pub(crate) max_error_entries: u64,
    pub(crate) max_variants: u32,
    pub(crate) coalesce_wait: Duration,
    /// Of the statuses that [`Rule::ttl`] speaks of.
    usual: Lifetimes,
    /// Of those that nothing speaks of.
    other: Lifetimes,
    single: Vec<(StatusCode, Lifetimes)>,
    tags: Vec<Template>,
    invalidates: Vec<Template>,
    invalidates_paths: Vec<Template>,
}

/// Which methods a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Methods {
    All,
    These(Vec<Method>),
}

impl Methods {
    pub(super) fn overlap(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::These(these), Self::These(others)) => these.iter().any(|it| others.contains(it)),
            _ => true,
        }
    }
}

impl Compiled {
    /// Returns what the rule says of the freshness of responses with this status.
    pub(crate) fn lifetimes(&self, status: StatusCode) -> &Lifetimes {
        match self.single.iter().find(|(single, _)| *single == status) {
            Some((_, lifetimes)) => lifetimes,
            None if matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308) => &self.usual,
            None => &self.other,
        }
    }

    /// Returns the tags of a response.
    pub(crate) fn tags<'t>(
        &'t self,
        found: &'t Found<'_, '_>,
        user: Option<&'t User>,
    ) -> impl Iterator<Item = String> {
        self.tags.iter().filter_map(move |tag| tag.render(found, user))
    }

    /// Returns the tags that a change invalidates.
    pub(crate) fn invalidates<'t>(
        &'t self,
        found: &'t Found<'_, '_>,
        user: Option<&'t User>,
    ) -> impl Iterator<Item = String> {
        self.invalidates.iter().filter_map(move |tag| tag.render(found, user))
    }

    /// Returns the paths that a change invalidates, beside its own.
    pub(crate) fn invalidates_paths<'t>(
        &'t self,
        found: &'t Found<'_, '_>,
        user: Option<&'t User>,
    ) -> impl Iterator<Item = String> {
        self.invalidates_paths.iter().filter_map(move |path| path.render(found, user))
    }
}

const YEARS: u64 = 3650 * 24 * 3600;
const TTL: &str = "a duration from 1 s to 3650 days";

/// A rule on its way.
pub(super) struct Compiler<'a> {
    rule: &'a Rule,
    name: String,
    problems: &'a mut Vec<RuleProblem>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(rule: &'a Rule, problems: &'a mut Vec<RuleProblem>) -> Self {
        Self { rule, name: rule.name_or_path(), problems }
    }

    fn problem(
        &mut self,
        field: &'static str,
        value: impl Into<String>,
        reason: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        self.problems.push(RuleProblem {
            rule: self.name.clone(),
            field,
            value: value.into(),
            reason: reason.into(),
            allowed: allowed.into(),
        });
    }

    /// Returns the rule if nothing was wrong with it, or nothing that would hide what is wrong with others.
    pub(super) fn compile(mut self, trusted: &[String]) -> Compiled {
        let rule = self.rule;
        self.check_name();
        let parameters = self.parameters();
        let methods = self.methods();
        let key = self.key_shape(trusted);
        self.check_times();
        let targeted = self.field_names("targeted_fields", &rule.targeted);
        let of = |ttl: Option<Duration>| Lifetimes {
            override_ttl: ttl.filter(|_| rule.override_ttl),
            default_ttl: ttl,
            heuristics: rule.heuristics,
            stale_while_revalidate: rule.stale_while_revalidate,
            stale_if_error: rule.stale_if_error,
            targeted: targeted.clone(),
            strip_set_cookie: rule.strip_set_cookie,
        };
        let single = rule.status_ttls.iter().filter_map(|(status, ttl)| {
            Some((StatusCode::from_u16(*status).ok()?, of(Some(*ttl))))
        });
        Compiled {
            usual: of(rule.ttl),
            other: of(None),
            single: single.collect(),
            tags: self.templates("tags", &rule.tags, &parameters, Template::tag),
            invalidates: self.templates(
                "invalidates",
                &rule.invalidates,
                &parameters,
                Template::tag,
            ),
            invalidates_paths: self.templates(
                "invalidates_paths",
                &rule.invalidates_paths,
                &parameters,
                Template::path,
            ),
            downstream: self.downstream(),
            max_body: self.max_body(),
            max_variants: self.max_variants(),
            path: rule.path.clone(),
            methods,
            cache: self.cache(),
            key,
            ignore_client_directives: rule.ignore_client_directives,
            max_entries: rule.max_entries,
            max_error_entries: rule.max_error_entries,
            coalesce_wait: rule.coalesce_wait,
            name: self.name,
        }
    }

    fn check_name(&mut self) {
        let Some(name) = &self.rule.name else { return };
        let is_of_name =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
        if !(1..=64).contains(&name.len())
            || !name.starts_with(|c: char| c.is_ascii_lowercase())
            || !name.chars().all(is_of_name)
        {
            self.problem(
                "name",
                format!("{name:?}"),
                "it is no name for a rule",
                "1 to 64 of a-z, 0-9, '_', '-' and '.', the first of them a letter",
            );
        }
    }

    /// The names of the path's parameters.
    fn parameters(&mut self) -> Vec<String> {
        const ALLOWED: &str = "a path such as \"/articles/{id}\" or \"/files/{*rest}\"";
        let path = self.rule.path.as_str();
        let mut router = matchit::Router::new();
        let reason = if !path.starts_with('/') {
            "it does not begin with '/'".to_owned()
        } else if let Err(error) = router.insert(path, ()) {
            match error {
                matchit::InsertError::InvalidParamSegment => {
                    "a segment has more than one parameter"
                }
                matchit::InsertError::InvalidParam => {
                    "a parameter has no name, or a brace no partner"
                }
                matchit::InsertError::InvalidCatchAll => {
                    "only the end of a path can be a catch-all"
                }
                _ => "it is no pattern",
            }
            .to_owned()
        } else {
            let names = names_of(path);
            let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
            match twice {
                None if !names.iter().any(|name| name == "user") => return names,
                None => "{user} is the verified user".to_owned(),
                Some((_, name)) => format!("it has two parameters {{{name}}}"),
            }
        };
        self.problem("path", format!("{path:?}"), reason, ALLOWED);
        Vec::new()
    }

    fn methods(&mut self) -> Methods {
        const ALLOWED: &str = "a list of methods such as GET and POST";
        let Some(named) = &self.rule.methods else { return Methods::All };
        if named.is_empty() {
            self.problem("methods", "[]", "it is empty", ALLOWED);
        }
        let mut methods: Vec<Method> = Vec::new();
        for name in named {
            match Method::from_bytes(name.as_bytes()) {
                Ok(method) if !name.bytes().any(|byte| byte.is_ascii_lowercase()) => {
                    methods.push(method);
                }
                Ok(_) => {
                    self.problem("methods", format!("{name:?}"), "it is in small letters", ALLOWED)
                }
                Err(_) => self.problem("methods", format!("{name:?}"), "it is no method", ALLOWED),
            }
        }
        let gets = methods.contains(&Method::GET);
        if methods.contains(&Method::HEAD) && !gets {
            let reason = "HEAD is answered from what GET has stored";
            self.problem("methods", "\"HEAD\"", reason, "HEAD together with GET");
        }
        if gets && !methods.contains(&Method::HEAD) {
            methods.push(Method::HEAD);
        }
        let is_safe = |method: &Method| method.is_safe();
        let changes = !self.rule.invalidates.is_empty() || !self.rule.invalidates_paths.is_empty();
        if !methods.is_empty() && methods.iter().all(is_safe) && changes {
            let field =
                if self.rule.invalidates.is_empty() { "invalidates_paths" } else { "invalidates" };
            let value = format!("{named:?}");
            let reason = "none of the rule's methods changes anything";
            self.problem(field, value, reason, "methods such as POST, or a rule for all methods");
        }
        Methods::These(methods)
    }

    fn cache(&mut self) -> CacheRef {
        self.rule.cache.clone()
    }

    fn check_times(&mut self) {
        const GRACE: &str = "a duration up to 3650 days";
        let rule = self.rule;
        self.check_time("ttl", rule.ttl, 1..=YEARS, TTL);
        self.check_time("stale_while_revalidate", rule.stale_while_revalidate, 0..=YEARS, GRACE);
        self.check_time("stale_if_error", rule.stale_if_error, 0..=YEARS, GRACE);
        self.check_time(
            "coalesce_wait",
            Some(rule.coalesce_wait),
            0..=3600,
            "a duration up to 1 h",
        );
        for (status, ttl) in &rule.status_ttls {
            self.check_time("statuses", Some(*ttl), 1..=YEARS, TTL);
            let reason = match status {
                206 => "a part of a response is not stored",
                304 => "it says that something else is to be used",
                200..=599 => continue,
                _ => "it is not the status of a final response",
            };
            self.problem("statuses", status.to_string(), reason, "200 to 599, but for 206 and 304");
        }
        if rule.override_ttl && rule.ttl.is_none() && rule.status_ttls.is_empty() {
            let reason = "the rule has no ttl that could count more than the response's";
            self.problem("override_ttl", "true", reason, "a rule with ttl or statuses");
        }
    }

    fn check_time(
        &mut self,
        field: &'static str,
        time: Option<Duration>,
        seconds: RangeInclusive<u64>,
        allowed: &str,
    ) {
        if let Some(time) = time.filter(|time| !seconds.contains(&time.as_secs())) {
            self.problem(field, format!("{time:?}"), "it is out of range", allowed);
        }
    }

    fn key_shape(&mut self, trusted: &[String]) -> KeyShape {
        let rule = self.rule;
        if rule.both_audiences {
            let reason = "the rule is shared by everybody, too";
            self.problem("per_user", "true", reason, "one of per_user and shared");
        }
        let mut headers = self.field_names("vary_headers", &rule.vary_headers);
        for name in &headers {
            let (reason, allowed) = match name.as_str() {
                "authorization" | "proxy-authorization" | "cookie" => (
                    "it carries credentials",
                    "other fields; users are told apart by per_user, cookies by vary_cookies",
                ),
                "host"
                | "range"
                | "if-range"
                | "if-match"
                | "if-none-match"
                | "if-modified-since"
                | "if-unmodified-since"
                | "cache-control"
                | "pragma" => ("the cache itself looks after it", "other fields of requests"),
                name if key::is_override(name) => (
                    "anybody can send it",
                    "other fields; those that a proxy sets are named in trusted_headers",
                ),
                _ => continue,
            };
            self.problem("vary_headers", format!("{:?}", name.as_str()), reason, allowed);
        }
        let of_all = self.field_names("trusted_headers", trusted);
        let own = self.field_names("trusted_headers", &rule.trusted_headers);
        let trusted: Vec<_> = of_all.into_iter().chain(own).collect();
        headers.extend(trusted.iter().cloned());
        headers.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        headers.dedup();
        let mut cookies = rule.vary_cookies.clone();
        cookies.sort();
        cookies.dedup();
        let mut query = rule.query.clone();
        if let Query::Only(names) | Query::Ignore(names) = &mut query {
            names.sort();
            names.dedup();
        }
        self.check_cookie_names("vary_cookies", &cookies);
        if let SessionCookies::Named(names) = &rule.session_cookies {
            self.check_cookie_names("session_cookies", names);
        }
        let mut shape = KeyShape {
            id: 0,
            audience: rule.audience,
            session_cookies: rule.session_cookies.clone(),
            query,
            headers,
            trusted,
            cookies,
            normalize_paths: rule.normalize_paths,
        };
        shape.id = shape.hash();
        shape
    }

    fn check_cookie_names(&mut self, field: &'static str, names: &[String]) {
        // Names of cookies are tokens, as those of fields are.
        for name in names.iter().filter(|it| HeaderName::from_bytes(it.as_bytes()).is_err()) {
            let reason = "no cookie can have this name";
            self.problem(field, format!("{name:?}"), reason, "names of cookies");
        }
    }

    fn field_names(&mut self, field: &'static str, names: &[String]) -> Vec<HeaderName> {
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            match HeaderName::from_bytes(name.as_bytes()) {
                Ok(name) => fields.push(name),
                Err(_) => {
                    let reason = "it is no name of a header field";
                    self.problem(field, format!("{name:?}"), reason, "names of header fields");
                }
            }
        }
        fields
    }

    fn templates(
        &mut self,
        field: &'static str,
        texts: &[String],
        parameters: &[String],
        read: fn(&str, &[String]) -> Result<Template, Wrong>,
    ) -> Vec<Template> {
        let mut templates = Vec::with_capacity(texts.len());
        for text in texts {
            match read(text, parameters) {
                Ok(template) => templates.push(template),
                Err(Wrong { reason, allowed }) => {
                    self.problem(field, format!("{text:?}"), reason, allowed);
                }
            }
        }
        templates
    }

    fn downstream(&mut self) -> Option<HeaderValue> {
        let text = self.rule.downstream.as_deref()?;
        match HeaderValue::from_str(text) {
            Ok(value) => Some(value),
            Err(_) => {
                let reason = "it is no value of a header field";
                let allowed = "directives such as \"private, max-age=0\"";
                self.problem("downstream", format!("{text:?}"), reason, allowed);
                None
            }
        }
    }

    fn max_body(&mut self) -> usize {
        let bytes = self.rule.max_body;
        // Entries weigh less than 4 GiB.
        if bytes > 1 << 31 {
            self.problem("max_body", bytes.to_string(), "it is too large", "up to 2 GiB");
        }
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    fn max_variants(&mut self) -> u32 {
        let variants = self.rule.max_variants;
        if !(1..=1000).contains(&variants) {
            self.problem("max_variants", variants.to_string(), "it is out of range", "1 to 1000");
        }
        variants
    }
}

impl KeyShape {
    fn hash(&self) -> u64 {
        let mut hasher = SipHasher13::new();
        let Self {
            id: _,
            audience,
            session_cookies,
            query,
            headers,
            trusted,
            cookies,
            normalize_paths,
        } = self;
        (audience, session_cookies, query, headers, trusted, cookies, normalize_paths)
            .hash(&mut hasher);
        hasher.finish()
    }
}

/// The names of a pattern's parameters; the pattern has been found right.
fn names_of(path: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = path.replace("{{", "").replace("}}", "");
    while let Some((_, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        names.push(name.trim_start_matches('*').to_owned());
        rest = after.to_owned();
    }
    names
}
