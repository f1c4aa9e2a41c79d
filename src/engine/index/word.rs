//! What a slot and a set's control word say, packed into 32 and 64 bits.
//!
//! Plain values: nothing here is atomic, and nothing here knows which transitions are legal (that
//! is `sets.rs`). The types are copies of what an atomic held at one moment.
//!
//! # Slot word, 32 bits
//!
//! ```text
//!  31 | 30 | 29 ....... 0
//!   0    0       0          Free: no entry
//!   0    d   tag | node     Tentative: an insert in progress, unseen by readers
//!   1    d   tag | node     Member: the entry is in the cache
//! ```
//!
//! `d` says that the key's home is the neighbouring set. `tag` takes what the shard's node numbers
//! leave of 30 bits ([`Layout`]), and is the bits of the hash at the same place. Node numbers begin
//! with 1, so a tentative word is never 0.
//!
//! # Control word, 64 bits
//!
//! ```text
//!  63 ......... 33 |   32   | 31 ...... 25 | 24 ... 20 | 19 ... 0
//!    version 31      sealed   displaced 7    slot 5      node 20
//! ```
//!
//! The last insert that was decided in this set (`node` at `slot`, or none), how many keys of
//! this set are next door, whether nothing more is decided here (`tiers.rs`), and a version that
//! every decision and every bump raises.

/// The number of slots of one set: with the control word they fill a cache line.
#[cfg(not(larder_loom))]
pub(crate) const SLOTS: usize = 14;
/// Two slots, so that a model reaches full sets and neighbours within a few steps.
#[cfg(larder_loom)]
pub(crate) const SLOTS: usize = 2;

/// A node's number within its shard, from 1; 0 is "none" wherever a link or a word needs it.
pub(crate) type NodeId = u32;

/// The width of the node field in the control word, which limits all node numbers.
pub(crate) const NODE_BITS_MAX: u32 = 20;

const MEMBER: u32 = 1 << 31;
const DISPLACED: u32 = 1 << 30;
const PAYLOAD: u32 = DISPLACED - 1;
/// The lowest bit of a hash that a ghost keeps. The highest is the highest of a tag.
const GHOST_SHIFT: u32 = 17;

/// How a shard splits the payload bits between tag and node number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(16))]
pub(crate) struct Layout {
    /// The bits of a word that have to match: kind, displacement and tag. Four times, as a vector,
    /// since each lookup uses it as one.
    probe_mask: [u32; 4],
    tag_mask: u32,
    /// The bits of a tag that a ghost keeps, from [`GHOST_SHIFT`] on. No more than a slot keeps,
    /// since a thread that evicts an entry has only its word.
    ghost_mask: u16,
}

impl Layout {
    /// Returns the layout for node numbers up to `max_node`; `None` if they do not fit.
    pub(crate) fn for_nodes(max_node: NodeId) -> Option<Self> {
        let node_bits = (NodeId::BITS - max_node.leading_zeros()).max(1);
        let probe_mask = !((1 << node_bits) - 1);
        let tag_mask = probe_mask & PAYLOAD;
        let ghost_mask = (tag_mask >> GHOST_SHIFT) as u16;
        (node_bits <= NODE_BITS_MAX).then_some(Self {
            probe_mask: [probe_mask; 4],
            tag_mask,
            ghost_mask,
        })
    }

    #[inline(always)]
    fn node_mask(&self) -> u32 {
        !self.probe_mask[0]
    }

    /// Returns the bits of the hash that slots keep, at their place in a word.
    #[inline(always)]
    fn tag(&self, hash: u64) -> u32 {
        hash as u32 & self.tag_mask
    }

    /// Returns what a member word with this hash, of a key in its home set, is compared with, and
    /// under which mask.
    #[inline(always)]
    pub(crate) fn probe(&self, hash: u64) -> Probe<'_> {
        Probe { mask: &self.probe_mask, want: MEMBER | self.tag(hash) }
    }

    /// Returns the part of a hash that a ghost keeps.
    #[inline(always)]
    pub(crate) fn ghost_tag(&self, hash: u64) -> u16 {
        (hash as u32 >> GHOST_SHIFT) as u16 & self.ghost_mask
    }

    /// Returns the part of the hash that a ghost keeps, of the key whose member word this is.
    #[inline(always)]
    pub(crate) fn ghost_tag_of(&self, word: Word) -> u16 {
        (word.0 >> GHOST_SHIFT) as u16 & self.ghost_mask
    }

    #[inline(always)]
    pub(crate) fn tentative(&self, hash: u64, node: NodeId, displaced: bool) -> Word {
        debug_assert!(node != 0 && node <= self.node_mask(), "node number out of range");
        Word(if displaced { DISPLACED } else { 0 } | self.tag(hash) | node)
    }

    #[inline(always)]
    pub(crate) fn node(&self, word: Word) -> NodeId {
        word.0 & self.node_mask()
    }

    /// Returns the member word of the same key with another node.
    #[inline(always)]
    pub(crate) fn with_node(&self, word: Word, node: NodeId) -> Word {
        Word(word.0 & self.probe_mask[0] | node)
    }
}

/// A compare value and its mask: one `and` and one compare per slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe<'l> {
    /// The mask, four times.
    pub(crate) mask: &'l [u32; 4],
    pub(crate) want: u32,
}

impl Probe<'_> {
    pub(crate) const FREE: Probe<'static> = Probe { mask: &[u32::MAX; 4], want: Word::FREE.0 };

    /// Returns the probe for the same key in the neighbour of its home set.
    #[inline(always)]
    pub(crate) fn next_door(self) -> Self {
        debug_assert!(self.want & DISPLACED == 0, "next door already");
        // Not by `|`: the compiler would keep the tag beside what was made of it.
        Probe { want: self.want.wrapping_add(DISPLACED), ..self }
    }

    /// Returns the node of a word, if the word matches.
    ///
    /// The first `likely` nodes exist, and if the node is one of these, one compare says that the
    /// word matches: any other bit makes the number larger than theirs.
    #[inline(always)]
    pub(crate) fn node_of(self, word: Word, likely: usize) -> Option<NodeId> {
        // The bits that match cancel out, so the node number is left of a word that matches.
        let rest = word.0 ^ self.want;
        debug_assert!(likely < 1 << self.mask[0].trailing_zeros(), "more nodes than numbers");
        (is_among(rest, likely) || rest & self.mask[0] == 0).then_some(rest)
    }
}

/// Returns whether a node is among the first `count`, whose numbers are from 1 on.
#[inline(always)]
pub(crate) fn is_among(node: NodeId, count: usize) -> bool {
    (node.wrapping_sub(1) as usize) < count
}

/// What one slot held at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(u32);

/// The kinds of [`Word`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WordKind {
    /// No entry.
    Free,
    /// An insert in progress.
    Tentative,
    /// An entry that is in the cache.
    Member,
}

impl Word {
    pub(crate) const FREE: Word = Word(0);

    #[inline(always)]
    pub(crate) fn from_bits(bits: u32) -> Self {
        Word(bits)
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(crate) fn kind(self) -> WordKind {
        match self {
            Word::FREE => WordKind::Free,
            _ if self.is_member() => WordKind::Member,
            _ => WordKind::Tentative,
        }
    }

    #[inline(always)]
    pub(crate) fn is_member(self) -> bool {
        self.0 & MEMBER != 0
    }

    /// Returns whether the key's home is the neighbouring set. For tentative and member words.
    #[inline(always)]
    pub(crate) fn is_displaced(self) -> bool {
        self.0 & DISPLACED != 0
    }

    /// Returns the member word that a tentative word becomes.
    #[inline(always)]
    pub(crate) fn into_member(self) -> Word {
        debug_assert_eq!(self.kind(), WordKind::Tentative);
        Word(self.0 | MEMBER)
    }
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({:#010x})", self.kind(), self.0)
    }
}

/// A slot of a pair of sets, as seen from the home set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DecidedSlot {
    /// Slot number within its set.
    pub(crate) slot: usize,
    /// Whether the slot is in the neighbour of the home set.
    pub(crate) displaced: bool,
}

const CTL_NODE: u64 = (1 << NODE_BITS_MAX) - 1;
const CTL_SLOT_SHIFT: u32 = 20;
const CTL_SLOT_DISPLACED: u64 = 1 << 24;
const CTL_DISPLACED_SHIFT: u32 = 25;
const CTL_DISPLACED_ONE: u64 = 1 << CTL_DISPLACED_SHIFT;
const CTL_SEALED: u64 = 1 << 32;
const CTL_VERSION_ONE: u64 = 1 << 33;
/// The maximum count of displaced keys. A set that has reached it displaces no more.
const CTL_DISPLACED_MAX: u64 = 0x7F;

/// What a set's control word held at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Control(u64);

impl Control {
    #[inline(always)]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Control(bits)
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// Returns the insert that the word names: the last one that was decided, if it has not been
    /// forgotten.
    #[inline]
    pub(crate) fn decided(self) -> Option<(NodeId, DecidedSlot)> {
        let node = (self.0 & CTL_NODE) as NodeId;
        (node != 0).then(|| {
            (node, DecidedSlot { slot: self.slot_decided(), displaced: self.names_next_door() })
        })
    }

    /// Returns whether the word names this node, which is not 0.
    #[inline(always)]
    pub(crate) fn names(self, node: NodeId) -> bool {
        (self.0 & CTL_NODE) as NodeId == node
    }

    /// Returns the slot of the insert that the word names; 0 if it names none.
    #[inline(always)]
    pub(crate) fn slot_decided(self) -> usize {
        (self.0 >> CTL_SLOT_SHIFT) as usize & 0xF
    }

    /// Returns whether that slot is in the neighbouring set.
    #[inline(always)]
    pub(crate) fn names_next_door(self) -> bool {
        self.0 & CTL_SLOT_DISPLACED != 0
    }

    /// Returns how many of the set's keys are next door at most.
    #[inline(always)]
    pub(crate) fn displaced(self) -> u64 {
        (self.0 >> CTL_DISPLACED_SHIFT) & CTL_DISPLACED_MAX
    }

    pub(crate) fn can_displace(self) -> bool {
        self.displaced() < CTL_DISPLACED_MAX
    }

    /// Returns the word after the decision that `node` in `slot` is inserted.
    #[inline]
    pub(crate) fn decide(self, node: NodeId, slot: DecidedSlot) -> Control {
        let keep = self.0 & !(CTL_NODE | 0x1F << CTL_SLOT_SHIFT);
        let displaced = u64::from(slot.displaced);
        let slot = ((slot.slot as u64) << CTL_SLOT_SHIFT) | (displaced * CTL_SLOT_DISPLACED);
        let more = displaced * CTL_DISPLACED_ONE + CTL_VERSION_ONE;
        Control((keep | slot | u64::from(node)).wrapping_add(more))
    }

    /// Returns whether nothing more is decided in this set.
    #[inline(always)]
    pub(crate) fn is_sealed(self) -> bool {
        self.0 & CTL_SEALED != 0
    }

    /// Returns the word with which nothing more is decided.
    pub(crate) fn seal(self) -> Control {
        Control(self.0 | CTL_SEALED)
    }

    /// Returns the word with the next version and no new decision.
    #[inline]
    pub(crate) fn bump(self) -> Control {
        Control(self.0.wrapping_add(CTL_VERSION_ONE))
    }

    /// Returns the word after `node` has left its slot: it does not name the node, and counts one
    /// displaced key less if `was_displaced`. Equal to `self` if there is nothing to change.
    #[inline]
    pub(crate) fn forget(self, node: NodeId, was_displaced: bool) -> Control {
        let mut bits = self.0;
        if bits & CTL_NODE == u64::from(node) {
            bits &= !(CTL_NODE | 0x1F << CTL_SLOT_SHIFT);
        }
        if was_displaced {
            debug_assert!(self.displaced() > 0, "a displaced key that nobody counted");
            bits -= CTL_DISPLACED_ONE;
        }
        Control(bits)
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

    #[test]
    fn words_survive_the_round_trip() {
        let mut rng = SmallRng::seed_from_u64(1);
        for _ in 0..100_000 {
            let max = 1 << rng.random_range(1..NODE_BITS_MAX);
            let layout = Layout::for_nodes(max).expect("fits");
            let (hash, node) = (rng.random::<u64>(), rng.random_range(1..=max));
            let displaced = rng.random();
            let word = layout.tentative(hash, node, displaced);
            assert_eq!(word.kind(), WordKind::Tentative);
            assert_eq!((layout.node(word), word.is_displaced()), (node, displaced));
            let (home, next_door) = (layout.probe(hash), layout.probe(hash).next_door());
            let (probe, elsewhere) = if displaced { (next_door, home) } else { (home, next_door) };
            let likely = rng.random_range(0..=max) as usize;
            assert_eq!(probe.node_of(word, likely), None, "readers must not see it");
            assert_eq!(probe.node_of(Word::FREE, likely), None);

            let member = word.into_member();
            assert_eq!(member.kind(), WordKind::Member);
            assert_eq!(probe.node_of(member, likely), Some(node));
            assert_eq!(elsewhere.node_of(member, likely), None);
            assert_eq!(layout.node(member), node);
            assert_eq!(layout.ghost_tag_of(member), layout.ghost_tag(hash));

            let other = rng.random_range(1..=max);
            let replaced = layout.with_node(member, other);
            assert_eq!((layout.node(replaced), replaced.is_displaced()), (other, displaced));
            assert_eq!(probe.node_of(replaced, likely), Some(other));
        }
    }

    #[test]
    fn a_layout_that_does_not_fit_is_refused() {
        assert!(Layout::for_nodes((1 << NODE_BITS_MAX) - 1).is_some());
        assert!(Layout::for_nodes(1 << NODE_BITS_MAX).is_none());
    }

    #[test]
    fn control_words_count_and_forget() {
        let mut control = Control::from_bits(0);
        assert_eq!(control.decided(), None);
        for round in 1..=20u32 {
            let slot = DecidedSlot { slot: round as usize % SLOTS, displaced: round % 2 == 0 };
            let before = control;
            control = control.decide(round, slot);
            assert_eq!(control.decided(), Some((round, slot)));
            assert_ne!(control.bits() >> 33, before.bits() >> 33, "the version moves");
        }
        assert_eq!(control.displaced(), 10);
        let same = control.forget(7, false);
        assert_eq!(same, control, "another node is named");
        let less = control.forget(20, true);
        assert_eq!((less.decided(), less.displaced()), (None, 9));
    }

    #[test]
    fn the_version_wraps_without_touching_its_neighbours() {
        let control = Control::from_bits(u64::MAX << 33);
        let next = control.decide(5, DecidedSlot { slot: 1, displaced: false });
        assert_eq!(next.decided(), Some((5, DecidedSlot { slot: 1, displaced: false })));
        assert_eq!((next.bits() >> 33, next.displaced()), (0, 0));
        let bumped = next.bump();
        assert_eq!((bumped.bits() >> 33, bumped.decided()), (1, next.decided()));
        assert_eq!(Control::from_bits(u64::MAX << 33).bump().bits(), 0);
    }

    #[test]
    fn a_seal_stays() {
        let slot = DecidedSlot { slot: 3, displaced: true };
        let open = Control::from_bits(u64::MAX << 33).decide(5, slot);
        assert!(!open.is_sealed());
        let sealed = open.seal();
        assert_eq!((sealed.decided(), sealed.displaced()), (open.decided(), open.displaced()));
        assert!(sealed.bump().is_sealed() && sealed.forget(5, true).is_sealed());
    }
}
