//! Hashing the keys of a manager's caches.
//!
//! The first word that a key writes is its *place*: namespace, version and type. The user's key
//! follows, and is hashed by ahash with random keys. The place is combined with that hash at the
//! end, by an exclusive or, so that hashing does not wait for the namespace's version to be read.
//! An attacker may know how the hashes of one key in two namespaces differ: that helps only with
//! known hashes, which ahash keeps secret.

use crate::{DefaultHasher, RandomState};
use std::{
    any::TypeId,
    fmt,
    hash::{BuildHasher, Hash, Hasher},
};

#[derive(Clone)]
pub(crate) struct BuildPlaceHasher(RandomState);

impl BuildPlaceHasher {
    pub(crate) fn new() -> Self {
        Self(RandomState::new())
    }
}

impl BuildHasher for BuildPlaceHasher {
    type Hasher = PlaceHasher;

    #[inline]
    fn build_hasher(&self) -> PlaceHasher {
        PlaceHasher { place: None, key: self.0.build_hasher() }
    }
}

impl fmt::Debug for BuildPlaceHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BuildPlaceHasher")
    }
}

/// A hasher that keeps its first word apart.
pub(crate) struct PlaceHasher {
    place: Option<u64>,
    key: DefaultHasher,
}

/// Forwards methods of a hasher, of which ahash has its own.
macro_rules! forward {
    ($($write:ident: $word:ty),*) => {$(
        #[inline]
        fn $write(&mut self, word: $word) {
            self.key.$write(word);
        }
    )*};
}

impl Hasher for PlaceHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.key.write(bytes);
    }

    forward! { write_u8: u8, write_u16: u16, write_u32: u32, write_u128: u128, write_usize: usize }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        match self.place {
            None => self.place = Some(word),
            Some(_) => self.key.write_u64(word),
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        // Multiplied, since versions are small consecutive numbers.
        self.key.finish() ^ self.place.unwrap_or(0).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// Returns the random bits of a type's id.
#[inline]
pub(crate) fn type_bits(of: TypeId) -> u64 {
    let mut bits = Bits(0);
    of.hash(&mut bits);
    bits.0
}

/// Collects what a type's id writes, which is a hash already.
struct Bits(u64);

impl Hasher for Bits {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A tag, as all views of a cache hash it. The constant takes the word of the place.
#[derive(Hash)]
pub(crate) struct Tag<T>(u64, T);

impl<T> Tag<T> {
    pub(crate) fn new(tag: T) -> Self {
        Self(0, tag)
    }
}
