//! Which resource a request is for.

use super::{Bypass, Host, host, path};
use http::{Uri, uri::Scheme};
use std::borrow::Cow;

/// Which resource a request is for: its host, its path, its query.
#[derive(Clone, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) scheme: Known,
    /// In lower case, without the scheme's own port; empty if the request names none.
    pub(crate) host: Cow<'a, [u8]>,
    /// As the router sees it.
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
}

/// A scheme, if it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Known {
    #[default]
    Unknown,
    Http,
    Https,
}

impl Known {
    pub(crate) fn of(scheme: &Scheme) -> Self {
        if *scheme == Scheme::HTTP {
            Self::Http
        } else if *scheme == Scheme::HTTPS {
            Self::Https
        } else {
            Self::Unknown
        }
    }

    pub(crate) const fn byte(self) -> u8 {
        self as u8
    }

    pub(super) const fn port(self) -> Option<&'static str> {
        match self {
            Self::Unknown => None,
            Self::Http => Some("80"),
            Self::Https => Some("443"),
        }
    }
}

impl<'a> Target<'a> {
    /// Returns what a request is for; `scheme` is that of requests that do not say theirs.
    pub(crate) fn of(uri: &'a Uri, host: Host<'a>, scheme: Known) -> Result<Self, Bypass> {
        let scheme = uri.scheme().map_or(scheme, Known::of);
        let host = host::of(uri, host, scheme)?;
        Ok(Self { scheme, host, path: uri.path(), query: uri.query() })
    }

    /// Returns the path as keys have it.
    pub(super) fn key_path(&self, normalize: bool) -> Result<Cow<'a, str>, Bypass> {
        if path::is_canonical(self.path) {
            Ok(Cow::Borrowed(self.path))
        } else if normalize {
            path::canonical(self.path).map(Cow::Owned).ok_or(Bypass::Path)
        } else {
            Err(Bypass::Path)
        }
    }

    /// Returns the path in the one form that all its spellings share: what an invalidation of any
    /// of them is about.
    ///
    /// More paths share it than are equivalent (`a,b` and `a%2Cb`), since an invalidation that
    /// takes too much costs a miss, and one that takes too little an old answer. What comes after
    /// an encoded slash is not another segment.
    pub(crate) fn place(&self) -> Cow<'a, str> {
        path::place(self.path)
    }
}
