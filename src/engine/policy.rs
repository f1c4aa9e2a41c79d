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

use crate::{
    engine::{
        ghost::{Ghost, GhostTime},
        index::{Index, Loc},
        ring::{Ends, Ring},
        word::{Kind, Segment, Word},
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
    /// Whether the number of entries is not known beforehand.
    weighted: bool,
    /// Whose rules hold.
    rules: EvictionPolicy,
    target_min: u32,
    target_max: u32,
}

/// An entry that the policy has taken out of the index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evicted {
    pub(crate) loc: Loc,
    pub(crate) word: Word,
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
        weighted: bool,
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
            weighted,
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
        let [probation, protected] =
            pace.clocks.each_ref().map(|c| (c.load(Ordering::Relaxed) >> self.clock_shift) as u16);
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

    /// Evicts a slot whose link this thread owns; the link ends. False if the word changed.
    #[inline]
    fn evict_slot(
        &self,
        pace: &Pace,
        index: &Index,
        segment: Segment,
        loc: Loc,
        word: Word,
    ) -> bool {
        let now = self.now(pace);
        let (clock, now) = match segment {
            Segment::Probation => (&pace.clocks[0], now.probation),
            Segment::Protected => (&pace.clocks[1], now.protected),
        };
        let evicted = index.evict(loc, word, segment, now);
        if evicted {
            // A lost tick does not matter, a locked instruction would.
            clock.store(clock.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
        evicted
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
        sink: &mut impl FnMut(Evicted),
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
        sink: &mut impl FnMut(Evicted),
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

    /// Evicts one entry, not one that `pinned` says must stay; None if no ring has one to give. Should more have to go (see
    /// [`Policy::link`]), they go to `sink`.
    pub(crate) fn evict(
        &self,
        pace: &Pace,
        index: &Index,
        search: Search,
        worth: &impl Fn(Word) -> Worth,
        sink: &mut impl FnMut(Evicted),
    ) -> Option<Evicted> {
        if matches!(
            self.rules,
            EvictionPolicy::Lfu | EvictionPolicy::SizeAware | EvictionPolicy::CostAware
        ) {
            return self.evict_least_worthy(pace, index, search, worth, sink);
        }
        let pinned = &|word| worth(word) == Worth::Priceless;
        let mut spared = 0;
        let mut from = None;
        // Twice: half as many again without a single member. Perhaps all that is left are claims of
        // inserts that are stopped, and those are not waited for.
        while spared < 2 * SPARED_MAX {
            let oldest = self.oldest(pace, from.take(), search)?;
            let must_go = spared >= SPARED_MAX;
            match self.judge(pace, index, oldest, must_go, pinned, sink) {
                Verdict::Evicted(evicted) => return Some(evicted),
                Verdict::Spared => spared += 1,
                Verdict::Outdid => {
                    spared += 1;
                    from = Some(Segment::Protected);
                }
                Verdict::Unlinked => {}
            }
        }
        None
    }

    /// Of the few oldest entries evicts the one that is worth least, and gives the others another turn
    /// with their counters one lower.
    #[cold]
    fn evict_least_worthy(
        &self,
        pace: &Pace,
        index: &Index,
        search: Search,
        worth: &impl Fn(Word) -> Worth,
        sink: &mut impl FnMut(Evicted),
    ) -> Option<Evicted> {
        // Slots whose links this thread owns.
        let mut held: [Option<(Loc, Word, Worth)>; CANDIDATES] = [None; CANDIDATES];
        let (mut count, mut seen) = (0, 0);
        while count < CANDIDATES && seen < 2 * SPARED_MAX {
            let Some((_, loc)) = self.oldest(pace, Some(Segment::Protected), search) else { break };
            seen += 1;
            let word = index.word(loc);
            match word.kind() {
                Kind::Member { .. } => {
                    held[count] = Some((loc, word, worth(word)));
                    count += 1;
                }
                Kind::Vacant if index.unlink(loc) => {}
                // Claimed by an insert that counts on this ring entry, or changed meanwhile.
                _ => self.link(pace, index, Segment::Protected, loc, sink),
            }
        }
        let mut evicted = None;
        // Now and then an unused one has to go, whatever it is worth: or those that are worth much and
        // never used again would come to fill the cache.
        let by_age = pace.clocks[1].load(Ordering::Relaxed).is_multiple_of(AGING);
        while let Some(least) = (0..CANDIDATES)
            .filter(|&i| matches!(held[i], Some((_, _, Worth::Points(_)))))
            .min_by_key(|&i| held[i].map(|(_, word, worth)| (!(by_age && word.uses() == 0), worth)))
        {
            let (loc, word, _) = held[least].take()?;
            if self.evict_slot(pace, index, Segment::Protected, loc, word) {
                evicted = Some(Evicted { loc, word });
                break;
            }
            // It was used, replaced or removed at this moment.
            self.link(pace, index, Segment::Protected, loc, sink);
        }
        for (loc, word, _) in held.into_iter().flatten() {
            // If the word has changed somebody is at work on the entry: let it be.
            let _ = index.spare(loc, word, word.uses().saturating_sub(1));
            self.link(pace, index, Segment::Protected, loc, sink);
        }
        evicted
    }

    /// Takes the oldest entry of the segment that has to give one, or of `from`.
    fn oldest(&self, pace: &Pace, from: Option<Segment>, search: Search) -> Option<(Segment, Loc)> {
        let order = match from.unwrap_or_else(|| self.giver(pace)) {
            Segment::Probation => [Segment::Probation, Segment::Protected],
            Segment::Protected => [Segment::Protected, Segment::Probation],
        };
        let take = |segment| {
            let (ring, ends) = self.segment(pace, segment);
            ring.pop(ends).map(|loc| (segment, loc))
        };
        let found = take(order[0]).or_else(|| take(order[1]));
        if search == Search::Heads { found } else { found.or_else(|| self.stranded()) }
    }

    /// How many entries probation may hold: a share of those that there are, if the plan did not know
    /// how many that would be.
    #[inline(always)]
    fn target(&self, pace: &Pace) -> u32 {
        let target = pace.target.load(Ordering::Relaxed);
        if !self.weighted {
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
        let [probation, protected] = pace.clocks.each_ref().map(|c| c.load(Ordering::Relaxed));
        probation.wrapping_add(protected)
    }

    #[inline]
    fn giver(&self, pace: &Pace) -> Segment {
        if pace.probation.len() > self.target(pace) {
            Segment::Probation
        } else {
            Segment::Protected
        }
    }

    #[cold]
    fn stranded(&self) -> Option<(Segment, Loc)> {
        let sweep = |segment, ring: &Ring| ring.sweep().map(|loc| (segment, loc));
        sweep(Segment::Probation, &self.probation)
            .or_else(|| sweep(Segment::Protected, &self.protected))
    }

    /// What becomes of a slot whose link this thread owns. Afterwards it does not own it any more.
    fn judge(
        &self,
        pace: &Pace,
        index: &Index,
        (segment, loc): (Segment, Loc),
        must_go: bool,
        pinned: &impl Fn(Word) -> bool,
        sink: &mut impl FnMut(Evicted),
    ) -> Verdict {
        loop {
            let word = index.word(loc);
            match word.kind() {
                Kind::Member { uses } => {
                    let spared = match segment {
                        _ if pinned(word) => Some((Segment::Protected, uses, Verdict::Spared)),
                        _ if must_go => None,
                        _ if self.rules == EvictionPolicy::Lru && uses > 0 => {
                            Some((Segment::Protected, 0, Verdict::Spared))
                        }
                        Segment::Probation if uses >= PROMOTE_USES => {
                            Some((Segment::Protected, 0, Verdict::Spared))
                        }
                        Segment::Probation if self.outdoes_protected(pace, index, word) => {
                            Some((Segment::Protected, 0, Verdict::Outdid))
                        }
                        _ if uses == 0 => None,
                        // Used once: a second lap. Or used, in protected: a second chance.
                        _ => Some((segment, uses - 1, Verdict::Spared)),
                    };
                    match spared {
                        Some((next, uses, verdict)) if index.spare(loc, word, uses) => {
                            self.link(pace, index, next, loc, sink);
                            return verdict;
                        }
                        None if self.evict_slot(pace, index, segment, loc, word) => {
                            return Verdict::Evicted(Evicted { loc, word });
                        }
                        // The word changed: look again.
                        _ => {}
                    }
                }
                Kind::Vacant => {
                    if index.unlink(loc) {
                        return Verdict::Unlinked;
                    }
                }
                // Claimed while it was Vacant, by an insert that counts on this ring entry.
                Kind::Tentative { linked } => {
                    debug_assert!(linked, "an unlinked slot in a ring");
                    self.link(pace, index, Segment::Probation, loc, sink);
                    return Verdict::Spared;
                }
                Kind::Empty | Kind::Ghost { .. } => {
                    debug_assert!(false, "a free slot in a ring: {word:?} at {loc:?}");
                    return Verdict::Unlinked;
                }
            }
        }
    }

    /// Whether a member at the head of probation has more merit than the one at the head of
    /// protected, which was not used. A look, no more: that entry may be gone when its turn comes.
    #[inline]
    fn outdoes_protected(&self, pace: &Pace, index: &Index, word: Word) -> bool {
        let merit = if word.uses() > 0 { word.with_more_merit() } else { word }.merit();
        merit > 0
            && self.protected.peek(&pace.protected, 0).is_some_and(|loc| {
                let other = index.word(loc);
                other.is_member() && other.uses() == 0 && other.merit() < merit
            })
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

/// What an entry is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Worth {
    /// To be compared with others'.
    Points(u64),
    /// It must stay.
    Priceless,
}

/// Where an eviction looks for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// At the heads of the rings.
    Heads,
    /// If there is nothing, at every position.
    Everywhere,
}

enum Verdict {
    /// Taken out of the index; the caller has its credit and its node.
    Evicted(Evicted),
    /// It was used: it got another turn.
    Spared,
    /// It moved to protected, whose oldest entry has to go in its stead.
    Outdid,
    /// Nobody was there: the ring entry is gone.
    Unlinked,
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use crate::engine::{
        extents::zeroed,
        word::{Layout, SLOTS},
    };

    /// All that the rings hold is a slot that was vacant and is claimed by an insert, which is stopped.
    #[test]
    fn an_eviction_does_not_wait_for_an_insert() {
        let layout = Layout::for_nodes(100).expect("few nodes");
        let index = Index::new(zeroed(2).expect("memory"), layout);
        let (probation, protected) = Policy::ring_lens(1);
        let ring = |len| Ring::new(zeroed(len).expect("memory"));
        let (policy, pace) =
            Policy::new(1, false, EvictionPolicy::SegmentedLru, ring(probation), ring(protected));
        let claim = |node| {
            let hash = u64::from(node);
            index.claim(0, hash, node, policy.now(&pace)).expect("a free slot")
        };

        let first = claim(1);
        assert!(index.decide(0, index.settled(0), &first));
        index.publish(&first);
        policy.link(&pace, &index, Segment::Probation, first.loc, &mut |_| unreachable!());
        assert!(index.remove(first.loc, index.word(first.loc)));
        for node in 2..=SLOTS as u32 {
            assert!(!claim(node).linked, "an empty slot is taken before the vacant one");
        }
        let stopped = claim(100);
        assert!(stopped.linked && stopped.loc == first.loc);

        assert!(
            policy
                .evict(
                    &pace,
                    &index,
                    Search::Everywhere,
                    &|_| Worth::Points(0),
                    &mut |_| unreachable!()
                )
                .is_none()
        );
        let linked: Vec<_> = policy.linked().collect();
        assert_eq!(linked, [stopped.loc], "the insert counts on this ring entry");
    }
}
