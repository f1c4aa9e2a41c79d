//! What a shard knows about time: its entries' deadlines, and when to look at them.
//!
//! Deadlines are a column beside the nodes. It comes with the cache if the cache's rules say that
//! entries expire, otherwise with the first entry that expires. Until then an operation pays one
//! load of a pointer. (When the column comes late, a node that was handed out before has no
//! deadline, as fresh memory says. A thread that gets a node from one that knew of the column knows
//! of it, too.)
//!
//! Whatever else is known of an entry's times is a column of its own, the *details*. If all entries
//! have the same time to live, their deadlines say it all, and this column comes with the first
//! entry that is given something else. An entry whose details were not noted is as old as its
//! deadline says.
//!
//! # Expiry
//!
//! A lookup that finds an entry whose deadline is past takes it for absent. It is taken out by the
//! thread that advances the wheel, or by one that evicts, replaces or removes it. An advance works
//! like this:
//!
//! 1. the wheel says which block to look at;
//! 2. for each node of it whose deadline is past: look at the slot where the node was to be
//!    published (`place`), and whether the node is there;
//! 3. read the deadline again, which is that of the entry seen in 2, or a later one of it, and
//!    claim it;
//! 4. take the word out of its slot by compare-and-swap.
//!
//! A node is placed before it is published, so a thread that sees it in the index sees its place.
//! Between 2 and 4 the node may leave; then the swap fails, and another thread has told the
//! listener. The node does not come back meanwhile: this thread is pinned (`sets.rs`, ABA).
//!
//! A thread that publishes an entry schedules it afterwards. So an entry that is not in the index
//! yet when its block is looked at is not forgotten.

use crate::{
    engine::{
        index::{prefetch::prefetch, word::NodeId},
        storage::{
            chunked::{Chunked, Element, OutOfMemory},
            once_box::OnceBox,
        },
        time::{
            deadlines::{Block, Deadlines},
            lifetimes::{By, LATEST, Life},
            wheel::Wheel,
        },
    },
    process::clock::{Clock, DEAD, DeadlineState, NEVER, PAST, lease},
    sync::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    testing::plant::{Bug, planted},
};
use std::time::Duration;

/// What is known of the life of a node's entry beside its deadline.
#[derive(Debug)]
struct Detail {
    /// The end and what it comes from, in one word: see [`word_of_end`].
    end: AtomicU64,
    /// When the entry was written.
    written: AtomicU64,
}

/// What is known besides in caches with an `Expiry`, with refreshes, or that keep expired entries.
#[derive(Debug)]
struct Extra {
    /// The complement of what the user's `Expiry` said last.
    own: AtomicU64,
    /// The time that the load of the value took, in microseconds; 0 if it was not loaded.
    load: AtomicU32,
    /// The time before which the entry is not refreshed.
    rested: AtomicU64,
    /// The entry's deadline before it was marked past; for caches that keep entries beyond it.
    ended_at: AtomicU64,
}

// SAFETY: atomic integers and padding only, so zeroed memory is a valid value.
unsafe impl Element for Detail {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        Self { end: AtomicU64::new(0), written: AtomicU64::new(0) }
    }
}

// SAFETY: atomic integers and padding only, so zeroed memory is a valid value.
unsafe impl Element for Extra {
    #[cfg(larder_loom)]
    fn zero() -> Self {
        let zero = || AtomicU64::new(0);
        Self { own: zero(), load: AtomicU32::new(0), rested: zero(), ended_at: zero() }
    }
}

/// Which details a cache's entries have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Their ends, and when they were written.
    Ends,
    /// These and the [`Extra`] ones.
    All,
}

#[derive(Debug)]
struct Details {
    ends: Chunked<Detail>,
    extras: Option<Chunked<Extra>>,
}

impl Details {
    fn ensure(&self, node: NodeId) -> Result<(), OutOfMemory> {
        let at = node as usize - 1;
        self.ends.ensure(at)?;
        self.extras.as_ref().map_or(Ok(()), |extras| extras.ensure(at))
    }

    fn allocated_bytes(&self) -> usize {
        self.ends.allocated_bytes() + self.extras.as_ref().map_or(0, Chunked::allocated_bytes)
    }
}

/// The bit of a noted end that says that a caller gave it.
const CALLER: u64 = LATEST + 1;

/// Packs an end and what it comes from into one word. Fresh memory, zero, says that there is no
/// end, by rule.
fn word_of_end(life: Life) -> u64 {
    let by = if life.by == By::Caller { CALLER } else { 0 };
    LATEST.saturating_sub(life.end) | by
}

fn end_of_word(word: u64) -> (u64, By) {
    let by = if word & CALLER == 0 { By::Rule } else { By::Caller };
    match word & LATEST {
        0 => (NEVER, by),
        inverted => (LATEST - inverted, by),
    }
}

/// The times of one shard's entries.
#[derive(Debug)]
pub(crate) struct Timing {
    pub(crate) deadlines: Deadlines,
    details: OnceBox<Details>,
    extent: Extent,
    planned: usize,
    max_nodes: usize,
    /// How long entries live whose details were not noted, in units of the clock.
    span: u64,
    /// Whether an entry has, or may have, an end that its deadline does not say.
    has_ends: AtomicBool,
    pub(crate) wheel: Wheel,
}

impl Timing {
    /// Makes the column of deadlines and the wheel. Entries of which nothing else is noted live for
    /// `span` units of the clock.
    pub(crate) fn new(
        planned: usize,
        max_nodes: usize,
        clock: &Clock,
        span: u64,
        extent: Extent,
    ) -> Result<Self, OutOfMemory> {
        Ok(Self {
            deadlines: Deadlines::new(planned, max_nodes)?,
            details: OnceBox::new(),
            extent,
            planned,
            max_nodes,
            span,
            has_ends: AtomicBool::new(false),
            wheel: Wheel::new(planned, max_nodes, clock.scale(), clock.now())?,
        })
    }

    pub(crate) fn allocated_bytes(&self) -> usize {
        self.deadlines.allocated_bytes()
            + self.details.get().map_or(0, Details::allocated_bytes)
            + self.wheel.allocated_bytes()
    }

    /// Makes the column of details. Call before anything is noted that deadlines do not say.
    pub(crate) fn ensure_details(&self) -> Result<(), OutOfMemory> {
        let make = || {
            let ends = Chunked::new(self.planned, self.max_nodes)?;
            let extras = match self.extent {
                Extent::Ends => None,
                Extent::All => Some(Chunked::new(self.planned, self.max_nodes)?),
            };
            Ok(Details { ends, extras })
        };
        self.details.get_or_try_make(make).map(|_| ())
    }

    /// Announces that entries may have ends of their own. Call before an entry gets one.
    pub(crate) fn announce_ends(&self) {
        if !self.has_ends() && !planted(Bug::EndsUnannounced) {
            // Release: pairs with the Acquire in `has_ends`. For reads that move the deadline, the
            // change of the deadline that follows orders it (`extend.rs`).
            self.has_ends.store(true, Ordering::Release);
        }
    }

    /// Returns whether entries may have ends of their own.
    #[inline(always)]
    pub(crate) fn has_ends(&self) -> bool {
        // Acquire: pairs with the Release in `announce_ends`; the column of details is visible.
        self.has_ends.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn detail(&self, node: NodeId) -> Option<&Detail> {
        // SAFETY: chunks never move, and are freed only when `self` is dropped; elements are
        // atomic integers, so shared access is sound.
        self.details.get()?.ends.find(node as usize - 1).map(|detail| unsafe { detail.as_ref() })
    }

    #[inline]
    fn extra(&self, node: NodeId) -> Option<&Extra> {
        let extras = self.details.get()?.extras.as_ref()?;
        // SAFETY: chunks never move, and are freed only when `self` is dropped; elements are
        // atomic integers, so shared access is sound.
        extras.find(node as usize - 1).map(|extra| unsafe { extra.as_ref() })
    }

    /// Prefetches the lines of a node's times.
    #[inline(always)]
    pub(crate) fn prefetch(&self, node: NodeId) {
        self.deadlines.prefetch(node);
        if let Some(detail) = self.detail(node) {
            prefetch(detail);
        }
    }

    /// Gives an owned node its times, before it is published.
    #[inline]
    pub(crate) fn begin(&self, node: NodeId, life: Life) -> Result<(), OutOfMemory> {
        self.deadlines.ensure(node)?;
        if let Some(details) = self.details.get() {
            details.ensure(node)?;
            self.note(node, life);
            self.note_load(node, Duration::ZERO);
            self.rest(node, DEAD);
        }
        self.deadlines.store(node, life.deadline);
        self.wheel.prefetch(Block::of(node), life.deadline);
        Ok(())
    }

    /// Notes everything except the deadline of an owned node.
    #[inline]
    fn note(&self, node: NodeId, life: Life) {
        if let Some(detail) = self.detail(node) {
            // Relaxed: publishing the node is the Release.
            detail.end.store(word_of_end(life), Ordering::Relaxed);
            detail.written.store(life.written, Ordering::Relaxed);
            self.note_own(node, life.own);
        }
    }

    /// Notes everything except the deadline of a node that is in the index, whose end other threads
    /// may swap meanwhile.
    pub(crate) fn note_anew(&self, node: NodeId, life: Life) {
        if let Some(detail) = self.detail(node) {
            // Relaxed: the change of the deadline that follows is the Release (`extend.rs`).
            // A swap, since in loom a plain store may come between the load and the store of
            // another thread's read-modify-write.
            detail.end.swap(word_of_end(life), Ordering::Relaxed);
            detail.written.store(life.written, Ordering::Relaxed);
            self.note_own(node, life.own);
        }
    }

    /// Notes the end of `new`, if the end that is noted is still that of `seen`.
    pub(crate) fn swap_end(&self, node: NodeId, seen: Life, new: Life) -> bool {
        let Some(detail) = self.detail(node) else { return true };
        let (seen, new) = (word_of_end(seen), word_of_end(new));
        if planted(Bug::ShortenBlind) {
            detail.end.store(new, Ordering::Relaxed);
            return true;
        }
        // Relaxed: the swap of the deadline that follows is the Release (`extend.rs`).
        detail.end.compare_exchange(seen, new, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Notes what the user's `Expiry` said last.
    pub(crate) fn note_own(&self, node: NodeId, own: u64) {
        if let Some(extra) = self.extra(node) {
            extra.own.store(!own, Ordering::Relaxed);
        }
    }

    /// Notes the time that the load of an owned node's value took.
    pub(crate) fn note_load(&self, node: NodeId, took: Duration) {
        if let Some(extra) = self.extra(node) {
            let micros = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
            extra.load.store(micros, Ordering::Relaxed);
        }
    }

    /// Returns the time that the load of a node's value took; zero if it was not loaded.
    pub(crate) fn load(&self, node: NodeId) -> Duration {
        let micros = self.extra(node).map_or(0, |extra| extra.load.load(Ordering::Relaxed));
        Duration::from_micros(micros.into())
    }

    /// Keeps refreshes away from a node until a time. If the node has another entry by now, that
    /// entry's refresh may come late by as much.
    pub(crate) fn rest(&self, node: NodeId, until: u64) {
        if let Some(extra) = self.extra(node) {
            extra.rested.store(until, Ordering::Relaxed);
        }
    }

    /// Returns the time before which a node is not refreshed.
    pub(crate) fn rested(&self, node: NodeId) -> u64 {
        self.extra(node).map_or(DEAD, |extra| extra.rested.load(Ordering::Relaxed))
    }

    /// Returns whether the deadline of a node has come, by `has_come`. If it has, marks it past: no
    /// thread can change the deadline any more.
    #[cold]
    pub(crate) fn mark_past(
        &self,
        node: NodeId,
        grace: u64,
        has_come: impl Fn(u64) -> bool,
    ) -> bool {
        if grace > 0
            && let Some(extra) = self.extra(node)
        {
            let seen = self.deadlines.load(node);
            if seen != PAST && seen != DEAD {
                // If another thread changes the deadline now, the next thread that marks it notes
                // the right one. Relaxed: the time is only shown.
                extra.ended_at.store(seen, Ordering::Relaxed);
            }
        }
        self.deadlines.mark_past(node, has_come)
    }

    /// Returns whether this thread knows, without asking the clock (`lease.rs`), that the deadline
    /// of a node that was found in the index has not come. For clocks that give leases.
    #[inline(always)]
    pub(crate) fn surely_lives(&self, node: NodeId) -> bool {
        lease::covers(self.deadlines.complement(node))
    }

    /// Returns what the clock says of the deadline of a node that was found in the index. A past
    /// deadline is not marked past by that. Not inlined, so that all lookups share the code.
    #[inline(never)]
    pub(crate) fn judge(&self, clock: &Clock, node: NodeId) -> DeadlineState {
        clock.judge(self.deadlines.load(node))
    }

    /// Returns whether a thread has claimed a node's entry, since its time is over.
    pub(crate) fn is_claimed(&self, node: NodeId) -> bool {
        self.deadlines.load(node) == DEAD
    }

    /// Returns when the entry of a node that is not claimed expires, or has expired.
    pub(crate) fn expiry(&self, node: NodeId) -> u64 {
        match self.deadlines.load(node) {
            // Nothing is noted of an entry that ended at the clock's origin.
            PAST => self
                .extra(node)
                .map_or(PAST, |extra| extra.ended_at.load(Ordering::Relaxed).max(PAST)),
            deadline => deadline,
        }
    }

    /// Returns the times of a node that is in the index.
    pub(crate) fn life(&self, node: NodeId) -> Life {
        // Relaxed: what the node's owner noted is visible, since the node was found in the index
        // (Acquire). For a thread that moves the deadline, its swap or change of the deadline
        // orders the looks at the end (`extend.rs`).
        let deadline = self.deadlines.load(node);
        match self.detail(node) {
            Some(detail) if detail.written.load(Ordering::Relaxed) != Life::ENDLESS.written => {
                let (end, by) = end_of_word(detail.end.load(Ordering::Relaxed));
                Life {
                    deadline,
                    end,
                    by,
                    own: self.extra(node).map_or(NEVER, |extra| !extra.own.load(Ordering::Relaxed)),
                    written: detail.written.load(Ordering::Relaxed),
                }
            }
            _ if deadline == NEVER => Life::ENDLESS,
            _ => {
                let written = deadline.saturating_sub(self.span);
                Life { deadline, end: deadline, written, ..Life::ENDLESS }
            }
        }
    }

    /// Spares the wheel the look at a node that this thread took out of the index. Not for a node
    /// that was replaced: a thread that has found it in the index would take its key for absent.
    #[inline]
    pub(crate) fn end(&self, node: NodeId) {
        self.deadlines.store(node, DEAD);
    }
}
