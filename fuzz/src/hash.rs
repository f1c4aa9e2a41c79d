//! Hashes that collide on purpose: with good ones a small cache never fills a bucket.

use std::hash::{BuildHasher, Hasher};

use arbitrary::Arbitrary;

/// What the cache multiplies hashes by: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash that the cache will multiply to `word`. Should the cache come to use another number,
/// the modes below would collide less, and nothing worse.
fn unmultiplied(word: u64) -> u64 {
    // The inverse modulo 2^64 by Newton's method: an odd number is its own inverse modulo 8, and
    // each round doubles the number of right bits.
    let mut inverse = MULTIPLIER;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(MULTIPLIER.wrapping_mul(inverse)));
    }
    debug_assert_eq!(MULTIPLIER.wrapping_mul(inverse), 1);
    word.wrapping_mul(inverse)
}

/// How keys collide.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Clash {
    /// No more than chance would have it.
    Never,
    /// Four hashes in all: few buckets, tags that repeat.
    Four,
    /// All buckets, one tag: every slot that is probed looks like the key.
    OneTag,
    /// One bucket, all tags: it overflows, and its neighbour as well.
    OneBucket,
    /// One hash for all keys.
    Always,
}

impl BuildHasher for Clash {
    type Hasher = ClashHasher;

    fn build_hasher(&self) -> ClashHasher {
        ClashHasher { clash: *self, state: 0 }
    }
}

/// The hasher of [`Clash`].
#[derive(Clone, Debug)]
pub struct ClashHasher {
    clash: Clash,
    state: u64,
}

impl Hasher for ClashHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.state = self.state.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        let spread = |word: u64| word.wrapping_add(1).wrapping_mul(MULTIPLIER);
        match self.clash {
            Clash::Never => {
                let word = spread(self.state);
                word ^ (word >> 32)
            }
            Clash::Four => spread(self.state % 4),
            // The tag comes from the low bits, the bucket from the middle ones.
            Clash::OneTag => unmultiplied(self.state << 40),
            Clash::OneBucket => unmultiplied(self.state),
            Clash::Always => 0,
        }
    }
}
