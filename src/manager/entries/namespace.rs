//! Namespaces: keys that are invalidated together.

use crate::sync::{Arc, AtomicU64, Ordering::Relaxed};
use std::fmt;

/// Bits of a [`Space`] that hold the version: enough for a new one each millisecond for 34 years.
const VERSION_BITS: u32 = 40;
pub(crate) const VERSION_MAX: u64 = (1 << VERSION_BITS) - 1;

/// A namespace and its version in one word: part of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Space(u64);

impl Space {
    fn new(id: u32, version: u64) -> Self {
        Self(u64::from(id) << VERSION_BITS | version)
    }

    #[inline(always)]
    pub(crate) fn word(self) -> u64 {
        self.0
    }

    pub(crate) fn id(self) -> u32 {
        (self.0 >> VERSION_BITS) as u32
    }
}

/// A part of a cache's keys, which can be invalidated together; comes from
/// [`ManagedCache::namespace`](crate::manager::ManagedCache::namespace).
///
/// A handle: its clones, and all handles of one cache with the same name, are the same namespace.
///
/// ```
/// use larder::manager::{CacheKind, CacheManager};
///
/// let manager = CacheManager::new();
/// let pages = manager.view::<String>(CacheKind::General).with_namespace("pages");
/// pages.insert("/", "welcome".to_owned());
/// manager.cache(CacheKind::General).namespace("pages").incr_version();
/// assert_eq!(pages.get("/"), None);
/// ```
#[derive(Clone)]
pub struct Namespace(Arc<Inner>);

struct Inner {
    name: String,
    id: u32,
    version: AtomicU64,
}

impl Namespace {
    /// The first version of a namespace.
    pub const FIRST: u64 = 1;

    pub(crate) fn new(name: &str, id: u32) -> Self {
        assert!(
            id < 1 << (u64::BITS - VERSION_BITS),
            "namespaces: a cache has more than 16 million"
        );
        Self(Arc::new(Inner { name: name.to_owned(), id, version: AtomicU64::new(Self::FIRST) }))
    }

    /// Returns the namespace's name, which is empty for the default namespace of views.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the current version: [`FIRST`](Self::FIRST) until it is changed. O(1).
    #[must_use]
    pub fn version(&self) -> u64 {
        // Relaxed: a number alone, which publishes nothing else.
        self.0.version.load(Relaxed)
    }

    /// Moves on to the next version, which is empty, and returns it. Lookups no longer find the
    /// entries of the old version, nor the results of loads that run at that moment. O(1), for any
    /// number of entries.
    ///
    /// Entries of the old version take up capacity until they expire or are evicted, which happens
    /// early, since they are not used.
    pub fn incr_version(&self) -> u64 {
        self.set_version(|version| version + 1)
    }

    /// Goes back to the previous version, with its remaining entries, and returns it; stays at the
    /// first version. O(1).
    pub fn decr_version(&self) -> u64 {
        self.set_version(|version| version - 1)
    }

    fn set_version(&self, next: impl Fn(u64) -> u64) -> u64 {
        let clamped = |version| next(version).clamp(Self::FIRST, VERSION_MAX);
        let mut version = self.version();
        loop {
            let new = clamped(version);
            match self.0.version.compare_exchange_weak(version, new, Relaxed, Relaxed) {
                Ok(_) => return new,
                Err(now) => version = now,
            }
        }
    }

    /// Returns the namespace in its current version.
    #[inline]
    pub(crate) fn space(&self) -> Space {
        Space::new(self.0.id, self.version())
    }

    /// Returns the namespace in `version`, which is at most [`VERSION_MAX`].
    pub(crate) fn space_at(&self, version: u64) -> Space {
        Space::new(self.0.id, version)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("name", &self.name())
            .field("version", &self.version())
            .finish()
    }
}
