//! Hashes that collide on purpose: with good ones a small cache never fills a bucket.

use std::hash::{BuildHasher, Hasher};

/// How keys hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashing {
    /// As well as can be.
    Spread,
    /// To four values: long searches, full buckets.
    Four,
    /// All to one: one bucket and its neighbour, equal tags.
    One,
}

/// The hasher of [`Hashing`].
#[derive(Clone, Debug)]
pub struct StressHasher(Hashing, u64);

impl BuildHasher for Hashing {
    type Hasher = StressHasher;

    fn build_hasher(&self) -> StressHasher {
        StressHasher(*self, 0)
    }
}

impl Hasher for StressHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.1 = self.1 << 8 | u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        let spread = |n: u64| {
            let n = (n + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93);
            (n ^ n >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93)
        };
        match self.0 {
            Hashing::Spread => spread(self.1),
            Hashing::Four => spread(self.1 % 4),
            Hashing::One => 0,
        }
    }
}
