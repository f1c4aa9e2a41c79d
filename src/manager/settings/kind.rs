//! The five kinds of caches that every manager has.

use std::{error::Error, fmt, str::FromStr};

/// One of the caches that every [`CacheManager`](crate::manager::CacheManager) has, each with
/// settings that suit its use.
///
/// ```
/// use larder::manager::CacheKind;
///
/// assert_eq!("url".parse(), Ok(CacheKind::Url));
/// assert_eq!(CacheKind::Session.to_string(), "session");
/// assert_eq!(
///     "sesion".parse::<CacheKind>().unwrap_err().to_string(),
///     "no kind of cache is called \"sesion\"; there are url, user, analytics, session, general"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum CacheKind {
    /// Values that are read all the time and rarely written: the targets of redirects.
    Url,
    /// Values that are read often and written now and then: profiles.
    User,
    /// Few values that take long to compute and that many clients ask for at once: reports.
    Analytics,
    /// Values that are written nearly as often as read, and are soon of no use: sessions.
    Session,
    /// All other values.
    General,
}

/// The error for a name that is not the name of a [`CacheKind`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownKind {
    /// The name that was asked for.
    pub name: String,
}

impl Error for UnknownKind {}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = CacheKind::ALL.map(CacheKind::name).join(", ");
        write!(f, "no kind of cache is called {:?}; there are {kinds}", self.name)
    }
}

impl CacheKind {
    /// All five kinds.
    pub const ALL: [CacheKind; 5] = [
        CacheKind::Url,
        CacheKind::User,
        CacheKind::Analytics,
        CacheKind::Session,
        CacheKind::General,
    ];

    /// Returns the name of the kind's cache.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CacheKind::Url => "url",
            CacheKind::User => "user",
            CacheKind::Analytics => "analytics",
            CacheKind::Session => "session",
            CacheKind::General => "general",
        }
    }
}

impl fmt::Display for CacheKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CacheKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let unknown = || UnknownKind { name: name.to_owned() };
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(unknown)
    }
}
