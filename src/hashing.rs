//! The hasher that caches have unless they are given another.

use std::{
    fmt,
    hash::{BuildHasher, Hash},
};

/// ahash with random keys: the default hasher, which whoever chooses the cache's keys cannot predict.
///
/// Each [`new`](Self::new) has keys of its own. They are derived by the standard library's hasher from the random
/// numbers that it got from the operating system.
#[derive(Clone)]
pub struct RandomState(ahash::RandomState);

impl RandomState {
    /// Returns a hasher with random keys.
    ///
    /// ```
    /// use std::hash::BuildHasher;
    /// let (one, other) = (larder::RandomState::new(), larder::RandomState::new());
    /// assert_ne!(one.hash_one("key"), other.hash_one("key"));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        // A fuzzer has to find the same again.
        if cfg!(fuzzing) {
            return Self::with_seeds(1, 2, 3, 4);
        }
        let source = std::hash::RandomState::new();
        let seed = |number: u64| source.hash_one(number);
        Self::with_seeds(seed(0), seed(1), seed(2), seed(3))
    }

    /// Returns a hasher with the given keys, for tests that need the same hashes in each run. Whoever knows the
    /// keys can choose what collides.
    ///
    /// ```
    /// use std::hash::BuildHasher;
    /// let hasher = larder::RandomState::with_seeds(1, 2, 3, 4);
    /// assert_eq!(hasher.hash_one("key"), larder::RandomState::with_seeds(1, 2, 3, 4).hash_one("key"));
    /// ```
    #[must_use]
    pub const fn with_seeds(k0: u64, k1: u64, k2: u64, k3: u64) -> Self {
        Self(ahash::RandomState::with_seeds(k0, k1, k2, k3))
    }
}

impl Default for RandomState {
    fn default() -> Self {
        Self::new()
    }
}

impl BuildHasher for RandomState {
    type Hasher = ahash::AHasher;

    #[inline]
    fn build_hasher(&self) -> ahash::AHasher {
        self.0.build_hasher()
    }

    #[inline]
    fn hash_one<T: Hash>(&self, value: T) -> u64 {
        BuildHasher::hash_one(&self.0, value)
    }
}

impl fmt::Debug for RandomState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the keys: whoever reads logs could choose what collides.
        f.write_str("RandomState")
    }
}
