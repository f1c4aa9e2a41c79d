//! Invalidating many entries at once, in O(1): what was born before an invalidation is gone.
//!
//! Each node has a *birth*, and up to eight *tags*, in a column beside key and value. An
//! invalidation takes the next *stamp* and writes it to `valid_from`, or to the slot of a tag. An
//! entry is *invalidated* if its birth is less than `valid_from`, or than the stamp of one of its
//! tags. A lookup that finds an invalidated entry treats it as absent. A sweep removes invalidated
//! entries later; when it has seen all sets, births need not be looked at any more.
//!
//! All of it comes with the first insert that has tags, or the first invalidation of everything.
//! Until then an operation pays one load of a pointer, and a node that was published before has
//! birth 0 and no tags, as fresh memory says. (A thread that gets a node from one that knew of the
//! column knows of it, too, so no node keeps the birth of its previous entry.)
//!
//! # Words
//!
//! ```text
//! begun       invalidations that have begun: the stamp of the latest   + 1, first step of each
//! valid_from  stamp of the latest invalidation of everything           max, second step
//! tags[t]     stamp of the latest invalidation of tag t                max, second step
//! done        invalidations whose stamp is set                         + 1, last step
//! progress    the sweep's round and position                           compare-and-swap
//! birth       begun, as the owner of an unpublished node read it       store
//! ```
//!
//! The cache is *armed* while `progress` is not at the end of the round `begun`. A round that
//! starts is named after `done`. A step of it removes the invalidated entries of a few pairs of
//! sets and then moves the position on. Several threads may do the same step, and one that stops
//! blocks no other.
//!
//! An operation looks whether the cache is armed *before* it looks for its key, and at births only
//! if it was. (After would be too late: the entry that it found may have been swept in between.)
//!
//! # Invariants
//!
//! *Births of one key never go down.* An insert reads `begun` after it has read the control word
//! and looked for its key, and again for each attempt. If its attempt succeeds, no other insert was
//! decided, or replaced what it found, in between (`sets.rs`). So each earlier entry of the key was
//! seen, Acquire, with its birth, and `begun` is no less. Hence an insert that began before an
//! invalidation never hides one that began after it.
//!
//! *What was invalidated is not returned.* A lookup that begins after the invalidation of stamp n
//! has returned reads a `begun` of at least n. If it is armed it sees the stamp, and every birth
//! read before the invalidation is less. If not, `progress` was at the end of round `begun`: so
//! when that round started, as many invalidations were done as had begun, n among them, and the
//! sweep passed after that. `progress` is read first, Acquire, so the lookup comes after the sweep.
//!
//! *What is inserted afterwards is returned.* Its birth is at least n.
//!
//! *What one thread has found invalidated no other thread finds later.* Stamps are read with
//! Acquire, so a thread that has seen one has seen `begun` go up, and all threads are armed until a
//! round has begun after `done` went up, too.
//!
//! # Overlapping inserts
//!
//! An insert may read `begun`, and publish after the sweep has passed its set. Its entry is
//! invalidated when it is published, and would come back when the cache is disarmed. So an insert
//! looks again after it has published, and removes its entry if that is invalidated by then.
//! Between its publication and its second look is a SeqCst fence, as between the sweep's look at
//! `progress` and its look at slots: if the sweep has not seen the entry, the insert sees the
//! stamp. The entry may be found for a moment before it goes: the insert has not returned, so it
//! may count as after the invalidation, and as evicted then.
//!
//! A child of `fork` has no thread for the second look of an insert that another thread of its
//! parent had under way. A plain insert that never returns may count as after any invalidation. But
//! a load that began before an invalidation must not outlast it. So the first sweep in a child
//! counts as an invalidation that has begun and is done, and all sets are looked at once more
//! ([`Groups::note_fork`]); until then such an entry may be found.
//!
//! An insert that does not know of the column at that point has no fence. But then it was pinned
//! before the column was made. So making the column counts as an invalidation that has begun, and
//! it is done when the collector reports that every thread that was pinned then has unpinned. Until
//! that the cache is armed.
//!
//! The same fences serve a cache that grows (`tiers.rs`). The sweep counts the pairs of sets
//! after its fence. If it does not count those of a tier, and ends the round, it has not seen an
//! entry there either: then the insert that published it sees the stamp.
//!
//! # Computations
//!
//! An entry that a computation makes of another one inherits its birth: an invalidation of
//! everything that comes between the computation's look and its swap invalidates both, or neither.
//! So the computation is ordered before it, and its result is gone. (Unless the result has tags,
//! and other ones than the entry had. Then it has a birth of its own, since there may be older
//! stamps of these tags.)
//!
//! An invalidation of a tag that the new entry does not have is different. The computation checks
//! once more that its entry is not invalidated before it swaps it. If the entry is invalidated
//! between that check and the swap, a thread may find the key absent, and later find the
//! computation's result.
//!
//! # Loads in flight
//!
//! An invalidation supersedes all loads before it takes its stamp (`fill.rs`), whatever tags they
//! have; docs/design.md gives the cost. A fill reads its birth (Acquire) before it looks whether it
//! is superseded: if it is not, its birth is less than the stamp.
//!
//! # Tags
//!
//! A tag is known by 16 bits of its hash, except 0, which means "no tag". Two tags may share a
//! slot; then an invalidation of one also invalidates the other's entries. That costs misses, no
//! more.
//!
//! # ABA
//!
//! Stamps only go up, and so do rounds, which have 36 bits. A round in which no thread took a step
//! would have to last for 2^36 invalidations before `progress` could be mistaken.
//!
//! # Progress
//!
//! Everything except the sweep is wait-free, and a step of the sweep fails only if another thread
//! has done it. An invalidation that stops between its first step and its last, or a thread that
//! stays pinned while the column is made, keeps the cache armed: lookups then cost one more cache
//! line.

use crate::{
    engine::{
        index::word::NodeId,
        invalidate::tags::{TAG_SLOTS, TagSlot, Tags},
        storage::{
            chunked::{Chunked, Element, OutOfMemory, zeroed},
            once_box::OnceBox,
        },
    },
    process::fork,
    sync::{Arc, AtomicBool, AtomicU64, Ordering, StaticU64, fence},
    testing::plant::{Bug, planted},
};

const POSITION_BITS: u32 = 28;
const POSITION_MAX: u64 = (1 << POSITION_BITS) - 1;
/// The position behind all pairs of sets, however many they are.
const END: u64 = POSITION_MAX;
const ROUND_MASK: u64 = u64::MAX >> POSITION_BITS;

/// The birth and the tags of a node.
#[derive(Debug)]
struct Record {
    birth: AtomicU64,
    tags: [AtomicU64; 2],
}

// SAFETY: atomic integers only.
unsafe impl Element for Record {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        let zero = || AtomicU64::new(0);
        Self { birth: zero(), tags: [zero(), zero()] }
    }
}

/// The births and tags of one shard's nodes. Nothing is allocated before the first.
#[derive(Debug)]
pub(crate) struct Births {
    column: OnceBox<Chunked<Record>>,
    planned_nodes: usize,
    max_nodes: usize,
}

impl Births {
    pub(crate) fn new(planned_nodes: usize, max_nodes: usize) -> Self {
        Self { column: OnceBox::new(), planned_nodes, max_nodes }
    }

    #[inline(always)]
    fn record(&self, node: NodeId) -> Option<&Record> {
        let column = self.column.get()?;
        // SAFETY: chunks never move, and are freed only when `self` is dropped; elements are
        // atomic integers, so shared access is sound.
        column.find(node as usize - 1).map(|record| unsafe { record.as_ref() })
    }

    fn ensure(&self, node: NodeId) -> Result<(), OutOfMemory> {
        let make = || Chunked::new(self.planned_nodes, self.max_nodes);
        self.column.get_or_try_make(make)?.ensure(node as usize - 1)
    }

    fn of(&self, node: NodeId) -> u64 {
        // Relaxed: written before the node was published; finding it in the index was an Acquire.
        self.record(node).map_or(0, |record| record.birth.load(Ordering::Relaxed))
    }

    /// Returns the tags of a node that is in the index, or that the caller owns.
    pub(crate) fn tags(&self, node: NodeId) -> Tags {
        // Relaxed: as for the birth, in `of`.
        self.record(node).map_or(Tags::NONE, |record| {
            Tags(record.tags.each_ref().map(|four| four.load(Ordering::Relaxed)))
        })
    }

    /// Gives an owned node the birth of the node whose entry its own was computed from: see
    /// "Computations".
    pub(crate) fn inherit(&self, old: NodeId, new: NodeId) {
        let Some(record) = self.record(new) else { return };
        let tags = self.tags(new);
        if tags.is_empty() || tags == self.tags(old) {
            // Relaxed: publishing the node is the Release.
            record.birth.store(self.of(old), Ordering::Relaxed);
        }
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.column.get().map_or(0, |column| size_of_val(column) + column.allocated_bytes())
    }
}

/// The stamps of a cache, and the progress of its sweep.
#[derive(Debug)]
pub(crate) struct Groups {
    begun: AtomicU64,
    valid_from: AtomicU64,
    progress: AtomicU64,
    /// Counted, since the collector may reach it after the cache is dropped.
    done: Arc<AtomicU64>,
    announced: AtomicBool,
    /// The process of the last sweep: see "Overlapping inserts".
    process: StaticU64,
    tags: OnceBox<Box<[AtomicU64]>>,
}

/// The groups, if there may have been invalidated entries when the operation began.
pub(crate) type Watch<'a> = Option<&'a Groups>;

/// A step of the sweep that has to be done.
#[derive(Debug)]
pub(crate) struct SweepStep {
    progress: u64,
}

impl Groups {
    pub(crate) fn new() -> Self {
        let done = u64::from(planted(Bug::ColumnUnannounced));
        Self {
            // The 1 stands for the making of the column: see "Overlapping inserts".
            begun: AtomicU64::new(1),
            valid_from: AtomicU64::new(0),
            progress: AtomicU64::new(Self::pack(done, END)),
            done: Arc::new(AtomicU64::new(done)),
            announced: AtomicBool::new(planted(Bug::ColumnUnannounced)),
            process: StaticU64::new(fork::process()),
            tags: OnceBox::new(),
        }
    }

    /// Announces these groups, which must be published. `after_grace` passes the announcement to
    /// the collector, to be made when every thread that is pinned now has unpinned.
    pub(crate) fn announce(&self, after_grace: impl FnOnce(Announcement)) {
        // Relaxed: chooses the one thread that announces; nothing is read on the strength of it.
        // The collector's grace period orders the announcement.
        if !self.announced.load(Ordering::Relaxed) && !self.announced.swap(true, Ordering::Relaxed)
        {
            after_grace(Announcement(Arc::clone(&self.done)));
        }
    }

    fn pack(round: u64, position: u64) -> u64 {
        round << POSITION_BITS | position
    }

    /// Returns whether there may be invalidated entries. Call before the look at the index.
    #[inline(always)]
    pub(crate) fn is_armed(&self) -> bool {
        // Acquire: pairs with the AcqRel in `advance`; if a round has ended, what its sweep did is
        // visible, and it is read before `begun` ("Invariants").
        let progress = self.progress.load(Ordering::Acquire);
        // Acquire: pairs with the AcqRel in `invalidate`; keeps the look at the index after it.
        progress != Self::pack(self.begun.load(Ordering::Acquire), END)
    }

    /// Invalidates every entry that exists when the call begins.
    pub(crate) fn invalidate_all(&self) {
        self.invalidate(&self.valid_from);
    }

    /// Invalidates every entry with this tag that exists when the call begins. Returns `false` if
    /// no entry has ever had a tag.
    pub(crate) fn invalidate_tag(&self, tag: TagSlot) -> bool {
        // An insert with tags makes the table before it publishes.
        let Some(stamps) = self.tags.get() else { return false };
        self.invalidate(&stamps[usize::from(tag.0)]);
        true
    }

    fn invalidate(&self, slot: &AtomicU64) {
        // AcqRel: pairs with the Acquires in `is_armed` and `stamp`; a later lookup is armed, and a
        // later birth is at least this stamp.
        let stamp = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        // AcqRel: pairs with the Acquires in `is_invalidated`; a thread that sees the stamp sees
        // `begun`.
        slot.fetch_max(stamp, Ordering::AcqRel);
        // AcqRel: pairs with the Acquire in `next_step`; a round named after this sees the stamp.
        self.done.fetch_add(1, Ordering::AcqRel);
    }

    /// Causes one more sweep of everything if `process` is not that of the last sweep.
    #[inline]
    pub(crate) fn note_fork(&self, process: u64) {
        // Relaxed: chooses the one thread that counts the invalidation; nothing else is learned.
        if self.process.load(Ordering::Relaxed) != process
            && self.process.swap(process, Ordering::Relaxed) != process
        {
            // An invalidation of nothing.
            // AcqRel: as in `invalidate`.
            self.begun.fetch_add(1, Ordering::AcqRel);
            self.done.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Makes the table of tags' stamps.
    pub(crate) fn ensure_tags(&self) -> Result<(), OutOfMemory> {
        self.tags.get_or_try_make(|| zeroed(TAG_SLOTS)).map(|_| ())
    }

    /// Gives an owned node its tags and its birth. Call after the look for its key.
    pub(crate) fn begin(
        &self,
        births: &Births,
        node: NodeId,
        tags: Tags,
    ) -> Result<(), OutOfMemory> {
        births.ensure(node)?;
        if let Some(record) = births.record(node) {
            for (place, four) in record.tags.iter().zip(tags.0) {
                // Relaxed: publishing the node is the Release.
                place.store(four, Ordering::Relaxed);
            }
        }
        if !planted(Bug::BirthLate) {
            self.stamp(births, node);
        }
        Ok(())
    }

    /// Gives an owned node its birth. Call after each look for its key.
    #[inline]
    pub(crate) fn stamp(&self, births: &Births, node: NodeId) {
        if let Some(record) = births.record(node) {
            // Acquire: pairs with the AcqRel in `invalidate`; keeps a fill's look at its post
            // behind this load. Relaxed: publishing the node is the Release of the birth.
            record.birth.store(self.begun.load(Ordering::Acquire), Ordering::Relaxed);
        }
    }

    /// Returns whether the entry of a node that was found in the index is invalidated.
    #[inline(never)]
    pub(crate) fn is_invalidated(&self, births: &Births, node: NodeId) -> bool {
        let birth = births.of(node);
        // Acquire: pairs with the AcqRel in `invalidate`; having seen a stamp, this thread stays
        // armed until a later round.
        if birth < self.valid_from.load(Ordering::Acquire) {
            return true;
        }
        self.tags.get().is_some_and(|stamps| {
            // Acquire: as above.
            let outlived = |slot: usize| birth < stamps[slot].load(Ordering::Acquire);
            births.tags(node).slots().any(outlived)
        })
    }

    /// Returns whether the entry that this thread has published may stay: see "Overlapping
    /// inserts".
    pub(crate) fn may_stay(&self, births: &Births, node: NodeId) -> bool {
        if planted(Bug::PublishUnchecked) {
            return true;
        }
        if planted(Bug::BirthLate) {
            self.stamp(births, node);
        }
        if !planted(Bug::SecondLookUnfenced) {
            // SeqCst: pairs with the fence in `next_step`. If this fence comes first, the sweep's
            // look at the set sees the entry; otherwise the loads below see the stamp.
            fence(Ordering::SeqCst);
        }
        // Acquire: pairs with the AcqRel in `invalidate`; the fence above orders it.
        births.of(node) == self.begun.load(Ordering::Acquire) || !self.is_invalidated(births, node)
    }

    /// Returns whether there is no step to be done. Cheap, but the answer may be out of date.
    pub(crate) fn has_swept_all_it_can(&self) -> bool {
        // Relaxed: a hint; the caller that goes on asks `next_step`.
        let progress = self.progress.load(Ordering::Relaxed);
        progress == Self::pack(self.done.load(Ordering::Relaxed), END)
    }

    /// Returns the next step of the sweep, if there is one. The caller looks at its sets after
    /// this.
    pub(crate) fn next_step(&self) -> Option<SweepStep> {
        loop {
            // Acquire: pairs with the AcqRel in `advance`; what earlier steps did is visible, and
            // `done` is read after it.
            let progress = self.progress.load(Ordering::Acquire);
            if progress & POSITION_MAX != END {
                if !planted(Bug::SweepUnfenced) {
                    // SeqCst: pairs with the fence in `may_stay`. If this fence comes first, the
                    // insert sees the stamp; otherwise the look at the sets sees its entry.
                    fence(Ordering::SeqCst);
                }
                return Some(SweepStep { progress });
            }
            // Acquire: pairs with the AcqRel in `invalidate` and `everybody_knows`; the stamps of
            // all that are done are visible.
            let done = self.done.load(Ordering::Acquire);
            if done & ROUND_MASK == progress >> POSITION_BITS {
                return None;
            }
            // Failure: another thread has begun the round.
            let _ = self.advance(progress, Self::pack(done, 0));
        }
    }

    /// Finishes a step: its sets hold nothing that was invalidated when the round began. `pairs` is
    /// the number of pairs of sets, read after the step began.
    pub(crate) fn finish(&self, step: &SweepStep, pairs: u64) {
        let next = step.progress + 1;
        let ends = next & POSITION_MAX >= pairs;
        if planted(Bug::DisarmLatest) && ends {
            let begun = self.begun.load(Ordering::Acquire);
            self.progress.store(Self::pack(begun, END), Ordering::Release);
            return;
        }
        let next = if ends { step.progress | END } else { next };
        // Failure: another thread has done the step, too.
        let _ = self.advance(step.progress, next);
    }

    fn advance(&self, old: u64, new: u64) -> Result<u64, u64> {
        // AcqRel: pairs with the Acquires in `is_armed` and `next_step`; what was done in the sets
        // of this step, and of all before it, is visible with the new position.
        // Failure, Relaxed: the caller reads nothing from it.
        self.progress.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.tags.get().map_or(0, |tags| size_of_val(&**tags))
    }
}

impl SweepStep {
    /// Returns the number of the pair of sets to look at.
    pub(crate) fn pair(&self) -> u64 {
        self.progress & POSITION_MAX
    }
}

/// An announcement that the collector makes after a grace period.
#[derive(Debug)]
pub(crate) struct Announcement(Arc<AtomicU64>);

impl Announcement {
    pub(crate) fn everybody_knows(self) {
        // AcqRel: pairs with the Acquire in `next_step`; what the threads that were pinned then
        // have published is visible to the round that is named after this.
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
