//! The hasher that caches have unless they are given another.

use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher},
};

/// Builds the hashers of caches that are given no other: ahash with random keys, which a client
/// that chooses the cache's keys cannot predict.
///
/// Each [`new`](Self::new) has keys of its own. They are derived by the standard library's hasher
/// from the random numbers that it got from the operating system. The algorithm may change with a
/// version of larder.
#[derive(Clone)]
pub struct RandomState(ahash::RandomState);

impl RandomState {
    /// Creates a builder of hashers with random keys.
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

    /// Creates a builder of hashers with the given keys, for tests that need the same hashes in
    /// each run. A client that knows these can choose keys that collide.
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
    type Hasher = DefaultHasher;

    #[inline]
    fn build_hasher(&self) -> DefaultHasher {
        DefaultHasher(self.0.build_hasher())
    }

    #[inline]
    fn hash_one<T: Hash>(&self, value: T) -> u64 {
        BuildHasher::hash_one(&self.0, value)
    }
}

impl fmt::Debug for RandomState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the keys: a reader of logs could choose keys that collide.
        f.write_str("RandomState")
    }
}

/// The hasher that a [`RandomState`] builds.
#[derive(Clone)]
pub struct DefaultHasher(ahash::AHasher);

/// Forwards methods to ahash's, each of which has a shorter way than that through `write`.
macro_rules! forwarded {
    ($($method:ident: $word:ty),*) => {$(
        #[inline]
        fn $method(&mut self, word: $word) {
            self.0.$method(word);
        }
    )*};
}

impl Hasher for DefaultHasher {
    forwarded! {
        write: &[u8], write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_u128: u128,
        write_usize: usize
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

impl fmt::Debug for DefaultHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not its state, which tells of the keys.
        f.write_str("DefaultHasher")
    }
}
