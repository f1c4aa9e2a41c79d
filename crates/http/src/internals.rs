//! What the fuzz targets and the tests with oracles see of the standards: plain functions.

use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::semantics::{
    self, Condition, Exchange, Freshness, Lifetimes, Ranged, RequestDirectives, RequestFacts,
    ResponseDirectives, Use, Validators,
    parts::{
        EntityTag, MaxStale, age_value,
        structured::{self, Bare},
    },
};

/// The directives of a response, with their names as in the standards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// Those that are there, by name.
    pub flags: Vec<&'static str>,
    /// Those that have a number, by name.
    pub seconds: Vec<(&'static str, u64)>,
    /// The fields of `private` and `no-cache`.
    pub fields: Vec<(&'static str, HeaderName)>,
}

impl Directives {
    fn of(found: ResponseDirectives) -> Self {
        let flags = [
            ("no-store", found.no_store),
            ("no-cache", found.no_cache),
            ("private", found.private),
            ("public", found.public),
            ("must-revalidate", found.must_revalidate),
            ("proxy-revalidate", found.proxy_revalidate),
            ("must-understand", found.must_understand),
            ("immutable", found.immutable),
            ("no-transform", found.no_transform),
        ];
        let seconds = [
            ("max-age", found.max_age),
            ("s-maxage", found.s_maxage),
            ("stale-while-revalidate", found.stale_while_revalidate),
            ("stale-if-error", found.stale_if_error),
        ];
        let no_cache = found.no_cache_fields.into_iter().map(|name| ("no-cache", name));
        let private = found.private_fields.into_iter().map(|name| ("private", name));
        Self {
            flags: flags.into_iter().filter(|flag| flag.1).map(|flag| flag.0).collect(),
            seconds: seconds.into_iter().filter_map(|(name, it)| Some((name, it?))).collect(),
            fields: no_cache.chain(private).collect(),
        }
    }
}

/// Reads the directives of a response.
#[must_use]
pub fn response_directives(headers: &HeaderMap) -> Directives {
    Directives::of(ResponseDirectives::of(headers))
}

/// Reads a targeted field.
#[must_use]
pub fn targeted_directives(headers: &HeaderMap, name: HeaderName) -> Option<Directives> {
    ResponseDirectives::targeted(headers, &[name]).map(Directives::of)
}

/// Reads the directives of a request.
#[must_use]
pub fn request_directives(headers: &HeaderMap) -> Directives {
    let found = RequestDirectives::of(headers);
    let any_stale = found.max_stale == Some(MaxStale::Any);
    let max_stale = match found.max_stale {
        Some(MaxStale::Within(seconds)) => Some(seconds),
        _ => None,
    };
    let flags = [
        ("no-cache", found.no_cache),
        ("no-store", found.no_store),
        ("only-if-cached", found.only_if_cached),
        ("max-stale", any_stale),
    ];
    let seconds = [
        ("max-age", found.max_age),
        ("min-fresh", found.min_fresh),
        ("stale-if-error", found.stale_if_error),
        ("max-stale", max_stale),
    ];
    Directives {
        flags: flags.into_iter().filter(|flag| flag.1).map(|flag| flag.0).collect(),
        seconds: seconds.into_iter().filter_map(|(name, it)| Some((name, it?))).collect(),
        fields: Vec::new(),
    }
}

/// Reads `Vary`: `None` stands for `*`.
#[must_use]
pub fn vary(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    match semantics::Vary::of(headers) {
        semantics::Vary::None => Some(Vec::new()),
        semantics::Vary::Any => None,
        semantics::Vary::On(names) => Some(names),
    }
}

/// Writes the secondary key of a request.
#[must_use]
pub fn secondary_key(names: &[HeaderName], headers: &HeaderMap) -> Vec<u8> {
    let mut out = Vec::new();
    semantics::write_values(names, headers, &mut out);
    out
}

/// Reads a date.
#[must_use]
pub fn parse_date(value: &[u8], now: SystemTime) -> Option<SystemTime> {
    semantics::date::parse(value, now)
}

/// Writes a date.
#[must_use]
pub fn format_date(time: SystemTime) -> HeaderValue {
    semantics::date::format(time)
}

/// Reads an entity tag: whether it is weak, and what is between the quotation marks.
#[must_use]
pub fn entity_tag(value: &[u8]) -> Option<(bool, &[u8])> {
    EntityTag::parse(value).map(|tag| (tag.weak, tag.opaque))
}

/// Makes an entity tag.
#[must_use]
pub fn make_etag(body: &[u8]) -> HeaderValue {
    semantics::make(body)
}

/// Returns whether a GET with these fields is answered with 304 from a response with those.
#[must_use]
pub fn not_modified(request: &HeaderMap, stored: &HeaderMap, received: SystemTime) -> bool {
    let validators = Validators::of(stored, received);
    let condition = semantics::evaluate(&Method::GET, request, StatusCode::OK, &validators);
    condition == Condition::NotModified
}

/// Reads `Age`.
#[must_use]
pub fn age(headers: &HeaderMap) -> u64 {
    age_value(headers)
}

/// Which part of a response a request gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Full,
    /// These bytes.
    Bytes(Range<u64>),
    /// Nothing.
    NotSatisfiable,
}

/// Selects the part of a response of this length that a GET with these fields gets.
#[must_use]
pub fn range(request: &HeaderMap, stored: &HeaderMap, length: u64, received: SystemTime) -> Part {
    let validators = Validators::of(stored, received);
    match semantics::select(&Method::GET, request, StatusCode::OK, length, &validators) {
        Ranged::Full => Part::Full,
        Ranged::Part(bytes) => Part::Bytes(bytes),
        Ranged::NotSatisfiable => Part::NotSatisfiable,
    }
}

/// Reads `Cache-Groups`.
#[must_use]
pub fn groups(headers: &HeaderMap) -> Vec<String> {
    semantics::groups_of(headers)
}

/// The value of a member of a structured field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An integer.
    Integer(i64),
    /// A string.
    String(String),
    /// A token.
    Token(String),
    /// A Boolean.
    Boolean(bool),
    /// Another type.
    Other,
}

impl Value {
    fn of(bare: Bare<'_>) -> Self {
        match bare {
            Bare::Integer(number) => Self::Integer(number),
            Bare::String(string) => Self::String(string),
            Bare::Token(token) => Self::Token(token.to_owned()),
            Bare::Boolean(flag) => Self::Boolean(flag),
            Bare::Other => Self::Other,
        }
    }
}

/// Reads a list of structured fields.
#[must_use]
pub fn list(value: &[u8]) -> Option<Vec<Value>> {
    Some(structured::list(value)?.into_iter().map(Value::of).collect())
}

/// Reads a dictionary of structured fields.
#[must_use]
pub fn dictionary(value: &[u8]) -> Option<Vec<(String, Value)>> {
    let members = structured::dictionary(value)?.into_iter();
    Some(members.map(|(key, value)| (key.to_owned(), Value::of(value))).collect())
}

/// A response that is stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored(Freshness);

impl Stored {
    /// Judges a response to a GET, with heuristic lifetimes. The error is the reason not to store
    /// it.
    ///
    /// # Errors
    ///
    /// The token of the reason.
    pub fn judge(
        request: &HeaderMap,
        status: StatusCode,
        headers: &HeaderMap,
        requested: SystemTime,
        received: SystemTime,
    ) -> Result<Self, &'static str> {
        let facts = RequestFacts {
            method: &Method::GET,
            authorized: request.contains_key("authorization"),
            no_store: RequestDirectives::of(request).no_store,
        };
        let lifetimes = Lifetimes { heuristics: true, ..Lifetimes::default() };
        let times = Exchange { requested, received };
        semantics::judge(&facts, status, headers, &lifetimes, times)
            .map(Self)
            .map_err(semantics::Refusal::reason)
    }

    /// Returns the age when this much time has passed.
    #[must_use]
    pub fn age(&self, resident: Duration) -> u64 {
        self.0.age(resident.as_secs())
    }

    /// Returns for how many more seconds the response is fresh.
    #[must_use]
    pub fn ttl(&self, resident: Duration) -> i64 {
        self.0.ttl(resident.as_secs())
    }

    /// Returns for how long the response is kept.
    #[must_use]
    pub fn keep(&self) -> Duration {
        self.0.keep()
    }

    /// Returns whether the response is the answer to a request without asking the origin.
    #[must_use]
    pub fn answers(&self, resident: Duration, request: &HeaderMap) -> bool {
        let directives = RequestDirectives::of(request);
        let answer = self.0.judge_use(resident.as_secs(), &directives, true);
        matches!(answer, Use::Fresh | Use::Stale)
    }
}
