//! Keys whose place in the index is known.

use larder::Cache;
use std::hash::{BuildHasher, Hasher};

/// The cache of most models.
pub type TinyCache<V = u32> = Cache<u32, V, Placed>;

/// A key whose home is set `home`, 0 or 1, of two.
pub const fn key(home: u32, id: u32) -> u32 {
    id << 1 | home
}

/// Hashes [`key`]s so that they come to stand where they say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Placed;

impl BuildHasher for Placed {
    type Hasher = PlacedHasher;

    fn build_hasher(&self) -> PlacedHasher {
        PlacedHasher(0)
    }
}

/// See [`Placed`].
#[derive(Debug)]
pub struct PlacedHasher(u64);

/// What the cache multiplies hashes with, and its inverse modulo 2^64.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
const INVERSE: u64 = {
    // Newton's iteration doubles the number of right bits: 3, 6, .. 96.
    let mut inverse = FACTOR;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(FACTOR.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
};
const _: () = assert!(FACTOR.wrapping_mul(INVERSE) == 1);

impl Hasher for PlacedHasher {
    fn write(&mut self, _: &[u8]) {
        unimplemented!("keys are u32")
    }

    fn write_u32(&mut self, key: u32) {
        // The set comes from the top of bits 16 to 47, the tag from bits up to 29, of which those
        // from 20 on belong to it in every shard.
        let hash = u64::from(key & 1) << 47 | u64::from(key >> 1) << 20;
        self.0 = hash.wrapping_mul(INVERSE);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
