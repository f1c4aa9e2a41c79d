//! Versions: reading a value and writing it back unless it was written meanwhile.

use crate::{
    Cache,
    engine::{
        ops::{compute::Decision, versions::Swapped},
        storage::nodes::Entry,
    },
    types::version::{CasError, Version},
};
use equivalent::Equivalent;
use std::hash::{BuildHasher, Hash};

impl From<Swapped> for Result<Version, CasError> {
    fn from(swapped: Swapped) -> Self {
        match swapped {
            Swapped::Yes(version) => Ok(version),
            Swapped::Absent => Err(CasError::Absent),
            Swapped::Changed => Err(CasError::Changed),
        }
    }
}

impl<K, V, S> Cache<K, V, S>
where
    K: Hash + Eq,
    S: BuildHasher,
{
    /// The value of a key, cloned, and its version, for
    /// [`compare_and_swap`](Cache::compare_and_swap). Counts like [`get`](Cache::get). O(1).
    ///
    /// The first call for a shard allocates 8 bytes for each entry that it is planned for, and from
    /// then on each write keeps count.
    ///
    /// ```
    /// let cache = larder::Cache::new(10);
    /// cache.insert("page", "draft");
    /// let (_, first) = cache.get_versioned("page").unwrap();
    /// assert_eq!(cache.get_versioned("page").unwrap().1, first);
    /// cache.insert("page", "draft");
    /// assert_ne!(cache.get_versioned("page").unwrap().1, first, "another write, if of the same value");
    /// ```
    pub fn get_versioned<Q>(&self, key: &Q) -> Option<(V, Version)>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        V: Clone,
    {
        let eq = |other: &K| key.equivalent(other);
        self.engine().get_versioned(self.hash(key), eq, |entry| entry.value.clone())
    }

    /// Sets the value of a key if it has not been written since its version was `expected`; returns
    /// the new version. Atomic. O(1).
    ///
    /// A value that was changed and changed back counts as changed. Counts as a use if it succeeds,
    /// and never as hit or miss; the value's time starts anew, as with [`insert`](Cache::insert).
    /// Key and value are cloned.
    ///
    /// # Errors
    ///
    /// [`CasError::Absent`] or [`CasError::Changed`]; nothing was changed then.
    ///
    /// ```
    /// use larder::{Cache, CasError};
    ///
    /// let cache = Cache::new(10);
    /// cache.insert("page", "draft");
    /// let (_, version) = cache.get_versioned("page").unwrap();
    /// let next = cache.compare_and_swap("page", version, "final").unwrap();
    /// assert_eq!(cache.compare_and_swap("page", version, "lost"), Err(CasError::Changed));
    /// assert_eq!(cache.get_versioned("page"), Some(("final", next)));
    /// cache.invalidate("page");
    /// assert_eq!(cache.compare_and_swap("page", next, "late"), Err(CasError::Absent));
    /// ```
    pub fn compare_and_swap<Q>(
        &self,
        key: &Q,
        expected: Version,
        value: V,
    ) -> Result<Version, CasError>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        K: Clone,
        V: Clone,
    {
        let (hash, eq) = (self.hash(key), |other: &K| key.equivalent(other));
        let put = |entry: &Entry<K, V>| {
            Decision::Put(Entry { key: entry.key.clone(), value: value.clone() })
        };
        self.engine().compare_and_swap(hash, eq, expected, put).into()
    }
}
