//! Views of one version of a namespace, and moving keys between versions.

use super::{KeyOf, View};
use crate::manager::entries::namespace::VERSION_MAX;

/// # Versions
///
/// Each namespace has a version, which is part of all its keys:
/// [`Namespace::incr_version`](crate::manager::Namespace::incr_version) invalidates its entries. A
/// view of one version stays with that version.
impl<V: Clone + Send + Sync + 'static, T> View<V, T> {
    /// Returns this view of one version of its namespace, current or not. Versions beyond 2^40 - 1
    /// are taken for that one.
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let pages = CacheManager::new().view::<&str>(CacheKind::General).with_namespace("pages");
    /// let first = pages.clone().with_version(1);
    /// pages.insert("/", "welcome");
    /// pages.invalidate_all();
    /// assert_eq!((pages.get("/"), first.get("/")), (None, Some("welcome")));
    /// ```
    #[must_use]
    pub fn with_version(self, version: u64) -> Self {
        Self { version: Some(version.min(VERSION_MAX)), ..self }
    }

    /// Returns the version that this is a view of now.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.unwrap_or_else(|| self.namespace.version())
    }

    /// Moves a key's value from this version to the next, and returns the next version; `None` if
    /// the key is absent or there is no next version. The time of the entry restarts. Not atomic:
    /// for a moment both versions have the key. O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let pages = CacheManager::new().view::<&str>(CacheKind::General);
    /// pages.insert("/", "welcome");
    /// assert_eq!(pages.incr_version("/"), Some(2));
    /// assert_eq!((pages.get("/"), pages.clone().with_version(2).get("/")), (None, Some("welcome")));
    /// assert_eq!(pages.incr_version("/"), None);
    /// ```
    pub fn incr_version<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<u64> {
        let next = self.version() + 1;
        (next <= VERSION_MAX).then(|| self.move_to(key, next)).flatten()
    }

    /// Moves a key's value from this version to the previous one, and returns the previous version;
    /// `None` if the key is absent or there is no previous version. Otherwise as
    /// [`incr_version`](View::incr_version). O(1).
    ///
    /// ```
    /// # use larder::manager::{CacheKind, CacheManager};
    /// let second = CacheManager::new().view::<&str>(CacheKind::General).with_version(2);
    /// second.insert("/", "welcome");
    /// assert_eq!(second.decr_version("/"), Some(1));
    /// assert_eq!((second.get("/"), second.clone().with_version(1).get("/")), (None, Some("welcome")));
    /// ```
    pub fn decr_version<Q: KeyOf<T> + ?Sized>(&self, key: &Q) -> Option<u64> {
        let before = self.version().saturating_sub(1);
        (before > 0).then(|| self.move_to(key, before)).flatten()
    }

    fn move_to<Q: KeyOf<T> + ?Sized>(&self, key: &Q, version: u64) -> Option<u64> {
        let here = self.clone().with_version(self.version());
        let value = here.get(key)?;
        here.clone().with_version(version).insert(key, value);
        here.invalidate(key);
        Some(version)
    }
}
