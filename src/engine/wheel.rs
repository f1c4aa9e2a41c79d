//! When a shard has to look at which of its deadlines: a hierarchical timer wheel.
//!
//! (Varghese and Lauck, SOSP'87.) It differs from most in what its slots hold. Nodes are grouped in
//! *blocks* of 64 consecutive numbers, and a slot is a set of blocks, one bit each: "in this block
//! something may be due by then". When a slot comes up the deadlines of its blocks are looked at,
//! eight cache lines in a row per block. So nothing links entries to the wheel: an entry that is
//! removed, replaced or touched leaves at worst a mark for nothing, a node can be recycled at any time,
//! and scheduling the same twice is scheduling it once.
//!
//! # Time
//!
//! Ticks of [`TICK`] milliseconds. Level `k` has [`SLOTS`] slots of [`SLOTS`]`^k` ticks each: half a
//! second, 33 seconds, 36 minutes, 38 hours, 102 days per lap. A deadline beyond that goes into the
//! farthest slot and is scheduled anew when that comes up.
//!
//! `closed` is the tick up to which slots are no longer used, `done` the one up to which they have
//! been looked at; `done <= closed`.
//!
//! ```text
//! schedule  read closed; set the block's bit in the slot of the deadline, which lies behind closed;
//!           set the slot's bit in `occupied`; read closed again: if it has reached the slot, again
//! advance   closed: up to now; for each slot in (done, closed], coarse ones first, for each bit:
//!           clear it, look at the block, and schedule the earliest deadline that is not yet due;
//!           done: up to closed
//! ```
//!
//! # What holds
//!
//! *A block with pending deadlines has a mark, not later than the earliest of them, or a thread is at
//! work on it.* A thread that is between clearing a bit and scheduling the rest holds that one block;
//! if it stops there, its 64 entries wait for it. (They still count as expired, and are evicted like
//! any other.) One that stops elsewhere holds nothing, since others find `done` behind `closed` and
//! look at the same slots.
//!
//! Whoever changes a deadline so that it is earlier, or gives a node a new one, schedules its block
//! afterwards. Whoever only postpones one need not: the mark comes too early, and the look at the
//! block schedules what it finds.
//!
//! # Orderings
//!
//! *Nothing is scheduled into a slot that nobody will look at.* `schedule` sets `occupied` by a
//! read-modify-write between its mark and its second look at `closed`; `advance` changes the same
//! word by a read-modify-write between moving `closed` and reading the slots. All AcqRel. If the
//! scheduler's comes first the advancing thread sees the mark; otherwise the scheduler sees the new
//! `closed`, and schedules again. Hence it is done even if the bit is set already.
//!
//! *Who takes a mark sees the deadline that it was set for*: the deadline is stored before the mark
//! is set (Release), and the mark is taken by a read-modify-write with Acquire. Setting a bit that is
//! set is a read-modify-write, too, and so adds to the same release sequence.
//!
//! # ABA
//!
//! Slots are used again each lap. A thread that looks at a slot late takes marks that were meant for
//! the next lap; it finds nothing due, and schedules them again.
//!
//! # Progress
//!
//! Scheduling repeats only if time went on meanwhile. An advance looks at each slot once at most, and
//! at no more blocks with something due than it is told.

use crate::{
    engine::{
        extents::{OutOfMemory, zeroed},
        plant::{Bug, planted},
    },
    sync::{AtomicU64, Ordering},
};

/// Milliseconds per tick.
pub(crate) const TICK: u64 = if cfg!(larder_loom) { 1 } else { 8 };
/// Slots per level, as a power of two.
const SLOT_BITS: u32 = if cfg!(larder_loom) { 1 } else { 6 };
const SLOTS: u64 = 1 << SLOT_BITS;
const LEVELS: u32 = if cfg!(larder_loom) { 2 } else { 5 };

/// Nodes per block.
pub(crate) const BLOCK: usize = 64;

/// The wheel of one shard.
#[derive(Debug)]
pub(crate) struct Wheel {
    closed: AtomicU64,
    done: AtomicU64,
    /// Per level, which slots may have marks.
    occupied: [AtomicU64; LEVELS as usize],
    /// Slot by slot, level by level.
    marks: Box<[AtomicU64]>,
    words_per_slot: usize,
}

/// What a look at a block has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// The earliest deadline that is not past.
    pub(crate) next: Option<u64>,
    /// Whether some were past.
    pub(crate) was_due: bool,
}

/// How far an advance came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Everything that was due has been looked at.
    Done,
    /// It has found as many blocks with something to do as it was told, and there may be more.
    More,
}

impl Wheel {
    /// A wheel for `nodes` nodes that stands at `now`.
    pub(crate) fn new(nodes: usize, now: u64) -> Result<Self, OutOfMemory> {
        let words_per_slot = nodes.div_ceil(BLOCK).div_ceil(64);
        let slots = (SLOTS * u64::from(LEVELS)) as usize;
        Ok(Self {
            closed: AtomicU64::new(now / TICK),
            done: AtomicU64::new(now / TICK),
            occupied: std::array::from_fn(|_| AtomicU64::new(0)),
            marks: zeroed(slots * words_per_slot)?,
            words_per_slot,
        })
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.marks)
    }

    /// The words of the slot of level `level` that `tick` falls into.
    fn slot(&self, level: u32, tick: u64) -> &[AtomicU64] {
        let slot = u64::from(level) * SLOTS + (tick >> (level * SLOT_BITS)) % SLOTS;
        let start = slot as usize * self.words_per_slot;
        &self.marks[start..start + self.words_per_slot]
    }

    fn slot_bit(level: u32, tick: u64) -> u64 {
        1 << ((tick >> (level * SLOT_BITS)) % SLOTS)
    }

    /// Has the block looked at when the deadline, in milliseconds, is past. At most [`TICK`]
    /// milliseconds later, if somebody advances the wheel then.
    pub(crate) fn schedule(&self, block: usize, deadline: u64) {
        let mut closed = self.closed.load(Ordering::Acquire);
        loop {
            let (level, tick) = place(deadline, closed);
            let word = &self.slot(level, tick)[block / 64];
            word.fetch_or(1 << (block % 64), Ordering::AcqRel);
            self.occupied[level as usize].fetch_or(Self::slot_bit(level, tick), Ordering::AcqRel);
            let first = tick >> (level * SLOT_BITS) << (level * SLOT_BITS);
            closed = self.closed.load(Ordering::Acquire);
            if closed < first || planted(Bug::ScheduleOnce) {
                return;
            }
        }
    }

    /// Moves on to `now` and has `visit` look at the blocks that come up. `budget` of those looks may
    /// find something to do. Others are not counted: a look at a block with nothing due puts its mark
    /// where, after a long time, it may come up again in this very call, and is quick.
    pub(crate) fn advance(
        &self,
        now: u64,
        budget: &mut usize,
        mut visit: impl FnMut(usize) -> Look,
    ) -> Advance {
        let done = self.done.load(Ordering::Acquire);
        let closed = self.closed.fetch_max(now / TICK, Ordering::AcqRel).max(now / TICK);
        if done == closed {
            return Advance::Done;
        }
        if planted(Bug::DoneEarly) {
            self.done.fetch_max(closed, Ordering::AcqRel);
        }
        for level in (0..LEVELS).rev() {
            let shift = level * SLOT_BITS;
            let (from, to) = ((done >> shift) + 1, closed >> shift);
            let slots = (to + 1).saturating_sub(from).min(SLOTS);
            let passed = (to + 1 - slots..=to).map(|slot| slot << shift);
            let bits = passed.clone().fold(0, |bits, tick| bits | Self::slot_bit(level, tick));
            // Also if there are no bits: see "Orderings".
            self.occupied[level as usize].fetch_and(!bits, Ordering::AcqRel);
            for (word, tick) in
                passed.flat_map(|tick| (0..self.words_per_slot).map(move |w| (w, tick)))
            {
                let marks = &self.slot(level, tick)[word];
                let mut seen = marks.load(Ordering::Relaxed);
                while seen != 0 {
                    if *budget == 0 {
                        return Advance::More;
                    }
                    let bit = seen.trailing_zeros();
                    seen &= seen - 1;
                    marks.fetch_and(!(1 << bit), Ordering::AcqRel);
                    let block = word * 64 + bit as usize;
                    let look = visit(block);
                    *budget -= usize::from(look.was_due);
                    if let Some(next) = look.next
                        && !planted(Bug::RestForgotten)
                    {
                        self.schedule(block, next);
                    }
                }
            }
        }
        self.done.fetch_max(closed, Ordering::AcqRel);
        Advance::Done
    }

    /// When the next slot comes up that may have marks, in milliseconds; a hint for who sleeps until
    /// then.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let closed = self.closed.load(Ordering::Acquire);
        if self.done.load(Ordering::Acquire) < closed {
            return Some(closed * TICK);
        }
        (0..LEVELS)
            .filter_map(|level| {
                let next = (closed >> (level * SLOT_BITS)) + 1;
                let occupied = self.occupied[level as usize].load(Ordering::Acquire);
                let ahead = (0..SLOTS).find(|i| occupied >> ((next + i) % SLOTS) & 1 != 0)?;
                Some((next + ahead) << (level * SLOT_BITS))
            })
            .min()
            .map(|tick| tick.saturating_mul(TICK))
    }
}

/// The level and a tick of the slot in which a deadline goes.
fn place(deadline: u64, closed: u64) -> (u32, u64) {
    let tick = deadline.div_ceil(TICK).max(closed + 1);
    let level = (0..LEVELS).find(|level| {
        let shift = level * SLOT_BITS;
        (tick >> shift) - (closed >> shift) < SLOTS
    });
    level.map_or_else(
        || {
            let shift = (LEVELS - 1) * SLOT_BITS;
            (LEVELS - 1, ((closed >> shift) + SLOTS - 1) << shift)
        },
        |level| (level, tick),
    )
}

#[cfg(all(test, not(larder_loom)))]
mod tests {
    use super::*;
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
    use std::{cell::RefCell, collections::BTreeSet};

    /// Blocks of one deadline each.
    struct Model {
        wheel: Wheel,
        deadlines: RefCell<Vec<Option<u64>>>,
        now: u64,
    }

    impl Model {
        fn new(blocks: usize, now: u64) -> Self {
            Self {
                wheel: Wheel::new(blocks * BLOCK, now).expect("memory"),
                deadlines: RefCell::new(vec![None; blocks]),
                now,
            }
        }

        fn set(&self, block: usize, deadline: u64) {
            self.deadlines.borrow_mut()[block] = Some(deadline);
            self.wheel.schedule(block, deadline);
        }

        fn advance(&mut self, by: u64, mut budget: usize) -> Advance {
            self.now += by;
            let Self { wheel, deadlines, now } = self;
            wheel.advance(*now, &mut budget, |block| {
                let deadline = &mut deadlines.borrow_mut()[block];
                let was_due = deadline.is_some_and(|deadline| deadline <= *now);
                if was_due {
                    *deadline = None;
                }
                Look { next: *deadline, was_due }
            })
        }

        fn overdue(&self) -> Vec<u64> {
            // What was past already when it was scheduled comes up a tick later.
            let due = |deadline: u64| deadline + TICK <= self.now;
            let deadlines = self.deadlines.borrow();
            deadlines.iter().flatten().copied().filter(|&deadline| due(deadline)).collect()
        }
    }

    #[test]
    fn what_is_due_comes_up_within_a_tick_whatever_happened_before() {
        let mut rng = SmallRng::seed_from_u64(7);
        let mut model = Model::new(500, 123_456);
        for _ in 0..30_000 {
            let span = 1 << rng.random_range(0..35);
            let (block, time) = (rng.random_range(0..500), rng.random_range(0..span));
            match rng.random_range(0..10) {
                0..=5 => model.set(block, model.now + time),
                // Postponed: nobody tells the wheel.
                6 => {
                    if let Some(deadline) = &mut model.deadlines.borrow_mut()[block] {
                        *deadline += time;
                    }
                }
                7 => model.deadlines.borrow_mut()[block] = None,
                _ => {
                    assert_eq!(model.advance(time, usize::MAX), Advance::Done);
                    assert_eq!(model.overdue(), [], "at {}", model.now);
                }
            }
            let earliest = model.deadlines.borrow().iter().flatten().min().copied();
            if let Some(earliest) = earliest {
                let next = model.wheel.next_due().expect("something is pending");
                assert!(next <= earliest.div_ceil(TICK).max(model.now / TICK + 1) * TICK);
            }
        }
    }

    #[test]
    fn an_advance_looks_at_no_more_blocks_than_it_may() {
        let mut model = Model::new(300, 0);
        (0..300).for_each(|block| model.set(block, 1_000));
        let mut passes = 0;
        while model.advance(if passes == 0 { 2_000 } else { 0 }, 7) == Advance::More {
            passes += 1;
            let left = model.overdue().len();
            assert_eq!(left, 300 - 7 * passes);
        }
        assert_eq!((passes, model.overdue().len()), (42, 0));
    }

    #[test]
    fn deadlines_at_the_end_of_time_are_never_reached() {
        let mut model = Model::new(2, 50);
        model.set(0, u64::MAX - 1);
        model.set(1, 1_000);
        for _ in 0..50 {
            assert_eq!(model.advance(1 << 36, usize::MAX), Advance::Done);
        }
        assert_eq!(*model.deadlines.borrow(), [Some(u64::MAX - 1), None]);
    }

    #[test]
    fn an_idle_wheel_has_nothing_to_wait_for() {
        let mut model = Model::new(2, 0);
        assert_eq!(model.wheel.next_due(), None);
        model.set(1, 100);
        assert_eq!(model.wheel.next_due(), Some(104));
        model.advance(104, usize::MAX);
        assert_eq!(model.wheel.next_due(), None);
    }

    #[test]
    fn slots_come_up_in_the_order_of_their_time() {
        let mut distinct = BTreeSet::new();
        for deadline in [9, 17, 520, 1_100, 40_000, 3_000_000, 200_000_000, u64::MAX / 2] {
            let (level, tick) = place(deadline, 0);
            assert!(tick * TICK <= deadline + TICK);
            distinct.insert((level, tick >> (level * SLOT_BITS)));
        }
        assert_eq!(distinct.len(), 8);
    }
}
