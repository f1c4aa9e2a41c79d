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
//! is named after `done`. A step of it takes the stale entries out of a few pairs of buckets and then
//! moves the position on; several threads may do the same step, and one that stops stops nobody.
//!
//! An operation looks whether the cache is armed *before* it looks for its key, and at births only if
//! it was. (After would be too late: the entry that it found may have been swept in between.)
//!
//! # What holds
//!
//! *Births of one key never go down.* An insert reads `begun` after it has read the control word and
//! looked for its key, and again for each attempt. If its attempt succeeds, nobody was decided, or
//! replaced what it found, in between (`index.rs`); so whatever the key had before was seen, Acquire,
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
//! An insert may read `begun`, and publish after the sweep has passed its bucket: stale when it is
//! published, it would come back when the cache is disarmed. So, published, it looks again, and takes
//! its entry out if that is stale by now. Between its publication and its second look stands a SeqCst
//! fence, as between the sweep's look at `progress` and its look at slots: if the sweep has not seen the
//! entry, the insert sees the stamp. The entry may be found for a moment before it goes: the insert has
//! not returned, so it may count as after the invalidation, and as evicted then.
//!
//! The insert that does not know of the column at that point has no fence. But then it was pinned
//! before the column was made. So the making counts as an invalidation that has begun, and is done
//! when the collector says that everybody who was pinned then has unpinned. Until that the cache is
//! armed.
//!
//! # Loads in flight
//!
//! Who invalidates has superseded all loads before it takes its stamp (`fill.rs`). A fill reads its
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
        extents::{Element, Extents, OutOfMemory, zeroed},
        late::Late,
        plant::{Bug, planted},
        word::NodeId,
    },
    sync::{Arc, AtomicBool, AtomicU64, Ordering, fence},
};
use std::ops::Range;

/// The most tags that an entry may have.
pub(crate) const TAGS_MAX: usize = 8;

/// Places for tags' stamps; the first stays free.
const PLACES: usize = if cfg!(larder_loom) { 4 } else { 1 << 16 };

const POSITION_BITS: u32 = 20;
const POSITION_MAX: u64 = (1 << POSITION_BITS) - 1;

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
        self.0
            .into_iter()
            .flat_map(|four| (0..4).map(move |i| (four >> (16 * i)) as u16 as usize))
            .filter(|&place| place != 0)
    }

    pub(crate) fn count(self) -> usize {
        self.places().count()
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

/// The births and tags of one shard's nodes.
#[derive(Debug)]
struct Column(Extents<Record>);

impl Column {
    #[inline(always)]
    fn record(&self, node: NodeId) -> Option<&Record> {
        // SAFETY: elements are atomic integers, which nobody moves or frees before `self`.
        self.0.find(node as usize - 1).map(|record| unsafe { record.as_ref() })
    }
}

/// The measures of a shard that the column follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measures {
    pub(crate) planned_nodes: usize,
    pub(crate) max_nodes: usize,
    /// An even number.
    pub(crate) buckets: usize,
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
    tags: Late<Box<[AtomicU64]>>,
    columns: Box<[Column]>,
    pairs_per_shard: u64,
    pairs_per_step: u64,
    /// Steps of a round.
    steps: u64,
}

/// The groups, if there may be stale entries: as an operation found it when it began.
pub(crate) type Watch<'a> = Option<&'a Groups>;

/// A pair of neighbouring buckets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) shard: usize,
    pub(crate) buckets: [usize; 2],
}

/// A step of the sweep that is to be done.
#[derive(Debug)]
pub(crate) struct Step {
    progress: u64,
}

impl Groups {
    /// For `shards` shards of these measures.
    pub(crate) fn new(shards: usize, measures: Measures) -> Result<Self, OutOfMemory> {
        let Measures { planned_nodes, max_nodes, buckets } = measures;
        let column = |_| Extents::new(planned_nodes, max_nodes).map(Column);
        let columns: Result<Box<[_]>, _> = (0..shards).map(column).collect();
        let pairs_per_shard = buckets as u64 / 2;
        let pairs = pairs_per_shard * shards as u64;
        let pairs_per_step = pairs.div_ceil(POSITION_MAX);
        let steps = pairs.div_ceil(pairs_per_step);
        let done = u64::from(planted(Bug::ColumnUnannounced));
        Ok(Self {
            // The making of all this: see "Overlapping inserts".
            begun: AtomicU64::new(1),
            valid_from: AtomicU64::new(0),
            progress: AtomicU64::new(Self::pack(done, steps)),
            done: Arc::new(AtomicU64::new(done)),
            announced: AtomicBool::new(planted(Bug::ColumnUnannounced)),
            tags: Late::new(),
            columns: columns?,
            pairs_per_shard,
            pairs_per_step,
            steps,
        })
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
        progress != Self::pack(self.begun.load(Ordering::Acquire), self.steps)
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

    /// Makes room for tags.
    pub(crate) fn ensure_tags(&self) -> Result<(), OutOfMemory> {
        self.tags.get_or_try_make(|| zeroed(PLACES)).map(|_| ())
    }

    /// Gives an owned node its tags and its birth; to be done after the look for its key.
    pub(crate) fn begin(&self, shard: usize, node: NodeId, tags: Tags) -> Result<(), OutOfMemory> {
        let column = &self.columns[shard];
        column.0.ensure(node as usize - 1)?;
        if let Some(record) = column.record(node) {
            for (place, four) in record.tags.iter().zip(tags.0) {
                place.store(four, Ordering::Relaxed);
            }
        }
        if !planted(Bug::BirthLate) {
            self.stamp(shard, node);
        }
        Ok(())
    }

    /// Gives an owned node its birth; to be done after each look for its key.
    #[inline]
    pub(crate) fn stamp(&self, shard: usize, node: NodeId) {
        if let Some(record) = self.columns[shard].record(node) {
            record.birth.store(self.begun.load(Ordering::Acquire), Ordering::Relaxed);
        }
    }

    fn birth(&self, shard: usize, node: NodeId) -> u64 {
        let record = self.columns[shard].record(node);
        record.map_or(0, |record| record.birth.load(Ordering::Relaxed))
    }

    /// The tags of a node that is in the index.
    pub(crate) fn tags(&self, shard: usize, node: NodeId) -> Tags {
        let record = self.columns[shard].record(node);
        record.map_or(Tags::NONE, |record| {
            Tags(record.tags.each_ref().map(|four| four.load(Ordering::Relaxed)))
        })
    }

    /// Whether the entry of a node that was found in the index is stale.
    #[inline(never)]
    pub(crate) fn is_stale(&self, shard: usize, node: NodeId) -> bool {
        let birth = self.birth(shard, node);
        if birth < self.valid_from.load(Ordering::Acquire) {
            return true;
        }
        self.tags.get().is_some_and(|stamps| {
            let outlived = |place: usize| birth < stamps[place].load(Ordering::Acquire);
            self.tags(shard, node).places().any(outlived)
        })
    }

    /// Whether what this thread has published may stay: see "Overlapping inserts".
    pub(crate) fn may_stay(&self, shard: usize, node: NodeId) -> bool {
        if planted(Bug::PublishUnchecked) {
            return true;
        }
        if planted(Bug::BirthLate) {
            self.stamp(shard, node);
        }
        if !planted(Bug::SecondLookUnfenced) {
            fence(Ordering::SeqCst);
        }
        self.birth(shard, node) == self.begun.load(Ordering::Acquire) || !self.is_stale(shard, node)
    }

    /// Whether there is no step to be done: a look that is free, but may be late.
    pub(crate) fn has_swept_all_it_can(&self) -> bool {
        let progress = self.progress.load(Ordering::Relaxed);
        progress == Self::pack(self.done.load(Ordering::Relaxed), self.steps)
    }

    /// The next step of the sweep, if there is one: the caller looks at its buckets after this.
    pub(crate) fn next_step(&self) -> Option<Step> {
        loop {
            let progress = self.progress.load(Ordering::Acquire);
            if progress & POSITION_MAX < self.steps {
                if !planted(Bug::SweepUnfenced) {
                    fence(Ordering::SeqCst);
                }
                return Some(Step { progress });
            }
            let done = self.done.load(Ordering::Acquire);
            if done == progress >> POSITION_BITS {
                return None;
            }
            // Failure: the round has begun.
            let _ = self.advance(progress, Self::pack(done, 0));
        }
    }

    /// The buckets of a step.
    pub(crate) fn pairs(&self, step: &Step) -> impl Iterator<Item = Pair> + use<> {
        let (per_shard, shards) = (self.pairs_per_shard, self.columns.len() as u64);
        let first = (step.progress & POSITION_MAX) * self.pairs_per_step;
        let range: Range<u64> = first..(first + self.pairs_per_step).min(per_shard * shards);
        range.map(move |pair| {
            let first = (pair % per_shard) as usize * 2;
            Pair { shard: (pair / per_shard) as usize, buckets: [first, first + 1] }
        })
    }

    /// A step is done: its buckets hold nothing that was stale when the round began.
    pub(crate) fn finish(&self, step: &Step) {
        let next = step.progress + 1;
        let ends = next & POSITION_MAX == self.steps;
        if planted(Bug::DisarmLatest) && ends {
            let begun = self.begun.load(Ordering::Acquire);
            self.progress.store(Self::pack(begun, self.steps), Ordering::Release);
            return;
        }
        // Failure: somebody else has done it, too.
        let _ = self.advance(step.progress, next);
    }

    fn advance(&self, old: u64, new: u64) -> Result<u64, u64> {
        self.progress.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
    }

    /// Steps that are enough to end the round that is under way, and one more.
    pub(crate) fn two_rounds(&self) -> u64 {
        2 * self.steps
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(|column| column.0.allocated_bytes()).sum();
        size_of_val(&*self.columns)
            + columns
            + self.tags.get().map_or(0, |tags| size_of_val(&**tags))
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
