//! The cache key of a request.
//!
//! A key is a sequence of parts, each with its length before it, so that no two different sequences
//! have the same bytes:
//!
//! ```text
//! scheme | shape of the rule's keys | host | path | query | headers | cookies | user
//! ```
//!
//! Whatever a key leaves out, a response must not depend on. So requests that may be understood in
//! more than one way get no key, but a [`Bypass`]: they go to the handler, and their responses are
//! not stored.
//!
//! The method is not in it: HEAD is answered from what GET has stored.

mod buffer;
mod cookies;
mod headers;
mod host;
mod path;
mod query;
mod target;
#[cfg(feature = "admin")]
mod words;

pub(crate) use cookies::cookies;
pub(crate) use headers::{HeaderFacts, Host, is_override};
pub(crate) use path::{canonical as canonical_path, decoded, is_canonical, place, push_encoded};
pub use query::Query;
pub(crate) use target::{Known, Target};
#[cfg(feature = "admin")]
pub(crate) use words::words;

use crate::{
    User,
    rules::KeyShape,
    semantics::{Sink, write_values},
};
use buffer::Buffer;
use http::{HeaderMap, HeaderName, Method};
use siphasher::sip128::{Hasher128, SipHasher24};
use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::OnceLock,
};

/// Longer keys are hashed.
const LONGEST: usize = 512;
/// The first byte of a hashed key. Others begin with a scheme.
const HASHED: u8 = 0xff;
/// The first byte of a length that does not fit into one byte.
const LONG: u8 = 0xff;

/// Why a request goes past the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bypass {
    /// There is no rule for it.
    NoRule,
    /// Only GET and HEAD are cached.
    Method,
    /// A GET with a body, on which the response may depend.
    Body,
    /// The connection is to become something else.
    Upgrade,
    /// Credentials, but no verified user.
    Credentials,
    /// A cookie that may be a session's, but no verified user.
    Cookie,
    /// The rule is for verified users, and there is none.
    NoUser,
    /// No host, more than one, or none that could be one.
    Host,
    /// A spelling of the path that some servers take for another path and some do not.
    Path,
    /// A field that changes which resource is meant, and that the rule does not trust.
    Override,
    /// The request's URI is no longer that of the client, and nobody knows what the new one depends
    /// on.
    Rewritten,
    /// The rule of a single route does not fit the route, or its cache does not exist.
    BadRule,
}

impl Bypass {
    /// Returns the token that Cache-Status gives as the detail.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::NoRule => "no-rule",
            Self::Method => "method",
            Self::Body => "request-body",
            Self::Upgrade => "upgrade",
            Self::Credentials => "credentials",
            Self::Cookie => "cookie",
            Self::NoUser => "no-user",
            Self::Host => "host",
            Self::Path => "path-spelling",
            Self::Override => "override-header",
            Self::Rewritten => "rewritten",
            Self::BadRule => "bad-rule",
        }
    }
}

/// For whom the response under a key may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever has the key.
    Holders,
    /// The request has credentials that the key does not know of: only what says that it may be
    /// shared nevertheless (RFC 9111, 3.5).
    Unverified,
}

/// A key while it is written. Keys of usual sizes need no allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct KeyBuffer(Buffer);

impl KeyBuffer {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// Writes the key of a request, in the place of what was there.
    ///
    /// Whether the request's body is empty shows in its headers for HTTP/1 alone. For HTTP/2 the
    /// caller has to ask the body.
    pub(crate) fn write(
        &mut self,
        shape: &KeyShape,
        target: &Target<'_>,
        method: &Method,
        headers: &HeaderMap,
        seen: &HeaderFacts<'_>,
        user: Option<&User>,
    ) -> Result<Access, Bypass> {
        self.0.clear();
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(Bypass::Method);
        }
        let (user, access) = seen.judge(headers, shape, user)?;
        let path = target.key_path(shape.normalize_paths)?;
        self.0.extend_from_slice(&shape.prefix(target.scheme));
        self.part(&target.host);
        self.part(path.as_bytes());
        shape.query.write(target.query, self);
        for name in &shape.headers {
            self.list(|| headers.get_all(name).iter().map(|value| value.as_bytes()));
        }
        for name in &shape.cookies {
            self.list(|| cookies(headers).filter(|it| it.0 == name.as_bytes()).map(|it| it.1));
        }
        match user {
            Some(user) => self.part(user.id().as_bytes()),
            // As long as no text is.
            None => self.0.extend_from_slice(&[LONG; 5]),
        }
        if self.0.len() > LONGEST {
            self.hash();
        }
        Ok(access)
    }

    /// Returns the key of a response that depends on these fields of the request, of which this is
    /// the key without.
    ///
    /// No other key has its bytes: what a key's first bytes say determines where it ends, and this
    /// one goes on there.
    pub(crate) fn variant(&self, id: u64, names: &[HeaderName], headers: &HeaderMap) -> Self {
        let mut key = self.clone();
        key.0.extend_from_slice(&id.to_le_bytes());
        write_values(names, headers, &mut key);
        if key.0.len() > LONGEST {
            key.hash();
        }
        key
    }

    /// Adds a text, its length first.
    #[inline]
    fn part(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    #[inline]
    fn length(&mut self, length: usize) {
        match u8::try_from(length) {
            Ok(byte) if byte < LONG => self.0.push(byte),
            _ => {
                self.0.push(LONG);
                // A request's head does not come near to 4 GiB.
                self.0.extend_from_slice(
                    &u32::try_from(length).unwrap_or(u32::MAX - 1).to_le_bytes(),
                );
            }
        }
    }

    /// Adds texts, how many there are first.
    fn list<'a, I: Iterator<Item = &'a [u8]>>(&mut self, texts: impl Fn() -> I) {
        self.length(texts().count());
        for text in texts() {
            self.part(text);
        }
    }

    /// What is so long is compared by 128 bits of a hash, whose keys nobody outside of this process
    /// knows.
    #[cold]
    fn hash(&mut self) {
        static KEYS: OnceLock<(u64, u64)> = OnceLock::new();
        let random = RandomState::new();
        let (one, other) = *KEYS.get_or_init(|| (random.hash_one(1), random.hash_one(2)));
        let mut hasher = SipHasher24::new_with_keys(one, other);
        hasher.write(self.as_slice());
        let hash = hasher.finish128().as_u128();
        self.0.clear();
        self.0.push(HASHED);
        self.0.extend_from_slice(&hash.to_le_bytes());
    }
}

/// Returns all bits that any of the bytes has.
#[inline]
fn union(bytes: &[u8], bits: impl Fn(u8) -> u8) -> u8 {
    let (fours, rest) = bytes.as_chunks();
    let of_fours =
        fours.iter().fold(0, |all, [a, b, c, d]| all | bits(*a) | bits(*b) | bits(*c) | bits(*d));
    rest.iter().fold(of_fours, |all, byte| all | bits(*byte))
}

impl Sink for KeyBuffer {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
