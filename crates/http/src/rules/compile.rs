//! Checks a rule, and puts it into the form in which it is used.

use super::{
    CacheRef, Rule, RuleProblem, SessionCookies,
    compiled::{Compiled, KeyShape, Methods},
    template::{Template, Wrong},
};
use crate::{
    key::{self, Query},
    semantics::Lifetimes,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use std::{ops::RangeInclusive, time::Duration};

pub(super) const PATHS: &str = "a path such as \"/articles/{id}\" or \"/files/{*rest}\"";
const YEARS: u64 = 3650 * 24 * 3600;
const TTL: &str = "a duration from 1 s to 3650 days";

const NAMES: &str = "1 to 64 of a-z, 0-9, '_', '-' and '.', the first of them a letter";

/// Whether it is a name, as caches have them.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits)
}

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

    /// Returns the rule if nothing was wrong with it, or nothing that would hide what is wrong with
    /// others.
    pub(super) fn compile(mut self, trusted: &[String]) -> Compiled {
        let rule = self.rule;
        self.check_name();
        let parameters = self.parameters();
        let parameters = parameters.as_deref();
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
            tags: self.templates("tags", &rule.tags, parameters, Template::tag),
            invalidates: self.templates(
                "invalidates",
                &rule.invalidates,
                parameters,
                Template::tag,
            ),
            invalidates_paths: self.templates(
                "invalidates_paths",
                &rule.invalidates_paths,
                parameters,
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
            compress_above: rule.compress_above,
            max_entries: rule.max_entries,
            max_error_entries: rule.max_error_entries,
            coalesce_wait: rule.coalesce_wait,
            name: self.name,
        }
    }

    fn check_name(&mut self) {
        let Some(name) = &self.rule.name else { return };
        if !is_name(name) {
            self.problem("name", format!("{name:?}"), "it is not a valid rule name", NAMES);
        }
    }

    /// The names of the path's parameters; `None` if the path is wrong.
    fn parameters(&mut self) -> Option<Vec<String>> {
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
                    "a parameter has no name, or a brace is not matched"
                }
                matchit::InsertError::InvalidCatchAll => {
                    "only the end of a path can be a catch-all"
                }
                _ => "it is not a valid pattern",
            }
            .to_owned()
        } else {
            let (names, example) = taken_apart(path);
            let twice = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name));
            if let Some((_, name)) = twice {
                format!("two parameters are named {{{name}}}")
            } else if names.iter().any(|name| name == "user") {
                "{user} is reserved for the verified user".to_owned()
            } else if key::is_canonical(&example) {
                return Some(names);
            } else {
                // Requests as it is written go past the cache, so it would be without effect.
                match key::canonical_path(&example) {
                    Some(canonical) => format!("requests write such a path as {canonical:?}"),
                    None => "no request has such a path".to_owned(),
                }
            }
        };
        self.problem("path", format!("{path:?}"), reason, PATHS);
        None
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
                    self.problem("methods", format!("{name:?}"), "it is in lower case", ALLOWED)
                }
                Err(_) => self.problem(
                    "methods",
                    format!("{name:?}"),
                    "it is not a valid method",
                    ALLOWED,
                ),
            }
        }
        let right = methods.len() == named.len();
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
        if right && !methods.is_empty() && methods.iter().all(is_safe) && changes {
            let field =
                if self.rule.invalidates.is_empty() { "invalidates_paths" } else { "invalidates" };
            let value = format!("{named:?}");
            let reason = "none of the rule's methods changes anything";
            self.problem(field, value, reason, "methods such as POST, or a rule for all methods");
        }
        Methods::These(methods)
    }

    fn cache(&mut self) -> CacheRef {
        if let CacheRef::Named(name) = &self.rule.cache
            && !is_name(name)
        {
            self.problem("cache", format!("{name:?}"), "it is not a valid cache name", NAMES);
        }
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
            if !(1..=YEARS).contains(&ttl.as_secs()) {
                let value = format!("{status} = {ttl:?}");
                self.problem("statuses", value, "it is out of range", TTL);
            }
            let reason = match status {
                206 => "a part of a response is not stored",
                304 => "it answers conditional requests only",
                200..=599 => continue,
                _ => "it is not the status of a final response",
            };
            self.problem("statuses", status.to_string(), reason, "200 to 599, but for 206 and 304");
        }
        if rule.override_ttl && rule.ttl.is_none() && rule.status_ttls.is_empty() {
            let reason = "the rule has no ttl to override with";
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
            let reason = "shared is set as well";
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
                | "pragma" => ("the cache handles it itself", "other fields of requests"),
                name if key::is_override(name) => (
                    "any client can send it",
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
                    let reason = "it is not a valid field name";
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
        parameters: Option<&[String]>,
        read: fn(&str, &[String]) -> Result<Template, Wrong>,
    ) -> Vec<Template> {
        let mut templates = Vec::with_capacity(texts.len());
        let Some(parameters) = parameters else { return templates };
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
                let reason = "it is not a valid field value";
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

/// The names of a pattern's parameters, and a path that it fits; the pattern has been found right.
fn taken_apart(pattern: &str) -> (Vec<String>, String) {
    let (mut names, mut example) = (Vec::new(), String::new());
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        let (text, after) = rest.split_at(at);
        example.push_str(text);
        let brace = &after[..1];
        rest = match after[1..].strip_prefix(brace) {
            Some(after) => {
                example.push_str(brace);
                after
            }
            None => {
                let (name, after) = after[1..].split_once('}').unwrap_or((&after[1..], ""));
                names.push(name.trim_start_matches('*').to_owned());
                example.push('x');
                after
            }
        };
    }
    example.push_str(rest);
    (names, example)
}
