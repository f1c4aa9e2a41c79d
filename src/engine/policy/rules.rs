//! Who stays: a segmented LRU whose victims come from the set of the key that is inserted.
//!
//! New keys enter *probation*; keys that are used there, or come back soon after they left it, are
//! in *protected*. Recency costs a hit only a saturating counter beside the slot. The parts come
//! from S3-FIFO (Yang et al., SOSP'23: a small queue, a main queue, ghosts), from CLOCK (second
//! chances instead of moving on every hit) and from ARC (Megiddo and Modha, FAST'03: ghosts of both
//! segments say which of the two should get one more slot).
//!
//! # Time instead of queues
//!
//! In a FIFO queue of length n an entry reaches the head when n others have been pushed. That
//! depends only on a clock, the number of pushes, and needs no queue: each segment has such a
//! clock, each member a stamp of it, and a set alone shows which of its members would be at the
//! head. These are *due*. So an insert looks at its own set, which it has loaded anyway. Sets
//! differ in how many members are due: a set with more than one is remembered as *crowded*, and
//! gives one to an insert in whose set none is due.
//!
//! # Rules
//!
//! - *Admission.* A key that probation evicted not long ago ([`USEFUL`]) goes to protected. So does
//!   a key that exceeds probation's share before the first eviction; otherwise loops a little
//!   larger than the cache would never warm up. All other keys go to probation.
//! - *Due.* A member of probation is due after `target` pushes to probation; a member of protected
//!   after `life` pushes to protected, and half as many more for each merit that it had when its
//!   stay began. This bonus is added to its stamp, so that each segment has one age at which a stay
//!   is over. If several are due, it hardly matters which goes first.
//! - *Judgement.* A due member of probation that was used [`PROMOTE_USES`] times moves to
//!   protected; used once, it gets a second lap; otherwise it is evicted. A due member of protected
//!   that was used stays for another lap with its counter one lower; otherwise it is evicted.
//! - *Merit.* Each time an entry is spared because it was used, and each time its ghost brings it
//!   back, its key gains a merit, up to three; ghosts keep them. A due member of probation with
//!   more merit than a *rival* moves to protected, and the rival is evicted in its place: the
//!   member of protected in this set with the least merit, among those that were not used and whose
//!   stays are over within an eighth of a life.
//! - *Adaptation.* A miss that finds a ghost that is the latest of its segment in its set, and
//!   young ([`YOUNG`]), would have been a hit with a little more room in that segment: `target`
//!   moves by one. A ghost of protected does not admit to protected (that costs 8 points on mixed
//!   traces), but its key begins with one use.
//! - *Newcomers.* A small probation needs looks more often than sets get them: a set has its next
//!   insert when an eighth of the capacity has been inserted. So a ring (`queue.rs`) says where the
//!   last newcomers are. While `target` is small, an insert whose set has a free slot judges the
//!   newcomer that leaves the ring as if it were due, and looks at its own set only if none goes.
//! - *Elsewhere.* If no member of the own set is due, and the set has a free slot, a member goes
//!   that is due in a crowded set, or in the next [`HAND`] sets of a sweeping hand. If none is due
//!   there either, `life` was too long, and shrinks. Then, or if the own set has no free slot, a
//!   member of the own set goes: of probation before protected, unused before used, and then the
//!   one that is nearest to its end. `life` grows when too many crowded sets are remembered.
//! - *Few entries.* Where entries have weights, far fewer may fit than were estimated, and most are
//!   alone in their sets. There the hand goes on, and judges each member that it meets as if it were
//!   due, until one has to go or [`SPARED_MAX`] were spared.
//!
//! The other policies have one segment, protected. `choice.rs` is for those that compare what
//! entries are worth.
//!
//! # Concurrency
//!
//! All of this is hints, written by plain Relaxed loads and stores: two steps of two threads may
//! count as one. What is chosen is a slot and the word that it had; the entry leaves when the index
//! exchanges that word (`sets.rs`).

mod choice;
mod due;
mod queue;
#[cfg(all(test, not(larder_loom)))]
mod tests;
mod visit;

pub(crate) use choice::Worth;
pub(crate) use visit::Victim;

use crate::{
    engine::index::{
        ghosts::{self, Ghost, Ghosts},
        hints::{MERIT_MAX, STAMPS, Segment, Standing},
        sets::{Claim, Index, Loc},
    },
    types::eviction::EvictionPolicy,
};
use due::Times;
use queue::{Queue, Ring};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A ghost of probation that is at most this old admits to protected, in eighths of the capacity
/// evicted since.
const USEFUL: u8 = 7;
/// A ghost that is at most this old, and the latest of its segment in its set, says that more room
/// would have helped.
const YOUNG: u8 = 1;
/// Probation's share of the capacity at the start.
const SHARE_START: f64 = 0.02;
/// The least and the greatest share of probation.
pub(crate) const SHARE_MIN: f64 = 0.01;
pub(crate) const SHARE_MAX: f64 = 0.6;
/// Below this share newcomers go early.
const SHARE_SMALL: f64 = 0.043;
/// Uses in probation that earn a place in protected.
const PROMOTE_USES: u8 = 2;
/// The last part of its life in which a member of protected may have to go for a rival.
const RIVAL: u8 = 8;
/// Protected's life, in pushes per capacity: at the start, and its limits.
const LIFE_START: f64 = 0.9;
const LIFE_MIN: f64 = 0.05;
const LIFE_MAX: f64 = 1.5;
/// `life` is counted in these parts of the capacity.
const LIFE_UNIT: f64 = (1 << 16) as f64;
/// `life` shrinks or grows by its 512th part.
const LIFE_STEP: u32 = 9;
/// Steps of the segments' clocks per capacity. A stay in probation is over after 0.6 of the
/// capacity at most, a stay in protected after 3.75, and stamps have 128 steps.
const STEPS: [u64; 2] = [128, 16];
/// Steps per capacity of the clock of [`EvictionPolicy::Lru`], which only compares stamps.
const STEPS_OF_LRU: u64 = 32;
/// Steps of the clocks of evictions per capacity; ghosts have 16.
const STEPS_OF_GHOSTS: u64 = 8;
/// The maximum number of members that one visit spares, or the visits of one sweep, before a member
/// is taken, used or not. Bounds the time of a single insert.
pub(crate) const SPARED_MAX: u32 = 8;
/// The least number of newcomers that are remembered. Otherwise it is a hundredth of the capacity,
/// and no more than the ring has places.
const NEWCOMERS_MIN: u32 = 8;
/// The maximum number of crowded sets that are remembered.
const CROWDED: usize = 8;
/// The number of sets that the hand looks at for one eviction.
pub(crate) const HAND: u32 = 4;

/// What the policy of a shard writes with each insert.
#[derive(Debug)]
pub(crate) struct PolicyState {
    /// Clocks of the segments: each counts the entries that began a stay or another lap there.
    pushes: [AtomicU32; 2],
    /// Clocks of evictions: each counts the entries that its segment has evicted.
    evictions: [AtomicU32; 2],
    /// The pushes to probation after which its members are due, as the advance of its clock.
    target: AtomicU32,
    /// The pushes to protected after which its members are due, in parts of the capacity.
    life: AtomicU32,
    /// The set that the hand looked at last.
    hand: AtomicU32,
    /// Where the last newcomers to probation are.
    newcomers: Ring,
    /// Sets in which more members were due than were needed.
    crowded: Queue<CROWDED>,
    /// The [`Times`] that follow from these, for the look at a set.
    times: AtomicU32,
}

/// The constants of one shard's policy.
#[derive(Debug)]
pub(crate) struct Policy {
    /// By how much each clock of a segment moves with a push, and a clock of evictions with an
    /// eviction. The upper seven bits are the steps of stamps, the upper four those of ghosts.
    push: [u32; 2],
    eviction: u32,
    /// The policy whose rules hold.
    rules: EvictionPolicy,
    target_min: u32,
    target_max: u32,
    target_small: u32,
}

impl Policy {
    /// Makes the policy of a shard that holds `capacity` entries when the cache is full.
    pub(crate) fn new(
        capacity: u32,
        rules: EvictionPolicy,
        probation: Option<f64>,
    ) -> (Self, PolicyState) {
        let capacity = capacity.max(1);
        let whole = |part: f64| (part * 2f64.powi(32)) as u32;
        let target = probation.unwrap_or(SHARE_START).clamp(SHARE_MIN, SHARE_MAX);
        let zero = || AtomicU32::new(0);
        let state = PolicyState {
            pushes: [zero(), zero()],
            evictions: [zero(), zero()],
            target: AtomicU32::new(whole(target)),
            life: AtomicU32::new((LIFE_START * LIFE_UNIT) as u32),
            hand: zero(),
            newcomers: Ring::new(((f64::from(capacity) * SHARE_MIN) as u32).max(NEWCOMERS_MIN)),
            crowded: Queue::new(),
            times: AtomicU32::new(0),
        };
        // A clock goes round, 2^32, in `of` steps; `steps` of them make up the capacity.
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
        policy.reckon(&state);
        (policy, state)
    }

    #[inline(always)]
    fn times(&self, state: &PolicyState) -> Times {
        Times::from_bits(state.times.load(Relaxed))
    }

    /// Computes again when stays are over.
    #[cold]
    #[inline(never)]
    fn reckon(&self, state: &PolicyState) {
        let now = [0, 1].map(|segment: usize| step_of(state.pushes[segment].load(Relaxed)));
        let target = step_of(state.target.load(Relaxed).saturating_add(1 << 24)).max(1);
        let life = (u64::from(state.life.load(Relaxed)) * STEPS[1] + (1 << 15)) >> 16;
        let times = Times::new(now, target, life.clamp(1, due::LIFE_MAX.into()) as u8);
        state.times.store(times.bits(), Relaxed);
    }

    /// Counts a push to a segment, and returns the step that its clock shows.
    #[inline(always)]
    fn push(&self, state: &PolicyState, segment: Segment) -> u8 {
        let pushes = &state.pushes[segment as usize];
        let before = pushes.load(Relaxed);
        // Relaxed, and no read-modify-write: a lost count does no harm, and a locked instruction
        // would cost more.
        let now = before.wrapping_add(self.push[segment as usize]);
        pushes.store(now, Relaxed);
        if step_of(before ^ now) != 0 {
            self.reckon(state);
        }
        step_of(now)
    }

    /// Counts the push of a member that begins a stay, and returns its stamp. In protected, merit
    /// makes the stay longer, so the stamp is later by that much.
    #[inline(always)]
    fn stamp(&self, state: &PolicyState, segment: Segment, merit: u8) -> u8 {
        let now = self.push(state, segment);
        let bonus = match segment {
            Segment::Probation => 0,
            Segment::Protected => self.times(state).bonus(merit),
        };
        now.wrapping_add(bonus) % STAMPS
    }

    /// Begins the stay of a new entry in a slot that its insert has claimed. Its ghost has this tag,
    /// if it is among the `ghosts`.
    #[inline(always)]
    pub(crate) fn welcome(
        &self,
        state: &PolicyState,
        index: &Index,
        claim: Claim<'_>,
        ghosts: Ghosts<'_>,
        tag: u16,
    ) {
        let is_segmented = self.rules == EvictionPolicy::SegmentedLru;
        if !ghosts.has(tag) && is_segmented && !self.is_warming_up(state) {
            let fresh = Standing { segment: Segment::Probation, uses: 0, merit: 0 };
            self.enter(state, index, &claim, fresh);
        } else {
            self.welcome_back(state, index, claim, ghosts, tag);
        }
    }

    /// Does what [`Policy::welcome`] does, for entries that may go to protected.
    #[inline(never)]
    fn welcome_back(
        &self,
        state: &PolicyState,
        index: &Index,
        claim: Claim<'_>,
        ghosts: Ghosts<'_>,
        tag: u16,
    ) {
        self.enter(state, index, &claim, self.admit(state, ghosts.take(tag)));
    }

    /// Returns the standing of a new key, given its ghost.
    #[inline(always)]
    fn admit(&self, state: &PolicyState, ghost: Option<Ghost>) -> Standing {
        let fresh = Standing { segment: Segment::Protected, uses: 0, merit: 0 };
        if self.rules != EvictionPolicy::SegmentedLru {
            return fresh;
        }
        match ghost {
            Some(ghost) => self.readmit(state, ghost),
            None if self.is_warming_up(state) => fresh,
            None => Standing { segment: Segment::Probation, ..fresh },
        }
    }

    /// Returns whether nothing has been evicted yet and probation has its share.
    #[inline(always)]
    fn is_warming_up(&self, state: &PolicyState) -> bool {
        // Before the first eviction, the clock of pushes counts the members of probation.
        let [probation, protected] = &state.evictions;
        probation.load(Relaxed) | protected.load(Relaxed) == 0
            && state.pushes[0].load(Relaxed) >= state.target.load(Relaxed)
    }

    fn readmit(&self, state: &PolicyState, ghost: Ghost) -> Standing {
        let now = state.evictions[ghost.segment as usize].load(Relaxed);
        let age = ghost.age(now);
        if ghost.is_latest && age <= YOUNG {
            self.adapt(state, ghost.segment);
        }
        let merit = (ghost.merit + 1).min(MERIT_MAX);
        let (segment, uses) = match ghost.segment {
            Segment::Probation if age <= USEFUL => (Segment::Protected, 0),
            Segment::Probation => (Segment::Probation, 0),
            Segment::Protected => (Segment::Probation, 1),
        };
        Standing { segment, uses, merit }
    }

    fn adapt(&self, state: &PolicyState, wanting: Segment) {
        let (target, push) = (state.target.load(Relaxed), self.push[0]);
        let new = match wanting {
            Segment::Probation => target.saturating_add(push).min(self.target_max),
            Segment::Protected => target.saturating_sub(push).max(self.target_min),
        };
        state.target.store(new, Relaxed);
        if step_of((target + (1 << 24)) ^ (new + (1 << 24))) != 0 {
            self.reckon(state);
        }
    }

    /// Begins the stay of a new entry in a slot that its insert has claimed.
    #[inline(always)]
    pub(crate) fn enter(
        &self,
        state: &PolicyState,
        index: &Index,
        claim: &Claim<'_>,
        standing: Standing,
    ) {
        let stamp = self.stamp(state, standing.segment, standing.merit);
        claim.hints().begin(claim.slot, standing, stamp);
        if standing.segment == Segment::Probation {
            state.newcomers.push(index.loc_claimed(claim).0);
        }
    }

    /// Remembers a key that was evicted, with its segment and its merit.
    #[inline(always)]
    pub(crate) fn leave(&self, state: &PolicyState, index: &Index, victim: Victim) {
        let Victim { loc, word, standing } = victim;
        let clock = &state.evictions[standing.segment as usize];
        let now = clock.load(Relaxed);
        clock.store(now.wrapping_add(self.eviction), Relaxed);
        let tag = index.layout().ghost_tag_of(word);
        index.set(loc.home(word)).hints.ghosts().leave(tag, standing.segment, standing.merit, now);
    }

    /// Begins another stay of a member, whose merit was `merit` before.
    #[inline]
    fn spare(&self, state: &PolicyState, index: &Index, loc: Loc, merit: u8, standing: Standing) {
        let stamp = self.stamp(state, standing.segment, merit);
        index.hints(loc).begin(loc.slot(), standing, stamp);
    }

    /// Returns a number that grows with each eviction, and wraps.
    pub(crate) fn evictions(&self, state: &PolicyState) -> u32 {
        let [probation, protected] = &state.evictions;
        probation.load(Relaxed).wrapping_add(protected.load(Relaxed)) / self.eviction
    }

    /// Shortens lives, since an entry had to go and none was due.
    #[inline(never)]
    pub(crate) fn shorten(&self, state: &PolicyState) {
        let life = state.life.load(Relaxed);
        let least = (LIFE_MIN * LIFE_UNIT) as u32;
        state.life.store((life - (life >> LIFE_STEP)).max(least), Relaxed);
        self.reckon(state);
    }

    /// Lengthens lives, since more crowded sets are remembered than are needed.
    #[inline(never)]
    pub(crate) fn lengthen(&self, state: &PolicyState) {
        let life = state.life.load(Relaxed);
        let most = (LIFE_MAX * LIFE_UNIT) as u32;
        state.life.store((life + (life >> LIFE_STEP)).min(most), Relaxed);
        self.reckon(state);
    }

    /// Remembers a set in which more members are due.
    #[inline]
    fn note_crowded(&self, state: &PolicyState, set: usize) {
        if state.crowded.is_full() {
            self.lengthen(state);
        } else {
            state.crowded.push(set as u32);
        }
    }

    /// Takes out the crowded sets that are remembered.
    pub(crate) fn crowded(&self, state: &PolicyState) -> impl Iterator<Item = usize> {
        // Bounded, since other threads may push meanwhile.
        (0..CROWDED).map_while(|_| state.crowded.pop()).map(|set| set as usize)
    }

    /// Advances the hand, and returns the number of the set that it looks at next.
    pub(crate) fn next_set(&self, state: &PolicyState, index: &Index) -> usize {
        let hand = state.hand.load(Relaxed).wrapping_add(1);
        state.hand.store(hand, Relaxed);
        hand as usize % index.len()
    }
}

/// Returns which of its [`STAMPS`] steps a clock shows.
#[inline(always)]
fn step_of(clock: u32) -> u8 {
    (clock >> 25) as u8
}
