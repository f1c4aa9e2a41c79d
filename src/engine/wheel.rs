//! When to look for expired entries: a hierarchical timer wheel over blocks of nodes.
//!
//! # What it holds
//!
//! The deadlines lie in a column of their own (`deadlines.rs`). The wheel remembers only "look at
//! block b when slot s comes": a *mark*, one bit. There is nothing to link or unlink, so there are
//! no generations; an entry that leaves or is recycled needs nothing, and marking twice is marking
//! once. A mark for nothing costs a look at one block. What has to hold is
//!
//! > every deadline that was scheduled is *covered*: its block has a mark in a slot that comes no
//! > later than the deadline's tick, or is ready, or is in the hands of a thread.
//!
//! Whoever takes a block that is ready looks at all of it, has everything due expired, and
//! schedules the block for the earliest deadline that is left. That one rule makes marks cascade
//! from coarse slots to finer ones, lets a deadline move to later without a word to the wheel, and
//! puts back what a thread that comes late has taken from a later lap.
//!
//! # Slots
//!
//! Time goes in ticks of 8 ms. There are five levels of 64 slots, and a slot of level k is 64^k
//! ticks wide; a lap of them is 0.5 s, 33 s, 35 min, 37 h, 99 days. A tick lies on the lowest level
//! on which it is less than 64 slots away, always in a slot that has yet to come; a tick beyond the
//! top level is put in its last slot and found not due. A slot *comes* when its first tick does.
//!
//! A slot is a bitmap with a bit per block, a few words, and so is what is *ready*.
//!
//! # Transitions
//!
//! `closed` is the tick up to which no slot may be used any more, `done` the tick up to which all
//! slots have been emptied. Both only grow, and `done <= closed`.
//!
//! ```text
//! schedule   choose a slot by closed; set the mark; set the slot's occupied bit, if it is not set;
//!            look at closed again: if the slot was closed meanwhile, begin again
//! close      raise closed to n
//! empty      for each slot that came after done and up to n (64 per level are all there are):
//!            clear its occupied bit; look at each word; make the blocks ready; clear their marks;
//!            make those ready that were cleared
//! finish     raise done to n
//! take       clear the ready bit of one block; who cleared it looks at the block, and schedules it
//! ```
//!
//! *No mark is missed.* Look and mark are read-modify-writes of one word. If the mark is first, the
//! look sees it. If the look is first, the mark's maker acquires what the look released: it sees
//! `closed` at n, and begins again. So when `done` passes a slot, every mark in it that anybody
//! relies on has been made ready. A mark that came too late stays and costs one look, a lap later.
//!
//! *Marks of the next lap* may use a slot as soon as it is closed. Between look and clear the same
//! bit may be set for one, and would be lost with it: hence ready bits are set once more, for what
//! was cleared. They are set before, too, so that a thread which stops in between takes nothing
//! with it.
//!
//! *Ready bits* are apart from the slots so that an advance which may not take them all can finish.
//! If it left them in their slots, blocks that were looked at and scheduled for the next lap would
//! come to stand among those yet to be looked at, and the next advance could go on for ever.
//!
//! *Stopped threads.* `done` moves after the work, so who stops while emptying leaves it to the
//! next thread that advances. Occupied bits do not matter for that: it looks at the words
//! themselves. A thread that stops between taking a block and scheduling it again holds up the
//! expiry of that block, 32 nodes, until it goes on or another mark of the block comes up. Nobody
//! gets an expired entry for that: readers look at deadlines. (A thread that stops right after it
//! cleared a mark of the next lap, see above, holds up those blocks in the same way.)
//!
//! *Occupied bits* are for [`Wheel::next_due`] only. They are cleared before the look, and set, if
//! need be, after the mark. If the mark is before the look, the block becomes ready; else the maker
//! sees the bit cleared and sets it. So no mark is relied on under a cleared bit, unless a thread
//! is between clearing it and the look: then `done` is behind, and `next_due` says "at once".
//! (Unless that thread comes a lap late: if it stops just there, `next_due` may be too late until
//! it goes on.)
//!
//! # Precision
//!
//! A deadline comes up in the first advance to a time not before it, rounded up to 8 ms; with the
//! next tick if it was past when it was scheduled, or if another thread closes its tick at the same
//! moment or has the block in hand. Never before it, since the deadline itself decides.
//!
//! # Orderings
//!
//! Mark, look, clear, make ready and take are AcqRel: who takes a block sees the deadlines for
//! which it was marked. By the argument above the second load of `closed` may be Relaxed. `done` is
//! Release and Acquire: who skips slots sees what was made ready. Clearing an occupied bit is
//! Release for `next_due`, which looks at the bits (Acquire) before it looks at `closed`.
//!
//! # ABA
//!
//! Bits of later laps are taken for earlier ones, and put back: see above.
//!
//! # Progress
//!
//! Schedule is lock-free: to begin again means that time has gone on by a tick. Most often it is
//! one locked instruction. Advance makes one pass over the slots that came, 64 per level however
//! long ago the last one was, with one locked instruction per slot and one per word; and it takes
//! no more blocks than it is told to.

use crate::{
    clock::NEVER,
    engine::{
        deadlines::Block,
        extents::{OutOfMemory, zeroed},
        plant::{Bug, planted},
    },
    sync::{AtomicU64, Ordering},
};
use crossbeam_utils::CachePadded;

#[cfg(not(larder_loom))]
mod measures {
    /// Milliseconds per tick.
    pub(crate) const TICK: u64 = 8;
    pub(crate) const LEVELS: usize = 5;
    /// Slots per level, as a power of two.
    pub(super) const BITS: u32 = 6;
}

/// So that models get from level to level in a few steps.
#[cfg(larder_loom)]
mod measures {
    pub(crate) const TICK: u64 = 1;
    pub(crate) const LEVELS: usize = 2;
    pub(super) const BITS: u32 = 2;
}

pub(crate) use measures::{LEVELS, TICK};
const SLOTS: u64 = 1 << measures::BITS;
const WORD_BITS: usize = u64::BITS as usize;

/// How far an advance came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Advance {
    /// Everything that was due by then has come up, or is in the hands of another thread.
    Done,
    /// There are more blocks to look at than it was allowed to.
    More,
}

/// A slot, as a number that does not begin again with each lap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    level: usize,
    number: u64,
}

impl Slot {
    /// Where a mark for `tick` goes while `closed` is closed; `tick > closed`.
    #[inline]
    fn of(tick: u64, closed: u64) -> Self {
        for level in 0..LEVELS {
            let number = Self::number_at(level, tick);
            // Not the present one: if it were the level below would have done.
            if number - Self::number_at(level, closed) < SLOTS {
                return Slot { level, number };
            }
        }
        let level = LEVELS - 1;
        Slot { level, number: Self::number_at(level, closed) + SLOTS - 1 }
    }

    /// The number of the slot of this level that `tick` lies in.
    #[inline]
    fn number_at(level: usize, tick: u64) -> u64 {
        tick >> (level as u32 * measures::BITS)
    }

    /// The tick with which it comes.
    #[inline]
    fn first_tick(self) -> u64 {
        self.number << (self.level as u32 * measures::BITS)
    }

    /// Its place within the lap.
    #[inline]
    fn index(self) -> u64 {
        self.number % SLOTS
    }
}

/// What everybody reads and few write.
#[derive(Debug)]
struct Hands {
    closed: AtomicU64,
    done: AtomicU64,
    /// A bit per slot of each level.
    occupied: [AtomicU64; LEVELS],
}

/// The timer wheel of one shard.
#[derive(Debug)]
pub(crate) struct Wheel {
    hands: CachePadded<Hands>,
    /// Level by level, slot by slot: a bit per block.
    marks: Box<[AtomicU64]>,
    /// A bit per block: its slot has come.
    ready: Box<[AtomicU64]>,
}

impl Wheel {
    /// For nodes `1..=max_nodes`; nothing is scheduled.
    pub(crate) fn new(max_nodes: usize, now: u64) -> Result<Self, OutOfMemory> {
        let tick = now / TICK;
        Ok(Self {
            hands: CachePadded::new(Hands {
                closed: AtomicU64::new(tick),
                done: AtomicU64::new(tick),
                occupied: std::array::from_fn(|_| AtomicU64::new(0)),
            }),
            marks: zeroed(words_per_slot(max_nodes) * SLOTS as usize * LEVELS)?,
            ready: zeroed(words_per_slot(max_nodes))?,
        })
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        size_of_val(&*self.marks) + size_of_val(&*self.ready)
    }

    /// Sees to it that `block` comes up when `deadline` has come. The deadline has been stored
    /// before; [`NEVER`] needs nothing.
    #[inline]
    pub(crate) fn schedule(&self, block: Block, deadline: u64) {
        if deadline == NEVER {
            return;
        }
        let hands = &*self.hands;
        let mut closed = hands.closed.load(Ordering::Relaxed);
        loop {
            let slot = Slot::of(deadline.div_ceil(TICK).max(closed + 1), closed);
            self.mark(slot, block);
            // See "No mark is missed" for why this need not acquire.
            closed = hands.closed.load(Ordering::Relaxed);
            if closed < slot.first_tick() || planted(Bug::ClosedLookedAtOnce) {
                return;
            }
        }
    }

    #[inline]
    fn mark(&self, slot: Slot, block: Block) {
        let block = block.0 as usize;
        let order = if planted(Bug::MarkRelaxed) { Ordering::Relaxed } else { Ordering::AcqRel };
        self.words_of(slot)[block / WORD_BITS].fetch_or(1 << (block % WORD_BITS), order);
        let (occupied, bit) = (&self.hands.occupied[slot.level], 1 << slot.index());
        // Looked at before it is written: most often it is set already.
        if occupied.load(Ordering::Relaxed) & bit == 0 {
            occupied.fetch_or(bit, Ordering::Relaxed);
        }
    }

    #[inline]
    fn words_of(&self, slot: Slot) -> &[AtomicU64] {
        let place = slot.level * SLOTS as usize + slot.index() as usize;
        let words = self.ready.len();
        &self.marks[place * words..][..words]
    }

    /// Has `visit` look at the blocks that have come up by `now`, `budget` of them at most. It has
    /// what is due expired, and returns the earliest deadline that is left in the block.
    ///
    /// If it panics the block comes up again with the next tick.
    #[inline]
    pub(crate) fn advance(
        &self,
        now: u64,
        budget: u32,
        visit: impl FnMut(Block) -> u64,
    ) -> Advance {
        let (tick, done) = (now / TICK, self.hands.done.load(Ordering::Acquire));
        if tick > done {
            self.turn(done, tick);
        }
        if self.nothing_ready() { Advance::Done } else { self.visit_ready(budget, visit) }
    }

    /// Makes ready what comes after `done` and up to `tick`.
    #[cold]
    fn turn(&self, done: u64, tick: u64) {
        self.close(tick);
        for level in (0..LEVELS).rev() {
            let (before, last) = (Slot::number_at(level, done), Slot::number_at(level, tick));
            // A lap is all there is.
            for number in before + 1..=last.min(before + SLOTS) {
                self.empty(Slot { level, number });
            }
        }
        self.hands.done.fetch_max(tick, Ordering::AcqRel);
    }

    pub(super) fn close(&self, tick: u64) {
        self.hands.closed.fetch_max(tick, Ordering::AcqRel);
        if planted(Bug::DoneTooSoon) {
            self.hands.done.fetch_max(tick, Ordering::AcqRel);
        }
    }

    fn empty(&self, slot: Slot) {
        if !planted(Bug::VacatedLate) {
            self.vacate(slot);
        }
        for (word, ready) in self.words_of(slot).iter().zip(&self.ready) {
            let marks = if planted(Bug::MarksLoaded) {
                word.load(Ordering::Acquire)
            } else {
                // A write, though it changes nothing: see "No mark is missed".
                word.fetch_or(0, Ordering::AcqRel)
            };
            if marks != 0 {
                ready.fetch_or(marks, Ordering::AcqRel);
                let cleared = word.fetch_and(!marks, Ordering::AcqRel) & marks;
                if !planted(Bug::ReadyOnce) {
                    ready.fetch_or(cleared, Ordering::AcqRel);
                }
            }
        }
        if planted(Bug::VacatedLate) {
            self.vacate(slot);
        }
    }

    /// Clears the bit that says that there are marks.
    fn vacate(&self, slot: Slot) {
        self.hands.occupied[slot.level].fetch_and(!(1 << slot.index()), Ordering::Release);
    }

    #[inline]
    fn nothing_ready(&self) -> bool {
        self.ready.iter().all(|word| word.load(Ordering::Acquire) == 0)
    }

    #[cold]
    fn visit_ready(&self, mut budget: u32, mut visit: impl FnMut(Block) -> u64) -> Advance {
        for (i, word) in self.ready.iter().enumerate() {
            let mut blocks = word.load(Ordering::Acquire);
            while blocks != 0 {
                if budget == 0 {
                    return Advance::More;
                }
                let bit = blocks & blocks.wrapping_neg();
                blocks ^= bit;
                // One by one: a thread that stops has one in hand.
                if word.fetch_and(!bit, Ordering::AcqRel) & bit != 0 {
                    budget -= 1;
                    let block = Block((i * WORD_BITS) as u32 + bit.trailing_zeros());
                    let mut taken = Taken { wheel: self, block, left: 0 };
                    taken.left = visit(block);
                }
            }
        }
        Advance::Done
    }

    /// A time, in milliseconds, before which nothing comes up; None if nothing is scheduled.
    ///
    /// It is that of the first slot with marks: the tick of the next deadline if that is near, and
    /// earlier if it is on a coarser level, where marks have to cascade. If it has come already,
    /// there is work to do at once. What other threads have in hand or schedule later is not in it.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let hands = &*self.hands;
        let done = hands.done.load(Ordering::Acquire);
        let ticks = hands.occupied.iter().enumerate().filter_map(|(level, occupied)| {
            first_after(Slot::number_at(level, done), occupied.load(Ordering::Acquire))
                .map(|number| Slot { level, number }.first_tick())
        });
        let next = ticks.min();
        let closed = hands.closed.load(Ordering::Relaxed);
        // While somebody empties slots the bits are not to be relied on.
        let tick = if closed == done && self.nothing_ready() { next? } else { closed };
        Some(tick.saturating_mul(TICK))
    }
}

/// The number of the first slot after `present` whose bit is set.
fn first_after(present: u64, occupied: u64) -> Option<u64> {
    let (lap, index) = (present - present % SLOTS, present % SLOTS);
    let to_come = occupied & (u64::MAX << index << 1);
    if to_come != 0 {
        Some(lap + u64::from(to_come.trailing_zeros()))
    } else if occupied != 0 {
        Some(lap + SLOTS + u64::from(occupied.trailing_zeros()))
    } else {
        None
    }
}

fn words_per_slot(max_nodes: usize) -> usize {
    Block::count(max_nodes).div_ceil(WORD_BITS)
}

/// A block in the hands of this thread. Dropping it, also by unwinding, schedules the block again.
struct Taken<'a> {
    wheel: &'a Wheel,
    block: Block,
    /// The earliest deadline that is left. Until the visitor has said so that is "long ago".
    left: u64,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !planted(Bug::RestForgotten) {
            self.wheel.schedule(self.block, self.left);
        }
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
