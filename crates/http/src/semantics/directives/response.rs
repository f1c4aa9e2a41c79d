//! What an origin asks of caches.

use http::{HeaderMap, HeaderName, header};

use super::pragma_no_cache;
use crate::semantics::syntax::{
    list::{Argument, Directive, directives, elements},
    seconds::delta_seconds,
};

/// The cache directives of a response.
///
/// What cannot be understood is taken for the more restrictive of what it can mean: a lifetime
/// that is no number is 0 (RFC 9111 4.2.1), a list of fields that is none stands for all of them.
/// Of lifetimes with the same name the first counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResponseDirectives {
    /// The lifetime in seconds.
    pub(crate) max_age: Option<u64>,
    /// The lifetime for shared caches, in seconds. It forbids stale answers.
    pub(crate) s_maxage: Option<u64>,
    /// Nothing of the response may be stored.
    pub(crate) no_store: bool,
    /// The response may not be used before the origin has validated it.
    pub(crate) no_cache: bool,
    /// These fields may not be used before the origin has validated the response.
    pub(crate) no_cache_fields: Vec<HeaderName>,
    /// The response is for one user.
    pub(crate) private: bool,
    /// These fields are for one user.
    pub(crate) private_fields: Vec<HeaderName>,
    /// The response may be stored although the request carried credentials.
    pub(crate) public: bool,
    /// The response may not be used while it is stale, and may be stored although the request
    /// carried credentials.
    pub(crate) must_revalidate: bool,
    /// Shared caches may not use the response while it is stale.
    pub(crate) proxy_revalidate: bool,
    /// Only caches that know the status code may store the response, and these need not heed
    /// `no-store`.
    pub(crate) must_understand: bool,
    /// The content does not change while the response is fresh (RFC 8246).
    pub(crate) immutable: bool,
    /// The content may not be transformed.
    pub(crate) no_transform: bool,
    /// The response may be used for this many seconds after its end while it is revalidated.
    pub(crate) stale_while_revalidate: Option<u64>,
    /// The response may be used for this many seconds after its end if the origin fails.
    pub(crate) stale_if_error: Option<u64>,
}

impl ResponseDirectives {
    /// Reads `Cache-Control`, or else `Pragma`.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        if !headers.contains_key(header::CACHE_CONTROL) {
            found.no_cache = pragma_no_cache(headers);
            return found;
        }
        let lines = headers.get_all(header::CACHE_CONTROL);
        for directive in lines.iter().flat_map(|line| directives(line.as_bytes())) {
            found.add(&directive);
        }
        found
    }

    /// Returns whether a stale response may never be used: RFC 9111 4.2.4.
    pub(crate) fn forbids_stale(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate || self.s_maxage.is_some()
    }

    /// Returns whether a response to a request with credentials may be shared: RFC 9111 3.5.
    pub(crate) fn permits_authorized(&self) -> bool {
        self.public || self.must_revalidate || self.s_maxage.is_some()
    }

    /// Returns the fields that may not be stored, or not be used without validation.
    pub(crate) fn withheld(&self) -> impl Iterator<Item = &HeaderName> {
        self.no_cache_fields.iter().chain(&self.private_fields)
    }

    fn add(&mut self, directive: &Directive<'_>) {
        let argument = &directive.argument;
        if directive.is("max-age") {
            self.max_age.get_or_insert_with(|| lifetime(argument));
        } else if directive.is("s-maxage") {
            self.s_maxage.get_or_insert_with(|| lifetime(argument));
        } else if directive.is("no-store") {
            self.no_store = true;
        } else if directive.is("no-cache") {
            self.no_cache |= !add_fields(&mut self.no_cache_fields, argument);
        } else if directive.is("private") {
            self.private |= !add_fields(&mut self.private_fields, argument);
        } else if directive.is("public") {
            self.public |= *argument == Argument::None;
        } else if directive.is("must-revalidate") {
            self.must_revalidate = true;
        } else if directive.is("proxy-revalidate") {
            self.proxy_revalidate = true;
        } else if directive.is("must-understand") {
            self.must_understand = true;
        } else if directive.is("immutable") {
            self.immutable |= *argument == Argument::None;
        } else if directive.is("no-transform") {
            self.no_transform = true;
        } else if directive.is("stale-while-revalidate") {
            self.stale_while_revalidate.get_or_insert_with(|| lifetime(argument));
        } else if directive.is("stale-if-error") {
            self.stale_if_error.get_or_insert_with(|| lifetime(argument));
        }
    }
}

fn lifetime(argument: &Argument<'_>) -> u64 {
    match argument {
        Argument::Value(value) => delta_seconds(value).unwrap_or(0),
        Argument::None | Argument::Invalid => 0,
    }
}

/// Adds the fields that an argument lists. Returns `false` if the directive is about the whole
/// response.
fn add_fields(fields: &mut Vec<HeaderName>, argument: &Argument<'_>) -> bool {
    match argument {
        Argument::Value(list) => add_listed(fields, list),
        Argument::None | Argument::Invalid => false,
    }
}

/// Adds the fields of a list. Returns `false` if it names none, something that is no name, or a
/// field without which the rest of the response means something else.
pub(super) fn add_listed(fields: &mut Vec<HeaderName>, list: &[u8]) -> bool {
    let before = fields.len();
    for element in elements(list) {
        match HeaderName::from_bytes(element.text) {
            Ok(name) if !is_essential(&name) => fields.push(name),
            _ => return false,
        }
    }
    fields.len() > before
}

/// Returns whether a response without this field would be another one.
fn is_essential(name: &HeaderName) -> bool {
    [
        header::CACHE_CONTROL,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::LOCATION,
        header::VARY,
    ]
    .contains(name)
}
