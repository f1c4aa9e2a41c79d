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
//! fill    slot[t]: 0 -> entry     a producer, compare-and-swap, at the first free t from the tail on
//! take    slot[h]: entry -> 0     any consumer, compare-and-swap
//! ```
//!
//! The slots are the truth: an entry is in the ring from its fill to its take, and both are one
//! instruction. Head and tail are hints where to look, plain stores that may get lost or come late:
//! one locked instruction per operation instead of two. What can come of that:
//!
//! - A *late tail* hides entries behind it. They are found all the same if they follow the head
//!   without a gap; else when the next producer, who finds the positions occupied, moves the tail on.
//! - A *late head* lies before positions that were taken. Consumers pass those again. A head more than
//!   a turn behind the tail counts as one turn behind.
//! - A head beyond the tail means that the ring is empty, or that the tail is late: producers begin at
//!   the later of the two.
//! - A producer that read both ends long ago may fill a position that has been taken since, behind
//!   the head: the entry is *stranded* until the ring has turned once. Then a producer finds its
//!   position occupied and goes on to the next, so the stranded entry is again between head and tail
//!   and is taken in its turn.
//!
//! All of it costs an entry its place in the order, never its existence. [`Ring::sweep`] looks at
//! every slot; eviction calls it before it concludes that a segment is empty.
//!
//! # Orderings
//!
//! Fill is Release and take is Acquire: a consumer sees the slot word that the producer had
//! published before it pushed the location. Head and tail are Relaxed: nothing follows from them.
//!
//! # ABA
//!
//! A consumer that read entry `e` and was delayed may take a later `e` from the same position: the
//! same location, put there by whoever owned its link then. Taking it transfers that ownership, so
//! nothing is confused. Positions are 32 bits wide and compared by their signed difference, which is
//! right as long as a hint is less than 2^31 positions late; if it is not, that is again only a
//! matter of order.
//!
//! # Progress
//!
//! Lock-free. A failed fill or take means that another thread's fill or take succeeded. A producer
//! that is stopped leaves nothing for others to wait for.

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

/// How far position `a` is ahead of `b`; negative if it is behind.
#[inline(always)]
fn ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

impl Ends {
    pub(crate) fn new() -> Self {
        Self { head: AtomicU32::new(0), tail: AtomicU32::new(0) }
    }

    /// About how many entries there are.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        let head = self.head.load(Ordering::Relaxed);
        ahead(self.tail.load(Ordering::Relaxed), head).max(0) as u32
    }

    /// Moves an end on to `position`, unless it is there or beyond already.
    #[inline(always)]
    fn move_on(end: &AtomicU32, position: u32) {
        if ahead(position, end.load(Ordering::Relaxed)) > 0 {
            end.store(position, Ordering::Relaxed);
        }
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

    /// Head and tail, less than a turn apart.
    #[inline(always)]
    fn ends(&self, ends: &Ends) -> (u32, u32) {
        let tail = ends.tail.load(Ordering::Relaxed);
        let head = ends.head.load(Ordering::Relaxed);
        let turn = self.slots.len() as u32;
        (if ahead(tail, head) > turn as i32 { tail.wrapping_sub(turn) } else { head }, tail)
    }

    /// Appends `loc`.
    pub(crate) fn push(&self, ends: &Ends, loc: Loc) -> Result<(), Full> {
        let entry = loc.0 + 1;
        let (head, tail) = self.ends(ends);
        let mut at = if ahead(head, tail) > 0 { head } else { tail };
        loop {
            if ahead(at, head) >= self.slots.len() as i32 {
                // What was passed over is occupied.
                Ends::move_on(&ends.tail, at);
                return Err(Full);
            }
            if self.fill(at, entry) {
                step(Step::RingFilled);
                Ends::move_on(&ends.tail, at.wrapping_add(1));
                return Ok(());
            }
            at = at.wrapping_add(1);
        }
    }

    #[inline(always)]
    fn fill(&self, position: u32, entry: u32) -> bool {
        let slot = self.slot(position);
        if planted(Bug::RingBlindFill) {
            slot.store(entry, Ordering::Release);
            return true;
        }
        slot.compare_exchange(0, entry, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Takes the oldest entry.
    pub(crate) fn pop(&self, ends: &Ends) -> Option<Loc> {
        let (mut at, tail) = self.ends(ends);
        loop {
            let entry = self.slot(at).load(Ordering::Relaxed);
            if entry == 0 {
                if ahead(tail, at) <= 0 {
                    Ends::move_on(&ends.head, at);
                    return None;
                }
            } else if self.take(at, entry) {
                step(Step::RingTaken);
                Ends::move_on(&ends.head, at.wrapping_add(1));
                return Some(Loc(entry - 1));
            }
            at = at.wrapping_add(1);
        }
    }

    #[inline]
    fn take(&self, position: u32, entry: u32) -> bool {
        let slot = self.slot(position);
        if planted(Bug::RingBlindTake) {
            slot.store(0, Ordering::Release);
            return true;
        }
        slot.compare_exchange(entry, 0, Ordering::Acquire, Ordering::Relaxed).is_ok()
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

    /// Every entry, each as it was at some moment.
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
    fn a_late_tail_hides_nothing_for_long() {
        let (ring, ends) = ring(8);
        for loc in 0..4 {
            ring.push(&ends, Loc(loc)).expect("room");
        }
        // A producer that read the tail at its beginning stores it now.
        ends.tail.store(1, Ordering::Relaxed);
        assert_eq!(ring.pop(&ends), Some(Loc(0)));
        assert_eq!(ring.pop(&ends), Some(Loc(1)), "no gap before it");
        assert_eq!(ring.pop(&ends), Some(Loc(2)));
        ring.push(&ends, Loc(4)).expect("room");
        assert_eq!((ring.pop(&ends), ring.pop(&ends)), (Some(Loc(3)), Some(Loc(4))));
        assert_eq!((ring.pop(&ends), ends.len()), (None, 0));
    }

    #[test]
    fn a_late_head_is_passed_over() {
        let (ring, ends) = ring(4);
        for loc in 0..10 {
            ring.push(&ends, Loc(loc)).expect("room");
            if loc < 7 {
                assert_eq!(ring.pop(&ends), Some(Loc(loc)));
            }
        }
        // More than a turn late.
        ends.head.store(1, Ordering::Relaxed);
        assert_eq!(ring.pop(&ends), Some(Loc(7)));
        assert_eq!(ends.len(), 2);
    }

    #[test]
    fn a_stranded_entry_is_found_when_the_ring_has_turned() {
        let (ring, ends) = ring(4);
        ring.push(&ends, Loc(1)).expect("room");
        assert_eq!(ring.pop(&ends), Some(Loc(1)));
        // A producer that read the ends before all that fills the position behind the head.
        assert!(ring.fill(0, 7 + 1));
        assert_eq!(ring.pop(&ends), None, "stranded behind the head");
        // The next turn comes past it: positions 1 to 3, then 0 is occupied, so 1.
        for loc in [2, 3, 4] {
            ring.push(&ends, Loc(loc)).expect("room");
        }
        assert_eq!(ring.pop(&ends), Some(Loc(2)));
        ring.push(&ends, Loc(5)).expect("room");
        let taken: Vec<_> = std::iter::from_fn(|| ring.pop(&ends)).collect();
        assert_eq!(taken, [Loc(3), Loc(4), Loc(7), Loc(5)]);
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
