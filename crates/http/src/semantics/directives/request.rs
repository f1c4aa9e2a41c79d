//! What a client asks of caches.

use http::{HeaderMap, header};

use super::pragma_no_cache;
use crate::semantics::syntax::{
    list::{Argument, Directive, directives},
    seconds::delta_seconds,
};

/// The cache directives of a request. All of them are advice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestDirectives {
    /// Do not answer before the origin has validated the response.
    pub(crate) no_cache: bool,
    /// Do not store the response to this request.
    pub(crate) no_store: bool,
    /// Answer from the cache or with 504.
    pub(crate) only_if_cached: bool,
    /// The response may be this old, in seconds.
    pub(crate) max_age: Option<u64>,
    /// The response shall stay fresh for this many seconds.
    pub(crate) min_fresh: Option<u64>,
    /// The response may be stale.
    pub(crate) max_stale: Option<MaxStale>,
    /// The response may have been stale for this many seconds if the origin fails (RFC 5861 4).
    pub(crate) stale_if_error: Option<u64>,
}

/// For how long a response may have been stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaxStale {
    /// However long.
    Any,
    /// Not longer than this many seconds.
    Within(u64),
}

impl RequestDirectives {
    /// Reads `Cache-Control`, or else `Pragma`. A request with neither costs two look-ups.
    ///
    /// An argument that is no number of seconds makes a directive count for nothing. Of directives
    /// with the same name the first counts.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        if !headers.contains_key(header::CACHE_CONTROL) {
            found.no_cache = headers.contains_key(header::PRAGMA) && pragma_no_cache(headers);
            return found;
        }
        let lines = headers.get_all(header::CACHE_CONTROL);
        for directive in lines.iter().flat_map(|line| directives(line.as_bytes())) {
            found.add(&directive);
        }
        found
    }

    fn add(&mut self, directive: &Directive<'_>) {
        let seconds = || match &directive.argument {
            Argument::Value(value) => delta_seconds(value),
            Argument::None | Argument::Invalid => None,
        };
        if directive.is("no-cache") {
            self.no_cache = true;
        } else if directive.is("no-store") {
            self.no_store = true;
        } else if directive.is("only-if-cached") {
            self.only_if_cached = true;
        } else if directive.is("max-age") {
            self.max_age = self.max_age.or_else(seconds);
        } else if directive.is("min-fresh") {
            self.min_fresh = self.min_fresh.or_else(seconds);
        } else if directive.is("stale-if-error") {
            self.stale_if_error = self.stale_if_error.or_else(seconds);
        } else if directive.is("max-stale") {
            self.max_stale = self.max_stale.or_else(|| match directive.argument {
                Argument::None => Some(MaxStale::Any),
                _ => seconds().map(MaxStale::Within),
            });
        }
    }
}
