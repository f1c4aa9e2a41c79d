//! Versions of a view, and keys that go from one to the next.

use super::{KeyOf, View};
use crate::manager::namespace::VERSION_MAX;

/// # Versions
///
/// Each namespace has a version, which is part of all its keys:
/// [`Namespace::incr_version`](crate::manager::Namespace::incr_version) makes what is there stale.
/// A view of one version stays with that.
impl<V: Clone + Send + Sync + 'static, T> View<V, T> {
    /// The same view, of one version of its namespace, whatever its current one is. There are 2^40
    /// of them; what is beyond is the last.
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

    /// The version that this is a view of at the moment.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.unwrap_or_else(|| self.namespace.version())
    }

    /// Takes a key's value from this version to the next, and returns that; `None` if the key is
    /// absent, or there is none after. Its time begins anew. Not atomic: for a moment it is in
    /// both. O(1).
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
        (next <= VERSION_MAX).then(|| self.take_to(key, next)).flatten()
    }

    /// Takes a key's value from this version to the one before, and returns that; `None` if the key
    /// is absent, or there is none before. O(1).
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
        (before > 0).then(|| self.take_to(key, before)).flatten()
    }

    fn take_to<Q: KeyOf<T> + ?Sized>(&self, key: &Q, version: u64) -> Option<u64> {
        let here = self.clone().with_version(self.version());
        let value = here.get(key)?;
        here.clone().with_version(version).insert(key, value);
        here.invalidate(key);
        Some(version)
    }
}
