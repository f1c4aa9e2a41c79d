//! Invalidating many entries at once, in O(1): what was born before is stale.
//!
//! Each node has a *birth*, and up to eight *tags*, in a column beside key and value. An invalidation
//! takes the next *stamp* and writes it where it belongs: to `valid_from`, or to the place of a tag. An
//! entry is *stale* if its birth is less than `valid_from`, or than the stamp of one of its tags. Who
//! finds a stale entry takes it for absent. A sweep takes stale ones out later; when it has seen all,
//! births need not be looked at any more.
//!
//! All of it comes with the first insert that has tags, or the first invalidation of everything. Until
//! then an operation pays one load of a pointer, and a node that was published before has birth 0 and
//! no tags, as fresh memory says. (Who gets a node from somebody who knew of the column knows of it,
//! too, so no node keeps the birth of the one before.)
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
//! The cache is *armed* while `progress` is not at the end of the round `begun`. A round that starts
//! is named after `done`. A step of it takes the stale entries out of a few pairs of sets and then
//! moves the position on; several threads may do the same step, and one that stops stops nobody.
//!
//! An operation looks whether the cache is armed *before* it looks for its key, and at births only if
//! it was. (After would be too late: the entry that it found may have been swept in between.)
//!
//! # What holds
//!
//! *Births of one key never go down.* An insert reads `begun` after it has read the control word and
//! looked for its key, and again for each attempt. If its attempt succeeds, nobody was decided, or
//! replaced what it found, in between (`sets.rs`); so whatever the key had before was seen, Acquire,
//! with its birth, and `begun` is no less. Hence an insert that began before an invalidation never
//! hides one that began after it.
//!
//! *What was invalidated is not returned.* A lookup that begins after the invalidation of stamp n has
//! returned reads a `begun` of n at least. If it is armed it sees the stamp, and every birth read before
//! the invalidation is less. If not, `progress` said the end of round `begun`: so when that round
//! started as many invalidations were done as had begun, n among them, and the sweep came by after that;
//! `progress` is read first, Acquire, so the lookup comes after the sweep.
//!
//! *What is inserted afterwards is.* Its birth is n at least.
//!
//! *What one thread has taken for stale no other thread finds later.* Stamps are read with Acquire, so
//! who has seen one has seen `begun` go up, and everything is armed until a round has begun after
//! `done` went up, too.
//!
//! # Overlapping inserts
//!
//! An insert may read `begun`, and publish after the sweep has passed its set: stale when it is
//! published, it would come back when the cache is disarmed. So, published, it looks again, and takes
//! its entry out if that is stale by now. Between its publication and its second look stands a SeqCst
//! fence, as between the sweep's look at `progress` and its look at slots: if the sweep has not seen the
//! entry, the insert sees the stamp. The entry may be found for a moment before it goes: the insert has
//! not returned, so it may count as after the invalidation, and as evicted then.
//!
//! A child of `fork` has no thread for the second look of an insert that another thread of its parent had under way. A plain
//! insert that never returns may count as after any invalidation. But a load that began before one must not outlast it. So
//! the first sweep in a child counts as an invalidation that has come and gone, and all sets are looked at once more
//! ([`Groups::heed_fork`]); until then such an entry may be found.
//!
//! The insert that does not know of the column at that point has no fence. But then it was pinned
//! before the column was made. So the making counts as an invalidation that has begun, and is done
//! when the collector says that everybody who was pinned then has unpinned. Until that the cache is
//! armed.
//!
//! The same fences see to a cache that grows (`storeys.rs`). The sweep counts the pairs of sets after
//! its fence. If it does not count those of a storey, and ends the round, it has not seen an entry there
//! either: then the insert that published it sees the stamp.
//!
//! # Computations
//!
//! What a computation makes of an entry gets that one's birth, and not one of its own: an invalidation
//! of everything that comes between the computation's look and its swap makes both stale, or neither. So
//! the computation came before it, and what it made is gone. (Unless it has tags, and other ones than the
//! entry had. Then it has a birth of its own, for there may be older stamps of these tags.)
//!
//! An invalidation of a tag that the new entry does not have is another thing. The computation looks
//! whether its entry is stale once more before it swaps it. If it becomes stale between that and the
//! swap, somebody may have found the key absent, and then find what was made of the entry.
//!
//! # Loads in flight
//!
//! Who invalidates has superseded all loads before it takes its stamp (`fill.rs`), whatever tags they have; what
//! that costs is in docs/design.md. A fill reads its
//! birth (Acquire) before it looks whether it is superseded: if it is not, its birth is less than
//! the stamp.
//!
//! # Tags
//!
//! A tag is known by 16 bits of its hash, 0 excepted, which says "no tag". Two tags may share a
//! place; then who invalidates one invalidates the other's entries, too: that costs misses, no more.
//!
//! # ABA
//!
//! Stamps only go up, and so do rounds: of 44 bits. A round in which nobody took a step would have to
//! last for 2^44 invalidations before `progress` could be mistaken.
//!
//! # Progress
//!
//! Everything but the sweep is wait-free, and a step of the sweep fails only if another thread has done
//! it. An invalidation that stops between its first step and its last, or a thread that stays pinned
//! while the column is made, keeps the cache armed: lookups then cost a cache line more.

use crate::{
    engine::{
        index::word::NodeId,
        storage::{
            extents::{Element, Extents, OutOfMemory, zeroed},
            late::Late,
        },
        testing::plant::{Bug, planted},
    },
    fork,
    sync::{Arc, AtomicBool, AtomicU64, Ordering, StaticU64, fence},
};

/// The most tags that an entry may have.
pub(crate) const TAGS_MAX: usize = 8;

/// Places for tags' stamps; the first stays free.
const PLACES: usize = if cfg!(larder_loom) { 4 } else { 1 << 16 };

const POSITION_BITS: u32 = 28;
const POSITION_MAX: u64 = (1 << POSITION_BITS) - 1;
/// The position behind all pairs of sets, however many there are.
const END: u64 = POSITION_MAX;
const ROUND_MASK: u64 = u64::MAX >> POSITION_BITS;

/// Where a tag's stamp is: 1 to `PLACES - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u16);

impl Place {
    #[inline]
    pub(crate) fn of_hash(hash: u64) -> Self {
        // The top bits, as for shards.
        Place((1 + (hash >> 32) % (PLACES as u64 - 1)) as u16)
    }
}

/// The places of an entry's tags, packed; those that are left over are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags([u64; 2]);

impl Tags {
    pub(crate) const NONE: Tags = Tags([0; 2]);

    /// The tags that `places` says, of which there are [`TAGS_MAX`] at most.
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

    fn places(self) -> impl Iterator<Item = usize> {
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

/// What is known of a node.
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

/// The births and tags of one shard's nodes, if any of them has such a thing.
#[derive(Debug)]
pub(crate) struct Births {
    column: Late<Extents<Record>>,
    planned_nodes: usize,
    max_nodes: usize,
}

impl Births {
    pub(crate) fn new(planned_nodes: usize, max_nodes: usize) -> Self {
        Self { column: Late::new(), planned_nodes, max_nodes }
    }

    #[inline(always)]
    fn record(&self, node: NodeId) -> Option<&Record> {
        let column = self.column.get()?;
        // SAFETY: elements are atomic integers, which nobody moves or frees before `self`.
        column.find(node as usize - 1).map(|record| unsafe { record.as_ref() })
    }

    fn ensure(&self, node: NodeId) -> Result<(), OutOfMemory> {
        let make = || Extents::new(self.planned_nodes, self.max_nodes);
        self.column.get_or_try_make(make)?.ensure(node as usize - 1)
    }

    fn of(&self, node: NodeId) -> u64 {
        self.record(node).map_or(0, |record| record.birth.load(Ordering::Relaxed))
    }

    /// The tags of a node that is in the index.
    pub(crate) fn tags(&self, node: NodeId) -> Tags {
        self.record(node).map_or(Tags::NONE, |record| {
            Tags(record.tags.each_ref().map(|four| four.load(Ordering::Relaxed)))
        })
    }

    /// Gives an owned node the birth of the one that its entry was made of: see "Computations".
    pub(crate) fn inherit(&self, old: NodeId, new: NodeId) {
        let Some(record) = self.record(new) else { return };
        let tags = self.tags(new);
        if tags.is_empty() || tags == self.tags(old) {
            record.birth.store(self.of(old), Ordering::Relaxed);
        }
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.column.get().map_or(0, |column| size_of_val(column) + column.allocated_bytes())
    }
}

/// The groups of a cache that knows of such a thing.
#[derive(Debug)]
pub(crate) struct Groups {
    begun: AtomicU64,
    valid_from: AtomicU64,
    progress: AtomicU64,
    /// Counted, for the collector may come to it when the cache is gone.
    done: Arc<AtomicU64>,
    announced: AtomicBool,
    /// That of the last sweep: see "Overlapping inserts".
    process: StaticU64,
    tags: Late<Box<[AtomicU64]>>,
}

/// The groups, if there may be stale entries: as an operation found it when it began.
pub(crate) type Watch<'a> = Option<&'a Groups>;

/// A step of the sweep that is to be done.
#[derive(Debug)]
pub(crate) struct Step {
    progress: u64,
}

impl Groups {
    pub(crate) fn new() -> Self {
        let done = u64::from(planted(Bug::ColumnUnannounced));
        Self {
            // The making of all this: see "Overlapping inserts".
            begun: AtomicU64::new(1),
            valid_from: AtomicU64::new(0),
            progress: AtomicU64::new(Self::pack(done, END)),
            done: Arc::new(AtomicU64::new(done)),
            announced: AtomicBool::new(planted(Bug::ColumnUnannounced)),
            process: StaticU64::new(fork::process()),
            tags: Late::new(),
        }
    }

    /// To be done once these groups are published: `after_grace` has the collector do something when
    /// all who are pinned now have unpinned.
    pub(crate) fn announce(&self, after_grace: impl FnOnce(Announcement)) {
        if !self.announced.load(Ordering::Relaxed) && !self.announced.swap(true, Ordering::Relaxed)
        {
            after_grace(Announcement(Arc::clone(&self.done)));
        }
    }

    fn pack(round: u64, position: u64) -> u64 {
        round << POSITION_BITS | position
    }

    /// Whether there may be stale entries: to be asked before the index is looked at.
    #[inline(always)]
    pub(crate) fn is_armed(&self) -> bool {
        let progress = self.progress.load(Ordering::Acquire);
        progress != Self::pack(self.begun.load(Ordering::Acquire), END)
    }

    /// Makes everything stale that is there when the call begins.
    pub(crate) fn invalidate_all(&self) {
        self.invalidate(&self.valid_from);
    }

    /// Makes everything with this tag stale that is there when the call begins. False if nothing ever
    /// had a tag.
    pub(crate) fn invalidate_tag(&self, tag: Place) -> bool {
        // Who inserts makes the table before it publishes anything.
        let Some(stamps) = self.tags.get() else { return false };
        self.invalidate(&stamps[usize::from(tag.0)]);
        true
    }

    fn invalidate(&self, place: &AtomicU64) {
        let stamp = self.begun.fetch_add(1, Ordering::AcqRel) + 1;
        place.fetch_max(stamp, Ordering::AcqRel);
        self.done.fetch_add(1, Ordering::AcqRel);
    }

    /// Has everything swept once more if `process` is another one than at the last sweep.
    #[inline]
    pub(crate) fn heed_fork(&self, process: u64) {
        if self.process.load(Ordering::Relaxed) != process
            && self.process.swap(process, Ordering::Relaxed) != process
        {
            // An invalidation of nothing.
            self.begun.fetch_add(1, Ordering::AcqRel);
            self.done.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Makes room for tags.
    pub(crate) fn ensure_tags(&self) -> Result<(), OutOfMemory> {
        self.tags.get_or_try_make(|| zeroed(PLACES)).map(|_| ())
    }

    /// Gives an owned node its tags and its birth; to be done after the look for its key.
    pub(crate) fn begin(
        &self,
        births: &Births,
        node: NodeId,
        tags: Tags,
    ) -> Result<(), OutOfMemory> {
        births.ensure(node)?;
        if let Some(record) = births.record(node) {
            for (place, four) in record.tags.iter().zip(tags.0) {
                place.store(four, Ordering::Relaxed);
            }
        }
        if !planted(Bug::BirthLate) {
            self.stamp(births, node);
        }
        Ok(())
    }

    /// Gives an owned node its birth; to be done after each look for its key.
    #[inline]
    pub(crate) fn stamp(&self, births: &Births, node: NodeId) {
        if let Some(record) = births.record(node) {
            record.birth.store(self.begun.load(Ordering::Acquire), Ordering::Relaxed);
        }
    }

    /// Whether the entry of a node that was found in the index is stale.
    #[inline(never)]
    pub(crate) fn is_stale(&self, births: &Births, node: NodeId) -> bool {
        let birth = births.of(node);
        if birth < self.valid_from.load(Ordering::Acquire) {
            return true;
        }
        self.tags.get().is_some_and(|stamps| {
            let outlived = |place: usize| birth < stamps[place].load(Ordering::Acquire);
            births.tags(node).places().any(outlived)
        })
    }

    /// Whether what this thread has published may stay: see "Overlapping inserts".
    pub(crate) fn may_stay(&self, births: &Births, node: NodeId) -> bool {
        if planted(Bug::PublishUnchecked) {
            return true;
        }
        if planted(Bug::BirthLate) {
            self.stamp(births, node);
        }
        if !planted(Bug::SecondLookUnfenced) {
            fence(Ordering::SeqCst);
        }
        births.of(node) == self.begun.load(Ordering::Acquire) || !self.is_stale(births, node)
    }

    /// Whether there is no step to be done: a look that is free, but may be late.
    pub(crate) fn has_swept_all_it_can(&self) -> bool {
        let progress = self.progress.load(Ordering::Relaxed);
        progress == Self::pack(self.done.load(Ordering::Relaxed), END)
    }

    /// The next step of the sweep, if there is one: the caller looks at its sets after this.
    pub(crate) fn next_step(&self) -> Option<Step> {
        loop {
            let progress = self.progress.load(Ordering::Acquire);
            if progress & POSITION_MAX != END {
                if !planted(Bug::SweepUnfenced) {
                    fence(Ordering::SeqCst);
                }
                return Some(Step { progress });
            }
            let done = self.done.load(Ordering::Acquire);
            if done & ROUND_MASK == progress >> POSITION_BITS {
                return None;
            }
            // Failure: the round has begun.
            let _ = self.advance(progress, Self::pack(done, 0));
        }
    }

    /// A step is done: its sets hold nothing that was stale when the round began. `pairs` is how many
    /// there are, as it was found after the step was begun.
    pub(crate) fn finish(&self, step: &Step, pairs: u64) {
        let next = step.progress + 1;
        let ends = next & POSITION_MAX >= pairs;
        if planted(Bug::DisarmLatest) && ends {
            let begun = self.begun.load(Ordering::Acquire);
            self.progress.store(Self::pack(begun, END), Ordering::Release);
            return;
        }
        let next = if ends { step.progress | END } else { next };
        // Failure: somebody else has done it, too.
        let _ = self.advance(step.progress, next);
    }

    fn advance(&self, old: u64, new: u64) -> Result<u64, u64> {
        self.progress.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.tags.get().map_or(0, |tags| size_of_val(&**tags))
    }
}

impl Step {
    /// The pair of sets to look at.
    pub(crate) fn pair(&self) -> u64 {
        self.progress & POSITION_MAX
    }
}

/// To be made by the collector after a grace period.
#[derive(Debug)]
pub(crate) struct Announcement(Arc<AtomicU64>);

impl Announcement {
    pub(crate) fn everybody_knows(self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    /// Sweeps a cache of one pair of sets; says how many steps that takes.
    fn sweep(groups: &Groups) -> u32 {
        let mut steps = 0;
        while let Some(step) = groups.next_step() {
            groups.finish(&step, 1);
            steps += 1;
        }
        steps
    }

    #[test]
    fn a_child_of_fork_sweeps_what_the_thread_of_an_insert_has_left_stale() {
        let (groups, births) = (Groups::new(), Births::new(1, 1));
        groups.announce(Announcement::everybody_knows);
        groups.begin(&births, 1, Tags::NONE).expect("there is memory");
        groups.invalidate_all();
        assert!(sweep(&groups) > 0 && !groups.is_armed());
        // Published now, by a thread that the child does not have.
        assert!(groups.is_stale(&births, 1));
        let parent = fork::process();
        groups.heed_fork(parent);
        assert!(!groups.is_armed() && sweep(&groups) == 0);
        groups.heed_fork(parent + 1);
        assert!(groups.is_armed(), "a lookup takes it for absent");
        assert!(sweep(&groups) > 0 && !groups.is_armed());
        groups.heed_fork(parent + 1);
        assert!(!groups.is_armed(), "once in each child");
    }
}
