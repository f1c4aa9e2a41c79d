//! What an index slot and a bucket's control word say, packed into 32 and 64 bits.
//!
//! Plain values: nothing here is atomic, and nothing here knows which transitions are legal (that
//! is `index.rs`). The types are copies of what an atomic held at one moment.
//!
//! # Slot word, 32 bits
//!
//! ```text
//!  31 30 | 29 28 | 27 | 26 25 | 24 ....... 0
//!   0  0     0     0     0             0        Empty: no resident, no ring entry
//!   0  0     0     0     0             1        Vacant: no resident, but a ring entry names this slot
//!   0  1 | seg| merit | stamp 16 | tag 11       Ghost: remembers an evicted key, no ring entry
//!   1  0 |link|used| d  | merit | tag | node    Tentative: an insert in progress, unseen by readers
//!   1  1 | uses    | d  | merit | tag | node    Member: the entry is in the cache
//! ```
//!
//! `link` says that the slot was Vacant when it was claimed, `used` that the member begins with one
//! use, `d` that the key's home is the neighbouring bucket. `uses` is the saturating counter that
//! hits set, `merit` how often the key has proved itself to the policy. `tag` takes what the shard's
//! node numbers leave of 25 bits: see [`Layout`].
//!
//! # Control word, 64 bits
//!
//! ```text
//!  63 ......... 34 |   33   | 32 ...... 25 | 24 ... 20 | 19 ... 0
//!    version 30      sealed   displaced 8    place 5     node 20
//! ```
//!
//! The last insert that was decided in this bucket (`node` at `place`, or none), how many keys of
//! this bucket live next door, whether nothing more is decided here (`storeys.rs`), and a version that
//! every decision raises.

/// Slots of one bucket: with the control word they fill a cache line.
#[cfg(not(larder_loom))]
pub(crate) const SLOTS: usize = 14;
/// Two, so that a model reaches full buckets and neighbours within a few steps.
#[cfg(larder_loom)]
pub(crate) const SLOTS: usize = 2;

/// The counter of uses stops here.
pub(crate) const USES_MAX: u32 = 3;
/// The count of merits stops here.
pub(crate) const MERIT_MAX: u32 = 3;

/// A node's number within its shard, from 1; 0 is "none" wherever a link or a word needs it.
pub(crate) type NodeId = u32;

/// Width of the node field in the control word, hence of any node number.
pub(crate) const NODE_BITS_MAX: u32 = 20;

pub(crate) const KIND: u32 = 0b11 << 30;
pub(crate) const GHOST: u32 = 0b01 << 30;
const TENTATIVE: u32 = 0b10 << 30;
const MEMBER: u32 = 0b11 << 30;
const USES_SHIFT: u32 = 28;
const USES: u32 = USES_MAX << USES_SHIFT;
const LINKED: u32 = 1 << 29;
const USED: u32 = 1 << 28;
const DISPLACED: u32 = 1 << 27;
const MERIT_SHIFT: u32 = 25;
const MERIT: u32 = 0b11 << MERIT_SHIFT;
const PAYLOAD: u32 = (1 << MERIT_SHIFT) - 1;

pub(crate) const GHOST_SEGMENT: u32 = 1 << 29;
const GHOST_MERIT_SHIFT: u32 = 27;
pub(crate) const GHOST_STAMP_SHIFT: u32 = 11;
const GHOST_TAG_BITS: u32 = 11;

/// Which of the two FIFO segments an entry is or was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Where new keys prove themselves.
    Probation,
    /// Where keys live that were used.
    Protected,
}

/// How a shard splits the 25 payload bits between tag and node number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    node_bits: u32,
    node_mask: u32,
    /// What of a word has to match: kind, displacement and tag.
    probe_mask: u32,
}

impl Layout {
    /// The layout for node numbers up to `max_node`; `None` if they do not fit.
    pub(crate) fn for_nodes(max_node: NodeId) -> Option<Self> {
        let node_bits = (NodeId::BITS - max_node.leading_zeros()).max(1);
        let node_mask = (1 << node_bits) - 1;
        let probe_mask = KIND | DISPLACED | PAYLOAD & !node_mask;
        (node_bits <= NODE_BITS_MAX).then_some(Self { node_bits, node_mask, probe_mask })
    }

    /// The hash bits that slots keep, in place.
    #[inline(always)]
    fn tag(self, hash: u64) -> u32 {
        ((hash as u32) << self.node_bits) & PAYLOAD
    }

    /// What [`Word::matches`] compares a member of this hash with, and under which mask.
    #[inline(always)]
    pub(crate) fn probe(self, hash: u64, displaced: bool) -> Probe {
        Probe {
            mask: self.probe_mask,
            want: MEMBER | if displaced { DISPLACED } else { 0 } | self.tag(hash),
        }
    }

    /// The part of the hash that a ghost keeps. It is never more than a member's tag holds, since
    /// an evicting thread has only the word.
    #[inline(always)]
    pub(crate) fn ghost_tag(self, hash: u64) -> u32 {
        self.ghost_tag_of_payload(self.tag(hash))
    }

    #[inline(always)]
    fn ghost_tag_of_payload(self, payload: u32) -> u32 {
        (payload >> self.node_bits) & ((1 << GHOST_TAG_BITS) - 1)
    }

    /// Matches the ghosts that may be of this hash.
    #[inline(always)]
    pub(crate) fn ghost_probe(self, hash: u64) -> Probe {
        Probe { mask: KIND | ((1 << GHOST_TAG_BITS) - 1), want: GHOST | self.ghost_tag(hash) }
    }

    pub(crate) fn tentative(self, hash: u64, node: NodeId, flags: Flags) -> Word {
        debug_assert!(node != 0 && node <= self.node_mask, "node number out of range");
        let flag = |set, bit| if set { bit } else { 0 };
        let flags = flag(flags.displaced, DISPLACED)
            | flag(flags.linked, LINKED)
            | flag(flags.used, USED)
            | flags.merit.min(MERIT_MAX) << MERIT_SHIFT;
        Word(TENTATIVE | flags | self.tag(hash) | node)
    }

    #[inline(always)]
    pub(crate) fn node(self, word: Word) -> NodeId {
        word.0 & self.node_mask
    }

    /// The member word of the same key, place and uses with another node.
    pub(crate) fn with_node(self, word: Word, node: NodeId) -> Word {
        Word(word.0 & !self.node_mask | node)
    }

    /// The ghost that a member leaves behind.
    pub(crate) fn ghost(self, member: Word, segment: Segment, stamp: u16) -> Word {
        let segment = if segment == Segment::Protected { GHOST_SEGMENT } else { 0 };
        let tag = self.ghost_tag_of_payload(member.0 & PAYLOAD);
        let merit = member.merit() << GHOST_MERIT_SHIFT;
        Word(GHOST | segment | merit | u32::from(stamp) << GHOST_STAMP_SHIFT | tag)
    }
}

/// What a tentative word says besides tag and node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    /// The key's home is the neighbouring bucket.
    pub(crate) displaced: bool,
    /// The slot was Vacant: a ring entry names it.
    pub(crate) linked: bool,
    /// The member begins with one use.
    pub(crate) used: bool,
    /// The member's merit; no more than [`MERIT_MAX`] is kept.
    pub(crate) merit: u32,
}

/// A compare value and its mask: one `and` and one compare per slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    pub(crate) mask: u32,
    pub(crate) want: u32,
}

impl Probe {
    pub(crate) const EMPTY: Probe = Probe { mask: u32::MAX, want: Word::EMPTY.0 };
    pub(crate) const VACANT: Probe = Probe { mask: u32::MAX, want: Word::VACANT.0 };
}

/// What one slot held at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(u32);

/// The kinds of [`Word`], as the caller's `match` wants them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Neither resident nor ring entry.
    Empty,
    /// No resident; a ring entry names the slot.
    Vacant,
    /// A remembered key: from which segment it went, when, and what is left of its hash.
    Ghost {
        /// The segment it was evicted from.
        segment: Segment,
        /// Its merit then.
        merit: u32,
        /// That segment's clock when it was evicted.
        stamp: u16,
        /// What is left of its hash.
        tag: u32,
    },
    /// An insert in progress.
    Tentative {
        /// Whether a ring entry already names the slot.
        linked: bool,
    },
    /// A resident.
    Member {
        /// The counter that hits set.
        uses: u32,
    },
}

impl Word {
    pub(crate) const EMPTY: Word = Word(0);
    pub(crate) const VACANT: Word = Word(1);

    #[inline(always)]
    pub(crate) fn from_bits(bits: u32) -> Self {
        Word(bits)
    }

    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(crate) fn matches(self, probe: Probe) -> bool {
        self.0 & probe.mask == probe.want
    }

    #[inline]
    pub(crate) fn kind(self) -> Kind {
        match self.0 & KIND {
            MEMBER => Kind::Member { uses: self.uses() },
            TENTATIVE => Kind::Tentative { linked: self.0 & LINKED != 0 },
            GHOST => Kind::Ghost {
                segment: if self.is_ghost_of_protected() {
                    Segment::Protected
                } else {
                    Segment::Probation
                },
                merit: (self.0 >> GHOST_MERIT_SHIFT) & MERIT_MAX,
                stamp: self.ghost_stamp() as u16,
                tag: self.0 & ((1 << GHOST_TAG_BITS) - 1),
            },
            _ if self == Word::VACANT => Kind::Vacant,
            _ => {
                debug_assert_eq!(self, Word::EMPTY, "no such slot word");
                Kind::Empty
            }
        }
    }

    #[inline(always)]
    pub(crate) fn is_member(self) -> bool {
        self.0 & KIND == MEMBER
    }

    /// Of a ghost: whether protected evicted it.
    #[inline(always)]
    fn is_ghost_of_protected(self) -> bool {
        self.0 & GHOST_SEGMENT != 0
    }

    /// Of a ghost: the segment's clock when it was evicted.
    #[inline(always)]
    fn ghost_stamp(self) -> u32 {
        self.0 >> GHOST_STAMP_SHIFT & 0xFFFF
    }

    /// Whether the key's home is the neighbouring bucket (of tentative and member words).
    #[inline]
    pub(crate) fn is_displaced(self) -> bool {
        self.0 & DISPLACED != 0
    }

    /// The counter of a member.
    #[inline(always)]
    pub(crate) fn uses(self) -> u32 {
        (self.0 & USES) >> USES_SHIFT
    }

    /// Whether the counter of a member has come to its end.
    #[inline(always)]
    pub(crate) fn is_used_up(self) -> bool {
        self.0 & USES == USES
    }

    /// How often the member's key has proved itself.
    #[inline(always)]
    pub(crate) fn merit(self) -> u32 {
        (self.0 & MERIT) >> MERIT_SHIFT
    }

    /// How often a member's key was used, as far as words tell: from 1 to 13.
    #[inline]
    pub(crate) fn frequency(self) -> u64 {
        u64::from(1 + self.uses() + 3 * self.merit())
    }

    /// The same member with one merit more.
    #[inline(always)]
    pub(crate) fn with_more_merit(self) -> Word {
        let merit = (self.merit() + 1).min(MERIT_MAX);
        Word(self.0 & !MERIT | merit << MERIT_SHIFT)
    }

    /// The same member with another counter.
    #[inline(always)]
    pub(crate) fn with_uses(self, uses: u32) -> Word {
        debug_assert!(self.is_member() && uses <= USES_MAX);
        Word(self.0 & !USES | uses << USES_SHIFT)
    }

    /// The member that a tentative word becomes.
    #[inline]
    pub(crate) fn into_member(self) -> Word {
        debug_assert_eq!(self.0 & KIND, TENTATIVE);
        let uses = u32::from(self.0 & USED != 0);
        Word(MEMBER | uses << USES_SHIFT | self.0 & (DISPLACED | MERIT | PAYLOAD))
    }
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({:#010x})", self.kind(), self.0)
    }
}

/// Where in a pair of buckets: the slot, and whether it is next door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Slot number within its bucket.
    pub(crate) slot: usize,
    /// In the neighbour of the home bucket.
    pub(crate) displaced: bool,
}

const CTL_NODE: u64 = (1 << NODE_BITS_MAX) - 1;
const CTL_PLACE_SHIFT: u32 = 20;
const CTL_PLACE_DISPLACED: u64 = 1 << 24;
const CTL_DISPLACED_SHIFT: u32 = 25;
const CTL_DISPLACED_ONE: u64 = 1 << CTL_DISPLACED_SHIFT;
const CTL_SEALED: u64 = 1 << 33;
const CTL_VERSION_ONE: u64 = 1 << 34;
/// The count of displaced keys stops here; a bucket that has reached it displaces no more.
const CTL_DISPLACED_MAX: u64 = 0xFF;

/// What a bucket's control word held at one moment.
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

    /// The last decided insert, unless its node has been retired since.
    #[inline]
    pub(crate) fn decided(self) -> Option<(NodeId, Place)> {
        let node = (self.0 & CTL_NODE) as NodeId;
        (node != 0).then(|| {
            let slot = (self.0 >> CTL_PLACE_SHIFT) as usize & 0xF;
            (node, Place { slot, displaced: self.0 & CTL_PLACE_DISPLACED != 0 })
        })
    }

    /// How many of the bucket's keys may live next door.
    #[inline(always)]
    pub(crate) fn displaced(self) -> u64 {
        (self.0 >> CTL_DISPLACED_SHIFT) & CTL_DISPLACED_MAX
    }

    pub(crate) fn can_displace(self) -> bool {
        self.displaced() < CTL_DISPLACED_MAX
    }

    /// The word after the decision that `node` at `place` is inserted.
    #[inline]
    pub(crate) fn decide(self, node: NodeId, place: Place) -> Control {
        let keep = self.0 & !(CTL_NODE | 0x1F << CTL_PLACE_SHIFT);
        let place_bits = (place.slot as u64) << CTL_PLACE_SHIFT
            | if place.displaced { CTL_PLACE_DISPLACED } else { 0 };
        let displaced = if place.displaced { CTL_DISPLACED_ONE } else { 0 };
        Control((keep | place_bits | u64::from(node)).wrapping_add(displaced + CTL_VERSION_ONE))
    }

    /// Whether nothing more is decided in this bucket.
    #[inline(always)]
    pub(crate) fn is_sealed(self) -> bool {
        self.0 & CTL_SEALED != 0
    }

    /// The word that lets nothing more be decided.
    pub(crate) fn seal(self) -> Control {
        Control(self.0 | CTL_SEALED)
    }

    /// The word with the next version, and nothing decided by it.
    #[inline]
    pub(crate) fn bump(self) -> Control {
        Control(self.0.wrapping_add(CTL_VERSION_ONE))
    }

    /// The word after `node` has left its slot: it no longer names it, and a displaced key less is
    /// counted. Equal to `self` if nothing is to be done.
    #[inline]
    pub(crate) fn forget(self, node: NodeId, was_displaced: bool) -> Control {
        let mut bits = self.0;
        if bits & CTL_NODE == u64::from(node) {
            bits &= !(CTL_NODE | 0x1F << CTL_PLACE_SHIFT);
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
            let (displaced, linked, used) = (rng.random(), rng.random(), rng.random());
            let merit = rng.random_range(0..=MERIT_MAX);
            let word = layout.tentative(hash, node, Flags { displaced, linked, used, merit });
            assert_eq!(word.kind(), Kind::Tentative { linked });
            assert_eq!((layout.node(word), word.is_displaced()), (node, displaced));
            assert!(!word.matches(layout.probe(hash, displaced)), "readers must not see it");

            assert_eq!(word.into_member().uses(), u32::from(used));
            assert_eq!(word.into_member().merit(), merit);
            let more = word.into_member().with_more_merit();
            assert_eq!((more.merit(), more.uses()), ((merit + 1).min(3), u32::from(used)));
            let uses = rng.random_range(0..=USES_MAX);
            let member = word.into_member().with_uses(uses);
            assert_eq!(member.kind(), Kind::Member { uses });
            assert!(member.matches(layout.probe(hash, displaced)));
            assert!(!member.matches(layout.probe(hash, !displaced)));
            assert_eq!(layout.node(member), node);

            let other = rng.random_range(1..=max);
            let replaced = layout.with_node(member, other);
            assert_eq!((layout.node(replaced), replaced.uses()), (other, uses));
            assert!(replaced.matches(layout.probe(hash, displaced)));

            for segment in [Segment::Probation, Segment::Protected] {
                let stamp = rng.random();
                let ghost = layout.ghost(member, segment, stamp);
                let tag = layout.ghost_tag(hash);
                assert!(ghost.matches(layout.ghost_probe(hash)));
                assert!(!member.matches(layout.ghost_probe(hash)));
                assert_eq!(ghost.kind(), Kind::Ghost { segment, merit, stamp, tag });
            }
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
            let place = Place { slot: round as usize % SLOTS, displaced: round % 2 == 0 };
            let before = control;
            control = control.decide(round, place);
            assert_eq!(control.decided(), Some((round, place)));
            assert_ne!(control.bits() >> 34, before.bits() >> 34, "the version moves");
        }
        assert_eq!(control.displaced(), 10);
        let same = control.forget(7, false);
        assert_eq!(same, control, "another node is named");
        let less = control.forget(20, true);
        assert_eq!((less.decided(), less.displaced()), (None, 9));
    }

    #[test]
    fn the_version_wraps_without_touching_its_neighbours() {
        let control = Control::from_bits(u64::MAX << 34);
        let next = control.decide(5, Place { slot: 1, displaced: false });
        assert_eq!(next.decided(), Some((5, Place { slot: 1, displaced: false })));
        assert_eq!((next.bits() >> 34, next.displaced()), (0, 0));
        let bumped = next.bump();
        assert_eq!((bumped.bits() >> 34, bumped.decided()), (1, next.decided()));
        assert_eq!(Control::from_bits(u64::MAX << 34).bump().bits(), 0);
    }

    #[test]
    fn a_seal_stays() {
        let place = Place { slot: 3, displaced: true };
        let open = Control::from_bits(u64::MAX << 34).decide(5, place);
        assert!(!open.is_sealed());
        let sealed = open.seal();
        assert_eq!((sealed.decided(), sealed.displaced()), (open.decided(), open.displaced()));
        assert!(sealed.bump().is_sealed() && sealed.forget(5, true).is_sealed());
    }
}
