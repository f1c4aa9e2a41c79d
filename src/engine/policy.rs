//! Who stays: a segmented LRU of two FIFO rings, with ghosts in the index.
//!
//! New keys enter *probation*; those that are used there, or come back soon after they left it,
//! live in *protected*. Recency costs a hit nothing but a saturating counter in the index word.
//! The parts come from S3-FIFO (Yang et al., SOSP'23: a small queue, a main queue, ghosts), from
//! CLOCK (second chances instead of moving on every hit) and from ARC (Megiddo and Modha, FAST'03:
//! ghosts of both segments say which of the two deserves a slot more).
//!
//! # Rules
//!
//! - *Admission.* A key that probation evicted not long ago (its ghost is at most [`WINDOW`] of the
//!   capacity old) goes to protected. So does, until the cache is first full, what exceeds
//!   probation's share; otherwise loops a little larger than the cache would never warm up.
//!   Everything else goes to probation.
//! - *Eviction.* If probation exceeds its share, its oldest entry has to go: used [`PROMOTE_USES`]
//!   times, it moves to protected; used once, it gets a second lap; otherwise it is evicted. If
//!   probation is within its share, the
//!   oldest of protected: used, it goes to the back with its counter one lower; otherwise it is
//!   evicted.
//! - *Merit.* Each time an entry is spared for having been used, and each time its ghost brings it
//!   back, its key gains a merit, up to three; ghosts keep them. When the oldest of probation is
//!   about to go, but has more merit than the oldest of protected, which was not used, that one goes
//!   in its stead and it takes a place in protected. This is what recency alone does not see: keys
//!   that come back rarely but for ever.
//! - *Adaptation.* A miss that finds a ghost at most [`YOUNG`] of the capacity old would have been a
//!   hit with a little more room in the segment that the ghost came from: that segment's share
//!   grows by one entry. A ghost of protected does not admit to protected (that costs 8 points on
//!   mixed traces), but its key begins with one use.
//!
//! A ghost is the slot word that an eviction leaves behind: which segment, that segment's clock,
//! and a part of the hash. Each segment has its own clock, which counts its evictions: a ghost is as
//! old as the list of ghosts would be long that it heads. So ghosts cost no memory and no cache line
//! of their own: the miss that asks for them and the insert that follows read that bucket anyway.
//! They go when they are too old, or when their bucket needs the slot, oldest first.
//!
//! # Concurrency
//!
//! Clock and share are hints, written with plain loads and stores: two threads may count as one.
//! Entries move between rings under the link rule of `index.rs`: who took a location out of a ring
//! owns that slot's link and either ends it (eviction, or the slot was Vacant) or puts the location
//! into a ring again. Nobody else ends or adds a link, so a slot is never in two places.

mod evict;

pub(crate) use evict::{Evicted, Search, Worth};

use crate::{
    engine::{
        ghost::{Ghost, GhostTime},
        index::{Index, Loc},
        plan::Growth,
        ring::{Ends, Ring},
        word::{Kind, Segment},
    },
    eviction::EvictionPolicy,
    sync::{AtomicU32, Ordering},
};
use std::collections::VecDeque;

/// Ghosts older than this share of the capacity are not believed.
const WINDOW: f64 = 0.75;
/// Ghosts younger than this share of the capacity move probation's share.
const YOUNG: f64 = 0.1;
/// Probation's share of the capacity, to begin with and at its limits.
const SHARE_START: f64 = 0.02;
/// The least and the most that this may become.
pub(crate) const SHARE_MIN: f64 = 0.01;
pub(crate) const SHARE_MAX: f64 = 0.6;
/// Uses in probation that earn a place in protected.
const PROMOTE_USES: u32 = 2;
/// Ghosts' ages are counted in about this many steps per capacity.
const AGE_STEPS: u32 = 1024;
/// Entries that one eviction may spare before it takes the next one, used or not: a bound on the
/// time of a single insert.
const SPARED_MAX: u32 = if cfg!(larder_loom) { 2 } else { 32 };
/// Positions of a ring beyond those for live entries: for stale ones.
const RING_SPARE: usize = if cfg!(larder_loom) { 2 } else { 16 };
/// Entries of which the one that is worth least is evicted, for policies that compare.
const CANDIDATES: usize = if cfg!(larder_loom) { 2 } else { 16 };
/// One in so many evictions takes an entry that was not used, for policies that compare.
const AGING: u32 = 3;
/// Live entries that a push may turn over in a full ring before it has one evicted.
const TURNED_MAX: u32 = 8;

/// What the policy of a shard writes with each insert.
#[derive(Debug)]
pub(crate) struct Pace {
    probation: Ends,
    protected: Ends,
    /// Evictions from probation and from protected.
    clocks: [AtomicU32; 2],
    /// Entries that probation may hold.
    target: AtomicU32,
}

/// The rings and the constants of one shard's policy.
#[derive(Debug)]
pub(crate) struct Policy {
    probation: Ring,
    protected: Ring,
    /// Ghosts older than this are not believed.
    window: u16,
    /// Ghosts younger than this move the target.
    young: u16,
    clock_shift: u32,
    /// The entries that the target is a part of.
    capacity: u32,
    /// Whether there may be more entries than that.
    growth: Growth,
    /// Whose rules hold.
    rules: EvictionPolicy,
    target_min: u32,
    target_max: u32,
}

impl Policy {
    /// Has probation begin with another share of the capacity; before anybody uses the shard.
    pub(crate) fn begin_with(&self, pace: &Pace, share: f64) {
        let target = (f64::from(self.capacity) * share) as u32;
        pace.target.store(target.clamp(self.target_min, self.target_max), Ordering::Relaxed);
    }

    /// The policy for a shard that holds `capacity` entries when the cache is full, with its two
    /// rings.
    pub(crate) fn new(
        capacity: u32,
        growth: Growth,
        rules: EvictionPolicy,
        probation: Ring,
        protected: Ring,
    ) -> (Self, Pace) {
        let capacity = capacity.max(1);
        let share = |part: f64| ((f64::from(capacity) * part) as u32).max(1);
        let clock_shift = (capacity / AGE_STEPS).checked_ilog2().unwrap_or(0);
        let age = |part: f64| (share(part) >> clock_shift) as u16;
        let pace = Pace {
            probation: Ends::new(),
            protected: Ends::new(),
            clocks: [AtomicU32::new(0), AtomicU32::new(0)],
            target: AtomicU32::new(share(SHARE_START)),
        };
        let policy = Self {
            probation,
            protected,
            window: age(WINDOW),
            young: age(YOUNG),
            clock_shift,
            capacity,
            growth,
            rules,
            target_min: share(SHARE_MIN),
            target_max: share(SHARE_MAX),
        };
        (policy, pace)
    }

    /// Positions that the rings of a shard with `capacity` entries need: probation, protected.
    pub(crate) fn ring_lens(capacity: u32) -> (usize, usize) {
        // Room for stale entries beyond the live ones, and for shards that got more than their part.
        let len = |part: f64| {
            ((f64::from(capacity) * part * 1.1) as usize + RING_SPARE).next_power_of_two()
        };
        (len(SHARE_MAX), len(1.0))
    }

    fn segment<'a>(&'a self, pace: &'a Pace, segment: Segment) -> (&'a Ring, &'a Ends) {
        match segment {
            Segment::Probation => (&self.probation, &pace.probation),
            Segment::Protected => (&self.protected, &pace.protected),
        }
    }

    /// What time it is for ghosts.
    #[inline]
    pub(crate) fn now(&self, pace: &Pace) -> GhostTime {
        let [probation, protected] = &pace.clocks;
        let time = |c: &AtomicU32| (c.load(Ordering::Relaxed) >> self.clock_shift) as u16;
        let (probation, protected) = (time(probation), time(protected));
        GhostTime { probation, protected, window: self.window, young: self.young }
    }

    /// Which segment a new key enters, given its ghost, and whether the cache has yet to fill up.
    #[inline]
    pub(crate) fn admit(&self, pace: &Pace, ghost: Option<Ghost>, filling: bool) -> Segment {
        if self.rules != EvictionPolicy::SegmentedLru {
            return Segment::Protected;
        }
        if let Some(ghost) = ghost
            && ghost.age <= self.young
        {
            self.adapt(pace, ghost.segment);
        }
        match ghost {
            Some(Ghost { segment: Segment::Probation, age, .. }) if age <= self.window => {
                Segment::Protected
            }
            _ if filling && pace.probation.len() >= self.target(pace) => Segment::Protected,
            _ => Segment::Probation,
        }
    }

    #[cold]
    fn adapt(&self, pace: &Pace, wanting: Segment) {
        let target = pace.target.load(Ordering::Relaxed);
        let new = match wanting {
            Segment::Probation => (target + 1).min(self.target_max),
            Segment::Protected => (target - 1).max(self.target_min),
        };
        pace.target.store(new, Ordering::Relaxed);
    }

    /// Puts a slot whose link this thread owns into a ring. What has to be evicted for want of a
    /// place there, which is rare, goes to `sink`.
    #[inline]
    pub(crate) fn link(
        &self,
        pace: &Pace,
        index: &Index,
        segment: Segment,
        loc: Loc,
        sink: &mut dyn FnMut(Evicted),
    ) {
        let (ring, ends) = self.segment(pace, segment);
        if ring.push(ends, loc).is_err() {
            self.link_crowded(pace, index, segment, loc, sink);
        }
    }

    /// The ring is full, mostly of entries whose slots were emptied by removals: drops those, turns
    /// over a few that live, and if that does not help, evicts.
    #[cold]
    fn link_crowded(
        &self,
        pace: &Pace,
        index: &Index,
        segment: Segment,
        loc: Loc,
        sink: &mut dyn FnMut(Evicted),
    ) {
        let (ring, ends) = self.segment(pace, segment);
        // Slots whose links this thread owns, in the order in which they go back.
        let mut held = VecDeque::from([loc]);
        let mut turned = 0;
        while let Some(&first) = held.front() {
            if ring.push(ends, first).is_ok() {
                held.pop_front();
                continue;
            }
            let Some(oldest) = ring.pop(ends) else { continue };
            let word = index.word(oldest);
            match word.kind() {
                Kind::Vacant if index.unlink(oldest) => {}
                Kind::Member { .. }
                    if turned >= TURNED_MAX
                        && self.evict_slot(pace, index, segment, oldest, word) =>
                {
                    sink(Evicted { loc: oldest, word });
                }
                _ => {
                    turned += 1;
                    held.push_back(oldest);
                }
            }
        }
    }

    /// How many entries probation may hold: a share of those that there are, if the plan did not know
    /// how many that would be.
    #[inline(always)]
    fn target(&self, pace: &Pace) -> u32 {
        let target = pace.target.load(Ordering::Relaxed);
        if self.growth == Growth::Never {
            return target;
        }
        let entries = u64::from(self.entries(pace));
        ((u64::from(target) * entries / u64::from(self.capacity)) as u32).max(1)
    }

    /// How many entries there are, about.
    #[inline(always)]
    pub(crate) fn entries(&self, pace: &Pace) -> u32 {
        pace.probation.len() + pace.protected.len()
    }

    /// How many entries were evicted, about.
    #[inline(always)]
    pub(crate) fn evictions(&self, pace: &Pace) -> u32 {
        let [probation, protected] = &pace.clocks;
        probation.load(Ordering::Relaxed).wrapping_add(protected.load(Ordering::Relaxed))
    }

    #[inline]
    fn giver(&self, pace: &Pace) -> Segment {
        if pace.probation.len() > self.target(pace) {
            Segment::Probation
        } else {
            Segment::Protected
        }
    }

    /// Asks for the bucket of an entry that will be judged soon.
    #[inline]
    pub(crate) fn prefetch_next(&self, pace: &Pace, index: &Index) {
        let (ring, ends) = self.segment(pace, self.giver(pace));
        if let Some(loc) = ring.peek(ends, 1) {
            index.prefetch_loc(loc);
        }
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.probation.allocated_bytes() + self.protected.allocated_bytes()
    }

    /// Every location in the ring of protected, as far as it is not on its way.
    pub(crate) fn protected(&self) -> impl Iterator<Item = Loc> + '_ {
        self.protected.entries()
    }

    /// Every location in either ring, for the invariant checker.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn linked(&self) -> impl Iterator<Item = Loc> + '_ {
        self.probation.entries().chain(self.protected.entries())
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
