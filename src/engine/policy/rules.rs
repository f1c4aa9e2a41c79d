//! Who stays: a segmented LRU whose victims come from the set of the key that is inserted.
//!
//! New keys enter *probation*; those that are used there, or come back soon after they left it,
//! live in *protected*. Recency costs a hit nothing but a saturating counter beside the slot.
//! The parts come from S3-FIFO (Yang et al., SOSP'23: a small queue, a main queue, ghosts), from
//! CLOCK (second chances instead of moving on every hit) and from ARC (Megiddo and Modha, FAST'03:
//! ghosts of both segments say which of the two deserves a slot more).
//!
//! # Time instead of queues
//!
//! In a FIFO queue of length n an entry reaches the head when n others have been pushed. That says
//! something about a clock, the number of pushes, and needs no queue: each segment has such a clock, each
//! member a stamp of it, and a set can tell by itself which of its members would be at the head. These are
//! *due*. So an insert looks at its own set, which it has loaded anyway. Sets differ in how many are
//! due: where there are more than one, the set is remembered as *crowded*, and gives one to an insert in
//! whose set there is none.
//!
//! # Rules
//!
//! - *Admission.* A key that probation evicted not long ago ([`USEFUL`]) goes to protected. So does, until
//!   the first eviction, what exceeds probation's share; otherwise loops a little larger than the cache
//!   would never warm up. Everything else goes to probation.
//! - *Due* is a member of probation after `target` pushes to probation, one of protected after `life`
//!   pushes to protected, and half as many more for each merit. Which of several goes first does not
//!   matter (simulated: 58.80 of the design rows' mean in any order), but that probation goes before protected.
//! - *Judgement.* A due member of probation that was used [`PROMOTE_USES`] times moves to protected; used
//!   once, it gets a second lap; otherwise it is evicted. A due member of protected that was used stays for
//!   another lap with its counter one lower; otherwise it is evicted.
//! - *Merit.* Each time an entry is spared for having been used, and each time its ghost brings it
//!   back soon, its key gains a merit, up to three; ghosts keep them. A due member of probation with
//!   more merit than a *rival* moves to protected, and the rival is evicted in its stead: the member of
//!   protected in this set with the least merit among those that were not used and have [`RIVAL`] of their
//!   life behind them.
//! - *Adaptation.* A miss that finds the latest ghost of a segment in its set would have been a
//!   hit with a little more room in that segment: `target` moves by one. A ghost of
//!   protected does not admit to protected (that costs 8 points on mixed traces), but its key begins with
//!   one use.
//! - *Newcomers.* Where probation is to be small, it is looked at too rarely: a set has its next insert
//!   when an eighth of the capacity has been inserted. So where each set is a queue of the last newcomers
//!   (`queue.rs`) is kept; while `target` is small and the queue is full, its oldest goes if it was
//!   not used, and only then is the own set looked at.
//! - *Elsewhere.* If nobody is due in the own set: somebody of a crowded set, a newcomer before its time, or
//!   somebody of the next [`HAND`] sets of a sweeping hand. If nobody is due there either, the
//!   member of the own set goes that is nearest to its end; `life` was too long then, and shrinks. It
//!   grows when too many crowded sets are remembered.
//!
//! Other policies have one segment, protected, and `choice.rs` for those that compare what entries are worth.
//!
//! # Concurrency
//!
//! All of it are hints, written by plain loads and stores: two threads may count as one. What is chosen is
//! a slot and the word that it had; the entry leaves when the index exchanges that word (`sets.rs`).

mod choice;
mod due;
mod queue;
mod visit;

pub(crate) use choice::Worth;
pub(crate) use visit::{Eagerness, Victim, Visit};

use crate::{
    engine::{
        index::{
            ghosts::Ghost,
            hints::{MERIT_MAX, STAMPS, Segment, Standing},
            sets::{Claim, Index, Loc},
        },
        storage::extents::OutOfMemory,
    },
    eviction::EvictionPolicy,
};
use due::Times;
use queue::{Ends, Queue};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// A ghost with fewer later ones of its segment in its set is believed.
const USEFUL: u32 = 8;
/// Probation's share of the capacity, to begin with and at its limits.
const SHARE_START: f64 = 0.02;
/// The least and the most that this may become.
pub(crate) const SHARE_MIN: f64 = 0.01;
pub(crate) const SHARE_MAX: f64 = 0.6;
/// Below this share newcomers go early.
const SHARE_SMALL: f64 = 0.05;
/// Uses in probation that earn a place in protected.
const PROMOTE_USES: u8 = 2;
/// How much of its life a rival has behind it, in fifths.
const RIVAL: u32 = 4;
/// Protected's life, in pushes per capacity, to begin with and at its limits.
const LIFE_START: f64 = 0.9;
const LIFE_MIN: f64 = 0.05;
const LIFE_MAX: f64 = 1.5;
/// By which part of itself a life shrinks or grows.
const LIFE_STEP: u32 = 500;
/// Steps of the segments' clocks per capacity, one per push at most. Stamps have 128: a stay in probation is over after
/// 0.6 of the capacity, one in protected after 3.75.
const STEPS: [u64; 2] = [128, 32];
/// Members that one visit may spare before the next one goes, used or not: a bound on the time of a
/// single insert.
const SPARED_MAX: u32 = 32;
/// Newcomers that are remembered, at least; otherwise a hundredth of the capacity, rounded up to a power of two.
const NEWCOMERS_MIN: u32 = 8;
/// Crowded sets that are remembered.
const CROWDED: u32 = 8;
/// Sets that the hand looks at for one eviction.
pub(crate) const HAND: u32 = 4;

/// What the policy of a shard writes with each insert.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Entries that came to each segment, or to another lap there.
    pushes: [AtomicU32; 2],
    /// Evictions from each segment.
    evictions: [AtomicU32; 2],
    /// Pushes to probation after which its members are due.
    target: AtomicU32,
    /// The same for protected.
    life: AtomicU32,
    /// The set that the hand looked at last.
    hand: AtomicU32,
    newcomers: Ends,
    crowded: Ends,
    /// What follows from these, for the look at a set.
    times: AtomicU64,
}

/// The constants of one shard's policy, and its newcomers.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Where the last newcomers to probation are.
    newcomers: Queue,
    /// Sets with more members that are due than were needed.
    crowded: Queue,
    /// Steps of each clock per push, in 2^-32.
    ticks: [u64; 2],
    /// Whose rules hold.
    rules: EvictionPolicy,
    target_min: u32,
    target_max: u32,
    target_small: u32,
    life_min: u32,
    life_max: u32,
}

impl Policy {
    /// The policy for a shard that holds `capacity` entries when the cache is full.
    pub(crate) fn new(
        capacity: u32,
        rules: EvictionPolicy,
        probation: Option<f64>,
    ) -> Result<(Self, Pace), OutOfMemory> {
        let capacity = capacity.max(1);
        let share = |part: f64| ((f64::from(capacity) * part) as u32).max(1);
        let (target_min, target_max) = (share(SHARE_MIN), share(SHARE_MAX));
        let target = share(probation.unwrap_or(SHARE_START)).clamp(target_min, target_max);
        let zero = || AtomicU32::new(0);
        let pace = Pace {
            pushes: [zero(), zero()],
            evictions: [zero(), zero()],
            target: AtomicU32::new(target),
            life: AtomicU32::new(share(LIFE_START)),
            hand: zero(),
            newcomers: Ends::new(),
            crowded: Ends::new(),
            times: AtomicU64::new(0),
        };
        let policy = Self {
            newcomers: Queue::new(share(SHARE_MIN).max(NEWCOMERS_MIN))?,
            crowded: Queue::new(CROWDED)?,
            ticks: STEPS.map(|steps| ((steps << 32) / u64::from(capacity)).min(1 << 32)),
            rules,
            target_min,
            target_max,
            target_small: share(SHARE_SMALL),
            life_min: share(LIFE_MIN),
            life_max: share(LIFE_MAX),
        };
        policy.reckon(&pace);
        Ok((policy, pace))
    }

    #[inline(always)]
    fn times(&self, pace: &Pace) -> Times {
        Times::from_bits(pace.times.load(Relaxed))
    }

    /// Says anew when stays are over.
    fn reckon(&self, pace: &Pace) {
        let now = |segment| self.steps(segment, pace.pushes[segment as usize].load(Relaxed));
        let steps = |pushes: &AtomicU32, segment: Segment, most: u8| {
            let half = 1 << 31;
            let pushes = u64::from(pushes.load(Relaxed));
            ((pushes * self.ticks[segment as usize] + half) >> 32).clamp(1, most.into()) as u8
        };
        let now = [now(Segment::Probation), now(Segment::Protected)];
        let target = steps(&pace.target, Segment::Probation, due::TARGET_MAX);
        let life = steps(&pace.life, Segment::Protected, due::LIFE_MAX);
        pace.times.store(Times::new(now, target, life).bits(), Relaxed);
    }

    /// What a segment's clock shows after so many pushes; stamps are this modulo 128.
    #[inline(always)]
    fn steps(&self, segment: Segment, pushes: u32) -> u8 {
        (u64::from(pushes).wrapping_mul(self.ticks[segment as usize]) >> 32) as u8 % STAMPS
    }

    /// Counts a push to a segment, and says what its clock shows.
    #[inline(always)]
    fn push(&self, pace: &Pace, segment: Segment) -> u8 {
        let pushes = &pace.pushes[segment as usize];
        // A lost tick does not matter, a locked instruction would.
        let now = pushes.load(Relaxed).wrapping_add(1);
        pushes.store(now, Relaxed);
        let (step, times) = (self.steps(segment, now), self.times(pace));
        if times.now(segment) != step {
            pace.times.store(times.with_now(segment, step).bits(), Relaxed);
        }
        step
    }

    /// How a new key fares, given its ghost.
    #[inline(always)]
    pub(crate) fn admit(&self, pace: &Pace, ghost: Option<Ghost>) -> Standing {
        let fresh = Standing { segment: Segment::Protected, uses: 0, merit: 0 };
        if self.rules != EvictionPolicy::SegmentedLru {
            return fresh;
        }
        match ghost {
            Some(ghost) => self.readmit(pace, ghost),
            None if self.is_warming_up(pace) => fresh,
            None => Standing { segment: Segment::Probation, ..fresh },
        }
    }

    /// Whether nothing has been evicted yet and probation has its share.
    #[inline(always)]
    fn is_warming_up(&self, pace: &Pace) -> bool {
        // Only until the first eviction: so the clock is the number of members.
        self.evictions(pace) == 0 && pace.pushes[0].load(Relaxed) >= pace.target.load(Relaxed)
    }

    fn readmit(&self, pace: &Pace, ghost: Ghost) -> Standing {
        if ghost.rank == 0 {
            self.adapt(pace, ghost.segment);
        }
        let is_believed = ghost.rank < USEFUL;
        let merit = if is_believed { (ghost.merit + 1).min(MERIT_MAX) } else { 0 };
        match ghost.segment {
            Segment::Probation if is_believed => {
                Standing { segment: Segment::Protected, uses: 0, merit }
            }
            Segment::Protected if is_believed => {
                Standing { segment: Segment::Probation, uses: 1, merit }
            }
            _ => Standing { segment: Segment::Probation, uses: 0, merit },
        }
    }

    fn adapt(&self, pace: &Pace, wanting: Segment) {
        let target = pace.target.load(Relaxed);
        let new = match wanting {
            Segment::Probation => (target + 1).min(self.target_max),
            Segment::Protected => (target - 1).max(self.target_min),
        };
        pace.target.store(new, Relaxed);
        self.reckon(pace);
    }

    /// Has a new entry begin its stay in a slot that its insert has claimed.
    #[inline(always)]
    pub(crate) fn enter(&self, pace: &Pace, index: &Index, claim: &Claim<'_>, standing: Standing) {
        let stamp = self.push(pace, standing.segment);
        claim.hints().begin(claim.slot, standing, stamp);
        if standing.segment == Segment::Probation {
            self.newcomers.push(&pace.newcomers, index.loc_claimed(claim).0);
        }
    }

    /// Remembers a key that was evicted: its word, and how it fared.
    #[inline(always)]
    pub(crate) fn leave(&self, pace: &Pace, index: &Index, victim: Victim) {
        let Victim { loc, word, standing } = victim;
        let clock = &pace.evictions[standing.segment as usize];
        let now = clock.load(Relaxed);
        clock.store(now.wrapping_add(1), Relaxed);
        let tag = index.layout().ghost_tag_of(word);
        index.set(loc.home(word)).hints.ghosts.leave(tag, standing.segment, standing.merit);
    }

    /// Has a member stay for another lap.
    #[inline]
    fn spare(&self, pace: &Pace, index: &Index, loc: Loc, standing: Standing) {
        let stamp = self.push(pace, standing.segment);
        index.hints(loc).begin(loc.slot(), standing, stamp);
    }

    /// How many entries were evicted, about.
    #[inline(always)]
    pub(crate) fn evictions(&self, pace: &Pace) -> u32 {
        let [probation, protected] = &pace.evictions;
        probation.load(Relaxed).wrapping_add(protected.load(Relaxed))
    }

    /// Lives were too long: nobody was due, and somebody had to go.
    #[inline(never)]
    pub(crate) fn shorten(&self, pace: &Pace) {
        let life = pace.life.load(Relaxed);
        let less = (life / LIFE_STEP).max(1);
        pace.life.store(life.saturating_sub(less).max(self.life_min), Relaxed);
        self.reckon(pace);
    }

    /// Lives were too short: more crowded sets are remembered than are needed.
    #[inline(never)]
    pub(crate) fn lengthen(&self, pace: &Pace) {
        let life = pace.life.load(Relaxed);
        pace.life.store((life + (life / LIFE_STEP).max(1)).min(self.life_max), Relaxed);
        self.reckon(pace);
    }

    /// Remembers a set that has more members that are due.
    #[inline]
    fn note_crowded(&self, pace: &Pace, set: usize) {
        if self.crowded.is_full(&pace.crowded) {
            self.lengthen(pace);
        } else {
            self.crowded.push(&pace.crowded, set as u32);
        }
    }

    /// Sets that had more members that are due than were needed.
    pub(crate) fn crowded(&self, pace: &Pace) -> impl Iterator<Item = usize> {
        // Bounded, whatever other threads do meanwhile.
        (0..CROWDED).map_while(|_| self.crowded.pop(&pace.crowded)).map(|set| set as usize)
    }

    /// The set that the hand looks at next.
    pub(crate) fn next_set(&self, pace: &Pace, index: &Index) -> usize {
        let hand = pace.hand.load(Relaxed).wrapping_add(1);
        pace.hand.store(hand, Relaxed);
        hand as usize % index.len()
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.newcomers.allocated_bytes() + self.crowded.allocated_bytes()
    }
}
