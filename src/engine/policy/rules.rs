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
//! something about a clock, the number of pushes, and needs no queue: each segment has such a
//! clock, each member a stamp of it, and a set can tell by itself which of its members would be at
//! the head. These are *due*. So an insert looks at its own set, which it has loaded anyway. Sets
//! differ in how many are due: where there are more than one, the set is remembered as *crowded*,
//! and gives one to an insert in whose set there is none.
//!
//! # Rules
//!
//! - *Admission.* A key that probation evicted not long ago ([`USEFUL`]) goes to protected. So
//!   does, until the first eviction, what exceeds probation's share; otherwise loops a little
//!   larger than the cache would never warm up. Everything else goes to probation.
//! - *Due* is a member of probation after `target` pushes to probation, one of protected after
//!   `life` pushes to protected, and half as many more for each merit that it had when its stay
//!   began. That is in its stamp, which is as much later, so that each segment has one age at which
//!   a stay is over. Which of several goes first hardly matters.
//! - *Judgement.* A due member of probation that was used [`PROMOTE_USES`] times moves to
//!   protected; used once, it gets a second lap; otherwise it is evicted. A due member of protected
//!   that was used stays for another lap with its counter one lower; otherwise it is evicted.
//! - *Merit.* Each time an entry is spared for having been used, and each time its ghost brings it
//!   back, its key gains a merit, up to three; ghosts keep them. A due member of probation with
//!   more merit than a *rival* moves to protected, and the rival is evicted in its stead: the
//!   member of protected in this set with the least merit among those that were not used and whose
//!   stays are over in an eighth of a life at most.
//! - *Adaptation.* A miss that finds the latest ghost of a segment in its set, and a young one
//!   ([`YOUNG`]), would have been a hit with a little more room in that segment: `target` moves by
//!   one. A ghost of protected does not admit to protected (that costs 8 points on mixed traces),
//!   but its key begins with one use.
//! - *Newcomers.* Where probation is to be small, it is looked at too rarely: a set has its next
//!   insert when an eighth of the capacity has been inserted. So a ring (`queue.rs`) says where the
//!   last newcomers are. While `target` is small, the newcomer that leaves the ring is judged as if
//!   it were due, and only if nobody goes is the own set looked at.
//! - *Elsewhere.* If nobody is due in the own set: somebody of a crowded set, or of the next
//!   [`HAND`] sets of a sweeping hand. If nobody is due there either, a member of the own set goes,
//!   of probation before protected, unused before used, and then the one that is nearest to its
//!   end; `life` was too long then, and shrinks. It grows when too many crowded sets are
//!   remembered.
//!
//! Other policies have one segment, protected, and `choice.rs` for those that compare what entries
//! are worth.
//!
//! # Concurrency
//!
//! All of it are hints, written by plain loads and stores: two threads may count as one. What is
//! chosen is a slot and the word that it had; the entry leaves when the index exchanges that word
//! (`sets.rs`).

mod choice;
mod due;
mod queue;
#[cfg(all(test, not(larder_loom)))]
mod tests;
mod visit;

pub(crate) use choice::Worth;
pub(crate) use visit::{Victim, Visit};

use crate::{
    engine::index::{
        ghosts::{self, Ghost},
        hints::{MERIT_MAX, STAMPS, Segment, Standing},
        sets::{Claim, Index, Loc},
    },
    types::eviction::EvictionPolicy,
};
use due::Times;
use queue::{Queue, Ring};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A ghost of probation that is at most so old admits to protected, in eighths of the capacity
/// evicted since.
const USEFUL: u8 = 7;
/// One that is at most so old, and the latest of its segment in its set, says that more room would
/// have helped.
const YOUNG: u8 = 1;
/// Probation's share of the capacity, to begin with and at its limits.
const SHARE_START: f64 = 0.02;
/// The least and the most that this may become.
pub(crate) const SHARE_MIN: f64 = 0.01;
pub(crate) const SHARE_MAX: f64 = 0.6;
/// Up to this share newcomers go early.
const SHARE_SMALL: f64 = 0.043;
/// Uses in probation that earn a place in protected.
const PROMOTE_USES: u8 = 2;
/// The last part of its life in which a member of protected may have to go for a rival.
const RIVAL: u8 = 8;
/// Protected's life, in pushes per capacity, to begin with and at its limits.
const LIFE_START: f64 = 0.9;
const LIFE_MIN: f64 = 0.05;
const LIFE_MAX: f64 = 1.5;
/// Lives are counted in these parts of the capacity.
const LIFE_UNIT: f64 = (1 << 16) as f64;
/// A life shrinks or grows by its 512th part.
const LIFE_STEP: u32 = 9;
/// Steps of the segments' clocks per capacity: a stay in probation is over after
/// 0.6 of the capacity at most, one in protected after 3.75. Stamps have 128.
const STEPS: [u64; 2] = [128, 16];
/// The same of clocks that are only compared: Lru's.
const STEPS_OF_LRU: u64 = 32;
/// Steps of the clocks of evictions per capacity; ghosts have 16.
const STEPS_OF_GHOSTS: u64 = 8;
/// Members that one visit may spare before the next one goes, used or not: a bound on the time of a
/// single insert.
const SPARED_MAX: u32 = 8;
/// Newcomers that are remembered, at least; otherwise a hundredth of the capacity, and no more than
/// the ring has places for.
const NEWCOMERS_MIN: u32 = 8;
/// Crowded sets that are remembered.
const CROWDED: usize = 8;
/// Sets that the hand looks at for one eviction.
pub(crate) const HAND: u32 = 4;

/// What the policy of a shard writes with each insert.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Clocks that tell how many entries came to each segment, or to another lap there.
    pushes: [AtomicU32; 2],
    /// Clocks that tell how many each has evicted.
    evictions: [AtomicU32; 2],
    /// Pushes to probation after which its members are due: as many as its clock has then moved on.
    target: AtomicU32,
    /// The same for protected, in parts of the capacity.
    life: AtomicU32,
    /// The set that the hand looked at last.
    hand: AtomicU32,
    /// Where the last newcomers to probation are.
    newcomers: Ring,
    /// Sets with more members that are due than were needed.
    crowded: Queue<CROWDED>,
    /// What follows from these, for the look at a set.
    times: AtomicU32,
}

/// The constants of one shard's policy.
#[derive(Debug)]
pub(crate) struct Policy {
    /// By how much each clock of pushes moves, and the clocks of evictions. The upper seven bits
    /// are the steps that stamps have, and the upper four those that ghosts have.
    push: [u32; 2],
    eviction: u32,
    /// Whose rules hold.
    rules: EvictionPolicy,
    target_min: u32,
    target_max: u32,
    target_small: u32,
}

impl Policy {
    /// The policy for a shard that holds `capacity` entries when the cache is full.
    pub(crate) fn new(
        capacity: u32,
        rules: EvictionPolicy,
        probation: Option<f64>,
    ) -> (Self, Pace) {
        let capacity = capacity.max(1);
        let whole = |part: f64| (part * 2f64.powi(32)) as u32;
        let target = probation.unwrap_or(SHARE_START).clamp(SHARE_MIN, SHARE_MAX);
        let zero = || AtomicU32::new(0);
        let pace = Pace {
            pushes: [zero(), zero()],
            evictions: [zero(), zero()],
            target: AtomicU32::new(whole(target)),
            life: AtomicU32::new((LIFE_START * LIFE_UNIT) as u32),
            hand: zero(),
            newcomers: Ring::new(((f64::from(capacity) * SHARE_MIN) as u32).max(NEWCOMERS_MIN)),
            crowded: Queue::new(),
            times: AtomicU32::new(0),
        };
        // All of the 2^32 are so many steps.
        let per = |steps: u64, of: u64| {
            u32::try_from((steps << 32) / of / u64::from(capacity)).unwrap_or(u32::MAX)
        };
        let of_protected = match rules {
            EvictionPolicy::SegmentedLru => STEPS[1],
            _ => STEPS_OF_LRU,
        };
        let policy = Self {
            push: [per(STEPS[0], STAMPS.into()), per(of_protected, STAMPS.into())],
            eviction: per(STEPS_OF_GHOSTS, ghosts::STEPS.into()),
            rules,
            target_min: whole(SHARE_MIN),
            target_max: whole(SHARE_MAX),
            target_small: whole(SHARE_SMALL),
        };
        policy.reckon(&pace);
        (policy, pace)
    }

    #[inline(always)]
    fn times(&self, pace: &Pace) -> Times {
        Times::from_bits(pace.times.load(Relaxed))
    }

    /// Says anew when stays are over.
    #[cold]
    #[inline(never)]
    fn reckon(&self, pace: &Pace) {
        let now = [0, 1].map(|segment: usize| step_of(pace.pushes[segment].load(Relaxed)));
        let target = step_of(pace.target.load(Relaxed).saturating_add(1 << 24)).max(1);
        let life = (u64::from(pace.life.load(Relaxed)) * STEPS[1] + (1 << 15)) >> 16;
        let times = Times::new(now, target, life.clamp(1, due::LIFE_MAX.into()) as u8);
        pace.times.store(times.bits(), Relaxed);
    }

    /// Counts a push to a segment, and says what its clock shows.
    #[inline(always)]
    fn push(&self, pace: &Pace, segment: Segment) -> u8 {
        let pushes = &pace.pushes[segment as usize];
        let before = pushes.load(Relaxed);
        // A lost tick does not matter, a locked instruction would.
        let now = before.wrapping_add(self.push[segment as usize]);
        pushes.store(now, Relaxed);
        if step_of(before ^ now) != 0 {
            self.reckon(pace);
        }
        step_of(now)
    }

    /// The stamp of a member that begins a stay. In protected merit makes it longer: the stamp is
    /// as much later.
    #[inline(always)]
    fn stamp(&self, pace: &Pace, segment: Segment, merit: u8) -> u8 {
        let now = self.push(pace, segment);
        let bonus = match segment {
            Segment::Probation => 0,
            Segment::Protected => self.times(pace).bonus(merit),
        };
        now.wrapping_add(bonus) % STAMPS
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
        let [probation, protected] = &pace.evictions;
        probation.load(Relaxed) | protected.load(Relaxed) == 0
            && pace.pushes[0].load(Relaxed) >= pace.target.load(Relaxed)
    }

    fn readmit(&self, pace: &Pace, ghost: Ghost) -> Standing {
        let now = pace.evictions[ghost.segment as usize].load(Relaxed);
        let age = ghost.age(now);
        if ghost.is_latest && age <= YOUNG {
            self.adapt(pace, ghost.segment);
        }
        let merit = (ghost.merit + 1).min(MERIT_MAX);
        let (segment, uses) = match ghost.segment {
            Segment::Probation if age <= USEFUL => (Segment::Protected, 0),
            Segment::Probation => (Segment::Probation, 0),
            Segment::Protected => (Segment::Probation, 1),
        };
        Standing { segment, uses, merit }
    }

    fn adapt(&self, pace: &Pace, wanting: Segment) {
        let (target, push) = (pace.target.load(Relaxed), self.push[0]);
        let new = match wanting {
            Segment::Probation => target.saturating_add(push).min(self.target_max),
            Segment::Protected => target.saturating_sub(push).max(self.target_min),
        };
        pace.target.store(new, Relaxed);
        if step_of((target + (1 << 24)) ^ (new + (1 << 24))) != 0 {
            self.reckon(pace);
        }
    }

    /// Has a new entry begin its stay in a slot that its insert has claimed.
    #[inline(always)]
    pub(crate) fn enter(&self, pace: &Pace, index: &Index, claim: &Claim<'_>, standing: Standing) {
        let stamp = self.stamp(pace, standing.segment, standing.merit);
        claim.hints().begin(claim.slot, standing, stamp);
        if standing.segment == Segment::Probation {
            pace.newcomers.push(index.loc_claimed(claim).0);
        }
    }

    /// Remembers a key that was evicted: its word, and how it fared.
    #[inline(always)]
    pub(crate) fn leave(&self, pace: &Pace, index: &Index, victim: Victim) {
        let Victim { loc, word, standing } = victim;
        let clock = &pace.evictions[standing.segment as usize];
        let now = clock.load(Relaxed);
        clock.store(now.wrapping_add(self.eviction), Relaxed);
        let tag = index.layout().ghost_tag_of(word);
        index.set(loc.home(word)).hints.ghosts().leave(tag, standing.segment, standing.merit, now);
    }

    /// Has a member stay for another lap, one that had so much `merit` till now.
    #[inline]
    fn spare(&self, pace: &Pace, index: &Index, loc: Loc, merit: u8, standing: Standing) {
        let stamp = self.stamp(pace, standing.segment, merit);
        index.hints(loc).begin(loc.slot(), standing, stamp);
    }

    /// A number that grows with each eviction, and begins anew now and then.
    pub(crate) fn evictions(&self, pace: &Pace) -> u32 {
        let [probation, protected] = &pace.evictions;
        probation.load(Relaxed).wrapping_add(protected.load(Relaxed)) / self.eviction
    }

    /// Lives were too long: nobody was due, and somebody had to go.
    #[inline(never)]
    pub(crate) fn shorten(&self, pace: &Pace) {
        let life = pace.life.load(Relaxed);
        let least = (LIFE_MIN * LIFE_UNIT) as u32;
        pace.life.store((life - (life >> LIFE_STEP)).max(least), Relaxed);
        self.reckon(pace);
    }

    /// Lives were too short: more crowded sets are remembered than are needed.
    #[inline(never)]
    pub(crate) fn lengthen(&self, pace: &Pace) {
        let life = pace.life.load(Relaxed);
        let most = (LIFE_MAX * LIFE_UNIT) as u32;
        pace.life.store((life + (life >> LIFE_STEP)).min(most), Relaxed);
        self.reckon(pace);
    }

    /// Remembers a set that has more members that are due.
    #[inline]
    fn note_crowded(&self, pace: &Pace, set: usize) {
        if pace.crowded.is_full() {
            self.lengthen(pace);
        } else {
            pace.crowded.push(set as u32);
        }
    }

    /// Sets that had more members that are due than were needed.
    pub(crate) fn crowded(&self, pace: &Pace) -> impl Iterator<Item = usize> {
        // Bounded, whatever other threads do meanwhile.
        (0..CROWDED).map_while(|_| pace.crowded.pop()).map(|set| set as usize)
    }

    /// The set that the hand looks at next.
    pub(crate) fn next_set(&self, pace: &Pace, index: &Index) -> usize {
        let hand = pace.hand.load(Relaxed).wrapping_add(1);
        pace.hand.store(hand, Relaxed);
        hand as usize % index.len()
    }
}

/// What a clock shows: one of [`STAMPS`] steps.
#[inline(always)]
fn step_of(clock: u32) -> u8 {
    (clock >> 25) as u8
}
