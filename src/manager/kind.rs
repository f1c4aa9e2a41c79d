//! The five kinds of caches that nearly every application has.

use super::settings::CacheSettings;
use std::{error::Error, fmt, str::FromStr};

/// One of the caches that every [`CacheManager`](super::CacheManager) has, each with settings that
/// suit how it is used.
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
    /// What is read all the time and hardly ever written: the targets of redirects.
    Url,
    /// What is read often and written now and then: profiles.
    User,
    /// Few values that take long to get, and that many ask for at once: reports.
    Analytics,
    /// What is written nearly as often as it is read, and is soon of no use: sessions.
    Session,
    /// Everything else.
    General,
}

/// Why a name is no [`CacheKind`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownKind {
    /// What was asked for.
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
    /// All five.
    pub const ALL: [CacheKind; 5] = [
        CacheKind::Url,
        CacheKind::User,
        CacheKind::Analytics,
        CacheKind::Session,
        CacheKind::General,
    ];

    /// The name of its cache.
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

    /// Returns the default settings of its cache.
    ///
    /// ```
    /// use larder::manager::CacheKind;
    /// use std::time::Duration;
    ///
    /// let settings = CacheKind::Url.settings();
    /// assert_eq!(settings.max_entries, 5_000);
    /// assert_eq!(settings.time_to_live, Some(Duration::from_secs(60 * 60)));
    /// ```
    #[must_use]
    pub fn settings(self) -> CacheSettings {
        CacheSettings::of(self)
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
