//! Tags: where the stamp of each is kept, and those of one entry, packed.

/// The maximum number of tags of an entry.
pub(crate) const TAGS_MAX: usize = 8;

/// The number of places for tags' stamps. The first stays free.
pub(super) const PLACES: usize = if cfg!(larder_loom) { 4 } else { 1 << 16 };

/// The place of a tag's stamp: 1 to `PLACES - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(pub(super) u16);

impl Place {
    #[inline]
    pub(crate) fn of_hash(hash: u64) -> Self {
        // The upper half, as for shards.
        Place((1 + (hash >> 32) % (PLACES as u64 - 1)) as u16)
    }
}

/// The places of an entry's tags, packed. Unused ones are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags(pub(super) [u64; 2]);

impl Tags {
    pub(crate) const NONE: Tags = Tags([0; 2]);

    /// Packs `places`, of which there are [`TAGS_MAX`] at most.
    pub(crate) fn new(places: impl IntoIterator<Item = Place>) -> Self {
        let mut tags = Self::NONE;
        for (i, Place(place)) in places.into_iter().enumerate() {
            tags.0[i / 4] |= u64::from(place) << (16 * (i % 4));
        }
        tags
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::NONE
    }

    pub(super) fn places(self) -> impl Iterator<Item = usize> {
        let place = move |i: usize| (self.0[i / 4] >> (16 * (i % 4))) as u16 as usize;
        (0..TAGS_MAX).map(place).filter(|&place| place != 0)
    }

    pub(crate) fn count(self) -> usize {
        self.places().count()
    }

    #[cfg(feature = "manager")]
    pub(crate) fn has(self, Place(place): Place) -> bool {
        self.places().any(|it| it == usize::from(place))
    }
}
