//! The index of one shard: sets of two cache lines, each key in its home set or the neighbour.
//!
//! The first line of a set has its control word and its slots, and is what this file is about. The
//! second line has what the policy knows of the members and of keys that have left (`hints.rs`); no
//! answer depends on it. The search is in this file, each change of a slot in `sets/slots.rs`, and
//! each change of a control word in `sets/control.rs`.
//!
//! # Who may touch what
//!
//! A slot is one word (`word.rs`). It is changed by compare-and-swap only, and only in these ways:
//!
//! ```text
//! claim    Free      -> Tentative(n)    the insert that owns node n
//! oust     Member(m) -> Tentative(n)    the insert that owns node n; evicts the entry of node m
//! publish  Tentative(n) -> Member(n)    any thread, once the control word has decided n
//! abort    Tentative(n) -> Free         the insert that owns n, if n is not decided
//! replace  Member(n) -> Member(m)       an insert of the same key that owns node m
//! remove   Member(n) -> Free            a removal of the key, or an eviction
//! ```
//!
//! A node that leaves a slot is retired by the thread whose compare-and-swap removed it.
//!
//! # One copy per key
//!
//! Two inserts of one absent key may claim different slots. The control word of the key's home
//! set orders them. An insert
//!
//! 1. reads the control word,
//! 2. *settles* it: if the slot that it names is still Tentative with the node that it names, that
//!    insert was decided and its thread has not published it yet: publishes the slot for it,
//! 3. looks for the key; if it is there, replaces it,
//! 4. claims a slot for its node: a free one, home before neighbour, or one whose entry has to go,
//! 5. *decides*: swaps the control word from the value read in 1 to one that names its own node and
//!    place, with the next version,
//! 6. publishes its slot.
//!
//! If 5 succeeds, no other insert was decided in this set since 1. Every insert that was decided
//! before was published when 2 ended: the last by 2 itself, each earlier one because the next
//! decision settled it first. So 3 has looked at every copy that there was, the key is absent, and
//! this insert's copy is the only one. An insert whose step 5 fails starts again and keeps its
//! claim, and its step 3 then finds the winner's copy.
//!
//! An insert takes effect when its slot is published, a replacement at its swap, a removal at its
//! swap, a lookup that finds the key when it reads the slot. A present key never changes its slot,
//! so a lookup that does not find it ran while the key was absent, at the start or between a
//! removal and an insert.
//!
//! # Displaced keys
//!
//! When no slot of the home set is free, 4 may claim one next door, and 5 counts it in the *home*'s
//! control word before 6 makes it visible. Readers look next door only if the count is not zero.
//! The count goes down after the key has left its slot. It may be too high for a moment, never too
//! low.
//!
//! # Stale control words
//!
//! A control word may go on naming a node that has left. No thread may publish an undecided insert
//! because of that: the node's next owner may claim the very slot that the word names. So
//!
//! - an insert that is about to claim a slot makes the control word that could name its node there
//!   forget it ([`Index::clear_name`]): the word of the node's home, which the insert has read
//!   anyway, and, before a claim next door, the word of the neighbour;
//! - a thread that settles reads the control word again after it has seen the slot Tentative. If
//!   the word is the same, the next owner had not come to its claim when the slot was read (the
//!   claim is Release, the load of the slot Acquire), so what was read is the decided insert.
//!
//! The names of displaced keys are an exception, since they stand in another set than the slot.
//! They are forgotten when the node leaves, together with the count, before the node is retired
//! ([`Index::forget`]).
//!
//! # Orderings
//!
//! Claim and replace are Release, and every compare-and-swap on a slot is a read-modify-write and
//! so continues their release sequence; a reader's Acquire load of the member word therefore sees
//! the node's key and value, whichever thread published it. (Publish is Release, too; either would
//! be enough.) Decide is AcqRel and step 1 Acquire: a thread that reads a control word sees the
//! slots as its decider saw them, in particular everything published before. Looking for a key
//! scans with Relaxed loads, which by coherence cannot be older than that, and loads a matching
//! slot again with Acquire.
//!
//! # ABA
//!
//! Every operation runs pinned. A node that a slot named while this thread is pinned is not handed
//! out again before it unpins: the node is retired only after it has left its slot, and recycled
//! only after a grace period. Hence, for the compare-and-swaps above:
//!
//! - `Member(n)` or `Tentative(n)` read and compared later is the same incarnation of n; its key is
//!   the same. So what is ousted is the entry that was chosen, perhaps with more uses by now.
//! - A control word read and compared later stands for the same decisions: each decision raises the
//!   version and takes a node, no node is recycled twice during one pin, and there are 2^31
//!   versions, more than twice the 2^20 nodes. A bump ([`Index::bump`]) raises the version, too,
//!   and takes no node: but a thread bumps at most once for each load that was under way, and no
//!   post of such a load is freed during the pin.
//! - Free words do come back; claiming one is right whenever it succeeds.
//!
//! # Progress
//!
//! Lock-free. A lookup takes no step twice. Each retry of an insert, a replacement or a removal
//! means that some other operation changed the word in question.

mod control;
mod slots;
mod walk;

use super::hints::{Hints, Standing};
use crate::{
    engine::index::{
        prefetch::{added_up, prefetch},
        scan::Line,
        word::{Control, Layout, NodeId, SLOTS, Word},
    },
    sync::{AtomicU32, AtomicU64, Ordering},
    testing::plant::{Bug, planted},
};
use std::ptr;

/// A set: with [`SLOTS`] slots exactly two cache lines.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Set {
    control: AtomicU64,
    slots: [AtomicU32; SLOTS],
    pub(crate) hints: Hints,
}

#[cfg(not(larder_loom))]
const _: () = assert!(size_of::<Set>() == 128 && std::mem::offset_of!(Set, hints) == 64);

impl Set {
    #[inline(always)]
    fn control(&self) -> Control {
        // Acquire: pairs with the AcqRel in `Index::decide`, and of bump, seal and forget
        // (`control.rs`); the slots are seen as the thread that wrote the word saw them.
        Control::from_bits(self.control.load(Ordering::Acquire))
    }

    #[cfg(larder_loom)]
    pub(crate) fn new() -> Self {
        Self {
            control: AtomicU64::new(0),
            slots: std::array::from_fn(|_| AtomicU32::new(0)),
            hints: Hints::new(),
        }
    }
}

/// Where a slot is: the number of its set times 16, plus its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Loc(pub(crate) u32);

impl Loc {
    #[inline(always)]
    pub(crate) fn new(set: usize, slot: usize) -> Self {
        Loc((set << 4 | slot) as u32)
    }

    #[inline(always)]
    pub(crate) fn set(self) -> usize {
        (self.0 >> 4) as usize
    }

    #[inline(always)]
    pub(crate) fn slot(self) -> usize {
        self.0 as usize & 0xF
    }

    /// Returns the number of the home set of the key whose word stands here.
    #[inline(always)]
    pub(crate) fn home(self, word: Word) -> usize {
        self.set() ^ usize::from(word.is_displaced())
    }
}

/// The sets of one shard.
#[derive(Debug)]
pub(crate) struct Index {
    sets: Box<[Set]>,
    layout: Layout,
}

/// The home set of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home<'i> {
    set: &'i Set,
}

impl<'i> Home<'i> {
    /// Returns the set's control word.
    #[inline(always)]
    pub(crate) fn control(self) -> Control {
        self.set.control()
    }

    /// Returns what the policy knows of the set.
    #[inline(always)]
    pub(crate) fn hints(self) -> &'i Hints {
        &self.set.hints
    }

    /// Returns a bit for each slot with a member.
    #[inline(always)]
    pub(crate) fn members(self) -> u32 {
        self.set.line().members()
    }

    /// Returns what a slot of the set holds now.
    #[inline(always)]
    pub(crate) fn word(self, slot: usize) -> Word {
        self.set.word(slot)
    }

    /// Prefetches both lines of the set.
    #[inline(always)]
    pub(crate) fn prefetch(self) {
        prefetch(self.set);
        prefetch(&self.set.hints);
    }
}

/// A member that a lookup found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'i> {
    set: &'i Set,
    slot: usize,
    pub(crate) word: Word,
    pub(crate) node: NodeId,
}

impl<'i> Found<'i> {
    #[inline(always)]
    fn slot(&self) -> &'i AtomicU32 {
        self.set.slot(self.slot)
    }

    /// Returns what the hints say of the entry's use.
    #[inline]
    pub(crate) fn standing(&self) -> Standing {
        self.set.hints.standing(self.slot)
    }
}

/// What left a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// The entry: its key is gone.
    Key,
    /// Only the node: the key has another one now.
    Node,
}

/// A slot that was claimed for an insert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'i> {
    set: &'i Set,
    pub(crate) slot: usize,
    word: Word,
    node: NodeId,
}

impl<'i> Claim<'i> {
    #[inline(always)]
    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    /// Returns the same claim, which the caller knows to be in the set `home`.
    #[inline(always)]
    pub(crate) fn at(self, home: Home<'i>) -> Self {
        debug_assert!(ptr::eq(self.set, home.set), "a claim next door");
        Claim { set: home.set, ..self }
    }

    /// Returns what the policy knows of the slot's set.
    #[inline(always)]
    pub(crate) fn hints(&self) -> &'i Hints {
        &self.set.hints
    }

    #[inline(always)]
    fn swap(&self, new: Word, success: Ordering) -> bool {
        self.set.swap(self.slot, self.word, new, success)
    }
}

impl Set {
    #[inline(always)]
    fn slot(&self, slot: usize) -> &AtomicU32 {
        debug_assert!(slot < SLOTS);
        // SAFETY: `slot` is less than `SLOTS`: slot numbers come from a mask of `SLOTS` bits
        // (`scan.rs`), from a `Loc`, which is made of such a number, from a control word, which has
        // that of a `DecidedSlot`, and from loops over all slots.
        unsafe { self.slots.get_unchecked(slot) }
    }

    /// Returns what a slot holds now.
    #[inline(always)]
    pub(crate) fn word(&self, slot: usize) -> Word {
        // Acquire: pairs with the AcqRel of claim, publish and replace; the node's content is
        // visible.
        Word::from_bits(self.slot(slot).load(Ordering::Acquire))
    }

    /// Returns what all slots hold, each at some moment of the call.
    #[inline(always)]
    pub(crate) fn line(&self) -> Line {
        Line::load(&self.slots)
    }

    #[inline(always)]
    fn swap(&self, slot: usize, old: Word, new: Word, success: Ordering) -> bool {
        let (old, new) = (old.bits(), new.bits());
        // `success` is AcqRel at each caller, which says why.
        // Failure, Relaxed: the word that was found instead is not used.
        self.slot(slot).compare_exchange(old, new, success, Ordering::Relaxed).is_ok()
    }
}

impl Index {
    /// Makes an index of `sets`: an even number of sets, all zero.
    pub(crate) fn new(sets: Box<[Set]>, layout: Layout) -> Self {
        assert!(sets.len().is_multiple_of(2) && !sets.is_empty(), "sets come in pairs");
        Self { sets, layout }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.sets)
    }

    pub(crate) fn len(&self) -> usize {
        self.sets.len()
    }

    /// Returns the home set of a hash: its bits below the 16 highest, scaled to the number of sets.
    #[inline(always)]
    pub(crate) fn home(&self, hash: u64) -> Home<'_> {
        let scaled = u128::from(hash << 16) * self.sets.len() as u128;
        Home { set: self.set((scaled >> 64) as usize) }
    }

    /// Returns the home set of a hash and prefetches its lines.
    #[inline(always)]
    pub(crate) fn prefetched_home(&self, hash: u64) -> Home<'_> {
        let home = Home { set: added_up(self.home(hash).set) };
        home.prefetch();
        home
    }

    /// Prefetches the lines of a slot's set.
    #[inline(always)]
    pub(crate) fn prefetch_loc(&self, loc: Loc) {
        Home { set: self.set(loc.set()) }.prefetch();
    }

    /// Returns the number of a home set.
    #[inline(always)]
    pub(crate) fn number(&self, home: Home<'_>) -> usize {
        self.number_of(home.set)
    }

    #[inline(always)]
    fn number_of(&self, set: &Set) -> usize {
        (ptr::from_ref(set).addr() - self.sets.as_ptr().addr()) / size_of::<Set>()
    }

    #[inline(always)]
    pub(crate) fn set(&self, set: usize) -> &Set {
        debug_assert!(set < self.sets.len());
        // SAFETY: `set` is less than the number of sets: set numbers come from `home`, which scales
        // to that number; from the address of a set, perhaps with the last bit inverted, and the
        // number of sets is even; from a `Loc`, which is made of such a number; and from loops over
        // all sets.
        unsafe { self.sets.get_unchecked(set) }
    }

    #[cold]
    fn neighbour(&self, set: &Set) -> &Set {
        self.set(self.number_of(set) ^ 1)
    }

    /// Returns the place of a found member's slot.
    #[inline(always)]
    pub(crate) fn loc(&self, found: Found<'_>) -> Loc {
        Loc::new(self.number_of(found.set), found.slot)
    }

    /// Returns the place of a claimed slot.
    #[inline(always)]
    pub(crate) fn loc_claimed(&self, claim: &Claim<'_>) -> Loc {
        Loc::new(self.number_of(claim.set), claim.slot)
    }

    /// Returns the hints of a slot's set.
    #[inline(always)]
    pub(crate) fn hints(&self, loc: Loc) -> &Hints {
        &self.set(loc.set()).hints
    }

    /// Returns what the slot at `loc` holds now.
    #[inline]
    pub(crate) fn word(&self, loc: Loc) -> Word {
        self.set(loc.set()).word(loc.slot())
    }

    /// Looks for a key with this hash for whose node `eq` holds.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn find<'i>(
        &'i self,
        home: Home<'i>,
        hash: u64,
        eq: impl FnMut(NodeId) -> bool,
    ) -> Option<Found<'i>> {
        self.find_among(home, hash, || 0, eq)
    }

    /// Looks for a key with this hash for whose node `eq` holds, which is likely to be among the
    /// first `likely` nodes. These exist ([`Probe::node_of`]).
    #[inline(always)]
    pub(crate) fn find_among<'i>(
        &'i self,
        home: Home<'i>,
        hash: u64,
        likely: impl Fn() -> usize,
        mut eq: impl FnMut(NodeId) -> bool,
    ) -> Option<Found<'i>> {
        self.find_at(home, hash, likely, |node| eq(node).then_some(())).map(|(found, ())| found)
    }

    /// Like [`Index::find_among`], for a key for whose node `read` returns `Some`. Returns that,
    /// too.
    #[inline(always)]
    pub(crate) fn find_at<'i, T>(
        &'i self,
        home: Home<'i>,
        hash: u64,
        likely: impl Fn() -> usize,
        mut read: impl FnMut(NodeId) -> Option<T>,
    ) -> Option<(Found<'i>, T)> {
        let mut set = home.set;
        let mut probe = self.layout.probe(hash);
        let mut displaced = false;
        loop {
            let mut matches = set.line().matches(probe);
            while matches != 0 {
                let slot = matches.trailing_zeros() as usize;
                matches &= matches - 1;
                // The scan is Relaxed; this Acquire load makes the node's content visible. `likely`
                // comes after it, like what `read` reads, so that the compiler reads both once.
                let word = set.word(slot);
                if let Some(node) = probe.node_of(word, likely())
                    && let Some(read) = read(node)
                {
                    return Some((Found { set, slot, word, node }, read));
                }
                is_seldom();
            }
            if displaced || home.control().displaced() == 0 {
                return None;
            }
            (set, probe) = (self.neighbour(set), probe.next_door());
            displaced = true;
        }
    }

    /// Returns whether the slot of a member that was found still names the same node.
    #[cold]
    pub(crate) fn still_names(&self, found: Found<'_>) -> bool {
        self.again(found).is_some()
    }

    /// Returns a member that was found, with the word that its slot has now. `None` if that word
    /// is not a member's, or names another node.
    #[cold]
    pub(crate) fn again<'i>(&self, found: Found<'i>) -> Option<Found<'i>> {
        // Acquire: pairs with the AcqRel of publish, replace and remove; what the thread that wrote
        // the word did before is visible.
        let word = Word::from_bits(found.slot().load(Ordering::Acquire));
        let node = self.layout.node(word);
        let same = node == found.node || planted(Bug::ReplaceUnseen);
        (word.is_member() && same).then_some(Found { word, node, ..found })
    }

    /// Counts a use of a member.
    #[inline(always)]
    pub(crate) fn touch(found: Found<'_>) {
        found.set.hints.touch(found.slot);
    }
}

/// Tells the compiler that the branch with this call is seldom taken.
#[cold]
const fn is_seldom() {}
