//! The index of one shard: buckets of one cache line, each key in its home bucket or the neighbour.
//!
//! # Who may touch what
//!
//! A slot is one word (`word.rs`). It is changed by compare-and-swap only, and only so:
//!
//! ```text
//! claim    Empty | Ghost | Vacant -> Tentative(n)   the insert that owns node n
//! publish  Tentative(n) -> Member(n)                anyone, once the control word has decided n
//! abort    Tentative(n) -> Empty | Vacant           the insert that owns n, if n is not decided
//! replace  Member(n) -> Member(m)                   an insert of the same key that owns node m
//! touch    Member(n) -> Member(n), uses + 1         any hit
//! spare    Member(n) -> Member(n), fewer uses       the owner of the slot's link (`policy.rs`)
//! remove   Member(n) -> Vacant                      a removal of the key
//! evict    Member(n) -> Ghost | Empty               the owner of the slot's link
//! unlink   Vacant -> Empty                          the owner of the slot's link
//! ```
//!
//! *Linked* slots have an entry in a ring, or a thread that is about to put it there: Member,
//! Vacant, and Tentative if it was claimed from Vacant. The rest have none. So no slot ever has two
//! ring entries, and whoever takes the entry out of the ring owns the link.
//!
//! A node that leaves a slot is retired by the thread whose compare-and-swap removed it.
//!
//! # One copy per key
//!
//! Two inserts of one absent key may claim different slots. The control word of the key's home
//! bucket orders them. An insert
//!
//! 1. reads the control word,
//! 2. *settles* it: if the slot that it names is still Tentative with the node that it names, that
//!    insert was decided and its thread is on its way: publish the slot for it,
//! 3. looks for the key; if it is there, replaces it,
//! 4. claims a free slot for its node, home before neighbour,
//! 5. *decides*: swaps the control word from the value read in 1 to one that names its own node and
//!    place, with the next version,
//! 6. publishes its slot.
//!
//! If 5 succeeds, nobody decided in this bucket since 1. Everything decided before was published
//! when 2 ended: the last by 2 itself, each earlier one because the next decision settled it first.
//! So what 3 looked at was all there was, the key is absent, and this insert's is the only copy. A
//! loser starts again with its claim in hand, and its step 3 then finds the winner's copy.
//!
//! An insert takes effect when its slot is published, a replacement at its swap, a removal at its
//! swap, a lookup that finds the key when it reads the slot. A present key never changes its slot,
//! so a lookup that does not find it ran while the key was absent, at the start or between a removal
//! and an insert.
//!
//! # Displaced keys
//!
//! When no slot of the home bucket is free, 4 claims one next door, and 5 counts it in the *home*'s
//! control word before 6 makes it visible. Readers look next door only if the count is not zero.
//! The count goes down after the key has left its slot. It may be too high for a moment, never too
//! low.
//!
//! # Stale control words
//!
//! A control word may go on naming a node that has left. That must not make anybody publish an insert
//! that was not decided: the node's next owner may claim the very slot that the word names. So
//!
//! - who is about to claim a slot has the control word that could name it there forget its node: that
//!   of its home, which it has read anyway, and next door that of the neighbour ([`Index::disown`]);
//! - who settles reads the control word again after it has seen the slot Tentative. If the word is
//!   the same, the next owner has not come to its claim when the slot was read (the claim is Release,
//!   the load of the slot Acquire), so what was read is the decided insert.
//!
//! Names of displaced keys are an exception, for they stand in another bucket than their slot: those
//! are forgotten when the node leaves, together with the count, before it is retired
//! ([`Index::forget`]).
//!
//! # Orderings
//!
//! Claim and replace are Release, and every compare-and-swap on a slot is a read-modify-write and so
//! continues their release sequence; a reader's Acquire load of the member word therefore sees the
//! node's key and value, whoever published it. (Publish is Release, too, so that either would do.) Decide is AcqRel and step 1 Acquire: who reads a
//! control word sees the slots as its decider saw them, in particular everything published before.
//! Looking for a key scans with Relaxed loads, which by coherence cannot be older than that, and
//! loads a matching slot again with Acquire.
//!
//! # ABA
//!
//! Every operation runs pinned. A node that a slot named while this thread is pinned is not handed
//! out again before it unpins: it is retired only after it has left its slot, and recycled only after
//! a grace period. Hence, for the compare-and-swaps above:
//!
//! - `Member(n)` or `Tentative(n)` read and compared later is the same incarnation of n; its key is
//!   the same.
//! - A control word read and compared later stands for the same decisions: each one raises the
//!   version and takes a node, no node is recycled twice during one pin, and 2^30 versions are more
//!   than twice the 2^20 nodes. A bump ([`Index::bump`]) raises the version, too, and takes none:
//!   but a thread bumps once at most for each load that was under way, and the post of none of them is
//!   freed during the pin.
//! - Free words do come back; claiming one is right whenever it succeeds.
//!
//! # Progress
//!
//! Lock-free. Lookups take no step twice. Each retry of an insert, a replacement or a removal means
//! that some other operation changed the word it wanted.

mod control;
mod walk;

use crate::{
    engine::{
        ghost::{Ghost, GhostTime},
        hooks::{Step, step},
        plant::{Bug, planted},
        scan::Line,
        word::{
            Control, Flags, Kind, Layout, NodeId, Place, Probe, SLOTS, Segment, USES_MAX, Word,
        },
    },
    sync::{AtomicU32, AtomicU64, Ordering},
};
use std::{mem::offset_of, ptr};

/// A bucket: with [`SLOTS`] slots exactly one cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Bucket {
    control: AtomicU64,
    slots: [AtomicU32; SLOTS],
}

#[cfg(not(larder_loom))]
const _: () = assert!(size_of::<Bucket>() == 64);

impl Bucket {
    #[inline(always)]
    fn control(&self) -> Control {
        Control::from_bits(self.control.load(Ordering::Acquire))
    }

    #[cfg(larder_loom)]
    pub(crate) fn new() -> Self {
        Self { control: AtomicU64::new(0), slots: std::array::from_fn(|_| AtomicU32::new(0)) }
    }
}

/// Where a slot is: bucket number times 16, plus slot number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Loc(pub(crate) u32);

impl Loc {
    #[inline(always)]
    fn new(bucket: usize, slot: usize) -> Self {
        Loc((bucket << 4 | slot) as u32)
    }

    #[inline(always)]
    fn bucket(self) -> usize {
        (self.0 >> 4) as usize
    }

    #[inline(always)]
    pub(crate) fn slot(self) -> usize {
        self.0 as usize & 0xF
    }

    /// A number below [`Index::places`].
    pub(crate) fn number(self) -> usize {
        self.0 as usize
    }

    /// The home bucket of the key whose word stands here.
    #[inline(always)]
    pub(crate) fn home(self, word: Word) -> usize {
        self.bucket() ^ usize::from(word.is_displaced())
    }
}

/// The buckets of one shard.
#[derive(Debug)]
pub(crate) struct Index {
    buckets: Box<[Bucket]>,
    layout: Layout,
}

/// The home bucket of a key, for a lookup that asks for its line before it pins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home<'i> {
    bucket: &'i Bucket,
}

impl Home<'_> {
    /// Its control word.
    #[inline(always)]
    pub(crate) fn control(&self) -> Control {
        self.bucket.control()
    }
}

/// A member that a lookup found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'i> {
    slot: &'i AtomicU32,
    pub(crate) word: Word,
    pub(crate) node: NodeId,
}

/// What left a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// The entry: its key is gone.
    Key,
    /// Only the node: the key has another now.
    Node,
}

/// A slot that was claimed for an insert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) loc: Loc,
    word: Word,
    place: Place,
    node: NodeId,
    /// A ring entry already names the slot.
    pub(crate) linked: bool,
    /// What a ghost of the same key said, if there was one.
    pub(crate) ghost: Option<Ghost>,
}

impl Claim {
    #[inline(always)]
    pub(crate) fn node(&self) -> NodeId {
        self.node
    }
}

impl Index {
    /// An index over `buckets`, an even number of them, all zero.
    pub(crate) fn new(buckets: Box<[Bucket]>, layout: Layout) -> Self {
        assert!(buckets.len().is_multiple_of(2) && !buckets.is_empty(), "buckets come in pairs");
        Self { buckets, layout }
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    /// One more than the largest number of a place in that many buckets.
    pub(crate) fn places(buckets: usize) -> usize {
        buckets << 4
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }

    pub(crate) fn bucket_count(&self) -> usize {
        self.buckets.len()
    }

    /// The home bucket of a hash: its middle 32 bits, scaled to the number of buckets.
    #[inline(always)]
    pub(crate) fn home(&self, hash: u64) -> usize {
        let bits = u64::from((hash >> 16) as u32);
        ((bits * self.buckets.len() as u64) >> 32) as usize
    }

    /// Asks for a bucket's line, before anything else is known.
    #[inline(always)]
    pub(crate) fn prefetch(&self, home: usize) {
        super::prefetch(self.bucket(home));
    }

    /// The same for a hash; for [`Index::find_at`].
    #[inline(always)]
    pub(crate) fn prefetched_home(&self, hash: u64) -> Home<'_> {
        let bucket = self.bucket(self.home(hash));
        super::prefetch(bucket);
        Home { bucket }
    }

    /// Asks for the line of a slot's bucket.
    #[inline(always)]
    pub(crate) fn prefetch_loc(&self, loc: Loc) {
        super::prefetch(self.bucket(loc.bucket()));
    }

    #[inline(always)]
    fn bucket(&self, bucket: usize) -> &Bucket {
        debug_assert!(bucket < self.buckets.len());
        // SAFETY: bucket numbers come from `home`, which is a fraction of the number of buckets;
        // from that with the last bit turned over, and the number is even; from the place of a bucket; from a `Loc`, made of
        // such a number; and from loops over all buckets.
        unsafe { self.buckets.get_unchecked(bucket) }
    }

    #[cold]
    fn neighbour(&self, bucket: &Bucket) -> &Bucket {
        let offset = ptr::from_ref(bucket).addr() - self.buckets.as_ptr().addr();
        self.bucket((offset / size_of::<Bucket>()) ^ 1)
    }

    #[inline(always)]
    fn slot(&self, loc: Loc) -> &AtomicU32 {
        &self.bucket(loc.bucket()).slots[loc.slot()]
    }

    /// Where the slot of a found member is.
    #[inline]
    pub(crate) fn loc(&self, found: Found<'_>) -> Loc {
        let start = self.buckets.as_ptr().addr();
        let offset = ptr::from_ref(found.slot).addr() - start;
        let in_bucket = offset % size_of::<Bucket>() - offset_of!(Bucket, slots);
        Loc::new(offset / size_of::<Bucket>(), in_bucket / size_of::<AtomicU32>())
    }

    /// What stands at `loc` now.
    #[inline]
    pub(crate) fn word(&self, loc: Loc) -> Word {
        Word::from_bits(self.slot(loc).load(Ordering::Acquire))
    }

    /// Looks for the key of `hash` for which `eq` holds.
    #[inline(always)]
    pub(crate) fn find(
        &self,
        home: usize,
        hash: u64,
        mut eq: impl FnMut(NodeId) -> bool,
    ) -> Option<Found<'_>> {
        let home = Home { bucket: self.bucket(home) };
        self.find_at(home, hash, |node| eq(node).then_some(())).map(|(found, ())| found)
    }

    /// The same; with what `read` makes of the key's node, and of no other.
    #[inline(always)]
    pub(crate) fn find_at<'i, T>(
        &'i self,
        home: Home<'i>,
        hash: u64,
        mut read: impl FnMut(NodeId) -> Option<T>,
    ) -> Option<(Found<'i>, T)> {
        let mut bucket = home.bucket;
        let mut displaced = false;
        loop {
            let probe = self.layout.probe(hash, displaced);
            let mut matches = Line::load(&bucket.slots).matches(probe);
            while matches != 0 {
                let slot = &bucket.slots[matches.trailing_zeros() as usize];
                matches &= matches - 1;
                // Acquire: pairs with publish and replace, and makes the node's content visible.
                let word = Word::from_bits(slot.load(Ordering::Acquire));
                let node = self.layout.node(word);
                if word.matches(probe)
                    && let Some(read) = read(node)
                {
                    return Some((Found { slot, word, node }, read));
                }
                is_seldom();
            }
            if displaced || home.control().displaced() == 0 {
                return None;
            }
            bucket = self.neighbour(bucket);
            displaced = true;
        }
    }

    /// Whether the slot of a member that was found still names the same node.
    #[cold]
    pub(crate) fn still_names(&self, found: Found<'_>) -> bool {
        self.again(found).is_some()
    }

    /// A member that was found, with the word that its slot has now; None if that names another node, or
    /// none.
    #[cold]
    pub(crate) fn again<'i>(&self, found: Found<'i>) -> Option<Found<'i>> {
        let word = Word::from_bits(found.slot.load(Ordering::Acquire));
        let node = self.layout.node(word);
        let same = node == found.node || planted(Bug::ReplaceUnseen);
        (word.is_member() && same).then_some(Found { word, node, ..found })
    }

    /// Counts a use of a member. Gives up if the word changed meanwhile: it is only a hint.
    #[inline(always)]
    pub(crate) fn touch(found: Found<'_>) {
        if !found.word.is_used_up() {
            let _ = found.slot.compare_exchange(
                found.word.bits(),
                found.word.with_uses(found.word.uses() + 1).bits(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
    }

    #[inline(always)]
    fn swap(&self, loc: Loc, old: Word, new: Word, success: Ordering) -> bool {
        self.slot(loc).compare_exchange(old.bits(), new.bits(), success, Ordering::Relaxed).is_ok()
    }

    /// Replaces a member's node, which counts as a use. False if the word changed.
    #[inline]
    #[must_use]
    pub(crate) fn replace(&self, found: Found<'_>, node: NodeId) -> bool {
        let uses = (found.word.uses() + 1).min(USES_MAX);
        let new = self.layout.with_node(found.word, node).with_uses(uses);
        let order = acq_rel_unless(Bug::ReplaceRelaxed);
        let replaced = self.swap(self.loc(found), found.word, new, order);
        if replaced {
            step(Step::Replaced);
        }
        replaced
    }

    /// Claims a slot for an insert that found its key absent (step 4). None if every slot of both
    /// buckets is taken.
    #[inline(always)]
    pub(crate) fn claim(
        &self,
        home: usize,
        hash: u64,
        node: NodeId,
        now: GhostTime,
    ) -> Option<Claim> {
        self.claim_in(home, false, hash, node, now)
            .or_else(|| self.claim_next_door(home, hash, node, now))
    }

    #[cold]
    #[inline(never)]
    fn claim_next_door(
        &self,
        home: usize,
        hash: u64,
        node: NodeId,
        now: GhostTime,
    ) -> Option<Claim> {
        if !self.control(home).can_displace() {
            return None;
        }
        self.disown(home ^ 1, self.control(home ^ 1), node);
        self.claim_in(home, true, hash, node, now)
    }

    #[inline(always)]
    fn claim_in(
        &self,
        home: usize,
        displaced: bool,
        hash: u64,
        node: NodeId,
        now: GhostTime,
    ) -> Option<Claim> {
        let number = home ^ usize::from(displaced);
        let bucket = self.bucket(number);
        loop {
            let slot = self.free_slot(bucket, displaced, hash, now)?;
            let old = Word::from_bits(bucket.slots[slot].load(Ordering::Relaxed));
            let (linked, ghost) = match old.kind() {
                Kind::Empty => (false, None),
                Kind::Vacant => (true, None),
                Kind::Ghost { segment, merit, stamp, tag } => {
                    let own = !displaced && tag == self.layout.ghost_tag(hash);
                    let age = now.age(segment, stamp);
                    (false, own.then_some(Ghost { segment, age, merit }))
                }
                // Claimed since: choose another.
                Kind::Tentative { .. } | Kind::Member { .. } => continue,
            };
            let flags = Flags {
                displaced,
                linked,
                used: ghost.is_some_and(|ghost| ghost.begins_used(now)),
                merit: ghost.map_or(0, |ghost| ghost.merit + 1),
            };
            let word = self.layout.tentative(hash, node, flags);
            let loc = Loc::new(number, slot);
            // Release: whoever publishes this word passes the node's content on.
            if self.swap(loc, old, word, acq_rel_unless(Bug::PublishRelaxed)) {
                step(Step::SlotClaimed);
                let place = Place { slot, displaced };
                return Some(Claim { loc, word, place, node, linked, ghost });
            }
        }
    }

    /// The slot of a bucket that can best be spared for a key: the ghost of that key, used up by
    /// its return; an empty one; the ghost that is of least use; a vacant one last, since with it
    /// the key inherits an old place in a ring.
    #[inline(always)]
    fn free_slot(
        &self,
        bucket: &Bucket,
        displaced: bool,
        hash: u64,
        now: GhostTime,
    ) -> Option<usize> {
        let line = Line::load(&bucket.slots);
        let first = |matches: u32| (matches != 0).then(|| matches.trailing_zeros() as usize);
        let own = if displaced { 0 } else { line.matches(self.layout.ghost_probe(hash)) };
        first(own)
            .or_else(|| first(line.matches(Probe::EMPTY)))
            .or_else(|| now.least_useful(line))
            .or_else(|| first(line.matches(Probe::VACANT)))
    }

    /// Decides an insert (step 5) that found its key absent after reading `control`. False if
    /// another insert was decided in between.
    #[inline]
    #[must_use]
    pub(crate) fn decide(&self, home: usize, control: Control, claim: &Claim) -> bool {
        if planted(Bug::SkipDecide) {
            return true;
        }
        debug_assert!(!control.is_sealed(), "a decision in a sealed bucket");
        let mut counted = claim.place;
        if planted(Bug::DisplacedUncounted) {
            counted.displaced = false;
        }
        let decided = self
            .bucket(home)
            .control
            .compare_exchange(
                control.bits(),
                control.decide(claim.node, counted).bits(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_ok();
        if decided {
            step(Step::Decided);
        }
        decided
    }

    /// Makes a decided insert visible (step 6).
    #[inline]
    pub(crate) fn publish(&self, claim: &Claim) {
        let order = acq_rel_unless(Bug::PublishRelaxed);
        // Failure: somebody settled it for us.
        let _ = self.swap(claim.loc, claim.word, claim.word.into_member(), order);
        step(Step::Published);
    }

    /// Takes back a claim that was not decided.
    pub(crate) fn abort(&self, claim: &Claim) {
        let free = if claim.linked { Word::VACANT } else { Word::EMPTY };
        let aborted = self.swap(claim.loc, claim.word, free, Ordering::AcqRel);
        debug_assert!(aborted, "only its owner touches an undecided claim");
    }

    /// Takes a member out of its slot: a removal. The slot stays linked. False if the word changed.
    #[inline]
    #[must_use]
    pub(crate) fn remove(&self, loc: Loc, word: Word) -> bool {
        if planted(Bug::RemoveBlind) {
            self.slot(loc).store(Word::VACANT.bits(), Ordering::Release);
            return true;
        }
        self.vacate(loc, word, Word::VACANT)
    }

    /// Takes a member out of its slot and leaves a ghost; for the owner of the slot's link, which
    /// ends with it. False if the word changed.
    #[inline]
    #[must_use]
    pub(crate) fn evict(&self, loc: Loc, word: Word, segment: Segment, now: u16) -> bool {
        // A ghost next door would never be looked at.
        let ghost =
            if word.is_displaced() { Word::EMPTY } else { self.layout.ghost(word, segment, now) };
        if planted(Bug::EvictBlind) {
            self.slot(loc).store(ghost.bits(), Ordering::Release);
            return true;
        }
        self.vacate(loc, word, ghost)
    }

    #[inline]
    fn vacate(&self, loc: Loc, word: Word, free: Word) -> bool {
        let vacated = self.swap(loc, word, free, Ordering::AcqRel);
        if vacated {
            step(Step::Unlinked);
        }
        vacated
    }

    /// Gives a member another turn with its counter at `uses`, and a merit if it was used; for the
    /// owner of the slot's link. False if the word changed.
    #[inline]
    #[must_use]
    pub(crate) fn spare(&self, loc: Loc, word: Word, uses: u32) -> bool {
        let earned = if word.uses() > 0 { word.with_more_merit() } else { word };
        if planted(Bug::PromoteBlind) {
            self.slot(loc).store(earned.with_uses(uses).bits(), Ordering::Relaxed);
            return true;
        }
        self.swap(loc, word, earned.with_uses(uses), Ordering::Relaxed)
    }

    /// Ends the link of a Vacant slot; for its owner. False if somebody claimed it.
    #[must_use]
    pub(crate) fn unlink(&self, loc: Loc) -> bool {
        self.swap(loc, Word::VACANT, Word::EMPTY, Ordering::AcqRel)
    }
}

/// Tells the compiler that a branch is not the one to be laid out for.
#[cold]
const fn is_seldom() {}

#[inline(always)]
fn acq_rel_unless(bug: Bug) -> Ordering {
    if planted(bug) { Ordering::Relaxed } else { Ordering::AcqRel }
}
