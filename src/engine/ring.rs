//! A bounded FIFO of slot locations, many producers, many consumers: one per segment and shard.
//!
//! # What it holds
//!
//! An entry is a location plus one; 0 is "no entry". The ring has no idea what stands at a
//! location: `policy.rs` gives entries their meaning (whoever takes an entry out owns the *link* of
//! that slot until it unlinks the slot or puts an entry back).
//!
//! # Transitions
//!
//! ```text
//! claim   tail: t -> t+1                         a producer, fetch_add
//! fill    slot[t]: 0 -> entry                    that producer, compare-and-swap
//! take    slot[h]: entry -> 0                    any consumer, compare-and-swap
//! pass    head: h -> h+1                         any consumer, after take, or when slot[h] is 0
//! ```
//!
//! A producer that is stopped between claim and fill leaves a 0. Consumers pass it; nobody waits.
//! When the producer wakes up, it fills the slot all the same: its entry then stands behind the
//! head (*stranded*) until the ring has turned once. A producer that claims the position of a
//! stranded entry fails to fill and claims the next position, so the stranded entry is again
//! between head and tail and is taken in its turn. Stranding costs an entry its place in the order,
//! never its existence: each entry that was filled in is taken out exactly once, because only the
//! two compare-and-swaps on the slot itself add and remove it.
//!
//! If producers are stranded while the ring is otherwise empty, `head == tail` hides entries.
//! [`Ring::sweep`] looks at every slot; eviction calls it before it concludes that a segment is
//! empty.
//!
//! # Orderings
//!
//! Fill is Release and take is Acquire: a consumer sees the slot word that the producer had
//! published before it pushed the location.
//!
//! Head and tail only tell where to look, every decision is made by a compare-and-swap on a slot. But
//! the head must not overtake the tail: the difference would wrap, and the ring look full for good.
//! A consumer passes `h` after it has read a tail beyond `h`. It passes with Release and the head is
//! read with Acquire, so whoever reads `h + 1` there, and then the tail, reads `h + 1` or more. For
//! the rest Relaxed suffices.
//!
//! # ABA
//!
//! A consumer that read entry `e` and was delayed may take a later `e` from the same position: the
//! same location, put there by whoever owned its link then. Taking it transfers that ownership, so
//! nothing is confused. Positions are 32 bits wide and wrap; a thread delayed for exactly 2^32
//! operations passes or fills one position wrongly, which is again only a matter of order.
//!
//! # Progress
//!
//! Lock-free. A failed fill or take means that another thread's fill or take succeeded; a failed
//! pass means that another consumer passed.

use crate::{
    engine::{
        hooks::{Step, step},
        index::Loc,
        plant::{Bug, planted},
    },
    sync::{AtomicU32, Ordering},
};

/// Head and tail of one ring. They lie apart from the slots: all that an insert writes in its shard
/// besides slots shares one cache line.
#[derive(Debug)]
pub(crate) struct Ends {
    head: AtomicU32,
    tail: AtomicU32,
}

/// The slots of one ring; a power of two.
#[derive(Debug)]
pub(crate) struct Ring {
    slots: Box<[AtomicU32]>,
}

/// The ring has no free position.
#[derive(Debug)]
pub(crate) struct Full;

impl Ends {
    pub(crate) fn new() -> Self {
        Self { head: AtomicU32::new(0), tail: AtomicU32::new(0) }
    }

    /// Positions between head and tail: entries, and claimed positions that are not filled.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        // Head first: the tail that is read after it cannot be behind it.
        let head = self.head();
        self.tail.load(Ordering::Relaxed).wrapping_sub(head)
    }

    /// Acquire: pairs with [`Ends::pass`].
    #[inline]
    fn head(&self) -> u32 {
        let order =
            if planted(Bug::RingHeadRelaxed) { Ordering::Relaxed } else { Ordering::Acquire };
        self.head.load(order)
    }

    /// Moves the head from `head`, which is not the tail, to the next position.
    #[inline]
    fn pass(&self, head: u32) {
        let next = head.wrapping_add(1);
        // Failure: another consumer passed this position.
        let _ = self.head.compare_exchange(head, next, Ordering::Release, Ordering::Relaxed);
    }
}

impl Ring {
    /// A ring over `slots`, all zero.
    pub(crate) fn new(slots: Box<[AtomicU32]>) -> Self {
        assert!(slots.len().is_power_of_two(), "ring length {} not a power of two", slots.len());
        Self { slots }
    }

    #[inline(always)]
    fn slot(&self, position: u32) -> &AtomicU32 {
        &self.slots[position as usize & (self.slots.len() - 1)]
    }

    /// Appends `loc`.
    pub(crate) fn push(&self, ends: &Ends, loc: Loc) -> Result<(), Full> {
        let entry = loc.0 + 1;
        loop {
            if ends.len() as usize >= self.slots.len() {
                return Err(Full);
            }
            let tail = ends.tail.fetch_add(1, Ordering::Relaxed);
            step(Step::RingClaimed);
            if planted(Bug::RingBlindFill) {
                self.slot(tail).store(entry, Ordering::Release);
                return Ok(());
            }
            // On failure a stranded entry, or one of a full turn ago, stands here: leave it.
            if self
                .slot(tail)
                .compare_exchange(0, entry, Ordering::Release, Ordering::Relaxed)
                .is_ok()
            {
                step(Step::RingFilled);
                return Ok(());
            }
        }
    }

    /// Takes the oldest entry.
    pub(crate) fn pop(&self, ends: &Ends) -> Option<Loc> {
        loop {
            let head = ends.head();
            if head == ends.tail.load(Ordering::Relaxed) {
                return None;
            }
            let entry = self.slot(head).load(Ordering::Relaxed);
            let taken = entry != 0 && self.take(head, entry);
            if entry == 0 || taken {
                ends.pass(head);
            }
            if taken {
                step(Step::RingTaken);
                return Some(Loc(entry - 1));
            }
        }
    }

    #[inline]
    fn take(&self, position: u32, entry: u32) -> bool {
        self.slot(position).compare_exchange(entry, 0, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// The location `ahead` positions behind the head, if one is there: a hint for prefetching.
    #[inline]
    pub(crate) fn peek(&self, ends: &Ends, ahead: u32) -> Option<Loc> {
        let head = ends.head.load(Ordering::Relaxed);
        let entry = self.slot(head.wrapping_add(ahead)).load(Ordering::Relaxed);
        (entry != 0).then(|| Loc(entry - 1))
    }

    /// Takes any entry, stranded or not, wherever it stands. Costs a look at every slot.
    #[cold]
    pub(crate) fn sweep(&self) -> Option<Loc> {
        (0..self.slots.len() as u32).find_map(|position| {
            let entry = self.slot(position).load(Ordering::Relaxed);
            (entry != 0 && self.take(position, entry)).then(|| Loc(entry - 1))
        })
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    /// Every entry, for the invariant checker.
    #[cfg(any(test, fuzzing, larder_internals, larder_loom))]
    pub(crate) fn entries(&self) -> impl Iterator<Item = Loc> + '_ {
        self.slots.iter().filter_map(|slot| slot.load(Ordering::Relaxed).checked_sub(1).map(Loc))
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;

    fn ring(len: usize) -> (Ring, Ends) {
        (Ring::new((0..len).map(|_| AtomicU32::new(0)).collect()), Ends::new())
    }

    #[test]
    fn keeps_the_order() {
        let (ring, ends) = ring(4);
        for round in 0..10 {
            for loc in 0..4 {
                ring.push(&ends, Loc(round * 4 + loc)).expect("room");
            }
            assert!(ring.push(&ends, Loc(99)).is_err(), "full");
            for loc in 0..4 {
                assert_eq!(ring.pop(&ends), Some(Loc(round * 4 + loc)));
            }
            assert_eq!(ring.pop(&ends), None);
        }
    }

    #[test]
    fn positions_wrap_at_the_end_of_u32() {
        let (ring, _) = ring(4);
        let ends = Ends { head: AtomicU32::new(u32::MAX - 1), tail: AtomicU32::new(u32::MAX - 1) };
        for loc in 0..4 {
            ring.push(&ends, Loc(loc)).expect("room");
        }
        assert_eq!(ends.len(), 4);
        for loc in 0..4 {
            assert_eq!(ring.pop(&ends), Some(Loc(loc)));
        }
    }

    #[test]
    fn a_claim_that_is_never_filled_is_passed_and_a_late_fill_is_found_again() {
        let (ring, ends) = ring(4);
        // A producer stops after its claim of position 0.
        assert_eq!(ends.tail.fetch_add(1, Ordering::Relaxed), 0);
        ring.push(&ends, Loc(1)).expect("room");
        assert_eq!(ring.pop(&ends), Some(Loc(1)), "nobody waits for it");
        assert_eq!(ring.pop(&ends), None);
        // It wakes up and fills.
        ring.slot(0).store(7 + 1, Ordering::Release);
        assert_eq!(ring.pop(&ends), None, "stranded behind the head");
        // The next turn comes past it: positions 2 and 3, then 0 is occupied, so 1.
        for loc in [2, 3, 4] {
            ring.push(&ends, Loc(loc)).expect("room");
        }
        let taken: Vec<_> = std::iter::from_fn(|| ring.pop(&ends)).collect();
        assert_eq!(taken, [Loc(2), Loc(3), Loc(7), Loc(4)]);
    }

    #[test]
    fn sweeping_finds_a_stranded_entry() {
        let (ring, ends) = ring(4);
        ring.slot(2).store(5 + 1, Ordering::Release);
        assert_eq!(ring.pop(&ends), None);
        assert_eq!(ring.sweep(), Some(Loc(5)));
        assert_eq!(ring.sweep(), None);
    }
}
