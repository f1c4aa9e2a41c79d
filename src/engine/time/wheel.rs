//! When to look for expired entries: a hierarchical timer wheel over blocks of nodes.
//!
//! # What it holds
//!
//! The deadlines are in a column of their own (`deadlines.rs`). The wheel remembers only "look at
//! block b when slot s comes": a *mark*, one bit. There is nothing to link or unlink, so there are
//! no generations; an entry that leaves or is recycled needs nothing, and marking twice is marking
//! once. A superfluous mark costs a look at one block. The invariant is
//!
//! > every deadline that was scheduled is *covered*: its block has a mark in a slot that comes no
//! > later than the deadline's tick, or is ready, or is in the hands of a thread.
//!
//! A thread that takes a block that is ready looks at all of it, expires everything due, and
//! schedules the block for the earliest deadline that is left. By that one rule marks cascade from
//! coarse slots to finer ones, a deadline moves to later without a word to the wheel, and blocks
//! that a late thread has taken from a later lap are put back.
//!
//! Blocks are taken a few at once, so that their cache lines are fetched together: see [`Visit`].
//!
//! # Slots
//!
//! Time goes in ticks of 4 ms. There are five levels of 64 slots, and a slot of level k is 64^k
//! ticks wide; a lap of them is 0.26 s, 16 s, 17 min, 19 h, 50 days. A tick lies on the lowest
//! level on which it is less than 64 slots away, always in a slot that has yet to come; a tick
//! beyond the top level is put in its last slot and found not due. A slot *comes* when its first
//! tick does. A tick that has come already when it is scheduled makes its block ready at once.
//!
//! With a manual clock, ticks are nanoseconds and there are ten levels ([`Scale`]).
//!
//! A slot is a bitmap with a bit per block, a few words, and so is the set of *ready* blocks. The
//! words of 64 blocks for all slots lie together, a *column*, so marks for neighbouring times are
//! near each other. A column is made with its first mark (`once_box.rs`). If there is no memory for
//! it, expired entries of its blocks are removed only by eviction.
//!
//! # Small shards
//!
//! A shard of up to [`SMALL`] blocks has no slots, which would be most of its memory. It has one
//! word, the earliest tick that was scheduled, and a mark for each block that ever had a deadline.
//! When the word's tick comes all of those become ready. The protocol is that of `alarm.rs`: a
//! deadline is covered by a tick in the word that is not later than its own.
//!
//! ```text
//! schedule   fence; set the block's mark and raise reach, if need be; lower the word, if it is
//!            later; fence; look at closed again: if the tick was closed meanwhile, begin again
//! turn       close; fence; if the word's tick has come: word <- never; fence; make all marked
//!            blocks ready; done
//! ```
//!
//! If the last fence of a scheduler comes before the first of the turn, it has lowered the word in
//! time for the turn's look at it. Otherwise it sees the tick closed, and makes the block ready
//! itself. Likewise for a scheduler that finds the word low enough, and the word is then raised:
//! either its last fence comes before the second fence of the turn, so that its mark and its
//! deadline are seen, or it sees the tick closed.
//!
//! # Transitions
//!
//! `closed` is the tick up to which no slot may be used any more, `done` the tick up to which all
//! slots have been emptied. Both only grow, and `done <= closed`.
//!
//! ```text
//! schedule   fence; choose a slot by closed; set the mark, if it is not set; raise reach to the
//!            column, if it is lower; fence; set the slot's occupied bit, if it is not set; look
//!            at closed again: if the slot was closed meanwhile, begin again.
//!            If the tick was closed before, instead: set the ready bit, if it is not set; raise
//!            reach
//! close      raise closed to n
//! vacate     clear the occupied bits of the slots that came after done and up to n (64 per level
//!            are all there are); fence
//! empty      for each column that reach covers: look at its word for each of those slots; make
//!            the blocks ready; clear their marks; make those ready that were cleared
//! finish     raise done to n
//! take       clear the ready bits of a few blocks; fence; the thread that cleared them looks at
//!            the blocks, and schedules them
//! ```
//!
//! Fences are SeqCst, and so of two of them one comes first. Below, X is a fence of a thread that
//! schedules, Y one of a thread that advances. "After a fence" always means after that fence in
//! program order of the same thread.
//!
//! *No mark is missed.* Close comes before Y, and the looks after it; the mark, set or found set,
//! comes before the second X, and the second look at `closed` after it. If Y is first, that look
//! sees n, and the scheduler begins again. If X is first, the look at `reach`, which only grows,
//! sees the column, and the look at the word sees the mark, or that another thread has cleared it,
//! which has made the block ready before. So when `done` passes a slot, every mark in it that a
//! scheduler relies on has been made ready. A mark that came too late stays and costs one look, a
//! lap later.
//!
//! *A mark that is set already* suffices, and so does a ready bit, though the thread that set it
//! knew nothing of this deadline. The deadline is stored and its entry published before the first
//! X, and the mark is found set after it. The mark is cleared before Y, the fence of the thread
//! that takes the block for it, and the look at the block comes after. If Y were first, the mark
//! would have been found clear. So X is first, and the look sees the deadline, and the entry in the
//! index.
//!
//! *Marks of the next lap* may use a slot as soon as it is closed. Between look and clear the same
//! bit may be set for one, or found set, and would be lost with it: hence ready bits are set once
//! more, for the marks that were cleared. They are set before, too, so that a thread which stops in
//! between takes nothing with it.
//!
//! *Ready bits* are apart from the slots so that an advance whose budget does not reach for all
//! blocks can finish. If it left them in their slots, blocks that were looked at and scheduled for
//! the next lap would mix with those yet to be looked at, and the next advance might never end.
//!
//! *Stopped threads.* `done` moves after the work, so a thread that stops while emptying leaves the
//! work to the next thread that advances. Occupied bits do not matter for that: it looks at the
//! words themselves. A thread that stops with blocks in hand holds up the expiry of those, of at
//! most 384 nodes, until it goes on or other marks of the blocks come up. No lookup returns an
//! expired entry for that: readers look at deadlines. (A thread that stops right after it cleared a
//! mark of the next lap, see above, holds up those blocks in the same way.)
//!
//! *Occupied bits* are for [`Wheel::next_due`] and [`Wheel::for_each_due`] only. They are cleared
//! before Y, and the looks come after; the mark is before X, and the look at the occupied bit
//! after. If X is first the block becomes ready; otherwise the scheduler sees the bit cleared and
//! sets it. So no mark is relied on under a cleared bit, unless a thread is between clearing it and
//! the look: then `done` is behind, `next_due` says "at once", and `for_each_due` does not rely on
//! the bits. (Unless that thread comes a lap late: if it stops just there, `next_due` may be too
//! late until it goes on.)
//!
//! *In a child of `fork`* (`fork.rs`) such a thread never goes on: what it had in hand, and what it
//! had published and not scheduled, would stay for good. So the thread that first advances a wheel
//! there makes all blocks ready ([`Wheel::inherit`]).
//!
//! # Precision
//!
//! A deadline comes up in the first advance to a time not before it, rounded up to a tick. It never
//! comes up before, since the deadline itself decides.
//!
//! # Orderings
//!
//! Mark and reach are Relaxed, since the fences order them. Look, clear, make ready and take are
//! AcqRel or Acquire: a thread that takes a block comes after the thread that cleared its mark.
//! `done` is Release and Acquire: a thread that skips slots sees what was made ready. Clearing
//! occupied bits is Release for `next_due` and `for_each_due`, which look at the bits (Acquire)
//! before they look at `closed`.
//!
//! On x86 a fence is free where a locked instruction is between the stores before it and the loads
//! after it (`sync.rs`). That holds for all of these except the one after vacating, of which there
//! is one per turn (a small shard has up to two).
//!
//! # ABA
//!
//! Bits of later laps are taken for earlier ones, and put back: see above.
//!
//! # Progress
//!
//! Schedule is lock-free: it begins again only if time has gone on by a tick. Most often it finds
//! its mark set and writes nothing. Advance makes one pass over the slots that came, at most 64 per
//! level however long ago the last one was, which are loads where there are no marks; and it takes
//! no more blocks than its budget says.

mod due;
mod hand;
#[cfg(any(test, larder_loom))]
pub(crate) mod looking;
mod slots;
mod turn;

pub(crate) use hand::Visit;

use crate::{
    engine::{
        index::prefetch::prefetch,
        storage::{
            chunked::{Element, OutOfMemory, zeroed},
            once_box::OnceBox,
        },
        time::deadlines::Block,
    },
    process::{
        clock::{
            NEVER,
            scale::{LEVELS_MAX, Scale},
        },
        fork,
    },
    sync::{AtomicU32, AtomicU64, Ordering, SettingU64, StaticU64, array_of, fence_after_swap},
    testing::plant::{Bug, planted},
};
use crossbeam_utils::CachePadded;
use slots::{SLOTS, Slot, column_of, columns, first_after, place_of};

/// The maximum number of planned blocks of a shard without slots.
pub(crate) const SMALL: usize = if cfg!(larder_loom) { 0 } else { 32 };

/// How far an advance came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Advance {
    /// Everything that was due has come up, or is in the hands of another thread.
    Done,
    /// There are more blocks to look at than the budget allowed.
    More,
}

/// The words that all threads read and few write.
#[derive(Debug)]
struct Hands {
    closed: AtomicU64,
    done: AtomicU64,
    /// The number of blocks that were ever taken, raised before their ready bits are cleared.
    taken: SettingU64,
    /// The number of these that were dealt with, or that another thread was quicker to take.
    let_go: SettingU64,
    /// The process whose threads take blocks.
    process: StaticU64,
    /// The number of columns in which there may be marks, or ready bits.
    reach: AtomicU32,
    scale: Scale,
    /// The earliest tick that was scheduled, for small shards.
    earliest: AtomicU64,
    /// A bit per slot of each level.
    occupied: [AtomicU64; LEVELS_MAX],
}

/// The marks of 64 blocks, made with the first of them.
#[derive(Debug)]
struct Column(OnceBox<Box<[AtomicU64]>>);

// SAFETY: a `OnceBox` is an atomic pointer, whose zero is null: no value yet.
unsafe impl Element for Column {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Self(OnceBox::new())
    }
}

/// The timer wheel of one shard.
#[derive(Debug)]
pub(crate) struct Wheel {
    hands: CachePadded<Hands>,
    /// Column by column, level by level, slot by slot: a bit per block.
    columns: Box<[Column]>,
    /// Instead of columns, for small shards: a bit per block that ever had a deadline.
    used: Box<[AtomicU64]>,
    /// A bit per block whose slot has come.
    ready: Box<[AtomicU64]>,
}

impl Wheel {
    /// Makes a wheel for nodes `1..=max_nodes`, of which mostly the first `planned` are used.
    pub(crate) fn new(
        planned: usize,
        max_nodes: usize,
        scale: Scale,
        now: u64,
    ) -> Result<Self, OutOfMemory> {
        let tick = now >> scale.tick;
        #[allow(
            clippy::absurd_extreme_comparisons,
            reason = "in models only a shard that is planned for no blocks is small"
        )]
        let is_small = Block::count(planned) <= SMALL;
        let of = |kind| if kind { columns(max_nodes) } else { 0 };
        Ok(Self {
            hands: CachePadded::new(Hands {
                closed: AtomicU64::new(tick),
                done: AtomicU64::new(tick),
                taken: SettingU64::new(0),
                let_go: SettingU64::new(0),
                process: StaticU64::new(fork::process()),
                reach: AtomicU32::new(0),
                scale,
                earliest: AtomicU64::new(NEVER),
                occupied: array_of![AtomicU64::new(0); LEVELS_MAX],
            }),
            columns: zeroed(of(!is_small))?,
            used: zeroed(of(is_small))?,
            ready: zeroed(columns(max_nodes))?,
        })
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        let made = self.columns.iter().filter_map(|column| column.0.get());
        let marks: usize = made.map(|words| size_of_val(&**words)).sum();
        marks + size_of_val(&*self.columns) + size_of_val(&*self.used) + size_of_val(&*self.ready)
    }

    /// Makes sure that `block` comes up when `deadline` has come. The deadline has been stored
    /// before. [`NEVER`] needs no mark.
    #[inline]
    pub(crate) fn schedule(&self, block: Block, deadline: u64) {
        if deadline == NEVER {
            return;
        }
        let hands = &*self.hands;
        if !planted(Bug::MarkFoundUnfenced) {
            // SeqCst, the first X: pairs with the fence in `Hand::take`. If this fence comes first,
            // the look at the block sees the deadline; otherwise a mark is found clear below. The
            // swap is the one that published the entry, or changed its deadline.
            fence_after_swap();
        }
        let (tick, levels) = (hands.scale.tick_of(deadline), hands.scale.levels);
        // Relaxed: only chooses a slot; looked at again below.
        let mut closed = hands.closed.load(Ordering::Relaxed);
        loop {
            if tick <= closed {
                return self.make_ready(block);
            }
            let comes = if self.is_small() {
                self.lower(tick, block);
                tick
            } else {
                let slot = Slot::of(tick, closed, levels);
                let Some(column) = self.column(column_of(block).0) else { return };
                self.mark(column, slot, block);
                slot.first_tick()
            };
            // Relaxed: pairs with the AcqRel in `close` through the fences ("No mark is missed").
            closed = hands.closed.load(Ordering::Relaxed);
            if closed < comes || planted(Bug::ClosedLookedAtOnce) {
                return;
            }
        }
    }

    /// Marks a block in a slot, and the slot as occupied.
    #[inline]
    fn mark(&self, words: &[AtomicU64], slot: Slot, block: Block) {
        let (column, bit) = column_of(block);
        let word = &words[place_of(slot)];
        // Relaxed: the fence below orders the mark, set or found set, before the look at `closed`.
        // The load saves the write: most often mark and occupied bit are set already.
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
        }
        self.raise_reach(column);
        if !planted(Bug::MarkUnfenced) {
            // SeqCst, the second X: pairs with the fence in `turn`. If this fence comes first, the
            // turn sees the mark; otherwise the looks below see the slot vacated and closed. If
            // there was no swap, there is no store to order, and on x86 loads keep their order.
            fence_after_swap();
        }
        // Relaxed: ordered after the mark by the fence; `next_due` acquires nothing with the bit.
        let (occupied, bit) = (&self.hands.occupied[slot.level], 1 << slot.index());
        if occupied.load(Ordering::Relaxed) & bit == 0 {
            occupied.fetch_or(bit, Ordering::Relaxed);
        }
    }

    #[inline]
    fn is_small(&self) -> bool {
        self.columns.is_empty()
    }

    /// Like [`Wheel::mark`], for small shards.
    #[inline]
    fn lower(&self, tick: u64, block: Block) {
        let (column, bit) = column_of(block);
        // Relaxed, here and for the word: the fence below orders both before the look at `closed`.
        if self.used[column].load(Ordering::Relaxed) & bit == 0 {
            self.used[column].fetch_or(bit, Ordering::Relaxed);
        }
        self.raise_reach(column);
        if self.hands.earliest.load(Ordering::Relaxed) > tick {
            self.hands.earliest.fetch_min(tick, Ordering::Relaxed);
        }
        if !planted(Bug::MarkUnfenced) {
            // SeqCst, the second X: pairs with the fences in `turn_small` ("Small shards").
            fence_after_swap();
        }
    }

    /// Makes a block ready in which something is due already.
    #[cold]
    fn make_ready(&self, block: Block) {
        let (column, bit) = column_of(block);
        // Relaxed: the caller's first X orders the look ("A mark that is set already").
        // AcqRel: pairs with the AcqRel in `Hand::reach_for`; the stored deadline is visible.
        if self.ready[column].load(Ordering::Relaxed) & bit == 0 {
            self.ready[column].fetch_or(bit, Ordering::AcqRel);
        }
        self.raise_reach(column);
    }

    #[inline]
    fn raise_reach(&self, column: usize) {
        if !planted(Bug::ReachForgotten) && self.reach() <= column {
            // Relaxed: the fence after it orders it with the mark.
            self.hands.reach.fetch_max(column as u32 + 1, Ordering::Relaxed);
        }
    }

    /// Returns the words of a column, which is made if it is missing.
    #[inline]
    fn column(&self, column: usize) -> Option<&[AtomicU64]> {
        let words = self.hands.scale.levels * SLOTS as usize;
        let column = self.columns[column].0.get_or_try_make(|| zeroed(words)).ok()?;
        Some(column)
    }

    /// Prefetches the cache line of a mark for `deadline`, as of now.
    #[inline]
    pub(crate) fn prefetch(&self, block: Block, deadline: u64) {
        if deadline != NEVER && !self.is_small() {
            let Hands { closed, scale, .. } = &*self.hands;
            // Relaxed: a hint.
            let closed = closed.load(Ordering::Relaxed);
            let slot = Slot::of(scale.tick_of(deadline).max(closed + 1), closed, scale.levels);
            if let Some(words) = self.columns[column_of(block).0].0.get() {
                prefetch(&words[place_of(slot)]);
            }
        }
    }

    #[inline]
    fn reach(&self) -> usize {
        // Relaxed: only grows; the fences of `schedule` and `turn` order it.
        self.hands.reach.load(Ordering::Relaxed) as usize
    }

    /// Returns the ready bits, column by column.
    #[inline]
    fn ready(&self) -> &[AtomicU64] {
        &self.ready[..self.reach()]
    }

    /// Returns a time, in the clock's units, before which nothing comes up, or `None` if nothing is
    /// scheduled.
    ///
    /// It is that of the first slot with marks: the tick of the next deadline if that is near, and
    /// earlier if it is on a coarser level, where marks have to cascade. If it has come already,
    /// there is work to do at once. Blocks that other threads have in hand, and deadlines that are
    /// scheduled later, do not count.
    pub(crate) fn next_due(&self) -> Option<u64> {
        let hands = &*self.hands;
        // Acquire: pairs with the AcqRel in `turn`; what was made ready up to `done` is visible.
        let done = hands.done.load(Ordering::Acquire);
        // Acquire: pairs with the AcqRel in `turn_small`; if it was taken, `closed` is seen raised.
        // Used by small shards only; `NEVER` is later than any tick.
        let mut next = hands.earliest.load(Ordering::Acquire);
        for (level, occupied) in hands.occupied.iter().enumerate() {
            // Acquire: pairs with the Release in `vacate`; if the bit was cleared, `closed` is seen
            // raised.
            let occupied = occupied.load(Ordering::Acquire);
            if let Some(number) = first_after(Slot::number_at(level, done), occupied) {
                next = next.min(Slot { level, number }.first_tick());
            }
        }
        // Relaxed: ordered after the looks above by their Acquires. While `closed` is ahead of
        // `done`, a thread is emptying slots, and the bits do not count.
        let closed = hands.closed.load(Ordering::Relaxed);
        let tick = if closed == done && self.nothing_ready() { next } else { closed };
        (tick != NEVER).then(|| tick.saturating_mul(1 << hands.scale.tick))
    }
}

#[cfg(all(test, not(larder_loom)))]
mod tests;
