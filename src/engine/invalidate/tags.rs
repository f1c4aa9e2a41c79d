//! Tags: where the stamp of each is kept, and those of one entry, packed.

/// The maximum number of tags of an entry.
pub(crate) const TAGS_MAX: usize = 8;

/// The number of slots for tags' stamps. The first stays free.
pub(super) const TAG_SLOTS: usize = if cfg!(larder_loom) { 4 } else { 1 << 16 };

/// The slot of a tag's stamp: 1 to `TAG_SLOTS - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TagSlot(pub(super) u16);

impl TagSlot {
    #[inline]
    pub(crate) fn of_hash(hash: u64) -> Self {
        // The upper half, as for shards.
        TagSlot((1 + (hash >> 32) % (TAG_SLOTS as u64 - 1)) as u16)
    }
}

/// The slots of an entry's tags, packed. Unused ones are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags(pub(super) [u64; 2]);

impl Tags {
    pub(crate) const NONE: Tags = Tags([0; 2]);

    /// Packs `slots`, of which there are [`TAGS_MAX`] at most.
    pub(crate) fn new(slots: impl IntoIterator<Item = TagSlot>) -> Self {
        let mut tags = Self::NONE;
        for (i, TagSlot(slot)) in slots.into_iter().enumerate() {
            tags.0[i / 4] |= u64::from(slot) << (16 * (i % 4));
        }
        tags
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::NONE
    }

    pub(super) fn slots(self) -> impl Iterator<Item = usize> {
        let slot = move |i: usize| (self.0[i / 4] >> (16 * (i % 4))) as u16 as usize;
        (0..TAGS_MAX).map(slot).filter(|&slot| slot != 0)
    }

    pub(crate) fn count(self) -> usize {
        self.slots().count()
    }

    #[cfg(feature = "manager")]
    pub(crate) fn has(self, TagSlot(slot): TagSlot) -> bool {
        self.slots().any(|it| it == usize::from(slot))
    }
}
