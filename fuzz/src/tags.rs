//! Tags of entries.

/// How many there are.
pub(crate) const TAGS: u8 = 6;

/// Tags of one entry, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags(u8);

impl Tags {
    pub(crate) fn new(bits: u8) -> Self {
        Self(bits % (1 << TAGS))
    }

    /// Their numbers.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u8> {
        (0..TAGS).filter(move |tag| self.0 & (1 << tag) != 0)
    }

    /// What the cache gets to hash.
    pub(crate) fn wide(self) -> impl Iterator<Item = u64> {
        self.numbers().map(wide)
    }
}

/// What the cache gets to hash of a tag. Spread so that it knows two apart unless their hashes are
/// equal, however these collide.
pub(crate) fn wide(tag: u8) -> u64 {
    u64::from(tag) << 56 | u64::from(tag)
}
