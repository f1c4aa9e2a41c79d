//! What the service works with: a rule whose settings are in the form in which they are used.

use super::{Audience, CacheRef, Found, SessionCookies, template::Template};
use crate::{
    User,
    key::{Known, Query},
    semantics::Lifetimes,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use siphasher::sip::SipHasher13;
use std::{
    hash::{Hash, Hasher},
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
    pub(crate) compress_above: Option<u64>,
    pub(crate) max_entries: Option<u64>,
    pub(crate) max_error_entries: u64,
    pub(crate) max_variants: u32,
    pub(crate) coalesce_wait: Duration,
    /// Of the statuses that `Rule::ttl` speaks of.
    pub(super) usual: Lifetimes,
    /// Of those that nothing speaks of.
    pub(super) other: Lifetimes,
    pub(super) single: Vec<(StatusCode, Lifetimes)>,
    pub(super) tags: Vec<Template>,
    pub(super) invalidates: Vec<Template>,
    pub(super) invalidates_paths: Vec<Template>,
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

impl KeyShape {
    /// What keys of requests with this scheme begin with.
    #[inline]
    pub(crate) fn prefix(&self, scheme: Known) -> [u8; 9] {
        let mut prefix = [scheme.byte(); 9];
        prefix[1..].copy_from_slice(&self.id.to_le_bytes());
        prefix
    }

    /// Whether the key has the user, if the request has one.
    pub(crate) fn tells_users_apart(&self) -> bool {
        matches!(self.audience, Audience::Users | Audience::Unsaid)
    }

    /// What `id` has to be.
    pub(super) fn hash(&self) -> u64 {
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
