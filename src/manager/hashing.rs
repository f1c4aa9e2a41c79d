//! Hashing keys of a manager's caches.
//!
//! The first word that a key writes says where it is: its namespace, version and type. What follows
//! is the user's, and is hashed by ahash with random keys. The place comes in at the end, by an
//! exclusive or: so a lookup need not have read the namespace's version before it hashes. Nobody is
//! helped by knowing how the same key's hashes in two namespaces differ, as long as the hashes are
//! not known.

use crate::{DefaultHasher, RandomState};
use std::{
    any::TypeId,
    fmt,
    hash::{BuildHasher, Hash, Hasher},
};

/// Makes [`PlaceHasher`]s.
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

/// A hasher whose first word is kept apart.
pub(crate) struct PlaceHasher {
    place: Option<u64>,
    key: DefaultHasher,
}

impl Hasher for PlaceHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.key.write(bytes);
    }

    #[inline]
    fn write_u8(&mut self, word: u8) {
        self.key.write_u8(word);
    }

    #[inline]
    fn write_u16(&mut self, word: u16) {
        self.key.write_u16(word);
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.key.write_u32(word);
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        match self.place {
            None => self.place = Some(word),
            Some(_) => self.key.write_u64(word),
        }
    }

    #[inline]
    fn write_u128(&mut self, word: u128) {
        self.key.write_u128(word);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.key.write_usize(word);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // Versions are small numbers one after the other.
        self.key.finish() ^ self.place.unwrap_or(0).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// What is random of a type's number.
#[inline]
pub(super) fn type_bits(of: TypeId) -> u64 {
    let mut bits = Bits(0);
    of.hash(&mut bits);
    bits.0
}

/// Takes what a type's number writes, which needs no hashing.
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
